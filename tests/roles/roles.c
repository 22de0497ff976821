/* SPDX-License-Identifier: ISC */
/*
 * Runs the simulation of the roles for one seed after the other.
 *
 *   SEEDS=N  how many (1000); SEED=N runs that one alone, and tells what happens
 *   PLANT=no-vote | deaf | equal | slow   plants a bug, which must be found: exit 1
 */
#include "tests/roles/roles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const plant_names[PLANTS] = {"", "no-vote", "deaf", "equal", "slow"};

struct totals {
	u64 faults, changes, takeovers, handovers, worst;
};

static void roles_trouble(struct world *w)
{
	u32 faults = 5 + (u32)world_chance(w, 25);

	for (u8 i = 0; i < BOXES; i++) {
		box_start(w, i);
		world_run(w, w->now + world_chance(w, 100000));
	}
	world_run(w, w->now + 500000);
	while (w->faults < faults && !*w->failure) {
		faults_one(w);
		world_run(w, w->now + world_chance(w, world_chance(w, 3) ? 100000 : 1000000));
	}
	faults_end(w);
	world_run(w, w->now + 5000000);
	if (w->changes > 8 * w->faults + 16)
		world_fail(w, "%u changes of roles for %u faults", w->changes, w->faults);
}

/* Both boxes of a side live and are equal: the active dies, and the other's time is taken. */
static void roles_outage(struct world *w, u8 side, struct totals *totals)
{
	u8 dead = box_active(w, side), heir = dead ^ 1;
	u64 bound = WINDOW + 2 * INTERVAL + 2 * w->delay, died = w->now;

	w->quiet_from = NEVER;
	box_kill(w, dead);
	world_run(w, died + bound);
	if (box_active(w, side) != heir)
		world_fail(w, "side %u: nobody active %llu µs after a death", side,
			   (unsigned long long)bound);
	else if (w->box[heir].changed - died > totals->worst)
		totals->worst = w->box[heir].changed - died;
	box_start(w, dead);
	w->quiet_from = w->now;
	world_run(w, w->now + 3000000);
	if (!w->preempt && !w->follow && box_active(w, side) != heir)
		world_fail(w, "side %u: the box that came back took over again", side);
}

static void roles_end(struct world *w, struct totals *totals)
{
	for (u8 side = 0; side < 2 && !*w->failure; side++) {
		u8 i = box_active(w, side);

		if (i == BOXES || !box_can(w, i ^ 1) || w->loss || w->late)
			continue;
		world_run(w, w->now + world_chance(w, INTERVAL));
		roles_outage(w, side, totals);
	}
}

static bool roles_run(u64 seed, enum plant plant, struct totals *totals, bool tell)
{
	static struct world w;
	bool good;

	world_open(&w, seed, plant, tell);
	roles_trouble(&w);
	if (!*w.failure)
		roles_end(&w, totals);
	good = !*w.failure;
	totals->faults += w.faults;
	totals->changes += w.changes;
	totals->takeovers += w.takeovers;
	totals->handovers += w.handovers;
	if (tell || (!good && !plant))
		fprintf(stderr, "seed %llu: loss %u/1000, delay %llu µs%s%s%s: %s\n",
			(unsigned long long)seed, w.loss, (unsigned long long)w.delay,
			w.late ? ", some late" : "", w.preempt ? ", preempt" : "",
			w.follow ? ", follow-partner" : "", good ? "held" : w.failure);
	world_close(&w);
	return good;
}

static u64 number(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static enum plant plant_of(const char *name)
{
	for (int i = 1; name && i < PLANTS; i++)
		if (!strcmp(name, plant_names[i]))
			return (enum plant)i;
	return PLANT_NONE;
}

int main(void)
{
	enum plant plant = plant_of(getenv("PLANT"));
	u64 one = number("SEED", 0), seeds = one ? 1 : number("SEEDS", 1000), failed = 0;
	u64 first = one ? one : number("FIRST", 1);
	struct totals t = {0};
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (u64 n = 0; n < seeds && failed < 5; n++)
		failed += !roles_run(first + n, plant, &t, one != 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (failed && !plant)
		fprintf(stderr, "again, with what happens: SEED=N build/roles/roles\n");
	printf("roles: %llu seeds, %llu faults, %llu changes, %llu takeovers, %llu handovers, "
	       "outage at most %.1f ms, %llu failed, %.1f s\n",
	       (unsigned long long)seeds, (unsigned long long)t.faults,
	       (unsigned long long)t.changes, (unsigned long long)t.takeovers,
	       (unsigned long long)t.handovers, (double)t.worst / 1000, (unsigned long long)failed,
	       (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
	return failed != 0;
}
