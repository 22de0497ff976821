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

struct maintain {
	struct tables *tables;
	u32 at[TABLES];
	u32 live[TABLES], counting[TABLES]; /* of the last whole walk, and of this one */
	bool dirty;			   /* pins have gone since the filter was built */
};

void maintain_init(struct maintain *m, struct tables *tables);

/* One slice; every MAINTAIN_TICK_MS. */
void maintain_tick(struct maintain *m, u32 now);

#endif
