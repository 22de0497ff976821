/* SPDX-License-Identifier: ISC */
/*
 * A box for the tests of sync: tables filled by hand, a journal that follows them, and the store
 * that other boxes' records go to.
 *
 * Included by one test program each. Aborts by cmocka where there is no memory.
 */
#ifndef TESTS_UNIT_STORE_RIG_H
#define TESTS_UNIT_STORE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/sweep.h"
#include "sync/journal_look.h"
#include "sync/store.h"
#include "tests/packets/world.h"

#define RIG_DEVICES 4

struct box {
	struct world world;
	struct tables own; /* the follower's handle: its writes are told to nobody */
	struct event_ring *ring;
	struct journal *journal;
	struct store *store;
};

/* Who follows the tables: knows nothing of them at first. */
static inline void box_follow(struct box *b)
{
	struct journal_setup setup = {.tables = &b->own, .rings = &b->ring, .ring_count = 1,
				      .key = {3, 4}};

	assert_int_equal(journal_new(&b->journal, &setup), 0);
	for (u8 d = 1; d <= RIG_DEVICES; d++)
		journal_device(b->journal, d, b->own.devices[d].name_hash);
	assert_int_equal(store_new(&b->store, &b->own, b->journal), 0);
}

static inline void box_open(struct box *b, u32 sessions, u32 pins)
{
	static const char *const names[] = {"", "a", "b", "c", "d"};

	world_open(&b->world, sessions, pins, 64);
	world_settings(&b->world.tables, SIDE_INGRESS, AFFINITY_PAIR);
	for (u8 d = 1; d <= RIG_DEVICES; d++)
		world_device(&b->world.tables, d, names[d], 1);
	b->own = b->world.tables;
	b->ring = calloc(1, sizeof(*b->ring));
	assert_non_null(b->ring);
	b->world.tables.events = b->ring;
	box_follow(b);
}

static inline void box_close(struct box *b)
{
	store_free(b->store);
	journal_free(b->journal);
	free(b->ring);
	world_close(&b->world);
}

static inline struct flow box_flow(u32 n)
{
	struct flow f = {.protocol = PROTOCOL_TCP, .inside_port = core_swap16(443)};

	address_from_v4(&f.outside, core_swap32(0x0a000000 | n));
	address_from_v4(&f.inside, core_swap32(0xc0000201));
	return f;
}

static inline struct slot *box_find(struct box *b, enum table_kind kind, const struct flow *f)
{
	const struct settings *cfg = b->own.settings;
	u64 hash = kind == TABLE_PINS ? flow_hash(&cfg->placement, f) : session_hash(cfg, f);

	return table_find(&b->own, kind, f, hash);
}

static inline struct slot *box_session(struct box *b, u32 n)
{
	struct flow f = box_flow(n);

	return box_find(b, TABLE_SESSIONS, &f);
}

static inline u64 box_id(const struct box *b, enum table_kind kind, u32 n)
{
	struct flow f = box_flow(n);

	return journal_id(b->journal, kind, &f);
}

/* What a datagram tells of key N. */
static inline struct store_record box_record(enum table_kind kind, u32 n, u8 device, u8 state)
{
	struct store_record r = {.kind = kind, .slot.device = device, .slot.state = state,
				 .slot.seen = 900, .slot.created = 500};

	r.slot.key = box_flow(n);
	return r;
}

#endif
