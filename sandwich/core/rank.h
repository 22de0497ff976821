/* SPDX-License-Identifier: ISC */
/*
 * Rank rows: which device a hash names, and which would be next.
 *
 * Each of 65 536 rows holds the first four devices of a weighted rendezvous order (Thaler and
 * Ravishankar, "Using name-based mappings to increase hit rates", 1998; weights by -ln(u)/w, as in
 * Schindelhauer and Schomaker, 2005). When a device dies one liveness bit flips: only its own flows
 * move, and nothing is rebuilt. The order depends on the devices' names and weights and on the
 * placement key alone, and is computed in integers, so that two machines always agree. Of its
 * draw some rows are taken back, so that each device comes first in as many as its weight says.
 */
#ifndef SANDWICH_CORE_RANK_H
#define SANDWICH_CORE_RANK_H

#include "sandwich/core/tables.h"

CORE_INLINE u32 rank_row_of(u64 hash)
{
	return (u32)(hash >> 48);
}

/*
 * The row's first member of PICK, or 0. *RANK says where it stood, *FIRST which the row prefers
 * irrespective of PICK. When all four are out, the members of pick share the row by its hash.
 */
CORE_INLINE u8 rank_pick(struct tables *t, const struct settings *cfg, u64 hash,
			 const struct device_set *pick, u8 *rank, u8 *first)
{
	struct rank_row *row = tables_row(t, core_load(&cfg->rows), rank_row_of(hash));
	u8 live = core_load(&cfg->live_count);

	*rank = 0;
	*first = 0;
	if (!row)
		return 0;
	*first = row->device[0];
#pragma GCC unroll 4
	for (u8 i = 0; i < RANK_DEPTH; i++) {
		u8 device = row->device[i];

		*rank = i;
		if (device && device_set_has(pick, device))
			return device;
	}
	*rank = RANK_DEPTH;
	if (!live)
		return 0;
	return core_load(&cfg->live[core_forget((u8)(((hash & 0xffffffff) * live) >> 32))]);
}

#ifndef __bpf__
/* log2(x) for x in 1..2^32-1, in units of 2^-16; off by less than 2^-15. */
CORE_INLINE u32 rank_log2(u32 x)
{
	u32 whole = 31u - (u32)__builtin_clz(x), fraction = 0;
	u64 m = (u64)x << (31 - whole); /* 1.31 fixed point, 1 <= m < 2 */

	for (int bit = 15; bit >= 0; bit--) {
		m = m * m >> 31;
		if (m >> 32) {
			fraction |= 1u << bit;
			m >>= 1;
		}
	}
	return whole << 16 | fraction;
}

/* The smaller, the better the device's claim to the row. */
CORE_INLINE u64 rank_claim(const struct hash_key *key, u32 row, u64 name_hash, u32 weight)
{
	u32 u = (u32)(hash_mix(hash_mix(key->k0 ^ name_hash) ^ key->k1 ^ row) >> 32) | 1;
	u64 distance = ((u64)32 << 16) - rank_log2(u) + 1; /* -log2(u / 2^32) */

	return (distance << 24) / (weight ? weight : 1);
}

struct rank_device {
	u64 name_hash;
	u32 weight;
	u8 id;
};

/* True when (claim, name) goes before the entry: names break ties, since ids may differ by side. */
CORE_INLINE bool rank_before(u64 claim, u64 name, u64 other_claim, u64 other_name)
{
	return claim != other_claim ? claim < other_claim : name < other_name;
}

/* Writes one row's order among N devices (each with a non-zero id and a name hash of its own). */
CORE_INLINE void rank_build_row(struct rank_row *out, const struct hash_key *key, u32 row,
				const struct rank_device *devices, u32 n)
{
	u64 claims[RANK_DEPTH], names[RANK_DEPTH];
	u32 have = 0;

	core_zero(out, sizeof(*out));
	for (u32 d = 0; d < n; d++) {
		u64 name = devices[d].name_hash;
		u64 claim = rank_claim(key, row, name, devices[d].weight);
		u32 at = have;

		while (at > 0 && rank_before(claim, name, claims[at - 1], names[at - 1]))
			at--;
		if (at >= RANK_DEPTH)
			continue;
		have += have < RANK_DEPTH;
		for (u32 i = have - 1; i > at; i--) {
			claims[i] = claims[i - 1];
			names[i] = names[i - 1];
			out->device[i] = out->device[i - 1];
		}
		claims[at] = claim;
		names[at] = name;
		out->device[at] = devices[d].id;
	}
}

/* How many rows are the device's by its weight. Names say who has what can't be divided. */
CORE_INLINE u32 rank_share(const struct rank_device *devices, u32 n, const struct rank_device *of)
{
	u64 sum = 0, before = 0;

	for (u32 d = 0; d < n; d++) {
		sum += devices[d].weight;
		if (devices[d].name_hash < of->name_hash)
			before += devices[d].weight;
	}
	return sum ? (u32)((before + of->weight) * RANK_ROWS / sum - before * RANK_ROWS / sum) : 0;
}

/*
 * Puts the row's CHOICE first where that has too few rows and the first has too many (OVER, by id).
 * The others keep their order, so a death still leads to whom the row likes best of the rest.
 */
CORE_INLINE void rank_yield(struct rank_row *row, u32 choice, int32_t *over)
{
	u8 device = row->device[choice];

	if (!device || over[row->device[0]] <= 0 || over[device] >= 0)
		return;
	over[row->device[0]]--;
	over[device]++;
	for (u32 i = choice; i > 0; i--)
		row->device[i] = row->device[i - 1];
	row->device[0] = device;
}

/*
 * A draw of the rows gives a device of 16 its share with a standard deviation of 1.5 %, and the
 * luckiest of them 2.7 % too much. So rows of those who have more than their share go to their next
 * choice if that has less, the lowest rows first: some 0.6 % of all for 16 devices. Shares are
 * exact then, but in farms of a hundred and more, where few rows name both who has too many and
 * who has too few: there a row in a thousand stays with whom it was.
 */
static inline void rank_balance(struct rank_row *rows, const struct rank_device *devices, u32 n)
{
	int32_t over[DEVICES_MAX] = {0};

	for (u32 d = 0; d < n; d++)
		over[devices[d].id] = -(int32_t)rank_share(devices, n, &devices[d]);
	for (u32 row = 0; row < RANK_ROWS; row++)
		over[rows[row].device[0]]++;
	for (u32 choice = 1; choice < RANK_DEPTH; choice++)
		for (u32 row = 0; row < RANK_ROWS; row++)
			rank_yield(&rows[row], choice, over);
}

/* Fills all rows of one set: 65 536 times N claims, some 90 ms for 16 devices. */
static inline void rank_build(struct rank_row *rows, const struct hash_key *key,
			      const struct rank_device *devices, u32 n)
{
	for (u32 row = 0; row < RANK_ROWS; row++)
		rank_build_row(&rows[row], key, row, devices, n);
	rank_balance(rows, devices, n);
}
#endif

#endif
