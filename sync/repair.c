// SPDX-License-Identifier: ISC
#include "sync/repair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sync/journal_look.h"
#include "sync/repair_state.h"

#define REPAIR_STUCK 3 /* rounds without progress, before all is sent */

/* --- items ---------------------------------------------------------------------------------- */

u8 *repair_open(struct repair *r, struct record_writer *w, enum record_kind kind,
		const struct record_about *about, u64 now_us)
{
	u8 *item;

	if (!link_begin(r->link, false, w, now_us))
		return NULL;
	item = record_open(w, kind, 0);
	if (!item || !record_put_about(w, about))
		return NULL;
	return item;
}

void repair_send(struct repair *r, struct record_writer *w, u8 *item, u64 *bytes)
{
	record_close(w, item);
	*bytes += (u64)(w->at - item);
	link_end(r->link, w, NULL, 0, false);
}

void repair_digest_of(const struct repair *r, enum table_kind kind, enum record_level level,
		      u32 index, struct journal_digest *out)
{
	u32 first = level == RECORD_LEVEL_GROUPS ? index * REPAIR_GROUP : index;
	u32 count = level == RECORD_LEVEL_GROUPS ? REPAIR_GROUP : 1;

	memset(out, 0, sizeof(*out));
	for (u32 s = first; s < first + count; s++) {
		struct journal_digest d;

		journal_digest_of(r->setup.journal, kind, s, &d);
		out->sum[0] += d.sum[0];
		out->sum[1] += d.sum[1];
		out->count += d.count;
	}
}

/* --- rounds --------------------------------------------------------------------------------- */

static void repair_dump(struct repair *r, u64 now_us)
{
	struct link_view view;

	link_view(r->link, &view, now_us);
	r->ask.dump_from = view.newest;
	r->view.dumps++;
	r->ask.stuck = 0;
	repair_enter(r, REPAIR_DUMP);
}

void repair_start(struct repair *r, u64 now_us)
{
	struct repair_ask *a = &r->ask;

	repair_ask_clear(r);
	a->round++;
	r->view.rounds++;
	a->stuck = a->last_differing && r->view.differing >= a->last_differing ? a->stuck + 1 : 0;
	a->last_differing = r->view.differing;
	r->view.differing = 0;
	if (a->stuck >= REPAIR_STUCK) {
		repair_dump(r, now_us);
		return;
	}
	a->groups_left[0] = a->groups_left[1] = ~0ull;
	repair_enter(r, REPAIR_GROUPS);
}

static void repair_equal(struct repair *r, u64 now_us)
{
	if (r->phase != REPAIR_IDLE)
		r->view.repaired++;
	if (!r->view.equal)
		r->view.equal_us = now_us;
	r->view.equal = true;
	r->view.differing = 0;
	r->ask.last_differing = 0;
	r->ask.stuck = 0;
	repair_ask_clear(r);
	repair_enter(r, REPAIR_IDLE);
}

/* The round is over: what was asked for is here, and what only we have can go. */
static void repair_round_over(struct repair *r, const struct record_mark *mark)
{
	if (mark->why == RECORD_MARK_DUMPED && r->setup.peer == STORE_TWIN)
		r->view.removed += store_purge(r->setup.store, r->setup.link_number,
					       r->ask.dump_from);
	repair_ask_remove(r);
	repair_ask_clear(r);
	repair_enter(r, REPAIR_IDLE);
}

static bool repair_is_ours(const struct repair *r, const struct record_mark *mark)
{
	if (mark->round != r->ask.round)
		return false;
	return (r->phase == REPAIR_MARK && mark->why == RECORD_MARK_ASKED) ||
	       (r->phase == REPAIR_DUMP && mark->why == RECORD_MARK_DUMPED);
}

/*
 * A digest can be compared when the stream is here up to the mark, and not beyond. Else it says
 * nothing, and the next one may.
 */
static void repair_mark(struct repair *r, const struct link_item *item, u64 now_us)
{
	struct record_reader from = item->content;
	struct journal_digest own;
	struct record_mark mark;
	struct link_view view;
	bool ours;

	if (!record_get_mark(&from, &mark))
		return;
	link_view(r->link, &view, now_us);
	ours = repair_is_ours(r, &mark);
	if (!link_complete(r->link, item->number))
		return; /* where it was asked for, it is asked for again */
	if (ours)
		repair_round_over(r, &mark);
	if (view.newest != item->number || r->setup.peer == STORE_PARTNER)
		return;
	r->early = !journal_whole(r->setup.journal);
	if (r->early)
		return;
	journal_root(r->setup.journal, &own);
	r->view.known = true;
	r->view.compared_us = now_us;
	if (own.sum[0] == mark.root.sum[0] && own.sum[1] == mark.root.sum[1] &&
	    own.count == mark.root.count) {
		repair_equal(r, now_us);
		return;
	}
	r->view.equal = false;
	r->view.equal_us = 0;
	if (r->phase == REPAIR_IDLE)
		repair_start(r, now_us);
}

static void repair_acks(struct repair *r, const struct record_about *about,
			struct record_reader *from)
{
	struct repair_unit *units = r->ask.units.at;
	bool left = false;

	if (r->phase != REPAIR_RECORDS || about->round != r->ask.round)
		return;
	while (record_left(from) >= 4) {
		u32 number = (u32)record_get(from, 4);

		if (number < r->ask.units.count)
			units[number].acked = true;
	}
	for (u32 i = 0; i < r->ask.units.count; i++)
		left |= !units[i].acked;
	if (!left)
		repair_enter(r, REPAIR_MARK);
}

static void repair_about(struct repair *r, const struct link_item *item, u64 now_us)
{
	struct record_reader from = item->content;
	struct record_about about;

	if (!record_get_about(&from, &about))
		return;
	if (item->kind != RECORD_DIGESTS && item->kind != RECORD_SYMBOLS)
		replicate_say(r->setup.replicate, REPLICATE_QUIET, 0);
	switch (item->kind) {
	case RECORD_DIGESTS_WANTED:
		repair_answer_digests(r, &about, &from);
		break;
	case RECORD_SYMBOLS_WANTED:
		repair_answer_symbols(r, &about, &from);
		break;
	case RECORD_WANTED:
		repair_answer_records(r, &about, &from);
		break;
	case RECORD_DIGESTS:
		if (about.level == RECORD_LEVEL_ELEMENTS)
			repair_acks(r, &about, &from);
		else if (about.round == r->ask.round)
			repair_ask_digests(r, &about, &from, now_us);
		break;
	default:
		if (about.round == r->ask.round)
			repair_ask_symbols(r, &about, &from, now_us);
	}
}

bool repair_item(struct repair *r, const struct link_item *item, u64 now_us)
{
	switch (item->kind) {
	case RECORD_MARK:
		repair_mark(r, item, now_us);
		return true;
	case RECORD_DIGESTS_WANTED:
	case RECORD_SYMBOLS_WANTED:
	case RECORD_WANTED:
	case RECORD_DIGESTS:
	case RECORD_SYMBOLS:
		repair_about(r, item, now_us);
		return true;
	default:
		return false;
	}
}

/* --- life ----------------------------------------------------------------------------------- */

/* A mark came while we did not know yet what our tables hold: another one, now that we do. */
static void repair_catch_up(struct repair *r)
{
	if (!r->early || !journal_whole(r->setup.journal))
		return;
	r->early = false;
	if (r->phase != REPAIR_IDLE)
		return;
	r->ask.round++;
	repair_enter(r, REPAIR_MARK);
}

u64 repair_turn(struct repair *r, u64 now_us)
{
	u64 ask, answer;

	if (!r->link)
		return LINK_NEVER;
	repair_catch_up(r);
	ask = repair_ask_turn(r, now_us);
	answer = repair_answer_turn(r, now_us);
	return ask < answer ? ask : answer;
}

void repair_reset(struct repair *r)
{
	repair_ask_clear(r);
	repair_answer_clear(r);
	repair_enter(r, REPAIR_IDLE);
	r->early = r->view.known = r->view.equal = false;
	r->view.equal_us = 0;
	r->ask.stuck = r->ask.last_differing = 0;
}

void repair_view(const struct repair *r, struct repair_view *out)
{
	*out = r->view;
	out->phase = r->phase;
}

void repair_attach(struct repair *r, struct link *link)
{
	r->link = link;
}

int repair_new(struct repair **out, const struct repair_setup *setup)
{
	struct repair *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->setup = *setup;
	*out = r;
	return 0;
}

void repair_free(struct repair *r)
{
	if (!r)
		return;
	repair_ask_clear(r);
	repair_answer_clear(r);
	free(r);
}
