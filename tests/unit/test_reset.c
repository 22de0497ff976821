/* links: sandwich/slowpath/reset.c sandwich/slowpath/build.c tests/packets/frame.c */
/* SPDX-License-Identifier: ISC */
/*
 * What the ends of a conversation are told when its device is gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sandwich/slowpath/reset.h"
#include "tests/unit/frames.h"

#define HEAD "eth dst=02:00:00:00:00:a1 src=02:00:00:00:00:d1 "
#define V4   "v4 192.0.2.9>198.51.100.7 "
#define V6   "v6 2001:db8::9>2600::7 "

struct answered {
	u8 data[RESET_FRAME_MAX];
	u32 length;
	struct packet packet;
};

static bool reset_frame(struct answered *out, const struct frame *in)
{
	struct slow_frame slow = frames_slow(in, 1, REASON_RESET);
	struct address source = frames_address(slow.work.packet.is_v6 ? "fd00::1" : "10.1.0.1");
	struct mac mine = frames_mac(0xa1);

	out->length = reset_answer(&slow, &mine, &source, out->data);
	if (!out->length)
		return false;
	assert_true(frames_parse(out->data, out->length, &out->packet));
	assert_true(frames_intact(out->data, &out->packet));
	assert_true(mac_equal(&out->packet.mac_dst, &slow.work.packet.mac_src));
	assert_true(mac_equal(&out->packet.mac_src, &mine));
	assert_int_equal(out->packet.tags, slow.work.packet.tags);
	assert_int_equal(out->packet.zone, slow.work.packet.zone);
	return true;
}

static u32 read32(const u8 *at)
{
	return core_swap32(packet_be32(at));
}

static void write32(u8 *at, u32 v)
{
	frames_write16(at, (u16)(v >> 16));
	frames_write16(at + 2, (u16)v);
}

/* --- TCP: RFC 9293 3.10.7.1 --- */

struct tcp_case {
	const char *words;
	u32 seq, ack;
	bool answered;
	u8 flags;
	u32 reset_seq, reset_ack;
};

static const struct tcp_case tcp_cases[] = {
	{V4 "tcp 1000>80 flags=A pay=100", 1000, 5000, true, TCP_RST, 5000, 0},
	{V4 "tcp 1000>80 flags=S", 1000, 0, true, TCP_RST | TCP_ACK, 0, 1001},
	{V4 "tcp 1000>80 flags=S", 0xffffffff, 0, true, TCP_RST | TCP_ACK, 0, 0},
	{V4 "tcp 1000>80 flags=F pay=10", 1000, 0, true, TCP_RST | TCP_ACK, 0, 1011},
	{V4 "tcp 1000>80 pay=10 pad=6", 1000, 0, true, TCP_RST | TCP_ACK, 0, 1010},
	{V4 "tcp 1000>80 flags=SA", 1000, 7, true, TCP_RST, 7, 0},
	{V4 "tcp 1000>80 flags=R", 1000, 0, false, 0, 0, 0},
	{V4 "tcp 1000>80 flags=RA", 1000, 5, false, 0, 0, 0},
	{V4 "ihl=8 tcp 1000>80 flags=A", 1, 9, true, TCP_RST, 9, 0},
	{V4 "mf tcp 1000>80 flags=A pay=100", 1, 9, true, TCP_RST, 9, 0},
	{V4 "mf tcp 1000>80 pay=100", 1, 9, false, 0, 0, 0},
	{V4 "off=8 proto=6 pay=100", 0, 0, false, 0, 0, 0},
	{"vlan=9 " V4 "tcp 1000>80 flags=A", 1, 9, true, TCP_RST, 9, 0},
	{"qinq=9 vlan=10 " V6 "tcp 1000>80 flags=A", 1, 9, true, TCP_RST, 9, 0},
	{V6 "dstopt tcp 1000>80 flags=A", 1, 9, true, TCP_RST, 9, 0},
	{"v4 224.0.0.1>198.51.100.7 tcp 1>2 flags=A", 1, 9, false, 0, 0, 0},
	{"v4 192.0.2.9>255.255.255.255 tcp 1>2 flags=A", 1, 9, false, 0, 0, 0},
	{"v6 ::>2600::7 tcp 1>2 flags=A", 1, 9, false, 0, 0, 0},
	{"v6 2001:db8::9>ff02::7 tcp 1>2 flags=A", 1, 9, false, 0, 0, 0},
};

static void check_tcp(const struct answered *a, const struct tcp_case *c, const struct packet *in)
{
	const u8 *tcp = a->data + a->packet.l4;

	assert_int_equal(a->packet.protocol, PROTOCOL_TCP);
	assert_true(address_equal(&a->packet.src, &in->dst) &&
		    address_equal(&a->packet.dst, &in->src));
	assert_int_equal(a->packet.sport, in->dport);
	assert_int_equal(a->packet.dport, in->sport);
	assert_int_equal(a->packet.tcp_flags, c->flags);
	assert_int_equal(read32(tcp + 4), c->reset_seq);
	assert_int_equal(read32(tcp + 8), c->reset_ack);
}

static void test_tcp(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tcp_cases) / sizeof(*tcp_cases); i++) {
		const struct tcp_case *c = &tcp_cases[i];
		struct answered a;
		struct packet in;
		struct frame f;

		frame_make(&f, HEAD "%s", c->words);
		assert_true(frames_parse(f.bytes, f.length, &in));
		if (in.ports_known) {
			write32(f.bytes + in.l4 + 4, c->seq);
			write32(f.bytes + in.l4 + 8, c->ack);
		}
		if (reset_frame(&a, &f) != c->answered)
			fail_msg("%s: %sanswered", c->words, c->answered ? "not " : "");
		if (c->answered)
			check_tcp(&a, c, &in);
	}
}

static void test_tcp_damaged(void **state)
{
	struct answered a;
	struct frame f;

	(void)state;
	frame_make(&f, HEAD V4 "tcp 1000>80 flags=A");
	f.bytes[14 + 20 + 12] = 0x40; /* a header of 16 bytes */
	assert_false(reset_frame(&a, &f));
	f.bytes[14 + 20 + 12] = 0xf0; /* and one longer than the packet */
	assert_false(reset_frame(&a, &f));
	frame_make(&f, HEAD V4 "proto=6 hex=00010002000000000000000050");
	assert_false(reset_frame(&a, &f)); /* ends within the header */
}

/* A capture that ends early says enough about where the segment ends. */
static void test_tcp_snapshot(void **state)
{
	struct slow_frame slow;
	struct address source = frames_address("10.1.0.1");
	struct mac mine = frames_mac(0xa1);
	u8 out[RESET_FRAME_MAX];
	struct frame f;

	(void)state;
	frame_make(&f, HEAD V4 "tcp 1000>80 pay=1000");
	slow = frames_slow(&f, 1, REASON_RESET);
	slow.length = 14 + 20 + 20;
	assert_int_equal(reset_answer(&slow, &mine, &source, out), 54);
	assert_int_equal(read32(out + 14 + 20 + 8), 1000);
	slow.length--;
	assert_int_equal(reset_answer(&slow, &mine, &source, out), 0);
}

/* --- others --- */

struct icmp_case {
	const char *words;
	u32 quoted; /* bytes; 0: not answered */
};

static const struct icmp_case icmp_cases[] = {
	{V4 "udp 1>2 pay=100", 128},
	{V4 "udp 1>2 pay=100 pad=4", 128},
	{V4 "udp 1>2 pay=1400", 548},
	{V4 "icmp type=8 id=5 pay=10", 38},
	{V4 "esp pay=50", 0 + 20 + 8 + 50},
	{V4 "mf udp 1>2 pay=8", 36},
	{V4 "off=8 proto=17 pay=100", 0},
	{V4 "icmp type=3 v4 198.51.100.7>192.0.2.9 udp 1>2", 0},
	{V4 "icmp type=11", 0},
	{V6 "udp 1>2 pay=100", 148},
	{V6 "udp 1>2 pay=1400", 1232},
	{V6 "icmp6 type=128 id=4", 48},
	{V6 "icmp6 type=2 v6 2600::7>2001:db8::9 udp 1>2", 0},
	{V6 "frag id=1 off=8 next=17 pay=100", 0},
	{"v4 192.0.2.9>239.0.0.1 udp 1>2", 0},
	{"v4 0.0.0.0>198.51.100.7 udp 1>2", 0},
};

static void test_icmp(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(icmp_cases) / sizeof(*icmp_cases); i++) {
		const struct icmp_case *c = &icmp_cases[i];
		struct answered a;
		struct packet in;
		struct frame f;

		frame_make(&f, HEAD "vlan=3 %s", c->words);
		assert_true(frames_parse(f.bytes, f.length, &in));
		if (reset_frame(&a, &f) != !!c->quoted)
			fail_msg("%s: %sanswered", c->words, c->quoted ? "not " : "");
		if (!c->quoted)
			continue;
		assert_int_equal(a.data[a.packet.l4], in.is_v6 ? 1 : 3);
		assert_int_equal(a.data[a.packet.l4 + 1], in.is_v6 ? 1 : 13);
		if (a.length - a.packet.l4 - 8 != c->quoted)
			fail_msg("%s: %u bytes quoted", c->words, a.length - a.packet.l4 - 8);
		assert_memory_equal(a.data + a.packet.l4 + 8, f.bytes + in.l3, c->quoted);
		/* the engine takes it for part of the flow, on its way back */
		assert_true(a.packet.icmp_error);
		assert_true(address_equal(&a.packet.to, &in.src));
	}
}

static void test_icmp_source(void **state)
{
	struct address v6 = frames_address("fd00::1");
	struct mac mine = frames_mac(0xa1);
	u8 out[RESET_FRAME_MAX];
	struct slow_frame slow;
	struct frame f;

	(void)state;
	frame_make(&f, HEAD V4 "udp 1>2 pay=100");
	slow = frames_slow(&f, 1, REASON_RESET);
	assert_int_equal(reset_answer(&slow, &mine, NULL, out), 0);
	assert_int_equal(reset_answer(&slow, &mine, &v6, out), 0);
	frame_make(&f, HEAD V4 "tcp 1>2 flags=A");
	slow = frames_slow(&f, 1, REASON_RESET);
	assert_int_equal(reset_answer(&slow, &mine, NULL, out), 54); /* needs none */
}

/* --- challenge --- */

static void test_challenge(void **state)
{
	static const char *const ends[2][2] = {{"192.0.2.9", "198.51.100.7"},
					       {"2001:db8::9", "2600::7"}};

	(void)state;
	for (int i = 0; i < 4; i++) {
		bool to_outside = i & 1;
		struct flow flow = {.outside = frames_address(ends[i / 2][0]),
				    .inside = frames_address(ends[i / 2][1]),
				    .outside_port = core_swap16(1000),
				    .inside_port = core_swap16(80),
				    .protocol = PROTOCOL_TCP};
		struct answered a;
		struct flow back;

		a.length = reset_challenge(&flow, to_outside, a.data);
		assert_true(a.length > 0);
		assert_true(frames_parse(a.data, a.length, &a.packet));
		assert_true(frames_intact(a.data, &a.packet));
		assert_int_equal(a.packet.tcp_flags, TCP_SYN);
		assert_int_equal(mac_value(&a.packet.mac_dst) | mac_value(&a.packet.mac_src), 0);
		memset(&back, 0, sizeof(back));
		flow_from_packet(&back, &a.packet, !to_outside, 0);
		assert_true(flow_equal(&back, &flow));
	}
}

static void test_no_challenge(void **state)
{
	struct flow flow = {.outside = frames_address("192.0.2.9"),
			    .inside = frames_address("198.51.100.7"),
			    .protocol = PROTOCOL_UDP};
	u8 out[RESET_FRAME_MAX];

	(void)state;
	assert_int_equal(reset_challenge(&flow, true, out), 0);
	flow.protocol = PROTOCOL_TCP;
	flow.inside = frames_address("2600::7");
	assert_int_equal(reset_challenge(&flow, true, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),          cmocka_unit_test(test_tcp_damaged),
		cmocka_unit_test(test_tcp_snapshot), cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_icmp_source),  cmocka_unit_test(test_challenge),
		cmocka_unit_test(test_no_challenge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
