/* SPDX-License-Identifier: ISC */
/* links: sync/journal_young.c */
/* links: sync/journal.c sync/journal_digest.c sandwich/slowpath/memory.c */
/* The journal tells each change once, and what is gone by its id. */
#include "tests/unit/journal_rig.h"

static int journal_setup(void **state)
{
	struct journal_rig *r = calloc(1, sizeof(*r));

	rig_open(r, 1024, 256, 7);
	assert_int_equal(rig_turn(r), 0);
	*state = r;
	return 0;
}

static int journal_teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

/* Exactly one change, of that slot. */
static const struct journal_change *one(struct journal_rig *r, enum table_kind kind,
					const struct slot *s, u32 what)
{
	assert_int_equal(rig_turn(r), 1);
	assert_int_equal(r->last[0].kind, kind);
	assert_int_equal(r->last[0].index, s - r->t.slots[kind]);
	assert_int_equal(r->last[0].what, what);
	return &r->last[0];
}

static void test_a_life(void **state)
{
	struct journal_rig *r = *state;
	struct slot *s = rig_add(r, 1, 2);
	const struct journal_change *c = one(r, TABLE_SESSIONS, s, EVENT_NEW);

	assert_false(c->gone);
	assert_memory_equal(&c->slot, s, sizeof(*s));
	assert_int_equal(c->id, rig_id(r, 1));
	rig_mark(r, s, SESSION_ESTABLISHED, EVENT_CHANGED);
	assert_int_equal(one(r, TABLE_SESSIONS, s, 0)->slot.state, SESSION_ESTABLISHED);
	session_move(&r->t, s, &s->key, 3);
	c = one(r, TABLE_SESSIONS, s, EVENT_MOVED);
	assert_int_equal(c->slot.device, 3);
	assert_int_equal(c->id, rig_id(r, 1));
	s->router = 9;
	tables_tell(&r->t, TABLE_SESSIONS, s, EVENT_CHANGED);
	assert_int_equal(one(r, TABLE_SESSIONS, s, 0)->slot.router, 9);
	rig_mark(r, s, SESSION_CLOSED, EVENT_CLOSED);
	assert_int_equal(one(r, TABLE_SESSIONS, s, EVENT_CLOSED)->slot.state, SESSION_CLOSED);
	assert_true(session_remove(&r->t, s, s->version));
	c = one(r, TABLE_SESSIONS, s, 0);
	assert_true(c->gone);
	assert_int_equal(c->id, rig_id(r, 1));
	assert_int_equal(rig_turn(r), 0);
	rig_compare(r);
}

static void test_pins(void **state)
{
	struct journal_rig *r = *state;
	struct flow key = rig_flow(1);
	u64 hash = flow_hash(&r->t.settings->placement, &key);
	const struct journal_change *c;
	struct slot *pin;

	assert_true(pin_put(&r->t, &key, hash, 4, PIN_LEARNED, r->now));
	pin = table_find(&r->t, TABLE_PINS, &key, hash);
	c = one(r, TABLE_PINS, pin, EVENT_LEARNED);
	assert_int_equal(c->id, journal_id(r->j, TABLE_PINS, &key));
	assert_int_not_equal(c->id, journal_id(r->j, TABLE_SESSIONS, &key));
	assert_true(pin_put(&r->t, &key, hash, 5, PIN_SWEPT, r->now));
	assert_int_equal(one(r, TABLE_PINS, pin, 0)->slot.device, 5);
	assert_true(pin_put(&r->t, &key, hash, 5, PIN_OPERATOR, r->now));
	assert_int_equal(one(r, TABLE_PINS, pin, 0)->slot.state, PIN_OPERATOR);
	assert_true(pin_put(&r->t, &key, hash, 5, PIN_OPERATOR, r->now + 1));
	assert_int_equal(rig_turn(r), 0); /* put anew, and the same */
	assert_true(pin_remove(&r->t, pin, pin->version));
	assert_true(one(r, TABLE_PINS, pin, 0)->gone);
}

/* Several events of a slot are one change, as it is now, with all that happened. */
static void test_once(void **state)
{
	struct journal_rig *r = *state;
	struct slot *s = rig_add(r, 1, 2);
	struct journal_counts counts;

	session_move(&r->t, s, &s->key, 3);
	rig_mark(r, s, SESSION_RESET, EVENT_CLOSED);
	assert_int_equal(
		one(r, TABLE_SESSIONS, s, EVENT_NEW | EVENT_MOVED | EVENT_CLOSED)->slot.device, 3);
	assert_non_null(rig_add(r, 2, 2));
	assert_true(session_remove(&r->t, rig_find(r, 2), rig_find(r, 2)->version));
	assert_int_equal(rig_turn(r), 0); /* over before anybody looked */
	s->seen = s->packets = 12345;
	tables_tell(&r->t, TABLE_SESSIONS, s, EVENT_CHANGED);
	assert_int_equal(rig_turn(r), 0); /* only seen again */
	session_move(&r->t, s, &s->key, 4);
	session_move(&r->t, s, &s->key, 3);
	assert_int_equal(rig_turn(r), 0); /* there and back */
	counts = rig_counts(r);
	assert_int_equal(counts.events[0], 2);
	assert_int_equal(counts.events[1], 1);
	assert_int_equal(counts.events[2], 0);
	assert_int_equal(counts.events[3], 3);
	assert_int_equal(counts.changed, 1);
	assert_int_equal(counts.lost + counts.found, 0);
	rig_compare(r);
}

/* All of a batch, and more than one: none is taken for another. */
static void test_many(void **state)
{
	struct journal_rig *r = *state;
	u32 added = 0;

	for (u32 n = 0; n < 600; n++)
		added += rig_add(r, n, 1 + n % 3) != NULL;
	assert_in_range(added, 500, 600);
	assert_int_equal(rig_turn(r), added);
	assert_int_equal(rig_counts(r).events[0], added);
	rig_compare(r);
}

/* A slot that another key took. */
static void test_replaced(void **state)
{
	struct journal_rig *r = *state;
	struct slot *s = rig_add(r, 1, 2);
	const struct flow other = rig_flow(2);
	u32 before;

	assert_int_equal(rig_turn(r), 1);
	before = s->version;
	assert_true(slot_claim(s, before));
	slot_fill(s, &other, 2, SESSION_NEW, r->now);
	slot_publish(s, before);
	tables_tell(&r->t, TABLE_SESSIONS, s, EVENT_NEW);
	assert_int_equal(rig_turn(r), 2);
	assert_true(r->last[0].gone);
	assert_int_equal(r->last[0].id, rig_id(r, 1));
	assert_false(r->last[1].gone);
	assert_int_equal(r->last[1].id, rig_id(r, 2));
	rig_compare(r);
}

/* Puts session N into another slot of its window, as another CPU does that did not see it. */
static struct slot *add_twin(struct journal_rig *r, u32 n, u8 device)
{
	struct flow f = rig_flow(n);
	struct slot *s;
	u32 before = 0;

	s = table_claim_free(&r->t, TABLE_SESSIONS, session_hash(r->t.settings, &f), &before);
	assert_non_null(s);
	slot_fill(s, &f, device, SESSION_NEW, r->now);
	slot_publish(s, before);
	tables_tell(&r->t, TABLE_SESSIONS, s, EVENT_NEW);
	return s;
}

/* A key in two slots is gone when both are, and who is left is heard last. */
static void test_twice(void **state)
{
	struct journal_rig *r = *state;
	struct slot *first = rig_add(r, 1, 2), *second = add_twin(r, 1, 3);

	assert_int_equal(rig_turn(r), 2);
	assert_true(session_remove(&r->t, second, second->version));
	assert_int_equal(rig_turn(r), 0);
	assert_false(journal_sleep(r->j)); /* it is to be told again */
	assert_int_equal(rig_turn(r), 1);
	assert_false(r->last[0].gone);
	assert_int_equal(r->last[0].slot.device, 2);
	rig_compare(r);
	assert_true(session_remove(&r->t, first, first->version));
	assert_int_equal(rig_turn(r), 1);
	assert_true(r->last[0].gone);
	rig_compare(r);
	assert_int_equal(rig_root(r).count, 0);
}

/* Two rings: the key's new slot is heard of before its old one. */
static void test_out_of_order(void **state)
{
	struct journal_rig *r = *state;
	struct slot *first = rig_add(r, 1, 2);
	struct tables other;

	assert_int_equal(rig_turn(r), 1);
	memory_tables(r->memory, 1, &other);
	assert_true(session_remove(&other, first, first->version));
	first->version = SLOT_BUSY; /* so that the other slot is taken */
	add_twin(r, 1, 3);
	first->version = SLOT_FREE;
	rig_turn(r);
	rig_turn(r);
	rig_compare(r);
	assert_int_equal(rig_root(r).count, 1);
}

/* A slot that is being written is looked at again. */
static void test_busy(void **state)
{
	struct journal_rig *r = *state;
	struct slot *s = rig_add(r, 1, 2);
	u32 version = s->version;

	s->version = SLOT_BUSY;
	assert_int_equal(rig_turn(r), 0);
	assert_int_equal(rig_turn(r), 0);
	assert_false(journal_sleep(r->j));
	s->version = version;
	one(r, TABLE_SESSIONS, s, EVENT_NEW);
	assert_true(journal_sleep(r->j));
}

/* However many are. */
static void test_all_busy(void **state)
{
	struct journal_rig *r = *state;
	u32 versions[1024], added = 0;

	for (u32 n = 0; n < 500; n++)
		added += rig_add(r, n, 2) != NULL;
	for (u32 i = 0; i < 1024; i++) {
		versions[i] = r->t.slots[TABLE_SESSIONS][i].version;
		r->t.slots[TABLE_SESSIONS][i].version = SLOT_BUSY;
	}
	assert_int_equal(rig_turn(r), 0);
	for (u32 i = 0; i < 1024; i++)
		r->t.slots[TABLE_SESSIONS][i].version = versions[i];
	while (!journal_sleep(r->j))
		rig_turn(r);
	rig_compare(r);
	assert_int_equal(g_hash_table_size(r->believed), added);
}

static void test_sleep(void **state)
{
	struct journal_rig *r = *state;
	unsigned int count;
	struct event_ring **rings = memory_rings(r->memory, &count);

	assert_true(journal_sleep(r->j));
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(rings[i]->asleep, 1);
	journal_wake(r->j);
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(rings[i]->asleep, 0);
	rig_add(r, 1, 2);
	assert_false(journal_sleep(r->j));
	assert_int_equal(rings[0]->asleep, 0);
	rig_turn(r);
	assert_true(journal_sleep(r->j));
	journal_rescan(r->j);
	assert_false(journal_sleep(r->j));
}

/* What the follower wrote itself is not told; what others make of it is. */
static void test_applied(void **state)
{
	struct journal_rig *r = *state;
	struct slot *s = rig_add(r, 1, 2), wrote = *s;
	u32 index = (u32)(s - r->t.slots[TABLE_SESSIONS]);

	assert_int_equal(journal_applied(r->j, TABLE_SESSIONS, index, rig_id(r, 1), &wrote), 0);
	assert_int_equal(rig_turn(r), 0);
	assert_int_equal(rig_root(r).count, 1);

	/* changed between the follower's writing and its word about it */
	rig_mark(r, s, SESSION_CLOSED, EVENT_CLOSED);
	assert_int_equal(journal_applied(r->j, TABLE_SESSIONS, index, rig_id(r, 1), &wrote), 0);
	assert_int_equal(one(r, TABLE_SESSIONS, s, EVENT_CLOSED)->slot.state, SESSION_CLOSED);

	assert_true(slot_remove(s, s->version));
	assert_int_equal(journal_applied(r->j, TABLE_SESSIONS, index, rig_id(r, 1), NULL), 0);
	journal_rescan(r->j);
	assert_int_equal(rig_turn(r), 0);
	assert_int_equal(rig_root(r).count, 0);
}

/* A record that took another's slot. */
static void test_applied_over(void **state)
{
	struct journal_rig *r = *state;
	struct slot *s = rig_add(r, 1, 2), wrote = *s;
	u32 index = (u32)(s - r->t.slots[TABLE_SESSIONS]);

	assert_int_equal(rig_turn(r), 1);
	wrote.key = s->key = rig_flow(2);
	assert_int_equal(journal_applied(r->j, TABLE_SESSIONS, index, rig_id(r, 2), &wrote),
			 rig_id(r, 1));
	assert_int_equal(rig_turn(r), 0);
	s->key = rig_flow(3); /* and another's, before the follower's word */
	s->version = slot_next(s->version);
	tables_tell(&r->t, TABLE_SESSIONS, s, EVENT_NEW);
	assert_int_equal(rig_turn(r), 2);
	assert_true(r->last[0].gone && r->last[0].id == rig_id(r, 2));
	assert_int_equal(r->last[1].id, rig_id(r, 3));
}

#define JOURNAL_TEST(f) cmocka_unit_test_setup_teardown(f, journal_setup, journal_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOURNAL_TEST(test_a_life),	 JOURNAL_TEST(test_pins),
		JOURNAL_TEST(test_once),	 JOURNAL_TEST(test_many),
		JOURNAL_TEST(test_replaced),	 JOURNAL_TEST(test_twice),
		JOURNAL_TEST(test_out_of_order), JOURNAL_TEST(test_busy),
		JOURNAL_TEST(test_all_busy),	 JOURNAL_TEST(test_sleep),
		JOURNAL_TEST(test_applied),	 JOURNAL_TEST(test_applied_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
