/* SPDX-License-Identifier: ISC */
/* Which numbers are here. Bits are cleared as `settled` passes them, so the window can go round. */
#include "sync/link_gaps.h"

#include <string.h>

static u64 *gaps_word(struct gaps *g, u64 number)
{
	return &g->bits[number % GAPS_WINDOW / 64];
}

static bool gaps_has(const struct gaps *g, u64 number)
{
	return number <= g->settled || g->bits[number % GAPS_WINDOW / 64] >> (number % 64) & 1;
}

static void gaps_settle(struct gaps *g)
{
	while (g->settled < g->newest && gaps_has(g, g->settled + 1)) {
		g->settled++;
		*gaps_word(g, g->settled) &= ~(1ull << (g->settled % 64));
	}
}

void gaps_reset(struct gaps *g, u64 settled)
{
	memset(g, 0, sizeof(*g));
	g->settled = g->newest = settled;
}

enum gaps_taken gaps_take(struct gaps *g, u64 number)
{
	if (number <= g->settled)
		return GAPS_OLD;
	if (number - g->settled > GAPS_WINDOW)
		return GAPS_BEYOND;
	if (gaps_has(g, number))
		return GAPS_OLD;
	*gaps_word(g, number) |= 1ull << (number % 64);
	if (number > g->newest)
		g->newest = number;
	gaps_settle(g);
	return GAPS_NEW;
}

u32 gaps_give_up(struct gaps *g, const struct record_range *range, u64 after)
{
	u64 first = range->first > g->settled ? range->first : g->settled + 1;
	u64 end = range->first + range->count;
	u32 given = 0;

	for (u64 n = first; n < end; n++) {
		enum gaps_taken taken = gaps_take(g, n);

		if (taken == GAPS_BEYOND)
			break;
		given += taken == GAPS_NEW;
	}
	if (given && after > g->owed)
		g->owed = after;
	return given;
}

/* The first number from FROM to LIMIT that is here (HERE) or missing; LIMIT + 1: none. */
static u64 gaps_next(const struct gaps *g, u64 from, u64 limit, bool here)
{
	while (from <= limit) {
		u64 word = g->bits[from % GAPS_WINDOW / 64];
		u64 left = (here ? word : ~word) >> (from % 64);

		if (left) {
			from += (u64)__builtin_ctzll(left);
			return from <= limit ? from : limit + 1;
		}
		from += 64 - from % 64;
	}
	return limit + 1;
}

u32 gaps_missing(const struct gaps *g, u64 from, u64 limit, struct record_range *out, u32 max,
		 u64 *reached)
{
	u32 count = 0;

	if (limit > g->settled + GAPS_WINDOW)
		limit = g->settled + GAPS_WINDOW;
	if (from <= g->settled)
		from = g->settled + 1;
	while (count < max && from <= limit) {
		u64 first = gaps_next(g, from, limit, false), end;

		if (first > limit)
			break;
		end = gaps_next(g, first, limit, true);
		if (end - first > 65535)
			end = first + 65535;
		out[count++] = (struct record_range){ .first = first, .count = (u32)(end - first) };
		from = end;
	}
	*reached = count == max && from <= limit ? from - 1 : limit;
	return count;
}

bool gaps_complete(const struct gaps *g, u64 number)
{
	return number <= g->settled && number > g->owed;
}
