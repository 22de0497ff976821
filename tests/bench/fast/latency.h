/* SPDX-License-Identifier: ISC */
/* How long frames take, from the generator to the sink, at a given rate. */
#ifndef TESTS_BENCH_FAST_LATENCY_H
#define TESTS_BENCH_FAST_LATENCY_H

#include "tests/bench/fast/lane.h"

/* ns, to 16 ns; what takes 2 ms or more counts as 2 ms. */
struct latency {
	double pps; /* what really came out */
	double p50, p99, p999;
};

/*
 * Puts each of the PROGRAMS on the port in turn, several times over. The lane has the sink that
 * takes the time. 0 or -errno.
 */
int latency_run(const struct lane *l, struct port *p, const int programs[ENDS_TRIALS], int rate,
		struct latency out[ENDS_TRIALS]) __attribute__((warn_unused_result));

#endif
