/* SPDX-License-Identifier: ISC */
/*
 * Away from the farm: longest prefix first, then the neighbour.
 *
 * One exact-match table per the whole set of prefixes; the distinct lengths in use (a handful)
 * are tried from the longest. Hosts on the link whose MAC is known stand in it as /128.
 */
#ifndef SANDWICH_CORE_ROUTE_H
#define SANDWICH_CORE_ROUTE_H

#include "sandwich/core/tables.h"

#define ROUTE_FREE 0xffffffffu /* tag of a slot that was used: a walk goes on */

/* A 64-bit word of ones in its first BITS bits as they lie on the wire. */
CORE_INLINE u64 route_mask_word(u32 bits)
{
	u64 mask = bits >= 64 ? ~0ull : ~(~0ull >> bits);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	mask = __builtin_bswap64(mask);
#endif
	return mask;
}

CORE_INLINE void route_mask(struct address *a, u32 length)
{
	a->word[0] &= route_mask_word(length > 64 ? 64 : length);
	a->word[1] &= length > 64 ? route_mask_word(length - 64) : 0;
}

CORE_INLINE u64 route_hash(const struct address *prefix, u32 tag)
{
	return hash_mix(prefix->word[0] ^ hash_mix(prefix->word[1] ^ hash_mix(tag)));
}

CORE_INLINE u32 route_tag(u32 zone, u32 length)
{
	return zone << 8 | length;
}

/* How far from home the slot of exactly that prefix is, plus one; 0: it has none. */
CORE_GLOBAL u32 route_seek(struct tables *t, const struct address *prefix, u32 tag)
{
	u64 hash;

	tables_take(t);
	if (!prefix)
		return 0;
	hash = route_hash(prefix, tag);
	for (u32 i = 0; i < ROUTES_WINDOW; i++) {
		struct route *r = tables_route(t, (u32)hash + i);

		if (!r || !core_load(&r->kind))
			return 0;
		if (core_load(&r->tag) == tag && address_equal(&r->prefix, prefix))
			return i + 1;
	}
	return 0;
}

CORE_INLINE struct route *route_find_exact(struct tables *t, const struct address *prefix, u32 tag)
{
	u32 place = route_seek(tables_hand(t), prefix, tag);

	return place ? tables_route(t, (u32)route_hash(prefix, tag) + place - 1) : NULL;
}

/* The most exact route toward DST in ZONE, or NULL. */
CORE_INLINE struct route *route_find(struct tables *t, const struct settings *cfg,
				     const struct address *dst, u32 zone)
{
	for (u32 i = 0; i < ROUTE_LENGTHS_MAX && i < cfg->route_lengths; i++) {
		struct address prefix = *dst;
		u32 length = cfg->route_length[i & (ROUTE_LENGTHS_MAX - 1)];
		struct route *r;

		route_mask(&prefix, length);
		r = route_find_exact(t, &prefix, route_tag(zone, length));
		if (r)
			return r;
	}
	return NULL;
}

/* The same in a number: its kind, and its neighbour above that; 0: none. */
CORE_GLOBAL u32 route_toward(struct tables *t, const struct address *dst, u32 zone)
{
	const struct settings *cfg = tables_settings(t);
	const struct route *r;

	tables_take(t);
	r = cfg && dst ? route_find(t, cfg, dst, zone) : NULL;
	return r ? core_load(&r->kind) | (u32)core_load(&r->neighbour) << 8 : ROUTE_NONE;
}

#endif
