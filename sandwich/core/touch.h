/* SPDX-License-Identifier: ISC */
/*
 * Touching a session: what one frame leaves behind in its conversation's record.
 */
#ifndef SANDWICH_CORE_TOUCH_H
#define SANDWICH_CORE_TOUCH_H

#include "sandwich/core/learn.h"

/* A frame as its session sees it. */
struct touch {
	struct flow flow;
	u64 hash;   /* the session's: session_hash() */
	u32 now;    /* ms */
	u32 length; /* bytes */
	u8 device;  /* where the conversation is */
	u8 origin;  /* enum session_origin, of a record yet to be made */
	u8 tcp_flags;
	bool from_outside, from_farm;
};

/* Timers, counters and the state of TCP. Returns EVENT_CLOSED when the frame ended it, else 0. */
CORE_INLINE u32 touch_update(struct tables *t, const struct touch *touch, struct slot *s)
{
	u8 old = core_load(&s->state), was = session_state(old);
	u8 byte = session_settle(old, touch->from_farm);
	u8 state = session_next(byte, touch->flow.protocol, touch->tcp_flags, touch->from_outside);
	bool closes = session_is_closed(state) && !session_is_closed(was);

	if (session_opens(touch->tcp_flags) && state == SESSION_NEW)
		byte = session_first(touch->flow.protocol, touch->tcp_flags, touch->from_outside,
				     session_origin(byte));
	if ((state != was || session_state(byte) != was) &&
	    !session_turn(t, s, &touch->flow, old, (u8)((byte & ~7) | state),
			  closes ? EVENT_CLOSED : EVENT_CHANGED))
		closes = false;
	if (closes)
		count(t, COUNTER_SESSIONS_CLOSED);
	if (touch->from_farm || !learn_stale(t, s))
		core_store(&s->seen, touch->now); /* a stale one: when its device speaks again */
	slot_account(s, touch->length);
	return closes ? EVENT_CLOSED : 0;
}

/*
 * The same for a frame that changes nothing about its conversation but when it was last seen, and
 * how often: nearly every one. False: it may be no such frame, and nothing was done. TOUCH is
 * looked at word by word, so that it need not lie in memory.
 */
CORE_INLINE bool touch_quick(struct tables *t, const struct touch *touch, struct slot *s)
{
	if (!session_is_steady(core_load(&s->state), touch->tcp_flags, touch->from_outside))
		return false;
	if (touch->from_farm || !learn_stale(t, s))
		core_store(&s->seen, touch->now);
	slot_account(s, touch->length);
	return true;
}

/* Records the conversation on its device, or brings its record S up to date. The events it was. */
CORE_GLOBAL u32 touch_record(struct tables *t, const struct touch *touch, struct slot *s)
{
	u8 first;

	tables_take(t);
	if (!touch)
		return 0;
	if (s)
		return touch_update(t, touch, s);
	first = session_first(touch->flow.protocol, touch->tcp_flags, touch->from_outside,
			      touch->origin);
	s = session_add(t, &touch->flow, touch->hash, touch->device, first, touch->now);
	return s ? EVENT_NEW | touch_update(t, touch, s) : 0;
}

/*
 * Finds or records the conversation, and touches it: the lane's whole business with sessions, in
 * one call. Fills in TOUCH->hash. EVENT_ELSEWHERE: it is not on TOUCH->device, and nothing was
 * done; else the events that it was.
 */
CORE_GLOBAL u32 touch_flow(struct tables *t, struct touch *touch)
{
	const struct settings *cfg = tables_settings(t);
	struct slot *s;

	tables_take(t);
	if (!touch || !cfg)
		return 0;
	touch->hash = session_hash(cfg, &touch->flow);
	s = table_find_near(t, TABLE_SESSIONS, &touch->flow, touch->hash);
	if (s && core_load(&s->device) != touch->device)
		return EVENT_ELSEWHERE;
	if (CORE_LIKELY(s) && touch_quick(t, touch, s))
		return 0;
	return touch_record(tables_hand(t), touch, s);
}

#endif
