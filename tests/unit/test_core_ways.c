/* SPDX-License-Identifier: ISC */
/* links: tests/packets/rig.c tests/packets/world.c tests/packets/frame.c */
/* links: sandwich/slowpath/memory.c */
/* decide(): inner hosts, own addresses, next hops, full tables, tags; and the rewriting. */
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

/* vpn mode, egress: the inner host is bound to its tunnel's device. */
static void check_hosts(u8 affinity)
{
	struct slot *pin;
	struct rig r;

	rig_open(&r, SIDE_EGRESS, affinity);
	r.cfg->learn_hosts = true;
	for (u8 host = 1; host < 40; host++) {
		rig_outward(&r, 1 + host % 3, "v4 10.66.0.%u>" RIG_SERVER " tcp 1000>80 flags=S",
			    host);
		rig_inward(&r, "v4 " RIG_SERVER ">10.66.0.%u tcp 80>1000 flags=SA", host);
		assert_int_equal(r.w.device, 1 + host % 3);
		/* another server, another port, opened from inside */
		rig_inward(&r, "v4 10.9.0.8>10.66.0.%u tcp 5555>22 flags=S", host);
		assert_int_equal(r.w.device, 1 + host % 3);
		rig_outward(&r, 1 + host % 3, "v4 10.66.0.%u>10.9.0.8 tcp 22>5555 flags=SA", host);
		assert_int_equal(session_state(rig_session(&r)->state), SESSION_OPENING);
	}
	assert_int_equal(rig_counter(&r, COUNTER_ASYMMETRIC_FLOWS), 0);
	/* bindings live by inner-host's timer, whether or not the hash happened to agree */
	for (u8 host = 1; host < 40; host++) {
		struct flow flow = {.protocol = 6}, key;
		u64 hash;

		address_from_v4(&flow.outside, core_swap32(0x0a420000u + host));
		hash = place_host_key(r.cfg, &flow, &key);
		pin = table_find(r.t, TABLE_PINS, &key, hash);
		assert_non_null(pin);
		assert_int_equal(pin->state, PIN_HOST);
	}
	rig_close(&r);
}

static void test_inner_hosts(void **state)
{
	(void)state;
	check_hosts(AFFINITY_PAIR);
	check_hosts(AFFINITY_CLIENT);
	check_hosts(AFFINITY_FLOW);
}

/* The client comes back through another device: all of it follows, nothing is asymmetric. */
static void test_roaming_host(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, SIDE_EGRESS, AFFINITY_CLIENT);
	r.cfg->learn_hosts = true;
	rig_outward(&r, 1, "v4 10.66.0.1>" RIG_SERVER " tcp 1000>80 flags=S");
	r.now += LEARN_SETTLE_MS;
	rig_outward(&r, 2, "v4 10.66.0.1>" RIG_SERVER " tcp 1001>80 flags=S");
	rig_inward(&r, "v4 " RIG_SERVER ">10.66.0.1 tcp 80>1000 flags=SA");
	assert_int_equal(r.w.device, 2);
	assert_int_equal(rig_session(&r)->device, 2);
	assert_int_equal(rig_counter(&r, COUNTER_ASYMMETRIC_FLOWS), 0);
	rig_close(&r);
}

/* A device's own addresses: to it whatever the hash says, and its own traffic binds nobody else's.
 */
static void test_device_addresses(void **state)
{
	struct rig *r = *state;

	world_local(r->t, "10.2.0.11", LOCAL_DEVICE | 1);
	for (u32 host = 1; host < 30; host++) {
		assert_int_equal(rig_inward(r, "v4 198.51.100.%u>10.2.0.11 tcp 9>22 flags=S", host),
				 REASON_TO_DEVICE_PINNED);
		assert_int_equal(r->w.device, 1);
		assert_int_equal(
			rig_outward(r, 1, "v4 10.2.0.11>198.51.100.%u tcp 22>9 flags=SA", host),
			REASON_TO_UPLINK);
		assert_int_equal(rig_session(r)->device, 1);
	}
	assert_int_equal(world_live_slots(r->t, TABLE_PINS), 0);
	assert_int_equal(world_live_slots(r->t, TABLE_SESSIONS), 29);
	world_set(r->t, 1, false,
		  false); /* one can still log in to a device that is out of the farm */
	assert_int_equal(rig_inward(r, "v4 198.51.100.1>10.2.0.11 tcp 9>22 flags=A"),
			 REASON_TO_DEVICE_PINNED);
}

static void test_local_addresses(void **state)
{
	struct rig *r = *state;

	world_local(r->t, "192.0.2.10", LOCAL_CLUSTER);
	world_local(r->t, "2001:db8::10", LOCAL_CLUSTER);
	world_local(r->t, "192.0.2.1", LOCAL_OWN);
	assert_int_equal(rig_inward(r, "v4 1.1.1.1>192.0.2.10 icmp type=8 id=1"), REASON_LOCAL_IP);
	assert_int_equal(rig_inward(r, "v6 2001:db8::1>2001:db8::10 icmp6 type=128 id=1"),
			 REASON_LOCAL_IP);
	assert_int_equal(rig_inward(r, "v4 1.1.1.1>192.0.2.10 icmp type=0 id=1"), REASON_TO_DEVICE);
	assert_int_equal(rig_inward(r, "v4 1.1.1.1>192.0.2.10 udp 500>500"), REASON_TO_DEVICE);
	assert_int_equal(rig_inward(r, "v4 1.1.1.1>192.0.2.10 esp"), REASON_TO_DEVICE);
	assert_int_equal(
		rig_inward(r, "v4 1.1.1.1>192.0.2.10 icmp type=3 v4 192.0.2.10>8.8.8.8 esp"),
		REASON_TO_DEVICE);
	assert_int_equal(rig_inward(r, "v4 1.1.1.1>192.0.2.1 tcp 1>22 flags=S"), REASON_LOCAL_IP);
	assert_int_equal(rig_outward(r, 1, "v4 1.1.1.1>192.0.2.1 udp 1>22"), REASON_LOCAL_IP);
}

static void test_next_hops(void **state)
{
	struct rig *r = *state;

	r->t->routes[0] = r->t->routes[0];
	world_route(r->t, "10.5.0.0", 16, 0, ROUTE_ON_LINK, 0);
	world_route(r->t, "10.6.0.0", 16, 0, ROUTE_BLACKHOLE, 0);
	world_route(r->t, "10.7.0.0", 16, 0, ROUTE_VIA, 7);
	assert_int_equal(rig_outward(r, 1, "v4 8.8.8.8>10.5.0.1 udp 1>2"), REASON_HELD_NEIGHBOUR);
	assert_int_equal(r->w.neighbour, 0);
	assert_int_equal(rig_outward(r, 1, "v4 8.8.8.8>10.6.0.1 udp 1>2"), REASON_NO_ROUTE);
	assert_int_equal(rig_outward(r, 1, "v4 8.8.8.8>10.7.0.1 udp 1>2"), REASON_HELD_NEIGHBOUR);
	assert_int_equal(r->w.neighbour, 7);
	world_neighbour(r->t, 7, "192.0.2.7");
	assert_int_equal(rig_outward(r, 1, "v4 8.8.8.8>10.7.0.1 udp 1>2"), REASON_TO_UPLINK);
	assert_int_equal(r->w.out_mac.byte[5], 7);
}

/* A frame that waited for its neighbour is one frame of its conversation, not two. */
static void test_held_counts_once(void **state)
{
	struct rig *r = *state;
	struct packet_cursor c;
	struct work again;

	world_route(r->t, "10.7.0.0", 16, 0, ROUTE_VIA, 7);
	assert_int_equal(rig_outward(r, 1, "v4 8.8.8.8>10.7.0.1 udp 1>2"), REASON_HELD_NEIGHBOUR);
	world_neighbour(r->t, 7, "192.0.2.7");
	again = (struct work){.now = r->now, .port = 1, .held = true, .recorded = true};
	c = (struct packet_cursor){r->f.bytes, r->f.bytes + r->f.length, r->f.length};
	decide(r->t, &c, &again);
	assert_int_equal(again.reason, REASON_TO_UPLINK);
	assert_int_equal(rig_session(r)->packets, 1);
}

/* last-hop: the answers go back to the router that brought the conversation. */
static void test_last_hop(void **state)
{
	struct rig *r = *state;
	struct mac second = world_neighbour_mac(2);

	r->cfg->last_hop = true;
	world_neighbour(r->t, 2, "192.0.2.253");
	world_owner(r->t, &second, 0, 0, MAC_ANYWHERE, MAC_OWNER_ROUTER | 2);
	rig_inward(r, "v4 1.1.1.1>2.2.2.2 udp 1>2");
	assert_true(r->w.events & EVENT_ROUTER);
	r->cfg->hold_fragments = true; /* with a slow path it waits until its router is known */
	assert_int_equal(rig_inward(r, "v4 1.1.1.1>2.2.2.2 udp 1>2"), REASON_HELD_NEIGHBOUR);
	assert_true(r->w.events & EVENT_ROUTER);
	rig_inward(r, "eth src=02:00:00:00:aa:02 v4 1.1.1.1>2.2.2.2 udp 1>2");
	assert_false(r->w.events & EVENT_ROUTER);
	assert_int_equal(rig_session(r)->router, 2);
	assert_int_equal(rig_outward(r, r->w.device, "v4 2.2.2.2>1.1.1.1 udp 2>1"),
			 REASON_TO_UPLINK);
	assert_true(mac_equal(&r->w.out_mac, &second));
	rig_outward(r, 1, "v4 2.2.2.2>1.1.1.9 udp 2>1");
	assert_int_equal(r->w.out_mac.byte[5], 1);
}

/* With a quantum a conversation is touched once in it, but always where TCP opens or closes. */
static void test_quantum(void **state)
{
	struct rig *r = *state;

	r->cfg->quantum = 100;
	for (int i = 0; i < 10; i++)
		rig_inward(r, "v4 1.1.1.1>2.2.2.2 udp 1>2");
	assert_int_equal(rig_session(r)->packets, 1);
	r->now += 100;
	rig_inward(r, "v4 1.1.1.1>2.2.2.2 udp 1>2");
	assert_int_equal(rig_session(r)->packets, 2);
	rig_inward(r, "v4 1.1.1.1>2.2.2.2 tcp 1>2 flags=S");
	assert_non_null(rig_session(r));
	rig_inward(r, "v4 1.1.1.1>2.2.2.2 tcp 1>2 flags=R");
	assert_int_equal(session_state(rig_session(r)->state), SESSION_RESET);
	assert_true(r->w.events & EVENT_CLOSED);
}

/* A full table costs the record, never the frame. */
static void test_full_table_forwards(void **state)
{
	struct rig *r = *state;

	for (u32 n = 0; n < 9000; n++) {
		assert_int_equal(rig_inward(r, "v4 1.1.1.1>2.2.2.2 tcp %u>80 flags=S", n),
				 REASON_TO_DEVICE);
		rig_outward(r, r->w.device, "v4 2.2.2.2>1.1.1.1 tcp 80>%u flags=SA", n);
		assert_int_equal(r->w.reason, REASON_TO_UPLINK);
	}
	assert_in_range(world_live_slots(r->t, TABLE_SESSIONS), 4000, 4096);
	assert_int_equal(r->t->devices[1].sessions + r->t->devices[2].sessions +
				 r->t->devices[3].sessions,
			 world_live_slots(r->t, TABLE_SESSIONS));
	assert_true(rig_counter(r, COUNTER_SESSIONS_FULL) > 0);
}

/* A full pin table: learning fails, the frame does not. */
static void test_full_pins_forward(void **state)
{
	struct rig *r = *state;

	for (u32 n = 0; n < 3000; n++)
		assert_int_equal(rig_outward(r, 1 + n % 3, "v4 10.%u.%u.1>2.2.2.2 udp 1>80",
					     n / 256, n % 256),
				 REASON_TO_UPLINK);
	assert_true(rig_counter(r, COUNTER_PINS_FULL) > 0);
	assert_in_range(world_live_slots(r->t, TABLE_PINS), 900, 1024);
}

static void test_vlans(void **state)
{
	struct rig *r = *state;
	u8 out[64], *at = out;
	struct mac mine = world_mac(1);

	r->cfg->vlan[0] = 5;
	r->cfg->vlan[1] = VLAN_NONE;
	assert_int_equal(rig_inward(r, "v4 1.1.1.1>2.2.2.2 udp 1>2"), REASON_NOT_OURS);
	assert_int_equal(rig_inward(r, "vlan=6 v4 1.1.1.1>2.2.2.2 udp 1>2"), REASON_NOT_OURS);
	assert_int_equal(rig_inward(r, "qinq=1 vlan=5 v4 1.1.1.1>2.2.2.2 udp 1>2"),
			 REASON_NOT_OURS);
	assert_int_equal(rig_inward(r, "vlan=5 v4 1.1.1.1>2.2.2.2 udp 1>2"), REASON_TO_DEVICE);
	assert_int_equal(r->w.out_vlan, VLAN_NONE);
	assert_int_equal(rewrite_growth(&r->w), -4);
	memcpy(out, r->f.bytes, 46);
	at += 4;
	rewrite_frame(at, &r->w, &mine);
	assert_memory_equal(at, &r->w.out_mac, 6);
	assert_memory_equal(at + 6, &mine, 6);
	assert_memory_equal(at + 12, "\x08\x00\x45", 3);
}

/* Each way of tags to tags, byte by byte. */
static void test_rewrite(void **state)
{
	static const struct {
		const char *before, *after;
		u16 out;
	} cases[] = {
		{"", "", VLAN_KEEP},
		{"vlan=5 ", "vlan=5 ", VLAN_KEEP},
		{"qinq=7 vlan=5 ", "qinq=7 vlan=5 ", VLAN_KEEP},
		{"", "", VLAN_NONE},
		{"vlan=5 ", "", VLAN_NONE},
		{"qinq=7 vlan=5 ", "", VLAN_NONE},
		{"", "vlan=9 ", 9},
		{"vlan=5 ", "vlan=9 ", 9},
		{"qinq=7 vlan=5 ", "vlan=9 ", 9},
	};
	static const char *const packets[] = {"v4 1.1.1.1>2.2.2.2 tcp 1>2 flags=S pay=9",
					      "v6 2001:db8::1>2001:db8::2 udp 1>2"};
	struct mac mine = {{2, 9, 9, 9, 9, 9}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases) * 2; i++) {
		struct work w = {.out_vlan = cases[i / 2].out, .out_mac = {{2, 1, 1, 1, 1, 1}}};
		struct packet_cursor c;
		struct frame f, want;
		u8 room[256], why, *at;

		frame_make(&f, "%s%s", cases[i / 2].before, packets[i % 2]);
		frame_make(&want, "eth dst=02:01:01:01:01:01 src=02:09:09:09:09:09 %s%s",
			   cases[i / 2].after, packets[i % 2]);
		c = (struct packet_cursor){f.bytes, f.bytes + f.length, f.length};
		assert_true(packet_parse(&c, &w.packet, &why));
		assert_int_equal((int)f.length + rewrite_growth(&w), want.length);
		memcpy(room + 16, f.bytes, f.length);
		at = room + 16 - rewrite_growth(&w);
		rewrite_frame(at, &w, &mine);
		assert_memory_equal(at, want.bytes, want.length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inner_hosts),
		cmocka_unit_test(test_roaming_host),
		DECIDE_TEST(test_device_addresses),
		DECIDE_TEST(test_local_addresses),
		DECIDE_TEST(test_next_hops),
		DECIDE_TEST(test_held_counts_once),
		DECIDE_TEST(test_last_hop),
		DECIDE_TEST(test_quantum),
		DECIDE_TEST(test_full_table_forwards),
		DECIDE_TEST(test_full_pins_forward),
		DECIDE_TEST(test_vlans),
		cmocka_unit_test(test_rewrite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
