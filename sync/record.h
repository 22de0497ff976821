/* SPDX-License-Identifier: ISC */
/*
 * Items and the cursors that write and read them: PROTOCOL.md 2.
 *
 * A message is a row of items: kind (1), flags (1), length (2) of what follows, then that many
 * bytes; all numbers in network byte order. A writer never goes beyond its end, a reader never
 * beyond its own: what did not fit, or was not there, is noted once and asked for at the end.
 *
 * What items hold is in record_table.h (sessions, pins), record_proof.h (equality) and
 * record_role.h (roles, devices) and record_twin.h (what twins share besides) and
 * record_heard.h (what devices pass on); what the link says
 * for itself in record_link.h.
 *
 * Pure: bytes in, bytes out.
 */
#ifndef SYNC_RECORD_H
#define SYNC_RECORD_H

#include "sandwich/core/types.h"

/* Kinds are never given anew; one that is not known is skipped by its length. */
enum record_kind {
	RECORD_PAD, /* one byte: the rest of the message is there for its size */
	RECORD_HEARTBEAT,
	RECORD_SESSIONS,
	RECORD_PINS,
	RECORD_GONE,
	RECORD_DEVICES,
	RECORD_REFRESH,
	RECORD_MARK,
	RECORD_ACK,
	RECORD_DIGESTS_WANTED,
	RECORD_DIGESTS,
	RECORD_SYMBOLS_WANTED,
	RECORD_SYMBOLS,
	RECORD_WANTED,
	RECORD_HANDOVER,
	RECORD_LINK,
	RECORD_NACK,
	RECORD_GIVEN_UP,
	RECORD_FARM,
	RECORD_NEIGHBOURS,
	RECORD_CENSUS,
	RECORD_HEARD,
	RECORD_KINDS
};

#define RECORD_ITEM 4 /* bytes before an item's content */

struct record_writer {
	u8 *at, *end;
	bool full; /* something did not fit, and was not written */
};

struct record_reader {
	const u8 *at, *end;
	bool bad; /* something was not there, or can't be */
};

struct record_item {
	u8 kind, flags;
	struct record_reader content;
};

CORE_INLINE size_t record_room(const struct record_writer *w)
{
	return (size_t)(w->end - w->at);
}

CORE_INLINE size_t record_left(const struct record_reader *r)
{
	return (size_t)(r->end - r->at);
}

/* Whether SIZE bytes are there to be written; else the writer is `full`. */
CORE_INLINE bool record_fits(struct record_writer *w, size_t size)
{
	if (CORE_LIKELY(record_room(w) >= size))
		return true;
	w->full = true;
	return false;
}

/* Nothing more is read: what stands there can't be. */
CORE_INLINE bool record_fail(struct record_reader *r)
{
	r->bad = true;
	r->at = r->end;
	return false;
}

/* The low BYTES bytes of VALUE. Without room nothing is written, and the writer is `full`. */
CORE_INLINE void record_put(struct record_writer *w, u64 value, size_t bytes)
{
	if (!record_fits(w, bytes))
		return;
	for (size_t i = bytes; i--; value >>= 8)
		w->at[i] = (u8)value;
	w->at += bytes;
}

/* 0, and the reader is `bad` and at its end, where they are not there. */
CORE_INLINE u64 record_get(struct record_reader *r, size_t bytes)
{
	u64 value = 0;

	if (CORE_UNLIKELY(record_left(r) < bytes))
		return record_fail(r);
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | r->at[i];
	r->at += bytes;
	return value;
}

/* Begins an item; what record_close() wants back. NULL without room for its head (full). */
CORE_INLINE u8 *record_open(struct record_writer *w, enum record_kind kind, u8 flags)
{
	u8 *item = w->at;

	if (!record_fits(w, RECORD_ITEM))
		return NULL;
	record_put(w, (u64)kind << 24 | (u64)flags << 16, RECORD_ITEM);
	return item;
}

/* Ends an item: its length is what was written since. */
CORE_INLINE void record_close(struct record_writer *w, u8 *item)
{
	size_t length = item ? (size_t)(w->at - item) - RECORD_ITEM : 0;

	if (!item)
		return;
	item[2] = (u8)(length >> 8);
	item[3] = (u8)length;
}

/* The next item; false at the end, and where one goes beyond it (bad). */
CORE_INLINE bool record_next(struct record_reader *r, struct record_item *item)
{
	size_t length;

	if (r->at == r->end || *r->at == RECORD_PAD) {
		r->at = r->end;
		return false;
	}
	item->kind = (u8)record_get(r, 1);
	item->flags = (u8)record_get(r, 1);
	length = record_get(r, 2);
	if (r->bad || length > record_left(r))
		return record_fail(r);
	item->content = (struct record_reader){ .at = r->at, .end = r->at + length };
	r->at += length;
	return true;
}

#endif
