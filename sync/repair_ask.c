// SPDX-License-Identifier: ISC
/*
 * The side that lacks something. Each phase asks for what it has not been told yet, and asks again
 * for what is left after a while; so any question or answer may be lost.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sync/journal_look.h"
#include "sync/repair_state.h"

#define REPAIR_AGAIN_US 60000	/* an answer is missing by then */
#define REPAIR_MARK_US 500000	/* the mark comes behind all that was asked for */
#define REPAIR_SLOW_US 150000	/* where an answer takes work: symbols */
#define REPAIR_WINDOW 8		/* groups that are asked for at a time: one takes 2 ms or so */
#define REPAIR_FIRST 8		/* symbols, at least */

int repair_list_add(struct repair_list *l, const void *what, size_t size)
{
	if (l->count == l->room) {
		u32 room = l->room ? 2 * l->room : 256;
		void *more = realloc(l->at, room * size);

		if (!more)
			return -ENOMEM;
		l->at = more;
		l->room = room;
	}
	memcpy((u8 *)l->at + l->count++ * size, what, size);
	return 0;
}

static void repair_list_clear(struct repair_list *l)
{
	free(l->at);
	memset(l, 0, sizeof(*l));
}

static void repair_group_clear(struct repair_group *g)
{
	riblt_decoder_free(g->decoder);
	free(g->own);
	memset(g, 0, sizeof(*g));
}

void repair_ask_clear(struct repair *r)
{
	struct repair_ask *a = &r->ask;

	for (int kind = 0; kind < REPAIR_KINDS; kind++) {
		census_free(a->census[kind]);
		a->census[kind] = NULL;
		for (u32 g = 0; g < REPAIR_GROUP_COUNT; g++)
			repair_group_clear(&a->group[kind][g]);
	}
	memset(a->groups_left, 0, sizeof(a->groups_left));
	memset(a->groups_differ, 0, sizeof(a->groups_differ));
	memset(a->shards_left, 0, sizeof(a->shards_left));
	memset(a->differ, 0, sizeof(a->differ));
	memset(a->whole, 0, sizeof(a->whole));
	memset(a->least, 0, sizeof(a->least));
	memset(a->theirs, 0, sizeof(a->theirs));
	repair_list_clear(&a->want);
	repair_list_clear(&a->extra);
	repair_list_clear(&a->shards);
	repair_list_clear(&a->units);
}

void repair_enter(struct repair *r, enum repair_phase phase)
{
	r->phase = phase;
	r->ask.sent_us = 0;
}

/* --- digests -------------------------------------------------------------------------------- */

static bool repair_bits(const u64 *bits)
{
	u64 any = 0;

	for (u32 g = 0; g < REPAIR_GROUP_COUNT; g++)
		any |= bits[g];
	return any;
}

/* A partner's sums can't be equal to ours, whose timers run differently: counts have to do. */
static void repair_compare_partner(struct repair *r, enum table_kind kind, u32 group,
				   const struct journal_digest *own,
				   const struct journal_digest *theirs)
{
	struct repair_ask *a = &r->ask;

	a->theirs[kind][group] = theirs->count;
	a->least[kind][group] = theirs->count > own->count ? theirs->count - own->count : 0;
	if (own->count < theirs->count / 2)
		a->whole[kind][group] = ~0ull;
	else if (theirs->count)
		a->differ[kind][group] = ~0ull;
}

static void repair_compare_shard(struct repair *r, enum table_kind kind, u32 shard,
				 const struct journal_digest *own,
				 const struct journal_digest *theirs)
{
	struct repair_ask *a = &r->ask;
	u32 group = shard / REPAIR_GROUP;
	u64 bit = 1ull << (shard & 63);

	if (own->count < theirs->count / 2 + (theirs->count && !own->count)) {
		a->whole[kind][group] |= bit;
		r->view.differing += theirs->count;
		return;
	}
	a->differ[kind][group] |= bit;
	a->theirs[kind][group] += theirs->count;
	a->least[kind][group] += own->count > theirs->count ? own->count - theirs->count
							    : theirs->count - own->count;
}

static void repair_compare(struct repair *r, enum table_kind kind, enum record_level level,
			   const struct record_digest *d)
{
	struct repair_ask *a = &r->ask;
	struct journal_digest own;
	bool equal;

	repair_digest_of(r, kind, level, d->index, &own);
	equal = own.sum[0] == d->digest.sum[0] && own.sum[1] == d->digest.sum[1] &&
		own.count == d->digest.count;
	if (level == RECORD_LEVEL_GROUPS) {
		a->groups_left[kind] &= ~(1ull << d->index);
		if (r->setup.peer == STORE_PARTNER)
			repair_compare_partner(r, kind, d->index, &own, &d->digest);
		else if (!equal)
			a->shards_left[kind][d->index] = ~0ull;
		return;
	}
	a->shards_left[kind][d->index / REPAIR_GROUP] &= ~(1ull << (d->index & 63));
	if (!equal)
		repair_compare_shard(r, kind, d->index, &own, &d->digest);
}

static bool repair_is_asked(const struct repair *r, enum table_kind kind, enum record_level level,
			    u32 index)
{
	if (level == RECORD_LEVEL_GROUPS)
		return index < REPAIR_GROUP_COUNT && r->ask.groups_left[kind] >> index & 1;
	return level == RECORD_LEVEL_SHARDS && index < JOURNAL_SHARDS &&
	       r->ask.shards_left[kind][index / REPAIR_GROUP] >> (index & 63) & 1;
}

/* What was wanted whole, in the list that goes out. */
static int repair_list_whole(struct repair *r, enum table_kind kind)
{
	struct repair_ask *a = &r->ask;
	int rc = 0;

	for (u32 s = 0; s < JOURNAL_SHARDS && !rc; s++) {
		u16 shard = (u16)s;

		if (a->whole[kind][s / REPAIR_GROUP] >> (s & 63) & 1)
			rc = repair_list_add(&a->shards, &shard, sizeof(shard));
	}
	return rc;
}

static int repair_list_units(struct repair *r, enum table_kind kind, bool whole, u32 group,
			     u32 first, u32 end)
{
	int rc = 0;

	for (; first < end && !rc; first += REPAIR_CHUNK) {
		struct repair_unit unit = {.kind = kind, .whole = whole, .group = (u16)group,
					   .first = first};

		unit.count = end - first < REPAIR_CHUNK ? end - first : REPAIR_CHUNK;
		rc = repair_list_add(&r->ask.units, &unit, sizeof(unit));
	}
	return rc;
}

/* All that differs has come out: what is to be had whole goes along. */
static void repair_enter_records(struct repair *r)
{
	int rc = 0;

	for (enum table_kind kind = 0; kind < REPAIR_KINDS && !rc; kind++) {
		u32 first = r->ask.shards.count;

		rc = repair_list_whole(r, kind);
		if (!rc)
			rc = repair_list_units(r, kind, true, 0, first, r->ask.shards.count);
	}
	repair_enter(r, rc ? REPAIR_IDLE : r->ask.units.count ? REPAIR_RECORDS : REPAIR_MARK);
}

static void repair_enter_census(struct repair *r)
{
	struct repair_ask *a = &r->ask;
	struct link_view view;

	link_view(r->link, &view, 1);
	a->counted = view.newest;

	for (enum table_kind kind = 0; kind < REPAIR_KINDS; kind++) {
		const struct census_setup setup = {
			.journal = r->setup.journal, .tables = r->setup.tables, .kind = kind,
			.state = r->setup.peer == STORE_TWIN, .shards = a->differ[kind]};

		if (repair_bits(a->differ[kind]) && census_new(&a->census[kind], &setup)) {
			repair_enter(r, REPAIR_IDLE); /* no memory: at the next mark again */
			return;
		}
	}
	if (a->census[0] || a->census[1])
		repair_enter(r, REPAIR_CENSUS);
	else
		repair_enter_records(r);
}

void repair_ask_digests(struct repair *r, const struct record_about *about,
			struct record_reader *from, u64 now_us)
{
	struct repair_ask *a = &r->ask;
	struct record_digest d;

	while (record_get_digest(from, &d))
		if (repair_is_asked(r, about->table, about->level, d.index))
			repair_compare(r, about->table, about->level, &d);
	a->sent_us = a->sent_us ? now_us : 0; /* they are coming: not yet again */
	if (r->phase == REPAIR_GROUPS && !a->groups_left[0] && !a->groups_left[1])
		repair_enter(r, REPAIR_SHARDS);
	if (r->phase == REPAIR_SHARDS && !repair_bits(a->shards_left[0]) &&
	    !repair_bits(a->shards_left[1]))
		repair_enter_census(r);
}

/* --- symbols -------------------------------------------------------------------------------- */

/*
 * How many elements differ in a group, by how many of its shards do: N differences spread over 64
 * leave 64 * exp(-N / 64) untouched. One that changed is two elements.
 */
static u32 repair_estimate(const struct repair *r, enum table_kind kind, u32 group)
{
	u32 shards = (u32)__builtin_popcountll(r->ask.differ[kind][group]);
	double left = shards < REPAIR_GROUP ? REPAIR_GROUP - shards : 0.9;
	u32 places = (u32)(1.5 * REPAIR_GROUP * log(REPAIR_GROUP / left)) + 1;

	if (r->setup.peer == STORE_PARTNER)
		places = REPAIR_FIRST;
	return places > r->ask.least[kind][group] ? places : r->ask.least[kind][group];
}

/* The decoder of a group, over our elements of the shards that differ. */
static int repair_group_start(struct repair *r, enum table_kind kind, u32 group)
{
	struct repair_group *g = &r->ask.group[kind][group];
	const struct census *c = r->ask.census[kind];
	u32 count, total = 0;

	for (u32 i = 0; i < REPAIR_GROUP; i++) {
		census_shard(c, group * REPAIR_GROUP + i, &count);
		total += count;
	}
	g->own = malloc((total + 1) * sizeof(*g->own));
	if (!g->own)
		return -ENOMEM;
	for (u32 i = 0; i < REPAIR_GROUP; i++) {
		const u64 *e = census_shard(c, group * REPAIR_GROUP + i, &count);

		memcpy(g->own + g->own_count, e, count * sizeof(*e));
		g->own_count += count;
	}
	g->estimate = repair_estimate(r, kind, group);
	g->asked = g->estimate + g->estimate / 2 + REPAIR_FIRST;
	if (g->asked > REPAIR_SYMBOLS_MAX)
		g->asked = REPAIR_SYMBOLS_MAX;
	return riblt_decoder_new(&g->decoder, r->setup.key, g->own, g->own_count);
}

static void repair_census_turn(struct repair *r)
{
	int rc = 1;

	for (enum table_kind kind = 0; kind < REPAIR_KINDS && rc == 1; kind++)
		if (r->ask.census[kind])
			rc = census_turn(r->ask.census[kind], REPAIR_CENSUS_BUDGET);
	for (enum table_kind kind = 0; kind < REPAIR_KINDS && rc == 1; kind++)
		for (u32 g = 0; g < REPAIR_GROUP_COUNT && rc == 1; g++)
			if (r->ask.differ[kind][g] && repair_group_start(r, kind, g))
				rc = -ENOMEM;
	if (rc)
		repair_enter(r, rc == 1 ? REPAIR_SYMBOLS : REPAIR_IDLE);
}

/* The place of an element that only we have, in the census. */
static void repair_note_extra(struct repair *r, enum table_kind kind, u32 group, u64 element)
{
	const struct census *c = r->ask.census[kind];

	for (u32 s = 0; s < REPAIR_GROUP; s++) {
		u32 count;
		const u64 *e = census_shard(c, group * REPAIR_GROUP + s, &count);

		for (u32 i = 0; i < count; i++) {
			struct repair_extra x = {kind, 0, element};

			if (e[i] != element)
				continue;
			x.index = census_index(c, &e[i]);
			(void)!repair_list_add(&r->ask.extra, &x, sizeof(x)); /* next round */
			return;
		}
	}
}

static void repair_group_done(struct repair *r, enum table_kind kind, u32 group)
{
	struct repair_group *g = &r->ask.group[kind][group];
	u32 first = r->ask.want.count;
	int rc = 0;

	for (u32 i = 0; i < riblt_decoder_found(g->decoder) && !rc; i++) {
		bool own;
		u64 element = riblt_decoder_get(g->decoder, i, &own);

		if (!own)
			rc = repair_list_add(&r->ask.want, &element, sizeof(element));
		else if (r->setup.peer == STORE_TWIN)
			repair_note_extra(r, kind, group, element);
	}
	r->view.differing += riblt_decoder_found(g->decoder);
	r->view.wanted += r->ask.want.count - first;
	(void)!repair_list_units(r, kind, false, group, first, r->ask.want.count);
	repair_group_clear(g);
}

/* Symbols would cost more than the records. */
static void repair_group_whole(struct repair *r, enum table_kind kind, u32 group)
{
	r->ask.whole[kind][group] |= r->ask.differ[kind][group];
	r->view.differing += r->ask.theirs[kind][group];
	repair_group_clear(&r->ask.group[kind][group]);
}

static bool repair_groups_left(const struct repair *r)
{
	for (int kind = 0; kind < REPAIR_KINDS; kind++)
		for (u32 g = 0; g < REPAIR_GROUP_COUNT; g++)
			if (r->ask.group[kind][g].decoder)
				return true;
	return false;
}

void repair_ask_symbols(struct repair *r, const struct record_about *about,
			struct record_reader *from, u64 now_us)
{
	struct riblt_symbol symbols[128];
	struct record_symbol told;
	struct repair_group *g;
	u32 count = 0;

	if (r->phase != REPAIR_SYMBOLS || about->shard >= REPAIR_GROUP_COUNT)
		return;
	g = &r->ask.group[about->table][about->shard];
	if (!g->decoder || about->from != riblt_decoder_symbols(g->decoder))
		return; /* one before it was lost: asked for again from there */
	while (count < 128 && record_get_symbol(from, &told))
		symbols[count++] = (struct riblt_symbol){told.sum, told.check, (u16)told.count};
	r->view.symbols += count;
	g->sent_us = now_us;
	if (riblt_decoder_put(g->decoder, symbols, count))
		repair_group_whole(r, about->table, about->shard);
	else if (riblt_decoder_done(g->decoder))
		repair_group_done(r, about->table, about->shard);
	else if (riblt_decoder_symbols(g->decoder) >= g->asked) {
		g->asked += g->asked / 2 + REPAIR_FIRST;
		g->sent_us = 0;
		if (g->asked > 2 * r->ask.theirs[about->table][about->shard] + 256)
			repair_group_whole(r, about->table, about->shard);
	}
	if (!repair_groups_left(r))
		repair_enter_records(r);
}

/* --- questions ------------------------------------------------------------------------------ */

/* The indexes of BITS, whose first is BASE. */
static void repair_put_indexes(struct repair *r, enum table_kind kind, enum record_level level,
			       const u64 *bits, u32 words, u64 now_us)
{
	const struct record_about about = {.round = r->ask.round, .table = kind, .level = level};
	struct record_writer w;
	u8 *item = NULL;

	for (u32 i = 0; i < words * 64; i++) {
		if (!(bits[i / 64] >> (i & 63) & 1))
			continue;
		if (item && record_room(&w) < 2) {
			repair_send(r, &w, item, &r->view.asked_bytes);
			item = NULL;
		}
		if (!item)
			item = repair_open(r, &w, RECORD_DIGESTS_WANTED, &about, now_us);
		if (!item)
			return;
		record_put(&w, i, 2);
	}
	if (item)
		repair_send(r, &w, item, &r->view.asked_bytes);
}

static void repair_put_symbols_wanted(struct repair *r, enum table_kind kind, u32 group, u64 now_us)
{
	struct repair_group *g = &r->ask.group[kind][group];
	u32 from = riblt_decoder_symbols(g->decoder);
	const struct record_about about = {.round = r->ask.round, .table = kind,
					   .level = RECORD_LEVEL_GROUPS, .shard = (u16)group,
					   .from = from};
	struct record_writer w;
	u8 *item = repair_open(r, &w, RECORD_SYMBOLS_WANTED, &about, now_us);

	if (!item)
		return;
	record_put(&w, g->asked - from, 2);
	record_put(&w, r->ask.differ[kind][group], 8);
	repair_send(r, &w, item, &r->view.asked_bytes);
	g->sent_us = now_us;
}

static void repair_ask_for_symbols(struct repair *r, u64 now_us)
{
	u32 window = REPAIR_WINDOW;

	for (int kind = 0; kind < REPAIR_KINDS; kind++) {
		for (u32 g = 0; g < REPAIR_GROUP_COUNT && window; g++) {
			const struct repair_group *group = &r->ask.group[kind][g];

			if (!group->decoder)
				continue;
			window--;
			if (!group->sent_us || now_us - group->sent_us >= REPAIR_SLOW_US)
				repair_put_symbols_wanted(r, (enum table_kind)kind, g, now_us);
		}
	}
}

static void repair_put_unit(struct repair *r, u32 number, u64 now_us)
{
	const struct repair_unit *u = &((const struct repair_unit *)r->ask.units.at)[number];
	const struct record_about about = {
		.round = r->ask.round, .table = u->kind, .shard = u->group, .from = number,
		.level = u->whole ? RECORD_LEVEL_SHARDS : RECORD_LEVEL_ELEMENTS};
	struct record_writer w;
	u8 *item = repair_open(r, &w, RECORD_WANTED, &about, now_us);

	if (!item)
		return;
	for (u32 i = u->first; i < u->first + u->count; i++)
		if (u->whole)
			record_put(&w, ((const u16 *)r->ask.shards.at)[i], 2);
		else
			record_put(&w, ((const u64 *)r->ask.want.at)[i], 8);
	repair_send(r, &w, item, &r->view.asked_bytes);
}

static void repair_put_plain(struct repair *r, enum record_kind kind, u64 now_us)
{
	const struct record_about about = {.round = r->ask.round, .level = RECORD_LEVEL_ROOT,
					   .from = UINT32_MAX};
	struct record_writer w;
	u8 *item = repair_open(r, &w, kind, &about, now_us);

	if (item)
		repair_send(r, &w, item, &r->view.asked_bytes);
}

static void repair_ask_phase(struct repair *r, u64 now_us)
{
	for (enum table_kind kind = 0; kind < REPAIR_KINDS; kind++) {
		if (r->phase == REPAIR_GROUPS)
			repair_put_indexes(r, kind, RECORD_LEVEL_GROUPS, &r->ask.groups_left[kind],
					   1, now_us);
		if (r->phase == REPAIR_SHARDS)
			repair_put_indexes(r, kind, RECORD_LEVEL_SHARDS, r->ask.shards_left[kind],
					   REPAIR_GROUP_COUNT, now_us);
	}
	for (u32 i = 0; r->phase == REPAIR_RECORDS && i < r->ask.units.count; i++)
		if (!((const struct repair_unit *)r->ask.units.at)[i].acked)
			repair_put_unit(r, i, now_us);
	if (r->phase == REPAIR_MARK)
		repair_put_plain(r, RECORD_DIGESTS_WANTED, now_us);
	if (r->phase == REPAIR_DUMP)
		repair_put_plain(r, RECORD_WANTED, now_us);
}

u64 repair_ask_turn(struct repair *r, u64 now_us)
{
	u64 again = r->phase >= REPAIR_MARK ? REPAIR_MARK_US : REPAIR_AGAIN_US;

	if (r->phase == REPAIR_IDLE)
		return LINK_NEVER;
	if (r->phase == REPAIR_CENSUS) {
		repair_census_turn(r);
		return now_us;
	}
	if (r->phase == REPAIR_SYMBOLS) {
		repair_ask_for_symbols(r, now_us);
		return now_us + REPAIR_AGAIN_US / 2;
	}
	if (!r->ask.sent_us || now_us - r->ask.sent_us >= again) {
		repair_ask_phase(r, now_us);
		r->ask.sent_us = now_us;
	}
	return r->ask.sent_us + again;
}

/* --- the end of a round --------------------------------------------------------------------- */

void repair_ask_remove(struct repair *r)
{
	const struct repair_extra *x = r->ask.extra.at;

	for (u32 i = 0; i < r->ask.extra.count; i++) {
		struct journal_entry entry;

		if (journal_entry(r->setup.journal, x[i].kind, x[i].index, NULL, true, &entry) &&
		    entry.element == x[i].element &&
		    store_drop(r->setup.store, r->setup.link_number, r->ask.counted,
			       x[i].kind, entry.id))
			r->view.removed++;
	}
}
