/* SPDX-License-Identifier: ISC */
/*
 * The journal: follows the session and pin tables, and says what changed in them.
 *
 * Events (core/event.h) say which slots to look at; where a ring overflowed, the whole table is
 * scanned, a part each turn, and compared with the shadow. The shadow holds, for each slot, what
 * was last told of it (16 bytes): so a change is told once however often it is put, a removed
 * session can still be named, and the digests that prove two tables equal are kept as they change.
 *
 * Pure but for the tables it reads: no I/O, no clock. Thread: one at a time (the follower's),
 * beside any number of CPUs that change the tables; journal_read_counts() from any.
 */
#ifndef SYNC_JOURNAL_H
#define SYNC_JOURNAL_H

#include "sandwich/core/event.h"
#include "sandwich/core/tables.h"

struct journal;

#define JOURNAL_SHARDS 4096 /* by the topmost bits of an entry's id */

struct journal_setup {
	struct tables *tables;	   /* whose sessions and pins it follows; not owned */
	struct event_ring **rings; /* not owned; one a producer */
	unsigned int ring_count;
	struct hash_key key; /* of digests: both twins' the same (from the shared secret) */
};

/*
 * A change. The slot's content is a copy that was whole at one moment. An id names a key: its
 * 64-bit keyed hash.
 */
struct journal_change {
	enum table_kind kind; /* TABLE_SESSIONS or TABLE_PINS */
	u32 index;
	u32 what; /* first four of enum event, ored; 0 where a scan found it */
	u64 id;
	bool gone;	  /* removed, or another key's by now: only kind, index, id hold */
	struct slot slot; /* as it is now */
};

/* CHANGE is valid until it returns. It may call journal_applied() and what only reads. */
typedef void (*journal_sink)(void *user, const struct journal_change *change);

struct journal_counts {
	u64 events[4]; /* new, closed, learned, moved, as they were put */
	u64 changed;   /* changes told */
	u64 lost;      /* events that found their ring full */
	u64 scans;     /* both tables scanned from end to end, the first time at start */
	u64 found;     /* changes that only a scan told, the first ones included */
	u64 entries[2]; /* sessions and pins told and not gone */
};

/* A shard's or a table's content in short: additive, whatever the order and the slots. */
struct journal_digest {
	u64 sum[2];
	u32 count;
};

/* 0 or -ENOMEM. It starts with an empty shadow: the first turns tell all that there is. */
int journal_new(struct journal **out, const struct journal_setup *setup)
	__attribute__((warn_unused_result));
void journal_free(struct journal *j);

/*
 * Takes up to BUDGET events, scans up to BUDGET slots where a scan is due, and tells SINK each
 * change. How many events and slots that were: less than BUDGET means that nothing is left to do
 * now; a slot that was being written is looked at again next turn. A key that two slots hold for
 * a moment (core/table.h) is told of both, and is gone when both are.
 */
u32 journal_turn(struct journal *j, u32 budget, journal_sink sink, void *user);

/* Makes the next turns scan everything: after an interruption, or on an operator's word. */
void journal_rescan(struct journal *j);

/*
 * Before waiting for the bell: sets `asleep` in all rings. False when there is something to do
 * (nothing is set then). A producer that looked at `asleep` just before has put its event by a
 * microsecond later: look once more then, since it rings no bell. journal_wake() clears `asleep`.
 */
bool journal_sleep(struct journal *j);
void journal_wake(struct journal *j);

/*
 * The follower itself wrote a slot (a peer's record), or removed it: the shadow and the digests
 * follow, and nobody is told. WROTE: key, device, state and router as it wrote them, not as they
 * lie there by now, since what others changed meanwhile is still to be told; NULL: removed. ID is
 * the key's. The id of another key that this slot was told to hold, and that is gone by that; 0:
 * none.
 */
u64 journal_applied(struct journal *j, enum table_kind kind, u32 index, u64 id,
		    const struct slot *wrote) __attribute__((warn_unused_result));

/* The id of a key: its keyed hash, the same at both twins. */
u64 journal_id(const struct journal *j, enum table_kind kind, const struct flow *key);

/*
 * The device ids' meaning: digests name devices by the hash of their names (0: none). What was told
 * of an id that means another device from now on is told again.
 */
void journal_device(struct journal *j, u8 device, u64 name_hash);

void journal_digest_of(const struct journal *j, enum table_kind kind, u32 shard,
		       struct journal_digest *out);
/* Both tables, all shards. */
void journal_root(const struct journal *j, struct journal_digest *out);
void journal_read_counts(const struct journal *j, struct journal_counts *out);

#endif
