/* SPDX-License-Identifier: ISC */
/* links: sync/journal_young.c */
/* links: sandwich/run/follower.c sync/journal.c sync/journal_digest.c sandwich/slowpath/memory.c */
/* The follower tells what is there, then what changes, soon; it rests when there is nothing. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "sandwich/core/session.h"
#include "sandwich/run/follower.h"

#define PATIENCE_MS 5000 /* on a machine that is busy otherwise */

struct rig {
	struct memory *memory;
	struct tables t;
	struct follower *follower;
	u32 told, gone; /* atomic: the follower's thread adds */
};

static void rig_sink(void *user, const struct journal_change *change)
{
	struct rig *r = user;

	__atomic_fetch_add(change->gone ? &r->gone : &r->told, 1, __ATOMIC_RELEASE);
}

static int rig_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_int_equal(memory_new(&r->memory, 4096, 256, 64), 0);
	memory_tables(r->memory, 0, &r->t);
	settings_secret(r->t.settings, &(struct hash_key){3, 4});
	r->t.devices[1].name_hash = 11;
	*state = r;
	return 0;
}

static int rig_teardown(void **state)
{
	struct rig *r = *state;

	follower_free(r->follower);
	memory_free(r->memory);
	free(r);
	return 0;
}

static void follow(struct rig *r, journal_sink sink)
{
	const struct follower_setup setup = {
		.memory = r->memory, .key = {1, 2}, .bell = -1, .sink = sink, .user = r};

	assert_int_equal(follower_new(&r->follower, &setup), 0);
	assert_int_equal(follower_start(r->follower), 0);
}

static struct slot *add(struct rig *r, u32 n)
{
	struct flow f = {.protocol = PROTOCOL_UDP};

	address_from_v4(&f.outside, n);
	return session_add(&r->t, &f, session_hash(r->t.settings, &f), 1, SESSION_NEW, 1);
}

static u64 counter(struct rig *r, enum counter what)
{
	static struct counters sum; /* too large for the stack */

	memory_sum(r->memory, &sum);
	return sum.counter[what];
}

/* CPU time of the whole process, ms. */
static u32 spent(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (u32)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static void pause_ms(u32 ms)
{
	const struct timespec ts = {.tv_nsec = ms * 1000000l};

	nanosleep(&ts, NULL);
}

/* Waits until *WORD is WANT, and stays that. */
static void becomes(const u32 *word, u32 want)
{
	for (u32 ms = 0; ms < PATIENCE_MS && core_load(word) != want; ms++)
		pause_ms(1);
	assert_int_equal(core_load(word), want);
}

static void counts(struct rig *r, enum counter what, u64 want)
{
	for (u32 ms = 0; ms < PATIENCE_MS && counter(r, what) != want; ms++)
		pause_ms(1);
	assert_int_equal(counter(r, what), want);
}

static void test_follows(void **state)
{
	struct rig *r = *state;
	struct journal_counts now;
	struct slot *s;

	for (u32 n = 0; n < 10; n++)
		add(r, n);
	r->t.events->tail = r->t.events->head; /* they were there before */
	follow(r, rig_sink);
	becomes(&r->told, 10);
	counts(r, COUNTER_EVENT_SCANS, 1);
	counts(r, COUNTER_EVENT_FOUND, 10);
	pause_ms(30); /* it rests */
	s = add(r, 10);
	becomes(&r->told, 11);
	session_mark(&r->t, s, SESSION_CLOSED, EVENT_CLOSED);
	becomes(&r->told, 12);
	session_remove(&r->t, s, s->version);
	becomes(&r->gone, 1);
	counts(r, COUNTER_EVENTS_NEW, 1);
	counts(r, COUNTER_EVENTS_CLOSED, 1);
	follower_counts(r->follower, &now);
	assert_int_equal(now.entries[TABLE_SESSIONS], 10);
	assert_int_equal(now.entries[TABLE_PINS], 0);
	follower_rescan(r->follower);
	counts(r, COUNTER_EVENT_SCANS, 2);
}

/* What found no room while it did not look. */
static void test_behind(void **state)
{
	struct rig *r = *state;

	for (u32 i = 0; i < EVENT_RING; i++)
		tables_tell(&r->t, TABLE_SESSIONS, r->t.slots[0], EVENT_CHANGED);
	follow(r, NULL);
	counts(r, COUNTER_EVENT_SCANS, 1);
	for (u32 i = 0; i < 2 * EVENT_RING || !r->t.events->lost; i++)
		tables_tell(&r->t, TABLE_SESSIONS, r->t.slots[0], EVENT_MOVED);
	counts(r, COUNTER_EVENTS_LOST, r->t.events->lost);
	counts(r, COUNTER_EVENTS_MOVED, r->t.events->head - EVENT_RING);
	assert_true(counter(r, COUNTER_EVENT_SCANS) >= 2);
}

/* A device's id that came to mean another. */
static void test_renamed(void **state)
{
	struct rig *r = *state;

	add(r, 1);
	follow(r, rig_sink);
	becomes(&r->told, 1);
	core_store(&r->t.devices[1].name_hash, (u64)12);
	becomes(&r->told, 2);
}

/* A tenth of the time at most, where a loop would take all of it. */
static void test_idle(void **state)
{
	struct rig *r = *state;
	u32 before;

	follow(r, NULL);
	counts(r, COUNTER_EVENT_SCANS, 1);
	before = spent();
	pause_ms(400);
	assert_in_range(spent() - before, 0, 40);
}

static void test_never_started(void **state)
{
	struct rig *r = *state;
	const struct follower_setup setup = {.memory = r->memory, .bell = -1};
	struct journal_counts now;

	assert_int_equal(follower_new(&r->follower, &setup), 0);
	follower_counts(r->follower, &now);
	assert_int_equal(now.changed, 0);
	follower_counts(NULL, &now);
	assert_int_equal(now.changed, 0);
	follower_free(NULL);
}

#define FOLLOWER_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLLOWER_TEST(test_follows), FOLLOWER_TEST(test_behind),
		FOLLOWER_TEST(test_renamed), FOLLOWER_TEST(test_idle),
		FOLLOWER_TEST(test_never_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
