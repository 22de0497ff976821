// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/route_set.h"

#define ROUTE_SET_LEARNED "learned"

static guint route_set_hash(gconstpointer key)
{
	const struct route_entry *e = key;

	return (guint)route_hash(&e->prefix, route_tag(e->zone, e->length));
}

static gboolean route_set_same(gconstpointer a, gconstpointer b)
{
	const struct route_entry *x = a, *y = b;

	return address_equal(&x->prefix, &y->prefix) && x->zone == y->zone &&
	       x->length == y->length;
}

void route_set_init(struct route_set *set, struct route_table *table)
{
	core_zero(set, sizeof(*set));
	set->table = table;
	set->entries = g_hash_table_new_full(route_set_hash, route_set_same, g_free, NULL);
}

void route_set_fini(struct route_set *set)
{
	g_hash_table_unref(set->entries);
}

static bool route_set_is_learned(const struct route_entry *e)
{
	return e->origin && !g_strcmp0(e->origin, ROUTE_SET_LEARNED);
}

/* Writes the entry to the engine; one that there is no room for is forgotten, as if never told. */
static void route_set_write(struct route_set *set, struct route_entry *e)
{
	struct route_value value = {.kind = e->kind, .neighbour = e->hop ? e->hop->index : 0};

	if (!route_table_put(set->table, &e->prefix, e->zone, e->length, &value))
		return;
	set->refused++;
	g_hash_table_remove(set->entries, e);
}

void route_set_begin(struct route_set *set)
{
	set->round++;
	set->refused = 0;
}

void route_set_add(struct route_set *set, const struct route_entry *route)
{
	struct route_entry key = *route, *e;

	route_mask(&key.prefix, key.length);
	key.round = set->round;
	e = g_hash_table_lookup(set->entries, &key);
	if (e && e->round == set->round && !route_set_is_learned(e))
		return;
	if (e && e->kind == key.kind && e->hop == key.hop) {
		*e = key;
		return;
	}
	if (e) {
		*e = key;
	} else {
		e = g_new(struct route_entry, 1);
		*e = key;
		g_hash_table_add(set->entries, e);
	}
	route_set_write(set, e);
}

void route_set_end(struct route_set *set,
		   bool (*check)(void *user, const struct route_entry *learned), void *user)
{
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, set->entries);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		const struct route_entry *e = key;

		if (route_set_is_learned(e) ? check(user, e) : e->round == set->round)
			continue;
		route_table_del(set->table, &e->prefix, e->zone, e->length);
		g_hash_table_iter_remove(&iter);
	}
}

void route_set_learn(struct route_set *set, struct hop *hop, u32 zone)
{
	struct route_entry *e = g_new0(struct route_entry, 1);

	e->prefix = hop->address;
	e->zone = zone;
	e->length = 128;
	e->kind = ROUTE_VIA;
	e->hop = hop;
	e->origin = ROUTE_SET_LEARNED;
	if (g_hash_table_contains(set->entries, e)) {
		g_free(e);
		return;
	}
	g_hash_table_add(set->entries, e);
	route_set_write(set, e);
}

void route_set_forget(struct route_set *set, struct hop *hop)
{
	struct route_entry key = {.prefix = hop->address, .length = 128};

	for (guint i = 0; i < hop->zones->len; i++) {
		const struct route_entry *e;

		key.zone = g_array_index(hop->zones, u32, i);
		e = g_hash_table_lookup(set->entries, &key);
		if (!e || !route_set_is_learned(e) || e->hop != hop)
			continue;
		route_table_del(set->table, &e->prefix, e->zone, e->length);
		g_hash_table_remove(set->entries, e);
	}
	g_array_set_size(hop->zones, 0);
}

const struct route_entry *route_set_match(struct route_set *set, const struct address *address,
					  u32 zone, u8 below)
{
	const struct settings *cfg = set->table->tables->settings;

	for (int i = 0; i < cfg->route_lengths; i++) {
		struct route_entry key = {
			.prefix = *address, .zone = zone, .length = cfg->route_length[i]};
		const struct route_entry *e;

		if (key.length >= below)
			continue;
		route_mask(&key.prefix, key.length);
		e = g_hash_table_lookup(set->entries, &key);
		if (e)
			return e;
	}
	return NULL;
}
