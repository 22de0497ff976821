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
#define SEAL_HEADER 28	 /* bytes in front of the message, */
#define SEAL_TAG 16	 /* and behind it */

/* Bit n: suite n. Whoever has the second has the first. */
#define SEAL_XCHACHA20 2
#define SEAL_AES256GCM 4

struct seal;

enum seal_error { SEAL_OK, SEAL_SHORT, SEAL_FOREIGN, SEAL_FORGED, SEAL_REPLAYED, SEAL_ERRORS };

/*
 * CONTEXT: what the key is for ("path", "sync"), so that one secret gives many keys. SENDER: this
 * balancer's number.
 */
int seal_new(struct seal **out, const uint8_t *secret, size_t length, const char *context,
	     uint32_t sender) __attribute__((warn_unused_result));

/* One seal for both directions between SENDER and PEER, with keys that nobody else has. */
struct seal_link {
	const uint8_t *secret;
	size_t length;
	const char *context;
	uint32_t sender, peer;
	uint32_t window; /* sequences behind the newest that may still come: a power of two >= 64 */
};

int seal_new_link(struct seal **out, const struct seal_link *link)
	__attribute__((warn_unused_result));
void seal_free(struct seal *s);

/* The suites that this machine has. */
unsigned int seal_suites(void);

/* Of a link: seals with the best of SUITES from now on; with the first until told. */
void seal_use(struct seal *s, unsigned int suites);

/* Seals LENGTH bytes; OUT has room for LENGTH + SEAL_OVERHEAD. How many bytes it became. */
size_t seal_close(struct seal *s, uint8_t *out, const uint8_t *plain, size_t length);

/* The same where the message lies at DATAGRAM + SEAL_HEADER; SEAL_TAG bytes are free behind it. */
size_t seal_close_in_place(struct seal *s, uint8_t *datagram, size_t length);

/* Opens a datagram into OUT (room for LENGTH bytes). SEAL_OK and *SIZE and *SENDER, or why not. */
enum seal_error seal_open(struct seal *s, const uint8_t *datagram, size_t length, uint8_t *out,
			  size_t *size, uint32_t *sender);

struct seal_opened {
	uint8_t *message;
	size_t size;
	uint32_t sender;
	uint64_t incarnation, sequence;
};

/* The same where it lies. A datagram that is not authentic is destroyed. */
enum seal_error seal_open_in_place(struct seal *s, uint8_t *datagram, size_t length,
				   struct seal_opened *out);

struct seal_counts {
	uint64_t result[SEAL_ERRORS]; /* of all that were to be opened */
	uint64_t seen; /* of SEAL_REPLAYED: seen within the window. The others are older */
};

void seal_read_counts(const struct seal *s, struct seal_counts *out);

#endif
