/* SPDX-License-Identifier: ISC */
/*
 * What the generator's two halves share: a mapped array of one. Words are written by the side
 * named.
 */
#ifndef TESTS_BENCH_GENERATOR_H
#define TESTS_BENCH_GENERATOR_H

#include "tests/bench/traffic.h"

#define GENERATOR_STOP (~0ull) /* as gap: no frames */

enum generator_order {
	GENERATOR_RANDOM,   /* any of the flows, independently of the frame before */
	GENERATOR_SEQUENCE, /* every frame the next flow, and no flow twice in 2^28 frames */
	GENERATOR_FLOOD,    /* random; every other frame is a SYN from a source that nobody knows */
};

struct generator {
	/* user space */
	__u64 gap;	/* ns between frames; 0: as fast as it goes */
	__u32 flows;	/* how many there are */
	__u32 ifindex;	/* where frames go */
	__u32 order;	/* enum generator_order */
	__u32 stamped;	/* 1: each frame bears its time (traffic_stamp()); paced only */
	struct traffic traffic;
	/* the program */
	__u64 now;	/* ns */
	__u64 next;	/* ns: when the next frame is due */
	__u64 sent;
	__u64 random;
	__u32 sequence;
};

#endif
