/* SPDX-License-Identifier: ISC */
/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), word by word.
 *
 * Keyed, so that nobody outside can aim flows at one device or one table row, and full-width,
 * so that addresses that differ in a few bits spread. XOR and sums do neither.
 *
 * Words are taken as they lie in memory on a little-endian machine. The number of words a message
 * has is known where it is hashed, so there is no loop and no buffer.
 */
#ifndef SANDWICH_CORE_HASH_H
#define SANDWICH_CORE_HASH_H

#include "sandwich/core/types.h"

struct hash_key {
	u64 k0, k1;
};

struct hash_state {
	u64 v0, v1, v2, v3;
};

CORE_INLINE u64 hash_rotate(u64 x, int bits)
{
	return x << bits | x >> (64 - bits);
}

CORE_INLINE void hash_round(struct hash_state *s)
{
	s->v0 += s->v1, s->v1 = hash_rotate(s->v1, 13) ^ s->v0, s->v0 = hash_rotate(s->v0, 32);
	s->v2 += s->v3, s->v3 = hash_rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3, s->v3 = hash_rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1, s->v1 = hash_rotate(s->v1, 17) ^ s->v2, s->v2 = hash_rotate(s->v2, 32);
}

CORE_INLINE void hash_begin(struct hash_state *s, const struct hash_key *key)
{
	s->v0 = key->k0 ^ 0x736f6d6570736575ull;
	s->v1 = key->k1 ^ 0x646f72616e646f6dull;
	s->v2 = key->k0 ^ 0x6c7967656e657261ull;
	s->v3 = key->k1 ^ 0x7465646279746573ull;
}

CORE_INLINE void hash_add(struct hash_state *s, u64 word)
{
	s->v3 ^= word;
	hash_round(s);
	s->v0 ^= word;
}

/* TAIL: what is left of the message, less than eight bytes. LENGTH: bytes of the whole of it. */
CORE_INLINE u64 hash_end(struct hash_state *s, u64 tail, u32 length)
{
	hash_add(s, tail | (u64)length << 56);
	s->v2 ^= 0xff;
	hash_round(s);
	hash_round(s);
	hash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

#define HASH_WORDS 5

/* Of five words. */
CORE_INLINE u64 hash_words(const struct hash_key *key, const any_word *word)
{
	struct hash_state s;

	hash_begin(&s, key);
#pragma GCC unroll 5
	for (int i = 0; i < HASH_WORDS; i++)
		hash_add(&s, word[i]);
	return hash_end(&s, 0, HASH_WORDS * 8);
}

/* A bijection that spreads every input bit over the word (Stafford's variant 13 of murmur3). */
CORE_INLINE u64 hash_mix(u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

#endif
