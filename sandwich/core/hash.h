/* SPDX-License-Identifier: ISC */
/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) over 40 bytes.
 *
 * Keyed, so that nobody outside can aim flows at one device or one table row, and full-width,
 * so that addresses that differ in a few bits spread. XOR and sums do neither.
 */
#ifndef SANDWICH_CORE_HASH_H
#define SANDWICH_CORE_HASH_H

#include "sandwich/core/types.h"

struct hash_key {
	u64 k0, k1;
};

#define HASH_WORDS 5

CORE_INLINE u64 hash_rotate(u64 x, int bits)
{
	return x << bits | x >> (64 - bits);
}

#define HASH_ROUND(v0, v1, v2, v3)                                                                 \
	do {                                                                                       \
		v0 += v1, v1 = hash_rotate(v1, 13) ^ v0, v0 = hash_rotate(v0, 32);                 \
		v2 += v3, v3 = hash_rotate(v3, 16) ^ v2;                                           \
		v0 += v3, v3 = hash_rotate(v3, 21) ^ v0;                                           \
		v2 += v1, v1 = hash_rotate(v1, 17) ^ v2, v2 = hash_rotate(v2, 32);                 \
	} while (0)

/* The 64-bit SipHash-1-3 of five words, taken as they lie in memory on a little-endian machine. */
CORE_INLINE u64 hash_words(const struct hash_key *key, const any_word *word)
{
	u64 v0 = key->k0 ^ 0x736f6d6570736575ull, v1 = key->k1 ^ 0x646f72616e646f6dull;
	u64 v2 = key->k0 ^ 0x6c7967656e657261ull, v3 = key->k1 ^ 0x7465646279746573ull;

#pragma GCC unroll 5
	for (int i = 0; i < HASH_WORDS; i++) {
		v3 ^= word[i];
		HASH_ROUND(v0, v1, v2, v3);
		v0 ^= word[i];
	}
	v3 ^= (u64)(HASH_WORDS * 8) << 56;
	HASH_ROUND(v0, v1, v2, v3);
	v0 ^= (u64)(HASH_WORDS * 8) << 56;
	v2 ^= 0xff;
	HASH_ROUND(v0, v1, v2, v3);
	HASH_ROUND(v0, v1, v2, v3);
	HASH_ROUND(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

/* A bijection that spreads every input bit over the word (Stafford's variant 13 of murmur3). */
CORE_INLINE u64 hash_mix(u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

#endif
