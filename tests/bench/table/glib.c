// SPDX-License-Identifier: ISC
/*
 * GHashTable. Sessions lie in one array, and it gets a hash that costs next to nothing, so that
 * only the table itself is measured; its keys are pointers to the sessions'.
 */
#include <glib.h>

#include "tests/bench/table/contender.h"

struct glib {
	GHashTable *table;
	struct slot *slots;
	u32 used, room;
};

static guint glib_hash(gconstpointer key)
{
	const any_word *word = key;
	u64 sum = 0;

	for (int i = 0; i < HASH_WORDS; i++)
		sum = (sum ^ word[i]) * 0x9e3779b97f4a7c15ull;
	return (guint)(sum >> 32);
}

static gboolean glib_equal(gconstpointer a, gconstpointer b)
{
	return flow_equal(a, b);
}

static void *glib_open(u32 sessions)
{
	struct glib *g = g_new0(struct glib, 1);

	g->table = g_hash_table_new(glib_hash, glib_equal);
	g->slots = contender_slots(sessions);
	g->room = sessions;
	if (g->slots)
		return g;
	g_hash_table_unref(g->table);
	g_free(g);
	return NULL;
}

static bool glib_insert(void *table, const struct flow *key)
{
	struct glib *g = table;
	struct slot *s;

	if (g->used == g->room)
		return false;
	s = &g->slots[g->used++];
	slot_fill(s, key, 1, 0, 1);
	return g_hash_table_insert(g->table, &s->key, s);
}

static struct slot *glib_find(void *table, const struct flow *key)
{
	struct glib *g = table;

	return g_hash_table_lookup(g->table, key);
}

static void glib_close(void *table)
{
	struct glib *g = table;

	g_hash_table_unref(g->table);
	free(g->slots);
	g_free(g);
}

const struct contender contender_glib = {
	.name = "GHashTable",
	.open = glib_open,
	.insert = glib_insert,
	.find = glib_find,
	.close = glib_close,
};
