// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/routes.h"

#include <errno.h>
#include <string.h>

#include "sandwich/slowpath/datagrams.h"
#include "sandwich/slowpath/last_hop.h"
#include "sandwich/slowpath/netlink.h"
#include "sandwich/slowpath/route_set.h"

#define ROUTES_ZONES_MAX 1024	 /* tag combinations that get routes of their own */
#define ROUTES_FAILED_MS 3000	 /* how long a host on the link that does not answer is remembered */
#define ROUTES_UNUSED_MS 60000 /* and a hop that no route leads over */
#define ROUTES_V4 96		 /* length of ::ffff:0:0/96 */

struct routes {
	struct tables *tables;
	struct resolver *resolver;
	struct pump *pump;
	struct netlink *netlink;
	struct route_table table;
	struct hops hops;
	struct route_set set;
	struct last_hop last_hop;
	struct datagrams datagrams;
	GArray *on_link;  /* struct config_address: the uplink addresses */
	GArray *gateways; /* struct address */
	GArray *kernel;   /* struct netlink_route */
	GHashTable *known; /* struct address -> struct mac: the kernel's neighbours */
	GArray *zones;	  /* u32; the first is 0 */
	u16 vlan;	  /* VLAN_KEEP, VLAN_NONE, or the tag */
};

static guint routes_address_hash(gconstpointer key)
{
	return (guint)local_hash(key);
}

static gboolean routes_address_equal(gconstpointer a, gconstpointer b)
{
	return address_equal(a, b);
}

/* The tag that neighbours of ZONE are asked with. */
static u16 routes_vlan(const struct routes *r, u32 zone)
{
	return r->vlan == VLAN_KEEP ? (u16)(zone & 0xfff) : r->vlan;
}

/* The zone under which the engine looks up the routes of P. */
static u32 routes_zone(const struct routes *r, const struct packet *p)
{
	return r->vlan == VLAN_KEEP ? p->zone : 0;
}

/* --- next hops --- */

/* How dispensable a hop is that no route needs: those without a MAC go first, then the longest unused. */
static u64 routes_idleness(const struct hop *hop, u32 now)
{
	return hop->origin ? 0 : (u64)!hop->valid << 32 | (core_elapsed(now, hop->used) + 1u);
}

static void routes_drop_hop(struct routes *r, struct hop *hop)
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

/* The hop of that address in the zone; what the kernel knows of it is used meanwhile. */
static struct hop *routes_hop(struct routes *r, const struct address *address, u32 zone, u32 now)
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

/* --- what should be in the engine's table --- */

struct routes_add {
	struct routes *r;
	u32 zone, now;
	const char *origin;
};

/* A prefix by way of a gateway (or of the host itself). */
static void routes_add_via(const struct routes_add *add, const struct address *prefix, u8 length,
			   const struct address *via)
{
	struct route_entry route = {.prefix = *prefix, .zone = add->zone, .length = length,
				    .kind = ROUTE_VIA, .origin = add->origin};

	route.hop = routes_hop(add->r, via, add->zone, add->now);
	if (!route.hop || !hop_number(&add->r->hops, route.hop))
		return;
	route.hop->origin = add->origin;
	route_set_add(&add->r->set, &route);
}

static void routes_add_prefix(const struct routes_add *add, const struct address *prefix, u8 length, u8 kind)
{
	struct route_entry route = {.prefix = *prefix, .zone = add->zone, .length = length,
				    .kind = kind, .origin = add->origin};

	route_set_add(&add->r->set, &route);
}

/* An uplink address without a subnet (a host's own length) puts nothing on the link. */
static void routes_add_on_link(struct routes *r, u32 zone, u32 now)
{
	struct routes_add add = {.r = r, .zone = zone, .now = now, .origin = "on-link"};

	for (guint i = 0; i < r->on_link->len; i++) {
		const struct config_address *a = &g_array_index(r->on_link, struct config_address, i);
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
static bool routes_is_forwardable(const struct address *prefix)
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
 * Where nothing else leads, nothing leads: the engine says no_route at once. It also keeps IPv4, which
 * stands within ::/0 in the engine's table, from following an IPv6 default route.
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
	const struct route_entry *cover = route_set_match(&r->set, &learned->prefix, learned->zone, 128);

	return cover && cover->kind == ROUTE_ON_LINK && cover->round == r->set.round;
}

static void routes_unmark_hops(struct routes *r)
{
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, r->hops.index);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		((struct hop *)key)->origin = NULL;
}

static void routes_rebuild(struct routes *r)
{
	u32 now = memory_now();

	route_set_begin(&r->set);
	routes_unmark_hops(r);
	for (guint i = 0; i < r->zones->len; i++)
		routes_add_zone(r, g_array_index(r->zones, u32, i), now);
	route_set_end(&r->set, routes_still_on_link, r);
	if (r->set.refused)
		g_warning("%u routes find no room in the forwarding table and are not used", r->set.refused);
}

/* A zone gets its routes when its first frame comes. */
static void routes_open_zone(struct routes *r, u32 zone, u32 now)
{
	for (guint i = 0; i < r->zones->len; i++)
		if (g_array_index(r->zones, u32, i) == zone)
			return;
	if (r->zones->len >= ROUTES_ZONES_MAX)
		return;
	g_array_append_val(r->zones, zone);
	routes_add_zone(r, zone, now);
}

/* --- news of the kernel --- */

static void routes_kernel_routes(void *user, const struct netlink_route *routes, unsigned int n)
{
	struct routes *r = user;

	g_array_set_size(r->kernel, 0);
	if (n)
		g_array_append_vals(r->kernel, routes, n);
	routes_rebuild(r);
}

static void routes_kernel_neighbour(void *user, const struct address *address, const struct mac *mac)
{
	struct routes *r = user;
	struct hop *hop;

	if (!mac) {
		g_hash_table_remove(r->known, address);
		return;
	}
	g_hash_table_replace(r->known, g_memdup2(address, sizeof(*address)), g_memdup2(mac, sizeof(*mac)));
	hop = hop_find(&r->hops, address, routes_vlan(r, 0));
	if (hop && !hop->valid)
		resolver_hint(r->resolver, hop->entry, mac, memory_now());
}

/* --- life --- */

int routes_new(struct routes **out, struct tables *tables, struct resolver *resolver, struct pump *pump,
	       int uplink_ifindex)
{
	struct netlink_ops ops = {.routes = routes_kernel_routes, .neighbour = routes_kernel_neighbour};
	struct routes *r = g_new0(struct routes, 1);
	u32 zone = 0;
	int result;

	r->tables = tables;
	r->resolver = resolver;
	r->pump = pump;
	route_table_init(&r->table, tables);
	hops_init(&r->hops, &r->table, resolver);
	route_set_init(&r->set, &r->table);
	last_hop_init(&r->last_hop, &r->table);
	datagrams_init(&r->datagrams);
	r->on_link = g_array_new(FALSE, FALSE, sizeof(struct config_address));
	r->gateways = g_array_new(FALSE, FALSE, sizeof(struct address));
	r->kernel = g_array_new(FALSE, FALSE, sizeof(struct netlink_route));
	r->known = g_hash_table_new_full(routes_address_hash, routes_address_equal, g_free, g_free);
	r->zones = g_array_new(FALSE, FALSE, sizeof(u32));
	g_array_append_val(r->zones, zone);
	ops.user = r;
	result = netlink_open(&r->netlink, uplink_ifindex, &ops);
	if (result) {
		routes_free(r);
		return result;
	}
	*out = r;
	return 0;
}

void routes_free(struct routes *r)
{
	if (!r)
		return;
	netlink_close(r->netlink);
	last_hop_fini(&r->last_hop);
	for (unsigned int waiting = datagrams_fini(&r->datagrams); waiting; waiting--)
		count(r->tables, COUNTER_HELD_DROPPED);
	hops_fini(&r->hops);
	route_set_fini(&r->set);
	g_array_unref(r->on_link);
	g_array_unref(r->gateways);
	g_array_unref(r->kernel);
	g_array_unref(r->zones);
	g_hash_table_unref(r->known);
	g_free(r);
}

static u16 routes_config_vlan(int vlan)
{
	return vlan < 0 ? VLAN_KEEP : (u16)vlan;
}

/* Other tags mean other neighbours: what was learned with the old ones is of no use. */
static void routes_change_vlan(struct routes *r, u16 vlan)
{
	GHashTableIter iter;
	gpointer key;

	if (r->vlan == vlan)
		return;
	r->vlan = vlan;
	g_array_set_size(r->zones, 1);
	g_hash_table_iter_init(&iter, r->hops.index);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		route_set_forget(&r->set, key);
}

int routes_configure(struct routes *r, const struct config_side *side)
{
	routes_change_vlan(r, routes_config_vlan(side->uplink_vlan));
	g_array_set_size(r->on_link, 0);
	if (side->uplink_addresses->len)
		g_array_append_vals(r->on_link, side->uplink_addresses->data, side->uplink_addresses->len);
	g_array_set_size(r->gateways, 0);
	if (side->gateways->len)
		g_array_append_vals(r->gateways, side->gateways->data, side->gateways->len);
	routes_rebuild(r);
	return r->set.refused ? -ENOSPC : 0;
}

/* --- held frames --- */

static void routes_give_up(struct routes *r)
{
	count(r->tables, COUNTER_HELD_DROPPED);
}

/* RFC 1122 3.2.1.3: a subnet's own and its broadcast address are no host's. */
static bool routes_is_host(const struct address *address, u8 length)
{
	const u8 *byte = (const u8 *)address;
	struct address net = *address;
	u32 host, mask;

	if (!address_is_v4(address))
		return routes_is_forwardable(address) && (address->word[0] || address->word[1]);
	if (byte[12] == 0 || byte[12] == 127 || byte[12] >= 224)
		return false;
	if (length > 126 || length < ROUTES_V4)
		return true;
	route_mask(&net, length);
	mask = 0xffffffffu >> (length - ROUTES_V4);
	host = core_swap32(packet_be32(byte + 12)) & mask;
	return host != 0 && host != mask;
}

/* The hop that the packet's own destination leads to, made where it is on the link; NULL: there is no way. */
static struct hop *routes_find_way(struct routes *r, const struct packet *p, u32 now)
{
	u32 zone = routes_zone(r, p);
	const struct route_entry *e;
	struct hop *hop;

	routes_open_zone(r, zone, now);
	e = route_set_match(&r->set, &p->to, zone, 129);
	if (!e || e->kind == ROUTE_BLACKHOLE)
		return NULL;
	if (e->kind == ROUTE_VIA)
		return e->hop;
	if (!routes_is_host(&p->to, e->length))
		return NULL;
	hop = routes_hop(r, &p->to, zone, now);
	if (hop && hop->valid && hop_number(&r->hops, hop))
		(void)route_set_learn(&r->set, hop, zone); /* known in another zone already */
	return hop;
}

/* Whom a held frame waits for. */
static struct hop *routes_hop_of(struct routes *r, const struct work *w, u32 now)
{
	struct hop *hop = w->neighbour < NEIGHBOURS_MAX ? r->hops.by_number[w->neighbour] : NULL;

	return hop ? hop : routes_find_way(r, &w->packet, now);
}

/* Puts a frame that was held already back, behind whom the last verdict names; else it is given up. */
static void routes_hold_again(struct routes *r, struct held *held, const struct work *verdict, u32 now)
{
	struct hop *hop = NULL;

	if (verdict->reason == REASON_HELD_NEIGHBOUR)
		hop = routes_hop_of(r, verdict, now);
	if (hop && hold_return(&r->hops.hold, &hop->held, held)) {
		held->frame.work = *verdict;
		resolver_used(r->resolver, hop->entry, now);
		return;
	}
	routes_give_up(r);
	g_free(held);
}

/* Tries each frame of LIST once more, in order. */
static void routes_retry(struct routes *r, GQueue *list, u32 now)
{
	struct held *held;

	while ((held = g_queue_pop_head(list))) {
		struct work verdict;

		core_zero(&verdict, sizeof(verdict));
		if (pump_retry(r->pump, &held->frame, &verdict))
			g_free(held);
		else
			routes_hold_again(r, held, &verdict, now);
	}
}

static void routes_hold_neighbour(struct routes *r, const struct slow_frame *frame, u32 now)
{
	struct hop *hop = routes_hop_of(r, &frame->work, now);
	struct work verdict;

	if (!hop) {
		routes_give_up(r);
		return;
	}
	hop->used = now;
	core_zero(&verdict, sizeof(verdict));
	if (hop->valid && !hop->held.length && pump_retry(r->pump, frame, &verdict))
		return; /* it has answered since the frame was looked at */
	if (!hold_put(&r->hops.hold, &hop->held, frame, now))
		routes_give_up(r);
	resolver_used(r->resolver, hop->entry, now);
}

static void routes_hold_fragment(struct routes *r, const struct slow_frame *frame, u32 now)
{
	struct packet p = frame->work.packet;
	struct work verdict;
	GQueue list = G_QUEUE_INIT;

	if (!datagrams_hold(&r->datagrams, frame, now)) {
		core_zero(&verdict, sizeof(verdict));
		if (!pump_retry(r->pump, frame, &verdict) && verdict.reason == REASON_HELD_NEIGHBOUR)
			routes_hold_neighbour(r, frame, now);
		return; /* no room: placed by its addresses, not dropped (degrade, don't drop) */
	}
	if (fragment_recall(r->tables, r->tables->settings, &p, now)) {
		datagrams_take(&r->datagrams, &p, &list); /* the first came since */
		routes_retry(r, &list, now);
	}
	pump_want_fragments(r->pump, !datagrams_empty(&r->datagrams));
}

void routes_hold(struct routes *r, const struct slow_frame *frame, u32 now)
{
	if (frame->work.reason == REASON_HELD_FRAGMENT)
		routes_hold_fragment(r, frame, now);
	else
		routes_hold_neighbour(r, frame, now);
}

void routes_first_fragment(struct routes *r, const struct slow_frame *frame, u32 now)
{
	GQueue list = G_QUEUE_INIT;

	datagrams_take(&r->datagrams, &frame->work.packet, &list);
	routes_retry(r, &list, now);
	pump_want_fragments(r->pump, !datagrams_empty(&r->datagrams));
}

void routes_learn_router(struct routes *r, const struct slow_frame *frame, u32 now)
{
	const struct packet *p = &frame->work.packet;
	const struct route_entry *e;
	u32 zone = routes_zone(r, p);

	if (p->kind != PACKET_IP || p->icmp_error)
		return; /* its addresses are those of the packet it quotes */
	routes_open_zone(r, zone, now);
	e = route_set_match(&r->set, &p->src, zone, 128);
	last_hop_learn(&r->last_hop, p, e && e->kind == ROUTE_ON_LINK, r->vlan == VLAN_KEEP, now);
}

/* --- news of the resolver --- */

/* A host on the link gets a route of its own in every zone that a frame waits in. */
static void routes_learn_host(struct routes *r, struct hop *hop)
{
	for (const GList *l = hop->held.head; l; l = l->next) {
		const struct held *held = l->data;

		if (!held->frame.work.neighbour && address_equal(&held->frame.work.packet.to, &hop->address) &&
		    hop_number(&r->hops, hop))
			(void)route_set_learn(&r->set, hop, routes_zone(r, &held->frame.work.packet));
	}
}

void routes_resolved(struct routes *r, const struct resolve_entry *entry, u32 now)
{
	struct hop *hop = hop_find(&r->hops, &entry->target.address, entry->target.vlan);
	GQueue list = G_QUEUE_INIT;
	struct held *held;

	if (!hop || hop->entry != entry)
		return;
	hop_update(&r->hops, hop, now);
	if (entry->state == RESOLVE_FAILED) {
		hop_give_up(&r->hops, hop, NULL);
		route_set_forget(&r->set, hop);
	}
	if (!hop->valid)
		return;
	routes_learn_host(r, hop);
	while ((held = hold_take(&r->hops.hold, &hop->held)))
		g_queue_push_tail(&list, held);
	routes_retry(r, &list, now);
}

/* --- time --- */

static bool routes_is_spare(const struct hop *hop, u32 now)
{
	if (hop->origin || hop->held.length)
		return false;
	if (hop->entry->state == RESOLVE_FAILED)
		return core_elapsed(now, hop->failed) >= ROUTES_FAILED_MS;
	return !hop->zones->len && core_elapsed(now, hop->used) >= ROUTES_UNUSED_MS;
}

static void routes_tick_hops(struct routes *r, u32 now)
{
	GHashTableIter iter;
	gpointer key;
	GQueue spare = G_QUEUE_INIT;

	g_hash_table_iter_init(&iter, r->hops.index);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		hop_give_up(&r->hops, key, &now);
		if (routes_is_spare(key, now))
			g_queue_push_tail(&spare, key);
	}
	while ((key = g_queue_pop_head(&spare)))
		routes_drop_hop(r, key);
}

void routes_tick(struct routes *r, u32 now)
{
	GQueue list = G_QUEUE_INIT;

	routes_tick_hops(r, now);
	datagrams_take_expired(&r->datagrams, now, &list);
	if (!list.length)
		return;
	routes_retry(r, &list, now);
	pump_want_fragments(r->pump, !datagrams_empty(&r->datagrams));
}

/* --- show --- */

static void routes_view_entry(const struct route_entry *e, struct routes_view *v)
{
	core_zero(v, sizeof(*v));
	v->address = e->prefix;
	v->length = e->length;
	v->zone = e->zone;
	v->origin = e->origin;
	v->valid = e->hop && e->hop->valid;
	if (v->valid)
		v->mac = e->hop->entry->mac;
}

static void routes_view_hop(const struct hop *hop, struct routes_view *v)
{
	core_zero(v, sizeof(*v));
	v->address = hop->address;
	v->length = 128;
	v->zone = hop->vlan;
	v->origin = hop->origin ? hop->origin : "learned";
	v->valid = hop->valid;
	if (v->valid)
		v->mac = hop->entry->mac;
}

static void routes_walk_routers(struct routes *r, void (*visit)(void *user, const struct routes_view *v), void *user)
{
	for (u16 i = 1; i < HOP_FIRST; i++) {
		const struct last_hop_router *router = &r->last_hop.routers[i];
		struct routes_view v = {.length = 128, .origin = "learned", .valid = true, .mac = router->mac};

		if (router->key)
			visit(user, &v);
	}
}

void routes_walk(struct routes *r, void (*visit)(void *user, const struct routes_view *v), void *user)
{
	struct routes_view v;
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, r->set.entries);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		routes_view_entry(key, &v);
		if (v.origin)
			visit(user, &v);
	}
	g_hash_table_iter_init(&iter, r->hops.index);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		routes_view_hop(key, &v);
		if (!((struct hop *)key)->zones->len)
			visit(user, &v); /* else it stands there as a route */
	}
	routes_walk_routers(r, visit, user);
}
