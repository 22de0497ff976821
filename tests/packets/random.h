/* SPDX-License-Identifier: ISC */
/*
 * Frames by chance: those of the fixtures with a few bytes changed, and others put together from
 * all the layers there are; sent while devices come and go and time goes by.
 */
#ifndef TESTS_PACKETS_RANDOM_H
#define TESTS_PACKETS_RANDOM_H

#include "tests/packets/script.h"

/* A run is cut into chunks that begin anew: one of them can be repeated by itself. */
#define RANDOM_CHUNK 10000

struct random_plan {
	u64 seed;
	unsigned long frames;
	long only; /* the one chunk to run; -1: all */
};

/* False: the machines differ; it was said where, and how to repeat it. */
bool random_run(struct twin *tw, const struct samples *samples, const struct random_plan *plan);

/* A frame made by chance for PORT of a balancer on SIDE; *STATE is the generator's. */
void random_frame(struct frame *out, u8 side, u8 port, u64 *state);

/* The next number. */
u64 random_next(u64 *state);

#endif
