// SPDX-License-Identifier: ISC
#include "tests/packets/clock.h"

#include "sandwich/core/settings.h"
#include "sandwich/slowpath/memory.h"

static void clock_slots(struct tables *t, enum table_kind kind, u32 ms)
{
	for (u32 i = 0; i <= t->mask[kind]; i++) {
		t->slots[kind][i].seen += ms;
		t->slots[kind][i].created += ms;
	}
}

/* All times in T become later by MS. */
static void clock_shift(struct tables *t, u32 ms)
{
	for (int kind = 0; kind < TABLES; kind++)
		clock_slots(t, (enum table_kind)kind, ms);
	for (u32 i = 0; i < DEVICES_MAX; i++) {
		struct device *d = &t->devices[i];

		d->heard += ms;
		if (d->since) /* 0 is no time */
			d->since = d->since + ms ? d->since + ms : 1;
	}
}

/* A stamp is the number of a quantum: those of THEN become those of NOW. */
static void clock_stamps(struct tables *t, u32 then, u32 now)
{
	u32 quantum = t->settings->quantum, from, to;

	if (!quantum)
		return;
	from = settings_phase(then, quantum);
	to = settings_phase(now, quantum);
	for (u32 i = 0; from != to && i < RANK_ROWS; i++)
		t->stamps[i] = (u8)(t->stamps[i] + settings_tick(to, i) - settings_tick(from, i));
}

void clock_start(struct clock *c)
{
	*c = (struct clock){.now = memory_now()};
}

void clock_hold(struct clock *c, struct tables *const *t, unsigned int count)
{
	u32 now = memory_now();

	if (CORE_LIKELY(now == c->now))
		return;
	for (unsigned int i = 0; i < count; i++) {
		clock_shift(t[i], now - c->now);
		clock_stamps(t[i], c->now, now);
	}
	c->now = now;
}

void clock_pass(struct clock *c, struct tables *const *t, unsigned int count, u32 ms)
{
	for (unsigned int i = 0; ms && i < count; i++) {
		clock_shift(t[i], 0 - ms);
		clock_stamps(t[i], c->time + ms, c->time);
	}
	c->time += ms;
}
