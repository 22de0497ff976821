// SPDX-License-Identifier: ISC
#include "sync/census.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sync/journal_look.h"

struct census_entry {
	u64 element;
	u32 index;
	u32 shard;
};

struct census {
	struct census_setup setup;
	u64 wanted[JOURNAL_SHARDS / 64];
	u32 at; /* next slot */
	struct census_entry *entry;
	u32 count, room;
	u32 start[JOURNAL_SHARDS + 1];
	u64 *element; /* sorted by shard; NULL: not yet */
	u32 *index;
};

int census_new(struct census **out, const struct census_setup *setup)
{
	struct census *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->setup = *setup;
	if (setup->shards)
		memcpy(c->wanted, setup->shards, sizeof(c->wanted));
	else
		memset(c->wanted, 0xff, sizeof(c->wanted));
	*out = c;
	return 0;
}

void census_free(struct census *c)
{
	if (!c)
		return;
	free(c->entry);
	free(c->element);
	free(c->index);
	free(c);
}

static int census_add(struct census *c, const struct census_entry *e)
{
	if (c->count == c->room) {
		u32 room = c->room ? 2 * c->room : 1024;
		void *more = realloc(c->entry, room * sizeof(*c->entry));

		if (!more)
			return -ENOMEM;
		c->entry = more;
		c->room = room;
	}
	c->entry[c->count++] = *e;
	return 0;
}

static int census_look(struct census *c, u32 index)
{
	struct journal_entry told;
	struct census_entry e = {.index = index};

	if (!journal_entry(c->setup.journal, c->setup.kind, index, c->wanted, c->setup.state,
			   &told))
		return 0;
	e.shard = journal_shard_of(told.id);
	e.element = told.element;
	return census_add(c, &e);
}

/* By counting: two passes over what was found. */
static int census_sort(struct census *c)
{
	u32 next[JOURNAL_SHARDS];

	c->element = malloc((c->count + 1) * sizeof(*c->element));
	c->index = malloc((c->count + 1) * sizeof(*c->index));
	if (!c->element || !c->index)
		return -ENOMEM;
	for (u32 i = 0; i < c->count; i++)
		c->start[c->entry[i].shard + 1]++;
	for (u32 s = 0; s < JOURNAL_SHARDS; s++) {
		c->start[s + 1] += c->start[s];
		next[s] = c->start[s];
	}
	for (u32 i = 0; i < c->count; i++) {
		u32 to = next[c->entry[i].shard]++;

		c->element[to] = c->entry[i].element;
		c->index[to] = c->entry[i].index;
	}
	free(c->entry);
	c->entry = NULL;
	return 1;
}

int census_turn(struct census *c, u32 budget)
{
	u32 end = c->setup.tables->mask[c->setup.kind] + 1;

	if (c->element && c->index)
		return 1;
	for (; budget && c->at < end; budget--, c->at++) {
		int rc = census_look(c, c->at);

		if (rc)
			return rc;
	}
	return c->at == end ? census_sort(c) : 0;
}

const u64 *census_shard(const struct census *c, u32 shard, u32 *count)
{
	*count = c->start[shard + 1] - c->start[shard];
	return &c->element[c->start[shard]];
}

u32 census_index(const struct census *c, const u64 *element)
{
	return c->index[element - c->element];
}
