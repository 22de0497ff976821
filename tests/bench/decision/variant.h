/* SPDX-License-Identifier: ISC */
/*
 * One build of the fast path's program, loaded for the kernel's test-run with tables of its own.
 */
#ifndef TESTS_BENCH_DECISION_VARIANT_H
#define TESTS_BENCH_DECISION_VARIANT_H

#include "sandwich/core/tables.h"

struct variant {
	struct bpf_object *object;
	int program;
	struct tables tables;	   /* without counters */
	struct counters *counters; /* those of all threads and CPUs */
	unsigned int count;
};

/*
 * Loads OBJECT with SESSIONS slots (a power of two), as the daemon does; a build with a hash map
 * gets as many entries there instead. Frames come in by the loopback interface, which is the
 * uplink, and leave for it. 0 or -errno.
 */
int variant_open(struct variant *v, const char *object, u32 sessions)
	__attribute__((warn_unused_result));
void variant_close(struct variant *v);

/* A counter, over all threads and CPUs. */
u64 variant_counter(const struct variant *v, enum counter what);

#endif
