/* SPDX-License-Identifier: ISC */
/*
 * One balancer twice: the engine in user space and, where there is one, in the kernel. Both get the
 * same tables and frames; any difference in verdict, frame or tables afterwards is a failure.
 */
#ifndef TESTS_PACKETS_TWIN_H
#define TESTS_PACKETS_TWIN_H

#include "tests/packets/frame.h"
#include "tests/packets/kernel.h"
#include "tests/packets/world.h"

struct twin {
	struct world user;
	struct tables *t[2]; /* user space's, and the kernel's or NULL */
	struct kernel *kernel;
	u64 frames, compared; /* how many were decided, and by both */
};

/* KERNEL may be NULL; it stays the caller's. */
void twin_open(struct twin *tw, struct kernel *kernel);
void twin_close(struct twin *tw);

/* Everything zero: no settings, no devices, no sessions. */
void twin_clear(struct twin *tw);

/* For each of the tables there are: T. */
#define twin_each(tw, table)                                                                       \
	for (struct tables **each_ = (tw)->t, *table = *each_; each_ < (tw)->t + 2 && table;       \
	     table = ++each_ < (tw)->t + 2 ? *each_ : NULL)

/* Decides FRAME on both; W comes with now, port and held. False: they differ, and it was said how.
 */
bool twin_decide(struct twin *tw, const struct frame *frame, struct work *w);

/* Compares all that frames change: slots, filters, stamps, devices, counters. */
bool twin_compare(struct twin *tw);

#endif
