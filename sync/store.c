// SPDX-License-Identifier: ISC
#include "sync/store.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "sync/journal_look.h"
#include "sync/store_state.h"

#define STORE_AHEAD 16 /* records whose memory is asked for beforehand */
#define STORE_SEQUENCE ((1ull << 48) - 1)

/* --- who wrote what when -------------------------------------------------------------------- */

static store_stamp store_stamp_of(const struct store *s, u8 link, u64 sequence)
{
	u64 who = (u64)(link + 1) << 8 | s->source[link].life;

	return who << 48 | (sequence & STORE_SEQUENCE);
}

/* Something that this link said later was here already. Within a datagram the last item wins. */
static bool store_is_late(store_stamp there, store_stamp now)
{
	return there >> 48 == now >> 48 && there > now;
}

/* Sessions and pins may have the same id. */
static u64 store_tomb(enum table_kind kind, u64 id)
{
	return kind == TABLE_PINS ? ~id : id;
}

/* The deletion that came before, but was said later. */
static bool store_is_dead(const struct store *s, u8 link, u64 sequence, enum table_kind kind,
			  u64 id)
{
	return tombs_find(s->source[link].tombs, store_tomb(kind, id)) > sequence;
}

static void store_bury(struct store *s, u8 link, u64 sequence, enum table_kind kind, u64 id)
{
	struct tombs *tombs = s->source[link].tombs;

	if (tombs_put(tombs, store_tomb(kind, id), sequence))
		s->counts.tombs_lost++;
	s->counts.tombs = tombs_count(tombs);
	if (s->counts.tombs > s->counts.tombs_most)
		s->counts.tombs_most = s->counts.tombs;
}

void store_passed(struct store *s, u8 link, u64 sequence)
{
	struct tombs *tombs = s->source[link].tombs;

	if (!tombs_count(tombs))
		return;
	tombs_pass(tombs, sequence);
	s->counts.tombs = tombs_count(tombs);
}

/* --- a record ------------------------------------------------------------------------------- */

/* Times and counters: what is no change. A partner's counters are not ours (see store_gone()). */
static void store_note(struct slot *slot, const struct slot *told, bool counters)
{
	core_store(&slot->seen, told->seen);
	core_store(&slot->created, told->created);
	if (!counters)
		return;
	core_store(&slot->packets, told->packets);
	core_store(&slot->bytes_low, told->bytes_low);
	core_store(&slot->bytes_high, told->bytes_high);
}

static struct slot *store_add(struct store *s, const struct store_record *r, enum store_peer peer)
{
	const struct slot *told = &r->slot;
	bool room = peer == STORE_TWIN ? store_make_room(s, r->kind, r->id)
				       : store_has_room(s, r->kind, r->id);

	/* the core would put the record in the place of another: that is the active's to choose */
	if (!room)
		return NULL;
	if (r->kind == TABLE_SESSIONS)
		return session_add(s->tables, &told->key, r->id, told->device, told->state,
				   told->seen);
	if (!pin_put(s->tables, &told->key, r->id, told->device, told->state, told->seen))
		return NULL;
	return table_find(s->tables, TABLE_PINS, &told->key, r->id);
}

/* True: what the digests count was another, or the router was. */
static bool store_change(struct store *s, struct slot *slot, const struct store_record *r)
{
	const struct slot *told = &r->slot;
	bool moved = core_load(&slot->device) != told->device;

	if (!moved && core_load(&slot->state) == told->state &&
	    core_load(&slot->router) == told->router)
		return false;
	if (r->kind == TABLE_SESSIONS)
		session_move(s->tables, slot, &told->key, told->device);
	else if (moved)
		core_store(&slot->device, told->device);
	core_store(&slot->state, told->state);
	core_store(&slot->router, told->router);
	return true;
}

static void store_written(struct store *s, struct store_record *r, const struct slot *slot)
{
	struct slot wrote = r->slot;

	wrote.version = core_load(&slot->version);
	r->displaced = journal_applied(s->journal, r->kind, r->index, r->id, &wrote);
}

/* Writes it into its slot, or one that is made for it. */
static enum store_result store_write(struct store *s, struct store_record *r, store_stamp stamp,
				     enum store_peer peer)
{
	struct slot *slot = table_find(s->tables, r->kind, &r->slot.key, r->id);
	bool fresh = !slot, changed;
	store_stamp *there;

	if (!fresh && peer == STORE_PARTNER)
		return STORE_KEPT;
	if (fresh)
		slot = store_add(s, r, peer);
	if (!slot)
		return STORE_FULL;
	r->index = tables_index(s->tables, r->kind, slot);
	there = &s->stamp[r->kind][r->index];
	if (!fresh && store_is_late(*there, stamp))
		return STORE_STALE;
	changed = store_change(s, slot, r);
	store_note(slot, &r->slot, r->counters && peer == STORE_TWIN);
	*there = stamp;
	if (!fresh && !changed)
		return STORE_SAME;
	store_written(s, r, slot);
	return STORE_APPLIED;
}

static u8 store_origin(const struct store_record *r)
{
	if (r->kind == TABLE_PINS)
		return PIN_SYNCED;
	return session_byte(session_state(r->slot.state), ORIGIN_SYNCED,
			    r->slot.state & SESSION_FROM_INSIDE);
}

static void store_one(struct store *s, u8 link, u64 sequence, struct store_record *r)
{
	enum store_peer peer = s->source[link].peer;

	if (peer == STORE_PARTNER)
		r->slot.state = store_origin(r);
	if (!r->slot.device)
		r->result = STORE_NO_DEVICE;
	else if (store_is_dead(s, link, sequence, r->kind, r->id))
		r->result = STORE_STALE;
	else
		r->result = (u8)store_write(s, r, store_stamp_of(s, link, sequence), peer);
	s->counts.result[r->result]++;
}

static void store_ask(const struct store *s, struct store_record *r)
{
	u32 index;

	r->displaced = 0;
	r->id = store_hash(s, r->kind, &r->slot.key);
	index = (u32)r->id & s->tables->mask[r->kind];
	journal_ask(s->journal, r->kind, r->id);
	__builtin_prefetch(&s->stamp[r->kind][index], 1);
}

void store_apply(struct store *s, u8 link, u64 sequence, struct store_record *records, u32 count)
{
	for (u32 i = 0; i < count && i < STORE_AHEAD; i++)
		store_ask(s, &records[i]);
	for (u32 i = 0; i < count; i++) {
		if (i + STORE_AHEAD < count)
			store_ask(s, &records[i + STORE_AHEAD]);
		store_one(s, link, sequence, &records[i]);
	}
}

/* --- deletions and refreshes ---------------------------------------------------------------- */

static bool store_remove(struct store *s, enum table_kind kind, u32 index, u64 id)
{
	struct slot *slot = &s->tables->slots[kind][index];
	u32 version = core_load(&slot->version);
	struct flow key;

	slot_key(slot, &key);
	if (!slot_is_live(version) || store_hash(s, kind, &key) != id)
		return false; /* another's by now: the journal will say so */
	if (!(kind == TABLE_SESSIONS ? session_remove(s->tables, slot, version)
				     : pin_remove(s->tables, slot, version)))
		return false;
	(void)!journal_applied(s->journal, kind, index, id, NULL); /* that id was told of it */
	s->stamp[kind][index] = 0;
	return true;
}

/* A partner takes back only what came from it, and of which no frame has come here. */
static bool store_is_partners(const struct store *s, enum table_kind kind, u32 index, u8 link)
{
	const struct slot *slot = &s->tables->slots[kind][index];
	u8 state = core_load(&slot->state);
	bool synced = kind == TABLE_PINS ? state == PIN_SYNCED
					 : session_origin(state) == ORIGIN_SYNCED;

	return synced && !core_load(&slot->packets) &&
	       s->stamp[kind][index] >> 48 == store_stamp_of(s, link, 0) >> 48;
}

bool store_gone(struct store *s, u8 link, u64 sequence, u64 below, enum table_kind kind, u64 id)
{
	store_stamp now = store_stamp_of(s, link, sequence);
	u32 index;

	if (below + 1 < sequence)
		store_bury(s, link, sequence, kind, id);
	if (!journal_find(s->journal, kind, id, &index)) {
		s->counts.unknown++;
		return false;
	}
	if (store_is_late(s->stamp[kind][index], now)) {
		s->counts.stale_gone++;
		return false;
	}
	if (s->source[link].peer == STORE_PARTNER && !store_is_partners(s, kind, index, link))
		return false;
	if (!store_remove(s, kind, index, id))
		return false;
	s->counts.removed++;
	return true;
}

bool store_drop(struct store *s, u8 link, u64 after, enum table_kind kind, u64 id)
{
	u32 index;

	return journal_find(s->journal, kind, id, &index) &&
	       !store_is_late(s->stamp[kind][index], store_stamp_of(s, link, after)) &&
	       store_remove(s, kind, index, id);
}

u32 store_purge(struct store *s, u8 link, u64 after)
{
	store_stamp since = store_stamp_of(s, link, after);
	struct journal_entry entry;
	u32 removed = 0;

	for (enum table_kind kind = 0; kind < STORE_KINDS; kind++)
		for (u32 i = 0; i <= s->tables->mask[kind]; i++)
			if (journal_entry(s->journal, kind, i, NULL, true, &entry) &&
			    (s->stamp[kind][i] >> 48 != since >> 48 || s->stamp[kind][i] <= since))
				removed += store_remove(s, kind, i, entry.id);
	return removed;
}

void store_refresh(struct store *s, u8 link, enum table_kind kind, u64 id, const struct slot *times)
{
	struct slot *slot;
	u32 index;

	if (s->source[link].peer == STORE_PARTNER)
		return;
	if (!journal_find(s->journal, kind, id, &index)) {
		s->counts.unknown++;
		return;
	}
	slot = &s->tables->slots[kind][index];
	if ((int32_t)(times->seen - core_load(&slot->seen)) < 0)
		return;
	store_note(slot, times, true);
	s->counts.refreshed++;
}

void store_renew(struct store *s, u32 now)
{
	for (enum table_kind kind = 0; kind < STORE_KINDS; kind++)
		for (u32 i = 0; i <= s->tables->mask[kind]; i++)
			if (slot_is_live(core_load(&s->tables->slots[kind][i].version)))
				core_store(&s->tables->slots[kind][i].seen, now);
}

void store_read_counts(const struct store *s, struct store_counts *out)
{
	*out = s->counts;
}

/* --- life ----------------------------------------------------------------------------------- */

static size_t store_stamps_size(const struct store *s, enum table_kind kind)
{
	return ((size_t)s->tables->mask[kind] + 1) * sizeof(store_stamp);
}

static int store_alloc(struct store *s)
{
	for (enum table_kind kind = 0; kind < STORE_KINDS; kind++) {
		size_t size = store_stamps_size(s, kind);
		void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0);

		if (at == MAP_FAILED)
			return -ENOMEM;
		madvise(at, size, MADV_HUGEPAGE); /* at random: fewer misses of the TLB */
		s->stamp[kind] = at;
	}
	for (u8 link = 0; link < STORE_LINKS; link++)
		if (tombs_new(&s->source[link].tombs))
			return -ENOMEM;
	return 0;
}

int store_new(struct store **out, struct tables *tables, struct journal *journal)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->tables = tables;
	s->journal = journal;
	if (store_alloc(s)) {
		store_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	for (u8 link = 0; link < STORE_LINKS; link++)
		tombs_free(s->source[link].tombs);
	for (enum table_kind kind = 0; kind < STORE_KINDS; kind++)
		if (s->stamp[kind])
			munmap(s->stamp[kind], store_stamps_size(s, kind));
	free(s);
}

/* A life's number comes back after 256 of them: stamps of the last time are wiped then. */
void store_link(struct store *s, u8 link, enum store_peer peer)
{
	struct store_source *source = &s->source[link];

	source->peer = peer;
	source->life++;
	store_passed(s, link, UINT64_MAX);
	for (enum table_kind kind = 0; !source->life && kind < STORE_KINDS; kind++)
		core_zero(s->stamp[kind], store_stamps_size(s, kind));
}
