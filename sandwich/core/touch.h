/* SPDX-License-Identifier: ISC */
/*
 * Touching a session: what one frame leaves behind in its conversation's record.
 */
#ifndef SANDWICH_CORE_TOUCH_H
#define SANDWICH_CORE_TOUCH_H

#include "sandwich/core/learn.h"

/* A frame as its session sees it, besides its flow. */
struct touch {
	u64 hash;   /* the session's: session_hash() */
	u32 now;    /* ms */
	u32 length; /* bytes */
	u8 device;  /* where the conversation is */
	u8 origin;  /* enum session_origin, of a record yet to be made */
	u8 tcp_flags;
	bool from_outside, from_farm;
};

/* Timers, counters and the state of TCP. Returns EVENT_CLOSED when the frame ended it, else 0. */
CORE_INLINE u32 touch_update(struct tables *t, const struct touch *touch,
				const struct flow *flow, struct slot *s)
{
	u8 old = core_load(&s->state), was = session_state(old);
	u8 byte = session_settle(old, touch->from_farm);
	u8 state = session_next(byte, flow->protocol, touch->tcp_flags, touch->from_outside);
	bool closes = session_is_closed(state) && !session_is_closed(was);

	if (session_opens(touch->tcp_flags) && state == SESSION_NEW)
		byte = session_first(flow->protocol, touch->tcp_flags, touch->from_outside,
				     session_origin(byte));
	if ((state != was || session_state(byte) != was) &&
	    !session_turn(t, s, flow, old, (u8)((byte & ~7) | state),
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
 * how often: nearly every one. False: it may be no such frame, and nothing was done.
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

/*
 * In the middle of a conversation, toward an inner host of which nothing is known: the device was
 * guessed, and has let nothing through yet.
 */
CORE_INLINE bool touch_guesses(const struct touch *touch, u8 first)
{
	u8 state = session_state(first);

	return !touch->from_farm && state >= SESSION_OPENING && !session_is_closed(state) &&
	       (touch->origin == ORIGIN_HASH || touch->origin == ORIGIN_POOL);
}

/* Records a conversation that the table does not have. The events it was. */
CORE_INLINE u32 touch_new(struct tables *t, const struct touch *touch, const struct flow *flow)
{
	const struct settings *cfg = tables_settings(t);
	u8 first = session_first(flow->protocol, touch->tcp_flags, touch->from_outside,
				 touch->origin);
	struct slot *s;

	if (cfg && cfg->learn_hosts && touch_guesses(touch, first))
		first = (u8)((first & ~7) | SESSION_MOVED);
	s = session_add(t, flow, touch->hash, touch->device, first, touch->now);
	return s ? EVENT_NEW | touch_update(t, touch, flow, s) : 0;
}

/*
 * Finds or records the conversation, and touches it: all that the express does not do by itself, in
 * one call. EVENT_ELSEWHERE: it is not on TOUCH->device, and nothing was done; else the events that
 * it was.
 */
CORE_GLOBAL u32 touch_flow(struct tables *t, const struct touch *touch, const struct flow *flow)
{
	struct slot *s;

	tables_take(t);
	if (!touch || !flow)
		return 0;
	s = table_find_here(t, TABLE_SESSIONS, flow, touch->hash);
	if (!s)
		return touch_new(t, touch, flow);
	if (core_load(&s->device) != touch->device)
		return EVENT_ELSEWHERE;
	return touch_quick(t, touch, s) ? 0 : touch_update(t, touch, flow, s);
}

#endif
