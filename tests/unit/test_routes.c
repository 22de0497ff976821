/* SPDX-License-Identifier: ISC */
/* links: tests/unit/routes_rig.c sandwich/slowpath/routes.c sandwich/slowpath/routes_plan.c */
/* links: sandwich/slowpath/routes_held.c sandwich/slowpath/route_set.c */
/* links: sandwich/slowpath/route_table.c sandwich/slowpath/hop.c sandwich/slowpath/hold.c */
/* links: sandwich/slowpath/datagrams.c sandwich/slowpath/last_hop.c sandwich/slowpath/macs.c */
/* links: sandwich/slowpath/memory.c sandwich/slowpath/resolve.c sandwich/slowpath/build.c */
/* links: sandwich/slowpath/discovery.c tests/packets/frame.c */
/*
 * What stands in the engine's route table, and what becomes of frames that wait.
 */
#include <stdio.h>

#include "tests/unit/routes_rig.h"

#define GATEWAY 0xfe
#define UDP     "v4 10.1.0.9>198.51.100.7 udp 1>2"

static void rig_usual(struct rig *rig, int vlan)
{
	rig_open(rig, vlan);
	rig_address(rig, "192.0.2.1", 120);
	rig_address(rig, "2001:db8::1", 64);
	rig_gateway(rig, "192.0.2.254");
	rig_gateway(rig, "fe80::fe");
	rig_configure(rig);
}

static void test_gateways(void **state)
{
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	assert_int_equal(rig.asked.n, 2);
	assert_int_equal(rig_find(&rig, "198.51.100.1", 0)->kind, ROUTE_VIA);
	assert_true(rig_find(&rig, "198.51.100.1", 0)->neighbour >= 256);
	assert_false(rig_leads_to(&rig, "198.51.100.1", GATEWAY));
	rig_answer(&rig, "192.0.2.254", GATEWAY, 0);
	assert_true(rig_leads_to(&rig, "198.51.100.1", GATEWAY));
	assert_false(rig_leads_to(&rig, "2600::1", GATEWAY));
	rig_answer(&rig, "fe80::fe", GATEWAY, 0);
	assert_true(rig_leads_to(&rig, "2600::1", GATEWAY));
	rig_answer(&rig, "192.0.2.254", 0xfd, 0); /* another MAC: all flows follow */
	assert_true(rig_leads_to(&rig, "198.51.100.1", 0xfd));
	assert_int_equal(rig_find(&rig, "192.0.2.77", 0)->kind, ROUTE_ON_LINK);
	assert_int_equal(rig_find(&rig, "2001:db8::77", 0)->kind, ROUTE_ON_LINK);
	rig_close(&rig);
}

/* IPv4 stands within ::/0 in the table, yet does not follow an IPv6 gateway. */
static void test_families_apart(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 0);
	rig_gateway(&rig, "fe80::fe");
	rig_configure(&rig);
	assert_int_equal(rig_find(&rig, "198.51.100.1", 0)->kind, ROUTE_BLACKHOLE);
	assert_int_equal(rig_find(&rig, "2600::1", 0)->kind, ROUTE_VIA);
	rig_hold(&rig, UDP);
	assert_int_equal(rig_count(&rig, COUNTER_HELD_DROPPED), 1);
	rig_close(&rig);
}

static void test_held_for_gateway(void **state)
{
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	for (int i = 1; i <= 129; i++) {
		char words[64];

		snprintf(words, sizeof(words), "v4 10.1.0.9>198.51.100.%d udp %d>2", i, i);
		rig_hold(&rig, words);
	}
	assert_int_equal(rig_count(&rig, COUNTER_HELD_DROPPED), 1); /* 128 a neighbour */
	rig_answer(&rig, "192.0.2.254", GATEWAY, 0);
	assert_int_equal(rig.pump.sent, 128);
	for (u16 i = 0; i < 128; i++)
		assert_int_equal(rig.pump.order[i], i + 1);
	rig_hold(&rig, UDP); /* was on its way while the answer came */
	assert_int_equal(rig.pump.sent, 129);
	rig_close(&rig);
}

static void test_host_on_link(void **state)
{
	struct address target = frames_address("192.0.2.7");
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	rig_hold(&rig, "v4 10.1.0.9>192.0.2.7 udp 1>2");
	rig_hold(&rig, "v4 10.1.0.9>192.0.2.7 udp 2>2");
	assert_int_equal(rig.asked.n, 3);
	assert_memory_equal(rig.asked.at[2].frame.bytes + 38, (u8 *)&target + 12, 4);
	rig_answer(&rig, "192.0.2.7", 7, 0);
	assert_int_equal(rig.pump.sent, 2);
	assert_true(rig_leads_to(&rig, "192.0.2.7", 7));
	assert_int_equal(rig_find(&rig, "192.0.2.8", 0)->kind, ROUTE_ON_LINK);
	rig_hold(&rig, "v6 fd00::9>2001:db8::7 udp 3>2");
	rig_answer(&rig, "2001:db8::7", 8, 0);
	assert_true(rig_leads_to(&rig, "2001:db8::7", 8));
	rig_close(&rig);
}

/* Also the gateway is a host on the link. */
static void test_gateway_is_a_host(void **state)
{
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	rig_answer(&rig, "192.0.2.254", GATEWAY, 0);
	rig_hold(&rig, "v4 10.1.0.9>192.0.2.254 udp 1>2");
	assert_int_equal(rig.pump.sent, 1);
	assert_true(rig_leads_to(&rig, "192.0.2.254", GATEWAY));
	rig_close(&rig);
}

static void test_held_too_long(void **state)
{
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	rig_hold(&rig, "v4 10.1.0.9>192.0.2.7 udp 1>2");
	rig_pass(&rig, 500);
	assert_int_equal(rig_count(&rig, COUNTER_HELD_DROPPED), 0);
	rig_pass(&rig, 600); /* it has failed by now */
	assert_int_equal(rig_count(&rig, COUNTER_HELD_DROPPED), 1);
	rig_hold(&rig, "v4 10.1.0.9>192.0.2.7 udp 1>2");
	rig_answer(&rig, "192.0.2.7", 7, 0);
	assert_int_equal(rig.pump.sent, 1);
	rig_close(&rig);
}

static void test_silent_host_is_forgotten(void **state)
{
	struct address host = frames_address("192.0.2.7");
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	rig_hold(&rig, "v4 10.1.0.9>192.0.2.7 udp 1>2");
	rig_answer(&rig, "192.0.2.7", 7, 0);
	rig_pass(&rig, 30000);
	assert_true(rig_leads_to(&rig, "192.0.2.7", 7)); /* asked again only now */
	rig_pass(&rig, 3100);
	assert_int_equal(rig_find(&rig, "192.0.2.7", 0)->kind, ROUTE_ON_LINK);
	rig_pass(&rig, 3100);
	assert_null(resolver_find(rig.resolver, &host, 0));
	assert_non_null(rig_find(&rig, "198.51.100.1", 0)); /* gateways are not forgotten */
	rig_hold(&rig, UDP);
	rig_answer(&rig, "192.0.2.254", GATEWAY, 0);
	assert_true(rig_leads_to(&rig, "198.51.100.1", GATEWAY));
	rig_close(&rig);
}

static void test_no_host(void **state)
{
	static const char *const destinations[] = {"192.0.2.0", "192.0.2.255", "fe80::7",
						   "ff02::1"};
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	rig.asked.n = 0;
	for (size_t i = 0; i < 4; i++) {
		char words[80];

		snprintf(words, sizeof(words), "%s>%s udp 1>2",
			 i < 2 ? "v4 10.1.0.9" : "v6 fd00::9", destinations[i]);
		rig_hold(&rig, words);
	}
	assert_int_equal(rig.asked.n, 0); /* nobody was asked for */
	rig_close(&rig);
}

/* --- the kernel's routes --- */

static struct netlink_route route_of(const char *prefix, u8 length, u8 kind, const char *via)
{
	struct netlink_route r = {.prefix = frames_address(prefix), .length = length, .kind = kind};

	if (via)
		r.via = frames_address(via);
	return r;
}

static void test_kernel_routes(void **state)
{
	struct netlink_route routes[] = {
		route_of("0.0.0.0", 96, ROUTE_VIA, "192.0.2.254"),
		route_of("0.0.0.0", 96, ROUTE_VIA, "192.0.2.253"), /* a higher metric */
		route_of("198.51.100.0", 120, ROUTE_VIA, "192.0.2.252"),
		route_of("203.0.113.0", 120, ROUTE_BLACKHOLE, NULL),
		route_of("198.18.0.0", 111, ROUTE_ON_LINK, NULL),
		route_of("198.18.0.5", 128, ROUTE_ON_LINK, NULL),
		route_of("203.0.113.128", 121, ROUTE_VIA, "fe80::fe"), /* RFC 8950 */
		route_of("fe80::", 64, ROUTE_ON_LINK, NULL),
		route_of("::", 0, ROUTE_VIA, "fe80::fe"),
	};
	struct rig rig;

	(void)state;
	rig_open(&rig, 0);
	rig_address(&rig, "192.0.2.1", 120);
	rig_routes(routes, 9);
	assert_null(rig_find(&rig, "8.8.8.8", 0)); /* nothing before it is configured */
	rig_configure(&rig);
	for (u8 i = 0; i < 4; i++) {
		char who[16];

		snprintf(who, sizeof(who), i ? "192.0.2.%u" : "fe80::fe", i ? 255u - i : 0);
		rig_answer(&rig, who, i, 0);
	}
	assert_true(rig_leads_to(&rig, "8.8.8.8", 1));
	assert_true(rig_leads_to(&rig, "198.51.100.9", 3));
	assert_int_equal(rig_find(&rig, "203.0.113.1", 0)->kind, ROUTE_BLACKHOLE);
	assert_int_equal(rig_find(&rig, "198.18.3.3", 0)->kind, ROUTE_ON_LINK);
	assert_int_equal(rig_find(&rig, "198.18.0.5", 0)->kind, ROUTE_VIA);
	assert_true(rig_leads_to(&rig, "203.0.113.129", 0));
	assert_true(rig_leads_to(&rig, "2600::1", 0));
	rig_close(&rig);
}

static void test_kernel_routes_change(void **state)
{
	struct netlink_route before[] = {route_of("0.0.0.0", 96, ROUTE_VIA, "192.0.2.254"),
					 route_of("198.51.100.0", 120, ROUTE_VIA, "192.0.2.252")};
	struct netlink_route after[] = {route_of("0.0.0.0", 96, ROUTE_VIA, "192.0.2.252")};
	struct rig rig;

	(void)state;
	rig_open(&rig, 0);
	rig_address(&rig, "192.0.2.1", 120);
	rig_configure(&rig);
	rig_routes(before, 2);
	rig_answer(&rig, "192.0.2.254", 1, 0);
	rig_answer(&rig, "192.0.2.252", 2, 0);
	assert_true(rig_leads_to(&rig, "8.8.8.8", 1));
	rig_routes(after, 1);
	assert_true(rig_leads_to(&rig, "8.8.8.8", 2));
	assert_true(rig_leads_to(&rig, "198.51.100.1", 2));
	rig_routes(NULL, 0);
	assert_int_equal(rig_find(&rig, "8.8.8.8", 0)->kind, ROUTE_BLACKHOLE);
	rig_pass(&rig, 70000); /* hops that no route leads over go */
	rig_routes(before, 2);
	rig_answer(&rig, "192.0.2.254", 3, 0);
	assert_true(rig_leads_to(&rig, "8.8.8.8", 3));
	rig_close(&rig);
}

/* A configured gateway stands for its family, the kernel for the other. */
static void test_kernel_or_configured(void **state)
{
	struct netlink_route routes[] = {route_of("0.0.0.0", 96, ROUTE_VIA, "192.0.2.253"),
					 route_of("198.51.100.0", 120, ROUTE_VIA, "192.0.2.252"),
					 route_of("::", 0, ROUTE_VIA, "fe80::1")};
	struct rig rig;

	(void)state;
	rig_open(&rig, 0);
	rig_address(&rig, "192.0.2.1", 120);
	rig_gateway(&rig, "192.0.2.254");
	rig_configure(&rig);
	rig_routes(routes, 3);
	rig_answer(&rig, "192.0.2.254", GATEWAY, 0);
	rig_answer(&rig, "fe80::1", 1, 0);
	assert_true(rig_leads_to(&rig, "8.8.8.8", GATEWAY));
	assert_true(rig_leads_to(&rig, "198.51.100.1", GATEWAY));
	assert_true(rig_leads_to(&rig, "2600::1", 1));
	rig_close(&rig);
}

static void test_kernel_neighbours(void **state)
{
	struct address gateway = frames_address("192.0.2.254"), host = frames_address("192.0.2.7");
	struct mac mac = frames_mac(GATEWAY), other = frames_mac(7);
	struct rig rig;

	(void)state;
	rig_open(&rig, 0);
	rig_kernel.ops.neighbour(rig_kernel.ops.user, &gateway, &mac); /* before */
	rig_address(&rig, "192.0.2.1", 120);
	rig_gateway(&rig, "192.0.2.254");
	rig_configure(&rig);
	assert_true(rig_leads_to(&rig, "8.8.8.8", GATEWAY));
	rig_hold(&rig, "v4 10.1.0.9>192.0.2.7 udp 1>2");
	rig_kernel.ops.neighbour(rig_kernel.ops.user, &host, &other); /* and while a frame waits */
	assert_int_equal(rig.pump.sent, 1);
	rig_kernel.ops.neighbour(rig_kernel.ops.user, &host, NULL);
	assert_true(rig_leads_to(&rig, "192.0.2.7", 7)); /* our own asking decides */
	rig_close(&rig);
}

/* --- reload --- */

static void test_reload(void **state)
{
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	rig_hold(&rig, "v4 10.1.0.9>192.0.2.7 udp 1>2");
	rig_answer(&rig, "192.0.2.7", 7, 0);
	rig_answer(&rig, "192.0.2.254", GATEWAY, 0);
	rig_clear(&rig);
	rig_address(&rig, "192.0.2.1", 120);
	rig_gateway(&rig, "192.0.2.253");
	rig_configure(&rig);
	assert_true(rig_leads_to(&rig, "192.0.2.7", 7)); /* still on the link */
	assert_false(rig_leads_to(&rig, "8.8.8.8", GATEWAY));
	assert_int_equal(rig_find(&rig, "2001:db8::7", 0)->kind, ROUTE_BLACKHOLE);
	rig_answer(&rig, "192.0.2.253", 0xfd, 0);
	assert_true(rig_leads_to(&rig, "8.8.8.8", 0xfd));
	rig_clear(&rig);
	rig_gateway(&rig, "192.0.2.253");
	rig_configure(&rig);
	assert_true(rig_leads_to(&rig, "192.0.2.7", 0xfd)); /* now by the gateway */
	rig_close(&rig);
}

/* --- VLANs --- */

static void test_fixed_vlan(void **state)
{
	struct rig rig;

	(void)state;
	rig_usual(&rig, 20);
	assert_int_equal(rig.asked.at[0].packet.zone, 20);
	rig_answer(&rig, "192.0.2.254", 1, 0);
	assert_false(rig_leads_to(&rig, "8.8.8.8", 1));
	rig_answer(&rig, "192.0.2.254", GATEWAY, 20);
	assert_true(rig_leads_to(&rig, "8.8.8.8", GATEWAY));    /* in zone 0 */
	rig_hold(&rig, "vlan=9 v4 10.1.0.9>192.0.2.7 udp 1>2"); /* the farm's tag does not matter */
	assert_int_equal(rig.asked.at[2].packet.zone, 20);
	rig_answer(&rig, "192.0.2.7", 7, 20);
	assert_int_equal(rig.pump.sent, 1);
	rig_close(&rig);
}

static void test_zones(void **state)
{
	struct rig rig;

	(void)state;
	rig_usual(&rig, -1);
	rig_answer(&rig, "192.0.2.254", GATEWAY, 0);
	assert_null(rig_find(&rig, "8.8.8.8", 30));
	rig_hold(&rig, "vlan=30 v4 10.1.0.9>8.8.8.8 udp 1>2");
	assert_int_equal(rig.asked.at[2].packet.zone, 30);
	rig_answer(&rig, "192.0.2.254", 0x30, 30);
	assert_int_equal(rig.pump.sent, 1);
	assert_int_equal(rig.pump.mac.byte[5], 0x30);
	assert_true(rig_leads_to(&rig, "8.8.8.8", GATEWAY));
	rig_hold(&rig, "qinq=5 vlan=30 v4 10.1.0.9>192.0.2.7 udp 2>2");
	rig_hold(&rig, "vlan=30 v4 10.1.0.9>192.0.2.7 udp 3>2");
	rig_answer(&rig, "192.0.2.7", 7, 30); /* one host, two zones */
	assert_int_equal(rig.pump.sent, 3);
	assert_int_equal(rig_find(&rig, "192.0.2.7", 30)->kind, ROUTE_VIA);
	assert_int_equal(rig_find(&rig, "192.0.2.7", 5 << 12 | 30)->kind, ROUTE_VIA);
	assert_int_equal(rig_find(&rig, "192.0.2.7", 0)->kind, ROUTE_ON_LINK);
	rig_hold(&rig, "qinq=6 vlan=30 v4 10.1.0.9>192.0.2.7 udp 4>2"); /* known already */
	assert_int_equal(rig.pump.sent, 4);
	rig_close(&rig);
}

/* --- many --- */

static void test_many_hosts(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 0);
	rig_address(&rig, "2001:db8::1", 64);
	rig_gateway(&rig, "2001:db8::fe");
	rig_configure(&rig);
	rig_answer(&rig, "2001:db8::fe", GATEWAY, 0);
	for (unsigned int i = 1; i <= 5000; i++) {
		char words[80], host[48];

		snprintf(host, sizeof(host), "2001:db8::1:%x", i);
		snprintf(words, sizeof(words), "v6 fd00::9>%s udp 1>2", host);
		rig.now += i % 50 == 0;
		rig_hold(&rig, words);
		if (i % 2)
			rig_answer(&rig, host, (u8)i, 0);
	}
	assert_true(rig_leads_to(&rig, "2001:db8::1:1387", (u8)0x1387));
	assert_true(rig_leads_to(&rig, "2600::1", GATEWAY));
	rig_pass(&rig, 2000);
	assert_true(rig.pump.sent > 500); /* those that found room to wait */
	assert_int_equal(rig_count(&rig, COUNTER_HELD_DROPPED), 5000 - rig.pump.sent);
	rig_close(&rig);
}

/* --- fragments --- */

#define LATER "v4 10.1.0.9>198.51.100.7 id=5 off=10 proto=17 pay=20"
#define FIRST "v4 10.1.0.9>198.51.100.7 id=5 mf udp 77>2 pay=20"

static void rig_first(struct rig *rig, bool remember)
{
	struct slow_frame slow;
	struct frame f;

	frame_make(&f, "eth dst=02:00:00:00:00:a1 src=02:00:00:00:00:d1 " FIRST);
	slow = frames_slow(&f, 1, REASON_TO_UPLINK);
	if (remember)
		fragment_remember(&rig->tables, rig->tables.settings, &slow.work.packet, rig->now);
	routes_first_fragment(rig->routes, &slow, rig->now);
}

static void test_fragments(void **state)
{
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	rig_answer(&rig, "192.0.2.254", GATEWAY, 0);
	rig_hold_as(&rig, LATER, REASON_HELD_FRAGMENT);
	rig_hold_as(&rig, "v4 10.1.0.9>198.51.100.7 id=6 off=10 proto=17 pay=20",
		    REASON_HELD_FRAGMENT);
	assert_true(rig.pump.wants_fragments);
	assert_int_equal(rig.pump.sent, 0);
	rig_first(&rig, false);
	assert_int_equal(rig.pump.sent, 1);
	assert_true(rig.pump.wants_fragments);
	rig_pass(&rig, 1100); /* the other's never comes: placed by its addresses */
	assert_int_equal(rig.pump.sent, 2);
	assert_false(rig.pump.wants_fragments);
	rig_first(&rig, true);
	rig_hold_as(&rig, LATER, REASON_HELD_FRAGMENT); /* the first overtook it on the way up */
	assert_int_equal(rig.pump.sent, 3);
	assert_false(rig.pump.wants_fragments);
	rig_close(&rig);
}

static void test_fragments_full(void **state)
{
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	rig_answer(&rig, "192.0.2.254", GATEWAY, 0);
	for (int i = 0; i < 70; i++)
		rig_hold_as(&rig, LATER, REASON_HELD_FRAGMENT);
	assert_int_equal(rig.pump.sent, 6); /* 64 of a datagram wait, the others go */
	for (int i = 0; i < 1000; i++) {
		char words[80];

		snprintf(words, sizeof(words),
			 "v4 10.1.0.9>198.51.100.7 id=%d off=10 proto=17 pay=20", i + 100);
		rig_hold_as(&rig, words, REASON_HELD_FRAGMENT);
	}
	assert_int_equal(rig.pump.sent, 70 + 1000 - 1024);
	rig_pass(&rig, 1100);
	assert_int_equal(rig.pump.sent, 1070);
	assert_int_equal(rig_count(&rig, COUNTER_HELD_DROPPED), 0);
	rig_close(&rig);
}

/* A fragment that waited may have to wait for a neighbour next. */
static void test_fragment_then_neighbour(void **state)
{
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	rig_hold_as(&rig, LATER, REASON_HELD_FRAGMENT);
	rig_first(&rig, false);
	assert_int_equal(rig.pump.sent, 0);
	rig_answer(&rig, "192.0.2.254", GATEWAY, 0);
	assert_int_equal(rig.pump.sent, 1);
	rig_close(&rig);
}

/* --- last hop --- */

static u32 rig_inward(struct rig *rig, u8 mac, const char *words)
{
	struct slow_frame slow;
	struct frame f;

	frame_make(&f, "eth dst=02:00:00:00:00:a0 src=02:00:00:00:01:%02x %s", mac, words);
	slow = frames_slow(&f, PORT_UPLINK, REASON_TO_DEVICE);
	routes_learn_router(rig->routes, &slow, rig->now);
	return mac_find(&rig->tables, &slow.work.packet.mac_src, slow.work.packet.zone & 0xfff,
			PORT_UPLINK, rig->tables.settings->mac_variants);
}

static void test_last_hop(void **state)
{
	struct mac wanted = {{2, 0, 0, 0, 1, 1}}, found;
	struct rig rig;
	u32 owner;

	(void)state;
	rig_usual(&rig, 0);
	owner = rig_inward(&rig, 1, "v4 198.51.100.7>192.0.2.10 udp 1>2");
	assert_int_equal(owner, MAC_OWNER_ROUTER | 1);
	hop_mac(tables_neighbour(&rig.tables, 1)->hop, &found);
	assert_true(mac_equal(&found, &wanted));
	assert_int_equal(rig_inward(&rig, 1, "v4 198.51.100.8>192.0.2.10 udp 1>2"), owner);
	assert_int_equal(rig_inward(&rig, 2, "v6 2600::1>2001:db8::10 udp 1>2"),
			 MAC_OWNER_ROUTER | 2);
	/* a host on the link is no router, but known */
	assert_int_equal(rig_inward(&rig, 3, "v4 192.0.2.77>192.0.2.10 udp 1>2"), MAC_OWNER_ROUTER);
	rig_close(&rig);
}

static void test_last_hop_numbers_return(void **state)
{
	struct flow flow = {.outside = frames_address("198.51.100.7"), .protocol = 6};
	u32 owner = 0;
	struct slot *s;
	struct rig rig;

	(void)state;
	rig_usual(&rig, -1);
	for (u32 i = 0; i < 255; i++)
		owner = rig_inward(&rig, (u8)i, "vlan=3 v4 198.51.100.7>192.0.2.10 udp 1>2");
	assert_int_equal(owner, MAC_OWNER_ROUTER | 255);
	s = session_add(&rig.tables, &flow, 5, 1, 0, rig.now);
	s->router = 1;
	owner = rig_inward(
		&rig, 1,
		"vlan=4 v4 198.51.100.7>192.0.2.10 udp 1>2"); /* another VLAN, another router */
	assert_int_equal(owner, MAC_OWNER_ROUTER | 2);        /* the first that no session has */
	rig_close(&rig);
}

/* --- show --- */

static void count_origins(void *user, const struct routes_view *v)
{
	unsigned int *n = user;

	n[0] += !strcmp(v->origin, "configured");
	n[1] += !strcmp(v->origin, "on-link");
	n[2] += !strcmp(v->origin, "learned");
	n[3] += v->valid;
}

static void test_walk(void **state)
{
	unsigned int n[4] = {0};
	struct rig rig;

	(void)state;
	rig_usual(&rig, 0);
	rig_hold(&rig, "v4 10.1.0.9>192.0.2.7 udp 1>2");
	rig_answer(&rig, "192.0.2.7", 7, 0);
	rig_answer(&rig, "192.0.2.254", GATEWAY, 0);
	routes_walk(rig.routes, count_origins, n);
	assert_int_equal(n[0], 4); /* two prefixes, two gateways */
	assert_int_equal(n[1], 2);
	assert_int_equal(n[2], 1);
	assert_int_equal(n[3], 3); /* the host, one gateway and its prefix */
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gateways),
		cmocka_unit_test(test_families_apart),
		cmocka_unit_test(test_held_for_gateway),
		cmocka_unit_test(test_host_on_link),
		cmocka_unit_test(test_gateway_is_a_host),
		cmocka_unit_test(test_held_too_long),
		cmocka_unit_test(test_silent_host_is_forgotten),
		cmocka_unit_test(test_no_host),
		cmocka_unit_test(test_kernel_routes),
		cmocka_unit_test(test_kernel_routes_change),
		cmocka_unit_test(test_kernel_or_configured),
		cmocka_unit_test(test_kernel_neighbours),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_fixed_vlan),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_many_hosts),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_fragments_full),
		cmocka_unit_test(test_fragment_then_neighbour),
		cmocka_unit_test(test_last_hop),
		cmocka_unit_test(test_last_hop_numbers_return),
		cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
