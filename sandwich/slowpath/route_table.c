// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/route_table.h"

#include <errno.h>

void route_table_init(struct route_table *rt, struct tables *tables)
{
	core_zero(rt, sizeof(*rt));
	rt->tables = tables;
	core_store(&tables->settings->route_lengths, 0);
	for (u32 i = 0; i < ROUTES_SLOTS; i++) {
		struct route *r = tables_route(tables, i);

		if (r->kind)
			core_publish(&r->tag, ROUTE_FREE);
	}
	for (u32 i = 0; i < NEIGHBOURS_MAX; i++)
		core_store(&tables_neighbour(tables, i)->hop, 0);
}

static int route_table_length_at(const struct settings *cfg, u8 length)
{
	int at = 0;

	while (at < cfg->route_lengths && cfg->route_length[at] > length)
		at++;
	return at;
}

/*
 * Readers walk the list from its front. Moving the tail back one by one, from its end, shows some
 * length twice meanwhile and hides none.
 */
static void route_table_length_insert(struct settings *cfg, u8 length)
{
	int at = route_table_length_at(cfg, length), n = cfg->route_lengths;

	if (n == at) {
		core_publish(&cfg->route_length[n], length);
		core_publish(&cfg->route_lengths, (u8)(n + 1));
		return;
	}
	core_publish(&cfg->route_length[n], cfg->route_length[n - 1]);
	core_publish(&cfg->route_lengths, (u8)(n + 1));
	for (int i = n - 1; i > at; i--)
		core_publish(&cfg->route_length[i], cfg->route_length[i - 1]);
	core_publish(&cfg->route_length[at], length);
}

/*
 * Takes out lengths that no prefix has. A reader in that very moment may miss one length, for one
 * frame: therefore only when the list is full.
 */
static void route_table_compact(struct route_table *rt)
{
	struct settings *cfg = rt->tables->settings;
	int to = 0;

	for (int i = 0; i < cfg->route_lengths; i++) {
		u8 length = cfg->route_length[i];

		if (rt->count[length])
			core_publish(&cfg->route_length[to++], length);
	}
	core_publish(&cfg->route_lengths, (u8)to);
}

static int route_table_use_length(struct route_table *rt, u8 length)
{
	struct settings *cfg = rt->tables->settings;
	int at = route_table_length_at(cfg, length);

	if (at < cfg->route_lengths && cfg->route_length[at] == length)
		return 0;
	if (cfg->route_lengths == ROUTE_LENGTHS_MAX)
		route_table_compact(rt);
	if (cfg->route_lengths == ROUTE_LENGTHS_MAX)
		return -ENOSPC;
	route_table_length_insert(cfg, length);
	return 0;
}

static struct route *route_table_room(struct tables *t, const struct address *prefix, u32 tag)
{
	u64 hash = route_hash(prefix, tag);

	for (u32 i = 0; i < ROUTES_WINDOW; i++) {
		struct route *r = tables_route(t, (u32)hash + i);

		if (!r->kind || r->tag == ROUTE_FREE)
			return r;
	}
	return NULL;
}

/*
 * Readers go by `kind` where the slot was never used, and by `tag` where it was: what they go by
 * comes last.
 */
static void route_table_fill(struct route *r, const struct address *prefix, u32 tag,
			     const struct route_value *v)
{
	core_store(&r->tag, ROUTE_FREE);
	r->prefix = *prefix;
	core_store(&r->neighbour, v->neighbour);
	core_publish(&r->kind, v->kind);
	core_publish(&r->tag, tag);
}

int route_table_put(struct route_table *rt, const struct address *prefix, u32 zone, u8 length,
		    const struct route_value *value)
{
	struct address masked = *prefix;
	u32 tag = route_tag(zone, length);
	struct route *r;

	if (length >= ROUTE_TABLE_LENGTHS || zone > 0xffffff || !value->kind)
		return -EINVAL;
	route_mask(&masked, length);
	r = route_find_exact(rt->tables, &masked, tag);
	if (r) {
		core_store(&r->neighbour, value->neighbour);
		core_publish(&r->kind, value->kind);
		return 0;
	}
	r = route_table_room(rt->tables, &masked, tag);
	if (!r)
		return -ENOSPC;
	route_table_fill(r, &masked, tag, value);
	rt->count[length]++;
	if (!route_table_use_length(rt, length))
		return 0;
	core_publish(&r->tag, ROUTE_FREE);
	rt->count[length]--;
	return -ENOSPC;
}

void route_table_del(struct route_table *rt, const struct address *prefix, u32 zone, u8 length)
{
	struct address masked = *prefix;
	struct route *r;

	route_mask(&masked, length);
	r = route_find_exact(rt->tables, &masked, route_tag(zone, length));
	if (!r)
		return;
	core_publish(&r->tag, ROUTE_FREE);
	rt->count[length]--;
}

void route_table_neighbour(struct route_table *rt, u16 index, const struct address *address,
			   const struct mac *mac)
{
	struct neighbour *n = tables_neighbour(rt->tables, index);

	n->address = *address;
	core_store(&n->vlan, VLAN_KEEP); /* as the port says */
	core_publish(&n->hop, mac ? hop_make(mac, PORT_UPLINK) : 0);
}
