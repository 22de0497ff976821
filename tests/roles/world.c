/* SPDX-License-Identifier: ISC */
/* The boxes, and the network between them. */
#include "tests/roles/roles.h"

#include "sandwich/core/hash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[BOXES] = {"in-a", "in-b", "out-a", "out-b"};
static const char *const states[ROLE_STATES] = {"starting", "standby", "active", "leaving"};

u64 world_chance(struct world *w, u64 n)
{
	w->chance += 0x9e3779b97f4a7c15;
	return hash_mix(w->chance) % n;
}

void world_fail(struct world *w, const char *format, ...)
{
	va_list args;

	if (*w->failure)
		return; /* the first is what counts */
	va_start(args, format);
	vsnprintf(w->failure, sizeof(w->failure), format, args);
	va_end(args);
}

void world_log(struct world *w, const char *format, ...)
{
	va_list args;

	if (!w->tell)
		return;
	fprintf(stderr, "%10.3f ms  ", (double)w->now / 1000);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* The network */

static bool path_joins(enum path path, u8 from, u8 to)
{
	bool twins = from / 2 == to / 2;

	return path == PATH_SYNC || (path == PATH_DEVICES) != twins;
}

static bool path_works(const struct world *w, enum path path, u8 from, u8 to)
{
	const bool *a = w->box[from].port, *b = w->box[to].port;

	if (!path_joins(path, from, to) || w->cut[path][from][to])
		return false;
	if (path == PATH_SYNC)
		return true;
	return path == PATH_UPLINK ? a[1] && b[1] : a[0] && b[0];
}

static bool heartbeats_pass(const struct world *w, u8 from, u8 to)
{
	for (int path = PATH_SYNC; path < PATH_DEVICES; path++)
		if (path_works(w, (enum path)path, from, to))
			return true;
	return false;
}

/* Since when words get through is looked at after each event. */
static void world_join(struct world *w)
{
	for (u8 i = 0; i < BOXES; i++)
		for (u8 j = 0; j < BOXES; j++) {
			bool joined = box_runs(w, i) && w->box[j].up && heartbeats_pass(w, i, j);

			if (!joined)
				w->joined[i][j] = 0;
			else if (!w->joined[i][j])
				w->joined[i][j] = w->now;
		}
}

static struct flight *world_flight(struct world *w, u8 from, u8 to, u64 delay)
{
	struct flight *f;

	if (w->flights == FLIGHTS) {
		world_fail(w, "too many datagrams under way");
		return &w->flight[0];
	}
	f = &w->flight[w->flights++];
	memset(f, 0, sizeof(*f));
	f->at = w->now + delay;
	f->from = from;
	f->to = to;
	f->incarnation = w->box[from].incarnation;
	f->aimed = w->box[to].incarnation;
	return f;
}

static void world_send(struct world *w, enum path path, u8 from, u8 to,
		       const struct role_heartbeat *hb)
{
	u64 delay = 50 + world_chance(w, w->delay);
	struct flight *f;

	if (!path_works(w, path, from, to) || world_chance(w, 1000) < w->loss)
		return;
	if (w->late && !world_chance(w, 50))
		delay += world_chance(w, 200000);
	f = world_flight(w, from, to, delay);
	f->path = (u8)path;
	f->hb = *hb;
	if (w->plant == PLANT_NO_VOTE)
		f->hb.votes = 0;
	if (w->plant == PLANT_DEAF && w->box[to].state == ROLE_ACTIVE &&
	    f->hb.role == ROLE_ACTIVE)
		f->hb.role = ROLE_STANDBY;
	if (w->plant == PLANT_EQUAL)
		f->hb.flags |= ROLE_EQUAL;
}

/* What the role asks for */

static void box_became(void *user, enum role_state state, u32 term, const char *why)
{
	struct box *b = user;
	struct world *w = b->world;
	enum role_state before = b->state;

	world_log(w, "%s is %s, term %u: %s", names[b->index], states[state], term, why);
	b->state = state;
	b->term = term;
	if (before == state)
		return;
	b->changed = w->now;
	w->changes++;
	b->equal = false;
	b->equal_at = 0;
	rules_became(w, b->index, before);
}

static void box_announce(void *user)
{
	const struct box *b = user;

	if (b->state != ROLE_ACTIVE)
		world_fail(b->world, "%s announces, and is not active", names[b->index]);
}

static void box_heartbeat(void *user, const struct role_heartbeat *hb)
{
	const struct box *b = user;

	for (u8 to = 0; to < BOXES; to++) {
		if (to == b->index)
			continue;
		for (int path = 0; path < PATHS; path++)
			if (path != PATH_DEVICES || hb->role == ROLE_ACTIVE)
				world_send(b->world, (enum path)path, b->index, to, hb);
	}
}

/* The stream is reliable, where anything passes: what is lost comes later. */
static void box_handover(void *user, u32 to, u32 term)
{
	const struct box *b = user;
	struct world *w = b->world;
	bool prompt = world_chance(w, 8) || w->quiet_from != NEVER; /* too late is a fault, too */
	u64 delay = 100 + world_chance(w, prompt ? 20000 : 900000);

	if (!to)
		return;
	rules_offer(w, b->index, (u8)(to - 1));
	if (heartbeats_pass(w, b->index, (u8)(to - 1)))
		world_flight(w, b->index, (u8)(to - 1), delay)->offer = term;
}

static void box_say(void *user, const char *text)
{
	const struct box *b = user;

	world_log(b->world, "%s: %s", names[b->index], text);
}

/* Boxes */

bool box_runs(const struct world *w, u8 i)
{
	return w->box[i].up && !w->box[i].paused_until;
}

bool box_can(const struct world *w, u8 i)
{
	return box_runs(w, i) && w->box[i].port[0] && w->box[i].port[1];
}

u8 box_active(const struct world *w, u8 side)
{
	u8 found = BOXES;

	for (u8 i = side * 2; i < side * 2 + 2; i++)
		if (w->box[i].up && w->box[i].state == ROLE_ACTIVE)
			found = found == BOXES ? i : BOXES + 1;
	return found > BOXES ? BOXES : found;
}

static void box_tick(struct world *w, u8 i)
{
	w->box[i].due = role_tick(w->box[i].role, w->now);
	if (w->box[i].due <= w->now)
		world_fail(w, "%s wants to be called again at once", names[i]);
}

void box_start(struct world *w, u8 i)
{
	struct box *b = &w->box[i];
	struct role_config config = {
		.boxes = BOXES,
		.self = i,
		.interval_us = INTERVAL,
		.count = w->plant == PLANT_SLOW ? 2 * COUNT : COUNT,
		.preempt = w->preempt,
		.preempt_hold_us = 300000,
		.follow_partner = w->follow,
	};
	struct role_ops ops = {box_became, box_announce, box_heartbeat, box_handover,
			       box_say,	   b};

	for (u8 n = 0; n < BOXES; n++)
		config.box[n] = (struct role_box){.number = n + 1u,
						  .side = n / 2,
						  .priority = n % 2 ? 100 : 200,
						  .pair = n % 2 + 1u,
						  .name = names[n]};
	b->world = w;
	b->index = i;
	b->up = true;
	b->incarnation = w->now; /* as in life: the time of its start */
	b->state = ROLE_STARTING;
	b->equal = b->stops = false;
	b->equal_at = b->paused_until = 0;
	if (role_new(&b->role, &config, &ops, w->now))
		abort();
	role_set(b->role, ROLE_PORTS_OK, b->port[0] && b->port[1], w->now);
	world_log(w, "%s starts", names[i]);
	box_tick(w, i);
}

void box_kill(struct world *w, u8 i)
{
	struct box *b = &w->box[i];

	if (!b->up)
		return;
	world_log(w, "%s dies", names[i]);
	b->up = b->equal = false;
	b->died = w->now;
	role_free(b->role);
	b->role = NULL;
}

void box_pause(struct world *w, u8 i, u64 us)
{
	if (!box_runs(w, i))
		return;
	world_log(w, "%s stands still for %llu ms", names[i], (unsigned long long)us / 1000);
	w->box[i].paused_until = w->now + us;
}

void box_port(struct world *w, u8 i, u8 port, bool on)
{
	struct box *b = &w->box[i];

	if (b->port[port] == on)
		return;
	world_log(w, "%s: %s port %s", names[i], port ? "uplink" : "farm", on ? "up" : "down");
	b->port[port] = on;
	b->port_changed = w->now;
	if (b->up)
		role_set(b->role, ROLE_PORTS_OK, b->port[0] && b->port[1], w->now);
	if (box_runs(w, i))
		box_tick(w, i);
}

void box_equal(struct world *w, u8 i, bool equal)
{
	struct box *b = &w->box[i];

	b->equal_at = 0;
	if (!box_runs(w, i) || b->equal == equal)
		return;
	b->equal = equal;
	b->was_equal = w->now;
	role_set(b->role, ROLE_EQUAL, equal, w->now);
	box_tick(w, i);
}

/* A standby that has its active becomes equal some time later. */
static void box_repair(struct world *w, u8 i)
{
	struct box *b = &w->box[i];
	u8 twin = i ^ 1;
	bool joined = w->box[twin].up && w->box[twin].state == ROLE_ACTIVE &&
		      w->joined[i][twin] && w->joined[twin][i];

	if (b->equal)
		b->was_equal = w->now;
	if (b->state != ROLE_STANDBY || !joined || b->equal)
		return;
	if (!b->equal_at)
		b->equal_at = w->now + 5000 + world_chance(w, 100000);
	else if (w->now >= b->equal_at)
		box_equal(w, i, true);
}

static void box_read(struct world *w, const struct flight *f)
{
	struct box *b = &w->box[f->to];

	if (!b->up || f->aimed != b->incarnation)
		return; /* it does not bear its challenge */
	if (f->offer) {
		if (w->box[f->from].incarnation != f->incarnation)
			return;
		b->takes_offer = true;
		role_handover(b->role, f->from + 1u, f->offer, w->now);
		b->takes_offer = false;
	} else if (f->path == PATH_DEVICES) {
		role_seen(b->role, f->from + 1u, w->now);
	} else {
		role_input(b->role, f->from + 1u, f->incarnation, &f->hb, w->now);
	}
}

/* Time */

static u64 world_next(const struct world *w, u32 *flight)
{
	u64 next = NEVER;

	*flight = w->flights;
	for (u8 i = 0; i < BOXES; i++) {
		const struct box *b = &w->box[i];

		if (b->up && b->paused_until)
			next = b->paused_until < next ? b->paused_until : next;
		else if (b->up)
			next = b->due < next ? b->due : next;
	}
	for (u32 n = 0; n < w->flights; n++)
		if (w->flight[n].at < next) {
			next = w->flight[n].at;
			*flight = n;
		}
	return next;
}

/* What came while a box stood still lies in its socket, and is read a moment later. */
static void world_arrive(struct world *w, u32 n)
{
	struct flight f = w->flight[n];

	if (w->box[f.to].up && w->box[f.to].paused_until) {
		w->flight[n].at = w->box[f.to].paused_until + 1 + world_chance(w, 300);
		return;
	}
	w->flight[n] = w->flight[--w->flights];
	box_read(w, &f);
	if (box_runs(w, f.to))
		box_tick(w, f.to);
}

static void world_wake(struct world *w, u8 i)
{
	struct box *b = &w->box[i];

	if (!b->up)
		return;
	if (b->paused_until && w->now >= b->paused_until) {
		world_log(w, "%s goes on", names[i]);
		b->paused_until = 0;
		b->resumed = w->now;
	}
	if (box_runs(w, i) && w->now >= b->due)
		box_tick(w, i);
}

void world_run(struct world *w, u64 until)
{
	while (!*w->failure) {
		u32 flight;
		u64 next = world_next(w, &flight);

		if (next > until)
			break;
		w->now = next > w->now ? next : w->now;
		if (flight < w->flights)
			world_arrive(w, flight);
		else
			for (u8 i = 0; i < BOXES; i++)
				world_wake(w, i);
		world_join(w);
		for (u8 i = 0; i < BOXES; i++)
			box_repair(w, i);
		rules_quiet(w);
	}
	w->now = until;
	world_join(w);
}

void world_open(struct world *w, u64 seed, enum plant plant, bool tell)
{
	struct flight *flight = w->flight;

	memset(w, 0, sizeof(*w));
	w->flight = flight ? flight : calloc(FLIGHTS, sizeof(*flight));
	w->seed = seed;
	w->chance = seed * 0x123456789;
	w->plant = plant;
	w->tell = tell;
	w->now = 1000000;
	w->quiet_from = NEVER;
	w->loss = world_chance(w, 2) ? 0 : (u32)world_chance(w, 50);
	w->delay = 1 + world_chance(w, 4000);
	w->late = !world_chance(w, 3);
	w->preempt = !world_chance(w, 3);
	w->follow = !world_chance(w, 3);
	for (u8 i = 0; i < BOXES; i++)
		w->box[i].port[0] = w->box[i].port[1] = true;
}

void world_close(struct world *w)
{
	for (u8 i = 0; i < BOXES; i++)
		role_free(w->box[i].role);
	for (u8 i = 0; i < BOXES; i++)
		w->box[i].role = NULL;
}
