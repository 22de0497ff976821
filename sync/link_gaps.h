/* SPDX-License-Identifier: ISC */
/*
 * Which of the peer's reliable numbers are here: a bit each, from the first that is missing.
 *
 * Pure; no allocation. A struct gaps belongs to one thread.
 */
#ifndef SYNC_LINK_GAPS_H
#define SYNC_LINK_GAPS_H

#include "sync/record_link.h"

#define GAPS_WINDOW 65536 /* numbers behind the first missing one that can be kept */

struct gaps {
	u64 settled; /* all up to it are here or given up */
	u64 newest;  /* highest that is here or given up */
	u64 owed;    /* what was given up is said anew behind this number */
	u64 bits[GAPS_WINDOW / 64]; /* number modulo the window: here or given up */
};

enum gaps_taken { GAPS_NEW, GAPS_OLD, GAPS_BEYOND };

/* Nothing is owed of the numbers up to SETTLED. */
void gaps_reset(struct gaps *g, u64 settled);

/* NUMBER has come. GAPS_OLD: it was here, or had been given up. */
enum gaps_taken gaps_take(struct gaps *g, u64 number);

/* A range is given up, and said anew behind AFTER. How many of it had been missing. */
u32 gaps_give_up(struct gaps *g, const struct record_range *range, u64 after);

/* Ranges that are missing from FROM (at least settled + 1) to LIMIT, ascending: up to MAX of them.
 * *REACHED: all up to it have been looked at. */
u32 gaps_missing(const struct gaps *g, u64 from, u64 limit, struct record_range *out, u32 max,
		 u64 *reached);

/* Whether all that was said up to NUMBER is here, by it or by what was said anew before it. */
bool gaps_complete(const struct gaps *g, u64 number);

#endif
