/* SPDX-License-Identifier: ISC */
/*
 * A balancer goes on where the daemon before it left off: what it takes over of the tables that the
 * fast path found, in the order in which a start calls these. Without any, they do nothing.
 *
 * Until adopt_finish() the former program forwards by the former tables, so nothing here is in a
 * hurry, and nothing is seen half done. Thread: main.
 */
#ifndef SANDWICH_RUN_ADOPT_H
#define SANDWICH_RUN_ADOPT_H

#include "sandwich/run/balancer.h"

/*
 * Before the settings are applied: devices keep their ids by name, the table's own key stays, and
 * who is up is up until a detector says otherwise.
 */
void adopt_begin(struct balancer *b);

/* They have been applied, and the rows built (b->rows): where they differ, the farm sweeps. */
void adopt_tables(struct balancer *b);

/* Before the farm is configured: operators' words hold. */
void adopt_farm(struct balancer *b);

/* Everything is configured: where devices, routers and hosts are, as it was known. */
void adopt_ways(struct balancer *b);

/* Our program is on the ports: what changed meanwhile follows, and the log says what there was. */
void adopt_finish(struct balancer *b);

/* A start that came to nothing: the former program goes on. */
void adopt_give_up(struct balancer *b);

/* Now and then: notes for the daemon that comes after us. */
void adopt_tick(struct balancer *b, u32 now);

#endif
