/* SPDX-License-Identifier: ISC */
/*
 * Sealed datagrams between balancers: authenticated, encrypted, replay-protected.
 *
 * XChaCha20-Poly1305 or AES-256-GCM (libsodium) with a key derived from the shared secret. The
 * header is magic, version, sender id, incarnation (new at every start) and a 64-bit sequence; it
 * is authenticated, and no byte behind it is looked at before the tag holds. A sliding window
 * refuses what was seen.
 *
 * Pure: bytes in, bytes out; randomness only in seal_new().
 */
#ifndef SYNC_SEAL_H
#define SYNC_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEAL_OVERHEAD 64 /* bytes that sealing adds at most */

struct seal;

enum seal_error { SEAL_OK, SEAL_SHORT, SEAL_FOREIGN, SEAL_FORGED, SEAL_REPLAYED, SEAL_ERRORS };

/*
 * CONTEXT: what the key is for ("path", "sync"), so that one secret gives many keys. SENDER: this
 * balancer's number.
 */
int seal_new(struct seal **out, const uint8_t *secret, size_t length, const char *context,
	     uint32_t sender) __attribute__((warn_unused_result));
void seal_free(struct seal *s);

/* Seals LENGTH bytes; OUT has room for LENGTH + SEAL_OVERHEAD. How many bytes it became. */
size_t seal_close(struct seal *s, uint8_t *out, const uint8_t *plain, size_t length);

/* Opens a datagram into OUT (room for LENGTH bytes). SEAL_OK and *SIZE and *SENDER, or why not. */
enum seal_error seal_open(struct seal *s, const uint8_t *datagram, size_t length, uint8_t *out,
			  size_t *size, uint32_t *sender);

#endif
