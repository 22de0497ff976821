/* links: sandwich/slowpath/resolve.c sandwich/slowpath/build.c sandwich/slowpath/discovery.c */
/* links: tests/packets/frame.c */
/* SPDX-License-Identifier: ISC */
/*
 * Asking, following, ageing: with a clock of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sandwich/slowpath/build.h"
#include "sandwich/slowpath/discovery.h"
#include "sandwich/slowpath/resolve.h"
#include "tests/unit/frames.h"

#define PORTS   3 /* an uplink and two farm ports */
#define STEP_MS 20

struct rig {
	struct resolver *resolver;
	struct frames_sent sent;
	unsigned int changes;
	enum resolve_state state;
	struct mac mac;
	bool no_source;
	struct resolve_entry *drop; /* in the next change */
	u32 now;
};

static void rig_send(void *user, u8 port, const void *frame, size_t length)
{
	frames_take(&((struct rig *)user)->sent, port, frame, length);
}

static bool rig_source(void *user, u8 port, const struct address *target, struct address *source,
		       struct mac *mac)
{
	struct rig *rig = user;

	*source = frames_address(address_is_v4(target) ? "10.1.0.1" : "fd00::1");
	*mac = frames_mac(port ? 0xa1 : 0xa0);
	return !rig->no_source;
}

static void rig_changed(void *user, const struct resolve_entry *entry)
{
	struct rig *rig = user;

	rig->changes++;
	rig->state = entry->state;
	rig->mac = entry->mac;
	if (rig->drop)
		resolver_drop(rig->resolver, rig->drop);
	rig->drop = NULL;
}

static void rig_open(struct rig *rig)
{
	struct resolve_ops ops = {
		.send = rig_send, .source = rig_source, .changed = rig_changed, .user = rig};

	memset(rig, 0, sizeof(*rig));
	rig->resolver = resolver_new(&ops, PORTS);
	rig->now = 0xffffff00u; /* it wraps on the way */
}

static struct resolve_entry *rig_want(struct rig *rig, const char *address, u8 port, bool permanent)
{
	struct resolve_target target = {
		.address = frames_address(address), .port = port, .permanent = permanent};

	return resolver_want(rig->resolver, &target, NULL, rig->now);
}

static void rig_input(struct rig *rig, u8 port, const struct frame *f)
{
	resolver_input(rig->resolver, port, f->bytes, f->length, rig->now);
}

static void make_arp(struct frame *f, u16 operation, const char *sender, u8 mac)
{
	struct build_arp arp = {.operation = operation,
				.sender = frames_address(sender),
				.target = frames_address("10.1.0.1"),
				.sender_mac = frames_mac(mac)};
	struct mac to = frames_mac(0xa1), from = frames_mac(mac);
	struct build_link link;

	build_link(&link, &to, &from, VLAN_NONE);
	f->length = build_arp(f->bytes, sizeof(f->bytes), &link, &arp);
}

static void rig_reply(struct rig *rig, u8 port, const char *sender, u8 mac)
{
	struct frame f;

	make_arp(&f, BUILD_ARP_REPLY, sender, mac);
	rig_input(rig, port, &f);
}

static void rig_advertise(struct rig *rig, u8 port, const char *target, u8 mac, u32 flags)
{
	struct build_nd nd = {.src = frames_address(target),
			      .dst = frames_address("fd00::1"),
			      .target = frames_address(target),
			      .flags = flags,
			      .link_option = mac != 0};
	struct mac to = frames_mac(0xa1), from = frames_mac(mac);
	struct build_link link;
	struct frame f;

	build_link(&link, &to, &from, VLAN_NONE);
	f.length = build_advertisement(f.bytes, sizeof(f.bytes), &link, &nd);
	rig_input(rig, port, &f);
}

/* Lets MS pass; a host with MAC (0: nobody) answers what asks for SENDER there. */
static void rig_pass(struct rig *rig, u32 ms, const char *sender, u8 mac)
{
	struct mac m = frames_mac(mac);

	for (u32 end = rig->now + ms; rig->now != end; rig->now += STEP_MS) {
		unsigned int before = rig->sent.n;

		resolver_tick(rig->resolver, rig->now);
		for (unsigned int i = before; mac && i < rig->sent.n; i++) {
			const struct packet *p = &rig->sent.at[i % FRAMES_SENT_MAX].packet;

			if (mac_is_group(&p->mac_dst) || mac_equal(&p->mac_dst, &m))
				rig_reply(rig, rig->sent.at[i % FRAMES_SENT_MAX].port, sender, mac);
		}
	}
}

static const struct packet *last_sent(const struct rig *rig)
{
	return &rig->sent.at[(rig->sent.n - 1) % FRAMES_SENT_MAX].packet;
}

static void test_first_question(void **state)
{
	struct resolve_entry *e;
	struct discovery d;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	e = rig_want(&rig, "10.1.0.9", 1, true);
	assert_ptr_equal(e, rig_want(&rig, "10.1.0.9", 1, true));
	assert_int_equal(rig.sent.n, 1);
	assert_int_equal(rig.sent.at[0].port, 1);
	assert_true(mac_is_group(&last_sent(&rig)->mac_dst));
	assert_true(discovery_parse(rig.sent.at[0].frame.bytes, rig.sent.at[0].frame.length,
				    last_sent(&rig), &d));
	assert_true(d.is_request && address_equal(&d.target, &e->target.address));
	assert_int_equal(e->state, RESOLVE_ASKING);
	rig_reply(&rig, 1, "10.1.0.9", 9);
	assert_int_equal(e->state, RESOLVE_REACHABLE);
	assert_int_equal(e->mac.byte[5], 9);
	assert_int_equal(rig.changes, 1);
	resolver_free(rig.resolver);
}

static void test_solicitation(void **state)
{
	struct address group = frames_address("ff02::1:ff00:1234");
	struct mac mac = {{0x33, 0x33, 0xff, 0, 0x12, 0x34}};
	struct resolve_entry *e;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	e = rig_want(&rig, "fd00::1234", 1, true);
	assert_true(address_equal(&last_sent(&rig)->dst, &group));
	assert_true(mac_equal(&last_sent(&rig)->mac_dst, &mac));
	rig_advertise(&rig, 1, "fd00::1234", 9, BUILD_NA_SOLICITED | BUILD_NA_OVERRIDE);
	assert_int_equal(e->state, RESOLVE_REACHABLE);
	rig_pass(&rig, 800, NULL, 0);
	assert_true(
		address_equal(&rig.sent.at[1].packet.dst, &e->target.address)); /* unicast first */
	assert_int_equal(rig.sent.at[1].packet.mac_dst.byte[5], 9);
	resolver_free(rig.resolver);
}

/* A device that answers stays reachable, asked about once a second and by unicast. */
static void test_permanent_kept(void **state)
{
	struct resolve_entry *e;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	e = rig_want(&rig, "10.1.0.9", 1, true);
	rig_reply(&rig, 1, "10.1.0.9", 9);
	rig_pass(&rig, 10000, "10.1.0.9", 9);
	assert_int_equal(e->state, RESOLVE_REACHABLE);
	assert_int_equal(rig.changes, 1);
	assert_in_range(rig.sent.n, 10, 18);
	assert_false(mac_is_group(&last_sent(&rig)->mac_dst));
	resolver_free(rig.resolver);
}

/* In silence it gets another MAC: known within a second, without ever being failed. */
static void test_permanent_follows(void **state)
{
	struct resolve_entry *e;
	struct rig rig;

	(void)state;
	for (u32 at = 0; at < 1000; at += 100) {
		rig_open(&rig);
		e = rig_want(&rig, "10.1.0.9", 1, true);
		rig_reply(&rig, 1, "10.1.0.9", 9);
		rig_pass(&rig, 2000 + at, "10.1.0.9", 9);
		rig_pass(&rig, 1000, "10.1.0.9", 10);
		assert_int_equal(e->mac.byte[5], 10);
		assert_int_equal(rig.changes, 2);
		assert_int_equal(rig.state, RESOLVE_REACHABLE);
		resolver_free(rig.resolver);
	}
}

/* One that says it by itself is followed at once: whatever ARP names it. */
static void test_permanent_told(void **state)
{
	static const u16 operations[] = {BUILD_ARP_REQUEST, BUILD_ARP_REPLY};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct resolve_entry *e;
		struct frame f;
		struct rig rig;

		rig_open(&rig);
		e = rig_want(&rig, "10.1.0.9", PORTS_MAX, true);
		rig_reply(&rig, 1, "10.1.0.9", 9);
		make_arp(&f, operations[i], "10.1.0.9", 10);
		rig_input(&rig, 2, &f);
		assert_int_equal(e->mac.byte[5], 10);
		assert_int_equal(e->port, 2);
		assert_int_equal(e->state, RESOLVE_REACHABLE);
		assert_int_equal(rig.changes, 2);
		rig_input(&rig, 2, &f);
		assert_int_equal(rig.changes, 2);
		resolver_free(rig.resolver);
	}
}

static void test_permanent_fails(void **state)
{
	struct resolve_entry *e;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	e = rig_want(&rig, "10.1.0.9", 1, true);
	rig_reply(&rig, 1, "10.1.0.9", 9);
	rig_pass(&rig, 5000, NULL, 0);
	assert_int_equal(e->state, RESOLVE_FAILED);
	assert_int_equal(e->mac.byte[5], 9); /* where it was last */
	assert_int_equal(rig.changes, 2);
	assert_true(mac_is_group(&last_sent(&rig)->mac_dst));
	rig.sent.n = 0;
	rig_pass(&rig, 10000, NULL, 0);
	assert_in_range(rig.sent.n, 9, 11);
	rig_pass(&rig, 1100, "10.1.0.9", 9);
	assert_int_equal(e->state, RESOLVE_REACHABLE);
	resolver_free(rig.resolver);
}

static void test_all_farm_ports(void **state)
{
	struct resolve_entry *e;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	e = rig_want(&rig, "10.1.0.9", PORTS_MAX, true);
	assert_int_equal(rig.sent.n, 2);
	assert_int_equal(rig.sent.at[0].port + rig.sent.at[1].port, 3);
	rig_reply(&rig, 0, "10.1.0.9", 8); /* the uplink is not the farm */
	assert_int_equal(e->state, RESOLVE_ASKING);
	rig_reply(&rig, 2, "10.1.0.9", 9);
	assert_int_equal(e->state, RESOLVE_REACHABLE);
	assert_int_equal(e->port, 2);
	rig.sent.n = 0;
	rig_pass(&rig, 620, NULL, 0);
	assert_int_equal(rig.sent.n, 1);
	assert_int_equal(rig.sent.at[0].port, 2);
	resolver_free(rig.resolver);
}

struct belief_case {
	const char *what;
	u8 port;
	const char *sender;
	u16 vlan;
	bool believed;
};

static const struct belief_case belief_cases[] = {
	{"as asked", 0, "192.0.2.9", VLAN_NONE, true},
	{"another port", 1, "192.0.2.9", VLAN_NONE, false},
	{"a port that isn't there", 7, "192.0.2.9", VLAN_NONE, false},
	{"not asked for", 0, "192.0.2.8", VLAN_NONE, false},
	{"another tag", 0, "192.0.2.9", 5, false},
};

static void test_belief(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(belief_cases) / sizeof(*belief_cases); i++) {
		const struct belief_case *c = &belief_cases[i];
		struct mac to = frames_mac(0xa0), from = frames_mac(9);
		struct build_arp arp = {.operation = BUILD_ARP_REPLY, .sender_mac = from};
		struct resolve_entry *e;
		struct build_link link;
		struct frame f;
		struct rig rig;

		rig_open(&rig);
		e = rig_want(&rig, "192.0.2.9", 0, false);
		arp.sender = frames_address(c->sender);
		arp.target = frames_address("192.0.2.1");
		build_link(&link, &to, &from, c->vlan);
		f.length = build_arp(f.bytes, sizeof(f.bytes), &link, &arp);
		rig_input(&rig, c->port, &f);
		if ((e->state == RESOLVE_REACHABLE) != c->believed)
			fail_msg("%s: state %d", c->what, e->state);
		resolver_free(rig.resolver);
	}
}

static void test_tagged(void **state)
{
	struct resolve_target target = {
		.address = frames_address("192.0.2.9"), .vlan = 77, .port = 0};
	struct rig rig;

	(void)state;
	rig_open(&rig);
	resolver_want(rig.resolver, &target, &rig, rig.now);
	assert_int_equal(last_sent(&rig)->zone, 77);
	assert_null(resolver_find(rig.resolver, &target.address, 0));
	assert_non_null(resolver_find(rig.resolver, &target.address, 77));
	assert_ptr_equal(resolver_find(rig.resolver, &target.address, 77)->user, &rig);
	resolver_free(rig.resolver);
}

static void test_uplink_life(void **state)
{
	struct resolve_entry *e;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	e = rig_want(&rig, "192.0.2.9", 0, false);
	rig_pass(&rig, 620, NULL, 0);
	assert_int_equal(rig.sent.n, 3);
	assert_int_equal(e->state, RESOLVE_FAILED);
	rig_pass(&rig, 5000, NULL, 0);
	assert_int_equal(rig.sent.n, 3); /* nobody waits for it */
	resolver_used(rig.resolver, e, rig.now);
	assert_int_equal(rig.sent.n, 4);
	assert_int_equal(e->state, RESOLVE_ASKING);
	resolver_used(rig.resolver, e, rig.now);
	assert_int_equal(rig.sent.n, 4);
	rig_reply(&rig, 0, "192.0.2.9", 9);
	assert_int_equal(e->state, RESOLVE_REACHABLE);
	rig_pass(&rig, 29000, NULL, 0);
	assert_int_equal(rig.sent.n, 4);
	rig_pass(&rig, 1100, NULL, 0);
	assert_int_equal(e->state, RESOLVE_STALE); /* and asked whether it is still there */
	assert_int_equal(rig.sent.n, 5);
	assert_false(mac_is_group(&last_sent(&rig)->mac_dst));
	rig_reply(&rig, 0, "192.0.2.9", 9);
	assert_int_equal(e->state, RESOLVE_REACHABLE);
	rig_pass(&rig, 34000, NULL, 0);
	assert_int_equal(e->state, RESOLVE_FAILED);
	resolver_free(rig.resolver);
}

static void test_failed_is_not_hammered(void **state)
{
	struct resolve_entry *e;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	e = rig_want(&rig, "192.0.2.9", 0, false);
	for (int i = 0; i < 500; i++) { /* 10 s */
		rig_pass(&rig, STEP_MS, NULL, 0);
		resolver_used(rig.resolver, e, rig.now);
	}
	assert_in_range(rig.sent.n, 12, 24);
	resolver_free(rig.resolver);
}

/* RFC 4861 7.2.5 */
static void test_override(void **state)
{
	struct resolve_entry *e;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	e = rig_want(&rig, "fd00::9", 0, false);
	rig_advertise(&rig, 0, "fd00::9", 0, BUILD_NA_SOLICITED); /* tells no MAC, none is known */
	assert_int_equal(e->state, RESOLVE_ASKING);
	rig_advertise(&rig, 0, "fd00::9", 9,
		      BUILD_NA_SOLICITED); /* the first needs no override flag */
	assert_int_equal(e->state, RESOLVE_REACHABLE);
	rig_advertise(&rig, 0, "fd00::9", 10, BUILD_NA_SOLICITED);
	assert_int_equal(e->mac.byte[5], 9);
	rig_advertise(&rig, 0, "fd00::9", 10, BUILD_NA_OVERRIDE); /* unsolicited */
	assert_int_equal(e->mac.byte[5], 10);
	assert_int_equal(e->state, RESOLVE_STALE);
	rig_advertise(&rig, 0, "fd00::9", 0, BUILD_NA_SOLICITED); /* the MAC that is known */
	assert_int_equal(e->state, RESOLVE_REACHABLE);
	assert_int_equal(e->mac.byte[5], 10);
	resolver_free(rig.resolver);
}

static void test_hint(void **state)
{
	struct mac mac = frames_mac(5), other = frames_mac(6);
	struct resolve_entry *e;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	e = rig_want(&rig, "192.0.2.9", 0, false);
	resolver_hint(rig.resolver, e, &mac, rig.now);
	assert_int_equal(e->state, RESOLVE_STALE);
	assert_int_equal(e->mac.byte[5], 5);
	assert_int_equal(rig.sent.n, 2); /* verified */
	resolver_hint(rig.resolver, e, &other, rig.now);
	assert_int_equal(e->mac.byte[5], 5);
	resolver_free(rig.resolver);
}

static void count_visit(void *user, const struct resolve_entry *e)
{
	(void)e;
	++*(unsigned int *)user;
}

static void test_drop(void **state)
{
	struct address none = frames_address("192.0.2.9");
	struct resolve_entry *a, *b;
	unsigned int n = 0;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	a = rig_want(&rig, "192.0.2.9", 0, false);
	b = rig_want(&rig, "192.0.2.10", 0, false);
	resolver_walk(rig.resolver, count_visit, &n);
	assert_int_equal(n, 2);
	resolver_drop(rig.resolver, a);
	assert_null(resolver_find(rig.resolver, &none, 0));
	rig.drop = b; /* while it is told about */
	rig_reply(&rig, 0, "192.0.2.10", 9);
	n = 0;
	resolver_walk(rig.resolver, count_visit, &n);
	assert_int_equal(n, 0);
	rig.drop = rig_want(&rig, "192.0.2.11", 0, false);
	rig_pass(&rig, 2000, NULL, 0); /* while it is walked */
	resolver_walk(rig.resolver, count_visit, &n);
	assert_int_equal(n, 0);
	resolver_free(rig.resolver);
}

static void test_refresh_port(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig_want(&rig, "10.1.0.9", 1, true);
	rig_want(&rig, "10.1.0.10", 2, true);
	rig_reply(&rig, 1, "10.1.0.9", 9);
	rig_reply(&rig, 2, "10.1.0.10", 10);
	rig.sent.n = 0;
	resolver_refresh_port(rig.resolver, 2, rig.now);
	resolver_tick(rig.resolver, rig.now);
	assert_int_equal(rig.sent.n, 1);
	assert_int_equal(rig.sent.at[0].port, 2);
	resolver_free(rig.resolver);
}

static void test_no_source(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig.no_source = true;
	rig_want(&rig, "10.1.0.9", 1, true);
	rig_pass(&rig, 2000, NULL, 0);
	assert_int_equal(rig.sent.n, 0);
	assert_int_equal(rig.state, RESOLVE_FAILED);
	resolver_free(rig.resolver);
}

static void test_tick_says_when(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	assert_int_equal(resolver_tick(rig.resolver, rig.now), 1000);
	rig_want(&rig, "10.1.0.9", 1, true);
	assert_int_equal(resolver_tick(rig.resolver, rig.now), 200);
	assert_int_equal(resolver_tick(rig.resolver, rig.now + 150), 50);
	resolver_free(rig.resolver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_question),
		cmocka_unit_test(test_solicitation),
		cmocka_unit_test(test_permanent_kept),
		cmocka_unit_test(test_permanent_follows),
		cmocka_unit_test(test_permanent_told),
		cmocka_unit_test(test_permanent_fails),
		cmocka_unit_test(test_all_farm_ports),
		cmocka_unit_test(test_belief),
		cmocka_unit_test(test_tagged),
		cmocka_unit_test(test_uplink_life),
		cmocka_unit_test(test_failed_is_not_hammered),
		cmocka_unit_test(test_override),
		cmocka_unit_test(test_hint),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_refresh_port),
		cmocka_unit_test(test_no_source),
		cmocka_unit_test(test_tick_says_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
