// SPDX-License-Identifier: ISC
#include "sync/replicate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sync/journal_look.h"
#include "sync/replicate_state.h"

/* --- what waits ----------------------------------------------------------------------------- */

void replicate_push(struct replicate *r, enum replicate_class class, enum table_kind kind,
		    u32 index)
{
	struct replicate_queue *q = &r->queue[class][kind];
	u8 *waits = &r->waits[kind][index];

	if (*waits >> class & 1)
		return;
	*waits |= (u8)(1 << class);
	q->entry[q->head++ & q->mask] = index;
}

bool replicate_pop(struct replicate *r, enum replicate_class class, enum table_kind kind,
		   u32 *index)
{
	struct replicate_queue *q = &r->queue[class][kind];

	if (q->head == q->tail)
		return false;
	*index = q->entry[q->tail++ & q->mask];
	r->waits[kind][*index] &= (u8)~(1 << class);
	return true;
}

/* What finds no room would have waited for long: the digests will tell. */
void replicate_push_removal(struct replicate *r, enum table_kind kind, u64 id)
{
	struct replicate_removals *g = &r->removals;

	if (g->head - g->tail > g->mask) {
		r->counts.forgotten++;
		replicate_say(r, REPLICATE_MARK, 0);
		return;
	}
	g->id[g->head & g->mask] = id;
	g->kind[g->head++ & g->mask] = (u8)kind;
}

bool replicate_pop_removal(struct replicate *r, enum table_kind *kind, u64 *id)
{
	struct replicate_removals *g = &r->removals;

	if (g->head == g->tail)
		return false;
	*id = g->id[g->tail & g->mask];
	*kind = (enum table_kind)g->kind[g->tail++ & g->mask];
	return true;
}

/*
 * A partner sees the conversations itself: it is told of each once, and again when its device
 * changes.
 */
static bool replicate_concerns(struct replicate *r, const struct journal_change *c)
{
	u8 *told;

	if (!r->sending || !r->setup.entries)
		return false;
	if (r->setup.peer == STORE_TWIN)
		return true;
	told = &r->told_device[c->kind][c->index];
	if (c->gone ? !*told : *told == c->slot.device)
		return false;
	*told = c->gone ? 0 : c->slot.device;
	return true;
}

void replicate_changed(struct replicate *r, const struct journal_change *change)
{
	if (!replicate_concerns(r, change))
		return;
	if (change->gone)
		replicate_push_removal(r, change->kind, change->id);
	else
		replicate_push(r, REPLICATE_NEW, change->kind, change->index);
}

void replicate_repair(struct replicate *r, enum table_kind kind, u32 index)
{
	replicate_push(r, REPLICATE_REPAIR, kind, index & r->setup.tables->mask[kind]);
}

static void replicate_dump(struct replicate *r)
{
	struct journal_entry entry;

	for (enum table_kind kind = 0; kind < REPLICATE_KINDS; kind++)
		for (u32 i = 0; i <= r->setup.tables->mask[kind]; i++)
			if (journal_entry(r->setup.journal, kind, i, NULL, true, &entry))
				replicate_push(r, REPLICATE_REPAIR, kind, i);
	r->dumping = true;
}

void replicate_say(struct replicate *r, enum replicate_say what, u32 number)
{
	if (what == REPLICATE_DUMP) {
		replicate_dump(r);
		what = REPLICATE_MARK;
	}
	if (what == REPLICATE_QUIET) {
		r->quiet = true;
		return;
	}
	if (what == REPLICATE_DEVICES) {
		r->device_at = 0;
		r->places = false;
		r->devices_number = 0;
	}
	r->say[what] = true;
	if (number) /* who asks by number goes before what is said anyway */
		r->say_number[what] = number;
}

/* --- the link's words ----------------------------------------------------------------------- */

static void replicate_again_word(struct replicate *r, u32 word, const u32 *behind)
{
	u32 what = word & WORD_WHAT, low = word & ~WORD_WHAT;

	r->counts.repeated++;
	switch (what) {
	case WORD_SESSION:
	case WORD_PIN:
		replicate_push(r, REPLICATE_NEW, what == WORD_PIN ? TABLE_PINS : TABLE_SESSIONS,
			       low);
		break;
	case WORD_GONE_SESSION:
	case WORD_GONE_PIN:
		replicate_push_removal(r, what == WORD_GONE_PIN ? TABLE_PINS : TABLE_SESSIONS,
				       (u64)behind[0] << 32 | behind[1]);
		break;
	default:
		replicate_say(r, (enum replicate_say)low, r->say_number[low]);
	}
}

void replicate_again(struct replicate *r, const u32 *words, u32 count)
{
	if (!count) /* nobody knows any more: let it compare */
		replicate_say(r, REPLICATE_MARK, 0);
	for (u32 i = 0; i < count; i++) {
		u32 what = words[i] & WORD_WHAT;
		bool gone = what == WORD_GONE_SESSION || what == WORD_GONE_PIN;

		replicate_again_word(r, words[i], &words[i + 1]);
		i += gone ? 2 : 0;
	}
}

void replicate_reset(struct replicate *r)
{
	store_link(r->setup.store, r->setup.link_number, r->setup.peer);
	memset(r->device_here, 0, sizeof(r->device_here));
	for (enum table_kind kind = 0; r->told_device[0] && kind < REPLICATE_KINDS; kind++)
		memset(r->told_device[kind], 0, (size_t)r->setup.tables->mask[kind] + 1);
	replicate_say(r, REPLICATE_DEVICES, 0);
	if (r->setup.entries)
		replicate_say(r, REPLICATE_MARK, 0);
}

/* --- life ----------------------------------------------------------------------------------- */

void replicate_attach(struct replicate *r, struct link *link)
{
	r->link = link;
}

/* What waited is of no interest when another speaks for the side; a mark begins anew. */
void replicate_send_changes(struct replicate *r, bool on)
{
	enum table_kind kind;
	u32 index;
	u64 id;

	if (r->sending == on)
		return;
	r->sending = on;
	for (int class = 0; class < REPLICATE_CLASSES; class++)
		for (kind = 0; kind < REPLICATE_KINDS; kind++)
			while (replicate_pop(r, (enum replicate_class)class, kind, &index))
				;
	while (replicate_pop_removal(r, &kind, &id))
		;
	memset(r->say, 0, sizeof(r->say));
	r->dumping = false;
	replicate_say(r, REPLICATE_DEVICES, 0);
	if (r->setup.entries)
		replicate_say(r, REPLICATE_MARK, 0);
}

void replicate_read_counts(const struct replicate *r, struct replicate_counts *out)
{
	*out = r->counts;
	out->waiting = (u64)replicate_waiting(r, REPLICATE_NEW) +
		       replicate_waiting(r, REPLICATE_REPAIR) + replicate_removals_waiting(r);
}

static int replicate_alloc_kind(struct replicate *r, enum table_kind kind)
{
	size_t slots = (size_t)r->setup.tables->mask[kind] + 1;

	r->waits[kind] = calloc(slots, 1);
	if (!r->waits[kind])
		return -ENOMEM;
	if (r->setup.peer == STORE_PARTNER) {
		r->told_device[kind] = calloc(slots, 1);
		if (!r->told_device[kind])
			return -ENOMEM;
	}
	for (int class = 0; class < REPLICATE_CLASSES; class++) {
		struct replicate_queue *q = &r->queue[class][kind];

		q->entry = calloc(slots, sizeof(*q->entry));
		q->mask = (u32)(slots - 1);
		if (!q->entry)
			return -ENOMEM;
	}
	return 0;
}

static int replicate_alloc(struct replicate *r)
{
	u32 removals = r->setup.removals ? r->setup.removals
					 : r->setup.tables->mask[TABLE_SESSIONS] + 1;
	int rc = 0;

	for (enum table_kind kind = 0; kind < REPLICATE_KINDS && !rc; kind++)
		rc = replicate_alloc_kind(r, kind);
	r->removals.id = calloc(removals, sizeof(u64));
	r->removals.kind = calloc(removals, 1);
	r->removals.mask = removals - 1;
	return rc || !r->removals.id || !r->removals.kind ? -ENOMEM : 0;
}

int replicate_new(struct replicate **out, const struct replicate_setup *setup)
{
	struct replicate *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->setup = *setup;
	if (replicate_alloc(r)) {
		replicate_free(r);
		return -ENOMEM;
	}
	store_link(setup->store, setup->link_number, setup->peer);
	*out = r;
	return 0;
}

void replicate_free(struct replicate *r)
{
	if (!r)
		return;
	for (int kind = 0; kind < REPLICATE_KINDS; kind++) {
		free(r->waits[kind]);
		free(r->told_device[kind]);
		for (int class = 0; class < REPLICATE_CLASSES; class++)
			free(r->queue[class][kind].entry);
	}
	free(r->removals.id);
	free(r->removals.kind);
	free(r);
}
