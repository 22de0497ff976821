/* SPDX-License-Identifier: ISC */
/*
 * What the generator's two halves share: a mapped array of one. Words are written by the side
 * named.
 */
#ifndef TESTS_BENCH_GENERATOR_H
#define TESTS_BENCH_GENERATOR_H

#include <linux/types.h>

#define GENERATOR_FRAME 60	   /* bytes, without the 4 of the FCS: a 64-byte frame */
#define GENERATOR_STOP (~0ull) /* as gap: no frames */

struct generator {
	/* user space */
	__u64 gap;	/* ns between frames; 0: as fast as it goes */
	__u32 flows;	/* how many there are */
	__u32 ifindex;	/* where frames go */
	__u8 to[6], from[6];
	__u32 spare;
	/* the program */
	__u64 next;	/* ns: when the next frame is due */
	__u64 sent;
	__u32 flow;
};

#endif
