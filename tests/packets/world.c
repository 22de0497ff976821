// SPDX-License-Identifier: ISC
#include "tests/packets/world.h"

#include <stdlib.h>
#include <string.h>

#include "sandwich/core/sweep.h"
#include "tests/packets/frame.h"

void world_open(struct world *w, u32 sessions, u32 pins, u32 fragments)
{
	if (memory_new(&w->memory, sessions, pins, fragments))
		abort();
	memory_tables(w->memory, 0, &w->tables);
}

void world_close(struct world *w)
{
	memory_free(w->memory);
}

struct mac world_device_mac(u8 id)
{
	return (struct mac){{0x02, 0, 0, 0, 0xdd, id}};
}

struct mac world_neighbour_mac(u8 index)
{
	return (struct mac){{0x02, 0, 0, 0, 0xaa, index}};
}

struct mac world_mac(u8 role)
{
	return (struct mac){{0x02, 0, 0, 0, 0x5a, role}};
}

static const u32 world_timeouts[TIMEOUTS] = {
	[TIMEOUT_TCP_SYN] = 30000,     [TIMEOUT_TCP_ESTABLISHED] = 3600000,
	[TIMEOUT_TCP_CLOSING] = 60000, [TIMEOUT_TCP_CLOSED] = 10000,
	[TIMEOUT_TCP_RESET] = 10000,   [TIMEOUT_UDP] = 30000,
	[TIMEOUT_UDP_REPLIED] = 120000, [TIMEOUT_ICMP] = 30000,
	[TIMEOUT_OTHER] = 600000,      [TIMEOUT_INNER_HOST] = 3600000,
	[TIMEOUT_FRAGMENT] = 5000,
};

void world_settings(struct tables *t, u8 side, u8 affinity)
{
	struct settings *cfg = t->settings;

	memset(cfg, 0, sizeof(*cfg));
	cfg->placement = (struct hash_key){0x0706050403020100, 0x0f0e0d0c0b0a0908};
	settings_secret(cfg, &(struct hash_key){0x1234567 + side, 0x89abcdef});
	cfg->mac[0] = world_mac(0);
	cfg->mac[1] = world_mac(1);
	memcpy(cfg->timeout, world_timeouts, sizeof(cfg->timeout));
	cfg->side = side;
	cfg->affinity = affinity;
	cfg->ports = 2;
	cfg->epoch = 1;
}

void world_owner(struct tables *t, const struct mac *mac, u32 vlan, u8 port, u8 variant, u32 owner)
{
	u64 key = mac_key(mac, vlan, port, variant);

	t->settings->mac_variants |= (u8)(1 << variant);
	for (u32 i = 0; i < MACS_WINDOW; i++) {
		struct mac_entry *e = &t->macs[((u32)hash_mix(key) + i) & (MACS_SLOTS - 1)];

		if (e->key && e->key != key)
			continue;
		e->owner = owner;
		e->key = key;
		return;
	}
	abort();
}

void world_device(struct tables *t, u8 id, const char *name, u16 weight)
{
	struct device *d = &t->devices[id];
	struct mac mac = world_device_mac(id);
	u64 hash = 0;

	for (; *name; name++)
		hash = hash_mix(hash ^ (u8)*name);
	d->hop = hop_make(&mac, 1);
	d->name_hash = hash;
	d->weight = weight;
	d->vlan = VLAN_KEEP;
	world_owner(t, &mac, 0, 0, MAC_ANYWHERE, MAC_OWNER_DEVICE | id);
	world_set(t, id, true, true);
}

void world_rank(struct tables *t)
{
	struct rank_device devices[DEVICES_MAX];
	u32 n = 0, set = !t->settings->rows;

	for (u32 id = 1; id < DEVICES_MAX; id++)
		if (t->devices[id].name_hash)
			devices[n++] = (struct rank_device){t->devices[id].name_hash,
							    t->devices[id].weight, (u8)id};
	rank_build(&t->rows[set * RANK_ROWS], &t->settings->placement, devices, n);
	t->settings->rows = set;
}

void world_live(const struct tables *t, struct settings *cfg)
{
	u32 n = 0, at;

	for (u32 id = 1; id < DEVICES_MAX; id++) {
		if (!device_set_has(&cfg->pick, (u8)id))
			continue;
		for (at = n++; at > 0; at--) {
			if (t->devices[cfg->live[at - 1]].name_hash < t->devices[id].name_hash)
				break;
			core_store(&cfg->live[at], cfg->live[at - 1]);
		}
		core_store(&cfg->live[at], (u8)id);
	}
	core_store(&cfg->live_count, (u8)n);
}

void world_set(struct tables *t, u8 id, bool up, bool pick)
{
	device_set_put(&t->settings->up, id, up);
	device_set_put(&t->settings->pick, id, pick);
	world_live(t, t->settings);
}

void world_sweep(struct tables *t, u8 id, bool up, u32 now)
{
	struct sweep sweep = {.next = *t->settings, .now = now};

	device_set_put(&sweep.next.up, id, up);
	device_set_put(&sweep.next.pick, id, up);
	world_live(t, &sweep.next);
	for (u32 i = 0; i <= t->mask[TABLE_SESSIONS]; i++)
		sweep_slot(t, &sweep, &t->slots[TABLE_SESSIONS][i]);
}

void world_neighbour(struct tables *t, u8 index, const char *address)
{
	struct neighbour *n = &t->neighbours[index];
	struct mac mac = world_neighbour_mac(index);

	n->hop = hop_make(&mac, PORT_UPLINK);
	n->vlan = VLAN_KEEP;
	if (frame_address(address, &n->address))
		abort();
}

static void world_length(struct settings *cfg, u32 length)
{
	u32 at = cfg->route_lengths;

	if (memchr(cfg->route_length, (int)length, cfg->route_lengths))
		return;
	for (; at > 0 && cfg->route_length[at - 1] < length; at--)
		cfg->route_length[at] = cfg->route_length[at - 1];
	cfg->route_length[at] = (u8)length;
	cfg->route_lengths++;
}

void world_route(struct tables *t, const char *prefix, u32 length, u32 zone, u8 kind, u16 neighbour)
{
	struct address a;
	u32 bits = length;

	if (frame_address(prefix, &a))
		abort();
	if (address_is_v4(&a))
		bits += 96;
	route_mask(&a, bits);
	for (u32 i = 0; i < ROUTES_WINDOW; i++) {
		struct route *r = &t->routes[((u32)route_hash(&a, route_tag(zone, bits)) + i) &
					     (ROUTES_SLOTS - 1)];

		if (r->kind && (r->tag != route_tag(zone, bits) || !address_equal(&r->prefix, &a)))
			continue;
		*r = (struct route){.prefix = a,
				    .tag = route_tag(zone, bits),
				    .kind = kind,
				    .neighbour = neighbour};
		world_length(t->settings, bits);
		return;
	}
	abort();
}

/* The entry of A, or a free one. */
static struct local *world_entry(struct tables *t, const struct address *a)
{
	for (u32 i = 0; i < LOCALS_WINDOW; i++) {
		struct local *e =
			&t->locals[(local_home(local_hash(a)) + i) & (LOCALS_SLOTS - 1)];

		if (!e->kind || address_equal(&e->address, a))
			return e;
	}
	abort();
}

void world_local(struct tables *t, const char *address, u32 kind)
{
	struct address a;
	struct local *e;
	u64 hash;

	if (frame_address(address, &a))
		abort();
	hash = local_hash(&a);
	e = world_entry(t, &a);
	e->address = a;
	e->kind = kind;
	t->settings->local_filter[local_bit(hash) >> 6] |= 1ull << (local_bit(hash) & 63);
}

void world_pool(struct tables *t, const char *prefix, u32 length, u8 id)
{
	struct settings *cfg = t->settings;
	struct address a, key;
	struct local *e;

	if (frame_address(prefix, &a))
		abort();
	length += address_is_v4(&a) ? 96 : 0;
	pool_key(&key, &a, length);
	e = world_entry(t, &key);
	e->address = key;
	e->kind = pool_kind(length, id);
	if (memchr(cfg->pool_length, (int)length, cfg->pool_lengths))
		return;
	if (cfg->pool_lengths == POOL_LENGTHS_MAX)
		abort();
	cfg->pool_length[cfg->pool_lengths++] = (u8)length;
}

void world_decide(struct tables *t, const void *frame, u32 length, u8 port, u32 now, struct work *w)
{
	const u8 *data = frame;
	struct packet_cursor cursor = {data, data + length, length};

	memset(w, 0, sizeof(*w));
	w->port = port;
	w->now = now;
	decide(t, &cursor, w);
}

u32 world_live_slots(struct tables *t, enum table_kind kind)
{
	u32 n = 0;

	for (u32 i = 0; i <= t->mask[kind]; i++)
		n += slot_is_live(t->slots[kind][i].version);
	return n;
}
