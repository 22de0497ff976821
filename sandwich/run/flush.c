// SPDX-License-Identifier: ISC
/*
 * flush: forgets sessions, and the pins that only they held.
 */
#include "sandwich/run/balancer.h"

#include "sandwich/core/place.h"
#include "sandwich/core/session.h"

/* The pins of the session's key: its affinity's, and its inner host's. */
static void flush_pins(struct tables *t, const struct flow *flow)
{
	const struct settings *cfg = tables_settings(t);
	struct flow key;
	struct slot *pin;
	u64 hash;

	affinity_key(&key, flow, cfg->affinity);
	pin = table_find(t, TABLE_PINS, &key, flow_hash(&cfg->placement, &key));
	if (pin)
		slot_remove(pin, core_load(&pin->version));
	if (!cfg->learn_hosts)
		return;
	hash = place_host_key(cfg, flow, &key);
	pin = table_find(t, TABLE_PINS, &key, hash);
	if (pin)
		slot_remove(pin, core_load(&pin->version));
}

/* A flushed device's pins go with it, those without a session too. */
static void flush_device_pins(struct tables *t, u8 device)
{
	for (u32 i = 0; i <= t->mask[TABLE_PINS]; i++) {
		struct slot *pin = tables_slot(t, TABLE_PINS, i);
		u32 version = core_load(&pin->version);

		if (slot_is_live(version) && pin->device == device && pin->state != PIN_OPERATOR)
			slot_remove(pin, version);
	}
}

static bool flush_is_whole_device(const struct session_filter *f)
{
	return f->device && !f->by_client && !f->by_server && !f->port && !f->by_protocol &&
	       !f->by_origin;
}

u32 balancer_flush(struct balancer *b, const struct session_filter *filter)
{
	struct tables *t = &b->tables;
	u32 flushed = 0;

	for (u32 i = 0; i <= t->mask[TABLE_SESSIONS]; i++) {
		struct slot *s = tables_slot(t, TABLE_SESSIONS, i);
		u32 version = core_load(&s->version);
		struct flow flow = s->key;

		if (!slot_is_live(version) || !session_filter_match(filter, s))
			continue;
		if (!session_remove(t, s, version))
			continue;
		flush_pins(t, &flow);
		flushed++;
	}
	if (flush_is_whole_device(filter))
		flush_device_pins(t, filter->device);
	return flushed;
}
