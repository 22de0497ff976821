/* SPDX-License-Identifier: ISC */
/* What the programs at both ends of a measurement share with user space, in mapped arrays. */
#ifndef TESTS_BENCH_ENDS_H
#define TESTS_BENCH_ENDS_H

#include <linux/types.h>

#define ENDS_TRIALS	 3
#define ENDS_BUCKETS	 131072 /* of 16 ns; the last has all that took longer */
#define ENDS_BUCKET_BITS 4

/* How long stamped frames took, by who forwarded them. */
struct ends_latency {
	__u32 trial; /* user space: which one is under way */
	__u32 spare;
	__u64 bucket[ENDS_TRIALS][ENDS_BUCKETS];
};

/* Frames that came out. One core writes it at a time. */
struct ends_sink {
	__u64 frames;
	__u64 known; /* those that are not a flood's */
};

#endif
