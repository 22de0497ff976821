/* SPDX-License-Identifier: ISC */
/* What goes wrong. */
#include "tests/roles/roles.h"

static u8 some_box(struct world *w)
{
	return (u8)world_chance(w, BOXES);
}

static void fault_death(struct world *w)
{
	u8 i = some_box(w);

	if (w->box[i].up)
		box_kill(w, i);
	else
		box_start(w, i);
}

/* A box that is back before anybody has noticed. */
static void fault_restart(struct world *w)
{
	u8 i = some_box(w);

	box_kill(w, i);
	world_run(w, w->now + 1 + world_chance(w, 100000));
	if (!w->box[i].up)
		box_start(w, i);
}

static void fault_pause(struct world *w)
{
	box_pause(w, some_box(w), world_chance(w, 3) ? world_chance(w, 200000) : 2000000);
}

/* One way between two boxes, by one path or by all. */
static void fault_cut(struct world *w)
{
	u8 from = some_box(w), to = some_box(w), one = (u8)world_chance(w, PATHS + 2);
	bool both = world_chance(w, 2);

	for (u8 path = 0; path < PATHS; path++) {
		if (one < PATHS && path != one)
			continue;
		w->cut[path][from][to] = true;
		if (both)
			w->cut[path][to][from] = true;
	}
	world_log(w, "cut %u %s %u, path %u", from, both ? "<->" : "->", to, one);
}

/* Twins that can't hear each other: what is left is the partner's word. */
static void fault_twins(struct world *w)
{
	u8 i = some_box(w), twin = i ^ 1;

	for (u8 path = 0; path < PATHS; path++)
		w->cut[path][i][twin] = w->cut[path][twin][i] = true;
	world_log(w, "cut between the twins %u and %u", i, twin);
}

/* A partition: the boxes of a set, and the others; of the sync network alone, or of all. */
static void fault_partition(struct world *w)
{
	u32 set = (u32)world_chance(w, 1 << BOXES), paths = world_chance(w, 2) ? 1 : PATHS;

	for (u32 path = 0; path < paths; path++)
		for (u8 i = 0; i < BOXES; i++)
			for (u8 j = 0; j < BOXES; j++)
				if ((set >> i & 1) != (set >> j & 1))
					w->cut[path][i][j] = true;
	world_log(w, "partition %x, %s", set, paths == 1 ? "sync alone" : "all paths");
}

static void fault_heal(struct world *w)
{
	for (u8 path = 0; path < PATHS; path++)
		for (u8 i = 0; i < BOXES; i++)
			for (u8 j = 0; j < BOXES; j++)
				w->cut[path][i][j] = false;
	world_log(w, "all paths work");
}

static void fault_port(struct world *w)
{
	u8 i = some_box(w), port = (u8)world_chance(w, 2);

	box_port(w, i, port, !w->box[i].port[port]);
}

static void fault_equal(struct world *w)
{
	u8 i = some_box(w);

	if (w->box[i].up && w->box[i].state == ROLE_STANDBY)
		box_equal(w, i, false);
}

static void fault_failover(struct world *w)
{
	u8 i = some_box(w);

	if (box_runs(w, i) && !role_failover(w->box[i].role, ROLE_BY_OPERATOR, w->now))
		world_log(w, "failover of %u", i);
}

/* SIGTERM: hands over if it can, says that it goes, and goes. */
static void fault_stop(struct world *w)
{
	u8 i = some_box(w);
	struct box *b = &w->box[i];

	if (!box_runs(w, i))
		return;
	b->stops = true;
	if (!role_failover(b->role, ROLE_BY_STOP, w->now))
		world_run(w, w->now + 600000);
	if (!box_runs(w, i))
		return;
	role_leave(b->role, w->now);
	b->due = role_tick(b->role, w->now);
	world_run(w, w->now + 1000);
	box_kill(w, i);
}

void faults_one(struct world *w)
{
	static void (*const kinds[])(struct world *w) = {
		fault_death, fault_death,     fault_restart, fault_pause, fault_cut,
		fault_cut,   fault_partition, fault_heal,    fault_heal,  fault_port,
		fault_equal, fault_failover,  fault_stop,    fault_twins,
	};

	w->faults++;
	kinds[world_chance(w, sizeof(kinds) / sizeof(kinds[0]))](w);
}

/* What waits in a socket is read when the box goes on, not when it would have. */
static void end_pause(struct world *w, u8 i)
{
	struct box *b = &w->box[i];

	if (!b->up || !b->paused_until)
		return;
	for (u32 n = 0; n < w->flights; n++)
		if (w->flight[n].to == i && w->flight[n].at > b->paused_until)
			w->flight[n].at -= b->paused_until - w->now;
	b->paused_until = w->now;
}

/* Nothing goes wrong from here on; some of the dead stay dead. */
void faults_end(struct world *w)
{
	fault_heal(w);
	for (u8 i = 0; i < BOXES; i++) {
		box_port(w, i, 0, true);
		box_port(w, i, 1, true);
		end_pause(w, i);
		if (!w->box[i].up && world_chance(w, 4))
			box_start(w, i);
	}
	w->quiet_from = w->now;
	world_log(w, "no more faults");
}
