/* SPDX-License-Identifier: ISC */
/*
 * The one hash table: open addressing over 64-byte slots, a cache line each.
 *
 * Sessions, pins and fragments are all kept in it. A key lives within TABLE_WINDOW slots of where
 * its hash points, so every operation is a bounded loop. Several CPUs and both machines change
 * a table at once: a slot is claimed by compare-and-swap on its version word, written, and
 * published by storing the next version. Readers compare the version before and after. An entry
 * that only moves to another device is held meanwhile, and is found all the time.
 * A race may insert a key twice; whoever put it looks afterwards, and the copy further from home
 * is removed.
 */
#ifndef SANDWICH_CORE_TABLE_H
#define SANDWICH_CORE_TABLE_H

#include "sandwich/core/flow.h"

#define TABLE_WINDOW 16

/*
 * Versions grow with each key, through removals too, so that who knew one can tell that the slot is
 * another's by now. Multiples of four are in use; those with one added are in use and held by who
 * changes them; those with two added were used, and a walk goes on.
 */
#define SLOT_NEVER 0u /* never used: a walk ends here */
#define SLOT_BUSY 1u  /* being written */
#define SLOT_FREE 2u  /* the first of those that were used */
#define SLOT_LIVE 4u  /* the first of those in use */
#define SLOT_HELD 1u  /* added to one in use */

struct slot {
	u32 version;
	u32 seen;    /* ms: last touched */
	struct flow key;
	u32 created; /* ms */
	u32 packets;
	u32 bytes_low; /* 40 bits together: 1 TiB */
	u8 bytes_high;
	u8 device;
	u8 state;    /* what it says is the table's own affair: session.h, pin.h */
	u8 router;   /* sessions: which uplink neighbour it came from, 0: not known */
};

_Static_assert(sizeof(struct slot) == 64, "a slot is one cache line");

enum table_kind { TABLE_SESSIONS, TABLE_PINS, TABLE_FRAGMENTS, TABLES };

CORE_INLINE bool slot_is_live(u32 version)
{
	return version >= SLOT_LIVE && !(version & 2);
}

CORE_INLINE bool slot_is_free(u32 version)
{
	return version == SLOT_NEVER || (version & 3) == SLOT_FREE;
}

/* The version that follows BEFORE once the slot is written. */
CORE_INLINE u32 slot_next(u32 before)
{
	u32 next = (before & ~3u) + 4;

	return next < SLOT_LIVE ? SLOT_LIVE : next;
}

/* Takes the slot from anybody else, or fails. The owner publishes or frees it. */
CORE_INLINE bool slot_claim(struct slot *s, u32 version)
{
	return !(version & SLOT_HELD) &&
	       __sync_val_compare_and_swap(&s->version, version, SLOT_BUSY) == version;
}

/*
 * Keeps the slot from being claimed while it is changed, or fails. Its key stays, so it can be
 * found: were it hidden, another CPU would insert the key a second time.
 */
CORE_INLINE bool slot_hold(struct slot *s, u32 version)
{
	return !(version & SLOT_HELD) &&
	       __sync_val_compare_and_swap(&s->version, version, version | SLOT_HELD) == version;
}

CORE_INLINE void slot_unhold(struct slot *s, u32 version)
{
	core_publish(&s->version, version);
}

CORE_INLINE void slot_publish(struct slot *s, u32 before)
{
	core_publish(&s->version, slot_next(before));
}

/* Gives up a slot that was claimed at VERSION. */
CORE_INLINE void slot_release(struct slot *s, u32 version)
{
	core_publish(&s->version, version | SLOT_FREE);
}

/* Removes what the slot holds if it is still at VERSION. */
CORE_INLINE bool slot_remove(struct slot *s, u32 version)
{
	if (!slot_is_live(version) || !slot_claim(s, version))
		return false;
	slot_release(s, version);
	return true;
}

/* Each word is seen before the version is looked at again: another CPU may be writing the slot. */
CORE_INLINE void slot_key(const struct slot *s, struct flow *key)
{
	const any_word *from = (const any_word *)&s->key;
	any_word *to = (any_word *)key;

#pragma GCC unroll 5
	for (int i = 0; i < HASH_WORDS; i++)
		to[i] = core_load(&from[i]);
}

/* The same compared as it is read. */
CORE_INLINE bool slot_is(const struct slot *s, const struct flow *key)
{
	const any_word *held = (const any_word *)&s->key, *sought = (const any_word *)key;
	u64 differ = 0;

#pragma GCC unroll 5
	for (int i = 0; i < HASH_WORDS; i++)
		differ |= core_load(&held[i]) ^ sought[i];
	return !differ;
}

CORE_INLINE bool slot_holds(struct slot *s, const struct flow *key)
{
	u32 version = core_load(&s->version);

	return slot_is_live(version) && slot_is(s, key) &&
	       (core_load(&s->version) | SLOT_HELD) == (version | SLOT_HELD);
}

/* Writes a slot that was claimed. A reader that comes too late sees it, and then the version too.
 */
CORE_INLINE void slot_fill(struct slot *s, const struct flow *key, u8 device, u8 state, u32 now)
{
	const any_word *from = (const any_word *)key;
	any_word *to = (any_word *)&s->key;

#pragma GCC unroll 5
	for (int i = 0; i < HASH_WORDS; i++)
		core_store(&to[i], from[i]);
	core_store(&s->seen, now);
	core_store(&s->created, now);
	core_store(&s->packets, 0);
	core_store(&s->bytes_low, 0);
	core_store(&s->bytes_high, 0);
	core_store(&s->device, device);
	core_store(&s->state, state);
	core_store(&s->router, 0);
}

CORE_INLINE u64 slot_bytes(const struct slot *s)
{
	return (u64)core_load(&s->bytes_high) << 32 | core_load(&s->bytes_low);
}

/* Two CPUs on one slot may lose a count between them, never more: the price of no lock. */
CORE_INLINE void slot_account(struct slot *s, u32 bytes)
{
	u64 sum = slot_bytes(s) + bytes;

	core_store(&s->packets, core_load(&s->packets) + 1);
	core_store(&s->bytes_low, (u32)sum);
	core_store(&s->bytes_high, (u8)(sum >> 32));
}

#endif
