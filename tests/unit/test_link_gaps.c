/* SPDX-License-Identifier: ISC */
/* links: sync/link_gaps.c */
/* Which numbers are here, beside a plain list of the same that is looked through each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sync/link_gaps.h"

#define NUMBERS 300000u
#define RANGES 16

struct plain {
	bool here[NUMBERS + 1];
	u64 settled, newest;
};

static u64 seed = 1;

static u32 number(u32 below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)((seed >> 33) % below);
}

static void settle(struct plain *p)
{
	while (p->settled < NUMBERS && p->here[p->settled + 1])
		p->settled++;
}

static enum gaps_taken take(struct plain *p, u64 n)
{
	if (p->here[n])
		return GAPS_OLD;
	if (n - p->settled > GAPS_WINDOW)
		return GAPS_BEYOND;
	p->here[n] = true;
	p->newest = n > p->newest ? n : p->newest;
	settle(p);
	return GAPS_NEW;
}

/* The ranges say just what the list says, as far as they go. */
static void same_missing(const struct gaps *g, const struct plain *p, u64 from, u64 limit)
{
	struct record_range ranges[RANGES];
	u64 reached, n = from;
	u32 count = gaps_missing(g, from, limit, ranges, RANGES, &reached);

	assert_true(reached <= limit && (count == RANGES || reached == limit));
	for (u32 i = 0; i < count; i++) {
		for (; n < ranges[i].first; n++)
			assert_true(p->here[n]);
		for (; n < ranges[i].first + ranges[i].count; n++)
			assert_false(p->here[n]);
	}
	for (; n <= reached; n++)
		assert_true(p->here[n]);
}

static void test_random(void **state)
{
	struct gaps *g = calloc(1, sizeof(*g));
	struct plain *p = calloc(1, sizeof(*p));
	u64 at = 0;

	(void)state;
	assert_true(g && p);
	p->here[0] = true;
	gaps_reset(g, 0);
	while (at + 200 < NUMBERS) {
		u64 n = number(10) ? at + number(40) : p->settled + 1 + number(30);
		struct record_range range = { .first = p->settled + 1, .count = 1 + number(20) };
		u32 given = 0;

		assert_int_equal(gaps_take(g, n), take(p, n));
		if (!number(20)) {
			for (u32 i = 0; i < range.count; i++)
				given += take(p, range.first + i) == GAPS_NEW;
			assert_int_equal(gaps_give_up(g, &range, 0), given);
		}
		if (!number(50))
			same_missing(g, p, p->settled + 1, p->newest);
		assert_int_equal(g->settled, p->settled);
		assert_int_equal(g->newest, p->newest);
		at += number(3);
		if (at - p->settled > 60000)
			at = p->settled;
	}
	assert_true(g->settled > 2 * GAPS_WINDOW); /* the ring went round */
	free(g);
	free(p);
}

static void test_edges(void **state)
{
	struct gaps *g = calloc(1, sizeof(*g));
	struct record_range range = { .first = 2, .count = 65535 }, got[2];
	u64 reached;

	(void)state;
	assert_non_null(g);
	gaps_reset(g, 100);
	assert_int_equal(gaps_take(g, 100), GAPS_OLD);
	assert_int_equal(gaps_take(g, 101 + GAPS_WINDOW), GAPS_BEYOND);
	assert_int_equal(gaps_take(g, UINT64_MAX), GAPS_BEYOND);
	assert_int_equal(gaps_take(g, 100 + GAPS_WINDOW), GAPS_NEW);
	assert_int_equal(gaps_missing(g, 0, UINT64_MAX, got, 2, &reached), 1);
	assert_true(got[0].first == 101 && got[0].count == 65535);
	assert_int_equal(gaps_give_up(g, &range, 7), 65535 - 99);
	assert_int_equal(g->settled, 65536);
	assert_int_equal(gaps_take(g, 65536), GAPS_OLD); /* given up: too late */
	range = (struct record_range){ .first = 65537, .count = 65535 };
	assert_int_equal(gaps_give_up(g, &range, 7), 65535 - 1);
	assert_int_equal(g->settled, 65536 + 65535);
	free(g);
}

static void test_complete(void **state)
{
	struct gaps *g = calloc(1, sizeof(*g));
	struct record_range range = { .first = 2, .count = 1 };

	(void)state;
	assert_non_null(g);
	gaps_reset(g, 0);
	assert_int_equal(gaps_take(g, 1), GAPS_NEW);
	assert_int_equal(gaps_take(g, 3), GAPS_NEW);
	assert_true(gaps_complete(g, 1));
	assert_false(gaps_complete(g, 3));
	assert_int_equal(gaps_give_up(g, &range, 4), 1);
	assert_int_equal(g->settled, 3);
	assert_false(gaps_complete(g, 3)); /* what 2 said is behind 4 */
	assert_int_equal(gaps_take(g, 4), GAPS_NEW);
	assert_false(gaps_complete(g, 4));
	assert_int_equal(gaps_take(g, 6), GAPS_NEW);
	assert_false(gaps_complete(g, 6));
	assert_int_equal(gaps_take(g, 5), GAPS_NEW);
	assert_true(gaps_complete(g, 5) && gaps_complete(g, 6));
	assert_int_equal(gaps_give_up(g, &range, 9), 0); /* nothing new is behind 9 */
	assert_true(gaps_complete(g, 6));
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
