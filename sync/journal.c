// SPDX-License-Identifier: ISC
#include "sync/journal_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JOURNAL_AHEAD 16 /* slots whose memory is asked for before they are looked at */
#define JOURNAL_TRIES 4	 /* looks at a slot that is being written, before it waits a turn */

/* --- telling -------------------------------------------------------------------------------- */

static void journal_count(u64 *counter, u64 n)
{
	core_store(counter, *counter + n);
}

static void journal_tell(struct journal *j, const struct journal_change *change)
{
	journal_count(&j->counts.changed, 1);
	if (j->scanning)
		journal_count(&j->counts.found, 1);
	j->sink(j->user, change);
}

static void journal_later(struct journal *j, const struct journal_pick *p)
{
	if (j->later_count < JOURNAL_LATER)
		j->later[j->later_count++] = *p;
	else
		j->later_lost = true;
}

/* Whether one of the eight bytes may be MARK; certainly where none is, there is none. */
static bool journal_has_mark(const u8 *bytes, u8 mark)
{
	const u64 ones = 0x0101010101010101ull;
	u64 word;

	memcpy(&word, bytes, sizeof(word));
	word ^= ones * mark;
	return (word - ones) & ~word & ones << 7;
}

/*
 * Whether another slot was told to hold the key of this one. Two do when a race put it there twice,
 * and when the key's new slot was told before its old one. Both lie in the key's window. The marks
 * of the slots around lie in one or two cache lines, their shadows in eight.
 */
static bool journal_elsewhere(const struct journal *j, const struct journal_pick *p, u64 id,
			      u32 *index)
{
	u32 mask = j->tables->mask[p->kind];

	for (u32 i = 0; i < 2 * TABLE_WINDOW; i++) {
		u32 there = (p->index - TABLE_WINDOW + i) & mask;
		const struct shadow *s = &j->shadow[p->kind][there];

		if (i % 8 == 0 && there + 7 <= mask &&
		    !journal_has_mark(&j->marks[p->kind][there], journal_mark(id))) {
			i += 7;
			continue;
		}
		*index = there;
		if (there != p->index && s->flags && s->id == id)
			return true;
	}
	return false;
}

/* What was told of this slot no longer holds. False when another still holds the key. */
static bool journal_forget(struct journal *j, const struct journal_pick *p, u64 id)
{
	struct journal_pick other = {.kind = p->kind};

	journal_shadow_clear(j, (enum table_kind)p->kind, p->index);
	if (!journal_elsewhere(j, p, id, &other.index))
		return true;
	/* whoever heard of both may believe the one that is gone */
	j->shadow[p->kind][other.index].flags |= SHADOW_AGAIN;
	journal_later(j, &other);
	return false;
}

static void journal_gone(struct journal *j, const struct journal_pick *p, struct shadow *at)
{
	const struct journal_change change = {
		.kind = (enum table_kind)p->kind,
		.index = p->index,
		.what = p->what,
		.id = at->id,
		.gone = true,
	};

	if (at->flags && journal_forget(j, p, at->id))
		journal_tell(j, &change);
}

/* --- looking -------------------------------------------------------------------------------- */

/* The version at which the copy is whole; or SLOT_BUSY; or the slot is free. */
static u32 journal_copy(const struct slot *s, struct slot *copy)
{
	const any_word *from = (const any_word *)s;
	any_word *to = (any_word *)copy;

	for (int try = 0; try < JOURNAL_TRIES; try++) {
		u32 version = core_load(&s->version);

		if (slot_is_free(version))
			return version;
		for (unsigned int i = 1; i < sizeof(*s) / sizeof(*to); i++)
			to[i] = core_load(&from[i]);
		copy->version = version;
		copy->seen = core_load(&s->seen);
		if (slot_is_live(version) && core_load(&s->version) == version)
			return version;
	}
	return SLOT_BUSY;
}

/* While the version is the same, so is the key: no need to hash it. */
static u64 journal_id_of(const struct journal *j, const struct journal_pick *p,
			 const struct shadow *at, const struct slot *slot)
{
	if (at->flags && at->version == slot->version)
		return at->id;
	return journal_id(j, (enum table_kind)p->kind, &slot->key);
}

static void journal_live(struct journal *j, const struct journal_pick *p, struct shadow *at,
			 const struct slot *slot)
{
	struct journal_change change = {
		.kind = (enum table_kind)p->kind,
		.index = p->index,
		.what = p->what,
		.id = journal_id_of(j, p, at, slot),
		.slot = *slot,
	};

	if (at->flags && at->id != change.id)
		journal_gone(j, p, at);
	if (at->flags == SHADOW_TOLD && at->device == slot->device && at->state == slot->state &&
	    at->router == slot->router) {
		at->version = slot->version;
		return;
	}
	if (j->young && !at->flags && change.kind == TABLE_SESSIONS &&
	    journal_young_holds(j, p->index, slot))
		return;
	journal_shadow_put(j, change.kind, p->index, change.id, slot);
	journal_tell(j, &change);
}

void journal_look(struct journal *j, const struct journal_pick *p)
{
	struct shadow *at = &j->shadow[p->kind][p->index];
	struct slot copy;
	u32 version = journal_copy(&j->tables->slots[p->kind][p->index], &copy);

	if (version == SLOT_BUSY)
		journal_later(j, p);
	else if (slot_is_free(version))
		journal_gone(j, p, at);
	else
		journal_live(j, p, at, &copy);
}

static void journal_look_again(struct journal *j)
{
	u32 count = j->later_count;

	if (j->later_lost)
		journal_rescan(j);
	j->later_lost = false;
	j->later_count = 0;
	for (u32 i = 0; i < count; i++) {
		const struct journal_pick p = j->later[i]; /* its place may be taken again */

		journal_look(j, &p);
	}
}

/* --- events --------------------------------------------------------------------------------- */

/* The event's place in the batch, which is *COUNT long: that of an earlier one of its slot. */
static struct journal_pick *journal_place(struct journal *j, u32 *count, u32 index, u8 kind)
{
	u32 at = (u32)(((u64)(index << 1 | kind) * 0x9e3779b97f4a7c15ull) >> 32);

	for (;; at++) {
		u16 *place = &j->seen[at & (JOURNAL_SEEN - 1)];
		struct journal_pick *p = &j->batch[*place & (JOURNAL_BATCH - 1)];

		if (*place == JOURNAL_NOBODY) {
			*place = (u16)*count;
			p = &j->batch[(*count)++];
			*p = (struct journal_pick){.index = index, .kind = kind};
			return p;
		}
		if (p->index == index && p->kind == kind)
			return p;
	}
}

/* Inlined: gcc takes a function that only prefetches for one without effect, and drops the call. */
CORE_INLINE void journal_ask_for(const struct journal *j, const struct journal_pick *p)
{
	__builtin_prefetch(&j->tables->slots[p->kind][p->index]);
	__builtin_prefetch(&j->shadow[p->kind][p->index], 1);
	__builtin_prefetch(&j->marks[p->kind][p->index], 1);
}

/* Takes N events from TAIL on into the batch; how many slots they are about. */
static u32 journal_fill(struct journal *j, const struct event_ring *ring, u32 tail, u32 n)
{
	u64 events[4] = {0};
	u32 count = 0;

	memset(j->seen, 0xff, sizeof(j->seen));
	for (u32 i = 0; i < n; i++) {
		u32 entry = core_load(&ring->entry[(tail + i) & (EVENT_RING - 1)]);
		u32 what = event_what(entry);
		u8 kind = (u8)event_kind(entry);

		for (int bit = 0; bit < 4; bit++)
			events[bit] += what >> bit & 1;
		if (kind < JOURNAL_KINDS)
			journal_place(j, &count, event_slot(entry) & j->tables->mask[kind], kind)
				->what |= (u8)what;
	}
	for (int bit = 0; bit < 4; bit++)
		journal_count(&j->counts.events[bit], events[bit]);
	return count;
}

static u32 journal_take(struct journal *j, struct event_ring *ring, u32 limit)
{
	u32 tail = ring->tail, n = core_load(&ring->head) - tail, count;

	if (!n)
		return 0;
	if (n > limit)
		n = limit;
	count = journal_fill(j, ring, tail, n);
	core_publish(&ring->tail, tail + n);
	for (u32 i = 0; i < count && i < JOURNAL_AHEAD; i++)
		journal_ask_for(j, &j->batch[i]);
	for (u32 i = 0; i < count; i++) {
		if (i + JOURNAL_AHEAD < count)
			journal_ask_for(j, &j->batch[i + JOURNAL_AHEAD]);
		journal_look(j, &j->batch[i]);
	}
	return n;
}

/* A batch of each ring in turn, so that none waits for another. */
static u32 journal_take_all(struct journal *j, u32 budget)
{
	unsigned int empty = 0;
	u32 done = 0, n;

	while (done < budget && empty < j->ring_count) {
		n = budget - done < JOURNAL_BATCH ? budget - done : JOURNAL_BATCH;
		n = journal_take(j, j->rings[j->next_ring], n);
		j->next_ring = (j->next_ring + 1) % j->ring_count;
		empty = n ? 0 : empty + 1;
		done += n;
	}
	return done;
}

/* --- scans ---------------------------------------------------------------------------------- */

void journal_rescan(struct journal *j)
{
	j->scan_left = 0;
	for (enum table_kind kind = 0; kind < JOURNAL_KINDS; kind++)
		j->scan_left += (u64)j->tables->mask[kind] + 1;
}

/* Where an event found no room, what it was about may lie anywhere: once around from here. */
static void journal_notice_losses(struct journal *j)
{
	for (unsigned int i = 0; i < j->ring_count; i++) {
		u32 lost = core_load(&j->rings[i]->lost);

		if (lost == j->lost[i])
			continue;
		journal_count(&j->counts.lost, lost - j->lost[i]);
		j->lost[i] = lost;
		journal_rescan(j);
	}
}

static bool journal_is_told(const struct slot *s, const struct shadow *at)
{
	u32 version = core_load(&s->version);

	if (slot_is_free(version))
		return !at->flags;
	return at->flags == SHADOW_TOLD && at->version == version &&
	       at->device == core_load(&s->device) && at->state == core_load(&s->state) &&
	       at->router == core_load(&s->router);
}

static void journal_scan_run(struct journal *j, u32 n)
{
	struct journal_pick p = {.kind = (u8)j->scan_kind};
	const struct slot *slots = j->tables->slots[p.kind];
	const struct shadow *shadow = j->shadow[p.kind];

	for (p.index = j->scan_at; p.index < j->scan_at + n; p.index++)
		if (!journal_is_told(&slots[p.index], &shadow[p.index]))
			journal_look(j, &p);
}

static void journal_scanned(struct journal *j, u32 n)
{
	u64 all = (u64)j->tables->mask[0] + j->tables->mask[1] + 2;

	j->scan_at += n;
	if (j->scan_at > j->tables->mask[j->scan_kind]) {
		j->scan_at = 0;
		j->scan_kind = (enum table_kind)((j->scan_kind + 1) % JOURNAL_KINDS);
	}
	j->scan_left -= n;
	j->scanned += n;
	if (j->scanned < all)
		return;
	j->scanned -= all;
	journal_count(&j->counts.scans, 1);
}

static u32 journal_scan(struct journal *j, u32 budget)
{
	u32 done = 0;

	j->scanning = true;
	while (done < budget && j->scan_left) {
		u32 n = j->tables->mask[j->scan_kind] + 1 - j->scan_at;

		if (n > budget - done)
			n = budget - done;
		if (n > j->scan_left)
			n = (u32)j->scan_left;
		journal_scan_run(j, n);
		journal_scanned(j, n);
		done += n;
	}
	j->scanning = false;
	return done;
}

/* --- turns ---------------------------------------------------------------------------------- */

u32 journal_turn(struct journal *j, u32 budget, journal_sink sink, void *user)
{
	u32 done;

	j->sink = sink;
	j->user = user;
	journal_notice_losses(j);
	journal_look_again(j);
	done = journal_take_all(j, budget);
	if (j->young)
		done += journal_young_turn(j, budget);
	return done + journal_scan(j, budget);
}

static bool journal_has_work(const struct journal *j)
{
	bool any = j->scan_left || j->later_count || j->later_lost;

	for (unsigned int i = 0; i < j->ring_count && !any; i++) {
		const struct event_ring *ring = j->rings[i];

		any = core_load(&ring->head) != ring->tail || core_load(&ring->lost) != j->lost[i];
	}
	return any;
}

bool journal_sleep(struct journal *j)
{
	/* exchanged, since a plain store would be seen after our look at the rings */
	for (unsigned int i = 0; i < j->ring_count; i++)
		(void)__atomic_exchange_n(&j->rings[i]->asleep, 1u, __ATOMIC_SEQ_CST);
	if (!journal_has_work(j))
		return true;
	journal_wake(j);
	return false;
}

void journal_wake(struct journal *j)
{
	for (unsigned int i = 0; i < j->ring_count; i++)
		core_store(&j->rings[i]->asleep, 0u);
}

u64 journal_applied(struct journal *j, enum table_kind kind, u32 index, u64 id,
		    const struct slot *wrote)
{
	const struct journal_pick p = {.index = index & j->tables->mask[kind], .kind = (u8)kind};
	struct shadow *at = &j->shadow[kind][p.index];
	u64 before = at->flags ? at->id : 0;

	if (before && before != id && !journal_forget(j, &p, before))
		before = 0;
	if (wrote) {
		journal_shadow_put(j, kind, p.index, id, wrote);
		at->version = 0; /* another may have changed it already, even to another key */
	} else {
		journal_shadow_clear(j, kind, p.index);
	}
	return before == id ? 0 : before;
}

void journal_read_counts(const struct journal *j, struct journal_counts *out)
{
	const u64 *from = (const u64 *)&j->counts;
	u64 *to = (u64 *)out;

	for (size_t i = 0; i < sizeof(*out) / sizeof(u64); i++)
		to[i] = core_load(&from[i]);
}

/* --- life ----------------------------------------------------------------------------------- */

int journal_new(struct journal **out, const struct journal_setup *setup)
{
	struct journal *j = calloc(1, sizeof(*j));
	int err = -ENOMEM;

	if (!j)
		return err;
	j->tables = setup->tables;
	j->rings = setup->rings;
	j->ring_count = setup->ring_count;
	j->lost = calloc(setup->ring_count + 1, sizeof(*j->lost));
	if (j->lost)
		err = journal_shadow_new(j, &setup->key);
	if (err) {
		journal_free(j);
		return err;
	}
	for (unsigned int i = 0; i < j->ring_count; i++)
		j->lost[i] = core_load(&j->rings[i]->lost);
	journal_rescan(j);
	*out = j;
	return 0;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	journal_young_free(j);
	journal_shadow_free(j);
	free(j->lost);
	free(j);
}
