/* SPDX-License-Identifier: ISC */
/* What must hold. */
#include "tests/roles/roles.h"

#define SETTLED 400000u	 /* µs after the last fault: one active, but for handovers */
#define STILL	4000000u /* no role changes any more */

/* How long a word may take to be known where all goes well. */
static u64 slack(const struct world *w)
{
	return w->delay + (w->late ? 200000 : 0);
}

static bool joined_for(const struct world *w, u8 from, u8 to, u64 us)
{
	return w->joined[from][to] && w->now - w->joined[from][to] >= us;
}

/* I takes over while its active twin lives: that may be only where nobody can tell it. */
static void rules_takeover(struct world *w, u8 i)
{
	const struct box *twin = &w->box[i ^ 1];
	u64 long_enough = 6 * INTERVAL + w->delay;

	w->takeovers++;
	if (w->loss || w->late)
		return;
	if (!box_runs(w, i ^ 1) || twin->state != ROLE_ACTIVE ||
	    w->now - twin->changed < long_enough)
		return;
	if (joined_for(w, i ^ 1, i, long_enough))
		world_fail(w, "box %u takes over from an active that it can hear", i);
	if (!twin->port[0] || !twin->port[1] || w->now - twin->port_changed < long_enough)
		return; /* its frames are of no use, or that is news yet */
	for (u8 p = 0; p < BOXES; p++)
		if (p / 2 != i / 2 && joined_for(w, i ^ 1, p, long_enough) &&
		    joined_for(w, p, i, long_enough))
			world_fail(w, "box %u takes over while box %u hears its active twin", i, p);
}

void rules_became(struct world *w, u8 i, enum role_state before)
{
	(void)before;
	if (w->box[i].state != ROLE_ACTIVE)
		return;
	if (w->box[i].takes_offer)
		w->handovers++;
	else
		rules_takeover(w, i);
}

/* Handed over is to an equal one, but by a box that stops or is of no use. */
void rules_offer(struct world *w, u8 from, u8 to)
{
	const struct box *f = &w->box[from];

	if (f->stops || !f->port[0] || !f->port[1] || w->now - f->resumed < 2 * WINDOW)
		return;
	if (w->now - w->box[to].was_equal > WINDOW + slack(w))
		world_fail(w, "box %u hands over to box %u, which is not equal", from, to);
}

static void rules_count(struct world *w, u8 side)
{
	u32 active = 0, can = 0;

	for (u8 i = side * 2; i < side * 2 + 2; i++) {
		active += box_runs(w, i) && w->box[i].state == ROLE_ACTIVE;
		can += box_can(w, i);
	}
	if (active <= 1)
		w->many_since[side] = 0;
	else if (!w->many_since[side])
		w->many_since[side] = w->now;
	if (active || !can)
		w->none_since[side] = 0;
	else if (!w->none_since[side])
		w->none_since[side] = w->now;
}

void rules_quiet(struct world *w)
{
	u64 passing = 2 * INTERVAL + slack(w); /* a handover's two */

	for (u8 side = 0; side < 2; side++) {
		rules_count(w, side);
		if (w->quiet_from == NEVER || w->now < w->quiet_from + SETTLED + slack(w))
			continue;
		if (w->none_since[side])
			world_fail(w, "side %u has no active box", side);
		if (w->many_since[side] && w->now - w->many_since[side] > passing)
			world_fail(w, "side %u has two active boxes", side);
	}
	for (u8 i = 0; i < BOXES && w->quiet_from != NEVER; i++)
		if (w->box[i].up && w->box[i].changed > w->quiet_from + STILL)
			world_fail(w, "box %u changed its role long after the last fault", i);
}
