/* links: sandwich/slowpath/netlink.c tests/packets/frame.c */
/* SPDX-License-Identifier: ISC */
/*
 * The kernel's routes and neighbours, told by the kernel itself: in a network namespace of the
 * test's own. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>

#include "sandwich/core/tables.h"
#include "sandwich/slowpath/netlink.h"
#include "tests/unit/frames.h"

#define WAIT_MS    3000
#define ROUTES_MAX 8192

struct rig {
	struct netlink *netlink;
	struct netlink_route routes[ROUTES_MAX];
	unsigned int n, told;
	struct address neighbour;
	struct mac mac;
	bool known, gone;
};

static void rig_routes(void *user, const struct netlink_route *routes, unsigned int n)
{
	struct rig *rig = user;

	rig->n = n < ROUTES_MAX ? n : ROUTES_MAX;
	rig->told++;
	if (rig->n)
		memcpy(rig->routes, routes, rig->n * sizeof(*routes));
}

static void rig_neighbour(void *user, const struct address *address, const struct mac *mac)
{
	struct rig *rig = user;

	if (!address_equal(address, &rig->neighbour))
		return;
	rig->known |= mac != NULL;
	rig->gone = !mac;
	if (mac)
		rig->mac = *mac;
}

static void run(const char *commands)
{
	if (system(commands))
		fail_msg("%s", commands);
}

static void rig_open(struct rig *rig)
{
	struct netlink_ops ops = {.routes = rig_routes, .neighbour = rig_neighbour, .user = rig};

	memset(rig, 0, sizeof(*rig));
	rig->neighbour = frames_address("192.0.2.7");
	if (unshare(CLONE_NEWNET)) {
		print_message("SKIP: needs root for a network namespace of its own\n");
		skip();
	}
	run("set -e; ip link set lo up; ip link add nl0 type veth peer name nl1;"
	    "ip link add nl2 type veth peer name nl3;"
	    "for i in nl0 nl1 nl2 nl3; do ip link set $i up; done;"
	    "ip addr add 192.0.2.1/24 dev nl0; ip addr add 2001:db8::1/64 dev nl0 nodad;"
	    "ip addr add 203.0.113.1/24 dev nl2;"
	    "ip route add default via 192.0.2.254 metric 20; ip route add default via 192.0.2.253 "
	    "metric 10;"
	    "ip route add 198.51.100.0/24 via 203.0.113.254; ip route add blackhole 198.18.0.0/15;"
	    "ip route add 198.51.101.0/24 nexthop via 192.0.2.5 weight 1 nexthop via 192.0.2.6 "
	    "weight 3"
	    " nexthop via 203.0.113.254 weight 9;"
	    "ip route add 198.51.102.0/24 via inet6 fe80::5 dev nl0;"
	    "ip -6 route add default via fe80::fe dev nl0; ip -6 route add unreachable "
	    "2001:db8:dead::/48;"
	    "ip route add 198.51.103.0/24 via 192.0.2.254 table 77;"
	    "ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev nl0");
	assert_int_equal(netlink_open(&rig->netlink, (int)if_nametoindex("nl0"), &ops), 0);
}

static gboolean wait_over(gpointer user)
{
	*(bool *)user = true;
	return G_SOURCE_REMOVE;
}

/* The first, hence best, route of that prefix. */
static const struct netlink_route *rig_find(const struct rig *rig, const char *prefix, u8 length)
{
	struct address wanted = frames_address(prefix);

	for (unsigned int i = 0; i < rig->n; i++)
		if (rig->routes[i].length == length &&
		    address_equal(&rig->routes[i].prefix, &wanted))
			return &rig->routes[i];
	return NULL;
}

static bool rig_is_via(const struct rig *rig, const char *prefix, u8 length, const char *via)
{
	const struct netlink_route *r = rig_find(rig, prefix, length);
	struct address wanted = frames_address(via);

	return r && r->kind == ROUTE_VIA && address_equal(&r->via, &wanted);
}

static void test_dump(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	assert_int_equal(rig.told, 1);
	assert_true(rig_is_via(&rig, "0.0.0.0", 96, "192.0.2.253"));
	assert_int_equal(rig_find(&rig, "192.0.2.0", 120)->kind, ROUTE_ON_LINK);
	assert_int_equal(rig_find(&rig, "2001:db8::", 64)->kind, ROUTE_ON_LINK);
	assert_int_equal(rig_find(&rig, "198.18.0.0", 111)->kind, ROUTE_BLACKHOLE);
	assert_int_equal(rig_find(&rig, "2001:db8:dead::", 48)->kind, ROUTE_BLACKHOLE);
	assert_true(rig_is_via(&rig, "198.51.101.0", 120, "192.0.2.6")); /* the heaviest of ours */
	assert_true(rig_is_via(&rig, "198.51.102.0", 120, "fe80::5"));
	assert_true(rig_is_via(&rig, "::", 0, "fe80::fe"));
	assert_null(rig_find(&rig, "198.51.100.0", 120)); /* another interface */
	assert_null(rig_find(&rig, "198.51.103.0", 120)); /* another table */
	assert_null(rig_find(&rig, "203.0.113.0", 120));
	assert_null(rig_find(&rig, "192.0.2.1", 128)); /* a local address */
	assert_true(rig.known);
	assert_int_equal(rig.mac.byte[5], 7);
	netlink_close(rig.netlink);
}

/* Runs the main loop until the best default route is VIA. */
static bool rig_wait_default(struct rig *rig, const char *via)
{
	bool over = false;
	guint timer = g_timeout_add(WAIT_MS, wait_over, &over);

	while (!over && !rig_is_via(rig, "0.0.0.0", 96, via))
		g_main_context_iteration(NULL, TRUE);
	if (!over)
		g_source_remove(timer);
	return !over;
}

static void test_follow(void **state)
{
	bool over = false;
	struct rig rig;
	guint timer;

	(void)state;
	rig_open(&rig);
	run("ip route del default via 192.0.2.253");
	assert_true(rig_wait_default(&rig, "192.0.2.254"));
	run("ip route replace default via 192.0.2.99 metric 20");
	assert_true(rig_wait_default(&rig, "192.0.2.99"));
	run("ip neigh replace 192.0.2.7 lladdr 02:00:00:00:00:08 dev nl0; ip neigh del 192.0.2.7 "
	    "dev nl0");
	timer = g_timeout_add(WAIT_MS, wait_over, &over);
	while (!over && !rig.gone)
		g_main_context_iteration(NULL, TRUE);
	assert_false(over);
	g_source_remove(timer);
	assert_int_equal(rig.mac.byte[5], 8);
	netlink_close(rig.netlink);
}

/* A routing daemon at start: thousands of routes are told in a few readings. */
static void test_burst(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	run("i=0; while [ $i -lt 4000 ]; do echo route add 100.64.$((i / 250)).$((i % 250))/32 via "
	    "192.0.2.5;"
	    " i=$((i + 1)); done | ip -batch -;"
	    "ip route del default via 192.0.2.253");
	assert_true(rig_wait_default(&rig, "192.0.2.254"));
	assert_in_range(rig.told, 2, 100);
	netlink_close(rig.netlink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
