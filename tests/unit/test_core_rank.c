/* links: tests/packets/world.c tests/packets/frame.c sandwich/slowpath/memory.c */
/* SPDX-License-Identifier: ISC */
/* Rank rows: fair by weight, the same on both sides, and nobody moves who need not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/place.h"
#include "tests/packets/world.h"

static int rank_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	world_open(w, 64, 64, 64);
	world_settings(&w->tables, SIDE_INGRESS, AFFINITY_PAIR);
	*state = w;
	return 0;
}

static int rank_teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

static const char *name_of(u32 n)
{
	static char name[16];

	snprintf(name, sizeof(name), "fw%u", n);
	return name;
}

static void add_devices(struct tables *t, u32 n, const u16 *weights)
{
	for (u32 i = 1; i <= n; i++)
		world_device(t, (u8)i, name_of(i), weights ? weights[i - 1] : 1);
	world_rank(t);
}

/* The device of each row's first hash. */
static void pick_all(struct tables *t, u8 *out)
{
	u8 rank, first;

	for (u32 row = 0; row < RANK_ROWS; row++)
		out[row] = rank_pick(t, t->settings, (u64)row << 48, &t->settings->pick, &rank,
				     &first);
}

static u8 before[RANK_ROWS], after[RANK_ROWS];

/* To the row: a share that is no whole number is one of its neighbours. */
static void test_fair_by_weight(void **state)
{
	static const struct {
		u32 n;
		u16 weights[16];
	} farms[] = {
		{1, {1}},
		{2, {1, 1}},
		{3, {1, 1, 1}},
		{3, {1, 2, 4}},
		{4, {100, 100, 50, 10}},
		{5, {1, 1, 1, 1, 1000}},
		{16, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
	};
	struct world *w = *state;

	for (size_t f = 0; f < sizeof(farms) / sizeof(*farms); f++) {
		u32 rows[17] = {0}, sum = 0;

		add_devices(&w->tables, farms[f].n, farms[f].weights);
		pick_all(&w->tables, after);
		for (u32 row = 0; row < RANK_ROWS; row++)
			rows[after[row]]++;
		for (u32 i = 0; i < farms[f].n; i++)
			sum += farms[f].weights[i];
		assert_int_equal(rows[0], 0);
		for (u32 i = 0; i < farms[f].n; i++) {
			double p = (double)farms[f].weights[i] / sum;

			assert_true(fabs(rows[i + 1] - p * RANK_ROWS) < 1);
		}
	}
}

/* Death moves exactly the dead device's rows, and spreads them; return undoes it. */
static void test_death_moves_its_own_only(void **state)
{
	struct world *w = *state;
	struct tables *t = &w->tables;
	static u8 back[RANK_ROWS];

	add_devices(t, 8, NULL);
	pick_all(t, before);
	for (u8 dead = 1; dead <= 8; dead++) {
		u32 heirs[9] = {0}, moved = 0;

		world_set(t, dead, false, false);
		pick_all(t, after);
		for (u32 row = 0; row < RANK_ROWS; row++) {
			assert_int_equal(before[row] == dead, before[row] != after[row]);
			moved += before[row] == dead;
			heirs[before[row] == dead ? after[row] : 0]++;
		}
		for (u8 heir = 1; heir <= 8; heir++)
			if (heir != dead)
				assert_in_range(heirs[heir], moved / 7 * 8 / 10,
						moved / 7 * 12 / 10);
		world_set(t, dead, true, true);
		pick_all(t, back);
		assert_memory_equal(before, back, sizeof(before));
	}
}

/* Up to RANK_DEPTH - 1 deaths one after the other: each moves the dying device's rows alone. */
static void test_deaths_in_a_row(void **state)
{
	struct world *w = *state;
	struct tables *t = &w->tables;

	add_devices(t, 8, NULL);
	pick_all(t, before);
	for (u8 dead = 1; dead < RANK_DEPTH; dead++) {
		world_set(t, dead, false, false);
		pick_all(t, after);
		for (u32 row = 0; row < RANK_ROWS; row++)
			assert_int_equal(before[row] == dead, before[row] != after[row]);
		memcpy(before, after, sizeof(before));
	}
}

/* Of the rows, how many went to or from DEVICE, and how many from one of the others to another. */
static void moved(u8 device, u32 *its, u32 *others)
{
	*its = *others = 0;
	for (u32 row = 0; row < RANK_ROWS; row++) {
		if (after[row] == before[row])
			continue;
		if (after[row] == device || before[row] == device)
			++*its;
		else
			++*others;
	}
}

/*
 * A newcomer takes its share, a device with more weight what it has more. What others exchange to
 * have their exact share each is little beside it: 0.4 % of all rows at most.
 */
static void test_join_and_weight(void **state)
{
	struct world *w = *state;
	struct tables *t = &w->tables;
	u32 its, others;

	for (u8 n = 2; n <= 16; n = (u8)(n * 2)) {
		add_devices(t, n, NULL);
		pick_all(t, before);
		world_device(t, (u8)(n + 1), name_of(n + 1u), 1);
		world_rank(t);
		pick_all(t, after);
		moved((u8)(n + 1), &its, &others);
		assert_in_range(its, RANK_ROWS / (n + 1u), RANK_ROWS / (n + 1u) * 103 / 100);
		assert_in_range(others, 0, RANK_ROWS / 250);
		memcpy(before, after, sizeof(before));
		world_device(t, 1, name_of(1), 2);
		world_rank(t);
		pick_all(t, after);
		moved(1, &its, &others);
		assert_in_range(others, 0, RANK_ROWS / 250);
	}
}

/* Two sides may number the same devices differently and list them in another order. */
static void test_ids_do_not_matter(void **state)
{
	struct world *w = *state;
	struct tables *t = &w->tables;
	u8 name_by_id[RANK_DEPTH * 8] = {0};

	add_devices(t, 7, NULL);
	pick_all(t, before);
	memset(t->devices, 0, sizeof(*t->devices) * DEVICES_MAX);
	memset(&t->settings->pick, 0, sizeof(t->settings->pick));
	for (u8 n = 1; n <= 7; n++) {
		u8 id = (u8)(20 - 2 * n);

		name_by_id[id] = n;
		world_device(t, id, name_of(n), 1);
	}
	world_rank(t);
	pick_all(t, after);
	for (u32 row = 0; row < RANK_ROWS; row++)
		assert_int_equal(name_by_id[after[row]], before[row]);
}

static void test_no_device_twice_in_a_row(void **state)
{
	struct world *w = *state;
	struct tables *t = &w->tables;

	for (u32 n = 1; n <= 6; n++) {
		add_devices(t, n, NULL);
		for (u32 row = 0; row < RANK_ROWS; row += 97) {
			const struct rank_row *r = tables_row(t, t->settings->rows, row);

			for (u32 i = 0; i < RANK_DEPTH; i++) {
				assert_int_equal(r->device[i] != 0, i < n);
				for (u32 j = 0; j < i && r->device[i]; j++)
					assert_int_not_equal(r->device[i], r->device[j]);
			}
		}
	}
}

/* All four of a row are out: the rest of the farm shares its hashes; nobody is left: 0. */
static void test_when_the_row_is_out(void **state)
{
	struct world *w = *state;
	struct tables *t = &w->tables;
	const struct rank_row *r;
	u32 got[9] = {0};
	u8 rank, first;

	add_devices(t, 8, NULL);
	r = tables_row(t, t->settings->rows, 7);
	for (u32 i = 0; i < RANK_DEPTH; i++)
		world_set(t, r->device[i], false, false);
	for (u64 n = 0; n < 4000; n++) {
		u64 hash = 7ull << 48 | (hash_mix(n) & 0xffffffffffff);
		u8 device = rank_pick(t, t->settings, hash, &t->settings->pick, &rank, &first);

		assert_true(device_set_has(&t->settings->pick, device));
		assert_int_equal(rank, RANK_DEPTH);
		assert_int_equal(first, r->device[0]);
		got[device]++;
	}
	for (u8 id = 1; id <= 8; id++)
		if (device_set_has(&t->settings->pick, id))
			assert_in_range(got[id], 850, 1150);
	for (u8 id = 1; id <= 8; id++)
		world_set(t, id, false, false);
	assert_int_equal(rank_pick(t, t->settings, 7ull << 48, &t->settings->pick, &rank, &first),
			 0);
}

/* 255 devices, the most there can be: each gets its rows, nearly. */
static void test_full_farm(void **state)
{
	struct world *w = *state;
	u32 rows[DEVICES_MAX] = {0};

	add_devices(&w->tables, 255, NULL);
	assert_int_equal(w->tables.settings->live_count, 255);
	pick_all(&w->tables, after);
	for (u32 row = 0; row < RANK_ROWS; row++)
		rows[after[row]]++;
	for (u32 id = 1; id < DEVICES_MAX; id++)
		assert_in_range(rows[id], 257 - 20, 257 + 20);
}

/* The integer logarithm is as good as it says. */
static void test_log2(void **state)
{
	(void)state;
	for (u64 x = 1; x <= 0xffffffff; x = x * 9 / 8 + 1)
		assert_true(fabs(rank_log2((u32)x) / 65536.0 - log2((double)x)) < 1.0 / 32768);
}

/* Keys that differ in a few bits (.1 of each branch) spread over the farm. */
static void test_keys_spread(void **state)
{
	struct world *w = *state;
	struct tables *t = &w->tables;
	u32 got[5] = {0};

	add_devices(t, 4, NULL);
	for (u32 branch = 0; branch < 4096; branch++) {
		struct flow key = {.protocol = AFFINITY_PAIR};
		struct placement p = {0};

		address_from_v4(&key.outside, core_swap32(0x0a000001 | branch << 8));
		address_from_v4(&key.inside, core_swap32(0xc0a80001));
		place(t, t->settings, &key, 0, &p);
		got[p.device]++;
	}
	for (int id = 1; id <= 4; id++)
		assert_in_range(got[id], 1024 - 120, 1024 + 120);
}

#define RANK_TEST(f) cmocka_unit_test_setup_teardown(f, rank_setup, rank_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RANK_TEST(test_fair_by_weight),
		RANK_TEST(test_death_moves_its_own_only),
		RANK_TEST(test_deaths_in_a_row),
		RANK_TEST(test_join_and_weight),
		RANK_TEST(test_ids_do_not_matter),
		RANK_TEST(test_no_device_twice_in_a_row),
		RANK_TEST(test_when_the_row_is_out),
		RANK_TEST(test_full_farm),
		cmocka_unit_test(test_log2),
		RANK_TEST(test_keys_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
