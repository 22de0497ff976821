/* SPDX-License-Identifier: ISC */
/*
 * What time does to the tables: sessions and pins expire, the pin filter is made anew.
 *
 * The tables are walked a slice every tick, once around in about two seconds, whatever their size:
 * no traffic waits.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_MAINTAIN_H
#define SANDWICH_RUN_MAINTAIN_H

#include "sandwich/core/tables.h"

#define MAINTAIN_TICK_MS 20
#define MAINTAIN_TICKS 100 /* ticks to get around a table */
#define MAINTAIN_ROUND_MS (3 * MAINTAIN_TICK_MS * MAINTAIN_TICKS) /* every slot has been visited */

struct maintain {
	struct tables *tables;
	u32 at[TABLES];
	u32 live[TABLES], counting[TABLES]; /* of the last whole walk, and of this one */
	bool dirty;			   /* pins have gone since the filter was built */
	bool rests;  /* a standby: it counts, and the active twin says what has expired */
	bool anew;   /* since a takeover: nothing is older than that */
	u32 since;   /* ms: when that was */
};

void maintain_init(struct maintain *m, struct tables *tables);

/* A standby expires nothing. After a takeover every session and pin is given its full time. */
void maintain_rest(struct maintain *m);
void maintain_anew(struct maintain *m, u32 now);

/* One slice; every MAINTAIN_TICK_MS. */
void maintain_tick(struct maintain *m, u32 now);

#endif
