/* SPDX-License-Identifier: ISC */
/* links: sync/journal_young.c */
/* links: sync/store.c sync/store_room.c sync/tombs.c sync/journal.c sync/journal_digest.c */
/* links: sync/journal_look.c tests/packets/world.c tests/packets/frame.c */
/* links: sandwich/slowpath/memory.c */
/* Records of other boxes in the tables: registers, tombstones, full windows, partners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/store_rig.h"
#include "sync/tombs.h"

#define LINK 1

static int store_setup(void **state)
{
	struct box *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	box_open(b, 1024, 256);
	store_link(b->store, LINK, STORE_TWIN);
	*state = b;
	return 0;
}

static int store_teardown(void **state)
{
	box_close(*state);
	free(*state);
	return 0;
}

static u8 put(struct box *b, u8 link, u64 number, struct store_record r)
{
	store_apply(b->store, link, number, &r, 1);
	return r.result;
}

static u8 put_session(struct box *b, u64 number, u32 n, u8 device, u8 state)
{
	return put(b, LINK, number, box_record(TABLE_SESSIONS, n, device, state));
}

/* With nothing missing below NUMBER. */
static bool gone(struct box *b, u64 number, u32 n)
{
	return store_gone(b->store, LINK, number, number - 1, TABLE_SESSIONS,
			  box_id(b, TABLE_SESSIONS, n));
}

static void test_write_change_remove(void **state)
{
	struct box *b = *state;
	struct slot *s;

	assert_int_equal(put_session(b, 1, 7, 1, SESSION_OPENING), STORE_APPLIED);
	s = box_session(b, 7);
	assert_non_null(s);
	assert_int_equal(s->device, 1);
	assert_int_equal(s->seen, 900);
	assert_int_equal(s->created, 500);
	assert_int_equal(b->own.devices[1].sessions, 1);
	assert_int_equal(put_session(b, 2, 7, 2, SESSION_ESTABLISHED), STORE_APPLIED);
	assert_ptr_equal(box_session(b, 7), s);
	assert_int_equal(s->device, 2);
	assert_int_equal(s->state, SESSION_ESTABLISHED);
	assert_int_equal(b->own.devices[1].sessions, 0);
	assert_int_equal(b->own.devices[2].sessions, 1);
	assert_int_equal(put_session(b, 3, 7, 2, SESSION_ESTABLISHED), STORE_SAME);
	assert_true(gone(b, 4, 7));
	assert_null(box_session(b, 7));
	assert_int_equal(b->own.devices[2].sessions, 0);
	assert_false(gone(b, 5, 7));
}

static void test_pins(void **state)
{
	struct box *b = *state;
	struct flow f = box_flow(3);
	struct slot *s;
	u64 hash = flow_hash(&b->own.settings->placement, &f);

	assert_int_equal(put(b, LINK, 1, box_record(TABLE_PINS, 3, 1, PIN_SWEPT)), STORE_APPLIED);
	s = box_find(b, TABLE_PINS, &f);
	assert_non_null(s);
	assert_true(pin_filter_has(&b->own, b->own.settings, hash));
	assert_int_equal(s->state, PIN_SWEPT);
	assert_int_equal(put(b, LINK, 2, box_record(TABLE_PINS, 3, 2, PIN_OPERATOR)),
			 STORE_APPLIED);
	assert_int_equal(s->device, 2);
	assert_int_equal(s->state, PIN_OPERATOR);
	assert_true(store_gone(b->store, LINK, 3, 2, TABLE_PINS, box_id(b, TABLE_PINS, 3)));
	assert_null(box_find(b, TABLE_PINS, &f));
}

static void test_older_is_stale(void **state)
{
	struct box *b = *state;
	struct store_counts counts;

	assert_int_equal(put_session(b, 10, 7, 1, SESSION_ESTABLISHED), STORE_APPLIED);
	assert_int_equal(put_session(b, 9, 7, 2, SESSION_NEW), STORE_STALE);
	assert_int_equal(box_session(b, 7)->device, 1);
	assert_false(store_gone(b->store, LINK, 8, 5, TABLE_SESSIONS,
				box_id(b, TABLE_SESSIONS, 7)));
	assert_non_null(box_session(b, 7));
	store_read_counts(b->store, &counts);
	assert_int_equal(counts.result[STORE_STALE], 1);
	assert_int_equal(counts.stale_gone, 1);
	/* a new incarnation counts from 1 */
	store_link(b->store, LINK, STORE_TWIN);
	assert_int_equal(put_session(b, 1, 7, 2, SESSION_NEW), STORE_APPLIED);
	assert_int_equal(box_session(b, 7)->device, 2);
}

/* What was deleted does not come back by a datagram that is late, and is forgotten after that. */
static void test_tombstones(void **state)
{
	struct box *b = *state;
	struct store_counts counts;

	assert_int_equal(put_session(b, 1, 7, 1, SESSION_ESTABLISHED), STORE_APPLIED);
	/* 2 is on its way */
	assert_true(store_gone(b->store, LINK, 3, 1, TABLE_SESSIONS, box_id(b, TABLE_SESSIONS, 7)));
	assert_false(store_gone(b->store, LINK, 3, 1, TABLE_PINS, box_id(b, TABLE_PINS, 8)));
	assert_int_equal(put_session(b, 2, 7, 1, SESSION_ESTABLISHED), STORE_STALE);
	assert_int_equal(put(b, LINK, 2, box_record(TABLE_PINS, 8, 1, PIN_SWEPT)), STORE_STALE);
	assert_null(box_session(b, 7));
	store_read_counts(b->store, &counts);
	assert_int_equal(counts.tombs, 2);
	store_passed(b->store, LINK, 2);
	store_read_counts(b->store, &counts);
	assert_int_equal(counts.tombs, 2);
	store_passed(b->store, LINK, 3);
	store_read_counts(b->store, &counts);
	assert_int_equal(counts.tombs, 0);
	/* without a gap there is nothing to be remembered */
	assert_false(store_gone(b->store, LINK, 4, 3, TABLE_SESSIONS, 1234));
	store_read_counts(b->store, &counts);
	assert_int_equal(counts.tombs, 0);
	assert_int_equal(put_session(b, 5, 7, 1, SESSION_ESTABLISHED), STORE_APPLIED);
}

static void test_no_device(void **state)
{
	struct box *b = *state;

	assert_int_equal(put_session(b, 1, 7, 0, SESSION_NEW), STORE_NO_DEVICE);
	assert_null(box_session(b, 7));
}

/* A partner fills what is absent, takes back what it filled, and nothing else. */
static void test_partner(void **state)
{
	struct box *b = *state;
	u64 id = box_id(b, TABLE_SESSIONS, 7);
	struct slot *s;
	u8 partner = 2;

	store_link(b->store, partner, STORE_PARTNER);
	assert_int_equal(put_session(b, 1, 5, 1, SESSION_ESTABLISHED), STORE_APPLIED);
	assert_int_equal(put(b, partner, 1, box_record(TABLE_SESSIONS, 5, 2, SESSION_NEW)),
			 STORE_KEPT);
	assert_int_equal(box_session(b, 5)->device, 1);
	assert_false(store_gone(b->store, partner, 2, 1, TABLE_SESSIONS,
				box_id(b, TABLE_SESSIONS, 5)));
	assert_int_equal(put(b, partner, 3,
			     box_record(TABLE_SESSIONS, 7, 2,
					SESSION_ESTABLISHED | SESSION_FROM_INSIDE)),
			 STORE_APPLIED);
	s = box_session(b, 7);
	assert_int_equal(session_origin(s->state), ORIGIN_SYNCED);
	assert_int_equal(session_state(s->state), SESSION_ESTABLISHED);
	assert_true(s->state & SESSION_FROM_INSIDE);
	slot_account(s, 100); /* a frame of our own */
	assert_false(store_gone(b->store, partner, 4, 3, TABLE_SESSIONS, id));
	s->packets = 0;
	assert_true(store_gone(b->store, partner, 5, 4, TABLE_SESSIONS, id));
	/* our twin's word goes before a partner's */
	assert_int_equal(put(b, partner, 6, box_record(TABLE_SESSIONS, 8, 2, SESSION_NEW)),
			 STORE_APPLIED);
	assert_int_equal(put_session(b, 2, 8, 3, SESSION_ESTABLISHED), STORE_APPLIED);
	assert_int_equal(box_session(b, 8)->device, 3);
}

static void test_refresh_and_renew(void **state)
{
	struct box *b = *state;
	struct slot times = {.seen = 2000, .created = 400, .packets = 5, .bytes_low = 600};
	u64 id = box_id(b, TABLE_SESSIONS, 7);
	struct slot *s;

	assert_int_equal(put_session(b, 1, 7, 1, SESSION_ESTABLISHED), STORE_APPLIED);
	s = box_session(b, 7);
	store_refresh(b->store, LINK, TABLE_SESSIONS, id, &times);
	assert_int_equal(s->seen, 2000);
	assert_int_equal(s->packets, 5);
	times.seen = 1500; /* came late */
	times.packets = 4;
	store_refresh(b->store, LINK, TABLE_SESSIONS, id, &times);
	assert_int_equal(s->seen, 2000);
	assert_int_equal(s->packets, 5);
	store_renew(b->store, 77777);
	assert_int_equal(s->seen, 77777);
}

static u32 seed;

static u32 dice(u32 sides)
{
	seed = seed * 1664525 + 1013904223;
	return (u32)(((u64)seed * sides) >> 32);
}

/* What one box said of a key, in the order of numbers. */
struct word {
	u64 number;
	u32 key;
	u8 device; /* 0: it is gone */
};

/*
 * Registers: in whatever order a link's words come, at the end the last one holds, and at no time
 * does one that is older than what was here. The watermark moves as it would.
 */
static void registers(struct box *b, u32 keys, u32 words)
{
	struct word *said = calloc(words, sizeof(*said));
	bool *came = calloc(words + 2, sizeof(*came));
	u64 *newest = calloc(keys, sizeof(*newest)), below = 0;
	u8 *last = calloc(keys, 1);

	store_link(b->store, LINK, STORE_TWIN);
	for (u32 i = 0; i < words; i++)
		said[i] = (struct word){i + 1, dice(keys), (u8)dice(RIG_DEVICES + 1)};
	for (u32 i = 0; i + 1 < words; i++) { /* late by up to 30 */
		u32 k = i + dice(30 < words - i ? 30 : words - i);
		struct word w = said[i];

		said[i] = said[k];
		said[k] = w;
	}
	for (u32 i = 0; i < words; i++) {
		const struct word *w = &said[i];
		struct slot *s;

		if (w->device)
			put_session(b, w->number, w->key, w->device, SESSION_ESTABLISHED);
		else
			store_gone(b->store, LINK, w->number, below, TABLE_SESSIONS,
				   box_id(b, TABLE_SESSIONS, w->key));
		if (w->number > newest[w->key]) {
			newest[w->key] = w->number;
			last[w->key] = w->device;
		}
		s = box_session(b, w->key);
		assert_int_equal(s ? s->device : 0, last[w->key]);
		came[w->number] = true;
		while (came[below + 1])
			below++;
		store_passed(b->store, LINK, below);
	}
	for (u32 k = 0; k < keys; k++) {
		struct slot *s = box_session(b, k);

		assert_int_equal(s ? s->device : 0, last[k]);
		if (s)
			assert_true(session_remove(&b->world.tables, s, s->version));
	}
	free(said);
	free(came);
	free(newest);
	free(last);
}

static void ignore(void *user, const struct journal_change *change)
{
	(void)user;
	(void)change;
}

static void test_any_order(void **state)
{
	struct store_counts counts;
	struct box *b = *state;

	for (seed = 1; seed < 300; seed++) {
		u32 keep = seed;

		registers(b, 1 + seed % 40, 500);
		seed = keep;
		while (journal_turn(b->journal, 1024, ignore, NULL))
			;
	}
	store_read_counts(b->store, &counts);
	assert_true(counts.result[STORE_STALE] > 1000 && counts.stale_gone > 1000);
	assert_int_equal(counts.tombs, 0);
	print_message("%llu stale, at most %llu tombstones\n",
		      (unsigned long long)counts.result[STORE_STALE],
		      (unsigned long long)counts.tombs_most);
}

static bool same_content(struct box *a, struct box *b)
{
	struct journal_digest x, y;

	while (journal_turn(a->journal, 1024, ignore, NULL))
		;
	while (journal_turn(b->journal, 1024, ignore, NULL))
		;
	journal_root(a->journal, &x);
	journal_root(b->journal, &y);
	return !memcmp(&x, &y, sizeof(x));
}

/* What found room in the twin's table finds it here, though it came in another order. */
static void test_full_windows(void **state)
{
	static const u32 percent[] = {70, 80, 90, 95, 99};
	struct box *b = *state;

	for (size_t i = 0; i < sizeof(percent) / sizeof(percent[0]); i++) {
		u32 count = 1024 * percent[i] / 100, there = 0;
		struct store_counts before, after;
		struct box active;

		box_open(&active, 1024, 256);
		for (u32 n = 0; n < 4096 && there < count; n++) {
			struct flow f = box_flow(n);
			u64 hash = session_hash(active.own.settings, &f);

			there += session_add(&active.world.tables, &f, hash, 1,
					     SESSION_ESTABLISHED, 1000) != NULL;
		}
		store_link(b->store, LINK, STORE_TWIN);
		store_read_counts(b->store, &before);
		for (u32 n = 4096; n-- > 0;)
			if (box_session(&active, n))
				put_session(b, 4096 - n, n, 1, SESSION_ESTABLISHED);
		store_read_counts(b->store, &after);
		print_message("%u %%: %u sessions, %llu moved to make room, %llu found none\n",
			      percent[i], there,
			      (unsigned long long)(after.relocated - before.relocated),
			      (unsigned long long)(after.result[STORE_FULL] -
						   before.result[STORE_FULL]));
		assert_int_equal(after.result[STORE_FULL], before.result[STORE_FULL]);
		assert_true(same_content(&active, b));
		for (u32 n = 0; n < 4096; n++)
			gone(b, 5000 + n, n);
		assert_int_equal(world_live_slots(&b->own, TABLE_SESSIONS), 0);
		box_close(&active);
	}
}

/* The journal's sums are those of a table that was filled by its own frames. */
static void test_digests(void **state)
{
	struct box *b = *state, other;

	box_open(&other, 4096, 64); /* of another size: content alone counts */
	for (u32 n = 0; n < 300; n++) {
		struct flow f = box_flow(n);

		session_add(&other.world.tables, &f, session_hash(other.own.settings, &f),
			    (u8)(1 + n % 3), SESSION_NEW, 1000);
		put_session(b, 300 - n, n, (u8)(1 + n % 3), SESSION_NEW);
	}
	assert_true(same_content(b, &other));
	put_session(b, 1000, 5, 4, SESSION_NEW);
	assert_false(same_content(b, &other));
	put_session(b, 1001, 5, 3, SESSION_NEW);
	assert_true(same_content(b, &other));
	gone(b, 1002, 5);
	assert_false(same_content(b, &other));
	box_close(&other);
}

static void test_tombs(void **state)
{
	struct tombs *t;

	(void)state;
	assert_int_equal(tombs_new(&t), 0);
	for (u64 i = 1; i <= 5000; i++)
		assert_int_equal(tombs_put(t, i % 3000 * 7, i), 0);
	for (u64 i = 0; i < 3000; i++)
		assert_int_equal(tombs_find(t, i * 7), i + 3000 <= 5000 ? i + 3000 : i);
	tombs_pass(t, 2500);
	assert_int_equal(tombs_find(t, 2500 * 7), 0);
	assert_int_equal(tombs_find(t, 2501 * 7), 2501);
	assert_int_equal(tombs_find(t, 7), 3001);
	assert_int_equal(tombs_count(t), 2500);
	tombs_pass(t, 5000);
	assert_int_equal(tombs_count(t), 0);
	assert_int_equal(tombs_find(t, 7), 0);
	tombs_free(t);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_write_change_remove),
		STORE_TEST(test_pins),
		STORE_TEST(test_older_is_stale),
		STORE_TEST(test_tombstones),
		STORE_TEST(test_no_device),
		STORE_TEST(test_partner),
		STORE_TEST(test_refresh_and_renew),
		STORE_TEST(test_any_order),
		STORE_TEST(test_full_windows),
		STORE_TEST(test_digests),
		cmocka_unit_test(test_tombs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
