/* links: sandwich/slowpath/checksum.c tests/packets/frame.c */
/* SPDX-License-Identifier: ISC */
/* Checksums left to hardware are completed; all others stay as they came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/fastpath/checksum.bpf.h"
#include "sandwich/slowpath/checksum.h"
#include "tests/packets/frame.h"

/* The reference: RFC 1071, a byte pair at a time, in wire order. */
static u32 sum_bytes(u32 sum, const u8 *at, u32 length)
{
	for (u32 i = 0; i < length; i++)
		sum += i % 2 ? at[i] : (u32)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static u32 sum_pseudo(const struct packet *p, u32 length)
{
	u32 skip = p->is_v6 ? 0 : 12, sum = length + p->protocol;

	sum = sum_bytes(sum, (const u8 *)&p->src + skip, 16 - skip);
	return sum_bytes(sum, (const u8 *)&p->dst + skip, 16 - skip);
}

static void parse(const struct frame *f, struct packet *p)
{
	struct packet_cursor c = {
		.data = f->bytes, .end = f->bytes + f->length, .length = f->length};
	u8 why;

	memset(p, 0, sizeof(*p));
	assert_true(packet_parse(&c, p, &why));
}

/* What the fast path says of the frame: it sends the same ones up that the slow path completes. */
static bool seen_unfinished(const struct frame *f, const struct packet *p)
{
	struct packet_cursor c = {
		.data = f->bytes, .end = f->bytes + f->length, .length = f->length};

	return checksum_unfinished(&c, p);
}

static u32 field_of(const struct packet *p)
{
	return p->l4 + (p->protocol == PROTOCOL_TCP ? 16u : 6u);
}

struct fill_case {
	const char *text;
	bool fills;
};

static const struct fill_case fill_cases[] = {
	{"eth v4 10.1.2.3>10.4.5.6 tcp 1000>80 flags=S", true},
	{"eth v4 10.1.2.3>10.4.5.6 tcp 1000>80 flags=A pay=1448", true},
	{"eth v4 10.1.2.3>10.4.5.6 udp 1000>53 pay=1", true},
	{"eth v4 10.1.2.3>10.4.5.6 udp 1000>53 pay=333 pad=7", true},
	{"eth v4 255.255.255.255>255.255.255.255 udp 65535>65535 pay=2", true},
	{"eth v4 10.1.2.3>10.4.5.6 ihl=7 udp 1>2 pay=18", true},
	{"eth vlan=7 v4 10.1.2.3>10.4.5.6 udp 1>2 pay=18", true},
	{"eth qinq=7 vlan=8 v4 10.1.2.3>10.4.5.6 tcp 1>2 pay=18", true},
	{"eth v6 2001:db8::1>2001:db8::2 tcp 1000>80 pay=100", true},
	{"eth v6 2001:db8::1>2001:db8::2 udp 1000>53 pay=99", true},
	{"eth v6 2001:db8::1>2001:db8::2 dstopt udp 1000>53 pay=99", true},
	{"eth v4 10.1.2.3>10.4.5.6 mf udp 1000>53 pay=96", false},
	{"eth v4 10.1.2.3>10.4.5.6 off=12 udp 1000>53 pay=96", false},
	{"eth v6 2001:db8::1>2001:db8::2 frag mf udp 1000>53 pay=96", false},
	{"eth v4 10.1.2.3>10.4.5.6 icmp type=8 id=7 pay=56", false},
	{"eth v4 10.1.2.3>10.4.5.6 icmp type=3 code=4 v4 10.4.5.6>10.1.2.3 udp 1>2", false},
	{"eth v4 10.1.2.3>10.4.5.6 esp pay=96", false},
};

/* With the pseudo header's sum in the field the frame comes out whole, and nothing else is touched.
 */
static void test_fills(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fill_cases) / sizeof(*fill_cases); i++) {
		struct frame f, was;
		struct packet p;
		u32 size, field, sum;

		frame_make(&f, "%s", fill_cases[i].text);
		parse(&f, &p);
		size = p.ip_length - (u32)(p.l4 - p.l3);
		field = field_of(&p);
		sum = sum_pseudo(&p, size);
		f.bytes[field] = (u8)(sum >> 8);
		f.bytes[field + 1] = (u8)sum;
		was = f;
		assert_int_equal(seen_unfinished(&f, &p), fill_cases[i].fills);
		if (checksum_fill(f.bytes, f.length, &p, 0) != fill_cases[i].fills)
			fail_msg("%s: should%s be filled in", fill_cases[i].text,
				 fill_cases[i].fills ? "" : " not");
		if (fill_cases[i].fills) {
			assert_int_equal(sum_bytes(sum, f.bytes + p.l4, size), 0xffff);
			memcpy(was.bytes + field, f.bytes + field, 2);
		}
		assert_memory_equal(f.bytes, was.bytes, f.length);
	}
}

/* A checksum that is there stays, right or wrong, and so does UDP's "none". */
static void test_leaves_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fill_cases) / sizeof(*fill_cases); i++) {
		struct frame f, was;
		struct packet p;
		u32 sum;

		frame_make(&f, "%s", fill_cases[i].text);
		parse(&f, &p);
		was = f; /* its field is zero */
		assert_false(seen_unfinished(&f, &p));
		assert_false(checksum_fill(f.bytes, f.length, &p, 0));
		sum = ~sum_bytes(sum_pseudo(&p, p.ip_length - (u32)(p.l4 - p.l3)), f.bytes + p.l4,
				 p.ip_length - (u32)(p.l4 - p.l3));
		was.bytes[field_of(&p)] = f.bytes[field_of(&p)] = (u8)(sum >> 8);
		was.bytes[field_of(&p) + 1] = f.bytes[field_of(&p) + 1] = (u8)sum;
		assert_false(seen_unfinished(&f, &p));
		assert_false(checksum_fill(f.bytes, f.length, &p, 0));
		assert_memory_equal(f.bytes, was.bytes, f.length);
	}
}

/* A checksum that is complete and happens to equal the pseudo header's sum comes out the same. */
static void test_twin_is_kept(void **state)
{
	struct frame f;
	struct packet p;
	u32 size, pseudo, rest;

	(void)state;
	frame_make(&f, "eth v4 10.1.2.3>10.4.5.6 udp 1000>53 pay=20");
	parse(&f, &p);
	size = p.ip_length - (u32)(p.l4 - p.l3);
	pseudo = sum_pseudo(&p, size);
	f.bytes[p.l4 + 6] = (u8)(pseudo >> 8);
	f.bytes[p.l4 + 7] = (u8)pseudo;
	/* the last payload word makes it a valid checksum */
	memset(f.bytes + p.l4 + size - 2, 0, 2);
	rest = ~sum_bytes(pseudo, f.bytes + p.l4, size);
	f.bytes[p.l4 + size - 2] = (u8)(rest >> 8);
	f.bytes[p.l4 + size - 1] = (u8)rest;
	assert_int_equal(sum_bytes(pseudo, f.bytes + p.l4, size), 0xffff);
	checksum_fill(f.bytes, f.length, &p, 0);
	assert_int_equal(f.bytes[p.l4 + 6] << 8 | f.bytes[p.l4 + 7], pseudo);
}

/* The network header has moved since the frame was read: a tag went or came. */
static void test_shift(void **state)
{
	struct frame before, after;
	struct packet p;
	u32 sum;

	(void)state;
	frame_make(&before, "eth vlan=7 v4 10.1.2.3>10.4.5.6 udp 1000>53 pay=20");
	frame_make(&after, "eth v4 10.1.2.3>10.4.5.6 udp 1000>53 pay=20");
	parse(&before, &p);
	sum = sum_pseudo(&p, 28);
	after.bytes[p.l4 - 4 + 6] = (u8)(sum >> 8);
	after.bytes[p.l4 - 4 + 7] = (u8)sum;
	assert_true(checksum_fill(after.bytes, after.length, &p, -4));
	assert_int_equal(sum_bytes(sum, after.bytes + p.l4 - 4, 28), 0xffff);
}

/* A frame that is shorter than its packet says, or a UDP header cut short: hands off. */
static void test_short(void **state)
{
	struct frame f;
	struct packet p;

	(void)state;
	frame_make(&f, "eth v4 10.1.2.3>10.4.5.6 udp 1000>53 pay=20");
	parse(&f, &p);
	assert_false(checksum_fill(f.bytes, f.length - 1, &p, 0));
	p.ip_length = 24;
	assert_false(checksum_fill(f.bytes, f.length, &p, 0));
	p.ip_length = 10;
	assert_false(checksum_fill(f.bytes, f.length, &p, 0));
}

/* RFC 9260 appendix A: the CRC of 32 zero bytes is 8a9136aa as sent (RFC 3720 B.4). */
static void test_sctp(void **state)
{
	static const u8 crc[4] = {0xaa, 0x36, 0x91, 0x8a};
	struct packet p = {
		.kind = PACKET_IP, .protocol = PROTOCOL_SCTP, .l3 = 14, .l4 = 34, .ip_length = 52};
	u8 frame[66] = {0};

	(void)state;
	assert_true(checksum_fill(frame, sizeof(frame), &p, 0));
	assert_memory_equal(frame + 42, crc, 4);
	assert_false(checksum_fill(frame, sizeof(frame), &p, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fills),        cmocka_unit_test(test_leaves_others),
		cmocka_unit_test(test_twin_is_kept), cmocka_unit_test(test_shift),
		cmocka_unit_test(test_short),        cmocka_unit_test(test_sctp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
