/* SPDX-License-Identifier: ISC */
/* links: tests/packets/rig.c tests/packets/world.c tests/packets/frame.c */
/* links: sandwich/slowpath/memory.c */
/* What followers of the tables are told: each change that matters, by the slot it happened in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/sweep.h"
#include "tests/packets/rig.h"

static int events_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	rig_open(r, SIDE_INGRESS, AFFINITY_PAIR);
	*state = r;
	return 0;
}

static int events_teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

static void told(struct rig *r, enum table_kind kind, const struct slot *s, u32 what)
{
	u32 entry = 0;

	assert_true(event_take(r->t->events, &entry));
	assert_int_equal(event_kind(entry), kind);
	assert_ptr_equal(&r->t->slots[kind][event_slot(entry)], s);
	assert_int_equal(event_what(entry), what);
}

static void told_no_more(struct rig *r)
{
	u32 entry = 0;

	assert_false(event_take(r->t->events, &entry));
	assert_int_equal(r->t->events->lost, 0);
}

/* Recorded, answered, ended; what changes only counters and timers is not told. */
static void test_a_life(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);
	struct slot *s;

	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " tcp 5>80 flags=S", client);
	s = rig_session(r);
	told(r, TABLE_SESSIONS, s, EVENT_NEW);
	rig_outward(r, 2, "v4 " RIG_SERVER ">198.51.100.%u tcp 80>5 flags=SA", client);
	told(r, TABLE_SESSIONS, s, EVENT_CHANGED);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " tcp 5>80 flags=A", client);
	told(r, TABLE_SESSIONS, s, EVENT_CHANGED);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " tcp 5>80 flags=A pay=99", client);
	rig_outward(r, 2, "v4 " RIG_SERVER ">198.51.100.%u tcp 80>5 flags=A pay=99", client);
	told_no_more(r);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " tcp 5>80 flags=R", client);
	told(r, TABLE_SESSIONS, s, EVENT_CLOSED);
	assert_true(session_remove(r->t, s, s->version));
	told(r, TABLE_SESSIONS, s, EVENT_CHANGED);
	told_no_more(r);
}

/* Its device dies, and it goes elsewhere. */
static void test_moved(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);

	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 5>53", client);
	told(r, TABLE_SESSIONS, rig_session(r), EVENT_NEW);
	world_set(r->t, 2, false, false);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 5>53", client);
	assert_int_not_equal(rig_session(r)->device, 2);
	told(r, TABLE_SESSIONS, rig_session(r), EVENT_MOVED);
	told_no_more(r);
}

/* A pin is learned with the session it is learned from, moves, and expires. */
static void test_pins(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);
	struct slot *pin;

	rig_outward(r, 3, "v4 " RIG_SERVER ">198.51.100.%u udp 53>5", client);
	pin = rig_pin(r);
	told(r, TABLE_PINS, pin, EVENT_LEARNED);
	told(r, TABLE_SESSIONS, rig_session(r), EVENT_NEW);
	assert_true(pin_put(r->t, &pin->key, r->w.place.hash, 1, PIN_SWEPT, 0));
	told(r, TABLE_PINS, pin, EVENT_CHANGED);
	assert_true(sweep_expire_pin(r->t, r->t->settings, pin, pin->seen + SWEEP_PIN_MS + 1));
	told(r, TABLE_PINS, pin, EVENT_CHANGED);
	told_no_more(r);
}

/* A ring that nobody empties loses what comes and counts it; nothing else suffers. */
static void test_overflow(void **state)
{
	struct rig *r = *state;

	for (u32 i = 0; i < EVENT_RING + 5; i++)
		tables_tell(r->t, TABLE_PINS, r->t->slots[TABLE_PINS], EVENT_CHANGED);
	assert_int_equal(r->t->events->lost, 5);
	told(r, TABLE_PINS, r->t->slots[TABLE_PINS], EVENT_CHANGED);
}

/* Whoever sleeps is woken once; nobody follows where there is no ring. */
static void test_sleeper(void **state)
{
	struct rig *r = *state;
	struct event_ring *ring = r->t->events;

	ring->asleep = 1;
	tables_tell(r->t, TABLE_SESSIONS, r->t->slots[TABLE_SESSIONS], EVENT_NEW);
	assert_int_equal(ring->asleep, 0);
	r->t->events = NULL;
	tables_tell(r->t, TABLE_SESSIONS, r->t->slots[TABLE_SESSIONS], EVENT_NEW);
	assert_int_equal(ring->head, 1);
}

#define EVENTS_TEST(f) cmocka_unit_test_setup_teardown(f, events_setup, events_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EVENTS_TEST(test_a_life),   EVENTS_TEST(test_moved),   EVENTS_TEST(test_pins),
		EVENTS_TEST(test_overflow), EVENTS_TEST(test_sleeper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
