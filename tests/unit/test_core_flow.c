/* links: tests/packets/frame.c */
/* SPDX-License-Identifier: ISC */
/*
 * Flows and affinity keys: both directions, seen from both sides, are one; and the hash under them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/flow.h"
#include "tests/packets/frame.h"

/* Question, its answer, and an error about each: one conversation. */
static const char *const conversations[][4] = {
	{"v4 198.51.100.7>203.0.113.9 tcp 1000>80", "v4 203.0.113.9>198.51.100.7 tcp 80>1000",
	 "v4 192.0.2.1>198.51.100.7 icmp type=3 v4 198.51.100.7>203.0.113.9 tcp 1000>80",
	 "v4 192.0.2.1>203.0.113.9 icmp type=11 v4 203.0.113.9>198.51.100.7 tcp 80>1000"},
	{"v6 2001:db8::7>2001:db8::9 udp 1000>80", "v6 2001:db8::9>2001:db8::7 udp 80>1000",
	 "v6 2001:db8::1>2001:db8::7 icmp6 type=2 v6 2001:db8::7>2001:db8::9 udp 1000>80",
	 "v6 2001:db8::1>2001:db8::9 icmp6 type=1 v6 2001:db8::9>2001:db8::7 udp 80>1000"},
	{"v4 198.51.100.7>203.0.113.9 icmp type=8 id=3",
	 "v4 203.0.113.9>198.51.100.7 icmp type=0 id=3",
	 "v4 192.0.2.1>198.51.100.7 icmp type=3 v4 198.51.100.7>203.0.113.9 icmp type=8 id=3",
	 "v4 192.0.2.1>203.0.113.9 icmp type=3 v4 203.0.113.9>198.51.100.7 icmp type=0 id=3"},
	{"v4 198.51.100.7>203.0.113.9 esp", "v4 203.0.113.9>198.51.100.7 esp",
	 "v4 192.0.2.1>198.51.100.7 icmp type=3 v4 198.51.100.7>203.0.113.9 esp",
	 "v4 192.0.2.1>203.0.113.9 icmp type=3 v4 203.0.113.9>198.51.100.7 esp"},
	{"v4 198.51.100.7>198.51.100.7 sctp 5>5", "v4 198.51.100.7>198.51.100.7 sctp 5>5",
	 "v4 192.0.2.1>198.51.100.7 icmp type=3 v4 198.51.100.7>198.51.100.7 sctp 5>5",
	 "v4 192.0.2.1>198.51.100.7 icmp type=3 v4 198.51.100.7>198.51.100.7 sctp 5>5"},
};

#define CONVERSATIONS (sizeof(conversations) / sizeof(*conversations))

/* The question travels from outside; the error about the question travels like the answer. */
static const bool outside[4] = {true, false, false, true};

static void flow_of(const char *text, bool from_outside, u32 zone, struct flow *flow)
{
	struct packet_cursor c;
	struct packet p = {0};
	struct frame f;
	u8 why;

	frame_make(&f, "%s", text);
	c = (struct packet_cursor){f.bytes, f.bytes + f.length, f.length};
	assert_true(packet_parse(&c, &p, &why));
	flow_from_packet(flow, &p, from_outside, zone);
}

static void test_one_flow_for_all_frames(void **state)
{
	struct flow first, other;

	(void)state;
	for (size_t i = 0; i < CONVERSATIONS; i++) {
		flow_of(conversations[i][0], true, 5, &first);
		for (int n = 1; n < 4; n++) {
			flow_of(conversations[i][n], outside[n], 5, &other);
			assert_true(flow_equal(&first, &other));
			assert_memory_equal(&first, &other, sizeof(first));
		}
	}
}

static void test_affinity_keys_agree(void **state)
{
	struct flow flow, first, other;

	(void)state;
	for (u8 affinity = AFFINITY_PAIR; affinity <= AFFINITY_FLOW; affinity++)
		for (size_t i = 0; i < CONVERSATIONS; i++)
			for (int n = 0; n < 4; n++) {
				flow_of(conversations[i][n], outside[n], 0, &flow);
				affinity_key(n ? &other : &first, &flow, affinity);
				if (n)
					assert_true(flow_equal(&first, &other));
			}
}

/* What must stay together under each affinity, and what need not. */
static void test_affinity_keeps_together(void **state)
{
	static const struct {
		const char *a, *b;
		u8 together; /* bit set of enum affinity */
	} cases[] = {
		{"v4 1.1.1.1>2.2.2.2 tcp 1>2", "v4 1.1.1.1>2.2.2.2 udp 3>4", 7},
		{"v4 1.1.1.1>2.2.2.2 tcp 1>2", "v4 2.2.2.2>1.1.1.1 tcp 1>2", 1},
		{"v4 1.1.1.1>2.2.2.2 tcp 1>2", "v4 1.1.1.1>3.3.3.3 tcp 1>2", 1 << AFFINITY_CLIENT},
		{"v4 1.1.1.1>2.2.2.2 tcp 1>2", "v4 4.4.4.4>2.2.2.2 tcp 1>2", 1 << AFFINITY_SERVER},
		{"v4 1.1.1.1>2.2.2.2 tcp 1>2", "v4 1.1.1.1>2.2.2.2 tcp 1>2", 15},
		{"v4 1.1.1.1>2.2.2.2 esp", "v4 1.1.1.1>2.2.2.2 udp 4500>4500", 7},
	};
	struct flow flow, a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (u8 affinity = AFFINITY_PAIR; affinity <= AFFINITY_FLOW; affinity++) {
			flow_of(cases[i].a, true, 0, &flow);
			affinity_key(&a, &flow, affinity);
			flow_of(cases[i].b, true, 0, &flow);
			affinity_key(&b, &flow, affinity);
			assert_int_equal(flow_equal(&a, &b), cases[i].together >> affinity & 1);
		}
}

static void test_zones_are_apart(void **state)
{
	struct flow a, b, key_a, key_b;

	(void)state;
	flow_of(conversations[0][0], true, 0x123456, &a);
	flow_of(conversations[0][0], true, 0x123457, &b);
	assert_int_equal(a.zone[0], 0x12);
	assert_int_equal(a.zone[2], 0x56);
	assert_false(flow_equal(&a, &b));
	for (u8 affinity = AFFINITY_PAIR; affinity <= AFFINITY_FLOW; affinity++) {
		affinity_key(&key_a, &a, affinity);
		affinity_key(&key_b, &b, affinity);
		assert_false(flow_equal(&key_a, &key_b));
	}
}

/* SipHash-c-d as its paper's reference does it, bytewise: shares nothing with core/hash.h. */
static u64 sip_reference(const u8 k[16], const u8 *in, size_t n, int c, int d)
{
	u64 v[4], key[2] = {0, 0}, word;

	for (int i = 0; i < 16; i++)
		key[i / 8] |= (u64)k[i] << (i % 8 * 8);
	v[0] = 0x736f6d6570736575 ^ key[0];
	v[1] = 0x646f72616e646f6d ^ key[1];
	v[2] = 0x6c7967656e657261 ^ key[0];
	v[3] = 0x7465646279746573 ^ key[1];
	for (size_t at = 0; at <= n / 8 + 1; at++) {
		bool last = at == n / 8 + 1;

		word = last ? 0 : at == n / 8 ? (u64)n << 56 : 0;
		for (size_t i = at * 8; !last && i < n && i < at * 8 + 8; i++)
			word |= (u64)in[i] << (i % 8 * 8);
		if (last)
			v[2] ^= 0xff;
		v[3] ^= word;
		for (int round = 0; round < (last ? d : c); round++) {
			v[0] += v[1], v[2] += v[3];
			v[1] = v[1] << 13 | v[1] >> 51, v[3] = v[3] << 16 | v[3] >> 48;
			v[1] ^= v[0], v[3] ^= v[2];
			v[0] = v[0] << 32 | v[0] >> 32;
			v[2] += v[1], v[0] += v[3];
			v[1] = v[1] << 17 | v[1] >> 47, v[3] = v[3] << 21 | v[3] >> 43;
			v[1] ^= v[2], v[3] ^= v[0];
			v[2] = v[2] << 32 | v[2] >> 32;
		}
		v[0] ^= word;
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void test_siphash(void **state)
{
	u8 key[16], in[40];
	u64 words[5];
	struct hash_key k = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

	(void)state;
	for (u8 i = 0; i < 16; i++)
		key[i] = i;
	for (u8 i = 0; i < 40; i++)
		in[i] = i;
	/* The reference itself, by the published vectors of SipHash-2-4 (0, 8 and 15 bytes). */
	assert_true(sip_reference(key, in, 0, 2, 4) == 0x726fdb47dd0e0e31);
	assert_true(sip_reference(key, in, 8, 2, 4) == 0x93f5f5799a932462);
	assert_true(sip_reference(key, in, 15, 2, 4) == 0xa129ca6149be45e5);
	for (int round = 0; round < 10000; round++) {
		memcpy(words, in, sizeof(words));
		memcpy(&k, key, sizeof(k));
		assert_true(hash_words(&k, words) == sip_reference(key, in, 40, 1, 3));
		for (int i = 0; i < 40; i++)
			in[i] = (u8)(in[i] * 13 + i + round);
		key[round % 16] ^= (u8)round;
	}
}

/* A flow or key as flow_hash() says it is hashed, put together bytewise. */
static size_t flow_message(const struct flow *f, u8 out[40])
{
	const u8 *first = (const u8 *)&f->outside, *second = (const u8 *)&f->inside;
	bool v4 = address_is_v4(&f->outside);
	size_t skip = v4 ? 12 : 0, at = 0;

	memcpy(out, first + skip, 16 - skip);
	at = 16 - skip;
	memcpy(out + at, second + skip, 16 - skip);
	at += 16 - skip;
	if (f->outside_port | f->inside_port) {
		memcpy(out + at, &f->outside_port, 2);
		memcpy(out + at + 2, &f->inside_port, 2);
		at += 4;
	}
	memcpy(out + at, f->zone, 3);
	out[at + 3] = f->protocol;
	return at + 4;
}

/* IPv4 and IPv6, conversations and keys: SipHash of just what is in them. */
static void test_flow_hash(void **state)
{
	static const u8 lengths[2][2] = {{12, 16}, {36, 40}}; /* IPv6, ports */
	const struct hash_key k = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	struct flow flow, key;
	u8 in[40], bytes[16];

	(void)state;
	memcpy(bytes, &k, sizeof(bytes));
	for (size_t i = 0; i < CONVERSATIONS; i++) {
		bool v6 = conversations[i][0][1] == '6';

		flow_of(conversations[i][0], true, 0x123456, &flow);
		assert_true(flow_message(&flow, in) ==
			    lengths[v6][(flow.outside_port | flow.inside_port) != 0]);
		assert_true(flow_hash(&k, &flow) ==
			    sip_reference(bytes, in, flow_message(&flow, in), 1, 3));
		for (u8 affinity = AFFINITY_PAIR; affinity <= AFFINITY_FLOW; affinity++) {
			affinity_key(&key, &flow, affinity);
			assert_true(flow_hash(&k, &key) ==
				    sip_reference(bytes, in, flow_message(&key, in), 1, 3));
			assert_true(flow_hash_of(&k, &key) == flow_hash(&k, &key));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_flow_for_all_frames),
		cmocka_unit_test(test_affinity_keys_agree),
		cmocka_unit_test(test_affinity_keeps_together),
		cmocka_unit_test(test_zones_are_apart),
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_flow_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
