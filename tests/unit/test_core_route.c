/* links: tests/packets/world.c tests/packets/frame.c sandwich/slowpath/memory.c */
/* SPDX-License-Identifier: ISC */
/* Longest prefix, the local table and the MAC table: against searching all of it. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/route.h"
#include "tests/packets/frame.h"
#include "tests/packets/world.h"

static int route_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	world_open(w, 64, 64, 64);
	world_settings(&w->tables, SIDE_INGRESS, AFFINITY_PAIR);
	*state = w;
	return 0;
}

static int route_teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

static u16 via(struct tables *t, const char *dst, u32 zone)
{
	struct address a;
	struct route *r;

	assert_int_equal(frame_address(dst, &a), 0);
	r = route_find(t, t->settings, &a, zone);
	return r ? r->neighbour : 0;
}

static void test_longest_prefix(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;

	assert_int_equal(via(t, "10.1.2.3", 0), 0);
	world_route(t, "0.0.0.0", 0, 0, ROUTE_VIA, 1);
	world_route(t, "10.0.0.0", 8, 0, ROUTE_VIA, 2);
	world_route(t, "10.1.0.0", 16, 0, ROUTE_VIA, 3);
	world_route(t, "10.1.2.3", 32, 0, ROUTE_VIA, 4);
	world_route(t, "::", 0, 0, ROUTE_VIA, 5);
	world_route(t, "2001:db8::", 32, 0, ROUTE_VIA, 6);
	world_route(t, "2001:db8:0:1:8000::", 65, 0, ROUTE_VIA, 7);
	world_route(t, "10.0.0.0", 8, 77, ROUTE_VIA, 8);
	assert_int_equal(via(t, "10.1.2.3", 0), 4);
	assert_int_equal(via(t, "10.1.2.4", 0), 3);
	assert_int_equal(via(t, "10.2.2.4", 0), 2);
	assert_int_equal(via(t, "11.2.2.4", 0), 1);
	assert_int_equal(via(t, "2001:db9::1", 0), 5);
	assert_int_equal(via(t, "2001:db8::1", 0), 6);
	assert_int_equal(via(t, "2001:db8:0:1:8000::1", 0), 7);
	assert_int_equal(via(t, "2001:db8:0:1:7fff::1", 0), 6);
	assert_int_equal(via(t, "10.1.2.3", 77), 8);
	assert_int_equal(via(t, "11.1.2.3", 77), 0);
}

struct rule {
	u32 prefix, length;
	u16 neighbour;
};

static u16 brute_force(const struct rule *rules, u32 n, u32 dst)
{
	u32 best = 0, bits = 0;

	for (u32 i = 0; i < n; i++) {
		u32 mask = rules[i].length ? ~0u << (32 - rules[i].length) : 0;

		if ((dst & mask) == rules[i].prefix && rules[i].length + 1 > bits) {
			bits = rules[i].length + 1;
			best = rules[i].neighbour;
		}
	}
	return (u16)best;
}

static u32 add_rule(struct tables *t, struct rule *rules, u32 n, u64 random)
{
	u32 length = (u32)(random >> 8) % 33, mask = length ? ~0u << (32 - length) : 0;
	struct in_addr a;

	rules[n] = (struct rule){(u32)(random >> 32) & 0xc3ffffff & mask, length, (u16)(n + 1)};
	for (u32 i = 0; i < n; i++)
		if (rules[i].prefix == rules[n].prefix && rules[i].length == length)
			return n;
	a.s_addr = htonl(rules[n].prefix);
	world_route(t, inet_ntoa(a), length, 0, ROUTE_VIA, rules[n].neighbour);
	return n + 1;
}

static void test_against_brute_force(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	static struct rule rules[2000];
	u32 n = 0;

	for (u64 i = 0; i < 2000; i++)
		n = add_rule(t, rules, n, hash_mix(i + 1));
	for (u64 i = 0; i < 50000; i++) {
		u64 random = hash_mix(i ^ 0xabcdef);
		u32 dst = random & 1 ? rules[(random >> 3) % n].prefix + (u32)(random >> 50) % 300
				     : (u32)(random >> 32) & 0xc3ffffff;
		struct address a;
		const struct route *r;

		address_from_v4(&a, htonl(dst));
		r = route_find(t, t->settings, &a, 0);
		assert_int_equal(r ? r->neighbour : 0, brute_force(rules, n, dst));
	}
}

/* A freed route does not hide those behind it. */
static void test_free_route(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct address a, b;
	struct route *first, *second;

	assert_int_equal(frame_address("192.0.2.1", &a), 0);
	assert_int_equal(frame_address("192.0.2.2", &b), 0);
	world_route(t, "192.0.2.1", 32, 0, ROUTE_VIA, 1);
	first = route_find_exact(t, &a, route_tag(0, 128));
	assert_non_null(first);
	second = &t->routes[((u32)route_hash(&b, route_tag(0, 128))) & (ROUTES_SLOTS - 1)];
	*second = (struct route){.tag = ROUTE_FREE, .kind = ROUTE_VIA};
	second = &t->routes[((u32)route_hash(&b, route_tag(0, 128)) + 1) & (ROUTES_SLOTS - 1)];
	*second = (struct route){
		.prefix = b, .tag = route_tag(0, 128), .kind = ROUTE_VIA, .neighbour = 2};
	assert_int_equal(via(t, "192.0.2.2", 0), 2);
}

static void test_masks(void **state)
{
	struct address a = {{~0ull, ~0ull}}, b;

	(void)state;
	route_mask(&a, 128);
	assert_true(a.word[0] == ~0ull && a.word[1] == ~0ull);
	route_mask(&a, 97);
	assert_int_equal(frame_address("ffff:ffff:ffff:ffff:ffff:ffff:8000:0", &b), 0);
	assert_true(address_equal(&a, &b));
	route_mask(&a, 64);
	assert_true(a.word[0] == ~0ull && !a.word[1]);
	route_mask(&a, 1);
	assert_int_equal(frame_address("8000::", &b), 0);
	assert_true(address_equal(&a, &b));
	route_mask(&a, 0);
	assert_true(!a.word[0] && !a.word[1]);
}

static void test_locals(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct address a;
	char text[32];

	for (u32 i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 16, i % 16);
		world_local(t, text, LOCAL_DEVICE | (i & 255));
	}
	for (u32 i = 0; i < 4096; i++) {
		address_from_v4(&a, htonl(0x0a000000 | i / 16 << 8 | i % 16));
		assert_int_equal(local_find(t, t->settings, &a),
				 i < 200 ? LOCAL_DEVICE | (i & 255) : 0);
	}
}

/* The most exact entry wins; a kind that no entry has is not looked for. */
static void test_macs(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct mac m = {{2, 1, 2, 3, 4, 5}}, other = {{2, 1, 2, 3, 4, 6}};
	u8 variants;

	world_owner(t, &m, 0, 0, MAC_ANYWHERE, MAC_OWNER_DEVICE | 1);
	world_owner(t, &m, 7, 0, MAC_ON_VLAN, MAC_OWNER_DEVICE | 2);
	world_owner(t, &m, 0, 2, MAC_ON_PORT, MAC_OWNER_DEVICE | 3);
	world_owner(t, &m, 7, 2, MAC_ON_VLAN_AND_PORT, MAC_OWNER_ROUTER | 4);
	variants = t->settings->mac_variants;
	assert_int_equal(variants, 15);
	assert_int_equal(mac_find(t, &m, 0, 1, variants), MAC_OWNER_DEVICE | 1);
	assert_int_equal(mac_find(t, &m, 7, 1, variants), MAC_OWNER_DEVICE | 2);
	assert_int_equal(mac_find(t, &m, 0, 2, variants), MAC_OWNER_DEVICE | 3);
	assert_int_equal(mac_find(t, &m, 7, 2, variants), MAC_OWNER_ROUTER | 4);
	assert_int_equal(mac_find(t, &m, 7, 2, 1 << MAC_ANYWHERE), MAC_OWNER_DEVICE | 1);
	assert_int_equal(mac_find(t, &other, 7, 2, variants), 0);
}

#define ROUTE_TEST(f) cmocka_unit_test_setup_teardown(f, route_setup, route_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROUTE_TEST(test_longest_prefix), ROUTE_TEST(test_against_brute_force),
		ROUTE_TEST(test_free_route),	 cmocka_unit_test(test_masks),
		ROUTE_TEST(test_locals),	 ROUTE_TEST(test_macs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
