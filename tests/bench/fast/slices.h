/* SPDX-License-Identifier: ISC */
/*
 * Two programs in turn on a live port, in slices of some ten milliseconds: ABBA, so that what
 * drifts meets both alike. What counts is the median of the ratios of neighbours; the machine's
 * speed may change by a factor of two meanwhile.
 */
#ifndef TESTS_BENCH_FAST_SLICES_H
#define TESTS_BENCH_FAST_SLICES_H

#include "tests/bench/fast/lane.h"

#define SLICES_MAX 256

struct slices_setup {
	int candidate, ceiling; /* programs */
	int pairs;
	int skip_ms, take_ms; /* of a slice: after the change, and measured */
	int wall;	      /* 1: by the clock on the wall */
};

/* Medians. Frames a second; `low` and `high`: the quartiles of the ratio. */
struct slices {
	double pps, ceiling, ratio, low, high;
	double known, known_ceiling; /* share of the frames that came out; flood only */
};

/* Measures; the generator runs already. 0 or -errno. */
int slices_run(const struct lane *l, struct port *p, const struct slices_setup *setup,
	       struct slices *out) __attribute__((warn_unused_result));

#endif
