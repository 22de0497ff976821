/* SPDX-License-Identifier: ISC */
/*
 * Teaching: what a frame from a device says of its conversation, and what becomes of that in the
 * tables. learn.h has the rules, this the frame.
 */
#ifndef SANDWICH_CORE_TEACH_H
#define SANDWICH_CORE_TEACH_H

#include "sandwich/core/learn.h"
#include "sandwich/core/work.h"

/*
 * Whether the frame was sent by a client, whose device has authenticated it. Not an answer to the
 * inside: its sender may be any server outside, whom masquerading devices reach by addresses of
 * their own.
 */
CORE_INLINE bool teach_is_clients(const struct slot *s)
{
	return !s || !(core_load(&s->state) & SESSION_FROM_INSIDE);
}

/*
 * A conversation that its device kept while it was away, and others of its key have gone elsewhere
 * and are pinned there: what it says is true of itself, and no reason to call them back.
 */
CORE_INLINE bool teach_left_behind(struct tables *t, const struct settings *cfg,
				   const struct work *w, const struct slot *s)
{
	if (w->place.why != PLACE_PIN || w->place.device == w->from ||
	    session_opens(w->packet.tcp_flags))
		return false;
	if (cfg->learn_hosts &&
	    (w->place.pin == PIN_HOST || !(core_load(&s->state) & SESSION_FROM_INSIDE)))
		return false; /* where a client's tunnel is, its newest frame says */
	return device_since(tables_device(t, w->from), core_load(&s->created));
}

/*
 * A host's tunnel was found on the device that placement names just now: the frame is one that was
 * still in flight from another, unless the conversation goes on there.
 */
CORE_INLINE bool teach_settles(struct tables *t, const struct settings *cfg, struct work *w,
			       struct slot *s)
{
	struct slot *pin = pin_find(t, cfg, &w->key, w->place.hash, w->now);

	if (!learn_settles(t, cfg, pin, w->now))
		return false;
	if (s && core_load(&s->device) != w->from)
		learn_asymmetric(t, s, &w->flow);
	w->device = w->place.device;
	return true;
}

/* Placement names another device. True: the frame's has the client of the conversation. */
CORE_INLINE bool teach_key(struct tables *t, const struct settings *cfg, struct work *w,
			   struct slot *s)
{
	bool roams = cfg->learn_hosts && cfg->on_move == MOVE_REBIND &&
		     (teach_is_clients(s) || learn_host_is(t, &w->flow, w->now));
	enum learn said;

	if (roams && teach_settles(t, cfg, w, s))
		return false;
	said = s ? learn_known(t, cfg, s, w->from, w->packet.tcp_flags, w->now) : LEARN_DEVICE;
	if (said == LEARN_ASYMMETRIC && roams) {
		count(t, COUNTER_MOVED_ROAMED);
		said = LEARN_DEVICE;
	}
	if (said == LEARN_ASYMMETRIC)
		learn_asymmetric(t, s, &w->flow);
	if (said == LEARN_DEVICE && learn(t, &w->key, w->place.hash, w->from, w->now)) {
		w->events |= EVENT_LEARNED;
		if (s)
			session_move(t, s, &w->flow, w->from);
	} else if (s) {
		w->device = core_load(&s->device);
	}
	return roams;
}

/* What the source device says of the conversation recorded at S, or of a new one. */
CORE_INLINE void teach(struct tables *t, const struct settings *cfg, struct work *w,
		       struct slot *s)
{
	bool binds = teach_is_clients(s);

	w->device = w->from;
	if (w->packet.icmp_error || !w->packet.ports_known)
		return; /* names no conversation, so it can't say that one is new here */
	if (local_find(t, cfg, &w->packet.src) & LOCAL_DEVICE) {
		w->place.why = PLACE_OWN;
		return; /* a device's own traffic binds nobody else's */
	}
	if (s && teach_left_behind(t, cfg, w, s)) {
		session_move(t, s, &w->flow, w->from);
		return;
	}
	if (w->place.device != w->from)
		binds = teach_key(t, cfg, w, s) || binds;
	if (!cfg->learn_hosts || w->device != w->from)
		return;
	if (!binds) /* of a server outside it only corrects a binding that is stale */
		binds = learn_host_is(t, &w->flow, w->now) &
			(LEARN_STALE | LEARN_POOLED);
	if (binds && learn_host(t, cfg, &w->flow, w->from, w->now))
		w->events |= EVENT_LEARNED;
}

/*
 * The same for the conversation whose session lies by HASH. W->device is where it is afterwards.
 * Returns how far from home its slot is, plus one, as table_seek() does; 0: it has none.
 */
CORE_GLOBAL u32 teach_at(struct tables *t, struct work *w, u64 hash)
{
	const struct settings *cfg = tables_settings(t);
	u32 place;

	tables_take(t);
	if (!cfg || !w)
		return 0;
	place = table_seek(tables_hand(t), TABLE_SESSIONS, &w->flow, hash);
	teach(t, cfg, w,
	      place ? tables_slot(t, TABLE_SESSIONS, (u32)hash + place - 1) : NULL);
	return place;
}

#endif
