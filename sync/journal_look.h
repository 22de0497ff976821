/* SPDX-License-Identifier: ISC */
/*
 * Looking into the journal: by id, by slot, and slot by slot for who proves two tables equal.
 *
 * An id is the hash by which its key lies in its table. So the table is the index of its ids: what
 * was told of an id stands in the shadow within a window of where the id points, 16 bytes a slot,
 * and a deletion that names an id finds its slot at the price of one cache miss.
 *
 * Thread: the follower's, as for journal.h.
 */
#ifndef SYNC_JOURNAL_LOOK_H
#define SYNC_JOURNAL_LOOK_H

#include "sync/journal.h"

/*
 * Whether all that was in the tables at the start has been looked at: before, the digests are of a
 * part.
 */
bool journal_whole(const struct journal *j);

/* The slot that was told to hold the key of that ID. False: none was. */
bool journal_find(const struct journal *j, enum table_kind kind, u64 id, u32 *index);

/* Asks the memory for what journal_find() and a look at the slot will need. */
void journal_ask(const struct journal *j, enum table_kind kind, u64 id);

/* The same for a slot whose number is known. */
void journal_ask_slot(const struct journal *j, enum table_kind kind, u32 index);

/*
 * Looks at a slot as if an event had named it, and tells SINK what has changed. 0 and *OUT: what
 * has been told of it, now or before, whole; -ENOENT: the slot is free, or nothing has been told of
 * it (what will be, SINK hears of); -EAGAIN: it is being written, and will be looked at in the next
 * turn, which says nothing where nothing has changed. So what is sent of a slot right after
 * this is what the digests count.
 */
int journal_read(struct journal *j, enum table_kind kind, u32 index, journal_sink sink, void *user,
		 struct journal_change *out) __attribute__((warn_unused_result));

/* What was told of a slot. */
struct journal_entry {
	u64 id;
	u64 element; /* the word that digests add up: id, device's name, state, who spoke first */
};

/*
 * False: nothing was told, or that it is gone, or its shard is not among SHARDS (a bit each; NULL:
 * all). INDEX below the table's size. STATE: or the element without the state, as two sides can
 * agree on it.
 */
bool journal_entry(const struct journal *j, enum table_kind kind, u32 index, const u64 *shards,
		   bool state, struct journal_entry *out);

/* Which shard an id is in. */
static inline u32 journal_shard_of(u64 id)
{
	return (u32)(id / (UINT64_MAX / JOURNAL_SHARDS + 1));
}

#endif
