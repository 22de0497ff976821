// SPDX-License-Identifier: ISC
#include "sync/journal_look.h"

#include <errno.h>

#include "sync/journal_state.h"

bool journal_whole(const struct journal *j)
{
	return j->counts.scans != 0;
}

static bool journal_holds(const struct journal *j, enum table_kind kind, u32 index, u64 id)
{
	const struct shadow *at = &j->shadow[kind][index];

	return at->id == id && at->flags;
}

bool journal_find(const struct journal *j, enum table_kind kind, u64 id, u32 *index)
{
	for (u32 i = 0; i < TABLE_WINDOW; i++) {
		*index = ((u32)id + i) & j->tables->mask[kind];
		if (journal_holds(j, kind, *index, id))
			return true;
	}
	return false;
}

void journal_ask_slot(const struct journal *j, enum table_kind kind, u32 index)
{
	index &= j->tables->mask[kind];
	__builtin_prefetch(&j->tables->slots[kind][index]);
	__builtin_prefetch(&j->shadow[kind][index], 1);
}

void journal_ask(const struct journal *j, enum table_kind kind, u64 id)
{
	journal_ask_slot(j, kind, (u32)id);
}

/* A whole copy; -EAGAIN while somebody writes it. */
static int journal_copy_told(const struct slot *s, const struct shadow *at, struct slot *copy)
{
	const any_word *from = (const any_word *)s;
	any_word *to = (any_word *)copy;
	u32 version = core_load(&s->version);

	if (slot_is_free(version) || !at->flags)
		return -ENOENT;
	for (size_t i = 0; i < sizeof(*s) / sizeof(*to); i++)
		to[i] = core_load(&from[i]);
	if (!slot_is_live(version) || core_load(&s->version) != version ||
	    at->flags != SHADOW_TOLD || at->version != version)
		return -EAGAIN;
	/* what is sent is what was told: another change since will be told, too */
	copy->version = version;
	copy->device = at->device;
	copy->state = at->state;
	copy->router = at->router;
	return 0;
}

int journal_read(struct journal *j, enum table_kind kind, u32 index, journal_sink sink, void *user,
		 struct journal_change *out)
{
	const struct journal_pick p = {.kind = (u8)kind, .index = index & j->tables->mask[kind]};
	const struct shadow *at = &j->shadow[kind][p.index];
	int rc;

	j->sink = sink;
	j->user = user;
	journal_look(j, &p);
	rc = journal_copy_told(&j->tables->slots[kind][p.index], at, &out->slot);
	out->kind = kind;
	out->index = p.index;
	out->what = 0;
	out->id = at->id;
	out->gone = false;
	return rc;
}

bool journal_entry(const struct journal *j, enum table_kind kind, u32 index, const u64 *shards,
		   bool state, struct journal_entry *out)
{
	const struct shadow *at = &j->shadow[kind][index];
	u32 shard = journal_shard_of(at->id);

	if (!at->flags || (shards && !(shards[shard / 64] >> (shard & 63) & 1)))
		return false;
	out->id = at->id;
	out->element = journal_element_of(j, kind, at, state);
	return true;
}
