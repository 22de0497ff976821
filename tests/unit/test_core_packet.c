/* links: tests/packets/frame.c */
/* SPDX-License-Identifier: ISC */
/* Parsing: what every kind of frame says, and that no length of it is read beyond its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/hash.h"
#include "sandwich/core/packet.h"
#include "tests/packets/frame.h"

#define A "198.51.100.7"
#define B "203.0.113.9"
#define A6 "2001:db8::7"
#define B6 "2001:db8:1::9"

/* Parses an exact-size copy, so that a sanitizer sees every byte beyond its end. */
static bool parse_bytes(const u8 *bytes, u32 length, struct packet *p, u8 *why)
{
	u8 *copy = malloc(length ? length : 1);
	struct packet_cursor c = {copy, copy + length, length};
	bool ok;

	memcpy(copy, bytes, length);
	memset(p, 0, sizeof(*p));
	ok = packet_parse(&c, p, why);
	assert_memory_equal(copy, bytes, length);
	free(copy);
	return ok;
}

struct parsed {
	const char *frame;
	const char *src, *dst;
	u16 sport, dport;
	u8 protocol;
	/* rarely used */
	u8 flags, tags, icmp;
	u32 zone;
	bool unknown, fragment, later, error;
	const char *to;
};

static const struct parsed cases[] = {
	/* IPv4 */
	{"v4 " A ">" B " tcp 1000>80 flags=S", A, B, 1000, 80, .protocol = 6, .flags = TCP_SYN},
	{"v4 " A ">" B " tcp 1000>80 flags=SA pay=1400", A, B, 1000, 80, .protocol = 6,
	 .flags = TCP_SYN | TCP_ACK},
	{"v4 " A ">" B " ihl=15 tcp 1000>80 flags=F", A, B, 1000, 80, .protocol = 6,
	 .flags = TCP_FIN},
	{"v4 " A ">" B " ihl=6 udp 5000>53", A, B, 5000, 53, .protocol = 17},
	{"v4 " A ">" B " df udp 5000>53 pay=9000", A, B, 5000, 53, .protocol = 17},
	{"v4 " A ">" B " udplite 5000>53", A, B, 5000, 53, .protocol = 136},
	{"v4 " A ">" B " sctp 5000>53", A, B, 5000, 53, .protocol = 132},
	{"v4 " A ">" B " dccp 5000>53", A, B, 5000, 53, .protocol = 33},
	{"v4 " A ">" B " esp pay=32", A, B, 0, 0, .protocol = 50},
	{"v4 " A ">" B " ah pay=32", A, B, 0, 0, .protocol = 51},
	{"v4 " A ">" B " gre pay=32", A, B, 0, 0, .protocol = 47},
	{"v4 " A ">" B " v4 10.0.0.1>10.0.0.2 tcp 1>2", A, B, 0, 0, .protocol = 4},
	{"v4 " A ">" B " v6 " A6 ">" B6 " tcp 1>2", A, B, 0, 0, .protocol = 41},
	{"v4 " A ">" B " proto=253 pay=1", A, B, 0, 0, .protocol = 253},
	{"v4 " A ">" B " icmp type=8 id=77", A, B, 77, 77, .protocol = 1, .icmp = 8},
	{"v4 " A ">" B " icmp type=0 id=77", A, B, 77, 77, .protocol = 1, .icmp = 0},
	{"v4 " A ">" B " icmp type=13 id=78", A, B, 78, 78, .protocol = 1, .icmp = 13},
	{"v4 " A ">" B " icmp type=9 id=78", A, B, 0, 0, .protocol = 1, .icmp = 9},
	/* tags */
	{"vlan=5 v4 " A ">" B " udp 1>2", A, B, 1, 2, .protocol = 17, .tags = 1, .zone = 5},
	{"vlan=0 v4 " A ">" B " udp 1>2", A, B, 1, 2, .protocol = 17, .tags = 1},
	{"vlan=0xe005 v4 " A ">" B " udp 1>2", A, B, 1, 2, .protocol = 17, .tags = 1, .zone = 5},
	{"qinq=7 vlan=5 v4 " A ">" B " udp 1>2", A, B, 1, 2, .protocol = 17, .tags = 2,
	 .zone = 7 << 12 | 5},
	{"qinq=7 vlan=5 v6 " A6 ">" B6 " udp 1>2", A6, B6, 1, 2, .protocol = 17, .tags = 2,
	 .zone = 7 << 12 | 5},
	/* IPv4 fragments */
	{"v4 " A ">" B " id=9 mf udp 1>2 pay=64", A, B, 1, 2, .protocol = 17, .fragment = true},
	{"v4 " A ">" B " id=9 off=8 mf proto=17 pay=64", A, B, 0, 0, .protocol = 17,
	 .fragment = true, .later = true, .unknown = true},
	{"v4 " A ">" B " id=9 off=8 proto=6 pay=64", A, B, 0, 0, .protocol = 6, .fragment = true,
	 .later = true, .unknown = true},
	/* what can't be read of the transport header */
	{"v4 " A ">" B " proto=6", A, B, 0, 0, .protocol = 6, .unknown = true},
	{"v4 " A ">" B " proto=17 pay=3", A, B, 0, 0, .protocol = 17, .unknown = true},
	{"v4 " A ">" B " proto=17 pay=3 pad=20", A, B, 0, 0, .protocol = 17, .unknown = true},
	{"v4 " A ">" B " proto=6 pad=26", A, B, 0, 0, .protocol = 6, .unknown = true},
	{"v4 " A ">" B " proto=1 pay=7", A, B, 0, 0, .protocol = 1, .unknown = true},
	{"v4 " A ">" B " proto=1 pay=7 pad=20", A, B, 0, 0, .protocol = 1, .unknown = true},
	{"v4 " A ">" B " proto=6 hex=03e80050 pad=30", A, B, 1000, 80,
	 .protocol = 6}, /* flags would be padding's */
	/* IPv6 */
	{"v6 " A6 ">" B6 " tcp 1000>80 flags=S", A6, B6, 1000, 80, .protocol = 6, .flags = TCP_SYN},
	{"v6 " A6 ">" B6 " udp 1000>80", A6, B6, 1000, 80, .protocol = 17},
	{"v6 " A6 ">" B6 " hop tcp 1000>80 flags=R", A6, B6, 1000, 80, .protocol = 6,
	 .flags = TCP_RST},
	{"v6 " A6 ">" B6 " hop size=3 dstopt size=1 route size=2 dstopt tcp 1000>80 flags=A", A6,
	 B6, 1000, 80, .protocol = 6, .flags = TCP_ACK},
	{"v6 " A6 ">" B6 " mobility udp 1>2", A6, B6, 1, 2, .protocol = 17},
	{"v6 " A6 ">" B6 " ah pay=20", A6, B6, 0, 0, .protocol = 51},
	{"v6 " A6 ">" B6 " esp pay=20", A6, B6, 0, 0, .protocol = 50},
	{"v6 " A6 ">" B6 " next=59", A6, B6, 0, 0, .protocol = 59},
	{"v6 " A6 ">" B6 " v4 1.1.1.1>2.2.2.2", A6, B6, 0, 0, .protocol = 4},
	{"v6 " A6 ">" B6 " icmp6 type=128 id=5", A6, B6, 5, 5, .protocol = 58, .icmp = 128},
	{"v6 " A6 ">" B6 " icmp6 type=129 id=5", A6, B6, 5, 5, .protocol = 58, .icmp = 129},
	{"v6 " A6 ">" B6 " icmp6 type=135 id=5", A6, B6, 0, 0, .protocol = 58, .icmp = 135},
	{"v6 " A6 ">" B6 " next=17 pay=3 pad=20", A6, B6, 0, 0, .protocol = 17, .unknown = true},
	/* IPv6 fragments: the first, a later, an atomic one (RFC 6946) */
	{"v6 " A6 ">" B6 " frag id=3 mf udp 1>2 pay=24", A6, B6, 1, 2, .protocol = 17,
	 .fragment = true},
	{"v6 " A6 ">" B6 " hop frag id=3 mf udp 1>2 pay=24", A6, B6, 1, 2, .protocol = 17,
	 .fragment = true},
	{"v6 " A6 ">" B6 " frag id=3 off=4 pay=24", A6, B6, 0, 0, .protocol = 0, .fragment = true,
	 .later = true, .unknown = true},
	{"v6 " A6 ">" B6 " frag id=3 udp 1>2", A6, B6, 1, 2, .protocol = 17},
	/* ICMP errors: the flow they quote, turned round */
	{"v4 192.0.2.1>" A " icmp type=3 code=4 v4 " A ">" B " tcp 1000>80", B, A, 80, 1000,
	 .protocol = 6, .icmp = 3, .error = true, .to = A},
	{"v4 192.0.2.1>" A " icmp type=11 v4 " A ">" B " ihl=7 udp 1000>80", B, A, 80, 1000,
	 .protocol = 17, .icmp = 11, .error = true, .to = A},
	{"v4 192.0.2.1>" A " icmp type=4 v4 " A ">" B " sctp 1>2", B, A, 2, 1, .protocol = 132,
	 .icmp = 4, .error = true, .to = A},
	{"v4 192.0.2.1>" A " icmp type=5 v4 " A ">" B " udp 1>2", B, A, 2, 1, .protocol = 17,
	 .icmp = 5, .error = true, .to = A},
	{"v4 192.0.2.1>" A " icmp type=12 v4 " A ">" B " icmp type=8 id=6", B, A, 6, 6,
	 .protocol = 1, .icmp = 12, .error = true, .to = A},
	{"v4 192.0.2.1>" A " icmp type=3 v4 " A ">" B " esp", B, A, 0, 0, .protocol = 50, .icmp = 3,
	 .error = true, .to = A},
	{"v4 192.0.2.1>" A " icmp type=3 v4 " A ">" B " len=1500 udp 1>2", B, A, 2, 1,
	 .protocol = 17, .icmp = 3, .error = true, .to = A},
	{"v4 192.0.2.1>" A " icmp type=11 v4 " A ">" B " id=4 mf udp 1>2", B, A, 2, 1,
	 .protocol = 17, .icmp = 11, .error = true, .fragment = true, .to = A},
	{"v4 192.0.2.1>" A " icmp type=3 v4 " A ">" B " proto=17 len=60 hex=0001", B, A, 0, 0,
	 .protocol = 17, .icmp = 3, .error = true, .unknown = true, .to = A},
	{"v4 192.0.2.1>" A " icmp type=3 pay=10", "192.0.2.1", A, 0, 0, .protocol = 1, .icmp = 3},
	{"v4 192.0.2.1>" A " icmp type=3 v6 " A6 ">" B6 " udp 1>2", "192.0.2.1", A, 0, 0,
	 .protocol = 1, .icmp = 3},
	{"vlan=9 v4 192.0.2.1>" A " icmp type=3 v4 " A ">" B " tcp 1000>80", B, A, 80, 1000,
	 .protocol = 6, .icmp = 3, .error = true, .to = A, .tags = 1, .zone = 9},
	{"v6 2001:db8::1>" A6 " icmp6 type=2 v6 " A6 ">" B6 " tcp 1000>80", B6, A6, 80, 1000,
	 .protocol = 6, .icmp = 2, .error = true, .to = A6},
	{"v6 2001:db8::1>" A6 " icmp6 type=1 v6 " A6 ">" B6 " hop frag id=1 mf udp 1>2", B6, A6, 2,
	 1, .protocol = 17, .icmp = 1, .error = true, .fragment = true, .to = A6},
	{"v6 2001:db8::1>" A6 " hop icmp6 type=3 v6 " A6 ">" B6 " dstopt icmp6 type=128 id=8", B6,
	 A6, 8, 8, .protocol = 58, .icmp = 3, .error = true, .to = A6},
	{"v6 2001:db8::1>" A6 " icmp6 type=4 pay=39", "2001:db8::1", A6, 0, 0, .protocol = 58,
	 .icmp = 4},
};

static void check_ends(const struct parsed *want, const struct packet *p)
{
	struct address a;

	assert_int_equal(frame_address(want->src, &a), 0);
	assert_true(address_equal(&a, &p->src));
	assert_int_equal(frame_address(want->dst, &a), 0);
	assert_true(address_equal(&a, &p->dst));
	assert_int_equal(frame_address(want->to ? want->to : want->dst, &a), 0);
	assert_true(address_equal(&a, &p->to));
	assert_int_equal(core_swap16(p->sport), want->sport);
	assert_int_equal(core_swap16(p->dport), want->dport);
}

static void check_case(const struct parsed *want)
{
	struct packet p;
	struct frame f;
	u8 why;

	frame_make(&f, "%s", want->frame);
	assert_true(parse_bytes(f.bytes, f.length, &p, &why));
	assert_int_equal(p.kind, PACKET_IP);
	check_ends(want, &p);
	assert_int_equal(p.protocol, want->protocol);
	assert_int_equal(p.tcp_flags, want->flags);
	assert_int_equal(p.tags, want->tags);
	assert_int_equal(p.zone, want->zone);
	assert_int_equal(p.icmp_type, want->icmp);
	assert_int_equal(p.ports_known, !want->unknown);
	assert_int_equal(p.is_fragment, want->fragment);
	assert_int_equal(p.is_first, !want->later);
	assert_int_equal(p.icmp_error, want->error);
	assert_int_equal(p.l3, 14 + 4 * want->tags);
}

static void test_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		print_message("%s\n", cases[i].frame);
		check_case(&cases[i]);
	}
}

/* Every frame of the table ends after each of its bytes once. */
static void test_cut_at_every_length(void **state)
{
	struct packet p;
	struct frame f;
	u8 why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		frame_make(&f, "%s", cases[i].frame);
		for (u32 n = 0; n < f.length; n++)
			if (!parse_bytes(f.bytes, n, &p, &why))
				assert_int_equal(why, n < p.l3 || !p.l3 ? REASON_BAD_ETHERNET
									: REASON_BAD_IP);
	}
}

/* A short snapshot of a longer frame: the length on the wire counts, the bytes end before. */
static void test_short_snapshot(void **state)
{
	struct frame f;
	struct packet p;
	u8 why;

	(void)state;
	frame_make(&f, "v4 " A ">" B " tcp 1>2 flags=S pay=1000");
	for (u32 n = 14; n < f.length; n++) {
		u8 *copy = malloc(n);
		struct packet_cursor c = {copy, copy + n, f.length};

		memcpy(copy, f.bytes, n);
		memset(&p, 0, sizeof(p));
		assert_int_equal(packet_parse(&c, &p, &why), n >= 34);
		if (n >= 34)
			assert_int_equal(p.ports_known, n >= 38);
		free(copy);
	}
}

static const struct {
	const char *frame;
	u8 why;
} bad[] = {
	{"cut=13", REASON_BAD_ETHERNET},
	{"vlan=1 cut=17", REASON_BAD_ETHERNET},
	{"vlan=1 vlan=2 vlan=3 v4 " A ">" B " udp 1>2", REASON_BAD_ETHERNET},
	{"v4 " A ">" B " version=6 udp 1>2", REASON_BAD_IP},
	{"v6 " A6 ">" B6 " version=4 udp 1>2", REASON_BAD_IP},
	{"v4 " A ">" B " ihl=4 udp 1>2", REASON_BAD_IP},
	{"v4 " A ">" B " len=19 udp 1>2", REASON_BAD_IP},
	{"v4 " A ">" B " len=29 udp 1>2", REASON_BAD_IP},
	{"v4 " A ">" B " ihl=15 cut=60", REASON_BAD_IP},
	{"v4 " A ">" B " udp 1>2 cut=33", REASON_BAD_IP},
	{"v6 " A6 ">" B6 " len=9 udp 1>2", REASON_BAD_IP},
	{"v6 " A6 ">" B6 " len=65535 udp 1>2", REASON_BAD_IP},
	{"v6 " A6 ">" B6 " hop size=200 hop size=200 pay=2000 udp 1>2", REASON_BAD_IP},
};

static void test_bad_frames(void **state)
{
	struct packet p;
	struct frame f;
	u8 why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		print_message("%s\n", bad[i].frame);
		frame_make(&f, "%s", bad[i].frame);
		assert_false(parse_bytes(f.bytes, f.length, &p, &why));
		assert_int_equal(why, bad[i].why);
	}
}

static void test_not_ip(void **state)
{
	struct packet p;
	struct frame f;
	u8 why;

	(void)state;
	frame_make(&f, "vlan=3 arp");
	assert_true(parse_bytes(f.bytes, f.length, &p, &why));
	assert_int_equal(p.kind, PACKET_ARP);
	assert_int_equal(p.l3, 18);
	frame_make(&f, "eth type=0x88cc pay=40");
	assert_true(parse_bytes(f.bytes, f.length, &p, &why));
	assert_int_equal(p.kind, PACKET_OTHER);
	assert_int_equal(p.type, 0x88cc);
	frame_make(&f, "eth dst=02:01:02:03:04:05 src=06:11:12:13:14:15 type=0x26 pay=40");
	assert_true(parse_bytes(f.bytes, f.length, &p, &why));
	assert_memory_equal(&p.mac_dst, "\x02\x01\x02\x03\x04\x05", 6);
	assert_memory_equal(&p.mac_src, "\x06\x11\x12\x13\x14\x15", 6);
}

/* Flipped bytes anywhere: any answer will do, but it stays within the frame. */
static void test_mutations(void **state)
{
	u64 random = 88172645463325252ull;
	struct packet p;
	struct frame f;
	u8 why;

	(void)state;
	for (int round = 0; round < 60; round++)
		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			frame_make(&f, "%s", cases[i].frame);
			for (int n = 0; n < 4; n++) {
				random = hash_mix(random + 1);
				f.bytes[12 + random % (f.length - 12)] = (u8)(random >> 40);
			}
			f.length -= (u32)(random >> 50) % 8;
			parse_bytes(f.bytes, f.length, &p, &why);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_cut_at_every_length),
		cmocka_unit_test(test_short_snapshot),
		cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_not_ip),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
