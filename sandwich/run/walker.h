/* SPDX-License-Identifier: ISC */
/*
 * A walk over a table, cut into slices between which the main loop lives on.
 *
 * One walk at a time for each walker; starting it anew begins from the first slot. Thread: main.
 */
#ifndef SANDWICH_RUN_WALKER_H
#define SANDWICH_RUN_WALKER_H

#include <stdbool.h>
#include "sandwich/core/tables.h"

struct walker;

struct walker_ops {
	void (*visit)(void *user, struct slot *s);
	void (*done)(void *user); /* every slot was visited; may start the next walk */
	void *user;
};

struct walker *walker_new(struct tables *tables, enum table_kind kind,
			  const struct walker_ops *ops);
void walker_free(struct walker *w);
void walker_start(struct walker *w);
void walker_stop(struct walker *w);
bool walker_is_running(const struct walker *w);

#endif
