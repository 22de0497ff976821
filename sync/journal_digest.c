// SPDX-License-Identifier: ISC
/* What was told, and the sums over it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "sandwich/core/session.h"
#include "sync/journal_state.h"

/* --- ids and elements ----------------------------------------------------------------------- */

/*
 * A key's id is the hash by which it lies in its table: whoever knows the id knows its window. Both
 * of the tables' keys come from the shared secret; so does that of the digests.
 */
static void journal_keys(struct journal *j, const struct hash_key *key)
{
	const struct settings *cfg = j->tables->settings;

	j->session_key = cfg->spread;
	j->pin_key = cfg->placement;
	j->element_key = *key;
}

u64 journal_id(const struct journal *j, enum table_kind kind, const struct flow *key)
{
	return kind == TABLE_PINS ? flow_hash(&j->pin_key, key) : flow_spread(&j->session_key, key);
}

/*
 * What both twins must agree on: who learned of a conversation, and from whom, is each one's own. A
 * pin's state is nothing but its origin.
 */
static u8 journal_common(enum table_kind kind, u8 state)
{
	return kind == TABLE_SESSIONS ? session_state(state) | (state & SESSION_FROM_INSIDE) : 0;
}

/* The second word is no better than the first for one element, but it is for sums of many. */
static void journal_element(const struct journal *j, enum table_kind kind, const struct shadow *s,
			    u64 name_hash, u64 *element)
{
	const u64 words[HASH_WORDS] = {
		s->id, name_hash, (u64)kind << 8 | journal_common(kind, s->state)};

	element[0] = hash_words(&j->element_key, words);
	element[1] = hash_mix(element[0] ^ j->element_key.k0);
}

u64 journal_element_of(const struct journal *j, enum table_kind kind, const struct shadow *s,
		       bool state)
{
	const u64 words[HASH_WORDS] = {
		s->id, j->names[s->device],
		(u64)kind << 8 | (state ? journal_common(kind, s->state) : 0xff),
	};

	return hash_words(&j->element_key, words);
}

static struct journal_digest *journal_shard(const struct journal *j, enum table_kind kind, u64 id)
{
	return &j->shards[kind][id / (UINT64_MAX / JOURNAL_SHARDS + 1)];
}

/* --- what was told -------------------------------------------------------------------------- */

/* Adds an entry to its shard's sums (SIGN 1), or takes it out (-1). */
static void journal_sum(struct journal *j, enum table_kind kind, const struct shadow *s,
			u64 name_hash, int sign)
{
	struct journal_digest *d = journal_shard(j, kind, s->id);
	u64 element[2];

	journal_element(j, kind, s, name_hash, element);
	d->sum[0] += (u64)sign * element[0];
	d->sum[1] += (u64)sign * element[1];
	d->count += (u32)sign;
}

static void journal_add(struct journal *j, enum table_kind kind, const struct shadow *s)
{
	journal_sum(j, kind, s, j->names[s->device], 1);
	core_store(&j->counts.entries[kind], j->counts.entries[kind] + 1);
	j->told[s->device]++;
}

static void journal_subtract(struct journal *j, enum table_kind kind, const struct shadow *s)
{
	journal_sum(j, kind, s, j->names[s->device], -1);
	core_store(&j->counts.entries[kind], j->counts.entries[kind] - 1);
	j->told[s->device]--;
}

void journal_shadow_clear(struct journal *j, enum table_kind kind, u32 index)
{
	struct shadow *at = &j->shadow[kind][index];

	if (at->flags & SHADOW_TOLD)
		journal_subtract(j, kind, at);
	core_zero(at, sizeof(*at));
	j->marks[kind][index] = 0;
}

void journal_shadow_put(struct journal *j, enum table_kind kind, u32 index, u64 id,
			const struct slot *slot)
{
	struct shadow *at = &j->shadow[kind][index];

	if (at->flags & SHADOW_TOLD)
		journal_subtract(j, kind, at);
	at->id = id;
	at->version = slot->version;
	at->device = slot->device;
	at->state = slot->state;
	at->router = slot->router;
	at->flags = SHADOW_TOLD;
	j->marks[kind][index] = journal_mark(id);
	journal_add(j, kind, at);
}

/* --- devices -------------------------------------------------------------------------------- */

/* What was told of DEVICE meant another one: it is told anew. */
static void journal_rename(struct journal *j, enum table_kind kind, u8 device, u64 name_hash)
{
	for (u32 i = 0; i <= j->tables->mask[kind]; i++) {
		struct shadow *s = &j->shadow[kind][i];

		if (!(s->flags & SHADOW_TOLD) || s->device != device)
			continue;
		journal_sum(j, kind, s, j->names[device], -1);
		journal_sum(j, kind, s, name_hash, 1);
		s->flags |= SHADOW_AGAIN;
	}
}

void journal_device(struct journal *j, u8 device, u64 name_hash)
{
	if (j->names[device] == name_hash)
		return;
	if (j->told[device]) {
		for (enum table_kind kind = 0; kind < JOURNAL_KINDS; kind++)
			journal_rename(j, kind, device, name_hash);
		journal_rescan(j);
	}
	j->names[device] = name_hash;
}

/* --- digests -------------------------------------------------------------------------------- */

void journal_digest_of(const struct journal *j, enum table_kind kind, u32 shard,
		       struct journal_digest *out)
{
	*out = j->shards[kind][shard & (JOURNAL_SHARDS - 1)];
}

void journal_root(const struct journal *j, struct journal_digest *out)
{
	core_zero(out, sizeof(*out));
	for (enum table_kind kind = 0; kind < JOURNAL_KINDS; kind++) {
		for (u32 i = 0; i < JOURNAL_SHARDS; i++) {
			out->sum[0] += j->shards[kind][i].sum[0];
			out->sum[1] += j->shards[kind][i].sum[1];
			out->count += j->shards[kind][i].count;
		}
	}
}

/* --- memory --------------------------------------------------------------------------------- */

/* Zeros; touched at random, so large pages spare misses of the TLB. NULL: there is none. */
static void *journal_map(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	madvise(at, size, MADV_HUGEPAGE);
	return at;
}

static size_t journal_slots(const struct journal *j, enum table_kind kind)
{
	return (size_t)j->tables->mask[kind] + 1;
}

int journal_shadow_new(struct journal *j, const struct hash_key *key)
{
	bool all;

	journal_keys(j, key);
	j->shards = calloc(JOURNAL_KINDS, sizeof(*j->shards));
	all = j->shards;
	for (enum table_kind kind = 0; kind < JOURNAL_KINDS; kind++) {
		j->shadow[kind] = journal_map(journal_slots(j, kind) * sizeof(struct shadow));
		j->marks[kind] = journal_map(journal_slots(j, kind));
		all = all && j->shadow[kind] && j->marks[kind];
	}
	return all ? 0 : -ENOMEM;
}

void journal_shadow_free(struct journal *j)
{
	for (enum table_kind kind = 0; kind < JOURNAL_KINDS; kind++) {
		if (j->shadow[kind])
			munmap(j->shadow[kind], journal_slots(j, kind) * sizeof(struct shadow));
		if (j->marks[kind])
			munmap(j->marks[kind], journal_slots(j, kind));
	}
	free(j->shards);
}
