/* SPDX-License-Identifier: ISC */
/*
 * The one hash table: open addressing over 64-byte slots, a cache line each.
 *
 * Sessions, pins and fragments are all kept in it. A key lives within TABLE_WINDOW slots of where
 * its hash points, so every operation is a bounded loop. Several CPUs and both machines change
 * a table at once: a slot is claimed by compare-and-swap on its version word, written, and
 * published by storing the next version. Readers compare the version before and after.
 * A race may insert a key twice; the copy further from home is removed by who put it there.
 */
#ifndef SANDWICH_CORE_TABLE_H
#define SANDWICH_CORE_TABLE_H

#include "sandwich/core/flow.h"

#define TABLE_WINDOW 16

/* Versions: two that end no walk but one, and even numbers that grow with each change. */
#define SLOT_NEVER 0u /* never used: a walk ends here */
#define SLOT_BUSY 1u  /* being written */
#define SLOT_FREE 2u  /* was used: a walk goes on */
#define SLOT_LIVE 4u  /* and above: in use */

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

#ifdef __bpf__
#define core_load(p) (*(const volatile __typeof__(*(p)) *)(p))
#define core_store(p, v) (*(volatile __typeof__(*(p)) *)(p) = (v))
#define core_publish(p, v)                                                                         \
	do {                                                                                       \
		asm volatile("" ::: "memory");                                                     \
		core_store(p, v);                                                                  \
	} while (0)
#else
#define core_load(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define core_store(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define core_publish(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#endif

#define core_add(p, n) ((void)__sync_fetch_and_add(p, n))

CORE_INLINE bool slot_is_live(u32 version)
{
	return version >= SLOT_LIVE && !(version & 1);
}

/* Takes the slot from anybody else, or fails. The owner publishes or frees it. */
CORE_INLINE bool slot_claim(struct slot *s, u32 version)
{
	return __sync_val_compare_and_swap(&s->version, version, SLOT_BUSY) == version;
}

CORE_INLINE void slot_publish(struct slot *s, u32 before)
{
	u32 next = (before & ~1u) + 2;

	core_publish(&s->version, next < SLOT_LIVE ? SLOT_LIVE : next);
}

CORE_INLINE void slot_release(struct slot *s)
{
	core_publish(&s->version, SLOT_FREE);
}

/* Removes what the slot holds if it is still at VERSION. */
CORE_INLINE bool slot_remove(struct slot *s, u32 version)
{
	if (!slot_is_live(version) || !slot_claim(s, version))
		return false;
	slot_release(s);
	return true;
}

CORE_INLINE bool slot_holds(struct slot *s, const struct flow *key)
{
	u32 version = core_load(&s->version);

	return slot_is_live(version) && flow_equal(&s->key, key) &&
	       core_load(&s->version) == version;
}

CORE_INLINE void slot_fill(struct slot *s, const struct flow *key, u8 device, u8 state, u32 now)
{
	s->key = *key;
	s->seen = s->created = now;
	s->packets = s->bytes_low = 0;
	s->bytes_high = 0;
	s->device = device;
	s->state = state;
	s->router = 0;
}

CORE_INLINE u64 slot_bytes(const struct slot *s)
{
	return (u64)s->bytes_high << 32 | s->bytes_low;
}

/* Two CPUs on one slot may lose a count between them, never more: the price of no lock. */
CORE_INLINE void slot_account(struct slot *s, u32 bytes)
{
	u64 sum = slot_bytes(s) + bytes;

	core_store(&s->packets, s->packets + 1);
	core_store(&s->bytes_low, (u32)sum);
	core_store(&s->bytes_high, (u8)(sum >> 32));
}

#endif
