/* SPDX-License-Identifier: ISC */
/*
 * The sealed datagram, all numbers in network byte order:
 *
 *    0  magic "SWsl"
 *    4  version, 1
 *    5  suite, 1: XChaCha20-Poly1305 (libsodium, draft-irtf-cfrg-xchacha-03), 2: AES-256-GCM
 *    6  zero, 2 bytes
 *    8  sender, 4 bytes
 *   12  incarnation, 8 bytes
 *   20  sequence, 8 bytes, from 1
 *   28  ciphertext, as long as the plain text, and a tag of 16 bytes
 *
 * The first 28 bytes are the additional data. The nonce of suite 1 is bytes 8 to 27 and four zeros,
 * that of suite 2 the sequence and the low half of the incarnation; a link's keys are derived from
 * the whole incarnation. No nonce repeats under a key, since a sender's incarnation is never the
 * same twice: the time of its start in microseconds, and 12 random bits for a clock that was set
 * back to the microsecond.
 */
#include "sync/seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEAL_VERSION 1
#define SEAL_SUITE_XCHACHA20 1
#define SEAL_SUITE_AES256GCM 2
#define SEAL_KEY crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define SEAL_NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define SEAL_NONCE_GCM crypto_aead_aes256gcm_NPUBBYTES
#define SEAL_WINDOW 2048 /* of path heartbeats */
#define SEAL_PEERS 32	 /* senders remembered; who was heard longest ago makes room */

_Static_assert(SEAL_HEADER + SEAL_TAG <= SEAL_OVERHEAD, "the header fits what was promised");
_Static_assert(SEAL_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES &&
		       SEAL_TAG == crypto_aead_aes256gcm_ABYTES, "one size of tag");
_Static_assert(SEAL_NONCE == 24, "sender, incarnation, sequence and four zeros");
_Static_assert(SEAL_KEY == crypto_aead_aes256gcm_KEYBYTES, "one size of key");
_Static_assert(SEAL_XCHACHA20 == 1 << SEAL_SUITE_XCHACHA20, "a bit a suite");
_Static_assert(SEAL_AES256GCM == 1 << SEAL_SUITE_AES256GCM, "a bit a suite");

/* What was heard of one sender. */
struct seal_peer {
	uint32_t sender;
	uint64_t incarnation; /* 0: nobody */
	uint64_t newest;      /* highest sequence */
	uint64_t heard;	      /* of seal.clock */
	uint64_t *seen;	      /* bit: sequence modulo the window */
};

/* What one incarnation of one sender seals with. Of a path's seal the first key alone. */
struct seal_keys {
	crypto_aead_aes256gcm_state gcm; /* expanded once: it costs as much as a datagram */
	uint8_t key[SEAL_KEY];
	uint64_t incarnation;
};

struct seal {
	struct seal_keys mine, theirs;
	struct seal_keys maybe; /* of an incarnation that no datagram has proven yet */
	uint8_t base[SEAL_KEY]; /* of a link: what the peer's keys are derived from */
	uint32_t sender;
	uint32_t link; /* the peer's number; 0: anybody's */
	uint8_t suite;
	uint32_t suites; /* that are opened */
	uint64_t sequence;
	uint64_t clock; /* counts datagrams that were authentic */
	struct seal_counts counts;
	uint32_t window, count;
	struct seal_peer peers[]; /* COUNT; behind them what they have seen */
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

unsigned int seal_suites(void)
{
	if (sodium_init() < 0)
		return 0;
	return SEAL_XCHACHA20 | (crypto_aead_aes256gcm_is_available() ? SEAL_AES256GCM : 0);
}

/* BLAKE2b of the secret is the master; BLAKE2b keyed with it, of what the key is for, is a key. */
static int seal_derive(uint8_t *key, const uint8_t *secret, size_t length, const uint8_t *what,
		       size_t size)
{
	uint8_t master[crypto_generichash_KEYBYTES];
	int bad;

	bad = crypto_generichash(master, sizeof(master), secret, length, NULL, 0) ||
	      crypto_generichash(key, SEAL_KEY, what, size, master, sizeof(master));
	sodium_memzero(master, sizeof(master));
	return bad ? -EINVAL : 0;
}

/* The key of one direction of a link: of the context, the sender and the receiver. */
static int seal_derive_link(uint8_t *key, const struct seal_link *link, uint32_t from, uint32_t to)
{
	size_t length = strlen(link->context);
	uint8_t what[64];

	if (length > sizeof(what) - 8)
		return -EINVAL;
	memcpy(what, link->context, length);
	seal_put(what + length, from, 4);
	seal_put(what + length + 4, to, 4);
	return seal_derive(key, link->secret, link->length, what, length + 8);
}

/* The keys of an incarnation: BLAKE2b, keyed with the link's, of the suite and the incarnation. */
static void seal_expand(struct seal_keys *keys, const uint8_t *base, uint64_t incarnation)
{
	uint8_t what[9], key[SEAL_KEY];

	seal_put(what + 1, incarnation, 8);
	what[0] = SEAL_SUITE_XCHACHA20;
	(void)crypto_generichash(keys->key, SEAL_KEY, what, sizeof(what), base, SEAL_KEY);
	if (crypto_aead_aes256gcm_is_available()) {
		what[0] = SEAL_SUITE_AES256GCM;
		(void)crypto_generichash(key, SEAL_KEY, what, sizeof(what), base, SEAL_KEY);
		(void)crypto_aead_aes256gcm_beforenm(&keys->gcm, key);
		sodium_memzero(key, sizeof(key));
	}
	keys->incarnation = incarnation;
}

/* Room for COUNT senders and what was seen of them; a new incarnation. */
static int seal_make(struct seal **out, uint32_t count, uint32_t window)
{
	size_t head = sizeof(struct seal) + count * sizeof(struct seal_peer);
	size_t size = (head + (size_t)count * window / 8 + 63) & ~(size_t)63;
	struct seal *s;

	*out = NULL;
	if (sodium_init() < 0)
		return -ENOSYS;
	s = aligned_alloc(64, size);
	if (!s)
		return -ENOMEM;
	memset(s, 0, size);
	s->count = count;
	s->window = window;
	s->mine.incarnation = seal_incarnation();
	s->suite = SEAL_SUITE_XCHACHA20;
	s->suites = SEAL_XCHACHA20;
	for (uint32_t i = 0; i < count; i++)
		s->peers[i].seen = (uint64_t *)&s->peers[count] + (size_t)i * (window / 64);
	*out = s;
	return 0;
}

int seal_new(struct seal **out, const uint8_t *secret, size_t length, const char *context,
	     uint32_t sender)
{
	int error;

	*out = NULL;
	if (!length)
		return -EINVAL;
	error = seal_make(out, SEAL_PEERS, SEAL_WINDOW);
	if (error)
		return error;
	error = seal_derive((*out)->mine.key, secret, length, (const uint8_t *)context,
			    strlen(context));
	if (error) {
		seal_free(*out);
		*out = NULL;
		return error;
	}
	memcpy((*out)->theirs.key, (*out)->mine.key, SEAL_KEY);
	(*out)->sender = sender;
	return 0;
}

static int seal_prepare_link(struct seal *s, const struct seal_link *link)
{
	uint8_t base[SEAL_KEY];
	int error;

	s->sender = link->sender;
	s->link = link->peer;
	s->suites = seal_suites();
	error = seal_derive_link(base, link, link->sender, link->peer);
	if (error)
		return error;
	seal_expand(&s->mine, base, s->mine.incarnation);
	sodium_memzero(base, sizeof(base));
	return seal_derive_link(s->base, link, link->peer, link->sender);
}

int seal_new_link(struct seal **out, const struct seal_link *link)
{
	int error;

	*out = NULL;
	if (!link->length || !link->peer || link->peer == link->sender || link->window < 64 ||
	    link->window & (link->window - 1))
		return -EINVAL;
	error = seal_make(out, 1, link->window);
	if (error)
		return error;
	error = seal_prepare_link(*out, link);
	if (error) {
		seal_free(*out);
		*out = NULL;
	}
	return error;
}

void seal_use(struct seal *s, unsigned int suites)
{
	s->suite = s->suites & suites & SEAL_AES256GCM ? SEAL_SUITE_AES256GCM :
							 SEAL_SUITE_XCHACHA20;
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

static void seal_nonce_gcm(uint8_t *nonce, const uint8_t *header)
{
	memcpy(nonce, header + 20, 8);
	memcpy(nonce + 8, header + 16, 4);
}

static void seal_header(struct seal *s, uint8_t *at)
{
	memcpy(at, seal_magic, sizeof(seal_magic));
	at[4] = SEAL_VERSION;
	at[5] = s->suite;
	at[6] = at[7] = 0;
	seal_put(at + 8, s->sender, 4);
	seal_put(at + 12, s->mine.incarnation, 8);
	seal_put(at + 20, ++s->sequence, 8);
}

/* Encrypts LENGTH bytes of PLAIN behind the header, and puts the tag behind them. */
static void seal_encrypt(const struct seal *s, uint8_t *datagram, const uint8_t *plain,
			 size_t length)
{
	uint8_t nonce[SEAL_NONCE], *to = datagram + SEAL_HEADER;

	if (s->suite == SEAL_SUITE_AES256GCM) {
		seal_nonce_gcm(nonce, datagram);
		crypto_aead_aes256gcm_encrypt_afternm(to, NULL, plain, length, datagram,
						      SEAL_HEADER, NULL, nonce, &s->mine.gcm);
		return;
	}
	seal_nonce(nonce, datagram);
	crypto_aead_xchacha20poly1305_ietf_encrypt(to, NULL, plain, length, datagram, SEAL_HEADER,
						   NULL, nonce, s->mine.key);
}

size_t seal_close(struct seal *s, uint8_t *out, const uint8_t *plain, size_t length)
{
	seal_header(s, out);
	seal_encrypt(s, out, plain, length);
	return SEAL_HEADER + length + SEAL_TAG;
}

size_t seal_close_in_place(struct seal *s, uint8_t *datagram, size_t length)
{
	return seal_close(s, datagram, datagram + SEAL_HEADER, length);
}

static struct seal_peer *seal_find(struct seal *s, uint32_t sender)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->peers[i].incarnation && s->peers[i].sender == sender)
			return &s->peers[i];
	return NULL;
}

/* A place for a sender that is new: an empty one has never been heard. */
static struct seal_peer *seal_place(struct seal *s)
{
	struct seal_peer *oldest = &s->peers[0];

	for (uint32_t i = 1; i < s->count; i++)
		if (s->peers[i].heard < oldest->heard)
			oldest = &s->peers[i];
	return oldest;
}

static uint64_t *seal_word(const struct seal *s, const struct seal_peer *p, uint64_t sequence)
{
	return &p->seen[(sequence & (s->window - 1)) / 64];
}

/* Whether the header is one that was opened before, or older than what is remembered. */
static bool seal_replayed(struct seal *s, const struct seal_opened *d)
{
	const struct seal_peer *p = seal_find(s, d->sender);
	bool seen;

	if (!p || d->incarnation > p->incarnation)
		return false;
	if (d->incarnation < p->incarnation)
		return true;
	if (d->sequence > p->newest)
		return false;
	if (p->newest - d->sequence >= s->window)
		return true;
	seen = *seal_word(s, p, d->sequence) >> (d->sequence % 64) & 1;
	s->counts.seen += seen;
	return seen;
}

static void seal_mark(const struct seal *s, struct seal_peer *p, uint64_t sequence)
{
	if (sequence > p->newest && sequence - p->newest >= s->window) {
		memset(p->seen, 0, s->window / 8);
		p->newest = sequence;
	}
	while (p->newest < sequence) {
		p->newest++;
		*seal_word(s, p, p->newest) &= ~(1ull << (p->newest % 64));
	}
	*seal_word(s, p, sequence) |= 1ull << (sequence % 64);
}

/* Remembers an authentic datagram; a newer incarnation replaces the older one. */
static void seal_remember(struct seal *s, const struct seal_opened *d)
{
	struct seal_peer *p = seal_find(s, d->sender);

	if (!p || p->incarnation != d->incarnation) {
		if (!p)
			p = seal_place(s);
		memset(p->seen, 0, s->window / 8);
		p->newest = 0;
		p->sender = d->sender;
		p->incarnation = d->incarnation;
	}
	p->heard = ++s->clock;
	seal_mark(s, p, d->sequence);
	if (s->link && s->theirs.incarnation != d->incarnation)
		s->theirs = s->maybe;
}

/* Ours, but for the tag: magic, version, suite, and numbers that can be. */
static bool seal_known(const struct seal *s, const uint8_t *at, const struct seal_opened *d)
{
	return !memcmp(at, seal_magic, sizeof(seal_magic)) && at[4] == SEAL_VERSION &&
	       (at[5] == SEAL_SUITE_XCHACHA20 || at[5] == SEAL_SUITE_AES256GCM) &&
	       s->suites >> at[5] & 1 && !at[6] && !at[7] && d->sender != s->sender &&
	       (!s->link || d->sender == s->link) && d->incarnation && d->sequence;
}

/* What the sender's incarnation seals with: of one not known yet it is worked out. */
static const struct seal_keys *seal_keys(struct seal *s, uint64_t incarnation)
{
	if (!s->link || s->theirs.incarnation == incarnation)
		return &s->theirs;
	if (s->maybe.incarnation != incarnation)
		seal_expand(&s->maybe, s->base, incarnation);
	return &s->maybe;
}

static bool seal_decrypt(struct seal *s, uint8_t *out, const uint8_t *datagram, size_t length,
			 uint64_t incarnation)
{
	const struct seal_keys *keys = seal_keys(s, incarnation);
	const uint8_t *from = datagram + SEAL_HEADER;
	uint8_t nonce[SEAL_NONCE];

	length -= SEAL_HEADER;
	if (datagram[5] == SEAL_SUITE_AES256GCM) {
		seal_nonce_gcm(nonce, datagram);
		return !crypto_aead_aes256gcm_decrypt_afternm(out, NULL, NULL, from, length,
							      datagram, SEAL_HEADER, nonce,
							      &keys->gcm);
	}
	seal_nonce(nonce, datagram);
	return !crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, from, length, datagram,
							   SEAL_HEADER, nonce, keys->key);
}

/* Opens into D->message. */
static enum seal_error seal_try(struct seal *s, const uint8_t *datagram, size_t length,
				struct seal_opened *d)
{
	if (length < SEAL_HEADER + SEAL_TAG)
		return SEAL_SHORT;
	d->sender = (uint32_t)seal_get(datagram + 8, 4);
	d->incarnation = seal_get(datagram + 12, 8);
	d->sequence = seal_get(datagram + 20, 8);
	if (!seal_known(s, datagram, d))
		return SEAL_FOREIGN;
	if (seal_replayed(s, d))
		return SEAL_REPLAYED; /* before the costly part: nothing is believed, nothing
					 changes */
	if (!seal_decrypt(s, d->message, datagram, length, d->incarnation))
		return SEAL_FORGED;
	seal_remember(s, d);
	d->size = length - SEAL_HEADER - SEAL_TAG;
	return SEAL_OK;
}

enum seal_error seal_open(struct seal *s, const uint8_t *datagram, size_t length, uint8_t *out,
			  size_t *size, uint32_t *sender)
{
	struct seal_opened d = { .message = out };
	enum seal_error error = seal_try(s, datagram, length, &d);

	s->counts.result[error]++;
	*size = error ? 0 : d.size;
	*sender = error ? 0 : d.sender;
	return error;
}

enum seal_error seal_open_in_place(struct seal *s, uint8_t *datagram, size_t length,
				   struct seal_opened *out)
{
	enum seal_error error;

	*out = (struct seal_opened){ .message = datagram + SEAL_HEADER };
	error = seal_try(s, datagram, length, out);
	s->counts.result[error]++;
	return error;
}

void seal_read_counts(const struct seal *s, struct seal_counts *out)
{
	*out = s->counts;
}
