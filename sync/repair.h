/* SPDX-License-Identifier: ISC */
/*
 * Proving two boxes' tables equal, and making them so (PROTOCOL 5).
 *
 * The active puts marks with its root digest into its stream. A standby that has everything up to a
 * mark, and nothing beyond, compares. Where they differ it asks for digests of groups, then of
 * shards, then reconciles each group's differing shards by rateless coded symbols, asks for what it
 * lacks, and takes out what only it has. What it asks, and what it is answered, may be lost: it
 * asks again. Between partners the same goes over elements without state, and only adds.
 *
 * Ownership: all that the setup names is the caller's and outlives it.
 * Thread: the follower's. Pure but for the tables; times are microseconds of the link's clock.
 */
#ifndef SYNC_REPAIR_H
#define SYNC_REPAIR_H

#include "sync/replicate.h"

struct repair;

struct repair_setup {
	struct tables *tables;
	struct journal *journal;
	struct store *store;
	struct replicate *replicate;
	u8 link_number; /* in the store */
	enum store_peer peer;
	u64 key; /* of the coded symbols' checks: both ends' the same */
};

enum repair_phase {
	REPAIR_IDLE,
	REPAIR_GROUPS,	/* waits for the digests of groups */
	REPAIR_SHARDS,	/* of shards */
	REPAIR_CENSUS,	/* lists its own elements */
	REPAIR_SYMBOLS, /* waits for coded symbols */
	REPAIR_RECORDS, /* asks for what it lacks */
	REPAIR_MARK,	/* waits for the mark behind what was asked for */
	REPAIR_DUMP,	/* waits for the whole table */
	REPAIR_PHASES
};

struct repair_view {
	bool known;	  /* a mark has been compared since the last reset */
	bool equal;	  /* as of it */
	u64 compared_us;  /* when */
	u64 equal_us;	  /* equal since; 0: it is not */
	enum repair_phase phase;
	u32 differing;	  /* elements, at the last count */
	u64 rounds, repaired, dumps; /* repaired: rounds at whose end the tables were equal */
	u64 wanted, removed; /* elements asked for; entries taken out */
	u64 symbols;	     /* received */
	u64 asked_bytes, answered_bytes; /* of items, what was sent */
};

/* 0 and *OUT, or -ENOMEM. */
int repair_new(struct repair **out, const struct repair_setup *setup)
	__attribute__((warn_unused_result));
void repair_free(struct repair *r);

void repair_attach(struct repair *r, struct link *link);

/* The link's ops of those names. An item that is not the repair's: false. */
bool repair_item(struct repair *r, const struct link_item *item, u64 now_us);
void repair_reset(struct repair *r);

/* Compares at once: an operator's word, a start; a partner never compares by itself. */
void repair_start(struct repair *r, u64 now_us);

/* Asks, answers, counts. When it wants to be called next (LINK_NEVER: when an item comes). */
u64 repair_turn(struct repair *r, u64 now_us);

void repair_view(const struct repair *r, struct repair_view *out);

#endif
