/* SPDX-License-Identifier: ISC */
/*
 * Inner pools: whose an inner address is when nothing else is known of it.
 *
 * The configuration gives each VPN gateway the prefixes it hands out. They lie in the table of
 * local addresses, each under the complement of its first address, which no packet that is
 * forwarded has (that of IPv4 is multicast, the others are in no use). No pool is within another,
 * so whichever prefix length fits first is the answer.
 */
#ifndef SANDWICH_CORE_POOL_H
#define SANDWICH_CORE_POOL_H

#include "sandwich/core/route.h"

/* Where the pool of LENGTH bits (of 128) that A is in would lie. */
CORE_INLINE void pool_key(struct address *key, const struct address *a, u32 length)
{
	*key = *a;
	route_mask(key, length);
	key->word[0] = ~key->word[0];
	key->word[1] = ~key->word[1];
}

CORE_INLINE u32 pool_kind(u32 length, u8 device)
{
	return length << 16 | LOCAL_POOL | device;
}

/* The device in whose pool A is, up or not; 0: it is in none. */
CORE_GLOBAL u32 pool_find(struct tables *t, const struct address *a)
{
	const struct settings *cfg = tables_settings(t);

	tables_take(t);
	if (!cfg || !a)
		return 0;
	for (u32 i = 0; i < POOL_LENGTHS_MAX && i < core_load(&cfg->pool_lengths); i++) {
		u32 length = core_load(&cfg->pool_length[i & (POOL_LENGTHS_MAX - 1)]), kind;
		struct address key;

		pool_key(&key, a, length);
		kind = local_seek(tables_hand(t), &key);
		if ((kind & ~0xffu) == pool_kind(length, 0))
			return kind & 0xff;
	}
	return 0;
}

#endif
