/* SPDX-License-Identifier: ISC */
/*
 * The sealed datagram, all numbers in network byte order:
 *
 *    0  magic "SWsl"
 *    4  version, 1
 *    5  suite, 1: XChaCha20-Poly1305 (libsodium, draft-irtf-cfrg-xchacha-03)
 *    6  zero, 2 bytes
 *    8  sender, 4 bytes
 *   12  incarnation, 8 bytes
 *   20  sequence, 8 bytes, from 1
 *   28  ciphertext, as long as the plain text, and a tag of 16 bytes
 *
 * The first 28 bytes are the additional data; bytes 8 to 27 and four zeros are the nonce. It never
 * repeats under a key, since a sender's incarnation is never the same twice: the time of its start
 * in microseconds, and 12 random bits for a clock that was set back to the microsecond.
 */
#include "sync/seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEAL_VERSION 1
#define SEAL_SUITE_XCHACHA20 1
#define SEAL_HEADER 28
#define SEAL_TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define SEAL_KEY crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define SEAL_NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define SEAL_WINDOW 2048 /* sequences behind the newest that may still come */
#define SEAL_PEERS 32	 /* senders remembered; who was heard longest ago makes room */

_Static_assert(SEAL_HEADER + SEAL_TAG <= SEAL_OVERHEAD, "the header fits what was promised");
_Static_assert(SEAL_NONCE == 24, "sender, incarnation, sequence and four zeros");

/* What was heard of one sender. */
struct seal_peer {
	uint32_t sender;
	uint64_t incarnation; /* 0: nobody */
	uint64_t newest;      /* highest sequence */
	uint64_t heard;	      /* of seal.clock */
	uint64_t seen[SEAL_WINDOW / 64]; /* bit: sequence modulo SEAL_WINDOW */
};

struct seal {
	uint8_t key[SEAL_KEY];
	uint32_t sender;
	uint64_t incarnation;
	uint64_t sequence;
	uint64_t clock; /* counts datagrams that were authentic */
	struct seal_peer peers[SEAL_PEERS];
};

static const uint8_t seal_magic[4] = { 'S', 'W', 's', 'l' };

static void seal_put(uint8_t *at, uint64_t value, int bytes)
{
	while (bytes--) {
		at[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

static uint64_t seal_get(const uint8_t *at, int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *at++;
	return value;
}

static uint64_t seal_incarnation(void)
{
	struct timespec now;
	uint64_t us;

	clock_gettime(CLOCK_REALTIME, &now);
	us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	return us << 12 | (randombytes_random() & 0xfff);
}

/* BLAKE2b of the secret is the master; BLAKE2b keyed with it, of the context, is the key. */
static int seal_derive(uint8_t *key, const uint8_t *secret, size_t length, const char *context)
{
	uint8_t master[crypto_generichash_KEYBYTES];
	int bad;

	bad = crypto_generichash(master, sizeof(master), secret, length, NULL, 0) ||
	      crypto_generichash(key, SEAL_KEY, (const uint8_t *)context, strlen(context), master,
				 sizeof(master));
	sodium_memzero(master, sizeof(master));
	return bad ? -EINVAL : 0;
}

int seal_new(struct seal **out, const uint8_t *secret, size_t length, const char *context,
	     uint32_t sender)
{
	struct seal *s;
	int error;

	*out = NULL;
	if (!length)
		return -EINVAL;
	if (sodium_init() < 0)
		return -ENOSYS;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	error = seal_derive(s->key, secret, length, context);
	if (error) {
		seal_free(s);
		return error;
	}
	s->sender = sender;
	s->incarnation = seal_incarnation();
	*out = s;
	return 0;
}

void seal_free(struct seal *s)
{
	if (!s)
		return;
	sodium_memzero(s, sizeof(*s));
	free(s);
}

static void seal_nonce(uint8_t *nonce, const uint8_t *header)
{
	memcpy(nonce, header + 8, 20);
	memset(nonce + 20, 0, SEAL_NONCE - 20);
}

static void seal_header(struct seal *s, uint8_t *at)
{
	memcpy(at, seal_magic, sizeof(seal_magic));
	at[4] = SEAL_VERSION;
	at[5] = SEAL_SUITE_XCHACHA20;
	at[6] = at[7] = 0;
	seal_put(at + 8, s->sender, 4);
	seal_put(at + 12, s->incarnation, 8);
	seal_put(at + 20, ++s->sequence, 8);
}

size_t seal_close(struct seal *s, uint8_t *out, const uint8_t *plain, size_t length)
{
	unsigned long long size = 0;
	uint8_t nonce[SEAL_NONCE];

	seal_header(s, out);
	seal_nonce(nonce, out);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + SEAL_HEADER, &size, plain, length, out,
						   SEAL_HEADER, NULL, nonce, s->key);
	return SEAL_HEADER + (size_t)size;
}

static struct seal_peer *seal_find(struct seal *s, uint32_t sender)
{
	for (int i = 0; i < SEAL_PEERS; i++)
		if (s->peers[i].incarnation && s->peers[i].sender == sender)
			return &s->peers[i];
	return NULL;
}

/* A place for a sender that is new: an empty one has never been heard. */
static struct seal_peer *seal_place(struct seal *s)
{
	struct seal_peer *oldest = &s->peers[0];

	for (int i = 1; i < SEAL_PEERS; i++)
		if (s->peers[i].heard < oldest->heard)
			oldest = &s->peers[i];
	return oldest;
}

static bool seal_seen(const struct seal_peer *p, uint64_t sequence)
{
	if (sequence > p->newest)
		return false;
	if (p->newest - sequence >= SEAL_WINDOW)
		return true;
	return p->seen[sequence % SEAL_WINDOW / 64] >> (sequence % 64) & 1;
}

/* Whether the header is one that was opened before, or older than what is remembered. */
static bool seal_replayed(struct seal *s, uint32_t sender, uint64_t incarnation, uint64_t sequence)
{
	const struct seal_peer *p = seal_find(s, sender);

	if (!p || incarnation > p->incarnation)
		return false;
	return incarnation < p->incarnation || seal_seen(p, sequence);
}

static void seal_mark(struct seal_peer *p, uint64_t sequence)
{
	if (sequence > p->newest && sequence - p->newest >= SEAL_WINDOW) {
		memset(p->seen, 0, sizeof(p->seen));
		p->newest = sequence;
	}
	while (p->newest < sequence) {
		p->newest++;
		p->seen[p->newest % SEAL_WINDOW / 64] &= ~(1ull << (p->newest % 64));
	}
	p->seen[sequence % SEAL_WINDOW / 64] |= 1ull << (sequence % 64);
}

/* Remembers an authentic datagram; a newer incarnation replaces the older one. */
static void seal_remember(struct seal *s, uint32_t sender, uint64_t incarnation, uint64_t sequence)
{
	struct seal_peer *p = seal_find(s, sender);

	if (!p || p->incarnation != incarnation) {
		if (!p)
			p = seal_place(s);
		memset(p, 0, sizeof(*p));
		p->sender = sender;
		p->incarnation = incarnation;
	}
	p->heard = ++s->clock;
	seal_mark(p, sequence);
}

/* Ours, but for the tag: magic, version, suite, and numbers that can be. */
static bool seal_known(const struct seal *s, const uint8_t *at)
{
	return !memcmp(at, seal_magic, sizeof(seal_magic)) && at[4] == SEAL_VERSION &&
	       at[5] == SEAL_SUITE_XCHACHA20 && !at[6] && !at[7] &&
	       seal_get(at + 8, 4) != s->sender && seal_get(at + 12, 8) && seal_get(at + 20, 8);
}

enum seal_error seal_open(struct seal *s, const uint8_t *datagram, size_t length, uint8_t *out,
			  size_t *size, uint32_t *sender)
{
	uint64_t incarnation, sequence;
	uint8_t nonce[SEAL_NONCE];
	unsigned long long got;
	uint32_t from;

	*size = 0;
	*sender = 0;
	if (length < SEAL_HEADER + SEAL_TAG)
		return SEAL_SHORT;
	if (!seal_known(s, datagram))
		return SEAL_FOREIGN;
	from = (uint32_t)seal_get(datagram + 8, 4);
	incarnation = seal_get(datagram + 12, 8);
	sequence = seal_get(datagram + 20, 8);
	if (seal_replayed(s, from, incarnation, sequence))
		return SEAL_REPLAYED; /* before the costly part: nothing is believed, nothing
					 changes */
	seal_nonce(nonce, datagram);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, &got, NULL, datagram + SEAL_HEADER,
						       length - SEAL_HEADER, datagram, SEAL_HEADER,
						       nonce, s->key))
		return SEAL_FORGED;
	seal_remember(s, from, incarnation, sequence);
	*size = (size_t)got;
	*sender = from;
	return SEAL_OK;
}
