/* links: sandwich/slowpath/answer.c sandwich/slowpath/build.c sandwich/slowpath/discovery.c */
/* links: tests/packets/frame.c */
/* SPDX-License-Identifier: ISC */
/*
 * Which question gets which answer, on which port and with which tag.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sandwich/slowpath/answer.h"
#include "sandwich/slowpath/build.h"
#include "sandwich/slowpath/discovery.h"
#include "tests/unit/frames.h"

#define PORTS      3
#define UPLINK_MAC "02:00:00:00:00:a0"
#define FARM_MAC   "02:00:00:00:00:a1"
#define HOST       "src=02:00:00:00:00:09 "
#define ARP_HEAD   "hex=00010800060400"

struct rig {
	struct answer *answer;
	struct frames_sent sent;
	unsigned int neighbours, locals;
};

static void rig_send(void *user, u8 port, const void *frame, size_t length)
{
	frames_take(&((struct rig *)user)->sent, port, frame, length);
}

static void rig_neighbour(void *user, const struct slow_frame *frame)
{
	(void)frame;
	((struct rig *)user)->neighbours++;
}

static void rig_local(void *user, const struct slow_frame *frame)
{
	(void)frame;
	((struct rig *)user)->locals++;
}

static struct answer_address address_of(const char *text, u8 length, bool farm, u16 vlan)
{
	struct answer_address a = {
		.address = frames_address(text), .length = length, .farm = farm, .vlan = vlan};

	return a;
}

static void rig_open(struct rig *rig, u16 vlan)
{
	struct answer_ops ops = {
		.send = rig_send, .neighbour = rig_neighbour, .local = rig_local, .user = rig};
	struct mac mac[2] = {frames_mac(0xa0), frames_mac(0xa1)};
	struct answer_address addresses[] = {
		address_of("192.0.2.1", 120, false, vlan),
		address_of("192.0.2.10", 128, false, vlan),
		address_of("2001:db8::1", 64, false, vlan),
		address_of("2001:db8::10", 128, false, vlan),
		address_of("10.1.0.1", 120, true, vlan),
		address_of("fd00::1", 64, true, vlan),
	};

	addresses[1].cluster = addresses[3].cluster = true;
	memset(rig, 0, sizeof(*rig));
	rig->answer = answer_new(&ops, mac, PORTS);
	answer_set(rig->answer, addresses, 6);
	rig->sent.n = 0;
}

static void rig_input(struct rig *rig, const struct frame *f, u8 port, u8 reason)
{
	struct slow_frame slow = frames_slow(f, port, reason);

	answer_input(rig->answer, &slow);
}

/* --- ARP --- */

/* An ARP frame, as hex in the words of tests/packets. */
struct arp_case {
	const char *what, *ethernet, *arp;
	u8 port;
	u16 vlan;
	bool answered, heard;
};

static const struct arp_case arp_cases[] = {
	{"request", "", "01020000000009c0000209000000000000c0000201", 0, VLAN_NONE, true, true},
	{"for the cluster address", "", "01020000000009c0000209000000000000c000020a", 0, VLAN_NONE,
	 true, true},
	{"probe", "", "0102000000000900000000000000000000c0000201", 0, VLAN_NONE, true, true},
	{"keeps tags", "vlan=7 ", "01020000000009c0000209000000000000c0000201", 0, VLAN_KEEP, true,
	 true},
	{"keeps two tags", "qinq=7 vlan=8 ", "01020000000009c0000209000000000000c0000201", 0,
	 VLAN_KEEP, true, true},
	{"our tag", "vlan=7 ", "01020000000009c0000209000000000000c0000201", 0, 7, true, true},
	{"another tag", "vlan=8 ", "01020000000009c0000209000000000000c0000201", 0, 7, false, true},
	{"no tag", "", "01020000000009c0000209000000000000c0000201", 0, 7, false, true},
	{"a tag too many", "vlan=7 ", "01020000000009c0000209000000000000c0000201", 0, VLAN_NONE,
	 false, true},
	{"for somebody else", "", "01020000000009c0000209000000000000c0000202", 0, VLAN_NONE, false,
	 true},
	{"farm address on the uplink", "", "01020000000009c00002090000000000000a010001", 0,
	 VLAN_NONE, false, true},
	{"uplink address on the farm", "", "01020000000009c0000209000000000000c0000201", 1,
	 VLAN_NONE, false, true},
	{"farm", "", "010200000000090a0100090000000000000a010001", 2, VLAN_NONE, true, true},
	{"reply", "", "02020000000009c0000209000000000000c0000201", 0, VLAN_NONE, false, true},
	{"another operation", "", "03020000000009c0000209000000000000c0000201", 0, VLAN_NONE, false,
	 false},
	{"from a group MAC", "", "01010000000009c0000209000000000000c0000201", 0, VLAN_NONE, false,
	 false},
	{"from no MAC", "", "01000000000000c0000209000000000000c0000201", 0, VLAN_NONE, false,
	 false},
	{"from a group address", "", "01020000000009e0000209000000000000c0000201", 0, VLAN_NONE,
	 false, false},
	{"cut short", "", "01020000000009c0000209000000000000c00002", 0, VLAN_NONE, false, false},
};

static void check_arp_reply(const struct rig *rig, const struct arp_case *c, const struct frame *in)
{
	const struct frame *out = &rig->sent.at[0].frame;
	const struct packet *p = &rig->sent.at[0].packet;
	struct mac mac = frames_mac(c->port ? 0xa1 : 0xa0);
	struct discovery asked, told;
	struct packet q;

	assert_true(frames_parse(in->bytes, in->length, &q));
	assert_true(discovery_parse(in->bytes, in->length, &q, &asked));
	assert_true(discovery_parse(out->bytes, out->length, p, &told));
	assert_int_equal(rig->sent.at[0].port, c->port);
	assert_false(told.is_request);
	assert_true(mac_equal(&told.mac, &mac));
	assert_true(mac_equal(&p->mac_src, &mac));
	assert_true(mac_equal(&p->mac_dst, &asked.mac));
	assert_true(address_equal(&told.sender, &asked.target));
	assert_true(address_equal(&told.target, &asked.sender));
	assert_int_equal(p->tags, q.tags);
	assert_int_equal(p->zone, q.zone);
	assert_memory_equal(out->bytes + 12, in->bytes + 12, q.tags * 4u);
}

static void test_arp(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(arp_cases) / sizeof(*arp_cases); i++) {
		const struct arp_case *c = &arp_cases[i];
		struct frame in;
		struct rig rig;

		rig_open(&rig, c->vlan);
		frame_make(&in, "eth dst=ff:ff:ff:ff:ff:ff " HOST "%stype=2054 " ARP_HEAD "%s",
			   c->ethernet, c->arp);
		rig_input(&rig, &in, c->port, REASON_LOCAL_ARP);
		if (rig.sent.n != c->answered || rig.neighbours != c->heard)
			fail_msg("%s: %u answers, %u heard", c->what, rig.sent.n, rig.neighbours);
		if (c->answered)
			check_arp_reply(&rig, c, &in);
		answer_free(rig.answer);
	}
}

/* --- neighbour discovery --- */

#define SLLA "0101020000000007"

struct nd_case {
	const char *what, *ethernet, *from_to, *target, *options;
	u8 hops;
	bool answered, heard;
	u8 flags; /* of the answer: router 0x80, solicited 0x40, override 0x20 */
	const char *to, *to_mac;
};

static const struct nd_case nd_cases[] = {
	{"multicast", "", "2001:db8::9>ff02::1:ff00:1", "20010db8000000000000000000000001", SLLA,
	 255, true, true, 0xe0, "2001:db8::9", "02:00:00:00:00:07"},
	{"unicast without option", "", "2001:db8::9>2001:db8::1",
	 "20010db8000000000000000000000001", "", 255, true, true, 0xe0, "2001:db8::9",
	 "02:00:00:00:00:09"},
	{"from link-local", "vlan=7 ", "fe80::9>2001:db8::1", "20010db8000000000000000000000001",
	 SLLA, 255, true, true, 0xe0, "fe80::9", "02:00:00:00:00:07"},
	{"probe for duplicates", "", "::>ff02::1:ff00:1", "20010db8000000000000000000000001", "",
	 255, true, true, 0xa0, "ff02::1", "33:33:00:00:00:01"},
	{"cluster address: no router", "", "2001:db8::9>ff02::1:ff00:10",
	 "20010db8000000000000000000000010", SLLA, 255, true, true, 0x60, "2001:db8::9",
	 "02:00:00:00:00:07"},
	{"unknown options", "", "2001:db8::9>ff02::1:ff00:1", "20010db8000000000000000000000001",
	 "0e01000000000000" SLLA, 255, true, true, 0xe0, "2001:db8::9", "02:00:00:00:00:07"},
	{"somebody else's", "", "2001:db8::9>ff02::1:ff00:2", "20010db8000000000000000000000002",
	 SLLA, 255, false, true, 0, NULL, NULL},
	{"farm address", "", "fd00::9>ff02::1:ff00:1", "fd000000000000000000000000000001", SLLA,
	 255, false, true, 0, NULL, NULL},
	{"came through a router", "", "2001:db8::9>ff02::1:ff00:1",
	 "20010db8000000000000000000000001", SLLA, 254, false, false, 0, NULL, NULL},
	{"probe with option", "", "::>ff02::1:ff00:1", "20010db8000000000000000000000001", SLLA,
	 255, false, false, 0, NULL, NULL},
	{"probe by unicast", "", "::>2001:db8::1", "20010db8000000000000000000000001", "", 255,
	 false, false, 0, NULL, NULL},
	{"target is a group", "", "2001:db8::9>ff02::1:ff00:1", "ff020000000000000000000000000001",
	 SLLA, 255, false, false, 0, NULL, NULL},
	{"target is mapped IPv4", "", "2001:db8::9>ff02::1:ff00:1",
	 "00000000000000000000ffffc0000201", SLLA, 255, false, false, 0, NULL, NULL},
	{"option without length", "", "2001:db8::9>ff02::1:ff00:1",
	 "20010db8000000000000000000000001", "0100020000000007", 255, false, false, 0, NULL, NULL},
	{"option beyond the end", "", "2001:db8::9>ff02::1:ff00:1",
	 "20010db8000000000000000000000001", "0102020000000007", 255, false, false, 0, NULL, NULL},
	{"option is a group MAC", "", "2001:db8::9>ff02::1:ff00:1",
	 "20010db8000000000000000000000001", "0101330000000007", 255, false, false, 0, NULL, NULL},
	{"no target", "", "2001:db8::9>ff02::1:ff00:1", "20010db80000", "", 255, false, false, 0,
	 NULL, NULL},
};

static void make_nd(struct frame *in, const struct nd_case *c)
{
	frame_make(in, "eth dst=33:33:ff:00:00:01 " HOST "%sv6 %s icmp6 type=135 hex=%s%s",
		   c->ethernet, c->from_to, c->target, c->options);
	frames_hops(in, c->hops);
}

static void check_nd_answer(const struct rig *rig, const struct nd_case *c)
{
	const struct frame *out = &rig->sent.at[0].frame;
	const struct packet *p = &rig->sent.at[0].packet;
	struct address to = frames_address(c->to);
	struct discovery told;
	struct mac mac;

	assert_true(frames_intact(out->bytes, p));
	assert_int_equal(out->bytes[p->l3 + 7], 255);
	assert_true(discovery_parse(out->bytes, out->length, p, &told));
	assert_int_equal(frame_mac(c->to_mac, &mac), 0);
	assert_true(mac_equal(&p->mac_dst, &mac));
	assert_true(address_equal(&p->dst, &to));
	assert_true(address_equal(&told.target, &p->src));
	mac = frames_mac(0xa0);
	assert_true(told.has_mac && mac_equal(&told.mac, &mac) && mac_equal(&p->mac_src, &mac));
	if (told.flags != c->flags)
		fail_msg("%s: flags %x", c->what, told.flags);
}

static void test_nd(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(nd_cases) / sizeof(*nd_cases); i++) {
		const struct nd_case *c = &nd_cases[i];
		struct frame in;
		struct rig rig;

		rig_open(&rig, VLAN_KEEP);
		make_nd(&in, c);
		rig_input(&rig, &in, 0, REASON_LOCAL_ND);
		if (rig.sent.n != c->answered || rig.neighbours != c->heard)
			fail_msg("%s: %u answers, %u heard", c->what, rig.sent.n, rig.neighbours);
		if (c->answered)
			check_nd_answer(&rig, c);
		answer_free(rig.answer);
	}
}

static void test_nd_checksum(void **state)
{
	struct frame in;
	struct rig rig;

	(void)state;
	rig_open(&rig, VLAN_NONE);
	make_nd(&in, &nd_cases[0]);
	in.bytes[in.length - 1] ^= 1;
	rig_input(&rig, &in, 0, REASON_LOCAL_ND);
	assert_int_equal(rig.sent.n, 0);
	assert_int_equal(rig.neighbours, 0);
	answer_free(rig.answer);
}

/* --- echo --- */

struct echo_case {
	const char *what, *frame;
	u8 port;
	bool answered, local;
};

#define TO_UPLINK "eth dst=" UPLINK_MAC " " HOST
#define TO_FARM   "eth dst=" FARM_MAC " " HOST

static const struct echo_case echo_cases[] = {
	{"v4", TO_UPLINK "v4 192.0.2.9>192.0.2.1 icmp type=8 id=77 pay=56", 0, true, false},
	{"v4 without payload", TO_UPLINK "v4 192.0.2.9>192.0.2.1 icmp type=8 id=77", 0, true,
	 false},
	{"v4 odd and padded", TO_UPLINK "v4 192.0.2.9>192.0.2.1 icmp type=8 id=77 pay=3 pad=15", 0,
	 true, false},
	{"v4 with options", TO_UPLINK "v4 192.0.2.9>192.0.2.1 ihl=7 icmp type=8 id=77 pay=9", 0,
	 true, false},
	{"v4 jumbo", TO_UPLINK "v4 192.0.2.9>192.0.2.1 icmp type=8 id=77 pay=9188", 0, true, false},
	{"v4 tagged", TO_UPLINK "qinq=5 vlan=6 v4 192.0.2.9>192.0.2.10 icmp type=8 id=77 pay=56", 0,
	 true, false},
	{"v6", TO_FARM "v6 fd00::9>fd00::1 icmp6 type=128 id=77 pay=57", 2, true, false},
	{"v6 jumbo", TO_FARM "v6 fd00::9>fd00::1 icmp6 type=128 id=77 pay=9168", 2, true, false},
	{"v6 with options", TO_UPLINK "v6 fd00::9>2001:db8::10 dstopt icmp6 type=128 id=77 pay=57",
	 0, true, false},
	{"other port's address", TO_UPLINK "v4 192.0.2.9>10.1.0.1 icmp type=8 id=77 pay=56", 0,
	 true, false},
	{"fragment", TO_UPLINK "v4 192.0.2.9>192.0.2.1 mf icmp type=8 id=77 pay=56", 0, false,
	 true},
	{"v6 fragment", TO_FARM "v6 fd00::9>fd00::1 frag id=3 mf icmp6 type=128 id=77 pay=56", 1,
	 false, true},
	{"from a group", TO_UPLINK "v4 224.0.0.9>192.0.2.1 icmp type=8 id=77", 0, false, false},
	{"from nobody", TO_UPLINK "v4 0.0.0.0>192.0.2.1 icmp type=8 id=77", 0, false, false},
	{"from broadcast", TO_UPLINK "v4 255.255.255.255>192.0.2.1 icmp type=8 id=77", 0, false,
	 false},
	{"from loopback", TO_UPLINK "v4 127.0.0.1>192.0.2.1 icmp type=8 id=77", 0, false, false},
	{"from ::1", TO_UPLINK "v6 ::1>2001:db8::1 icmp6 type=128 id=77", 0, false, false},
	{"from ourselves", TO_UPLINK "v4 10.1.0.1>192.0.2.1 icmp type=8 id=77", 0, false, false},
	{"reply", TO_FARM "v4 10.1.0.9>10.1.0.1 icmp type=0 id=77 pay=56", 1, false, true},
	{"UDP", TO_FARM "v4 10.1.0.9>10.1.0.1 udp 4851>4851 pay=56", 1, false, true},
	{"TCP", TO_UPLINK "v4 192.0.2.9>192.0.2.1 tcp 1>22 flags=S", 0, false, true},
	{"error", TO_UPLINK "v4 192.0.2.9>192.0.2.1 icmp type=3 v4 192.0.2.1>192.0.2.9 icmp type=8",
	 0, false, true},
	{"ICMPv6 in IPv4", TO_UPLINK "v4 192.0.2.9>192.0.2.1 proto=58 hex=8000000000000000", 0,
	 false, true},
};

static void check_echo_reply(const struct rig *rig, const struct echo_case *c,
			     const struct frame *in)
{
	const struct frame *out = &rig->sent.at[0].frame;
	const struct packet *p = &rig->sent.at[0].packet;
	struct packet q;
	u32 bytes;

	assert_true(frames_parse(in->bytes, in->length, &q));
	bytes = q.l3 + q.ip_length - q.l4;
	assert_int_equal(rig->sent.at[0].port, c->port);
	assert_true(frames_intact(out->bytes, p));
	assert_true(address_equal(&p->src, &q.dst) && address_equal(&p->dst, &q.src));
	assert_true(mac_equal(&p->mac_src, &q.mac_dst) && mac_equal(&p->mac_dst, &q.mac_src));
	assert_memory_equal(out->bytes + 12, in->bytes + 12, q.tags * 4u);
	assert_int_equal(p->l3 + p->ip_length, out->length);
	assert_int_equal(out->length - p->l4, bytes);
	assert_int_equal(p->icmp_type, q.is_v6 ? 129 : 0);
	assert_memory_equal(out->bytes + p->l4 + 4, in->bytes + q.l4 + 4, bytes - 4);
}

static void test_echo(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(echo_cases) / sizeof(*echo_cases); i++) {
		const struct echo_case *c = &echo_cases[i];
		struct frame in;
		struct rig rig;

		rig_open(&rig, VLAN_KEEP);
		frame_make(&in, "%s", c->frame);
		if (c->answered)
			in.bytes[in.length - 1] = 0x5a;
		frames_hops(&in, 63);
		rig_input(&rig, &in, c->port, REASON_LOCAL_IP);
		if (rig.sent.n != c->answered || rig.locals != c->local)
			fail_msg("%s: %u answers, %u for others", c->what, rig.sent.n, rig.locals);
		if (c->answered)
			check_echo_reply(&rig, c, &in);
		answer_free(rig.answer);
	}
}

static void test_echo_damaged(void **state)
{
	struct slow_frame slow;
	struct frame in;
	struct rig rig;

	(void)state;
	rig_open(&rig, VLAN_NONE);
	frame_make(&in, "%s", echo_cases[0].frame);
	frames_seal(&in);
	slow = frames_slow(&in, 0, REASON_LOCAL_IP);
	slow.length -= 1; /* captured short */
	answer_input(rig.answer, &slow);
	assert_int_equal(rig.sent.n, 0);
	in.bytes[in.length - 1] ^= 1;
	rig_input(&rig, &in, 0, REASON_LOCAL_IP);
	assert_int_equal(rig.sent.n, 0);
	answer_free(rig.answer);
}

/* --- announcements and sources --- */

static void test_announce(void **state)
{
	struct address all_nodes = frames_address("ff02::1");
	unsigned int v4 = 0, v6 = 0, farm = 0;
	struct rig rig;

	(void)state;
	rig_open(&rig, 9);
	answer_announce(rig.answer);
	assert_int_equal(rig.sent.n, 4 + 2 * 2); /* farm addresses on both farm ports */
	for (unsigned int i = 0; i < rig.sent.n; i++) {
		const struct frame *f = &rig.sent.at[i].frame;
		const struct packet *p = &rig.sent.at[i].packet;
		struct mac mac = frames_mac(rig.sent.at[i].port ? 0xa1 : 0xa0);
		struct discovery d;

		assert_int_equal(p->zone, 9);
		assert_true(discovery_parse(f->bytes, f->length, p, &d));
		assert_true(mac_equal(&d.mac, &mac));
		assert_true(address_equal(&d.sender, &d.target));
		assert_int_equal(d.is_request, !d.is_v6);
		if (d.is_v6)
			assert_true(address_equal(&p->dst, &all_nodes));
		if (d.is_v6)
			assert_int_equal(d.flags & 0x60, 0x20);
		v4 += !d.is_v6;
		v6 += d.is_v6;
		farm += rig.sent.at[i].port != 0;
	}
	assert_int_equal(v4, 4);
	assert_int_equal(v6, 4);
	assert_int_equal(farm, 4);
	answer_free(rig.answer);
}

static void count_visit(void *user, const struct answer_address *address)
{
	(void)address;
	++*(unsigned int *)user;
}

static void test_set_announces_new(void **state)
{
	struct answer_address more[] = {address_of("192.0.2.1", 120, false, VLAN_NONE),
					address_of("192.0.2.7", 120, false, VLAN_NONE)};
	unsigned int n = 0;
	struct frame in;
	struct rig rig;

	(void)state;
	rig_open(&rig, VLAN_NONE);
	answer_set(rig.answer, more, 2);
	assert_int_equal(rig.sent.n, 1);
	assert_memory_equal(rig.sent.at[0].frame.bytes + 28, "\xc0\0\2\7", 4);
	answer_walk(rig.answer, count_visit, &n);
	assert_int_equal(n, 2);
	rig.sent.n = 0;
	frame_make(&in, "eth dst=ff:ff:ff:ff:ff:ff " HOST "type=2054 " ARP_HEAD
			"01020000000009c0000209000000000000c000020a");
	rig_input(&rig, &in, 0, REASON_LOCAL_ARP);
	assert_int_equal(rig.sent.n, 0); /* gone */
	answer_set(rig.answer, NULL, 0);
	assert_int_equal(rig.sent.n, 0);
	answer_free(rig.answer);
}

struct source_case {
	u8 port;
	const char *target, *source;
};

static const struct source_case source_cases[] = {
	{0, "192.0.2.200", "192.0.2.1"},    {0, "198.51.100.1", "192.0.2.1"},
	{1, "192.0.2.200", "10.1.0.1"},     {2, "10.1.0.77", "10.1.0.1"},
	{0, "2001:db8::77", "2001:db8::1"}, {0, "fe80::1", "2001:db8::1"},
	{1, "fe80::1", "fd00::1"},
};

static void test_source(void **state)
{
	struct answer_address cluster = address_of("192.0.2.10", 128, false, VLAN_NONE);
	struct address target = frames_address("192.0.2.254"), source;
	struct rig rig;

	(void)state;
	rig_open(&rig, VLAN_NONE);
	for (size_t i = 0; i < sizeof(source_cases) / sizeof(*source_cases); i++) {
		struct address to = frames_address(source_cases[i].target);
		struct address wanted = frames_address(source_cases[i].source);

		assert_true(answer_source(rig.answer, source_cases[i].port, &to, &source));
		assert_true(address_equal(&source, &wanted));
	}
	cluster.cluster = true;
	answer_set(rig.answer, &cluster, 1);
	assert_true(answer_source(rig.answer, 0, &target, &source)); /* better than none */
	assert_false(answer_source(rig.answer, 1, &target, &source));
	target = frames_address("2001:db8::9");
	assert_false(answer_source(rig.answer, 0, &target, &source));
	answer_free(rig.answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_nd),
		cmocka_unit_test(test_nd_checksum),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_echo_damaged),
		cmocka_unit_test(test_announce),
		cmocka_unit_test(test_set_announces_new),
		cmocka_unit_test(test_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
