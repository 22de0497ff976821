/* SPDX-License-Identifier: ISC */
/* The items that prove two tables equal: see record_proof.h for how long each field is. */
#include "sync/record_proof.h"

#define RECORD_MARK_SIZE 25
#define RECORD_ABOUT_SIZE 12
#define RECORD_DIGEST_SIZE 22
#define RECORD_SYMBOL_SIZE 14

static void record_put_sums(struct record_writer *w, const struct journal_digest *digest)
{
	record_put(w, digest->sum[0], 8);
	record_put(w, digest->sum[1], 8);
	record_put(w, digest->count, 4);
}

static void record_get_sums(struct record_reader *r, struct journal_digest *out)
{
	out->sum[0] = record_get(r, 8);
	out->sum[1] = record_get(r, 8);
	out->count = (u32)record_get(r, 4);
}

bool record_put_mark(struct record_writer *w, const struct record_mark *mark)
{
	if (!record_fits(w, RECORD_MARK_SIZE))
		return false;
	record_put(w, mark->why, 1);
	record_put(w, mark->round, 4);
	record_put_sums(w, &mark->root);
	return true;
}

bool record_get_mark(struct record_reader *r, struct record_mark *out)
{
	u64 why = record_get(r, 1);

	out->round = (u32)record_get(r, 4);
	record_get_sums(r, &out->root);
	if (r->bad || why >= RECORD_MARK_WHYS)
		return record_fail(r);
	out->why = (enum record_mark_why)why;
	return true;
}

bool record_put_about(struct record_writer *w, const struct record_about *about)
{
	if (!record_fits(w, RECORD_ABOUT_SIZE))
		return false;
	record_put(w, about->round, 4);
	record_put(w, about->table, 1);
	record_put(w, about->level, 1);
	record_put(w, about->shard, 2);
	record_put(w, about->from, 4);
	return true;
}

bool record_get_about(struct record_reader *r, struct record_about *out)
{
	u64 table, level;

	out->round = (u32)record_get(r, 4);
	table = record_get(r, 1);
	level = record_get(r, 1);
	out->shard = (u16)record_get(r, 2);
	out->from = (u32)record_get(r, 4);
	if (r->bad || table > TABLE_PINS || level >= RECORD_LEVELS || out->shard >= JOURNAL_SHARDS)
		return record_fail(r);
	out->table = (enum table_kind)table;
	out->level = (enum record_level)level;
	return true;
}

bool record_put_digest(struct record_writer *w, const struct record_digest *digest)
{
	if (!record_fits(w, RECORD_DIGEST_SIZE))
		return false;
	record_put(w, digest->index, 2);
	record_put_sums(w, &digest->digest);
	return true;
}

bool record_get_digest(struct record_reader *r, struct record_digest *out)
{
	if (r->at == r->end)
		return false;
	out->index = (u16)record_get(r, 2);
	record_get_sums(r, &out->digest);
	if (r->bad || out->index >= JOURNAL_SHARDS)
		return record_fail(r);
	return true;
}

bool record_put_symbol(struct record_writer *w, const struct record_symbol *symbol)
{
	if (!record_fits(w, RECORD_SYMBOL_SIZE))
		return false;
	record_put(w, symbol->sum, 8);
	record_put(w, symbol->check, 4);
	record_put(w, (u16)symbol->count, 2);
	return true;
}

bool record_get_symbol(struct record_reader *r, struct record_symbol *out)
{
	if (r->at == r->end)
		return false;
	out->sum = record_get(r, 8);
	out->check = (u32)record_get(r, 4);
	out->count = (int16_t)record_get(r, 2);
	return !r->bad;
}
