// SPDX-License-Identifier: ISC
/*
 * The side that has what the other lacks. A question may come twice, since its answer may be lost;
 * all are answered as the tables are by now, but symbols, which have to be of one set: their census
 * is kept for a round.
 */
#include <stdlib.h>
#include <string.h>

#include "sync/journal_look.h"
#include "sync/repair_state.h"

#define REPAIR_KEEP_US 3000000 /* a census nobody asks of */

/* --- questions ------------------------------------------------------------------------------ */

void repair_answer_digests(struct repair *r, const struct record_about *about,
			   struct record_reader *from)
{
	struct repair_answer *a = &r->answer;

	a->round[about->table] = about->round;
	if (about->level == RECORD_LEVEL_ROOT) {
		a->mark = about->round;
		return;
	}
	while (record_left(from) >= 2) {
		u32 index = (u32)record_get(from, 2);

		if (about->level == RECORD_LEVEL_GROUPS && index < REPAIR_GROUP_COUNT)
			a->groups[about->table] |= 1ull << index;
		if (about->level == RECORD_LEVEL_SHARDS && index < JOURNAL_SHARDS)
			a->shards[about->table][index / REPAIR_GROUP] |= 1ull << (index & 63);
	}
}

void repair_answer_symbols(struct repair *r, const struct record_about *about,
			   struct record_reader *from)
{
	struct repair_answer *a = &r->answer;
	struct repair_symbols_wanted *s;
	u32 count = (u32)record_get(from, 2);
	u64 shards = record_get(from, 8);

	if (about->shard >= REPAIR_GROUP_COUNT || from->bad || !count ||
	    about->from > REPAIR_SYMBOLS_MAX)
		return;
	s = &a->symbols[about->table][about->shard];
	a->symbols_waiting += !s->count;
	*s = (struct repair_symbols_wanted){about->round, about->from, count, shards};
}

static void repair_answer_ack(struct repair *r, const struct record_about *about)
{
	struct repair_answer *a = &r->answer;

	if (a->acks < REPAIR_ACKS)
		a->ack[a->acks++] = about->from;
	a->ack_round = about->round;
}

#define REPAIR_SET 512 /* twice what one item can hold, at least */

struct repair_set {
	u64 slot[REPAIR_SET];
};

static u64 *repair_set_at(struct repair_set *set, u64 element)
{
	u32 i = (u32)element & (REPAIR_SET - 1);

	while (set->slot[i] && set->slot[i] != element)
		i = (i + 1) & (REPAIR_SET - 1);
	return &set->slot[i];
}

/* The slots of elements, found by one pass over their group. */
static void repair_answer_elements(struct repair *r, const struct record_about *about,
				   struct record_reader *from)
{
	struct repair_set set = {{0}};
	const struct census *c = r->answer.census[about->table];

	for (u32 n = 0; n < REPAIR_SET / 2 && record_left(from) >= 8; n++) {
		u64 element = record_get(from, 8);

		*repair_set_at(&set, element) = element;
	}
	for (u32 s = 0; s < REPAIR_GROUP; s++) {
		u32 count;
		const u64 *e = census_shard(c, about->shard * REPAIR_GROUP + s, &count);

		for (u32 i = 0; i < count; i++)
			if (*repair_set_at(&set, e[i]))
				replicate_repair(r->setup.replicate, about->table,
						 census_index(c, &e[i]));
	}
}

void repair_answer_records(struct repair *r, const struct record_about *about,
			   struct record_reader *from)
{
	if (about->level == RECORD_LEVEL_ROOT) {
		replicate_say(r->setup.replicate, REPLICATE_DUMP, about->round);
	} else if (about->level == RECORD_LEVEL_SHARDS) {
		while (record_left(from) >= 2) {
			u32 shard = (u32)record_get(from, 2) & (JOURNAL_SHARDS - 1);

			r->answer.whole[about->table][shard / 64] |= 1ull << (shard & 63);
		}
	} else {
		if (about->shard >= REPAIR_GROUP_COUNT || !r->answer.ready[about->table])
			return; /* of a census that is gone: no answer, so it begins anew */
		repair_answer_elements(r, about, from);
	}
	repair_answer_ack(r, about);
}

/* --- answers -------------------------------------------------------------------------------- */

/* What is asked for next on a level. False: nothing. */
static bool repair_next_index(const struct repair *r, enum table_kind kind, enum record_level level,
			      u16 *index)
{
	const struct repair_answer *a = &r->answer;

	if (level == RECORD_LEVEL_GROUPS) {
		*index = a->groups[kind] ? (u16)__builtin_ctzll(a->groups[kind]) : 0;
		return a->groups[kind] != 0;
	}
	for (u32 g = 0; g < REPAIR_GROUP_COUNT; g++) {
		if (!a->shards[kind][g])
			continue;
		*index = (u16)(g * REPAIR_GROUP + (u32)__builtin_ctzll(a->shards[kind][g]));
		return true;
	}
	return false;
}

static void repair_index_done(struct repair *r, enum table_kind kind, enum record_level level,
			      u16 index)
{
	if (level == RECORD_LEVEL_GROUPS)
		r->answer.groups[kind] &= ~(1ull << index);
	else
		r->answer.shards[kind][index / REPAIR_GROUP] &= ~(1ull << (index & 63));
}

static void repair_put_digests(struct repair *r, enum table_kind kind, enum record_level level,
			       u64 now_us)
{
	const struct record_about about = {.round = r->answer.round[kind], .table = kind,
					   .level = level};
	struct record_digest d;

	while (repair_next_index(r, kind, level, &d.index)) {
		struct record_writer w;
		u8 *item = repair_open(r, &w, RECORD_DIGESTS, &about, now_us);

		if (!item)
			return;
		while (repair_next_index(r, kind, level, &d.index)) {
			repair_digest_of(r, kind, level, d.index, &d.digest);
			if (!record_put_digest(&w, &d))
				break;
			repair_index_done(r, kind, level, d.index);
		}
		w.full = false;
		repair_send(r, &w, item, &r->view.answered_bytes);
	}
}

static int repair_count(struct repair *r, enum table_kind kind, u32 round)
{
	struct repair_answer *a = &r->answer;
	const struct census_setup setup = {.journal = r->setup.journal, .tables = r->setup.tables,
					   .kind = kind, .state = r->setup.peer == STORE_TWIN};

	if (a->census[kind] && a->census_round[kind] != round) {
		census_free(a->census[kind]);
		a->census[kind] = NULL;
		a->ready[kind] = false;
	}
	if (!a->census[kind] && census_new(&a->census[kind], &setup))
		return 0;
	a->census_round[kind] = round;
	if (!a->ready[kind])
		a->ready[kind] = census_turn(a->census[kind], REPAIR_CENSUS_BUDGET) == 1;
	return a->ready[kind];
}

static void repair_encode(const struct repair *r, enum table_kind kind, u32 group,
			  const struct repair_symbols_wanted *s, struct riblt_symbol *out)
{
	memset(out, 0, s->count * sizeof(*out));
	for (u32 i = 0; i < REPAIR_GROUP; i++) {
		u32 count;
		const u64 *e = census_shard(r->answer.census[kind], group * REPAIR_GROUP + i,
					    &count);

		if (s->shards >> i & 1)
			riblt_add_set(r->setup.key, e, count, s->from, s->from + s->count, out);
	}
}

static void repair_put_symbols(struct repair *r, enum table_kind kind, u32 group, u64 now_us)
{
	struct repair_symbols_wanted *s = &r->answer.symbols[kind][group];
	struct riblt_symbol *symbols = calloc(s->count, sizeof(*symbols));
	struct record_about about = {.round = s->round, .table = kind,
				     .level = RECORD_LEVEL_GROUPS, .shard = (u16)group};
	u32 done = 0;

	if (symbols)
		repair_encode(r, kind, group, s, symbols);
	while (symbols && done < s->count) {
		struct record_writer w;
		u8 *item;

		about.from = s->from + done;
		item = repair_open(r, &w, RECORD_SYMBOLS, &about, now_us);
		if (!item)
			break; /* lost, as it were: it asks again */
		for (; done < s->count; done++) {
			const struct record_symbol out = {symbols[done].sum, symbols[done].check,
							  (int16_t)symbols[done].count};

			if (!record_put_symbol(&w, &out))
				break;
		}
		w.full = false;
		repair_send(r, &w, item, &r->view.answered_bytes);
	}
	s->count = 0;
	r->answer.symbols_waiting--;
	free(symbols);
}

/* One group each turn: its symbols take a millisecond or two. */
static void repair_some_symbols(struct repair *r, u64 now_us)
{
	for (int kind = 0; kind < REPAIR_KINDS; kind++) {
		for (u32 g = 0; g < REPAIR_GROUP_COUNT; g++) {
			const struct repair_symbols_wanted *s = &r->answer.symbols[kind][g];

			if (!s->count)
				continue;
			r->answer.used_us = now_us;
			if (repair_count(r, (enum table_kind)kind, s->round))
				repair_put_symbols(r, (enum table_kind)kind, g, now_us);
			return;
		}
	}
}

static bool repair_any(u64 bits[REPAIR_KINDS][REPAIR_GROUP_COUNT])
{
	u64 any = 0;

	for (int kind = 0; kind < REPAIR_KINDS; kind++)
		for (u32 g = 0; g < REPAIR_GROUP_COUNT; g++)
			any |= bits[kind][g];
	return any;
}

/* One walk for all shards that are wanted when it begins, a part each turn. */
static void repair_walk(struct repair *r)
{
	struct repair_answer *a = &r->answer;
	u32 budget = REPAIR_CENSUS_BUDGET, mask;
	struct journal_entry entry;

	if (!a->walk) {
		memcpy(a->walking, a->whole, sizeof(a->walking));
		memset(a->whole, 0, sizeof(a->whole));
		a->walk_kind = TABLE_SESSIONS;
		a->walk_at = 0;
		a->walk = true;
	}
	mask = r->setup.tables->mask[a->walk_kind];
	for (; budget && a->walk_at <= mask; budget--, a->walk_at++)
		if (journal_entry(r->setup.journal, a->walk_kind, a->walk_at,
				  a->walking[a->walk_kind], false, &entry))
			replicate_repair(r->setup.replicate, a->walk_kind, a->walk_at);
	if (a->walk_at <= mask)
		return;
	a->walk_at = 0;
	a->walk_kind = (enum table_kind)(a->walk_kind + 1);
	a->walk = (int)a->walk_kind < REPAIR_KINDS;
}

/* False: nothing is under way. The mark goes behind it all. */
static bool repair_walk_on(struct repair *r)
{
	struct repair_answer *a = &r->answer;

	if (a->walk || repair_any(a->whole)) {
		repair_walk(r);
		return true;
	}
	if (a->mark)
		replicate_say(r->setup.replicate, REPLICATE_MARK, a->mark);
	a->mark = 0;
	return false;
}

static void repair_put_acks(struct repair *r, u64 now_us)
{
	struct repair_answer *a = &r->answer;
	const struct record_about about = {.round = a->ack_round, .level = RECORD_LEVEL_ELEMENTS};
	struct record_writer w;
	u8 *item;

	if (!a->acks)
		return;
	item = repair_open(r, &w, RECORD_DIGESTS, &about, now_us);
	if (!item)
		return;
	while (a->acks && record_room(&w) >= 4)
		record_put(&w, a->ack[--a->acks], 4);
	repair_send(r, &w, item, &r->view.answered_bytes);
}

void repair_answer_clear(struct repair *r)
{
	for (int kind = 0; kind < REPAIR_KINDS; kind++)
		census_free(r->answer.census[kind]);
	memset(&r->answer, 0, sizeof(r->answer));
}

u64 repair_answer_turn(struct repair *r, u64 now_us)
{
	struct repair_answer *a = &r->answer;

	repair_put_acks(r, now_us);
	for (int kind = 0; kind < REPAIR_KINDS; kind++) {
		repair_put_digests(r, (enum table_kind)kind, RECORD_LEVEL_GROUPS, now_us);
		repair_put_digests(r, (enum table_kind)kind, RECORD_LEVEL_SHARDS, now_us);
	}
	if (a->symbols_waiting)
		repair_some_symbols(r, now_us);
	if (repair_walk_on(r) || a->symbols_waiting)
		return now_us;
	if (!a->census[0] && !a->census[1])
		return LINK_NEVER;
	if (now_us - a->used_us < REPAIR_KEEP_US)
		return a->used_us + REPAIR_KEEP_US;
	repair_answer_clear(r);
	return LINK_NEVER;
}
