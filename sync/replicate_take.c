// SPDX-License-Identifier: ISC
/* What the other box says of sessions, pins and devices. */
#include <string.h>

#include "sync/record_table.h"
#include "sync/replicate_state.h"

#define REPLICATE_BATCH 64

static u8 replicate_device(const struct replicate *r, const struct record_entry *e)
{
	return e->name ? tables_device_named(r->setup.tables, e->name) : r->device_here[e->place];
}

/* --- sessions and pins ---------------------------------------------------------------------- */

/* A partner's record is news to our twin. */
static void replicate_pass_on(struct replicate *r, const struct store_record *record)
{
	struct journal_change change = {.kind = record->kind, .index = record->index,
					.id = record->displaced, .gone = true};

	if (record->result != STORE_APPLIED)
		return;
	if (record->displaced)
		r->setup.ops.changed(r->setup.ops.user, &change);
	if (r->setup.peer == STORE_TWIN)
		return;
	change.id = record->id;
	change.gone = false;
	change.slot = record->slot;
	r->setup.ops.changed(r->setup.ops.user, &change);
}

static u32 replicate_get(struct replicate *r, struct record_reader *from, enum table_kind kind,
			 struct store_record *records, u32 now)
{
	struct record_entry entry;
	u32 count = 0;

	while (count < REPLICATE_BATCH &&
	       (kind == TABLE_PINS ? record_get_pin(from, &entry, now)
				   : record_get_session(from, &entry, now))) {
		struct store_record *to = &records[count++];

		to->kind = kind;
		to->counters = entry.counters;
		to->slot = entry.slot;
		to->slot.device = replicate_device(r, &entry);
	}
	return count;
}

static void replicate_take_entries(struct replicate *r, const struct link_item *item,
				   enum table_kind kind, u32 now)
{
	struct store_record records[REPLICATE_BATCH];
	struct record_reader from = item->content;
	u32 count;

	while ((count = replicate_get(r, &from, kind, records, now))) {
		store_apply(r->setup.store, r->setup.link_number, item->number, records, count);
		r->counts.received[kind] += count;
		for (u32 i = 0; i < count; i++) {
			r->counts.result[records[i].result]++;
			replicate_pass_on(r, &records[i]);
		}
	}
	r->counts.malformed += from.bad;
}

/* --- removals and refreshes ----------------------------------------------------------------- */

static void replicate_take_gone(struct replicate *r, const struct link_item *item, u64 settled)
{
	struct journal_change change = {
		.kind = item->flags & RECORD_OF_PINS ? TABLE_PINS : TABLE_SESSIONS, .gone = true};
	struct record_reader from = item->content;
	u64 number = item->number;

	if (item->flags & RECORD_AS_OF)
		number = record_get(&from, 8);
	while (record_left(&from) >= 8) {
		change.id = record_get(&from, 8);
		r->counts.received[2]++;
		if (store_gone(r->setup.store, r->setup.link_number, number, settled, change.kind,
			       change.id) &&
		    r->setup.peer == STORE_PARTNER)
			r->setup.ops.changed(r->setup.ops.user, &change);
	}
	r->counts.malformed += record_left(&from) != 0;
}

static void replicate_take_refresh(struct replicate *r, const struct link_item *item, u32 now)
{
	enum table_kind kind = item->flags & RECORD_OF_PINS ? TABLE_PINS : TABLE_SESSIONS;
	struct record_reader from = item->content;
	struct record_refresh told;

	while (record_get_refresh(&from, &told, now)) {
		const struct slot times = {.seen = told.seen, .created = told.created,
					   .packets = told.packets, .bytes_low = (u32)told.bytes,
					   .bytes_high = (u8)(told.bytes >> 32)};

		r->counts.received[3]++;
		store_refresh(r->setup.store, r->setup.link_number, kind, told.id, &times);
	}
	r->counts.malformed += from.bad;
}

/* --- devices -------------------------------------------------------------------------------- */

static void replicate_take_devices(struct replicate *r, const struct link_item *item)
{
	struct record_reader from = item->content;
	struct record_device told;

	record_get(&from, 8); /* the epoch: heartbeats on the path compare it */
	while (record_get_device(&from, &told)) {
		u8 here = tables_device_named(r->setup.tables, told.name);

		r->device_here[told.place] = here;
		if (r->setup.ops.device)
			r->setup.ops.device(r->setup.ops.user, here, &told);
	}
	r->counts.malformed += from.bad;
}

/* --- items ---------------------------------------------------------------------------------- */

bool replicate_item(struct replicate *r, const struct link_item *item, u32 now)
{
	struct link_view view = {0};

	if (item->kind == RECORD_GONE)
		link_view(r->link, &view, 1);
	switch (item->kind) {
	case RECORD_SESSIONS:
		replicate_take_entries(r, item, TABLE_SESSIONS, now);
		return true;
	case RECORD_PINS:
		replicate_take_entries(r, item, TABLE_PINS, now);
		return true;
	case RECORD_GONE:
		replicate_take_gone(r, item, view.settled);
		return true;
	case RECORD_REFRESH:
		replicate_take_refresh(r, item, now);
		return true;
	case RECORD_DEVICES:
		replicate_take_devices(r, item);
		return true;
	default:
		return false;
	}
}
