/* SPDX-License-Identifier: ISC */
/*
 * Sessions and pins from tables of another layout into ours: read by what the former daemon told of
 * them, inserted by the engine's own functions.
 *
 * The former tables may be changing meanwhile: what is copied twice is brought up to date. Thread:
 * main.
 */
#ifndef SANDWICH_FASTPATH_CARRY_H
#define SANDWICH_FASTPATH_CARRY_H

#include "sandwich/core/tables.h"

struct former;

struct carry_counts {
	u32 carried; /* entries that were live, and are in our table now */
	u32 no_room; /* that found none */
};

/*
 * Copies the live entries of KIND (TABLE_SESSIONS, TABLE_PINS) that were used within the last
 * RECENT_MS (all: UINT32_MAX) before NOW. T: a handle whose settings are in force, with counters
 * and events of its own, since nothing here is news.
 */
void carry(struct former *former, enum table_kind kind, struct tables *t, u32 recent_ms, u32 now,
	   struct carry_counts *counts);

#endif
