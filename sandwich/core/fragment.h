/* SPDX-License-Identifier: ISC */
/*
 * Fragments: the ports that only the first one has, remembered for the others; of a tunnel's also
 * the device that it went to.
 *
 * Kept in the slot table: the key is (addresses, protocol, identification), the ports lie in
 * `packets`.
 */
#ifndef SANDWICH_CORE_FRAGMENT_H
#define SANDWICH_CORE_FRAGMENT_H

#include "sandwich/core/work.h"

CORE_INLINE void fragment_key(struct flow *key, const struct packet *p)
{
	key->outside = p->src;
	key->inside = p->dst;
	core_copy(&key->outside_port, &p->fragment, 2);
	core_copy(&key->inside_port, (const u8 *)&p->fragment + 2, 2);
	flow_zone(key, p->zone);
	key->protocol = p->is_v6 ? PROTOCOL_FRAGMENT : p->protocol;
}

/*
 * Fills in a later fragment's ports and protocol, and the device that the first went to if that was
 * remembered (else 0); false when its first fragment has not been seen.
 */
CORE_FN bool fragment_recall(struct tables *t, const struct settings *cfg, struct packet *p,
			     u32 now, u8 *device)
{
	struct flow key;
	struct slot *s;
	u32 ports;

	fragment_key(&key, p);
	s = table_find(t, TABLE_FRAGMENTS, &key, flow_hash_of(&cfg->secret, &key));
	if (!s || core_elapsed(now, core_load(&s->seen)) > cfg->timeout[TIMEOUT_FRAGMENT])
		return false;
	ports = core_load(&s->packets);
	core_copy(&p->sport, &ports, 2);
	core_copy(&p->dport, (const u8 *)&ports + 2, 2);
	p->protocol = core_load(&s->state);
	p->ports_known = true;
	*device = core_load(&s->device);
	return true;
}

/* Remembers where a first fragment went: what says so in a tunnel is in no other. */
CORE_FN void fragment_place(struct tables *t, const struct settings *cfg, const struct packet *p,
			    u8 device)
{
	struct flow key;
	struct slot *s;

	fragment_key(&key, p);
	s = table_find(t, TABLE_FRAGMENTS, &key, flow_hash_of(&cfg->secret, &key));
	if (s)
		core_store(&s->device, device);
}

/* The oldest of a full window: its datagram is the most likely to be complete. */
CORE_INLINE struct slot *fragment_oldest(struct tables *t, u64 hash, u32 now, u32 *before)
{
	struct slot *oldest = NULL;
	u32 age = 0;

	for (u32 i = 0; i < TABLE_WINDOW; i++) {
		struct slot *s = tables_slot(t, TABLE_FRAGMENTS, (u32)hash + i);
		u32 version = s ? core_load(&s->version) : SLOT_BUSY;

		if (!slot_is_live(version) ||
		    (oldest && core_elapsed(now, core_load(&s->seen)) <= age))
			continue;
		oldest = s;
		age = core_elapsed(now, core_load(&s->seen));
		*before = version;
	}
	return oldest && slot_claim(oldest, *before) ? oldest : NULL;
}

/* Remembers a first fragment's ports. */
CORE_FN void fragment_remember(struct tables *t, const struct settings *cfg, const struct packet *p,
			       u32 now)
{
	struct flow key;
	struct slot *s;
	u32 before, ports;
	u64 hash;

	fragment_key(&key, p);
	hash = flow_hash_of(&cfg->secret, &key);
	core_copy(&ports, &p->sport, 2);
	core_copy((u8 *)&ports + 2, &p->dport, 2);
	s = table_find(t, TABLE_FRAGMENTS, &key, hash);
	if (s) {
		core_store(&s->packets, ports);
		core_store(&s->state, p->protocol);
		core_store(&s->seen, now);
		return;
	}
	s = table_claim_free(t, TABLE_FRAGMENTS, hash, &before);
	if (!s)
		s = fragment_oldest(t, hash, now, &before);
	if (!s) {
		count(t, COUNTER_FRAGMENTS_FULL);
		return;
	}
	slot_fill(s, &key, 0, p->protocol, now);
	core_store(&s->packets, ports);
	slot_publish(s, before);
}

/* Whether a later fragment can't be placed without what only the first has. */
CORE_INLINE bool fragment_needs_first(const struct settings *cfg, const struct work *w, u32 local)
{
	return cfg->affinity == AFFINITY_FLOW ||
	       (cfg->tunnels && w->port == PORT_UPLINK && local & LOCAL_CLUSTER);
}

/*
 * Later fragments get their ports from the first, which need not have come first. False when W
 * waits for that; W->reason says so. LOCAL: what its destination is.
 */
CORE_INLINE bool fragment_join(struct tables *t, const struct settings *cfg, struct work *w,
			       u32 local)
{
	struct packet *p = &w->packet;

	if (CORE_LIKELY(!p->is_fragment) || p->icmp_error)
		return true;
	if (p->is_first) {
		fragment_remember(t, cfg, p, w->now);
		w->events |= EVENT_FIRST_FRAGMENT;
		return true;
	}
	if (fragment_recall(t, cfg, p, w->now, &w->tunnel.device) ||
	    !fragment_needs_first(cfg, w, local))
		return true;
	if (cfg->hold_fragments && !w->held) {
		w->reason = REASON_HELD_FRAGMENT;
		return false;
	}
	count(t, COUNTER_FRAGMENTS_UNMATCHED);
	return true;
}

#endif
