// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/last_hop.h"

#include "sandwich/slowpath/macs.h"

#define LAST_HOP_HOSTS_MAX 1024  /* of the MACS_SLOTS that the devices need too */
#define LAST_HOP_SEARCH_MS 60000 /* the whole session table is read for it */

void last_hop_init(struct last_hop *l, struct route_table *table)
{
	core_zero(l, sizeof(*l));
	l->table = table;
	g_queue_init(&l->hosts);
}

static void last_hop_forget_host(struct last_hop *l)
{
	u64 *key = g_queue_pop_head(&l->hosts);

	macs_del(l->table->tables, *key);
	g_free(key);
}

static void last_hop_release(struct last_hop *l, u16 number)
{
	static const struct address none;

	macs_del(l->table->tables, l->routers[number].key);
	route_table_neighbour(l->table, number, &none, NULL);
	l->routers[number].key = 0;
}

void last_hop_fini(struct last_hop *l)
{
	while (l->hosts.length)
		last_hop_forget_host(l);
	for (u16 i = 1; i < HOP_FIRST; i++)
		if (l->routers[i].key)
			last_hop_release(l, i);
}

static u16 last_hop_free_number(const struct last_hop *l)
{
	for (u16 i = 1; i < HOP_FIRST; i++)
		if (!l->routers[i].key)
			return i;
	return 0;
}

/* Gives back the numbers that no session has. */
static void last_hop_search(struct last_hop *l, u32 now)
{
	struct tables *t = l->table->tables;
	bool used[HOP_FIRST] = {false};

	if (l->searched && core_elapsed(now, l->last_searched) < LAST_HOP_SEARCH_MS)
		return;
	l->searched = true;
	l->last_searched = now;
	for (u64 i = 0; i <= t->mask[TABLE_SESSIONS]; i++) {
		struct slot *s = tables_slot(t, TABLE_SESSIONS, (u32)i);

		if (slot_is_live(core_load(&s->version)))
			used[core_load(&s->router)] = true;
	}
	for (u16 i = 1; i < HOP_FIRST; i++)
		if (l->routers[i].key && !used[i])
			last_hop_release(l, i);
}

static void last_hop_add_host(struct last_hop *l, u64 key)
{
	if (l->hosts.length >= LAST_HOP_HOSTS_MAX)
		last_hop_forget_host(l);
	if (!macs_put(l->table->tables, key, MAC_OWNER_ROUTER))
		g_queue_push_tail(&l->hosts, g_memdup2(&key, sizeof(key)));
}

static void last_hop_give_number(struct last_hop *l, u16 number, u64 key, const struct mac *mac)
{
	static const struct address none;

	route_table_neighbour(l->table, number, &none, mac);
	if (macs_put(l->table->tables, key, MAC_OWNER_ROUTER | number)) {
		route_table_neighbour(l->table, number, &none, NULL);
		return;
	}
	l->routers[number].key = key;
	l->routers[number].mac = *mac;
}

void last_hop_adopt(struct last_hop *l, u64 key, u16 number, const struct mac *mac)
{
	if (!number)
		last_hop_add_host(l, key);
	else if (number < HOP_FIRST && mac_value(mac) && !l->routers[number].key)
		last_hop_give_number(l, number, key, mac);
}

static void last_hop_add_router(struct last_hop *l, u64 key, const struct mac *mac, u32 now)
{
	u16 number = last_hop_free_number(l);

	if (!number) {
		last_hop_search(l, now);
		number = last_hop_free_number(l);
	}
	if (!number) {
		last_hop_add_host(l, key); /* answers go by the routes */
		return;
	}
	last_hop_give_number(l, number, key, mac);
}

void last_hop_learn(struct last_hop *l, const struct packet *p, bool host, bool tagged, u32 now)
{
	u8 variant = tagged ? MAC_ON_VLAN_AND_PORT : MAC_ON_PORT;
	u64 key = mac_key(&p->mac_src, p->zone & 0xfff, PORT_UPLINK, variant);

	if (mac_is_group(&p->mac_src) || !mac_value(&p->mac_src) ||
	    mac_find_variant(l->table->tables, key))
		return; /* several frames came before the first was looked at */
	if (host)
		last_hop_add_host(l, key);
	else
		last_hop_add_router(l, key, &p->mac_src, now);
}

void last_hop_mark(struct last_hop *l, const struct work *w)
{
	struct tables *t = l->table->tables;
	const struct settings *cfg = tables_settings(t);
	u32 owner = mac_find(t, &w->packet.mac_src, w->packet.zone & 0xfff, w->port,
			     cfg->mac_variants);
	struct slot *s = table_find(t, TABLE_SESSIONS, &w->flow, session_hash(cfg, &w->flow));

	if (s && owner & MAC_OWNER_ROUTER)
		core_store(&s->router, (u8)owner);
}
