// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/routes_state.h"

#include <string.h>

#define ROUTES_ZONES_MAX 1024 /* tag combinations that get routes of their own */

u16 routes_vlan(const struct routes *r, u32 zone)
{
	return r->vlan == VLAN_KEEP ? (u16)(zone & 0xfff) : r->vlan;
}

u32 routes_zone(const struct routes *r, const struct packet *p)
{
	return r->vlan == VLAN_KEEP ? p->zone : 0;
}

/* How dispensable a hop is that no route needs: those without a MAC go first, then the longest
 * unused. */
static u64 routes_idleness(const struct hop *hop, u32 now)
{
	return hop->origin ? 0 : (u64)!hop->valid << 32 | (core_elapsed(now, hop->used) + 1u);
}

void routes_drop_hop(struct routes *r, struct hop *hop)
{
	route_set_forget(&r->set, hop);
	hop_free(&r->hops, hop);
}

/* Makes room for another hop. */
static bool routes_evict(struct routes *r, u32 now)
{
	struct hop *victim = NULL;
	GHashTableIter iter;
	gpointer key;
	u64 most = 0;

	g_hash_table_iter_init(&iter, r->hops.index);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		if (routes_idleness(key, now) <= most)
			continue;
		victim = key;
		most = routes_idleness(key, now);
	}
	if (victim)
		routes_drop_hop(r, victim);
	return victim != NULL;
}

/* What the kernel knows of it is used meanwhile. */
struct hop *routes_hop(struct routes *r, const struct address *address, u32 zone, u32 now)
{
	struct hop *hop = hop_find(&r->hops, address, routes_vlan(r, zone));
	const struct mac *mac;

	if (hop)
		return hop;
	hop = hop_want(&r->hops, address, routes_vlan(r, zone), now);
	if (!hop && routes_evict(r, now))
		hop = hop_want(&r->hops, address, routes_vlan(r, zone), now);
	mac = hop && !zone ? g_hash_table_lookup(r->known, address) : NULL;
	if (mac)
		resolver_hint(r->resolver, hop->entry, mac, now);
	return hop;
}

struct routes_add {
	struct routes *r;
	u32 zone, now;
	const char *origin;
};

/* A prefix by way of a gateway (or of the host itself). */
static void routes_add_via(const struct routes_add *add, const struct address *prefix, u8 length,
			   const struct address *via)
{
	struct route_entry route = {.prefix = *prefix,
				    .zone = add->zone,
				    .length = length,
				    .kind = ROUTE_VIA,
				    .origin = add->origin};

	route.hop = routes_hop(add->r, via, add->zone, add->now);
	if (!route.hop || !hop_number(&add->r->hops, route.hop))
		return;
	route.hop->origin = add->origin;
	route.hop->round = add->r->set.round;
	route_set_add(&add->r->set, &route);
}

static void routes_add_prefix(const struct routes_add *add, const struct address *prefix, u8 length,
			      u8 kind)
{
	struct route_entry route = {.prefix = *prefix,
				    .zone = add->zone,
				    .length = length,
				    .kind = kind,
				    .origin = add->origin};

	route_set_add(&add->r->set, &route);
}

/* An uplink address without a subnet (a host's own length) puts nothing on the link. */
static void routes_add_on_link(struct routes *r, u32 zone, u32 now)
{
	struct routes_add add = {.r = r, .zone = zone, .now = now, .origin = "on-link"};

	for (guint i = 0; i < r->on_link->len; i++) {
		const struct config_address *a =
			&g_array_index(r->on_link, struct config_address, i);
		struct address prefix;

		memcpy(&prefix, &a->address, sizeof(prefix));
		if (a->length < 128)
			routes_add_prefix(&add, &prefix, a->length, ROUTE_ON_LINK);
	}
}

static void routes_any(bool v4, struct address *any)
{
	core_zero(any, sizeof(*any));
	if (v4)
		address_from_v4(any, 0);
}

static void routes_add_gateways(struct routes *r, u32 zone, u32 now)
{
	struct routes_add add = {.r = r, .zone = zone, .now = now, .origin = "configured"};

	for (guint i = 0; i < r->gateways->len; i++) {
		const struct address *gateway = &g_array_index(r->gateways, struct address, i);
		bool v4 = address_is_v4(gateway);
		struct address any;

		routes_any(v4, &any);
		routes_add_via(&add, &any, v4 ? ROUTES_V4 : 0, gateway);
	}
}

static bool routes_has_gateway(const struct routes *r, bool v4)
{
	for (guint i = 0; i < r->gateways->len; i++)
		if (address_is_v4(&g_array_index(r->gateways, struct address, i)) == v4)
			return true;
	return false;
}

/* Link-local and multicast prefixes (RFC 4291 2.4) are nobody's way out. */
bool routes_is_forwardable(const struct address *prefix)
{
	const u8 *byte = (const u8 *)prefix;

	return byte[0] != 0xff && !(byte[0] == 0xfe && (byte[1] & 0xc0) == 0x80);
}

/* The kernel's routes count for the families that the configuration names no gateway for. */
static void routes_add_kernel(struct routes *r, u32 now)
{
	struct routes_add add = {.r = r, .now = now, .origin = "kernel"};

	for (guint i = 0; i < r->kernel->len; i++) {
		const struct netlink_route *k = &g_array_index(r->kernel, struct netlink_route, i);

		if (routes_has_gateway(r, k->length >= ROUTES_V4 && address_is_v4(&k->prefix)) ||
		    !routes_is_forwardable(&k->prefix))
			continue;
		if (k->kind == ROUTE_VIA)
			routes_add_via(&add, &k->prefix, k->length, &k->via);
		else if (k->kind == ROUTE_ON_LINK && k->length == 128)
			routes_add_via(&add, &k->prefix, k->length, &k->prefix);
		else
			routes_add_prefix(&add, &k->prefix, k->length, k->kind);
	}
}

/*
 * Where nothing else leads, nothing leads: the engine says no_route at once. It also keeps IPv4,
 * which stands within ::/0 in the engine's table, from following an IPv6 default route.
 */
static void routes_add_defaults(struct routes *r, u32 zone, u32 now)
{
	struct routes_add add = {.r = r, .zone = zone, .now = now};
	struct address any;

	routes_any(true, &any);
	routes_add_prefix(&add, &any, ROUTES_V4, ROUTE_BLACKHOLE);
	routes_any(false, &any);
	routes_add_prefix(&add, &any, 0, ROUTE_BLACKHOLE);
}

static void routes_add_zone(struct routes *r, u32 zone, u32 now)
{
	routes_add_on_link(r, zone, now);
	routes_add_gateways(r, zone, now);
	if (!zone)
		routes_add_kernel(r, now);
	routes_add_defaults(r, zone, now);
}

/* A learned host stays while a prefix that is on the link covers it. */
static bool routes_still_on_link(void *user, const struct route_entry *learned)
{
	struct routes *r = user;
	const struct route_entry *cover =
		route_set_match(&r->set, &learned->prefix, learned->zone, 128);

	return cover && cover->kind == ROUTE_ON_LINK && cover->round == r->set.round;
}

/* Hops that no route told in this round leads over are needed no more; until now their old routes
 * stood. */
static void routes_release_hops(struct routes *r)
{
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, r->hops.index);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		struct hop *hop = key;

		if (hop->round != r->set.round)
			hop->origin = NULL;
	}
}

void routes_rebuild(struct routes *r)
{
	u32 now = memory_now();

	route_set_begin(&r->set);
	for (guint i = 0; i < r->zones->len; i++)
		routes_add_zone(r, g_array_index(r->zones, u32, i), now);
	route_set_end(&r->set, routes_still_on_link, r);
	routes_release_hops(r);
	if (r->set.refused)
		g_warning("%u routes find no room in the forwarding table and are not used",
			  r->set.refused);
}

void routes_open_zone(struct routes *r, u32 zone, u32 now)
{
	for (guint i = 0; i < r->zones->len; i++)
		if (g_array_index(r->zones, u32, i) == zone)
			return;
	if (r->zones->len >= ROUTES_ZONES_MAX)
		return;
	g_array_append_val(r->zones, zone);
	routes_add_zone(r, zone, now);
}
