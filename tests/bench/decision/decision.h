/* SPDX-License-Identifier: ISC */
/* What the wrapper around the decision shares with user space: a mapped array of one. */
#ifndef TESTS_BENCH_DECISION_H
#define TESTS_BENCH_DECISION_H

#include "tests/bench/traffic.h"

/* Written by user space; the program moves on `random` and `sequence`. */
struct decision {
	struct traffic traffic;
	__u32 flows;
	__u32 in_order; /* 1: one flow after the other; 0: at random */
	__u32 sequence;
	__u64 random;
};

#endif
