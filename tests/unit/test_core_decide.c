/* SPDX-License-Identifier: ISC */
/* links: tests/packets/rig.c tests/packets/world.c tests/packets/frame.c */
/* links: sandwich/slowpath/memory.c */
/* decide(): whose a frame is, which device carries it, what it leaves behind in the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/rewrite.h"
#include "tests/packets/rig.h"

#define DECIDE_TEST(f) cmocka_unit_test_setup_teardown(f, decide_setup, decide_teardown)

static int decide_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	rig_open(r, SIDE_INGRESS, AFFINITY_PAIR);
	*state = r;
	return 0;
}

static int decide_teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

/* Whose is it? By each port, before any placement. */

static const struct {
	bool farm;
	u8 reason;
	const char *frame;
} owners[] = {
	{false, REASON_OWN_FRAME, "eth src=02:00:00:00:5a:00 v4 1.1.1.1>2.2.2.2 udp 1>2"},
	{true, REASON_OWN_FRAME, "eth src=02:00:00:00:5a:01 v4 1.1.1.1>2.2.2.2 udp 1>2"},
	{false, REASON_NOT_OURS, "eth dst=02:00:00:00:5a:01 v4 1.1.1.1>2.2.2.2 udp 1>2"},
	{false, REASON_NOT_OURS, "eth dst=06:00:00:00:00:01 arp"},
	{false, REASON_GROUP, "eth dst=01:00:5e:00:00:01 v4 1.1.1.1>224.0.0.1 udp 1>2"},
	{true, REASON_GROUP, "eth dst=ff:ff:ff:ff:ff:ff v4 1.1.1.1>2.2.2.2 udp 1>2"},
	{false, REASON_GROUP, "eth dst=01:80:c2:00:00:00 type=0x26 pay=40"},
	{false, REASON_LOCAL_ARP, "eth dst=ff:ff:ff:ff:ff:ff arp"},
	{true, REASON_LOCAL_ARP, "arp"},
	{false, REASON_LOCAL_ND,
	 "eth dst=33:33:ff:00:00:09 v6 fe80::1>ff02::1:ff00:9 icmp6 type=135"},
	{true, REASON_LOCAL_ND, "v6 fe80::1>fe80::2 icmp6 type=136"},
	{false, REASON_NOT_IP, "type=0x88cc pay=40"},
	{false, REASON_NOT_OURS, "vlan=5 v4 1.1.1.1>2.2.2.2 udp 1>2"},
	{true, REASON_NOT_OURS, "vlan=5 v4 1.1.1.1>2.2.2.2 udp 1>2"},
	{false, REASON_TO_DEVICE,
	 "vlan=0 v4 1.1.1.1>2.2.2.2 udp 1>2"}, /* 802.1Q: a priority, no VLAN */
	{false, REASON_BAD_ETHERNET, "vlan=1 vlan=1 vlan=1 arp"},
	{false, REASON_BAD_IP, "v4 1.1.1.1>2.2.2.2 len=10 udp 1>2"},
	{false, REASON_TO_DEVICE, "v4 1.1.1.1>2.2.2.2 udp 1>2"},
	{false, REASON_TO_DEVICE, "v6 2001:db8::1>2001:db8::2 udp 1>2"},
	{true, REASON_TO_UPLINK, "v4 1.1.1.1>2.2.2.2 udp 1>2"},
	{true, REASON_TO_UPLINK, "v6 2001:db8::1>2001:db8::2 icmp6 type=128 id=1"},
};

static void test_owners(void **state)
{
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(owners) / sizeof(*owners); i++) {
		print_message("%s\n", owners[i].frame);
		if (owners[i].farm)
			assert_int_equal(rig_outward(r, 1, "%s", owners[i].frame),
					 owners[i].reason);
		else
			assert_int_equal(rig_inward(r, "%s", owners[i].frame), owners[i].reason);
	}
}

static void test_inward(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);
	struct mac mac = world_device_mac(2);

	assert_int_equal(
		rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " tcp 1000>80 flags=S", client),
		REASON_TO_DEVICE);
	assert_int_equal(r->w.device, 2);
	assert_int_equal(r->w.out_port, 1);
	assert_true(mac_equal(&r->w.out_mac, &mac));
	assert_int_equal(r->w.events, EVENT_NEW);
	assert_non_null(rig_session(r));
	assert_int_equal(rig_session(r)->device, 2);
	assert_int_equal(session_state(rig_session(r)->state), SESSION_NEW);
	assert_int_equal(session_origin(rig_session(r)->state), ORIGIN_HASH);
	assert_int_equal(r->t->devices[2].sessions, 1);
	assert_int_equal(world_live_slots(r->t, TABLE_PINS), 0);
}

/* The answer from the same device: established, no pin, nothing counted. */
static void test_answer(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);
	struct mac mac = world_neighbour_mac(1);

	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	assert_int_equal(
		rig_outward(r, 2, "v4 " RIG_SERVER ">198.51.100.%u udp 80>1000 pay=10", client),
		REASON_TO_UPLINK);
	assert_int_equal(r->w.from, 2);
	assert_int_equal(r->w.out_port, PORT_UPLINK);
	assert_true(mac_equal(&r->w.out_mac, &mac));
	assert_int_equal(session_state(rig_session(r)->state), SESSION_ESTABLISHED);
	assert_int_equal(rig_session(r)->packets, 2);
	assert_int_equal(slot_bytes(rig_session(r)), 42 + 52);
	assert_int_equal(world_live_slots(r->t, TABLE_SESSIONS), 1);
	assert_int_equal(world_live_slots(r->t, TABLE_PINS), 0);
	assert_int_equal(rig_counter(r, COUNTER_ASYMMETRIC_FLOWS), 0);
	assert_int_equal(r->t->devices[2].heard, r->now);
}

/* Opened behind another device than the hash names: learned, and the answers go there. */
static void test_learn(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);

	assert_int_equal(
		rig_outward(r, 3, "v4 " RIG_SERVER ">198.51.100.%u tcp 80>1000 flags=S", client),
		REASON_TO_UPLINK);
	assert_int_equal(r->w.events, EVENT_LEARNED | EVENT_NEW);
	assert_int_equal(rig_pin(r)->device, 3);
	assert_int_equal(session_origin(rig_session(r)->state), ORIGIN_LEARNED);
	assert_int_equal(
		rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " tcp 1000>80 flags=SA", client),
		REASON_TO_DEVICE_PINNED);
	assert_int_equal(r->w.device, 3);
	assert_int_equal(rig_session(r)->device, 3);
	assert_int_equal(session_state(rig_session(r)->state), SESSION_OPENING);
	assert_int_equal(rig_counter(r, COUNTER_LEARNED), 1);
}

/* An unknown MAC is forwarded and counted, and teaches nothing. */
static void test_unknown_source(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rig_outward(r, 0, "v4 " RIG_SERVER ">198.51.100.1 tcp 80>1000 flags=S"),
			 REASON_TO_UPLINK_UNKNOWN);
	assert_int_equal(rig_counter(r, COUNTER_UNKNOWN_SOURCES), 1);
	assert_int_equal(world_live_slots(r->t, TABLE_SESSIONS), 0);
	assert_int_equal(world_live_slots(r->t, TABLE_PINS), 0);
}

/*
 * A known conversation, on device 2 by hash, arrives from device 3: what becomes of it, by what the
 * frame is, whether device 2 lives, and on-move.
 */
static const struct known_case {
	const char *what, *frame;
	bool down, silent, keep, expired;
	u8 device;
	enum counter counter;
	u32 events;
} knowns[] = {
	{"mid-stream, old device lives", "tcp 80>1000 flags=A", .device = 2,
	 .counter = COUNTER_ASYMMETRIC_FLOWS},
	{"opened anew", "tcp 80>1000 flags=S", .device = 3, .counter = COUNTER_MOVED_REBIND,
	 .events = EVENT_LEARNED},
	{"opened anew, on-move = keep", "tcp 80>1000 flags=S", .keep = true, .device = 2,
	 .counter = COUNTER_KEPT},
	{"old device is down", "tcp 80>1000 flags=A", .down = true, .device = 3,
	 .counter = COUNTER_MOVED_DOWN, .events = EVENT_LEARNED},
	{"old device is silent", "tcp 80>1000 flags=A", .silent = true, .device = 3,
	 .counter = COUNTER_MOVED_DOWN, .events = EVENT_LEARNED},
	{"the record is too old", "tcp 80>1000 flags=A", .expired = true, .device = 3,
	 .counter = COUNTER_MOVED_REBIND, .events = EVENT_LEARNED},
};

static void check_known(struct rig *r, const struct known_case *c)
{
	u8 client = rig_client_on(r, 2, 0);

	r->cfg->on_move = c->keep ? MOVE_KEEP : MOVE_REBIND;
	r->cfg->heard = 500;
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " tcp 1000>80 flags=S", client);
	rig_outward(r, 2, "v4 " RIG_SERVER ">198.51.100.%u tcp 80>1000 flags=SA", client);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " tcp 1000>80 flags=A", client);
	if (c->expired)
		r->now += r->cfg->timeout[TIMEOUT_TCP_ESTABLISHED] + 1;
	if (c->silent)
		r->now += 501;
	else
		r->t->devices[2].heard = r->now;
	if (c->down)
		world_set(r->t, 2, false, false);
	assert_int_equal(rig_outward(r, 3, "v4 " RIG_SERVER ">198.51.100.%u %s", client, c->frame),
			 REASON_TO_UPLINK);
	assert_int_equal(rig_session(r)->device, c->device);
	assert_int_equal(rig_counter(r, c->counter), 1);
	assert_int_equal(r->w.device, c->device);
	if (!c->down)
		assert_int_equal(r->w.events, c->events);
	assert_int_equal(r->t->devices[c->device].sessions, 1);
}

static void test_known_from_elsewhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(knowns) / sizeof(*knowns); i++) {
		struct rig r;

		print_message("%s\n", knowns[i].what);
		rig_open(&r, SIDE_INGRESS, AFFINITY_PAIR);
		check_known(&r, &knowns[i]);
		rig_close(&r);
	}
}

/* Counted once a conversation, however many frames show it. */
static void test_asymmetry_counts_flows(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);

	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	for (int i = 0; i < 5; i++)
		rig_outward(r, 3, "v4 " RIG_SERVER ">198.51.100.%u udp 80>1000", client);
	assert_int_equal(rig_counter(r, COUNTER_ASYMMETRIC_FLOWS), 1);
	assert_int_equal(rig_session(r)->device, 2);
	assert_int_equal(rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client),
			 REASON_TO_DEVICE);
}

/*
 * The hash came to name the very device that a living conversation was not on (a table changed and
 * no sweep saw it): the frame shows two live devices, and that must not pass for a plain move.
 */
static void test_asymmetry_where_the_hash_agrees(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);

	world_set(r->t, 2, false, false);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	assert_int_not_equal(rig_session(r)->device, 2);
	world_set(r->t, 2, true, true);
	rig_outward(r, 2, "v4 " RIG_SERVER ">198.51.100.%u udp 80>1000", client);
	assert_int_equal(rig_counter(r, COUNTER_ASYMMETRIC_FLOWS), 1);
	assert_int_equal(rig_session(r)->device, 2); /* where the partner sends it */
}

/* The table changed and no sweep saw the conversation: it stays, and is pinned. */
static void test_stays_without_a_sweep(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0), before;

	world_set(r->t, 2, false, false);
	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	before = r->w.device;
	world_set(r->t, 2, true, true);
	assert_int_equal(rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client),
			 REASON_TO_DEVICE_PINNED);
	assert_int_equal(r->w.device, before);
	assert_int_equal(rig_pin(r)->device, before);
	assert_int_equal(rig_pin(r)->state, PIN_SWEPT);
}

static void test_death_moves(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);

	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	world_set(r->t, 2, false, false);
	assert_int_equal(rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client),
			 REASON_TO_DEVICE);
	assert_int_not_equal(r->w.device, 2);
	assert_true(r->w.events & EVENT_MOVED);
	assert_int_equal(rig_counter(r, COUNTER_MOVED_DOWN), 1);
	assert_int_equal(r->t->devices[2].sessions, 0);
}

/* Nobody is up: nothing moves to nobody, and the conversation is still its device's when that
 * returns. */
static void test_no_device(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);

	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	for (u8 id = 1; id <= 3; id++)
		world_set(r->t, id, false, false);
	assert_int_equal(rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client),
			 REASON_NO_DEVICE);
	assert_int_equal(r->w.events, 0);
	assert_int_equal(rig_session(r)->device, 2);
	assert_int_equal(r->t->devices[0].sessions, 0);
	assert_int_equal(rig_counter(r, COUNTER_MOVED_DOWN), 0);
	assert_int_equal(rig_outward(r, 2, "v4 " RIG_SERVER ">198.51.100.%u udp 80>1000", client),
			 REASON_TO_UPLINK);
}

static void test_device_without_mac(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);

	r->t->devices[2].hop = 0;
	assert_int_equal(rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client),
			 REASON_NO_DEVICE);
	assert_int_equal(world_live_slots(r->t, TABLE_SESSIONS), 0);
}

/* on-device-down = reset | drop, by what the frame is. */
static void test_on_down(void **state)
{
	static const struct {
		const char *frame;
		u8 on_down, reason;
		bool kept;
	} cases[] = {
		{"v4 198.51.100.%u>" RIG_SERVER " tcp 1000>80 flags=A", DOWN_RESET, REASON_RESET,
		 false},
		{"v4 198.51.100.%u>" RIG_SERVER " tcp 1000>80 flags=A", DOWN_DROP,
		 REASON_DEVICE_GONE, true},
		{"v4 198.51.100.%u>" RIG_SERVER " tcp 1000>80 flags=S", DOWN_RESET,
		 REASON_TO_DEVICE, true},
		{"v4 198.51.100.%u>" RIG_SERVER " tcp 1000>80 flags=S", DOWN_DROP, REASON_TO_DEVICE,
		 true},
		{"v4 198.51.100.%u>" RIG_SERVER " tcp 999>80 flags=A", DOWN_RESET, REASON_TO_DEVICE,
		 true},
		{"v4 198.51.100.%u>" RIG_SERVER " tcp 1000>80 flags=A", DOWN_MOVE, REASON_TO_DEVICE,
		 true},
		/* RFC 1122 3.2.2: never an error about an error */
		{"v4 198.51.100.%u>" RIG_SERVER " icmp type=3 v4 " RIG_SERVER
		 ">198.51.100.%u tcp 80>1000",
		 DOWN_RESET, REASON_DEVICE_GONE, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[200];
		struct rig r;
		u8 client;

		rig_open(&r, SIDE_INGRESS, AFFINITY_PAIR);
		r.cfg->on_down = cases[i].on_down;
		client = rig_client_on(&r, 2, 0);
		rig_inward(&r, "v4 198.51.100.%u>" RIG_SERVER " tcp 1000>80 flags=S", client);
		rig_outward(&r, 2, "v4 " RIG_SERVER ">198.51.100.%u tcp 80>1000 flags=SA", client);
		world_set(r.t, 2, false, false);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), cases[i].frame, client, client);
#pragma GCC diagnostic pop
		print_message("%d %s\n", cases[i].on_down, text);
		assert_int_equal(rig_inward(&r, "%s", text), cases[i].reason);
		assert_int_equal(rig_session(&r) != NULL, cases[i].kept);
		rig_close(&r);
	}
}

/* ICMP errors and fragments follow their flow and leave no session of their own. */
static void test_followers(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);

	rig_outward(r, 3, "v4 " RIG_SERVER ">198.51.100.%u udp 80>1000", client);
	assert_int_equal(rig_inward(r,
				    "v4 192.0.2.77>" RIG_SERVER " icmp type=3 code=4 v4 " RIG_SERVER
				    ">198.51.100.%u udp 80>1000",
				    client),
			 REASON_TO_DEVICE_PINNED);
	assert_int_equal(r->w.device, 3);
	assert_int_equal(rig_inward(r,
				    "v4 198.51.100.%u>" RIG_SERVER " id=4 off=100 proto=17 pay=80",
				    client),
			 REASON_TO_DEVICE_PINNED);
	assert_int_equal(r->w.device, 3);
	assert_int_equal(world_live_slots(r->t, TABLE_SESSIONS), 1);
}

/* What names no conversation teaches none: a later fragment, or a header cut short, from another
 * device. */
static void test_unknown_ports_teach_nothing(void **state)
{
	struct rig *r = *state;
	u8 client = rig_client_on(r, 2, 0);

	rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client);
	rig_outward(r, 3, "v4 " RIG_SERVER ">198.51.100.%u id=9 off=10 proto=17 pay=80", client);
	assert_null(rig_pin(r));
	rig_outward(r, 3, "v4 " RIG_SERVER ">198.51.100.%u proto=6 pay=2", client);
	assert_null(rig_pin(r));
	assert_int_equal(rig_inward(r, "v4 198.51.100.%u>" RIG_SERVER " udp 1000>80", client),
			 REASON_TO_DEVICE);
	assert_int_equal(r->w.device, 2);
}

/* Under `flow`, a later fragment waits for its first one, once; then goes by addresses and is
 * counted. */
static void test_fragments_held(void **state)
{
	struct rig *r = *state;

	r->cfg->affinity = AFFINITY_FLOW;
	r->cfg->hold_fragments = true;
	assert_int_equal(rig_inward(r, "v4 1.1.1.1>2.2.2.2 id=4 off=2 proto=17 pay=80"),
			 REASON_HELD_FRAGMENT);
	assert_int_equal(rig_inward(r, "v4 1.1.1.1>2.2.2.2 id=4 mf udp 1>2 pay=8"),
			 REASON_TO_DEVICE);
	assert_true(r->w.events & EVENT_FIRST_FRAGMENT);
	assert_int_equal(rig_inward(r, "v4 1.1.1.1>2.2.2.2 id=4 off=2 proto=17 pay=80"),
			 REASON_TO_DEVICE);
	assert_int_equal(r->w.flow.outside_port, core_swap16(1));
	r->cfg->hold_fragments = false;
	assert_int_equal(rig_inward(r, "v4 1.1.1.1>2.2.2.2 id=5 off=2 proto=17 pay=80"),
			 REASON_TO_DEVICE);
	assert_int_equal(rig_counter(r, COUNTER_FRAGMENTS_UNMATCHED), 1);
}

/* Fragments in any order, under every affinity, meet their conversation's device. */
static void test_fragments_in_any_order(void **state)
{
	static const char *const parts[] = {"id=4 mf udp 1000>80 pay=8",
					    "id=4 off=2 mf proto=17 pay=8",
					    "id=4 off=3 proto=17 pay=8"};
	static const u8 orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
				       {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	(void)state;
	for (u8 affinity = AFFINITY_PAIR; affinity <= AFFINITY_FLOW; affinity++)
		for (size_t o = 0; o < sizeof(orders) / sizeof(*orders); o++) {
			struct rig r;
			u8 held = 0, client;

			rig_open(&r, SIDE_INGRESS, affinity);
			r.cfg->hold_fragments = true;
			client = 7;
			rig_outward(&r, 3, "v4 " RIG_SERVER ">198.51.100.%u udp 80>1000", client);
			for (int i = 0; i < 3 + held && i < 6; i++) {
				const char *part = parts[orders[o][i % 3]];

				if (rig_inward(&r, "v4 198.51.100.%u>" RIG_SERVER " %s", client,
					       part) == REASON_HELD_FRAGMENT)
					held++; /* tried again when all have come */
				else
					assert_int_equal(r.w.device, 3);
			}
			assert_int_equal(held,
					 affinity == AFFINITY_FLOW
						 ? (orders[o][0] ? 1 + (orders[o][1] != 0) : 0)
						 : 0);
			rig_close(&r);
		}
}

/* decide() writes to tables, never to the frame. */
static void test_frame_untouched(void **state)
{
	struct rig *r = *state;
	struct frame f;

	for (size_t i = 0; i < sizeof(owners) / sizeof(*owners); i++) {
		rig_inward(r, "%s", owners[i].frame);
		f = r->f;
		world_decide(r->t, r->f.bytes, r->f.length, PORT_UPLINK, r->now, &r->w);
		assert_memory_equal(&f, &r->f, sizeof(f));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DECIDE_TEST(test_owners),
		DECIDE_TEST(test_inward),
		DECIDE_TEST(test_answer),
		DECIDE_TEST(test_learn),
		DECIDE_TEST(test_unknown_source),
		cmocka_unit_test(test_known_from_elsewhere),
		DECIDE_TEST(test_asymmetry_counts_flows),
		DECIDE_TEST(test_asymmetry_where_the_hash_agrees),
		DECIDE_TEST(test_stays_without_a_sweep),
		DECIDE_TEST(test_death_moves),
		DECIDE_TEST(test_no_device),
		DECIDE_TEST(test_device_without_mac),
		cmocka_unit_test(test_on_down),
		DECIDE_TEST(test_followers),
		DECIDE_TEST(test_unknown_ports_teach_nothing),
		DECIDE_TEST(test_fragments_held),
		cmocka_unit_test(test_fragments_in_any_order),
		DECIDE_TEST(test_frame_untouched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
