/* SPDX-License-Identifier: ISC */
/*
 * One balancer twice: user space's data path and, where there is one, the fast path's program in
 * the kernel. Both get the same tables and frames; any difference in what becomes of a frame, in
 * what is told to the daemon, in the tables or the counters afterwards is a failure.
 */
#ifndef TESTS_PACKETS_TWIN_H
#define TESTS_PACKETS_TWIN_H

#include "tests/packets/clock.h"
#include "tests/packets/kernel.h"
#include "tests/packets/user.h"

/* Small, so that they fill, and that comparing them all is cheap. */
#define TWIN_SESSIONS 4096
#define TWIN_PINS 1024
#define TWIN_FRAGMENTS 256

struct twin {
	struct user user;
	struct tables *t[2]; /* user space's, and the kernel's or NULL */
	struct kernel *kernel;
	struct counters *cpu;	/* of the CPU that this process is pinned to */
	struct event_ring *events; /* that CPU's */
	unsigned int cpu_number;
	struct memory *memory;	/* the kernel's tables as the daemon sees them */
	struct clock clock;
	bool late; /* the program defers all touches that it can */
	u64 frames, compared; /* how many were decided, and by both */
	u64 sent, up, lone;   /* of those: sent on, told to the daemon, neither */
};

/* KERNEL may be NULL; it stays the caller's. The process is pinned to a CPU from now on. */
void twin_open(struct twin *tw, struct kernel *kernel);
void twin_close(struct twin *tw);

/* Everything zero: no settings, no devices, no sessions. */
void twin_clear(struct twin *tw);

/* For each of the tables there are: T. */
#define twin_each(tw, table)                                                                       \
	for (struct tables **each_ = (tw)->t, *table = *each_; each_ < (tw)->t + 2 && table;       \
	     table = ++each_ < (tw)->t + 2 ? *each_ : NULL)

/* MS go by. */
void twin_pass(struct twin *tw, u32 ms);

/*
 * Sends FRAME through both; LINEAR bytes of it lie in the first buffer (0: as many as can). W comes
 * with port and held. A held frame is the daemon's on both tables: the program never sees it twice.
 * False: they differ, and it was said how.
 */
bool twin_decide(struct twin *tw, const struct frame *frame, u32 linear, struct work *w);

/* Compares all that frames change: slots, filters, stamps, devices, counters. */
bool twin_compare(struct twin *tw);

#endif
