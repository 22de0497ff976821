// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/hop.h"

#define HOP_HELD_MAX  128  /* frames a neighbour holds: a burst of SYNs, as Linux keeps */
#define HOPS_HELD_MAX 4096 /* and all together */

static guint hop_hash(gconstpointer key)
{
	const struct hop *h = key;

	return (guint)hash_mix(h->address.word[0] ^ hash_mix(h->address.word[1] ^ h->vlan));
}

static gboolean hop_same(gconstpointer a, gconstpointer b)
{
	const struct hop *x = a, *y = b;

	return address_equal(&x->address, &y->address) && x->vlan == y->vlan;
}

void hops_init(struct hops *hops, struct route_table *table, struct resolver *resolver)
{
	core_zero(hops, sizeof(*hops));
	hops->table = table;
	hops->resolver = resolver;
	hops->hold.frames_max = HOPS_HELD_MAX;
	hops->hold.list_max = HOP_HELD_MAX;
	hops->index = g_hash_table_new(hop_hash, hop_same);
	hops->next = HOP_FIRST;
}

void hop_give_up(struct hops *hops, struct hop *hop, const u32 *expired_at)
{
	struct held *held;

	while ((held = expired_at ? hold_take_expired(&hops->hold, &hop->held, *expired_at)
				  : hold_take(&hops->hold, &hop->held))) {
		count(hops->table->tables, COUNTER_HELD_DROPPED);
		g_free(held);
	}
}

/* All but the index, which may be being walked. */
static void hop_destroy(struct hops *hops, struct hop *hop)
{
	hop_give_up(hops, hop, NULL);
	if (hop->index) {
		route_table_neighbour(hops->table, hop->index, &hop->address, NULL);
		hops->by_number[hop->index] = NULL;
	}
	resolver_drop(hops->resolver, hop->entry);
	g_array_unref(hop->zones);
	g_free(hop);
}

void hop_free(struct hops *hops, struct hop *hop)
{
	g_hash_table_remove(hops->index, hop);
	hop_destroy(hops, hop);
}

void hops_fini(struct hops *hops)
{
	GHashTableIter iter;
	gpointer hop;

	g_hash_table_iter_init(&iter, hops->index);
	while (g_hash_table_iter_next(&iter, &hop, NULL)) {
		g_hash_table_iter_remove(&iter);
		hop_destroy(hops, hop);
	}
	g_hash_table_unref(hops->index);
}

struct hop *hop_find(struct hops *hops, const struct address *address, u16 vlan)
{
	struct hop key = {.address = *address, .vlan = vlan};

	return g_hash_table_lookup(hops->index, &key);
}

struct hop *hop_want(struct hops *hops, const struct address *address, u16 vlan, u32 now)
{
	struct resolve_target target = {.address = *address, .vlan = vlan, .port = PORT_UPLINK};
	struct hop *hop = hop_find(hops, address, vlan);

	if (hop)
		return hop;
	if (g_hash_table_size(hops->index) >= HOPS_MAX)
		return NULL;
	hop = g_new0(struct hop, 1);
	hop->address = *address;
	hop->vlan = vlan;
	hop->used = now;
	hop->zones = g_array_new(FALSE, FALSE, sizeof(u32));
	g_queue_init(&hop->held);
	g_hash_table_add(hops->index, hop);
	hop->entry = resolver_want(hops->resolver, &target, hop, now);
	hop->entry->user = hop; /* somebody may have wanted it before */
	hop_update(hops, hop, now);
	return hop;
}

bool hop_number(struct hops *hops, struct hop *hop)
{
	if (hop->index)
		return true;
	for (u32 i = 0; i < HOPS_MAX; i++) {
		u16 number = (u16)(HOP_FIRST + (hops->next - HOP_FIRST + i) % HOPS_MAX);

		if (hops->by_number[number])
			continue;
		hops->by_number[number] = hop;
		hops->next = (u16)(HOP_FIRST + (number - HOP_FIRST + 1) % HOPS_MAX);
		hop->index = number;
		route_table_neighbour(hops->table, number, &hop->address,
				      hop->valid ? &hop->entry->mac : NULL);
		return true;
	}
	return false;
}

void hop_add_zone(struct hop *hop, u32 zone)
{
	for (guint i = 0; i < hop->zones->len; i++)
		if (g_array_index(hop->zones, u32, i) == zone)
			return;
	g_array_append_val(hop->zones, zone);
}

void hop_update(struct hops *hops, struct hop *hop, u32 now)
{
	enum resolve_state state = hop->entry->state;

	hop->valid = state == RESOLVE_REACHABLE || state == RESOLVE_STALE;
	if (state == RESOLVE_FAILED)
		hop->failed = now;
	if (hop->index)
		route_table_neighbour(hops->table, hop->index, &hop->address,
				      hop->valid ? &hop->entry->mac : NULL);
}
