// SPDX-License-Identifier: ISC
/*
 * Datagrams are filled in the order of what must not wait: devices; pins and sessions that are new
 * or have changed; removals; repair; then, when nothing else waits, the mark and the handover:
 * they are about all that was said before.
 */
#include <errno.h>
#include <string.h>

#include "sync/journal_look.h"
#include "sync/record_proof.h"
#include "sync/record_table.h"
#include "sync/replicate_state.h"

#define REPLICATE_AHEAD 8	   /* slots whose memory is asked for beforehand */
#define REPLICATE_MARK_US 1000000  /* between marks */
#define REPLICATE_FULL 56	   /* waiting records that are worth a datagram at once */
#define REPLICATE_DATAGRAMS 512	   /* in one turn, so that others get theirs */
#define REPLICATE_REFRESH_US 10000 /* between steps of the walk */
#define REPLICATE_QUIET_US 500000  /* no REFRESH after a question of repair */

static bool replicate_word(struct replicate *r, u32 word)
{
	if (r->word_count == LINK_WORDS)
		return false;
	r->words[r->word_count++] = word;
	return true;
}

/* --- sessions and pins ---------------------------------------------------------------------- */

static void replicate_ask_ahead(const struct replicate *r, const struct replicate_queue *q,
				enum table_kind kind)
{
	if (q->head - q->tail > REPLICATE_AHEAD)
		journal_ask_slot(r->setup.journal, kind,
				 q->entry[(q->tail + REPLICATE_AHEAD) & q->mask]);
}

/* A slot that is being written goes to the end of the queue. False: there is no room. */
static bool replicate_put_slot(struct replicate *r, struct record_writer *w, enum table_kind kind,
			       u32 index, u32 now)
{
	struct record_told told = {.now = now};
	struct journal_change change;
	int rc = journal_read(r->setup.journal, kind, index, r->setup.ops.changed,
			      r->setup.ops.user, &change);

	if (rc == -EAGAIN)
		replicate_push(r, REPLICATE_NEW, kind, index);
	if (rc)
		return true; /* free: its removal is told */
	told.place = change.slot.device;
	if (!r->places)
		told.name = r->setup.tables->devices[change.slot.device].name_hash;
	told.router = true;
	if (!(kind == TABLE_PINS ? record_put_pin(w, &change.slot, &told)
				 : record_put_session(w, &change.slot, &told)))
		return false;
	return replicate_word(r, (kind == TABLE_PINS ? WORD_PIN : WORD_SESSION) | index);
}

/* One item of a class and kind. */
static void replicate_put_slots(struct replicate *r, struct record_writer *w,
				enum replicate_class class, enum table_kind kind, u32 now)
{
	struct replicate_queue *q = &r->queue[class][kind];
	u32 left = q->head - q->tail, index, before = r->word_count;
	u64 *count = kind == TABLE_PINS ? &r->counts.pins : &r->counts.sessions;
	u8 *item;

	if (!left || record_room(w) < RECORD_ITEM + RECORD_SESSION_MAX)
		return;
	item = record_open(w, kind == TABLE_PINS ? RECORD_PINS : RECORD_SESSIONS, 0);
	while (left-- && record_room(w) >= RECORD_SESSION_MAX && r->word_count < LINK_WORDS) {
		replicate_ask_ahead(r, q, kind);
		if (!replicate_pop(r, class, kind, &index))
			break;
		if (!replicate_put_slot(r, w, kind, index, now)) {
			replicate_push(r, class, kind, index);
			break;
		}
	}
	record_close(w, item);
	*count += r->word_count - before;
}

/* --- removals ------------------------------------------------------------------------------- */

/* One item: ids of one kind. A key that is back is not gone. */
static void replicate_put_removals(struct replicate *r, struct record_writer *w)
{
	struct replicate_removals *g = &r->removals;
	enum table_kind kind, first = (enum table_kind)g->kind[g->tail & g->mask];
	u32 index;
	u8 *item;
	u64 id;

	if (g->head == g->tail || record_room(w) < RECORD_ITEM + sizeof(id))
		return;
	item = record_open(w, RECORD_GONE, first == TABLE_PINS ? RECORD_OF_PINS : 0);
	while (record_room(w) >= sizeof(id) && r->word_count + 3 <= LINK_WORDS &&
	       g->head != g->tail && g->kind[g->tail & g->mask] == first) {
		replicate_pop_removal(r, &kind, &id);
		if (journal_find(r->setup.journal, kind, id, &index))
			continue;
		record_put(w, id, sizeof(id));
		replicate_word(r, kind == TABLE_PINS ? WORD_GONE_PIN : WORD_GONE_SESSION);
		replicate_word(r, (u32)(id >> 32));
		replicate_word(r, (u32)id);
		r->counts.removals++;
	}
	record_close(w, item);
}

/* --- what is said once in a while ----------------------------------------------------------- */

/* True: all of it has been said. */
static bool replicate_put_devices(struct replicate *r, struct record_writer *w)
{
	struct record_device list[DEVICES_MAX];
	u64 epoch = 0;
	u32 count = r->setup.ops.devices(r->setup.ops.user, list, DEVICES_MAX, &epoch);
	u8 *item = record_open(w, RECORD_DEVICES, 0);

	record_put(w, epoch, sizeof(epoch));
	while (r->device_at < count && record_put_device(w, &list[r->device_at]))
		r->device_at++;
	record_close(w, item);
	replicate_word(r, WORD_SAY | REPLICATE_DEVICES);
	w->full = false;
	return r->device_at >= count;
}

static void replicate_put_mark(struct replicate *r, struct record_writer *w, u64 now_us)
{
	struct record_mark mark = {.why = RECORD_MARK_TIME, .round = r->say_number[REPLICATE_MARK]};
	u8 *item = record_open(w, RECORD_MARK, 0);

	if (mark.round)
		mark.why = RECORD_MARK_ASKED;
	if (r->dumping)
		mark.why = RECORD_MARK_DUMPED;
	journal_root(r->setup.journal, &mark.root);
	if (!record_put_mark(w, &mark)) {
		w->full = false;
		return;
	}
	record_close(w, item);
	replicate_word(r, WORD_SAY | REPLICATE_MARK);
	r->say[REPLICATE_MARK] = r->dumping = false;
	r->say_number[REPLICATE_MARK] = 0;
	r->mark_us = now_us;
	r->counts.marks++;
}

static void replicate_put_handover(struct replicate *r, struct record_writer *w)
{
	u8 *item = record_open(w, RECORD_HANDOVER, 0);

	record_put(w, r->say_number[REPLICATE_HANDOVER], 4);
	record_close(w, item);
	if (w->full) {
		w->full = false;
		return;
	}
	replicate_word(r, WORD_SAY | REPLICATE_HANDOVER);
	r->say[REPLICATE_HANDOVER] = false;
}

/* Until all of the tables is known, the root would be that of a part. */
static bool replicate_marks(const struct replicate *r)
{
	return r->say[REPLICATE_MARK] && journal_whole(r->setup.journal);
}

static bool replicate_is_all_said(const struct replicate *r)
{
	return !replicate_waiting(r, REPLICATE_NEW) && !replicate_waiting(r, REPLICATE_REPAIR) &&
	       !replicate_removals_waiting(r);
}

/* --- datagrams ------------------------------------------------------------------------------ */

static void replicate_fill(struct replicate *r, struct record_writer *w, u64 now_us, u32 now)
{
	const size_t least = 64; /* for what is said at the end */

	if (r->say[REPLICATE_DEVICES])
		r->say[REPLICATE_DEVICES] = !replicate_put_devices(r, w);
	if (!r->setup.entries)
		return;
	replicate_put_slots(r, w, REPLICATE_NEW, TABLE_PINS, now);
	replicate_put_slots(r, w, REPLICATE_NEW, TABLE_SESSIONS, now);
	if (!replicate_waiting(r, REPLICATE_NEW))
		for (int kinds = 0; kinds < 2; kinds++)
			replicate_put_removals(r, w);
	if (!replicate_waiting(r, REPLICATE_NEW) && !replicate_removals_waiting(r)) {
		replicate_put_slots(r, w, REPLICATE_REPAIR, TABLE_PINS, now);
		replicate_put_slots(r, w, REPLICATE_REPAIR, TABLE_SESSIONS, now);
	}
	if (!replicate_is_all_said(r) || record_room(w) < least)
		return;
	if (replicate_marks(r))
		replicate_put_mark(r, w, now_us);
	if (r->say[REPLICATE_HANDOVER])
		replicate_put_handover(r, w);
}

/* False: no path, no credit, no room in the batch. */
static bool replicate_datagram(struct replicate *r, u64 now_us, u32 now)
{
	struct record_writer w;
	bool devices = r->say[REPLICATE_DEVICES];
	const u8 *start;
	u64 number;

	if (!link_begin(r->link, true, &w, now_us))
		return false;
	start = w.at;
	r->word_count = 0;
	replicate_fill(r, &w, now_us, now);
	if (w.at == start)
		return true;
	r->counts.bytes += (u64)(w.at - start);
	number = link_end(r->link, &w, r->words, r->word_count, !replicate_is_all_said(r));
	if (devices && !r->say[REPLICATE_DEVICES])
		r->devices_number = number;
	return true;
}

static bool replicate_is_due(struct replicate *r, u64 now_us)
{
	bool waits = !replicate_is_all_said(r);

	if (r->say[REPLICATE_DEVICES] || r->say[REPLICATE_HANDOVER])
		return true;
	if (!r->setup.entries)
		return false;
	if (!waits && replicate_marks(r))
		return true;
	if (!waits) {
		r->since_us = 0;
		return false;
	}
	if (!r->since_us)
		r->since_us = now_us;
	return now_us - r->since_us >= REPLICATE_WAIT_US ||
	       replicate_waiting(r, REPLICATE_NEW) >= REPLICATE_FULL;
}

/* --- refresh -------------------------------------------------------------------------------- */

/* Seen since the walk came by the last time, or nearly so. */
static bool replicate_is_fresh(const struct replicate *r, const struct slot *s, u32 now)
{
	return slot_is_live(core_load(&s->version)) &&
	       core_elapsed(now, core_load(&s->seen)) <= r->setup.refresh_ms;
}

/* One datagram's item; how many slots it went by, of COUNT. */
static u32 replicate_put_refreshes(struct replicate *r, struct record_writer *w, u32 count, u32 now)
{
	enum table_kind kind = r->refresh_kind;
	u8 *item = record_open(w, RECORD_REFRESH, kind == TABLE_PINS ? RECORD_OF_PINS : 0);
	u32 i;

	for (i = 0; i < count && !w->full; i++) {
		const struct slot *s = &r->setup.tables->slots[kind][r->refresh_at + i];
		struct record_refresh refresh = {.seen = core_load(&s->seen),
						 .created = core_load(&s->created),
						 .packets = core_load(&s->packets),
						 .bytes = slot_bytes(s)};
		struct journal_entry entry;

		if (!replicate_is_fresh(r, s, now) ||
		    !journal_entry(r->setup.journal, kind, r->refresh_at + i, NULL,
				   true, &entry))
			continue;
		refresh.id = entry.id;
		if (!record_put_refresh(w, &refresh, now))
			break;
		r->counts.refreshes++;
	}
	w->full = false;
	record_close(w, item);
	return i;
}

/* The part of the table that is due since the last time. */
static void replicate_refresh(struct replicate *r, u64 now_us, u32 now)
{
	const struct tables *t = r->setup.tables;
	u64 slots = (u64)t->mask[0] + t->mask[1] + 2, passed = now_us - r->refresh_us;
	u64 due = slots * passed / ((u64)r->setup.refresh_ms * 1000);

	if (r->quiet)
		r->quiet_us = now_us + REPLICATE_QUIET_US;
	r->quiet = false;
	if (passed < REPLICATE_REFRESH_US || !due)
		return;
	r->refresh_us = now_us;
	if (now_us < r->quiet_us)
		return; /* the walk stands still meanwhile */
	for (due = due < slots ? due : slots; due;) {
		u32 left = t->mask[r->refresh_kind] + 1 - r->refresh_at, done;
		struct record_writer w;
		const u8 *start;

		if (!link_begin(r->link, false, &w, now_us))
			return;
		start = w.at;
		done = replicate_put_refreshes(r, &w, left < due ? left : (u32)due, now);
		if (w.at > start + RECORD_ITEM)
			link_end(r->link, &w, NULL, 0, false);
		r->refresh_at += done;
		due -= done;
		if (r->refresh_at <= t->mask[r->refresh_kind])
			continue;
		r->refresh_at = 0;
		r->refresh_kind = (enum table_kind)((r->refresh_kind + 1) % REPLICATE_KINDS);
	}
}

/* --- a turn --------------------------------------------------------------------------------- */

static u64 replicate_next(const struct replicate *r, u64 now_us)
{
	u64 next = r->setup.entries && r->setup.peer == STORE_TWIN ? r->mark_us + REPLICATE_MARK_US
								   : LINK_NEVER;

	if (!link_room(r->link))
		return LINK_NEVER; /* what comes gives credit, and is followed by a turn */
	if (!replicate_is_all_said(r)) {
		u64 due = r->since_us ? r->since_us + REPLICATE_WAIT_US : now_us;

		next = due < next ? due : next;
	}
	if (r->setup.refresh_ms && r->refresh_us + REPLICATE_REFRESH_US < next)
		next = r->refresh_us + REPLICATE_REFRESH_US;
	return next;
}

u64 replicate_turn(struct replicate *r, u64 now_us, u32 now)
{
	struct link_view view;

	if (!r->link)
		return LINK_NEVER;
	link_view(r->link, &view, now_us);
	store_passed(r->setup.store, r->setup.link_number, view.settled);
	if (!r->sending)
		return LINK_NEVER;
	if (r->devices_number && !r->say[REPLICATE_DEVICES] && view.acked >= r->devices_number)
		r->places = true; /* the peer has the list: a place says which device */
	if (r->setup.entries && r->setup.peer == STORE_TWIN &&
	    now_us - r->mark_us >= REPLICATE_MARK_US)
		r->say[REPLICATE_MARK] = true;
	for (int i = 0; i < REPLICATE_DATAGRAMS && replicate_is_due(r, now_us); i++)
		if (!replicate_datagram(r, now_us, now))
			break;
	if (r->setup.refresh_ms && r->setup.peer == STORE_TWIN && r->setup.entries)
		replicate_refresh(r, now_us, now);
	return replicate_next(r, now_us);
}
