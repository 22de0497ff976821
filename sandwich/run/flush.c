// SPDX-License-Identifier: ISC
/*
 * flush: forgets sessions, and the pins that only they held.
 */
#include "sandwich/run/balancer.h"

#include "sandwich/core/place.h"
#include "sandwich/core/session.h"
#include "sandwich/core/tunnel.h"

static guint flush_key_hash(gconstpointer key)
{
	const struct hash_key plain = {0, 0}; /* the table lives for one flush */

	return (guint)flow_hash(&plain, key);
}

static gboolean flush_key_equal(gconstpointer a, gconstpointer b)
{
	return flow_equal(a, b);
}

/* The pin that may have been the flushed session's alone. An operator's pins stay. */
static void flush_note(GHashTable *keys, struct tables *t, const struct flow *key, u64 hash)
{
	struct slot *pin = table_find(t, TABLE_PINS, key, hash);

	if (pin && core_load(&pin->state) != PIN_OPERATOR)
		g_hash_table_add(keys, g_memdup2(key, sizeof(*key)));
}

/* The pins of a flushed session: its affinity's, and its inner host's. */
static void flush_note_session(GHashTable *keys, struct tables *t, const struct flow *flow)
{
	const struct settings *cfg = tables_settings(t);
	struct flow key;
	u64 hash;

	tunnel_key(t, cfg, flow, &key);
	flush_note(keys, t, &key, flow_hash(&cfg->placement, &key));
	if (!cfg->learn_hosts)
		return;
	hash = place_host_key(cfg, flow, &key);
	flush_note(keys, t, &key, hash);
}

/* Takes from KEYS those that other sessions still need. */
static void flush_spare(GHashTable *keys, struct tables *t)
{
	const struct settings *cfg = tables_settings(t);

	for (u32 i = 0; i <= t->mask[TABLE_SESSIONS] && g_hash_table_size(keys); i++) {
		struct slot *s = tables_slot(t, TABLE_SESSIONS, i);
		struct flow key, flow = s->key;

		if (!slot_is_live(core_load(&s->version)))
			continue;
		tunnel_key(t, cfg, &flow, &key);
		g_hash_table_remove(keys, &key);
		place_host_key(cfg, &flow, &key);
		g_hash_table_remove(keys, &key);
	}
}

static void flush_pins(GHashTable *keys, struct tables *t)
{
	const struct settings *cfg = tables_settings(t);
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, keys);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		struct slot *pin = table_find(t, TABLE_PINS, key, flow_hash(&cfg->placement, key));

		if (pin)
			pin_remove(t, pin, core_load(&pin->version));
	}
}

/* A flushed device's pins go with it, those without a session too. */
static void flush_device_pins(struct tables *t, u8 device)
{
	for (u32 i = 0; i <= t->mask[TABLE_PINS]; i++) {
		struct slot *pin = tables_slot(t, TABLE_PINS, i);
		u32 version = core_load(&pin->version);

		if (slot_is_live(version) && pin->device == device && pin->state != PIN_OPERATOR)
			pin_remove(t, pin, version);
	}
}

static bool flush_is_whole_device(const struct session_filter *f)
{
	return f->device && !f->by_client && !f->by_server && !f->port && !f->by_protocol &&
	       !f->by_origin;
}

static u32 flush_sessions(struct tables *t, const struct session_filter *filter, GHashTable *keys)
{
	u32 flushed = 0;

	for (u32 i = 0; i <= t->mask[TABLE_SESSIONS]; i++) {
		struct slot *s = tables_slot(t, TABLE_SESSIONS, i);
		u32 version = core_load(&s->version);
		struct flow flow = s->key;

		if (!slot_is_live(version) || !session_filter_match(filter, s) ||
		    !session_remove(t, s, version))
			continue;
		flush_note_session(keys, t, &flow);
		flushed++;
	}
	return flushed;
}

u32 balancer_flush(struct balancer *b, const struct session_filter *filter)
{
	GHashTable *keys = g_hash_table_new_full(flush_key_hash, flush_key_equal, g_free, NULL);
	struct tables *t = &b->tables;
	u32 flushed = flush_sessions(t, filter, keys);

	flush_spare(keys, t);
	flush_pins(keys, t);
	g_hash_table_unref(keys);
	if (flush_is_whole_device(filter))
		flush_device_pins(t, filter->device);
	b->maintain.dirty = true; /* the pin filter may forget them too */
	return flushed;
}
