/* SPDX-License-Identifier: ISC */
/*
 * A table's elements in the order of their shards, as they were when they were counted: what set
 * reconciliation works on (PROTOCOL 5).
 *
 * The journal keeps sums, and no lists; so the list is made when it is needed, a part each turn.
 *
 * Thread: the follower's.
 */
#ifndef SYNC_CENSUS_H
#define SYNC_CENSUS_H

#include "sync/journal.h"

struct census;

struct census_setup {
	const struct journal *journal;
	const struct tables *tables;
	enum table_kind kind;
	bool state;	   /* elements with the state (twins), else without (partners) */
	const u64 *shards; /* which: JOURNAL_SHARDS bits; copied. NULL: all */
};

/* 0 and *OUT, or -ENOMEM. */
int census_new(struct census **out, const struct census_setup *setup)
	__attribute__((warn_unused_result));
void census_free(struct census *c);

/* Looks at up to BUDGET slots. 1: all is there; 0: not yet; -ENOMEM. */
int census_turn(struct census *c, u32 budget) __attribute__((warn_unused_result));

/* A shard's elements, once all is there; the next shard's follow. */
const u64 *census_shard(const struct census *c, u32 shard, u32 *count);

/* The slot of an element that census_shard() gave. */
u32 census_index(const struct census *c, const u64 *element);

#endif
