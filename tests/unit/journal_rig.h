/* SPDX-License-Identifier: ISC */
/*
 * A table, its journal, and somebody who believes what the journal says: for tests of the journal.
 */
#ifndef TESTS_UNIT_JOURNAL_RIG_H
#define TESTS_UNIT_JOURNAL_RIG_H

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/session.h"
#include "sandwich/slowpath/memory.h"
#include "sync/journal.h"

#define RIG_CHANGES 64
#define RIG_BUDGET 1000000

struct journal_rig {
	struct memory *memory;
	struct tables t; /* thread 0's */
	struct journal *j;
	GHashTable *believed; /* of sessions: id -> struct slot */
	struct journal_change last[RIG_CHANGES];
	u32 count; /* changes told since rig_turn() began */
	u32 wrong; /* something gone that was not there */
	u32 now;
};

static inline void rig_sink(void *user, const struct journal_change *change)
{
	struct journal_rig *r = user;

	if (r->count < RIG_CHANGES)
		r->last[r->count] = *change;
	r->count++;
	if (change->kind != TABLE_SESSIONS)
		return;
	if (change->gone)
		r->wrong += !g_hash_table_remove(r->believed, &change->id);
	else
		g_hash_table_replace(r->believed, g_memdup2(&change->id, sizeof(u64)),
				     g_memdup2(&change->slot, sizeof(struct slot)));
}

/* SECRET: where keys lie in the table, and so their ids; twins have the same. */
static inline void rig_open(struct journal_rig *r, u32 sessions, u32 pins, u64 secret)
{
	struct journal_setup setup = {.tables = &r->t, .key = {1111, 2222}};

	memset(r, 0, sizeof(*r));
	r->now = 1000;
	assert_int_equal(memory_new(&r->memory, sessions, pins, 64), 0);
	memory_tables(r->memory, 0, &r->t);
	/* one by which no window of the tests is full */
	settings_secret(r->t.settings, &(struct hash_key){secret, 7});
	r->t.settings->placement = (struct hash_key){5, 6};
	for (u32 i = 0; i < TIMEOUTS; i++)
		r->t.settings->timeout[i] = 1000000;
	setup.rings = memory_rings(r->memory, &setup.ring_count);
	assert_int_equal(journal_new(&r->j, &setup), 0);
	for (u32 i = 1; i < 8; i++)
		journal_device(r->j, (u8)i, hash_mix(i));
	r->believed = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
}

static inline void rig_close(struct journal_rig *r)
{
	g_hash_table_unref(r->believed);
	journal_free(r->j);
	memory_free(r->memory);
}

/* Turns until nothing is left; how many changes were told. */
static inline u32 rig_turn(struct journal_rig *r)
{
	r->count = 0;
	while (journal_turn(r->j, RIG_BUDGET, rig_sink, r) >= RIG_BUDGET)
		;
	return r->count;
}

static inline struct flow rig_flow(u32 n)
{
	struct flow f = {.protocol = PROTOCOL_UDP, .inside_port = core_swap16(53)};

	address_from_v4(&f.outside, core_swap32(0x0a000000 | (n & 0xffffff)));
	address_from_v4(&f.inside, core_swap32(0xc0000201));
	f.outside_port = (be16)(n >> 24);
	return f;
}

static inline struct slot *rig_find(struct journal_rig *r, u32 n)
{
	struct flow f = rig_flow(n);

	return table_find(&r->t, TABLE_SESSIONS, &f, session_hash(r->t.settings, &f));
}

static inline struct slot *rig_add(struct journal_rig *r, u32 n, u8 device)
{
	struct flow f = rig_flow(n);
	u64 hash = session_hash(r->t.settings, &f);

	return session_add(&r->t, &f, hash, device, SESSION_NEW, r->now);
}

static inline void rig_mark(struct journal_rig *r, struct slot *s, u8 byte, u32 what)
{
	session_mark(&r->t, s, byte, what);
}

static inline u64 rig_id(struct journal_rig *r, u32 n)
{
	struct flow f = rig_flow(n);

	return journal_id(r->j, TABLE_SESSIONS, &f);
}

static inline bool rig_believes(const struct slot *told, const struct slot *s)
{
	return told && flow_equal(&told->key, &s->key) && told->device == s->device &&
	       told->state == s->state && told->router == s->router;
}

/* What was told is what the table holds, no more and no less. */
static inline void rig_compare(struct journal_rig *r)
{
	u32 live = 0;

	for (u32 i = 0; i <= r->t.mask[TABLE_SESSIONS]; i++) {
		struct slot *s = &r->t.slots[TABLE_SESSIONS][i];
		u64 id = journal_id(r->j, TABLE_SESSIONS, &s->key);

		if (!slot_is_live(s->version))
			continue;
		live++;
		assert_true(rig_believes(g_hash_table_lookup(r->believed, &id), s));
	}
	assert_int_equal(g_hash_table_size(r->believed), live);
	assert_int_equal(r->wrong, 0);
}

static inline struct journal_counts rig_counts(const struct journal_rig *r)
{
	struct journal_counts counts;

	journal_read_counts(r->j, &counts);
	return counts;
}

static inline struct journal_digest rig_root(const struct journal_rig *r)
{
	struct journal_digest root;

	journal_root(r->j, &root);
	return root;
}

static inline bool rig_same(const struct journal_digest *a, const struct journal_digest *b)
{
	return a->sum[0] == b->sum[0] && a->sum[1] == b->sum[1] && a->count == b->count;
}

#endif
