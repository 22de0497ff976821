/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the journal share: journal.c (rings, scans, telling), journal_digest.c (ids,
 * elements, what was told and its sums) and journal_young.c (what is not told yet).
 */
#ifndef SYNC_JOURNAL_STATE_H
#define SYNC_JOURNAL_STATE_H

#include "sync/journal.h"

#define JOURNAL_KINDS 2 /* sessions and pins */
#define JOURNAL_BATCH 256
#define JOURNAL_SEEN 512 /* a power of two, twice the batch: its events by slot */
#define JOURNAL_LATER 256
#define JOURNAL_NOBODY 0xffffu

/* What was last told of a slot. All zero: nothing, or that it is gone. */
struct shadow {
	u64 id;
	u32 version; /* the slot's then: while it is that, the key is the same */
	u8 device;
	u8 state;
	u8 router;
	u8 flags;
};

#define SHADOW_TOLD 1u
#define SHADOW_AGAIN 2u /* to be told once more, though the slot may be as it was */

_Static_assert(sizeof(struct shadow) == 16, "a quarter of a slot's size, four to a cache line");

/* An event under way: several of one slot are one. */
struct journal_pick {
	u32 index;
	u8 kind, what;
};

struct journal {
	struct tables *tables;
	struct event_ring **rings;
	unsigned int ring_count, next_ring;
	u32 *lost; /* of each ring, as last seen */

	struct flow_key session_key;
	struct hash_key pin_key, element_key;
	u64 names[DEVICES_MAX];
	u32 told[DEVICES_MAX]; /* entries on each device */
	struct shadow *shadow[JOURNAL_KINDS];
	u8 *marks[JOURNAL_KINDS]; /* a byte of each shadow's id */
	struct journal_digest (*shards)[JOURNAL_SHARDS]; /* of each kind */

	/* the scan under way */
	enum table_kind scan_kind;
	u32 scan_at;	   /* next slot */
	u64 scan_left;	   /* slots to go, of both tables; 0: none is due */
	u64 scanned;	   /* since the last whole scan */

	/* slots that were being written; looked at again next turn */
	struct journal_pick later[JOURNAL_LATER];
	u32 later_count;
	bool later_lost; /* there were more: a scan is due */

	struct journal_young *young; /* sync-after; NULL: all are told at once */
	u32 now;		     /* ms, for that alone */

	/* of this turn */
	journal_sink sink;
	void *user;
	bool scanning;
	struct journal_pick batch[JOURNAL_BATCH];
	u16 seen[JOURNAL_SEEN]; /* places in the batch */

	struct journal_counts counts; /* written here alone, read by anybody */
};

/* 0 is nobody's. */
CORE_INLINE u8 journal_mark(u64 id)
{
	return (u8)id ? (u8)id : 1;
}

/* Notes what is told of a slot, or that it is gone: the digests follow. */
void journal_shadow_put(struct journal *j, enum table_kind kind, u32 index, u64 id,
			const struct slot *slot);
void journal_shadow_clear(struct journal *j, enum table_kind kind, u32 index);

/* Looks at a slot and tells what has changed, to the sink of this turn. */
void journal_look(struct journal *j, const struct journal_pick *p);

/* sync-after: whether a session that was not told is held back; a look at what came of age. */
bool journal_young_holds(struct journal *j, u32 index, const struct slot *slot);
u32 journal_young_turn(struct journal *j, u32 budget);
void journal_young_free(struct journal *j);

/*
 * The word that digests add up for what was told of a slot. Without STATE: what two sides can agree
 * on, whose timers differ.
 */
u64 journal_element_of(const struct journal *j, enum table_kind kind, const struct shadow *s,
		       bool state);

/* The memory of what was told. 0, or -ENOMEM, and what there is can be freed. */
int journal_shadow_new(struct journal *j, const struct hash_key *key)
	__attribute__((warn_unused_result));
void journal_shadow_free(struct journal *j);

#endif
