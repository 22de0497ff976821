/* SPDX-License-Identifier: ISC */
/*
 * Frames that wait: copied, in order, a bounded number for a bounded time.
 *
 * A list belongs to what its frames wait for (a neighbour, a datagram); the hold is the budget that
 * all lists share. Thread: main.
 */
#ifndef SANDWICH_SLOWPATH_HOLD_H
#define SANDWICH_SLOWPATH_HOLD_H

#include <glib.h>
#include "sandwich/slowpath/pump.h"

#define HOLD_MS 1000 /* how long a frame may wait */

struct hold {
	unsigned int frames, frames_max; /* over all lists */
	unsigned int list_max;           /* in one list */
};

struct held {
	u32 since;               /* ms */
	struct slow_frame frame; /* its data lie behind */
	u8 data[];
};

/* Copies FRAME to the end of LIST. False when there is no room. */
bool hold_put(struct hold *hold, GQueue *list, const struct slow_frame *frame, u32 now);

/* Puts back what hold_take() gave. False when there is no room: the caller still has it. */
bool hold_return(struct hold *hold, GQueue *list, struct held *held);

/* The oldest frame, the caller's from now on (g_free() it), or NULL. */
struct held *hold_take(struct hold *hold, GQueue *list);

/* The same, if it has waited too long. */
struct held *hold_take_expired(struct hold *hold, GQueue *list, u32 now);

#endif
