// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/routes_state.h"

#include <errno.h>

#define ROUTES_FAILED_MS 3000  /* how long a host on the link that does not answer is remembered */
#define ROUTES_UNUSED_MS 60000 /* and a hop that no route leads over */

static guint routes_address_hash(gconstpointer key)
{
	return (guint)local_hash(key);
}

static gboolean routes_address_equal(gconstpointer a, gconstpointer b)
{
	return address_equal(a, b);
}

static void routes_kernel_routes(void *user, const struct netlink_route *routes, unsigned int n)
{
	struct routes *r = user;

	g_array_set_size(r->kernel, 0);
	if (n)
		g_array_append_vals(r->kernel, routes, n);
	if (r->configured)
		routes_rebuild(r);
}

static void routes_kernel_neighbour(void *user, const struct address *address,
				    const struct mac *mac)
{
	struct routes *r = user;
	struct hop *hop;

	if (!mac) {
		g_hash_table_remove(r->known, address);
		return;
	}
	g_hash_table_replace(r->known, g_memdup2(address, sizeof(*address)),
			     g_memdup2(mac, sizeof(*mac)));
	hop = hop_find(&r->hops, address, routes_vlan(r, 0));
	if (hop && !hop->valid)
		resolver_hint(r->resolver, hop->entry, mac, memory_now());
}

int routes_follow(struct routes *r, int uplink_ifindex)
{
	struct netlink_ops ops = {
		.routes = routes_kernel_routes, .neighbour = routes_kernel_neighbour, .user = r};

	netlink_close(r->netlink);
	r->netlink = NULL;
	g_hash_table_remove_all(r->known);
	return netlink_open(&r->netlink, uplink_ifindex, &ops);
}

int routes_new(struct routes **out, struct tables *tables, struct resolver *resolver,
	       struct pump *pump, int uplink_ifindex)
{
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
	result = routes_follow(r, uplink_ifindex);
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
		g_array_append_vals(r->on_link, side->uplink_addresses->data,
				    side->uplink_addresses->len);
	g_array_set_size(r->gateways, 0);
	if (side->gateways->len)
		g_array_append_vals(r->gateways, side->gateways->data, side->gateways->len);
	r->configured = true;
	routes_rebuild(r);
	return r->set.refused ? -ENOSPC : 0;
}

/* A host on the link gets a route of its own in every zone that asked for it. */
static void routes_learn_host(struct routes *r, struct hop *hop)
{
	if (!hop->zones->len || !hop_number(&r->hops, hop))
		return;
	for (guint i = 0; i < hop->zones->len; i++)
		route_set_learn(&r->set, hop, g_array_index(hop->zones, u32, i));
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

static void routes_walk_routers(struct routes *r,
				void (*visit)(void *user, const struct routes_view *v), void *user)
{
	for (u16 i = 1; i < HOP_FIRST; i++) {
		const struct last_hop_router *router = &r->last_hop.routers[i];
		struct routes_view v = {
			.length = 128, .origin = "learned", .valid = true, .mac = router->mac};

		if (router->key)
			visit(user, &v);
	}
}

void routes_walk(struct routes *r, void (*visit)(void *user, const struct routes_view *v),
		 void *user)
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
		if (!v.valid || !((struct hop *)key)->zones->len)
			visit(user, &v); /* else it stands there as a route */
	}
	routes_walk_routers(r, visit, user);
}
