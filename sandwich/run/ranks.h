/* SPDX-License-Identifier: ISC */
/*
 * New rank rows beside those in force, built without holding up anybody.
 *
 * 65 536 rows take some 5 ms for each device: longer than a heartbeat may be late. So a reload has
 * them built by a thread of its own, in memory of its own, and copies them when it goes over. What
 * the devices' names, ids and weights leave as it was is not built at all.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_RANKS_H
#define SANDWICH_RUN_RANKS_H

#include <stdbool.h>
#include "conf/config.h"
#include "sandwich/core/tables.h"

struct ranks;

/* Whether both configurations give the same rows (of one placement key). */
bool ranks_same(const struct config *a, const struct config *b);

/*
 * Starts building the rows of CONFIG, which is not kept, by T's placement key. DONE is called once,
 * by the main loop, unless ranks_free() comes before.
 */
struct ranks *ranks_start(const struct tables *t, const struct config *config,
			void (*done)(void *user), void *user);

/* Waits for the thread. */
void ranks_free(struct ranks *r);

/*
 * Exchanges what was built with the set SET, which must not be in force: a second time undoes it.
 * Only after DONE.
 */
void ranks_swap(struct ranks *r, struct tables *t, u32 set);

#endif
