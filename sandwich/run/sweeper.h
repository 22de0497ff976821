/* SPDX-License-Identifier: ISC */
/*
 * The sweep of the session table before the farm changes (core/sweep.h), cut into slices, and the
 * second one after it, for what began while the first walked.
 *
 * A sweep holds for the devices and rank rows that it was made for, until sweeper_forget() says
 * that what it reckoned with is no longer so.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_SWEEPER_H
#define SANDWICH_RUN_SWEEPER_H

#include <stdbool.h>
#include "sandwich/core/tables.h"

struct sweeper;

/* DONE is called at the end of each sweep but of the second ones. */
struct sweeper *sweeper_new(struct tables *tables, void (*done)(void *user, u32 now), void *user);
void sweeper_free(struct sweeper *w);

/* Sees to it that there is or will be a sweep for PICK and ROWS. True: there is one. */
bool sweeper_prepare(struct sweeper *w, const struct device_set *pick, u32 rows, u32 now);

/* ms: when the last sweep was done. */
u32 sweeper_done_at(const struct sweeper *w);

/* What was swept for is in force in part: the second sweep is due once all of it is. */
void sweeper_flipped(struct sweeper *w);

/* All is in force that was wanted: the second sweep, if it is due; a sweep that is left over is
 * forgotten. */
void sweeper_settle(struct sweeper *w, u32 now);

/* The sweep that is done or under way reckoned with what is no longer so. */
void sweeper_forget(struct sweeper *w);

#endif
