/* SPDX-License-Identifier: ISC */
/*
 * Touches that wait for their slot to come from memory.
 *
 * A session's slot is a line that is in no cache, and its page in no TLB: looking at it takes as
 * long as all else that is done with a frame. Nothing of the frame depends on it where placement
 * has decided. So, on a CPU that touches many sessions a tick, a touch is noted in a ring of its
 * own, and done when the ring has gone round. Until then the line is fetched: BPF knows no
 * prefetch, but a store does not make anybody wait. What is stored is what is there: no router,
 * since the express does not run where routers are kept (last-hop).
 *
 * A CPU's ring is its own. An alarm on the same CPU empties it when nothing comes any more; both
 * run with softirqs held off, so neither meets the other. Without such an alarm (Linux before 6.7)
 * nothing is deferred.
 *
 * When it is done a touch may find no session, and records it, or one on another device: then all
 * is done that decide() does, but that the frame has gone where placement said. Where decide() says
 * that the conversation stays on its device, it is pinned there, and the next frame goes by that.
 */
#ifndef SANDWICH_FASTPATH_DEFER_BPF_H
#define SANDWICH_FASTPATH_DEFER_BPF_H

#include "sandwich/core/decide.h"
#include "sandwich/core/express.h"
#include "sandwich/fastpath/shared.h"
#include "sandwich/fastpath/tables.bpf.h"

#define DEFER_TOUCHES 16 /* a power of two */
#define DEFER_CPUS 256	 /* those with a higher number defer nothing */
#define DEFER_PINNED 2	 /* BPF_F_TIMER_CPU_PIN, which the headers of Linux 6.1 lack */
#define DEFER_MONOTONIC 1

struct defer {
	struct express_room touch[DEFER_TOUCHES];
	u32 head, tail; /* the number of the next to be noted, to be done */
	u32 tick, made; /* touches in that tick */
	u32 busy;	/* there were many in the tick before */
	u32 armed;
	struct work work; /* too large for the stack */
};

/* Of its CPU; NULL to the verifier's mind. */
CORE_INLINE struct defer *defer_here(void);

struct defer_alarm {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFER_CPUS);
	__type(key, u32);
	__type(value, struct defer_alarm);
} alarms SEC(".maps");

/* The frame, as far as the rest of decide() looks at one that was the express's. */
CORE_INLINE void defer_work(const struct settings *cfg, const struct express_room *late,
			    struct work *w)
{
	bool farm = late->touch.from_farm, outside = late->touch.from_outside;

	core_zero(w, sizeof(*w));
	w->now = late->touch.now;
	w->port = farm ? 1 : PORT_UPLINK;
	w->from = farm ? late->touch.device : 0;
	w->device = late->touch.device;
	w->flow = late->flow;
	w->packet.to = outside ? late->flow.inside : late->flow.outside;
	w->packet.tcp_flags = late->touch.tcp_flags;
	w->packet.ports_known = true;
	affinity_key(&w->key, &w->flow, cfg->affinity);
}

/* Whether placement says now what it said of the frame. */
__attribute__((noinline)) int defer_placed(struct express_room *late)
{
	struct defer *d = defer_here();
	struct tables t = {0};
	const struct settings *cfg = tables_settings(&t);

	if (!d || !late)
		return 0;
	defer_work(cfg, late, &d->work);
	if (late->touch.from_farm)
		place(&t, cfg, &d->work.key, d->work.now, &d->work.place);
	else
		decide_place_inward(&t, cfg, &d->work, 0);
	return d->work.place.device == late->touch.device;
}

/* The record says another device: as decide_inward() and decide_outward() have it. */
__attribute__((noinline)) int defer_elsewhere(struct express_room *late)
{
	struct defer *d = defer_here();
	struct tables t = {0};
	const struct settings *cfg = tables_settings(&t);
	struct slot *s;

	if (!d || !late || !defer_placed(late))
		return 0; /* it has changed just now */
	s = table_find(&t, TABLE_SESSIONS, &d->work.flow, late->touch.hash);
	if (!s)
		return 0;
	if (d->work.from)
		decide_agree(&t, cfg, &d->work, s);
	else
		decide_moved(&t, cfg, &d->work, s, true);
	late->touch.device = d->work.device;
	return (int)touch_flow(tables_hand(&t), &late->touch, &late->flow);
}

/* False: it is on another device, and nothing was done. */
CORE_INLINE bool defer_touch(struct tables *t, const struct express_room *note)
{
	struct slot *home = table_at_home(t, TABLE_SESSIONS, &note->flow, note->touch.hash);

	if (CORE_LIKELY(home) && core_load(&home->device) == note->touch.device &&
	    touch_quick(t, &note->touch, home))
		return true;
	return touch_flow(tables_hand(t), &note->touch, &note->flow) != EVENT_ELSEWHERE;
}

/* Does the oldest. */
CORE_INLINE void defer_oldest(struct tables *t, struct defer *d)
{
	struct express_room *late = &d->touch[d->tail++ & (DEFER_TOUCHES - 1)];

	if (!defer_touch(t, late))
		defer_elsewhere(late);
}

static int defer_ring(void *map, u32 *cpu, struct defer_alarm *alarm)
{
	struct defer *d = defer_here();
	struct tables t = {0};

	(void)map;
	(void)cpu;
	(void)alarm;
	if (!d)
		return 0;
	for (int i = 0; i < DEFER_TOUCHES && d->tail != d->head; i++)
		defer_oldest(&t, d);
	d->armed = 0;
	return 0;
}

/* Each time with this program's function: the one before had its own. */
__attribute__((noinline)) int defer_arm(void)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct defer_alarm *alarm = bpf_map_lookup_elem(&alarms, &cpu);

	if (!alarm)
		return -1;
	(void)bpf_timer_init(&alarm->timer, &alarms, DEFER_MONOTONIC);
	if (bpf_timer_set_callback(&alarm->timer, defer_ring))
		return -1;
	return (int)bpf_timer_start(&alarm->timer, FAST_DEFER_US * 1000, DEFER_PINNED);
}

/* Whether this CPU touches LIMIT sessions in a TICK, or more. */
CORE_INLINE bool defer_is_busy(struct defer *d, u32 tick, u32 limit)
{
	if (CORE_UNLIKELY(d->tick != tick)) {
		d->busy = d->made >= limit && tick - d->tick == 1;
		d->tick = tick;
		d->made = 0;
		d->armed = 0; /* each tick anew: an alarm goes astray when its CPU goes offline */
	}
	return ++d->made >= limit || d->busy;
}

CORE_INLINE struct express_room *express_note(void)
{
	struct defer *d = defer_here();

	return d ? &d->touch[d->head & (DEFER_TOUCHES - 1)] : NULL;
}

/* Whether touches are deferred on this CPU now, and somebody does them. */
CORE_INLINE bool defer_defers(struct defer *d, u32 limit, u32 tick)
{
	if (!defer_is_busy(d, tick, limit))
		return false;
	if (CORE_LIKELY(d->armed))
		return true;
	if (defer_arm()) {
		d->busy = d->made = 0; /* it is not tried again for each frame */
		return false;
	}
	d->armed = 1;
	return true;
}

CORE_INLINE void defer_fetch(struct tables *t, u32 index)
{
	struct slot *s = tables_slot(t, TABLE_SESSIONS, index);

	if (s)
		core_store(&s->router, 0);
}

/*
 * Does the touch that was noted, now or later. TICK: the time, in jiffies. Zero: it was neither,
 * as its session is on another device. Global, so that the verifier looks at it once and not behind
 * each of a frame's ways.
 */
__attribute__((noinline)) int defer_noted(u32 tick)
{
	struct defer *d = defer_here();
	struct tables t = {0};
	struct express_room *note;
	u32 limit;

	if (!d)
		return 0;
	note = &d->touch[d->head & (DEFER_TOUCHES - 1)];
	limit = core_load(&tables_settings(&t)->defer);
	if (!limit) /* express_touch() has looked at its home */
		return touch_flow(tables_hand(&t), &note->touch, &note->flow) != EVENT_ELSEWHERE;
	if (!defer_defers(d, limit, tick))
		return defer_touch(&t, note);
	if (++d->head - d->tail >= DEFER_TOUCHES)
		defer_oldest(&t, d);
	defer_fetch(&t, (u32)note->touch.hash); /* last: an atomic operation would wait for it */
	if (note->touch.tcp_flags & TCP_SYN) /* recording looks for a copy in the slots behind */
		defer_fetch(&t, (u32)note->touch.hash + 1);
	return 1;
}

#endif
