/* SPDX-License-Identifier: ISC */
/* links: sync/journal_young.c */
/* links: sync/journal.c sync/journal_digest.c sandwich/slowpath/memory.c */
/*
 * Nothing is lost for good: what a ring missed, the scan finds. Whatever happens to the table, what
 * was told is in the end what it holds.
 */
#include <pthread.h>

#include "tests/unit/journal_rig.h"

#define KEYS 700

/* There before anybody followed. */
static void test_start(void **state)
{
	struct journal_rig r;
	struct flow key = rig_flow(9);

	(void)state;
	rig_open(&r, 1024, 256, 7);
	for (u32 n = 0; n < 300; n++)
		rig_add(&r, n, 1 + n % 3);
	assert_true(pin_put(&r.t, &key, flow_hash(&r.t.settings->placement, &key), 1, 0, r.now));
	r.t.events->tail = r.t.events->head; /* whoever followed before has taken the events */
	assert_int_equal(rig_turn(&r), 301);
	rig_compare(&r);
	assert_int_equal(rig_counts(&r).scans, 1);
	assert_int_equal(rig_counts(&r).found, 301);
	assert_int_equal(rig_counts(&r).lost, 0);
	journal_rescan(r.j);
	assert_int_equal(rig_turn(&r), 0);
	assert_int_equal(rig_counts(&r).scans, 2);
	rig_close(&r);
}

/* A ring that is full of one slot's events, and changes of every kind that found no room. */
static void test_overflow(void **state)
{
	struct journal_rig r;
	struct slot *s, *moved;

	(void)state;
	rig_open(&r, 1024, 256, 7);
	for (u32 n = 0; n < 30; n++)
		rig_add(&r, n, 1);
	assert_int_equal(rig_turn(&r), 30);
	assert_int_equal(rig_counts(&r).found, 0);
	for (u32 i = 0; i < EVENT_RING; i++)
		tables_tell(&r.t, TABLE_SESSIONS, rig_find(&r, 0), EVENT_CHANGED);
	assert_int_equal(r.t.events->lost, 0);
	s = rig_find(&r, 1);
	assert_true(session_remove(&r.t, s, s->version));
	moved = rig_find(&r, 2);
	session_move(&r.t, moved, &moved->key, 5);
	rig_mark(&r, rig_find(&r, 3), SESSION_CLOSED, EVENT_CLOSED);
	rig_add(&r, 100, 2);
	assert_int_equal(rig_turn(&r), 4);
	rig_compare(&r);
	assert_int_equal(rig_counts(&r).lost, 4);
	assert_int_equal(rig_counts(&r).scans, 2);
	assert_int_equal(rig_counts(&r).found, 4);
	rig_close(&r);
}

/* Something happens to a session; HEARD: and there was room for the event. */
static void happen(struct journal_rig *r, u32 random, bool heard)
{
	struct event_ring *ring = r->t.events;
	struct slot *s = rig_find(r, random % KEYS);
	u32 head = ring->head;

	if (!s)
		rig_add(r, random % KEYS, 1 + (random >> 10) % 5);
	else if ((random >> 13 & 3) == 0)
		assert_true(session_remove(&r->t, s, s->version));
	else if ((random >> 13 & 3) == 1)
		session_move(&r->t, s, &s->key, 1 + (random >> 10) % 5);
	else
		rig_mark(r, s, (u8)(random >> 15 & 0x7f), EVENT_CHANGED);
	if (heard)
		return;
	ring->lost += ring->head - head;
	ring->head = head;
}

/* Changes, of which RATE in 256 are heard of; every other time a turn of BUDGET. */
static void follow_at_random(u32 seed, u32 rate, u32 budget)
{
	struct journal_rig r;

	rig_open(&r, 1024, 256, seed);
	for (u32 i = 0; i < 60000; i++) {
		u64 random = hash_mix(seed * 1000000ull + i);

		happen(&r, (u32)random, (random >> 32 & 0xff) < rate);
		if (random >> 40 & 1)
			journal_turn(r.j, budget, rig_sink, &r);
		if (random >> 41 & 0x7ff)
			continue;
		rig_turn(&r);
		rig_compare(&r);
		assert_int_equal(rig_root(&r).count, g_hash_table_size(r.believed));
	}
	assert_true(rig_counts(&r).changed > 10000);
	assert_int_equal(rig_counts(&r).lost == 0, rate == 256);
	for (u32 n = 0; n < KEYS; n++) {
		struct slot *s = rig_find(&r, n);

		if (s)
			assert_true(session_remove(&r.t, s, s->version));
	}
	rig_turn(&r);
	assert_int_equal(g_hash_table_size(r.believed), 0);
	assert_int_equal(rig_root(&r).sum[0] | rig_root(&r).sum[1] | rig_root(&r).count, 0);
	rig_close(&r);
}

static void test_at_random(void **state)
{
	(void)state;
	follow_at_random(1, 256, 1); /* nothing lost, and far behind */
	follow_at_random(2, 256, 100);
	follow_at_random(3, 250, 5); /* scans that begin anew before they are through */
	follow_at_random(4, 128, 50);
	follow_at_random(5, 0, 70); /* deaf */
}

struct hammer {
	struct tables t;
	u32 seed, keys, rounds;
	u32 *running;
};

/* Adds, moves, marks and removes the same few keys as the other thread. */
static void *hammer(void *arg)
{
	struct hammer *h = arg;
	struct tables *t = &h->t;

	for (u32 i = 0; i < h->rounds; i++) {
		u32 random = (u32)hash_mix(h->seed + (u64)i);
		struct flow f = rig_flow(random % h->keys);
		u64 hash = session_hash(t->settings, &f);
		struct slot *s = table_find(t, TABLE_SESSIONS, &f, hash);

		if (!s)
			session_add(t, &f, hash, 1 + random % 3, 0, i);
		else if ((random >> 16 & 3) == 0)
			session_remove(t, s, core_load(&s->version));
		else if ((random >> 16 & 3) == 1)
			session_move(t, s, &f, 1 + (random >> 20) % 3);
		else
			session_mark(t, s, random >> 20 & 3, EVENT_CHANGED);
	}
	__atomic_fetch_sub(h->running, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Every key that is there was told, and none that isn't. A race may have left a key twice. */
static void compare_keys(struct journal_rig *r, u32 keys)
{
	for (u32 n = 0; n < keys; n++) {
		struct slot *s = rig_find(r, n);
		u64 id = rig_id(r, n);

		assert_int_equal(s != NULL, g_hash_table_contains(r->believed, &id));
	}
	assert_int_equal(r->wrong, 0);
}

/* Two threads change the table while the journal follows. */
static void test_threads(void **state)
{
	struct hammer h[2];
	struct journal_rig r;
	pthread_t thread[2];
	u32 running = 2;

	(void)state;
	rig_open(&r, 256, 64, 3);
	for (u32 i = 0; i < 2; i++) {
		h[i] = (struct hammer){
			.seed = i * 77777777, .keys = 150, .rounds = 500000, .running = &running};
		memory_tables(r.memory, i + 1, &h[i].t);
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, &h[i]), 0);
	}
	for (u32 i = 0; core_load(&running); i++)
		journal_turn(r.j, i % 1000, rig_sink, &r);
	for (u32 i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	for (u32 i = 0; i < 10 && !journal_sleep(r.j); i++)
		rig_turn(&r);
	assert_true(journal_sleep(r.j));
	compare_keys(&r, 150);
	print_message("%lu changes told, %lu events lost, %lu scans\n",
		      (unsigned long)rig_counts(&r).changed, (unsigned long)rig_counts(&r).lost,
		      (unsigned long)rig_counts(&r).scans);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_at_random),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
