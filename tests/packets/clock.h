/* SPDX-License-Identifier: ISC */
/*
 * A clock for a program that reads its own: instead of the time, the tables are moved.
 *
 * What decides is how long ago something was. A test that wants ten seconds to go by therefore
 * makes all that is in the tables ten seconds older; and while it runs, the seconds that really go
 * by are taken off again. So a run takes the same turns each time, whatever the machine's speed.
 */
#ifndef TESTS_PACKETS_CLOCK_H
#define TESTS_PACKETS_CLOCK_H

#include "sandwich/core/tables.h"

struct clock {
	u32 now;  /* ms, of memory_now(): what the tables were last brought to */
	u64 time; /* ms that have gone by for the test */
};

void clock_start(struct clock *c);

/* Ages stay as they are although time went on; for each of the COUNT tables. */
void clock_hold(struct clock *c, struct tables *const *t, unsigned int count);

/* MS go by. */
void clock_pass(struct clock *c, struct tables *const *t, unsigned int count, u32 ms);

#endif
