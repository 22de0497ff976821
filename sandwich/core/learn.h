/* SPDX-License-Identifier: ISC */
/*
 * Learning: what the device that a frame came from teaches.
 *
 * Asked only where placement names another device than the one the frame came from, or where
 * inner hosts are bound. Without a session, the frame's device is believed: a stateful device
 * forwards what it has state for, so the answers belong there. A known conversation is a matter of
 * on-move, of whether its old device is up, and of whether the frame opens it anew.
 *
 * Where inner hosts are bound, a device has authenticated what it decrypted: the newest frame of a
 * client says where its tunnel is, though the old device is up, and all of the client follows.
 */
#ifndef SANDWICH_CORE_LEARN_H
#define SANDWICH_CORE_LEARN_H

#include "sandwich/core/place.h"
#include "sandwich/core/session.h"

enum learn {
	LEARN_NOTHING, /* the conversation stays where it is known to be */
	LEARN_DEVICE,  /* it is on the frame's device from now on */
	LEARN_ASYMMETRIC, /* it stays, and was seen on two devices that are up */
};

/*
 * ms for which a host stays where it was found: what is still in flight from the device that it has
 * left does not call it back.
 */
#define LEARN_SETTLE_MS 300

/* What is known of a flow's inner host; 0: nothing, it may be any server outside. */
#define LEARN_BOUND 1u /* to a device that is up */
#define LEARN_STALE 2u /* to one that is not */
#define LEARN_POOLED 4u /* to none, but it is in some device's pool */

/* Up, and heard of lately: a silent device may be gone already, and the partner knows first. */
CORE_INLINE bool device_is_live(struct tables *t, const struct settings *cfg, u8 id, u32 now)
{
	struct device *d = tables_device(t, id);

	return d && device_set_has(&cfg->up, id) &&
	       (!cfg->heard || core_elapsed(now, core_load(&d->heard)) <= cfg->heard);
}

/*
 * Its device went and came back since it was last seen: the record is of the time before. The
 * conversation may have gone elsewhere meanwhile (a client to another gateway), or been left behind
 * by others of its key; since they all stay together, it does not call those back.
 */
CORE_INLINE bool learn_stale(struct tables *t, const struct slot *session)
{
	return device_since(tables_device(t, core_load(&session->device)),
			    core_load(&session->seen));
}

/*
 * Where an inner host is had to be guessed, for a question of the inside that nobody has answered
 * yet or after its device went down. The first frame of the host says where it is.
 */
CORE_INLINE bool learn_guessed(const struct settings *cfg, const struct slot *session)
{
	u8 byte = core_load(&session->state), state = session_state(byte);

	return cfg->learn_hosts &&
	       (state == SESSION_MOVED || (state == SESSION_NEW && byte & SESSION_FROM_INSIDE));
}

CORE_INLINE void learn_asymmetric(struct tables *t, struct slot *session, const struct flow *flow)
{
	u8 byte = core_load(&session->state);

	if (byte & SESSION_ASYMMETRIC)
		return;
	if (session_turn(t, session, flow, byte, (u8)(byte | SESSION_ASYMMETRIC), EVENT_CHANGED))
		count(t, COUNTER_ASYMMETRIC_FLOWS);
}

/* What a frame of a recorded conversation says that came from DEVICE and not from its own. */
CORE_INLINE enum learn learn_known(struct tables *t, const struct settings *cfg,
				   struct slot *session, u8 device, u8 tcp_flags, u32 now)
{
	u8 old = core_load(&session->device);

	if (old == device || session_state(core_load(&session->state)) == SESSION_MOVED ||
	    learn_guessed(cfg, session))
		return LEARN_DEVICE;
	if (!device_is_live(t, cfg, old, now) || learn_stale(t, session) ||
	    device_since(tables_device(t, device), core_load(&session->created))) {
		count(t, COUNTER_MOVED_DOWN);
		return LEARN_DEVICE;
	}
	if (session_opens(tcp_flags) || session_expired(cfg, session, now)) {
		count(t, cfg->on_move == MOVE_REBIND ? COUNTER_MOVED_REBIND : COUNTER_KEPT);
		return cfg->on_move == MOVE_REBIND ? LEARN_DEVICE : LEARN_NOTHING;
	}
	return LEARN_ASYMMETRIC;
}

/* PIN was put a moment ago, and its device lives: for now it holds against frames from others. */
CORE_INLINE bool learn_settles(struct tables *t, const struct settings *cfg, const struct slot *pin,
			       u32 now)
{
	return cfg->learn_hosts && cfg->on_move == MOVE_REBIND && pin &&
	       core_elapsed(now, core_load(&pin->created)) < LEARN_SETTLE_MS &&
	       device_is_live(t, cfg, core_load(&pin->device), now);
}

/*
 * Binds the inner host (the flow's outside end, seen from egress) to DEVICE. Under affinity =
 * client the binding and the learned pin are one: it then lives as a binding does. True: it is new.
 */
CORE_INLINE bool learn_host(struct tables *t, const struct settings *cfg, const struct flow *flow,
			u8 device, u32 now)
{
	struct flow key;
	u64 hash = place_host_key(cfg, flow, &key);
	struct slot *pin = pin_find(t, cfg, &key, hash, now);

	if (pin && core_load(&pin->device) == device) {
		if (core_load(&pin->state) <= PIN_SWEPT) {
			core_store(&pin->state, PIN_HOST);
			tables_tell(t, TABLE_PINS, pin, EVENT_LEARNED);
		}
		return false;
	}
	if (learn_settles(t, cfg, pin, now) ||
	    !pin_put(t, &key, hash, device, PIN_HOST, now))
		return false;
	count(t, COUNTER_LEARNED_HOSTS);
	return true;
}

/* Whether the flow's inner host is bound: LEARN_BOUND, LEARN_STALE, or 0. */
CORE_GLOBAL u32 learn_binding(struct tables *t, const struct flow *flow, u32 now)
{
	const struct settings *cfg = tables_settings(t);
	struct flow key;
	struct slot *pin;
	u64 hash;

	tables_take(t);
	if (!cfg || !flow)
		return 0;
	hash = place_host_key(cfg, flow, &key);
	pin = pin_find(t, cfg, &key, hash, now);
	if (!pin || core_load(&pin->state) != PIN_HOST)
		return 0;
	return device_set_has(&cfg->up, core_load(&pin->device)) ? LEARN_BOUND : LEARN_STALE;
}

/* What is known of the flow's inner host. No function of its own: the stack of calls is full. */
CORE_INLINE u32 learn_host_is(struct tables *t, const struct flow *flow, u32 now)
{
	u32 bound = learn_binding(tables_hand(t), flow, now);

	if (bound)
		return bound;
	return pool_find(tables_hand(t), &flow->outside) ? LEARN_POOLED : 0;
}

/*
 * A frame of KEY came from DEVICE, placement names another, and nothing speaks against it. True: it
 * was learned; the session is still to be moved.
 */
CORE_INLINE bool learn(struct tables *t, const struct flow *key, u64 hash, u8 device, u32 now)
{
	if (!pin_put(t, key, hash, device, PIN_LEARNED, now))
		return false;
	count(t, COUNTER_LEARNED);
	return true;
}

#endif
