/* SPDX-License-Identifier: ISC */
/* links: sync/journal_young.c */
/* links: sync/journal.c sync/journal_digest.c sandwich/slowpath/memory.c */
/* Digests are equal when the tables say the same, wherever it lies and however it came there. */
#include "tests/unit/journal_rig.h"

#define SESSIONS 400

/* Session N on the device that is called hash_mix(NAME); FIRST is the id of the first name. */
static struct slot *add_named(struct journal_rig *r, u32 n, u32 name, u8 first)
{
	return rig_add(r, n, (u8)(first + name));
}

/* Names 1 to 5 have the ids from FIRST + 1 on. */
static void open_named(struct journal_rig *r, u32 slots, u8 first)
{
	rig_open(r, slots, 256, 77);
	for (u32 i = 1; i < 40; i++)
		journal_device(r->j, (u8)i, 0);
	for (u32 name = 1; name <= 5; name++)
		journal_device(r->j, (u8)(first + name), hash_mix(name));
}

static void test_equal(void **state)
{
	struct journal_rig a, b;
	struct journal_digest one, other;
	u32 elsewhere = 0;

	(void)state;
	open_named(&a, 1024, 0);
	open_named(&b, 8192, 30);
	for (u32 n = 0; n < SESSIONS; n++) {
		assert_non_null(add_named(&a, n, 1 + n % 5, 0));
		assert_non_null(add_named(&b, SESSIONS - 1 - n, 1 + (SESSIONS - 1 - n) % 5, 30));
	}
	for (u32 n = 0; n < SESSIONS; n++)
		elsewhere += rig_find(&a, n) - a.t.slots[0] != rig_find(&b, n) - b.t.slots[0];
	assert_true(elsewhere > SESSIONS / 2);
	rig_turn(&a);
	rig_turn(&b);
	one = rig_root(&a);
	other = rig_root(&b);
	assert_int_equal(one.count, SESSIONS);
	assert_true(one.sum[0] && one.sum[1]);
	assert_true(rig_same(&one, &other));
	for (u32 shard = 0; shard < JOURNAL_SHARDS; shard++) {
		journal_digest_of(a.j, TABLE_SESSIONS, shard, &one);
		journal_digest_of(b.j, TABLE_SESSIONS, shard, &other);
		assert_true(rig_same(&one, &other));
	}
	rig_close(&a);
	rig_close(&b);
}

/* What each side has of its own: origin, asymmetry, the router's number, times, counters. */
static void test_own_affairs(void **state)
{
	struct journal_digest before, after;
	struct journal_rig r;
	struct slot *s;

	(void)state;
	open_named(&r, 1024, 0);
	s = add_named(&r, 1, 1, 0);
	rig_turn(&r);
	before = rig_root(&r);
	s->router = 3;
	s->seen = s->created = s->packets = 999;
	rig_mark(&r, s, session_byte(SESSION_NEW, ORIGIN_SYNCED, SESSION_ASYMMETRIC), 0);
	assert_int_equal(rig_turn(&r), 1);
	after = rig_root(&r);
	assert_true(rig_same(&before, &after));
	rig_close(&r);
}

struct content {
	u32 n;
	u32 name;
	u8 state;
	bool pin;
};

static struct journal_digest digest_of(const struct content *c)
{
	struct flow key = rig_flow(c->n);
	struct journal_digest root;
	struct journal_rig r;

	open_named(&r, 1024, 0);
	if (c->pin)
		assert_true(pin_put(&r.t, &key, 1, (u8)c->name, c->state, r.now));
	else
		rig_mark(&r, add_named(&r, c->n, c->name, 0), c->state, 0);
	assert_int_equal(rig_turn(&r), 1);
	root = rig_root(&r);
	rig_close(&r);
	return root;
}

/* Any of what matters; each from each. */
static void test_differ(void **state)
{
	static const struct content contents[] = {
		{1, 1, SESSION_NEW, false},
		{2, 1, SESSION_NEW, false},
		{0x01000001, 1, SESSION_NEW, false}, /* another port */
		{1, 2, SESSION_NEW, false},
		{1, 1, SESSION_ESTABLISHED, false},
		{1, 1, SESSION_NEW | SESSION_FROM_INSIDE, false},
		{1, 1, SESSION_NEW, true},
		{1, 2, SESSION_NEW, true},
	};
	struct journal_digest d[G_N_ELEMENTS(contents)];

	(void)state;
	for (u32 i = 0; i < G_N_ELEMENTS(contents); i++) {
		d[i] = digest_of(&contents[i]);
		for (u32 k = 0; k < i; k++) {
			assert_int_not_equal(d[i].sum[0], d[k].sum[0]);
			assert_int_not_equal(d[i].sum[1], d[k].sum[1]);
		}
	}
}

/* Whoever does not have the key can't make two tables look equal. */
static void test_key(void **state)
{
	struct journal_rig r;
	struct journal_setup setup = {.tables = &r.t, .key = {1111, 2223}};
	struct journal_digest root;
	struct journal *other;
	struct slot *s;

	(void)state;
	open_named(&r, 1024, 0);
	s = add_named(&r, 1, 1, 0);
	rig_turn(&r);
	assert_int_equal(journal_new(&other, &setup), 0);
	journal_device(other, 1, hash_mix(1));
	assert_int_equal(journal_turn(other, 10000, rig_sink, &r), 1024 + 256);
	journal_root(other, &root);
	assert_int_equal(root.count, 1);
	assert_int_not_equal(root.sum[0], rig_root(&r).sum[0]);
	/* the id is where the key lies in the table */
	assert_int_equal(journal_id(other, TABLE_SESSIONS, &s->key), rig_id(&r, 1));
	journal_free(other);
	rig_close(&r);
}

/* An id that means another device from now on. */
static void test_renamed(void **state)
{
	struct journal_digest before, after;
	struct journal_rig r;
	struct flow key = rig_flow(9);

	(void)state;
	open_named(&r, 1024, 0);
	for (u32 n = 0; n < 100; n++)
		add_named(&r, n, 1 + n % 2, 0);
	assert_true(pin_put(&r.t, &key, 1, 2, PIN_LEARNED, r.now));
	rig_turn(&r);
	before = rig_root(&r);
	journal_device(r.j, 2, hash_mix(2)); /* as it was */
	assert_int_equal(rig_turn(&r), 0);
	journal_device(r.j, 2, hash_mix(99));
	assert_int_equal(rig_turn(&r), 51);
	for (u32 i = 0; i < 51; i++)
		assert_int_equal(r.last[i].slot.device, 2);
	after = rig_root(&r);
	assert_int_equal(after.count, before.count);
	assert_int_not_equal(after.sum[0], before.sum[0]);
	assert_int_not_equal(after.sum[1], before.sum[1]);
	journal_device(r.j, 2, hash_mix(2));
	assert_int_equal(rig_turn(&r), 51);
	after = rig_root(&r);
	assert_true(rig_same(&before, &after));
	rig_close(&r);
}

/* A shard has what its ids begin with, and nothing else. */
static void test_shards(void **state)
{
	struct journal_digest shard, root;
	struct journal_rig r;
	u32 sum = 0;

	(void)state;
	open_named(&r, 1024, 0);
	for (u32 n = 0; n < 50; n++)
		add_named(&r, n, 1, 0);
	rig_turn(&r);
	for (u32 n = 0; n < 50; n++) {
		journal_digest_of(r.j, TABLE_SESSIONS, (u32)(rig_id(&r, n) >> 52), &shard);
		assert_in_range(shard.count, 1, 50);
	}
	for (u32 i = 0; i < JOURNAL_SHARDS; i++) {
		journal_digest_of(r.j, TABLE_SESSIONS, i, &shard);
		sum += shard.count;
	}
	root = rig_root(&r);
	assert_int_equal(sum, root.count);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),	cmocka_unit_test(test_own_affairs),
		cmocka_unit_test(test_differ),	cmocka_unit_test(test_key),
		cmocka_unit_test(test_renamed), cmocka_unit_test(test_shards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
