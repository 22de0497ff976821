/* SPDX-License-Identifier: ISC */
/*
 * What other balancers say of sessions and pins, written into the tables.
 *
 * Records are registers (PROTOCOL 4): what was sent later wins, whatever the order it comes in, and
 * a deletion is remembered for as long as something older can still come. The twin's word is taken
 * as it is. A partner sees the conversations itself, and is asked only for what is absent.
 *
 * A twin's table has the same window for each key (the tables' key is derived from the shared
 * secret), and the same number of slots where the two are set up alike. So what fits there fits
 * here; since it came in another order, what is in the way is moved within its own window. What
 * has no room all the same is counted, and the digests tell.
 *
 * Ownership: tables and journal are the caller's, and outlive the store.
 * Thread: the follower's. Twin's records: where no frame touches the tables (standby); a partner's:
 * beside any number of CPUs.
 */
#ifndef SYNC_STORE_H
#define SYNC_STORE_H

#include "sync/journal.h"

struct store;

#define STORE_LINKS 16

enum store_peer { STORE_TWIN, STORE_PARTNER };

/* A session or a pin that another box told of. */
struct store_record {
	enum table_kind kind;
	bool counters;	  /* packets and bytes were told */
	u8 result;	  /* enum store_result */
	u32 index;	  /* result: of its slot, if it is in the table */
	u64 id;		  /* result */
	u64 displaced;	  /* result: of a key that its slot was told to hold before; 0: none */
	struct slot slot; /* all but the version; times by our clock; device ours, 0: no such */
};

enum store_result {
	STORE_APPLIED,
	STORE_SAME,	 /* applied, and nothing but times and counters was new */
	STORE_STALE,	 /* something later was here first */
	STORE_KEPT,	 /* a partner's, and we have our own */
	STORE_NO_DEVICE,
	STORE_FULL,	 /* no room in its window */
	STORE_RESULTS
};

struct store_counts {
	u64 result[STORE_RESULTS];
	u64 removed, refreshed;
	u64 stale_gone;	 /* deletions that something later went before */
	u64 unknown;	 /* deletions and refreshes of what is not here */
	u64 relocated;	 /* entries moved within their window to make room */
	u64 tombs, tombs_most; /* deletions remembered: now (of the last link), and at most */
	u64 tombs_lost;	 /* not remembered: no memory */
};

/* 0 and *OUT, or -ENOMEM. */
int store_new(struct store **out, struct tables *tables, struct journal *journal)
	__attribute__((warn_unused_result));
void store_free(struct store *s);

/* What LINK (below STORE_LINKS) is to us; forgets all that it said: a new incarnation. */
void store_link(struct store *s, u8 link, enum store_peer peer);

/*
 * Applies records that came with the reliable datagram of that number (48 bits, from 1). Results
 * stand in the records.
 */
void store_apply(struct store *s, u8 link, u64 sequence, struct store_record *records, u32 count);

/*
 * Forgets the key of that id. BELOW: the link's watermark; what has a tombstone is what something
 * older may still come for. True: it was there, and is gone.
 */
bool store_gone(struct store *s, u8 link, u64 sequence, u64 below, enum table_kind kind, u64 id);

/*
 * Times and counters of the key with that id. They only go forward: what is told unreliably has no
 * number, and may come late.
 */
void store_refresh(struct store *s, u8 link, enum table_kind kind, u64 id,
		   const struct slot *times);

/* All up to SEQUENCE has come or never will: deletions up to it need not be remembered. */
void store_passed(struct store *s, u8 link, u64 sequence);

/*
 * Takes out what a twin did not have when its reliable number AFTER was the newest here (repair),
 * unless LINK has spoken of it since. True: it was there.
 */
bool store_drop(struct store *s, u8 link, u64 after, enum table_kind kind, u64 id);

/* After a dump: takes out what LINK has not said since the reliable number AFTER. How many. */
u32 store_purge(struct store *s, u8 link, u64 after);

/* Gives every session and pin its full time from NOW on: a takeover. */
void store_renew(struct store *s, u32 now);

void store_read_counts(const struct store *s, struct store_counts *out);

#endif
