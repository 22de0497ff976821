/* SPDX-License-Identifier: ISC */
/* links: sync/record_table.c sync/record_proof.c sync/record_role.c sync/record_link.c */
/* links: sync/record_heard.c */
/*
 * Any bytes as a message: its items are read, each as what it says it is, and what was read is
 * written and read again. The second writing must be the first's equal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/record_heard.h"
#include "sync/record_link.h"
#include "sync/record_proof.h"
#include "sync/record_role.h"
#include "sync/record_table.h"

#define NOW 0x1000u
#define MOST 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads one record of R and writes it; false at the end, or where it can't be. */
typedef bool (*turner)(struct record_reader *r, struct record_writer *w);

/* Whether a record's counters and router were told shows in the record alone. */
static struct record_told told_of(const struct record_entry *e)
{
	return (struct record_told){ .now = NOW, .place = e->place, .name = e->name,
				     .counters = e->counters, .router = true };
}

static bool turn_session(struct record_reader *r, struct record_writer *w)
{
	struct record_entry e;
	struct record_told told;

	if (!record_get_session(r, &e, NOW))
		return false;
	told = told_of(&e);
	return record_put_session(w, &e.slot, &told);
}

static bool turn_pin(struct record_reader *r, struct record_writer *w)
{
	struct record_entry e;
	struct record_told told;

	if (!record_get_pin(r, &e, NOW))
		return false;
	told = told_of(&e);
	return record_put_pin(w, &e.slot, &told);
}

static bool turn_refresh(struct record_reader *r, struct record_writer *w)
{
	struct record_refresh refresh;

	return record_get_refresh(r, &refresh, NOW) && record_put_refresh(w, &refresh, NOW);
}

static bool turn_device(struct record_reader *r, struct record_writer *w)
{
	struct record_device device;

	return record_get_device(r, &device) && record_put_device(w, &device);
}

static bool turn_digest(struct record_reader *r, struct record_writer *w)
{
	struct record_digest digest;

	return record_get_digest(r, &digest) && record_put_digest(w, &digest);
}

static bool turn_symbol(struct record_reader *r, struct record_writer *w)
{
	struct record_symbol symbol;

	return record_get_symbol(r, &symbol) && record_put_symbol(w, &symbol);
}

static bool turn_mark(struct record_reader *r, struct record_writer *w)
{
	struct record_mark mark;

	return record_get_mark(r, &mark) && record_put_mark(w, &mark);
}

static bool turn_heartbeat(struct record_reader *r, struct record_writer *w)
{
	struct role_heartbeat hb;

	return record_get_heartbeat(r, &hb) && record_put_heartbeat(w, &hb);
}

static bool turn_about(struct record_reader *r, struct record_writer *w)
{
	struct record_about about;

	return record_get_about(r, &about) && record_put_about(w, &about);
}

/* These write an item's head as well: it is passed over when they are read again. */
static bool turn_link(struct record_reader *r, struct record_writer *w)
{
	struct record_link says;
	struct record_writer whole;
	u8 bytes[RECORD_ITEM + RECORD_LINK_SIZE];

	if (!record_get_link(r, &says))
		return false;
	whole = (struct record_writer){ .at = bytes, .end = bytes + sizeof(bytes) };
	if (!record_put_link(&whole, &says) || whole.at != whole.end)
		abort();
	if (record_fits(w, RECORD_LINK_SIZE)) {
		memcpy(w->at, bytes + RECORD_ITEM, RECORD_LINK_SIZE);
		w->at += RECORD_LINK_SIZE;
	}
	return !w->full;
}

static bool turn_heard(struct record_reader *r, struct record_writer *w)
{
	struct record_heard v;

	return record_get_heard(r, &v) && record_put_heard(w, &v);
}

static bool turn_range(struct record_reader *r, struct record_writer *w)
{
	struct record_range range;

	if (!record_get_range(r, 1000, &range))
		return false;
	if (range.first < 1000 || range.first >= 1000 + RECORD_RANGE_SPAN || !range.count)
		abort();
	record_put(w, range.first - 1000, 2);
	record_put(w, range.count, 2);
	return !w->full;
}

static const turner turners[] = {
	[RECORD_HEARTBEAT] = turn_heartbeat, [RECORD_SESSIONS] = turn_session,
	[RECORD_PINS] = turn_pin,	     [RECORD_DEVICES] = turn_device,
	[RECORD_REFRESH] = turn_refresh,     [RECORD_MARK] = turn_mark,
	[RECORD_DIGESTS] = turn_digest,	     [RECORD_SYMBOLS] = turn_symbol,
	[RECORD_WANTED] = turn_about,	     [RECORD_LINK] = turn_link,
	[RECORD_NACK] = turn_range,	     [RECORD_HEARD] = turn_heard,
	[RECORD_KINDS] = NULL,
};

static size_t turn(turner all, struct record_reader r, u8 *out)
{
	struct record_writer w = { .at = out, .end = out + MOST };

	while (all(&r, &w))
		;
	if (w.full || (r.at != r.end && !r.bad && all != turn_heartbeat))
		abort(); /* what was read is never longer written */
	return (size_t)(w.at - out);
}

static void item(turner all, struct record_reader r)
{
	static u8 first[MOST], second[MOST];
	size_t size = turn(all, r, first);

	r = (struct record_reader){ .at = first, .end = first + size };
	if (turn(all, r, second) != size || memcmp(first, second, size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_reader r = { .at = data, .end = data + size };
	struct record_item it;

	while (record_next(&r, &it))
		if (it.kind < RECORD_KINDS && turners[it.kind])
			item(turners[it.kind], it.content);
	if (r.at != r.end)
		abort();
	return 0;
}
