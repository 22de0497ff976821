/* SPDX-License-Identifier: ISC */
/* What the programs at both ends of a measurement share with user space, in mapped arrays. */
#ifndef TESTS_BENCH_ENDS_H
#define TESTS_BENCH_ENDS_H

#include <linux/types.h>

/* Frames that came out. One core writes it at a time. */
struct ends_sink {
	__u64 frames;
	__u64 known; /* those that are not a flood's */
};

#endif
