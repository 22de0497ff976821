/* SPDX-License-Identifier: ISC */
/*
 * A follower of the event rings, on a core of its own: takes every event, reads the slot that it
 * names, and counts.
 */
#ifndef TESTS_BENCH_FAST_LISTEN_H
#define TESTS_BENCH_FAST_LISTEN_H

#include "sandwich/core/tables.h"

struct listen;

struct listen_count {
	u64 put, lost, taken;
	u64 found; /* events whose slot held something */
};

/* Follows the COUNT rings of T from now on. 0 or -errno. */
int listen_open(struct listen **out, const struct tables *t, unsigned int count, int cpu)
	__attribute__((warn_unused_result));

/* Takes what is left, ends, and says how many there were since the start. */
void listen_close(struct listen *l, struct listen_count *out);

#endif
