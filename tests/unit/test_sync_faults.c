/* SPDX-License-Identifier: ISC */
/* links: sync/journal_young.c */
/* links: sync/store.c sync/store_room.c sync/tombs.c sync/journal.c sync/journal_digest.c */
/* links: sync/journal_look.c sync/replicate.c sync/replicate_send.c sync/replicate_take.c */
/* links: sync/repair.c sync/repair_ask.c sync/repair_answer.c sync/census.c sync/riblt.c */
/* links: sync/link.c sync/link_send.c sync/link_memory.c sync/link_path.c sync/link_gaps.c */
/* links: sync/record_link.c sync/record_table.c sync/record_proof.c sync/record_role.c */
/* links: sync/seal.c tests/packets/world.c tests/packets/frame.c sandwich/slowpath/memory.c */
/*
 * Replication and repair under faults at random, seed by seed: SYNC_SEEDS of them from SYNC_SEED.
 *
 * At every step what the standby holds of each key is compared with all that the active has held of
 * it, in order: it may be behind, and never goes back. Once the faults stop both tables are the
 * same, and both know it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/sync_rig.h"

#define KEYS 48
#define HISTORY 4096
#define SEEDS 300

/* All that the active has held of a key: the version stands in slot.router; 0: nothing. */
struct history {
	u8 version[HISTORY];
	u32 count;
	u32 seen; /* how far the standby is known to have come */
	u8 next;
};

struct trial {
	struct sync_rig rig;
	struct history key[2][KEYS]; /* sessions, pins */
	u64 seed;
	u8 active;
	bool forgets; /* the standby lost its table: it begins anew */
};

static struct slot *held(struct node *n, enum table_kind kind, u32 key)
{
	struct flow f = box_flow(key);

	return box_find(&n->box, kind, &f);
}

static u8 version_of(struct node *n, enum table_kind kind, u32 key)
{
	struct slot *s = held(n, kind, key);

	return s ? s->router : 0;
}

/* Pins and sessions alike: a new version is a new router. */
static void stamp(struct trial *t, enum table_kind kind, u32 key, struct slot *s)
{
	struct history *h = &t->key[kind][key];

	h->next = h->next == 255 ? 1 : (u8)(h->next + 1);
	s->router = h->next;
	tables_tell(&t->rig.node[t->active].box.world.tables, kind, s, EVENT_CHANGED);
}

static void change_session(struct trial *t, struct node *n, u32 key)
{
	struct tables *tables = &n->box.world.tables;
	struct slot *s = held(n, TABLE_SESSIONS, key);
	u8 device = (u8)(1 + rig_dice(&t->rig, RIG_DEVICES));
	u32 what = rig_dice(&t->rig, 5);
	struct flow f = box_flow(key);

	if (s && what == 0) {
		session_remove(tables, s, s->version);
		return;
	}
	if (s && what == 1)
		session_move(tables, s, &f, device);
	else if (s)
		session_mark(tables, s, session_byte((u8)rig_dice(&t->rig, SESSION_STATES),
						     ORIGIN_HASH, 0), EVENT_CHANGED);
	else
		s = session_add(tables, &f, session_hash(n->box.own.settings, &f), device,
				SESSION_NEW, node_ms(n));
	if (s)
		stamp(t, TABLE_SESSIONS, key, s);
}

static void change_pin(struct trial *t, struct node *n, u32 key)
{
	struct tables *tables = &n->box.world.tables;
	struct slot *s = held(n, TABLE_PINS, key);
	struct flow f = box_flow(key);

	if (s && rig_dice(&t->rig, 3) == 0) {
		pin_remove(tables, s, s->version);
		return;
	}
	pin_put(tables, &f, flow_hash(&n->box.own.settings->placement, &f),
		(u8)(1 + rig_dice(&t->rig, RIG_DEVICES)), PIN_LEARNED, node_ms(n));
	s = held(n, TABLE_PINS, key);
	if (s)
		stamp(t, TABLE_PINS, key, s);
}

/* --- the model ------------------------------------------------------------------------------ */

/* A window may have been full: whatever a change did to any key is seen here. */
static void note_active(struct trial *t)
{
	for (enum table_kind kind = 0; kind < 2; kind++)
		for (u32 key = 0; key < KEYS; key++) {
			struct history *h = &t->key[kind][key];
			u8 version = version_of(&t->rig.node[t->active], kind, key);

			if (h->count && h->version[h->count - 1] == version)
				continue;
			assert_true(h->count < HISTORY);
			h->version[h->count++] = version;
		}
}

static void check_standby(struct trial *t)
{
	for (enum table_kind kind = 0; kind < 2; kind++)
		for (u32 key = 0; key < KEYS; key++) {
			struct history *h = &t->key[kind][key];
			u8 version = version_of(&t->rig.node[!t->active], kind, key);
			u32 at = h->seen;

			while (at < h->count && h->version[at] != version)
				at++;
			if (at == h->count)
				fail_msg("seed %llu: key %u of table %d went back to version %u",
					 (unsigned long long)t->seed, key, kind, version);
			h->seen = at;
		}
}

static void forget_history(struct trial *t)
{
	for (enum table_kind kind = 0; kind < 2; kind++)
		for (u32 key = 0; key < KEYS; key++) {
			struct history *h = &t->key[kind][key];

			h->count = h->seen = 0;
			h->version[h->count++] = version_of(&t->rig.node[!t->active], kind, key);
		}
	note_active(t);
}

/* --- a trial -------------------------------------------------------------------------------- */

static void step(struct trial *t)
{
	struct node *n = &t->rig.node[t->active];
	u32 changes = rig_dice(&t->rig, 12);

	for (u32 i = 0; i < changes; i++) {
		u32 key = rig_dice(&t->rig, KEYS);

		if (rig_dice(&t->rig, 4))
			change_session(t, n, key);
		else
			change_pin(t, n, key);
		note_active(t);
		if (rig_dice(&t->rig, 3) == 0)
			node_journal(n);
	}
	rig_run(&t->rig, rig_dice(&t->rig, 4) * 500 + 300, 300);
	check_standby(t);
}

static void restart_standby(struct trial *t)
{
	bool memory = rig_dice(&t->rig, 2);

	node_restart(&t->rig.node[!t->active], memory);
	if (!memory)
		forget_history(t);
}

static void fault(struct trial *t)
{
	switch (rig_dice(&t->rig, 40)) {
	case 0:
		restart_standby(t);
		break;
	case 1:
		node_restart(&t->rig.node[t->active], true);
		break;
	case 2:
		t->rig.cut = true;
		break;
	case 3:
	case 4:
	case 5:
		t->rig.cut = false;
		break;
	case 6:
		t->rig.loss = rig_dice(&t->rig, 300);
		break;
	default:
		break;
	}
}

static bool both_equal(struct trial *t)
{
	struct repair_view view;

	repair_view(t->rig.node[!t->active].repair, &view);
	return view.equal && !rig_differences(&t->rig);
}

static void quiet(struct trial *t)
{
	u64 from = t->rig.now;

	t->rig.cut = false;
	t->rig.loss = t->rig.twice = 0;
	do
		rig_run(&t->rig, 50 * MS, 5 * MS);
	while (t->rig.now - from < 2 * SECOND + 200 * MS && !both_equal(t));
	check_standby(t);
	if (rig_differences(&t->rig))
		fail_msg("seed %llu: %u differences after two seconds of quiet",
			 (unsigned long long)t->seed, rig_differences(&t->rig));
	if (!both_equal(t))
		fail_msg("seed %llu: the standby does not know that it is equal",
			 (unsigned long long)t->seed);
}

/* The standby becomes active with what it has; the other follows. */
static void change_roles(struct trial *t)
{
	replicate_send_changes(t->rig.node[t->active].replicate, false);
	t->active = !t->active;
	replicate_send_changes(t->rig.node[t->active].replicate, true);
	for (int i = 0; i < 2; i++) {
		t->rig.node[i].active = i == t->active;
		repair_reset(t->rig.node[i].repair);
	}
	forget_history(t);
}

static void one_trial(u64 seed)
{
	struct trial *t = calloc(1, sizeof(*t));
	u32 slots = seed % 3 ? 128 : 64; /* where 48 keys fill windows at times */

	assert_non_null(t);
	t->seed = seed;
	rig_open(&t->rig, seed * 7919, slots, 64);
	t->rig.loss = rig_dice(&t->rig, 200);
	t->rig.twice = rig_dice(&t->rig, 100);
	t->rig.jitter = rig_dice(&t->rig, 2) ? 5000 : 50;
	forget_history(t);
	for (u32 i = 0; i < 80; i++) {
		step(t);
		fault(t);
	}
	quiet(t);
	change_roles(t);
	for (u32 i = 0; i < 20; i++)
		step(t);
	quiet(t);
	rig_close(&t->rig);
	free(t);
}

static u64 number_of(const char *name, u64 otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

static void test_seeds(void **state)
{
	u64 first = number_of("SYNC_SEED", 1), count = number_of("SYNC_SEEDS", SEEDS);

	(void)state;
	for (u64 seed = first; seed < first + count; seed++)
		one_trial(seed);
	print_message("%llu seeds from %llu\n", (unsigned long long)count,
		      (unsigned long long)first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
