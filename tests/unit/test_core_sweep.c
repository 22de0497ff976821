/* links: tests/packets/rig.c tests/packets/world.c tests/packets/frame.c sandwich/slowpath/memory.c
 */
/* SPDX-License-Identifier: ISC */
/* The sweep pins exactly what a change would move; the other walk forgets what is over. */
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

#define CLIENTS 250

/* What placement will be when DEVICE is up and picked, or is not. */
static void sweep_begin(struct rig *r, struct sweep *sweep, u8 device, bool up, bool pick)
{
	memset(sweep, 0, sizeof(*sweep));
	sweep->next = *r->cfg;
	sweep->now = r->now;
	device_set_put(&sweep->next.up, device, up);
	device_set_put(&sweep->next.pick, device, pick);
	world_live(r->t, &sweep->next);
}

static void sweep_all(struct rig *r, struct sweep *sweep)
{
	for (u32 i = 0; i <= r->t->mask[TABLE_SESSIONS]; i++)
		sweep_slot(r->t, sweep, &r->t->slots[TABLE_SESSIONS][i]);
}

/* One UDP conversation a client; notes where each is. */
static void talk(struct rig *r, u8 *where)
{
	for (u32 n = 0; n < CLIENTS; n++) {
		rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", n);
		where[n] = r->w.device;
		rig_outward(r, where[n], "v4 " RIG_SERVER ">198.51.100.%u udp 80>1000", n);
	}
}

static int sweep_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	rig_open(r, SIDE_INGRESS, AFFINITY_PAIR);
	*state = r;
	return 0;
}

static int sweep_teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

/* Each change: what is pinned is exactly what would have moved, and afterwards nothing moves. */
static void check_change(struct rig *r, u8 device, bool up, bool pick)
{
	static u8 before[CLIENTS], after[CLIENTS];
	u64 pins = rig_counter(r, COUNTER_SWEPT_PINS);
	struct sweep sweep;
	u32 would_move = 0;

	talk(r, before);
	sweep_begin(r, &sweep, device, up, pick);
	for (u32 i = 0; i <= r->t->mask[TABLE_SESSIONS]; i++) {
		struct slot *s = &r->t->slots[TABLE_SESSIONS][i];
		struct placement next = {0};
		struct flow key;

		if (!slot_is_live(s->version))
			continue;
		affinity_key(&key, &s->key, AFFINITY_PAIR);
		place(r->t, &sweep.next, &key, r->now, &next);
		would_move += next.device != s->device;
	}
	sweep_all(r, &sweep);
	assert_int_equal(sweep.walked, CLIENTS);
	assert_int_equal(sweep.pinned, would_move);
	assert_int_equal(rig_counter(r, COUNTER_SWEPT_PINS) - pins, would_move);
	world_set(r->t, device, up, pick);
	talk(r, after);
	assert_memory_equal(before, after, sizeof(before));
	sweep_begin(r, &sweep, device, up, pick);
	sweep_all(r, &sweep);
	assert_int_equal(sweep.pinned, 0); /* a second one finds nothing left to do */
}

static void test_return(void **state)
{
	struct rig *r = *state;

	world_set(r->t, 2, false, false);
	check_change(r, 2, true, true);
	assert_in_range(world_live_slots(r->t, TABLE_PINS), CLIENTS / 5, CLIENTS / 2);
}

static void test_drain_and_undrain(void **state)
{
	struct rig *r = *state;

	check_change(r, 2, true, false);
	check_change(r, 2, true, true);
}

/* New conversations avoid a draining device; those it has stay. */
static void test_drained_gets_nothing_new(void **state)
{
	struct rig *r = *state;
	struct sweep sweep;
	u8 before[CLIENTS];

	talk(r, before);
	sweep_begin(r, &sweep, 2, true, false);
	sweep_all(r, &sweep);
	world_set(r->t, 2, true, false);
	for (u32 n = 0; n < CLIENTS; n++) {
		rig_inward(r, "v4 198.18.0.%u>" RIG_SERVER " udp 1000>80", n);
		assert_int_not_equal(r->w.device, 2);
	}
}

static void test_join_and_weight(void **state)
{
	struct rig *r = *state;
	static u8 before[CLIENTS], after[CLIENTS];
	struct sweep sweep;
	u32 was = r->cfg->rows;

	talk(r, before);
	world_device(r->t, 4, "d", 3);
	world_set(r->t, 4, false, false);
	world_rank(r->t);
	sweep_begin(r, &sweep, 4, true, true);
	r->cfg->rows = was;
	sweep_all(r, &sweep);
	assert_true(sweep.pinned > 50);
	r->cfg->rows = sweep.next.rows;
	world_set(r->t, 4, true, true);
	talk(r, after);
	assert_memory_equal(before, after, sizeof(before));
	for (u32 n = 0, gained = 0; n < CLIENTS; n++) {
		rig_inward(r, "v4 198.18.0.%u>" RIG_SERVER " udp 1000>80", n);
		gained += r->w.device == 4;
		if (n == CLIENTS - 1)
			assert_in_range(gained, CLIENTS / 2 - 35, CLIENTS / 2 + 35);
	}
}

static void test_what_needs_no_pin(void **state)
{
	struct rig *r = *state;
	struct sweep sweep;
	u8 client = rig_client_on(r, 2, 0);

	world_set(r->t, 2, false, false);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	/* its time is over */
	r->now += 30001;
	sweep_begin(r, &sweep, 2, true, true);
	sweep_all(r, &sweep);
	assert_int_equal(sweep.pinned, 0);
	/* its device is gone as well */
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	sweep_begin(r, &sweep, 2, true, true);
	device_set_put(&sweep.next.up, r->w.device, false);
	sweep_all(r, &sweep);
	assert_int_equal(sweep.pinned, 0);
}

/*
 * A conversation pinned to a device that died went elsewhere by the hash; when that device comes
 * back, its stale pin must not take the conversation away again.
 */
static void test_stale_pin(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 1, 0), refuge;
	struct sweep sweep;

	rig_outward(r, 2, "v4 " RIG_SERVER ">198.51.100.%u udp 80>1000", client);
	assert_int_equal(rig_pin(r)->device, 2);
	world_set(r->t, 2, false, false);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	refuge = r->w.device;
	assert_int_not_equal(refuge, 2);
	sweep_begin(r, &sweep, 2, true, true);
	sweep_all(r, &sweep);
	world_set(r->t, 2, true, true);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	assert_int_equal(r->w.device, refuge);
}

/* An operator's pin holds: what fled from its device goes back to it. */
static void test_operator_pin(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 1, 0);
	struct sweep sweep;

	rig_outward(r, 2, "v4 " RIG_SERVER ">198.51.100.%u udp 80>1000", client);
	rig_pin(r)->state = PIN_OPERATOR;
	world_set(r->t, 2, false, false);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	sweep_begin(r, &sweep, 2, true, true);
	sweep_all(r, &sweep);
	world_set(r->t, 2, true, true);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	assert_int_equal(r->w.device, 2);
}

/* The same of an inner host's binding, which placement asks after the pin. */
static void test_stale_host(void **state)
{
	u8 refuge;
	struct sweep sweep;
	struct rig r;

	(void)state;
	rig_open(&r, SIDE_EGRESS, AFFINITY_PAIR);
	r.cfg->learn_hosts = true;
	rig_outward(&r, 2, "v4 10.66.0.1>10.9.0.200 udp 1>2");
	for (u32 n = 1; n < 60; n++) {
		world_set(r.t, 2, false, false);
		rig_inward(&r, "v4 10.9.0.%u>10.66.0.1 udp 5>6", n);
		refuge = r.w.device;
		rig_outward(&r, refuge, "v4 10.66.0.1>10.9.0.%u udp 6>5", n);
		sweep_begin(&r, &sweep, 2, true, true);
		sweep_all(&r, &sweep);
		world_set(r.t, 2, true, true);
		rig_inward(&r, "v4 10.9.0.%u>10.66.0.1 udp 5>6", n);
		assert_int_equal(r.w.device, refuge);
	}
	rig_close(&r);
}

/* What the binding places needs no pin while the binding is there. */
static void test_host_needs_no_pin(void **state)
{
	struct sweep sweep;
	struct rig r;
	u32 pins;

	(void)state;
	rig_open(&r, SIDE_EGRESS, AFFINITY_PAIR);
	r.cfg->learn_hosts = true;
	world_set(r.t, 3, false, false);
	rig_outward(&r, 2, "v4 10.66.0.1>10.9.0.200 udp 1>2");
	for (u32 n = 1; n < 60; n++) {
		rig_inward(&r, "v4 10.9.0.%u>10.66.0.1 udp 5>6", n);
		assert_int_equal(r.w.device, 2);
	}
	pins = world_live_slots(r.t, TABLE_PINS);
	sweep_begin(&r, &sweep, 3, true, true);
	sweep_all(&r, &sweep);
	assert_in_range(world_live_slots(r.t, TABLE_PINS), pins, pins + 1);
	rig_close(&r);
}

/* Expiry: sessions by their timers, their pins kept while one lives; in the end nothing is left. */
static void test_expiry(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 1, 0);
	struct slot *s, *pin;

	rig_outward(r, 2, "v4 " RIG_SERVER ">198.51.100.%u tcp 80>1000 flags=A", client);
	s = rig_session(r);
	pin = rig_pin(r);
	for (u32 past = 0; past <= 3600000; past += 30000) {
		assert_false(sweep_expire(r->t, r->cfg, s, r->now + past, true));
		assert_false(sweep_expire_pin(r->t, r->cfg, pin, r->now + past));
	}
	assert_int_equal(r->t->devices[2].sessions, 1);
	assert_true(sweep_expire(r->t, r->cfg, s, r->now + 3600001, true));
	assert_int_equal(r->t->devices[2].sessions, 0);
	assert_int_equal(rig_counter(r, COUNTER_SESSIONS_EXPIRED), 1);
	assert_true(sweep_expire_pin(r->t, r->cfg, pin, r->now + 3600001 + SWEEP_PIN_MS));
	assert_int_equal(
		world_live_slots(r->t, TABLE_SESSIONS) + world_live_slots(r->t, TABLE_PINS), 0);
}

#define SWEEP_TEST(f) cmocka_unit_test_setup_teardown(f, sweep_setup, sweep_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SWEEP_TEST(test_return),
		SWEEP_TEST(test_drain_and_undrain),
		SWEEP_TEST(test_drained_gets_nothing_new),
		SWEEP_TEST(test_join_and_weight),
		SWEEP_TEST(test_what_needs_no_pin),
		SWEEP_TEST(test_stale_pin),
		SWEEP_TEST(test_operator_pin),
		cmocka_unit_test(test_stale_host),
		cmocka_unit_test(test_host_needs_no_pin),
		SWEEP_TEST(test_expiry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
