/* SPDX-License-Identifier: ISC */
/*
 * What the fast path found of a daemon before it, and what it keeps for the next. Thread: main.
 */
#ifndef SANDWICH_FASTPATH_LIFE_H
#define SANDWICH_FASTPATH_LIFE_H

#include "sandwich/fastpath/former.h"
#include "sandwich/fastpath/notes.h"

struct fastpath;

/* What was left; NULL: nothing, or it has been forgotten. The fast path's own. */
struct former *fastpath_former(const struct fastpath *f);
void fastpath_forget_former(struct fastpath *f);

/* Whether a map is the very one that was left: what is in it needs no copying. */
bool fastpath_shares(const struct fastpath *f, const char *map);

/*
 * The number that port PORT of what was left has now, by its interface; FAST_PORTS: it is none
 * of ours any more.
 */
u8 fastpath_port_now(const struct fastpath *f, u8 port);

/* What the next daemon will read; the daemon writes it as it runs. */
struct fast_notes *fastpath_notes(const struct fastpath *f);

/* Why nothing is kept, or NULL: it is. */
const char *fastpath_unkept(const struct fastpath *f);

#endif
