/* SPDX-License-Identifier: ISC */
/*
 * The items that prove two tables equal, and make them so (PROTOCOL.md 5).
 *
 * Each begins with a head of its own; what follows is a list: numbers (record_put(), record_get()
 * of their size), or the records below. A table is TABLE_SESSIONS or TABLE_PINS.
 *
 * Pure. Puts return false, and write nothing, without room; gets return false at the end of the
 * item and where a record can't be (the reader is `bad` then).
 */
#ifndef SYNC_RECORD_PROOF_H
#define SYNC_RECORD_PROOF_H

#include "sync/journal.h"
#include "sync/record.h"

/* MARK: 1 why, 4 round, 20 digest. */
enum record_mark_why { RECORD_MARK_TIME, RECORD_MARK_ASKED, RECORD_MARK_DUMPED, RECORD_MARK_WHYS };

struct record_mark {
	enum record_mark_why why;
	u32 round; /* of whoever asked; else counts up */
	struct journal_digest root;
};

bool record_put_mark(struct record_writer *w, const struct record_mark *mark);
bool record_get_mark(struct record_reader *r, struct record_mark *out);

/*
 * The head of the other items, 12 bytes: 4 round, 1 table, 1 level, 2 shard, 4 from. What is not
 * used is 0.
 *
 * DIGESTS_WANTED: level; then 2-byte indexes of groups or shards. No index: the root.
 * DIGESTS: level; then struct record_digest.
 * SYMBOLS_WANTED: shard, from; then one 2-byte number: how many.
 * SYMBOLS: shard, from (index of the first); then struct record_symbol.
 * RECORDS_WANTED: RECORD_LEVEL_SHARDS: then 2-byte shards, whole; RECORD_LEVEL_ELEMENTS: shard;
 *   then 8-byte elements.
 */
enum record_level {
	RECORD_LEVEL_ROOT,
	RECORD_LEVEL_GROUPS,
	RECORD_LEVEL_SHARDS,
	RECORD_LEVEL_ELEMENTS,
	RECORD_LEVELS
};

struct record_about {
	u32 round; /* says what answers what */
	enum table_kind table;
	enum record_level level;
	u16 shard;
	u32 from;
};

bool record_put_about(struct record_writer *w, const struct record_about *about);
bool record_get_about(struct record_reader *r, struct record_about *out);

/* 22 bytes. */
struct record_digest {
	u16 index; /* of the group or shard */
	struct journal_digest digest;
};

bool record_put_digest(struct record_writer *w, const struct record_digest *digest);
bool record_get_digest(struct record_reader *r, struct record_digest *out);

/* A coded symbol, 14 bytes. */
struct record_symbol {
	u64 sum;   /* exclusive or of elements */
	u32 check; /* exclusive or of their checks */
	int16_t count;
};

bool record_put_symbol(struct record_writer *w, const struct record_symbol *symbol);
bool record_get_symbol(struct record_reader *r, struct record_symbol *out);

#endif
