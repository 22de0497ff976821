// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/routes_state.h"

void routes_adopt_hop(struct routes *r, const struct address *address, u32 zone,
		      const struct mac *mac, u32 now)
{
	struct hop *hop = hop_find(&r->hops, address, routes_vlan(r, zone));
	const struct route_entry *way;

	if (zone)
		routes_open_zone(r, zone, now);
	way = route_set_match(&r->set, address, zone, 128);
	if (way && way->kind == ROUTE_ON_LINK) {
		hop = routes_hop(r, address, zone, now);
		if (hop)
			hop_add_zone(hop, zone);
	}
	if (hop)
		resolver_hint(r->resolver, hop->entry, mac, now);
}

void routes_adopt_router(struct routes *r, u64 key, u16 number, const struct mac *mac)
{
	last_hop_adopt(&r->last_hop, key, number, mac);
}
