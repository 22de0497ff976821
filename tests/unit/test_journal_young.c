/* SPDX-License-Identifier: ISC */
/* links: sync/journal.c sync/journal_young.c sync/journal_digest.c sync/journal_look.c */
/* links: sandwich/slowpath/memory.c */
/* sync-after: the young are not told, come of age without an event, and if they end, never were. */
#include <errno.h>

#include "sync/journal_look.h"
#include "sync/journal_young.h"
#include "tests/unit/journal_rig.h"

#define AFTER 2000
#define LATE 20 /* ms: a tick of the wheel, or a little more */

static void open_young(struct journal_rig *r, u32 after)
{
	rig_open(r, 1024, 256, 77);
	journal_clock(r->j, r->now);
	assert_int_equal(journal_after(r->j, after), 0);
	journal_hold(r->j, true);
	assert_int_equal(rig_turn(r), 0);
}

static int young_setup(void **state)
{
	struct journal_rig *r = calloc(1, sizeof(*r));

	open_young(r, AFTER);
	*state = r;
	return 0;
}

static int young_teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

/* MS later: how many changes are told. */
static u32 pass(struct journal_rig *r, u32 ms)
{
	r->now += ms;
	journal_clock(r->j, r->now);
	return rig_turn(r);
}

static void test_told_late(void **state)
{
	struct journal_rig *r = *state;
	struct slot *s = rig_add(r, 1, 2);

	assert_int_equal(pass(r, 0), 0);
	assert_int_equal(journal_held(r->j), 1);
	rig_mark(r, s, SESSION_ESTABLISHED, EVENT_CHANGED);
	session_move(&r->t, s, &s->key, 3);
	assert_int_equal(pass(r, AFTER - 1), 0);
	assert_int_equal(rig_root(r).count, 0);
	assert_int_equal(pass(r, 1 + LATE), 1);
	assert_int_equal(r->last[0].what, 0);
	assert_int_equal(r->last[0].slot.device, 3);
	assert_int_equal(journal_held(r->j), 0);
	assert_int_equal(rig_root(r).count, 1);
	rig_compare(r);
	session_move(&r->t, s, &s->key, 2); /* from now on at once */
	assert_int_equal(pass(r, 0), 1);
	assert_true(session_remove(&r->t, s, s->version));
	assert_int_equal(pass(r, 0), 1);
	assert_int_equal(rig_root(r).count, 0);
}

/* Nor is its end, and no scan finds it. */
static void test_never_told(void **state)
{
	struct journal_rig *r = *state;
	struct slot *s;

	for (u32 n = 0; n < 100; n++)
		rig_add(r, n, 2);
	assert_int_equal(pass(r, AFTER / 2), 0);
	journal_rescan(r->j);
	assert_int_equal(rig_turn(r), 0);
	for (u32 n = 0; n < 100; n++) {
		s = rig_find(r, n);
		assert_true(session_remove(&r->t, s, s->version));
	}
	for (u32 i = 0; i < 2 * AFTER; i += 7)
		assert_int_equal(pass(r, 7), 0);
	assert_int_equal(journal_held(r->j), 0);
	assert_int_equal(rig_root(r).count, 0);
	assert_true(journal_sleep(r->j));
}

/* The record of what has ended lives on for a while; what opens again is a session like others. */
static void test_ended(void **state)
{
	struct journal_rig *r = *state;
	struct slot *s = rig_add(r, 1, 2);

	assert_int_equal(pass(r, 100), 0);
	s->seen = r->now;
	rig_mark(r, s, SESSION_CLOSED, EVENT_CLOSED);
	assert_int_equal(pass(r, AFTER + LATE), 0);
	journal_rescan(r->j);
	assert_int_equal(pass(r, AFTER), 0);
	rig_mark(r, s, SESSION_NEW, EVENT_NEW);
	assert_int_equal(pass(r, 0), 1);
	rig_compare(r);
	/* one that was told is told to the end */
	rig_mark(r, s, SESSION_CLOSED, EVENT_CLOSED);
	assert_int_equal(pass(r, 0), 1);
}

/* A young one in the slot of one that was told: whoever sends that slot finds nothing to say. */
static void test_slot_again(void **state)
{
	struct journal_rig *r = *state;
	struct slot *s = rig_add(r, 1, 2);
	u32 index = (u32)(s - r->t.slots[TABLE_SESSIONS]);
	struct journal_change change;

	assert_int_equal(pass(r, 0), 0);
	assert_int_equal(pass(r, AFTER + LATE), 1);
	assert_true(session_remove(&r->t, s, s->version));
	s->key = rig_flow(2);
	s->created = s->seen = r->now;
	s->version = slot_next(s->version);
	r->count = 0;
	assert_int_equal(journal_read(r->j, TABLE_SESSIONS, index, rig_sink, r, &change), -ENOENT);
	assert_int_equal(r->count, 1);
	assert_true(r->last[0].gone);
	assert_int_equal(r->last[0].id, rig_id(r, 1));
	assert_int_equal(pass(r, AFTER - 1), 0);
	assert_int_equal(rig_root(r).count, 0);
	assert_int_equal(pass(r, 1 + LATE), 1);
	assert_int_equal(r->last[0].id, rig_id(r, 2));
}

/* As many as the table has, each in its time; also when nobody looked for long. */
static void test_many(void **state)
{
	struct journal_rig *r = *state;
	u32 told = 0, had = 0;

	for (u32 n = 0; n < 400; n++) {
		had += rig_add(r, n, 1) != NULL;
		assert_int_equal(pass(r, 1), 0);
	}
	assert_int_equal(journal_held(r->j), had);
	assert_int_equal(pass(r, AFTER - 400), 0);
	for (u32 ms = 1; ms <= 400; ms++) {
		told += pass(r, 1);
		assert_in_range(told, ms > LATE ? ms - LATE : 0, ms);
	}
	assert_int_equal(told + pass(r, LATE), had);
	rig_compare(r);
	for (u32 n = 1000; n < 1100; n++)
		had += rig_add(r, n, 1) != NULL;
	pass(r, 0);
	pass(r, 100 * AFTER);
	rig_compare(r);
	assert_int_equal(rig_root(r).count, g_hash_table_size(r->believed));
}

/* Who isn't active any more has all it holds in its digests. */
static void test_let_go(void **state)
{
	struct journal_rig *r = *state;
	struct slot *s = rig_add(r, 1, 2);

	rig_mark(r, s, SESSION_CLOSED, EVENT_CLOSED);
	rig_add(r, 2, 2);
	assert_int_equal(pass(r, 10), 0);
	journal_hold(r->j, false);
	assert_int_equal(rig_turn(r), 2);
	rig_compare(r);
	rig_add(r, 3, 2);
	assert_int_equal(rig_turn(r), 1);
	assert_int_equal(pass(r, 2 * AFTER), 0);
	journal_hold(r->j, true);
	rig_add(r, 4, 2);
	assert_int_equal(pass(r, 0), 0);
	assert_int_equal(pass(r, AFTER + LATE), 1);
}

/* The same that happens to a session in both; HEARD or not. */
static void happen(struct journal_rig *r, u32 random)
{
	struct event_ring *ring = r->t.events;
	struct slot *s = rig_find(r, random % 500);
	u32 head = ring->head;

	if (!s)
		rig_add(r, random % 500, (u8)(1 + (random >> 10) % 5));
	else if ((random >> 13 & 3) == 0)
		assert_true(session_remove(&r->t, s, s->version));
	else if ((random >> 13 & 3) == 1)
		session_move(&r->t, s, &s->key, (u8)(1 + (random >> 10) % 5));
	else
		rig_mark(r, s, SESSION_ESTABLISHED, EVENT_CHANGED);
	if (random >> 20 & 7)
		return;
	ring->lost += ring->head - head;
	ring->head = head;
}

/*
 * What is told is right at any time, whatever is lost, and once all have come of age, digests are
 * what they are without holding back.
 */
static void test_digests(void **state)
{
	struct journal_rig *held = *state, at_once;
	struct journal_digest a, b;
	u32 least = 0;

	open_young(&at_once, 0);
	for (u32 i = 0; i < 40000; i++) {
		u32 random = (u32)hash_mix(i);

		happen(held, random);
		happen(&at_once, random);
		if (random >> 24 > 40)
			continue;
		pass(held, random >> 27);
		pass(&at_once, random >> 27);
		assert_int_equal(held->wrong, 0);
		assert_int_equal(rig_root(held).count, g_hash_table_size(held->believed));
		least += rig_root(held).count + 50 < rig_root(&at_once).count;
	}
	assert_true(least > 100); /* it does hold back */
	pass(held, AFTER + LATE);
	pass(&at_once, AFTER + LATE);
	rig_compare(held);
	rig_compare(&at_once);
	a = rig_root(held);
	b = rig_root(&at_once);
	assert_true(rig_same(&a, &b));
	assert_int_equal(journal_held(at_once.j), 0);
	rig_close(&at_once);
}

#define YOUNG_TEST(f) cmocka_unit_test_setup_teardown(f, young_setup, young_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		YOUNG_TEST(test_told_late),  YOUNG_TEST(test_never_told), YOUNG_TEST(test_ended),
		YOUNG_TEST(test_slot_again), YOUNG_TEST(test_many),	  YOUNG_TEST(test_let_go),
		YOUNG_TEST(test_digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
