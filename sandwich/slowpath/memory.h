/* SPDX-License-Identifier: ISC */
/*
 * The memory behind the engine's tables in user space: one mapping, made at start, or the maps of
 * the fast path.
 *
 * Ownership: the memory owns all tables, unless it has adopted them; struct tables only points into
 * it.
 * Thread: created and freed by the main thread; handles may be used by their thread alone.
 */
#ifndef SANDWICH_SLOWPATH_MEMORY_H
#define SANDWICH_SLOWPATH_MEMORY_H

#include "sandwich/core/tables.h"

#define MEMORY_THREADS COUNTERS_THREADS /* struct counters that exist; 0 is the main thread's */

struct memory;

/* SESSIONS, PINS and FRAGMENTS are slots, powers of two. Returns 0 and *OUT, or -ENOMEM. */
int memory_new(struct memory **out, u32 sessions, u32 pins, u32 fragments)
	__attribute__((warn_unused_result));

/*
 * The same over tables that are mapped already and stay the caller's: T without counters, and COUNT
 * COUNTERS, MEMORY_THREADS or more; T->events is the first of as many rings. 0 and *OUT, or
 * -ENOMEM.
 */
int memory_adopt(struct memory **out, const struct tables *t, struct counters *counters,
		 unsigned int count) __attribute__((warn_unused_result));
void memory_free(struct memory *m);

/* A handle for THREAD (0 .. MEMORY_THREADS - 1), with that thread's counters and event ring. */
void memory_tables(struct memory *m, unsigned int thread, struct tables *out);

/* All *COUNT event rings, the threads' and then the CPUs'; who reads them is alone in it. */
struct event_ring **memory_rings(struct memory *m, unsigned int *count);

/* Adds up the counters of all threads and CPUs. */
void memory_sum(const struct memory *m, struct counters *sum);

/* Frames received so far, by all of them and on all ports. */
u64 memory_received(const struct memory *m);

/* Milliseconds of CLOCK_MONOTONIC_COARSE, modulo 2^32: the engine's clock. */
u32 memory_now(void);

#endif
