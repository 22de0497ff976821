// SPDX-License-Identifier: ISC
/*
 * Runs the simulation for one seed after the other.
 *
 *   SIM_SEEDS=N   how many (300); SIM_SEED=N runs that one alone, and tells what happens
 *   SIM_PLANT=no-sweep | asymmetric-hash | leak   plants a bug, which must be found: exit 1
 */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEPS 500

static const char *const mode_names[MODES] = {"firewall", "nat", "vpn"};
static const char *const plant_names[PLANTS] = {"", "no-sweep", "asymmetric-hash", "leak"};

u64 sim_chance(struct sim *s, u64 n)
{
	s->chance += 0x9e3779b97f4a7c15;
	return hash_mix(s->chance) % n;
}

void sim_fail(struct sim *s, const char *format, ...)
{
	va_list args;

	if (*s->failure)
		return; /* the first is what counts */
	va_start(args, format);
	vsnprintf(s->failure, sizeof(s->failure), format, args);
	va_end(args);
}

static void sim_clients(struct sim *s)
{
	char text[64];

	for (u32 i = 0; i < SIM_CLIENTS; i++) {
		struct client *c = &s->client[i];

		snprintf(text, sizeof(text), "198.51.100.%u", 1 + i);
		(void)!frame_address(text, &c->outer);
		snprintf(text, sizeof(text), "10.66.0.%u", 1 + i);
		(void)!frame_address(text, &c->inner);
		snprintf(text, sizeof(text), "fd66::%u", 1 + i);
		(void)!frame_address(text, &c->inner6);
	}
}

static void sim_open(struct sim *s, u64 seed, enum plant plant)
{
	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->chance = seed * 0x123456789;
	s->plant = plant;
	s->mode = (enum mode)sim_chance(s, MODES);
	s->now =
		sim_chance(s, 4) ? 100000 : 0xffffffffu - 20000; /* some see the clock come round */
	s->started = s->now;
	s->devices = (u8)(2 + sim_chance(s, SIM_DEVICES - 1));
	s->affinity = s->mode == MODE_FIREWALL ? (u8)sim_chance(s, 4) : AFFINITY_CLIENT;
	s->flood = s->mode == MODE_FIREWALL && sim_chance(s, 5) == 0;
	s->next_id = 1;
	sim_clients(s);
	for (u8 side = 0; side < 2; side++)
		side_open(s, side, s->flood ? 512 : 4096);
	for (u32 id = 1; id <= s->devices; id++)
		s->device[id] = (struct device_sim){
			.alive = true, .up = {true, true}, .pick = {true, true}, .next_port = 20000,
			.state = calloc(SIM_STATES, sizeof(struct state))};
}

static void sim_close(struct sim *s)
{
	for (u8 side = 0; side < 2; side++)
		side_close(&s->side[side]);
	for (u32 id = 1; id <= s->devices; id++)
		free(s->device[id].state);
}

static void sim_step(struct sim *s, u32 step)
{
	s->now += 1 + sim_chance(s, 60);
	farm_step(s);
	traffic_step(s);
	if (step % 16 == 0)
		for (u8 side = 0; side < 2; side++)
			side_expire(s, side);
	if (s->plant == PLANT_LEAK && step == STEPS / 2)
		s->side[0].t->devices[1].sessions++;
	for (u8 side = 0; side < 2; side++)
		side_check(s, side);
}

/* Everybody hangs up and time goes by: nothing may be left. */
static void sim_end(struct sim *s)
{
	traffic_close_all(s);
	s->now += 200000;
	for (u8 side = 0; side < 2; side++) {
		struct tables *t = s->side[side].t;

		side_expire(s, side);
		s->now += 200000;
		side_expire(s, side);
		side_check(s, side);
		if (world_live_slots(t, TABLE_SESSIONS) || world_live_slots(t, TABLE_PINS))
			sim_fail(s, "side %u: %u sessions and %u pins left in the end", side,
				 world_live_slots(t, TABLE_SESSIONS),
				 world_live_slots(t, TABLE_PINS));
	}
}

struct totals {
	u64 frames, trips, moves, changes;
};

/* True: the seed held. */
static bool sim_run(u64 seed, enum plant plant, struct totals *totals, bool tell)
{
	static struct sim s;
	bool good;

	sim_open(&s, seed, plant);
	for (u32 step = 0; step < STEPS && !*s.failure; step++)
		sim_step(&s, step);
	if (!*s.failure)
		sim_end(&s);
	good = !*s.failure;
	totals->frames += s.frames;
	totals->trips += s.trips;
	totals->moves += s.moves;
	totals->changes += s.changes_made;
	if (tell || (!good && !plant))
		fprintf(stderr, "seed %llu: %s, affinity %u, %u devices%s, %llu ms: %s\n",
			(unsigned long long)seed, mode_names[s.mode], s.affinity, s.devices,
			s.flood ? ", flood" : "", (unsigned long long)s.now,
			good ? "held" : s.failure);
	sim_close(&s);
	return good;
}

static u64 sim_number(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static enum plant sim_plant(void)
{
	const char *text = getenv("SIM_PLANT");

	for (int i = 1; text && i < PLANTS; i++)
		if (!strcmp(text, plant_names[i]))
			return (enum plant)i;
	return PLANT_NONE;
}

int main(void)
{
	enum plant plant = sim_plant();
	u64 one = sim_number("SIM_SEED", 0), seeds = one ? 1 : sim_number("SIM_SEEDS", 300),
	    failed = 0;
	struct totals totals = {0};
	struct timespec a, b;
	double seconds;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (u64 n = 0; n < seeds && failed < 5; n++)
		failed += !sim_run(one ? one : n + 1, plant, &totals, one != 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	if (failed && !plant)
		fprintf(stderr, "again, with what happens: SIM_SEED=N build/sim/sim\n");
	printf("sim: %llu seeds, %llu frames, %llu round trips, %llu changes of devices, "
	       "%llu conversations moved, %llu failed, %.1f s\n",
	       (unsigned long long)seeds, (unsigned long long)totals.frames,
	       (unsigned long long)totals.trips, (unsigned long long)totals.changes,
	       (unsigned long long)totals.moves, (unsigned long long)failed, seconds);
	return failed != 0;
}
