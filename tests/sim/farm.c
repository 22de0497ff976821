// SPDX-License-Identifier: ISC
/*
 * What becomes of the devices: they die and come back (with their state or without), are drained
 * and undrained, get another weight. The order of a change is that of run/farm.c: both sides sweep,
 * then each flips in its own time, then each sweeps again for what began meanwhile. A death has no
 * sweep.
 */
#include "tests/sim/sim.h"

#include <string.h>

#include "sandwich/core/rank.h"

/* Marks who is dead, or down on some side, at this moment. */
void farm_disturb(struct sim *s)
{
	for (u32 id = 1; id <= s->devices; id++) {
		struct device_sim *d = &s->device[id];

		if (!d->alive || !d->up[0] || !d->up[1])
			d->disturbed = s->now;
	}
	if (s->busy)
		s->unsettled = s->now;
}

static void farm_plan(struct sim *s, struct change c, u64 delay)
{
	c.at = s->now + delay;
	s->change[s->changes++] = c;
	s->busy = true;
}

/* Sweep, flip within the skew, sweep again. */
static void farm_change(struct sim *s, struct change c)
{
	for (u8 side = 0; side < 2; side++) {
		u64 flip = 11 + sim_chance(s, SIM_SKEW_MS);

		c.side = side;
		c.step = CHANGE_SWEEP;
		farm_plan(s, c, sim_chance(s, 10));
		c.step = CHANGE_FLIP;
		farm_plan(s, c, flip);
		c.step = CHANGE_AGAIN;
		farm_plan(s, c, flip + sim_chance(s, 4));
	}
}

static void farm_die(struct sim *s, u8 id)
{
	struct change c = {.device = id, .step = CHANGE_FLIP};

	s->device[id].alive = false;
	for (c.side = 0; c.side < 2; c.side++)
		farm_plan(s, c, SIM_DETECT_MS + sim_chance(s, SIM_SKEW_MS));
}

static void farm_return(struct sim *s, u8 id)
{
	s->device[id].alive = true;
	if (sim_chance(s, 2))
		device_reboot(&s->device[id]);
	farm_change(s, (struct change){.device = id, .up = true, .pick = true});
}

/* Builds the other rows on both sides, with another weight of one device. */
static void farm_weigh(struct sim *s, u8 id)
{
	struct rank_device list[SIM_DEVICES];
	u16 weight = (u16)(1 + sim_chance(s, 4));

	for (u8 side = 0; side < 2; side++) {
		struct tables *t = s->side[side].t;
		u32 set = !t->settings->rows;

		t->devices[id].weight = weight;
		for (u8 i = 1; i <= s->devices; i++)
			list[i - 1] = (struct rank_device){t->devices[i].name_hash,
							   t->devices[i].weight, i};
		if (side)
			memcpy(tables_row(t, set, 0),
			       tables_row(s->side[0].t, !s->side[0].t->settings->rows, 0),
			       RANK_ROWS * sizeof(struct rank_row));
		else
			rank_build(tables_row(t, set, 0), &t->settings->placement, list,
				   s->devices);
	}
	farm_change(s, (struct change){.device = id, .up = s->device[id].up[0],
				       .pick = s->device[id].pick[0], .weigh = true});
}

static u32 farm_living(const struct sim *s)
{
	u32 n = 0;

	for (u32 id = 1; id <= s->devices; id++)
		n += s->device[id].alive && s->device[id].pick[0];
	return n;
}

/* Begins a change, if none is under way. */
static void farm_begin(struct sim *s)
{
	u8 id = (u8)(1 + sim_chance(s, s->devices));
	struct device_sim *d = &s->device[id];
	bool drained = d->alive && !d->pick[0];

	if (s->flood && !d->alive)
		return; /* what a full table did not record may move then: DESIGN, invariant 7 */
	s->changed = true;
	s->changes_made++;
	if (!d->alive)
		farm_return(s, id);
	else if (drained)
		farm_change(s, (struct change){.device = id, .up = true, .pick = true});
	else if (farm_living(s) < 2)
		return;
	else if (s->flood || sim_chance(s, 2))
		farm_die(s, id);
	else if (sim_chance(s, 3))
		farm_change(s, (struct change){.device = id, .up = true});
	else
		farm_weigh(s, id);
}

static void farm_apply(struct sim *s, const struct change *c)
{
	if (c->step == CHANGE_FLIP)
		side_flip(s, c->side, c);
	else
		side_sweep(s, c->side, c);
}

/* Does what is due; now and then begins something new. */
void farm_step(struct sim *s)
{
	u32 left = 0;

	for (u64 at = s->now > 100 ? s->now - 100 : 0; at <= s->now; at++)
		for (u32 i = 0; i < s->changes; i++)
			if (s->change[i].at == at)
				farm_apply(s, &s->change[i]);
	for (u32 i = 0; i < s->changes; i++)
		if (s->change[i].at > s->now)
			s->change[left++] = s->change[i];
	s->changes = left;
	farm_disturb(s);
	s->busy = s->changes > 0;
	if (!s->busy && !sim_chance(s, 60) && s->now - s->started > 1000 + s->seed % 3 * 2000 &&
	    !(s->flood && s->changes_made > 2))
		farm_begin(s);
	farm_disturb(s);
}
