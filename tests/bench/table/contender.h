/* SPDX-License-Identifier: ISC */
/*
 * A table of sessions in user space: what stands against what.
 *
 * All get the same 40-byte keys in the same order, keep 64 bytes a session, and have their memory
 * in large pages where the kernel gives such, and beforehand, where they know how much they take.
 * Thread: one.
 */
#ifndef TESTS_BENCH_TABLE_CONTENDER_H
#define TESTS_BENCH_TABLE_CONTENDER_H

#include <stdlib.h>
#include <sys/mman.h>

#include "sandwich/core/table.h"

#define CONTENDER_BATCH 16

struct contender {
	const char *name;
	/* Room for SESSIONS; NULL when there is none. */
	void *(*open)(u32 sessions);
	/* False when it finds no room. The key is not in it yet. */
	bool (*insert)(void *table, const struct flow *key);
	/* The session's slot, or NULL. */
	struct slot *(*find)(void *table, const struct flow *key);
	/*
	 * As many as CONTENDER_BATCH at a time, as a receiver of batches works; NULL where there is
	 * no such way. Both return how many there was room for, or that were found.
	 */
	u32 (*insert_batch)(void *table, const struct flow *keys, u32 n);
	u32 (*find_batch)(void *table, const struct flow *keys, u32 n);
	void (*close)(void *table);
};

#define CONTENDER_PAGE (2u << 20)

/* Room for COUNT sessions, for free(); NULL when there is none. */
static inline struct slot *contender_slots(u32 count)
{
	size_t size = ((size_t)count * sizeof(struct slot) + CONTENDER_PAGE - 1) &
		      ~((size_t)CONTENDER_PAGE - 1);
	void *slots = aligned_alloc(CONTENDER_PAGE, size);

	if (slots) {
		madvise(slots, size, MADV_HUGEPAGE);
		madvise(slots, size, MADV_POPULATE_WRITE);
	}
	return slots;
}

extern const struct contender contender_sandwich, contender_glib, contender_dpdk;

#endif
