/* SPDX-License-Identifier: ISC */
/*
 * The sweep: before the set of devices that are picked from changes, every living conversation
 * that the change would move is pinned where it is (DESIGN 4). Also the walk that expires.
 *
 * Walks are cut into slices by their callers, so that nobody waits for a large table.
 */
#ifndef SANDWICH_CORE_SWEEP_H
#define SANDWICH_CORE_SWEEP_H

#include "sandwich/core/learn.h"
#include "sandwich/core/tunnel.h"

/* What placement will be: the same settings but for who is picked, and from which rows. */
struct sweep {
	struct settings next;
	u32 now;
	u32 walked, pinned; /* results, added to */
};

/*
 * Whether the pin that NEXT goes by is to be left alone. One whose device is not up now is stale,
 * or was until just now: its conversations went elsewhere and are not to follow it back. An
 * operator's says otherwise.
 */
CORE_INLINE bool sweep_pin_holds(struct tables *t, struct sweep *sweep, const struct flow *key,
				 const struct placement *next)
{
	const struct settings *cfg = tables_settings(t);
	struct slot *pin = pin_find(t, &sweep->next, key, next->hash, sweep->now);

	return !cfg || (device_set_has(&cfg->up, next->device) && !next->revived) ||
	       (pin && core_load(&pin->state) == PIN_OPERATOR);
}

/* To or from a device's own address, which no placement moves. */
CORE_INLINE bool sweep_is_own(struct tables *t, const struct settings *cfg, const struct flow *flow)
{
	return (local_find(t, cfg, &flow->inside) | local_find(t, cfg, &flow->outside)) &
	       LOCAL_DEVICE;
}

/*
 * A conversation that is where its record says, now and after the change. A device that is not up
 * now has none; of one that was moved or guessed nothing has come through yet, and its own device
 * may have it back.
 */
CORE_INLINE bool sweep_is_living(struct tables *t, struct sweep *sweep, const struct slot *s,
				 u8 device)
{
	const struct settings *cfg = tables_settings(t);

	return cfg && device_set_has(&cfg->up, device) &&
	       device_set_has(&sweep->next.up, device) &&
	       !session_expired(&sweep->next, s, sweep->now) &&
	       session_state(core_load(&s->state)) != SESSION_MOVED &&
	       !learn_guessed(&sweep->next, s);
}

/* Whether conversations of KEY go to DEVICE as things are. */
CORE_INLINE bool sweep_is_placed(struct tables *t, struct sweep *sweep, const struct flow *flow,
				 const struct flow *key, u8 device)
{
	struct placement current = {0};

	place_flow(t, tables_settings(t), flow, key, sweep->now, &current);
	return current.device == device;
}

/* A peer's conversation may be where an identifier placed it, of which its record knows nothing. */
CORE_INLINE bool sweep_by_identifier(const struct flow *key)
{
	return key->protocol == PIN_KIND_PEER;
}

/* Pins the session at S if NEXT would place it elsewhere and its device can still carry it. */
CORE_INLINE void sweep_slot(struct tables *t, struct sweep *sweep, struct slot *s)
{
	u32 version = core_load(&s->version);
	u8 device = core_load(&s->device);
	struct placement next = {0};
	struct flow key, flow;

	slot_key(s, &flow);
	if (!slot_is_live(version) || core_load(&s->version) != version)
		return;
	sweep->walked++;
	if (!sweep_is_living(t, sweep, s, device))
		return;
	tunnel_key(t, &sweep->next, &flow, &key);
	place_flow(t, &sweep->next, &flow, &key, sweep->now, &next);
	if (next.device == device || sweep_is_own(t, &sweep->next, &flow))
		return;
	if (next.why == PLACE_PIN &&
	    (learn_stale(t, s) || sweep_pin_holds(t, sweep, &key, &next)))
		return;
	if ((learn_stale(t, s) || sweep_by_identifier(&key)) &&
	    !sweep_is_placed(t, sweep, &flow, &key, device))
		return;
	if (pin_put(t, &key, next.hash, device, PIN_SWEPT, sweep->now)) {
		sweep->pinned++;
		count(t, COUNTER_SWEPT_PINS);
	}
}

/* Forgets the session at S if its time is over; keeps its pin fresh otherwise. True: forgotten. */
CORE_INLINE bool sweep_expire(struct tables *t, const struct settings *cfg, struct slot *s, u32 now,
			      bool have_pins)
{
	u32 version = core_load(&s->version);
	struct flow key, flow;

	slot_key(s, &flow);
	if (!slot_is_live(version) || core_load(&s->version) != version)
		return false;
	if (session_expired(cfg, s, now)) {
		if (!session_remove(t, s, version))
			return false;
		count(t, COUNTER_SESSIONS_EXPIRED);
		return true;
	}
	if (!have_pins)
		return false;
	tunnel_key(t, cfg, &flow, &key);
	pin_find(t, cfg, &key, flow_hash(&cfg->placement, &key), now);
	return false;
}

#define SWEEP_PIN_MS 60000 /* how long a pin outlives the last sign of its conversations */
#define SWEEP_CONTROL 16   /* an identifier of a control channel, which may rest for an hour */

/* How long a pin lives that nothing uses, in ms. */
CORE_INLINE u32 sweep_pin_limit(const struct settings *cfg, const struct slot *pin)
{
	u8 origin = core_load(&pin->state), kind = core_load(&pin->key.protocol);
	u32 limit = cfg->timeout[TIMEOUT_INNER_HOST];

	if (origin == PIN_TUNNEL && (kind == PIN_KIND_IKE || kind == PIN_KIND_OPENVPN))
		return limit < 0x7fffffff / SWEEP_CONTROL ? limit * SWEEP_CONTROL : limit;
	return origin == PIN_HOST || origin == PIN_TUNNEL || origin == PIN_SHARED ? limit
										  : SWEEP_PIN_MS;
}

/* Forgets the pin at S when nothing has used it. An operator's pins stay. */
CORE_INLINE bool sweep_expire_pin(struct tables *t, const struct settings *cfg, struct slot *s,
				  u32 now)
{
	u32 version = core_load(&s->version);
	u8 origin = core_load(&s->state);

	if (!slot_is_live(version) || origin == PIN_OPERATOR ||
	    core_elapsed(now, core_load(&s->seen)) <= sweep_pin_limit(cfg, s))
		return false;
	count(t, COUNTER_PINS_EXPIRED);
	return pin_remove(t, s, version);
}

#endif
