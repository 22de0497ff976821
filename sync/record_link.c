/* SPDX-License-Identifier: ISC */
/* What a link says for itself: see record_link.h for how long each field is. */
#include "sync/record_link.h"

#define RECORD_ACK_SIZE 16
#define RECORD_RANGE_SIZE 4

void record_put_head(struct record_writer *w, const struct record_head *head)
{
	record_put(w, head->version, 2);
	record_put(w, head->path, 1);
	record_put(w, head->flags, 1);
	record_put(w, head->term, 4);
	record_put(w, head->echo, 8);
	record_put(w, head->number, 8);
}

bool record_get_head(struct record_reader *r, struct record_head *out)
{
	out->version = (u16)record_get(r, 2);
	out->path = (u8)record_get(r, 1);
	out->flags = (u8)record_get(r, 1);
	out->term = (u32)record_get(r, 4);
	out->echo = record_get(r, 8);
	out->number = record_get(r, 8);
	return !r->bad;
}

bool record_put_link(struct record_writer *w, const struct record_link *link)
{
	u8 *item;

	if (!record_fits(w, RECORD_ITEM + RECORD_LINK_SIZE))
		return false;
	item = record_open(w, RECORD_LINK, 0);
	record_put(w, link->challenge, 8);
	record_put(w, link->sent_us, 8);
	record_put(w, link->echo_us, 8);
	record_put(w, link->held_us, 4);
	record_put(w, link->last, 8);
	record_put(w, link->floor, 8);
	record_put(w, link->suites, 2);
	record_put(w, link->heard, 1);
	record_put(w, link->probes, 8);
	record_close(w, item);
	return true;
}

bool record_get_link(struct record_reader *r, struct record_link *out)
{
	out->challenge = record_get(r, 8);
	out->sent_us = record_get(r, 8);
	out->echo_us = record_get(r, 8);
	out->held_us = (u32)record_get(r, 4);
	out->last = record_get(r, 8);
	out->floor = record_get(r, 8);
	out->suites = (u16)record_get(r, 2);
	out->heard = (u8)record_get(r, 1);
	out->probes = record_left(r) >= 8 ? record_get(r, 8) : 0;
	if (r->bad || !out->challenge || !out->floor || out->last < out->floor - 1)
		return record_fail(r);
	return true;
}

bool record_put_ack(struct record_writer *w, const struct record_ack *ack)
{
	u8 *item;

	if (!record_fits(w, RECORD_ITEM + RECORD_ACK_SIZE))
		return false;
	item = record_open(w, RECORD_ACK, 0);
	record_put(w, ack->settled, 8);
	record_put(w, ack->credit, 8);
	record_close(w, item);
	return true;
}

bool record_get_ack(struct record_reader *r, struct record_ack *out)
{
	out->settled = record_get(r, 8);
	out->credit = record_get(r, 8);
	return !r->bad;
}

u32 record_put_ranges(struct record_writer *w, enum record_kind kind, u64 after,
		      const struct record_range *ranges, u32 count)
{
	u32 put = 0;
	u8 *item;

	if (!count || !record_fits(w, RECORD_ITEM + 16 + RECORD_RANGE_SIZE))
		return 0;
	item = record_open(w, kind, 0);
	if (kind == RECORD_GIVEN_UP)
		record_put(w, after, 8);
	record_put(w, ranges[0].first, 8);
	for (; put < count && record_room(w) >= RECORD_RANGE_SIZE; put++) {
		u64 offset = ranges[put].first - ranges[0].first;

		if (offset >= RECORD_RANGE_SPAN)
			break;
		record_put(w, offset, 2);
		record_put(w, ranges[put].count, 2);
	}
	record_close(w, item);
	return put;
}

bool record_get_range(struct record_reader *r, u64 base, struct record_range *out)
{
	if (r->at == r->end)
		return false;
	out->first = base + record_get(r, 2);
	out->count = (u32)record_get(r, 2);
	if (r->bad || !out->count || out->first < base)
		return record_fail(r);
	return true;
}
