// SPDX-License-Identifier: ISC
/*
 * Room in a full window: as in hopscotch hashing (Herlihy, Shavit and Tzafrir, 2008) a free slot
 * farther off is brought nearer by moving into it what may lie there, and so on with the slot that
 * this frees; here both upwards and downwards.
 */
#include "sync/store_state.h"

#define STORE_REACH 512 /* how far off a free slot is looked for */

static struct slot *store_slot(const struct store *s, enum table_kind kind, u32 index)
{
	return tables_slot(s->tables, kind, index);
}

bool store_has_room(struct store *s, enum table_kind kind, u64 hash)
{
	for (u32 i = 0; i < TABLE_WINDOW; i++)
		if (slot_is_free(core_load(&store_slot(s, kind, (u32)hash + i)->version)))
			return true;
	return false;
}

/* Copies the entry of FROM into the free slot TO, then removes it from FROM. */
static bool store_move(struct store *s, enum table_kind kind, u32 from, u32 to, u64 id)
{
	u32 mask = s->tables->mask[kind], before;
	struct slot *a = store_slot(s, kind, from), *b = store_slot(s, kind, to);

	before = core_load(&b->version);
	if (!slot_is_free(before) || !slot_claim(b, before))
		return false;
	slot_fill(b, &a->key, a->device, a->state, a->seen);
	core_store(&b->created, a->created);
	core_store(&b->packets, a->packets);
	core_store(&b->bytes_low, a->bytes_low);
	core_store(&b->bytes_high, a->bytes_high);
	core_store(&b->router, a->router);
	slot_publish(b, before);
	slot_remove(a, core_load(&a->version));
	/* in this order nobody is told: the key has gone for a moment, and is back */
	(void)!journal_applied(s->journal, kind, from & mask, id, NULL);
	(void)!journal_applied(s->journal, kind, to & mask, id, b);
	s->stamp[kind][to & mask] = s->stamp[kind][from & mask];
	s->stamp[kind][from & mask] = 0;
	s->counts.relocated++;
	return true;
}

/* Moves into the free slot FREE what lies at AT, if its window reaches there. */
static bool store_shift(struct store *s, enum table_kind kind, u32 at, u32 free)
{
	u32 mask = s->tables->mask[kind];
	const struct slot *a = store_slot(s, kind, at);
	u64 id;

	if (!slot_is_live(core_load(&a->version)))
		return false;
	id = store_hash(s, kind, &a->key);
	return ((free - (u32)id) & mask) < TABLE_WINDOW && store_move(s, kind, at, free, id);
}

/* How far the nearest free slot is from HOME, upwards or downwards; STORE_REACH: too far. */
static u32 store_distance(struct store *s, enum table_kind kind, u32 home, bool up)
{
	u32 limit = s->tables->mask[kind] < STORE_REACH ? s->tables->mask[kind] : STORE_REACH;
	u32 d = 1;

	while (d < limit &&
	       !slot_is_free(core_load(&store_slot(s, kind, up ? home + d : home - d)->version)))
		d++;
	return d < limit ? d : STORE_REACH;
}

static bool store_from_above(struct store *s, enum table_kind kind, u32 home)
{
	u32 d = store_distance(s, kind, home, true);

	while (d >= TABLE_WINDOW && d < STORE_REACH) {
		u32 i = TABLE_WINDOW - 1; /* the longest step first */

		while (i && !store_shift(s, kind, home + d - i, home + d))
			i--;
		if (!i)
			return false;
		d -= i;
	}
	return d < TABLE_WINDOW;
}

static bool store_from_below(struct store *s, enum table_kind kind, u32 home)
{
	u32 d = store_distance(s, kind, home, false);

	if (d >= STORE_REACH)
		return false;
	for (;;) { /* the free slot is D below home */
		u32 i = TABLE_WINDOW - 1;

		while (i && !store_shift(s, kind, home - d + i, home - d))
			i--;
		if (!i)
			return false;
		if (i >= d)
			return true;
		d -= i;
	}
}

bool store_make_room(struct store *s, enum table_kind kind, u64 hash)
{
	return store_has_room(s, kind, hash) || store_from_above(s, kind, (u32)hash) ||
	       store_from_below(s, kind, (u32)hash);
}
