/* SPDX-License-Identifier: ISC */
/* links: sandwich/run/maintain.c sandwich/slowpath/memory.c */
/* What time does to the tables: expiry within one round, pins as long as they are needed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/place.h"
#include "sandwich/core/session.h"
#include "sandwich/run/maintain.h"
#include "sandwich/slowpath/memory.h"

#define START  0xffff0000u /* the clock wraps during the tests */
#define SECOND 1000u

struct rig {
	struct memory *memory;
	struct tables tables;
	struct maintain maintain;
	u32 now;
};

static const u32 seconds[TIMEOUTS] = {
	[TIMEOUT_TCP_SYN] = 1,      [TIMEOUT_TCP_ESTABLISHED] = 100,
	[TIMEOUT_TCP_CLOSING] = 3,  [TIMEOUT_TCP_CLOSED] = 4,
	[TIMEOUT_TCP_RESET] = 5,    [TIMEOUT_UDP] = 6,
	[TIMEOUT_UDP_REPLIED] = 70, [TIMEOUT_ICMP] = 8,
	[TIMEOUT_OTHER] = 90,       [TIMEOUT_INNER_HOST] = 200,
	[TIMEOUT_FRAGMENT] = 2,
};

static void rig_open(struct rig *r)
{
	struct settings *s;

	memset(r, 0, sizeof(*r));
	assert_int_equal(memory_new(&r->memory, 1024, 8192, 64), 0);
	memory_tables(r->memory, 0, &r->tables);
	s = r->tables.settings;
	s->placement = (struct hash_key){1, 2};
	settings_secret(s, &(struct hash_key){3, 4});
	for (int i = 0; i < TIMEOUTS; i++)
		s->timeout[i] = seconds[i] * SECOND;
	maintain_init(&r->maintain, &r->tables);
	r->now = START;
}

static void rig_close(struct rig *r)
{
	memory_free(r->memory);
}

/* Once around every table, in no time. */
static void around(struct rig *r)
{
	for (int i = 0; i < MAINTAIN_TICKS; i++)
		maintain_tick(&r->maintain, r->now);
}

static struct flow flow_number(u32 n, u8 protocol)
{
	struct flow f = {.protocol = protocol, .outside_port = (be16)n};

	address_from_v4(&f.outside, core_swap32(0x0a000000 + n));
	address_from_v4(&f.inside, core_swap32(0xc0000201));
	return f;
}

static struct slot *converse(struct rig *r, u32 n, u8 protocol, u8 state)
{
	struct flow f = flow_number(n, protocol);

	return session_add(&r->tables, &f, session_hash(r->tables.settings, &f), 1,
			   session_byte(state, ORIGIN_HASH, 0), r->now);
}

static u64 pin_key(struct tables *t, u32 n, struct flow *key)
{
	struct flow f = flow_number(n, PROTOCOL_TCP);

	affinity_key(key, &f, t->settings->affinity);
	return flow_hash(&t->settings->placement, key);
}

static void pin(struct tables *t, u32 n, u8 origin, u32 now)
{
	struct flow key;
	u64 hash = pin_key(t, n, &key);

	assert_true(pin_put(t, &key, hash, 2, origin, now));
}

/* In the table, and found by way of the filter. */
static bool is_pinned(struct rig *r, u32 n)
{
	struct flow key;
	u64 hash = pin_key(&r->tables, n, &key);
	bool there = table_find(&r->tables, TABLE_PINS, &key, hash);

	if (there)
		assert_true(pin_filter_has(&r->tables, r->tables.settings, hash));
	return there;
}

struct life {
	u8 protocol, state;
	enum timeout timer;
};

static void sessions_expire(void **state)
{
	static const struct life cases[] = {
		{PROTOCOL_TCP, SESSION_NEW, TIMEOUT_TCP_SYN},
		{PROTOCOL_TCP, SESSION_OPENING, TIMEOUT_TCP_SYN},
		{PROTOCOL_TCP, SESSION_ESTABLISHED, TIMEOUT_TCP_ESTABLISHED},
		{PROTOCOL_TCP, SESSION_FIN_OUTSIDE, TIMEOUT_TCP_CLOSING},
		{PROTOCOL_TCP, SESSION_FIN_INSIDE, TIMEOUT_TCP_CLOSING},
		{PROTOCOL_TCP, SESSION_CLOSED, TIMEOUT_TCP_CLOSED},
		{PROTOCOL_TCP, SESSION_RESET, TIMEOUT_TCP_RESET},
		{PROTOCOL_UDP, SESSION_NEW, TIMEOUT_UDP},
		{PROTOCOL_UDP, SESSION_ESTABLISHED, TIMEOUT_UDP_REPLIED},
		{PROTOCOL_ICMP, SESSION_NEW, TIMEOUT_ICMP},
		{PROTOCOL_ESP, SESSION_ESTABLISHED, TIMEOUT_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct life *c = &cases[i];
		struct slot *s;
		struct rig r;

		rig_open(&r);
		s = converse(&r, 1, c->protocol, c->state);
		assert_int_equal(r.tables.devices[1].sessions, 1);
		r.now += seconds[c->timer] * SECOND;
		around(&r);
		assert_true(slot_is_live(s->version));
		assert_int_equal(r.maintain.live[TABLE_SESSIONS], 1);
		r.now += 1;
		around(&r);
		assert_false(slot_is_live(s->version));
		assert_int_equal(r.maintain.live[TABLE_SESSIONS], 0);
		assert_int_equal(r.tables.devices[1].sessions, 0);
		assert_int_equal(r.tables.counters->counter[COUNTER_SESSIONS_EXPIRED], 1);
		rig_close(&r);
	}
}

static void a_round_sees_everybody(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r);
	for (u32 n = 0; n < 300; n++)
		converse(&r, n, PROTOCOL_TCP, n % 3 ? SESSION_ESTABLISHED : SESSION_NEW);
	around(&r);
	assert_int_equal(r.maintain.live[TABLE_SESSIONS], 300);
	assert_int_equal(r.tables.devices[1].sessions, 300);
	r.now += 2 * SECOND;
	around(&r);
	assert_int_equal(r.tables.devices[1].sessions, 200);
	around(&r); /* the count is that of a whole round */
	assert_int_equal(r.maintain.live[TABLE_SESSIONS], 200);
	assert_int_equal(r.tables.devices[1].sessions, 200);
	rig_close(&r);
}

static void pins_live_with_their_sessions(void **state)
{
	struct slot *s;
	struct rig r;

	(void)state;
	rig_open(&r);
	pin(&r.tables, 1, PIN_LEARNED, r.now);
	pin(&r.tables, 2, PIN_SWEPT, r.now); /* of no conversation */
	pin(&r.tables, 3, PIN_OPERATOR, r.now);
	pin(&r.tables, 4, PIN_HOST, r.now); /* on a timer of its own */
	s = converse(&r, 1, PROTOCOL_TCP, SESSION_ESTABLISHED);
	for (int i = 0; i < 50; i++) { /* silent, but for one frame */
		around(&r);
		r.now += 3 * SECOND;
		if (i == 25)
			s->seen = r.now;
	}
	around(&r);
	assert_true(slot_is_live(s->version));
	assert_true(is_pinned(&r, 1));
	assert_false(is_pinned(&r, 2));
	assert_true(is_pinned(&r, 3));
	assert_true(is_pinned(&r, 4));
	r.now += 101 * SECOND; /* the conversation is over */
	around(&r);
	assert_false(slot_is_live(s->version));
	r.now += 61 * SECOND;
	around(&r);
	assert_false(is_pinned(&r, 1));
	assert_true(is_pinned(&r, 3));
	assert_false(is_pinned(&r, 4));
	assert_int_equal(r.maintain.live[TABLE_PINS], 1);
	rig_close(&r);
}

static void fragments_expire(void **state)
{
	struct flow f = flow_number(1, PROTOCOL_UDP);
	struct slot *s;
	struct rig r;
	u32 before = SLOT_NEVER;

	(void)state;
	rig_open(&r);
	s = table_claim_free(&r.tables, TABLE_FRAGMENTS, 5, &before);
	slot_fill(s, &f, 0, 0, r.now);
	slot_publish(s, before);
	r.now += 2 * SECOND;
	around(&r);
	assert_true(slot_is_live(s->version));
	r.now += 1;
	around(&r);
	assert_false(slot_is_live(s->version));
	rig_close(&r);
}

static unsigned int filter_bits(struct rig *r)
{
	unsigned int bits = 0;

	for (u32 i = 0; i < PIN_FILTER_WORDS; i++)
		bits += (unsigned int)__builtin_popcountll(
			*tables_filter(&r->tables, r->tables.settings->filter, i));
	return bits;
}

static void the_filter_is_made_anew(void **state)
{
	struct rig r;
	u32 set;

	(void)state;
	rig_open(&r);
	for (u32 n = 0; n < 1000; n++)
		pin(&r.tables, n, n < 300 ? PIN_OPERATOR : PIN_SWEPT, r.now);
	set = r.tables.settings->filter;
	around(&r);
	assert_int_equal(r.tables.settings->filter, set); /* nothing has gone */
	assert_in_range(filter_bits(&r), 900, 1000);
	r.now += 61 * SECOND;
	around(&r);
	assert_int_not_equal(r.tables.settings->filter, set);
	assert_in_range(filter_bits(&r), 250, 300);
	for (u32 n = 0; n < 1000; n++)
		assert_int_equal(is_pinned(&r, n), n < 300);
	pin(&r.tables, 5000, PIN_SWEPT, r.now); /* into both sets */
	assert_true(is_pinned(&r, 5000));
	rig_close(&r);
}

#define CROWD 3000

static void *crowd(void *user)
{
	struct rig *r = user;
	struct tables mine;

	memory_tables(r->memory, 1, &mine);
	for (u32 n = 0; n < CROWD; n++)
		pin(&mine, n, PIN_SWEPT, START);
	return NULL;
}

/* The data thread learns while the filter is built. */
static void no_pin_is_lost_meanwhile(void **state)
{
	pthread_t thread;
	struct rig r;

	(void)state;
	for (int round = 0; round < 5; round++) {
		rig_open(&r);
		assert_int_equal(pthread_create(&thread, NULL, crowd, &r), 0);
		for (int i = 0; i < 10; i++) {
			r.maintain.dirty = true;
			around(&r);
		}
		pthread_join(thread, NULL);
		for (u32 n = 0; n < CROWD; n++)
			assert_true(is_pinned(&r, n));
		rig_close(&r);
	}
}

/* A standby counts, and lets everything be; on duty, everything begins anew. */
static void a_standby_expires_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r);
	converse(&r, 1, PROTOCOL_UDP, SESSION_NEW);
	pin(&r.tables, 1, PIN_LEARNED, r.now);
	maintain_rest(&r.maintain);
	r.now += 1000 * SECOND;
	around(&r);
	assert_int_equal(r.maintain.live[TABLE_SESSIONS], 1);
	assert_int_equal(r.maintain.live[TABLE_PINS], 1);
	maintain_anew(&r.maintain, r.now);
	around(&r);
	assert_int_equal(r.maintain.live[TABLE_SESSIONS], 1);
	r.now += r.tables.settings->timeout[TIMEOUT_UDP];
	around(&r);
	assert_int_equal(r.maintain.live[TABLE_SESSIONS], 1);
	r.now += 1;
	around(&r);
	assert_int_equal(r.maintain.live[TABLE_SESSIONS], 0);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_expire),
		cmocka_unit_test(a_round_sees_everybody),
		cmocka_unit_test(pins_live_with_their_sessions),
		cmocka_unit_test(fragments_expire),
		cmocka_unit_test(the_filter_is_made_anew),
		cmocka_unit_test(no_pin_is_lost_meanwhile),
		cmocka_unit_test(a_standby_expires_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
