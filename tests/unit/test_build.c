/* links: sandwich/slowpath/build.c sandwich/slowpath/discovery.c tests/packets/frame.c */
/* SPDX-License-Identifier: ISC */
/*
 * Frames the balancer makes: read back by the engine's parser, every checksum verified.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sandwich/slowpath/build.h"
#include "sandwich/slowpath/discovery.h"
#include "tests/unit/frames.h"

struct built {
	u8 data[9400];
	u32 length;
	struct packet packet;
};

static const u16 vlans[] = {VLAN_NONE, VLAN_KEEP, 1, 100, 4094};

static void built_parse(struct built *b, u16 vlan)
{
	bool tagged = vlan != VLAN_NONE && vlan != VLAN_KEEP;
	struct mac dst = frames_mac(9), src = frames_mac(1);

	assert_true(b->length > 0);
	assert_true(frames_parse(b->data, b->length, &b->packet));
	assert_int_equal(b->packet.tags, tagged);
	assert_int_equal(b->packet.zone, tagged ? vlan : 0);
	assert_memory_equal(&b->packet.mac_dst, &dst, 6);
	assert_memory_equal(&b->packet.mac_src, &src, 6);
	if (b->packet.kind == PACKET_IP)
		assert_true(frames_intact(b->data, &b->packet));
}

static struct build_link link_for(u16 vlan)
{
	struct mac dst = frames_mac(9), src = frames_mac(1);
	struct build_link link;

	build_link(&link, &dst, &src, vlan);
	return link;
}

static void test_arp(void **state)
{
	struct build_arp arp = {.operation = BUILD_ARP_REPLY,
				.sender = frames_address("192.0.2.1"),
				.target = frames_address("192.0.2.9"),
				.sender_mac = frames_mac(1),
				.target_mac = frames_mac(9)};

	(void)state;
	for (size_t i = 0; i < sizeof(vlans) / sizeof(*vlans); i++) {
		struct build_link link = link_for(vlans[i]);
		struct discovery d;
		struct built b;

		b.length = build_arp(b.data, sizeof(b.data), &link, &arp);
		built_parse(&b, vlans[i]);
		assert_int_equal(b.packet.kind, PACKET_ARP);
		assert_true(discovery_parse(b.data, b.length, &b.packet, &d));
		assert_false(d.is_request);
		assert_true(address_equal(&d.sender, &arp.sender));
		assert_true(address_equal(&d.target, &arp.target));
		assert_true(mac_equal(&d.mac, &arp.sender_mac));
		assert_int_equal(build_arp(b.data, b.length - 1, &link, &arp), 0);
	}
}

static void check_nd(struct built *b, u16 vlan, const struct build_nd *nd, struct discovery *d)
{
	built_parse(b, vlan);
	assert_int_equal(b->data[b->packet.l3 + 7], 255);
	assert_true(discovery_parse(b->data, b->length, &b->packet, d));
	assert_true(address_equal(&d->target, &nd->target));
	assert_true(address_equal(&d->sender, &nd->src));
	assert_int_equal(d->has_mac, nd->link_option);
}

static void test_nd(void **state)
{
	struct build_nd nd = {.src = frames_address("2001:db8::1"),
			      .dst = frames_address("2001:db8::9"),
			      .target = frames_address("2001:db8::5")};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(vlans) / sizeof(*vlans); i++) {
		u16 vlan = vlans[i / 2];
		struct build_link link = link_for(vlan);
		struct discovery d;
		struct built b;

		nd.link_option = i & 1;
		nd.flags = BUILD_NA_SOLICITED | BUILD_NA_ROUTER;
		b.length = build_solicitation(b.data, sizeof(b.data), &link, &nd);
		check_nd(&b, vlan, &nd, &d);
		assert_true(d.is_request);
		b.length = build_advertisement(b.data, sizeof(b.data), &link, &nd);
		check_nd(&b, vlan, &nd, &d);
		assert_false(d.is_request);
		assert_int_equal(d.flags, 0xc0);
		assert_int_equal(build_advertisement(b.data, b.length - 1, &link, &nd), 0);
	}
}

static const struct build_ip ips[] = {
	{.id = 7, .traffic_class = 0xb8, .dont_fragment = true},
	{.traffic_class = 0xb8},
};

static struct build_ip ip_for(int v6)
{
	struct build_ip ip = ips[v6];

	ip.src = frames_address(v6 ? "2001:db8::1" : "192.0.2.1");
	ip.dst = frames_address(v6 ? "2001:db8::9" : "192.0.2.9");
	return ip;
}

static void test_echo(void **state)
{
	static const u32 lengths[] = {0, 1, 56, 57, 1472, 9000, 9188};
	static u8 payload[9216];

	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (u8)(i * 7);
	for (size_t i = 0; i < 2 * sizeof(lengths) / sizeof(*lengths); i++) {
		struct build_echo echo = {
			.id = 1, .sequence = 0x203, .payload = payload, .length = lengths[i / 2]};
		struct build_link link = link_for(100);
		struct build_ip ip = ip_for(i & 1);
		struct built b;

		b.length = build_echo_reply(b.data, sizeof(b.data), &link, &ip, &echo);
		built_parse(&b, 100);
		assert_int_equal(b.packet.icmp_type, i & 1 ? 129 : 0);
		assert_int_equal(b.packet.ip_length, echo.length + (i & 1 ? 48 : 28));
		assert_memory_equal(b.data + b.packet.l4 + 4, "\0\1\2\3", 4);
		assert_memory_equal(b.data + b.packet.l4 + 8, payload, echo.length);
		assert_int_equal(build_echo_reply(b.data, b.length - 1, &link, &ip, &echo), 0);
	}
}

static void test_headers(void **state)
{
	struct build_echo echo = {.id = 1};
	struct build_link link = link_for(0);
	struct build_ip ip = ip_for(0);
	struct built b;

	(void)state;
	b.length = build_echo_reply(b.data, sizeof(b.data), &link, &ip, &echo);
	built_parse(&b, 0);
	assert_memory_equal(b.data + 14, "\x45\xb8\x00\x1c\x00\x07\x40\x00\x40\x01", 10);
	ip = ip_for(1);
	b.length = build_echo_reply(b.data, sizeof(b.data), &link, &ip, &echo);
	built_parse(&b, 0);
	assert_memory_equal(b.data + 14, "\x6b\x80\x00\x00\x00\x08\x3a\x40", 8);
}

static void test_tcp(void **state)
{
	struct build_tcp tcp = {.sport = 0x1234,
				.dport = 80,
				.sequence = 0xfffffff0,
				.acknowledgement = 0x1020304,
				.flags = TCP_RST | TCP_ACK};

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct build_link link = link_for(1);
		struct build_ip ip = ip_for(v6);
		struct built b;

		b.length = build_tcp(b.data, sizeof(b.data), &link, &ip, &tcp);
		built_parse(&b, 1);
		assert_int_equal(b.packet.protocol, PROTOCOL_TCP);
		assert_int_equal(b.packet.tcp_flags, TCP_RST | TCP_ACK);
		assert_memory_equal(b.data + b.packet.l4,
				    "\x12\x34\0\x50\xff\xff\xff\xf0\1\2\3\4\x50", 13);
		assert_int_equal(b.packet.ip_length, v6 ? 60 : 40);
	}
}

static void test_prohibited(void **state)
{
	static const u8 quote[100] = {0x45, [99] = 9};

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct build_link link = link_for(1);
		struct build_ip ip = ip_for(v6);
		struct built b;

		b.length =
			build_prohibited(b.data, sizeof(b.data), &link, &ip, quote, sizeof(quote));
		built_parse(&b, 1);
		assert_int_equal(b.data[b.packet.l4], v6 ? 1 : 3);
		assert_int_equal(b.data[b.packet.l4 + 1], v6 ? 1 : 13);
		assert_memory_equal(b.data + b.packet.l4 + 4, "\0\0\0\0", 4);
		assert_memory_equal(b.data + b.packet.l4 + 8, quote, sizeof(quote));
		assert_int_equal(b.length, b.packet.l4 + 8 + sizeof(quote));
	}
}

static void test_answer_link(void **state)
{
	struct mac mine = frames_mac(1);
	struct build_link link;
	struct frame in;
	struct packet p;

	(void)state;
	frame_make(&in, "eth dst=02:00:00:00:00:01 src=02:00:00:00:00:09 qinq=100 vlan=200 v4 "
			"192.0.2.9>192.0.2.1 udp 1>2");
	in.bytes[14] |= 0x60; /* priority */
	assert_true(frames_parse(in.bytes, in.length, &p));
	build_link_answer(&link, in.bytes, &p, &mine);
	assert_int_equal(link.tag_bytes, 8);
	assert_memory_equal(link.tags, in.bytes + 12, 8);
	assert_memory_equal(&link.dst, in.bytes + 6, 6);
	assert_memory_equal(&link.src, &mine, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),         cmocka_unit_test(test_nd),
		cmocka_unit_test(test_echo),        cmocka_unit_test(test_headers),
		cmocka_unit_test(test_tcp),         cmocka_unit_test(test_prohibited),
		cmocka_unit_test(test_answer_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
