// SPDX-License-Identifier: ISC
#include "sync/tombs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOMBS_FIRST 256 /* a power of two */

struct tomb {
	u64 id, sequence; /* sequence 0: free */
};

struct tombs {
	struct tomb *slot; /* open addressing by the id, half full at most */
	struct tomb *ring; /* in the order they came; the same size */
	u32 mask, used;
	u32 head, tail; /* of the ring, running on */
};

static int tombs_alloc(struct tombs *t, u32 size)
{
	t->slot = calloc(size, sizeof(*t->slot));
	t->ring = calloc(size, sizeof(*t->ring));
	t->mask = size - 1;
	return t->slot && t->ring ? 0 : -ENOMEM;
}

int tombs_new(struct tombs **out)
{
	struct tombs *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	if (tombs_alloc(t, TOMBS_FIRST)) {
		tombs_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void tombs_free(struct tombs *t)
{
	if (!t)
		return;
	free(t->slot);
	free(t->ring);
	free(t);
}

/* The id's slot, or the free one where it would be. Ids are hashes: their low bits spread. */
static struct tomb *tombs_at(const struct tombs *t, u64 id)
{
	u32 i = (u32)id & t->mask;

	while (t->slot[i].sequence && t->slot[i].id != id)
		i = (i + 1) & t->mask;
	return &t->slot[i];
}

static void tombs_set(struct tombs *t, u64 id, u64 sequence)
{
	struct tomb *at = tombs_at(t, id);

	t->used += !at->sequence;
	if (at->sequence < sequence)
		*at = (struct tomb){id, sequence};
}

static int tombs_grow(struct tombs *t)
{
	struct tombs more = {0};

	if (tombs_alloc(&more, 2 * (t->mask + 1))) {
		free(more.slot);
		free(more.ring);
		return -ENOMEM;
	}
	while (t->tail != t->head) {
		more.ring[more.head] = t->ring[t->tail++ & t->mask];
		tombs_set(&more, more.ring[more.head].id, more.ring[more.head].sequence);
		more.head++;
	}
	free(t->slot);
	free(t->ring);
	*t = more;
	return 0;
}

int tombs_put(struct tombs *t, u64 id, u64 sequence)
{
	/* every id in the slots is in the ring, so the ring's length bounds both */
	if (t->head - t->tail > t->mask / 2 && tombs_grow(t))
		return -ENOMEM;
	t->ring[t->head++ & t->mask] = (struct tomb){id, sequence};
	tombs_set(t, id, sequence);
	return 0;
}

u64 tombs_find(const struct tombs *t, u64 id)
{
	return t->used ? tombs_at(t, id)->sequence : 0;
}

/* Whoever stands behind the hole, and could not have stood before it, closes it. */
static void tombs_remove(struct tombs *t, struct tomb *at)
{
	u32 hole = (u32)(at - t->slot), i = hole;

	for (;;) {
		i = (i + 1) & t->mask;
		if (!t->slot[i].sequence)
			break;
		if (((i - (u32)t->slot[i].id) & t->mask) < ((i - hole) & t->mask))
			continue;
		t->slot[hole] = t->slot[i];
		hole = i;
	}
	t->slot[hole].sequence = 0;
	t->used--;
}

void tombs_pass(struct tombs *t, u64 sequence)
{
	while (t->tail != t->head && t->ring[t->tail & t->mask].sequence <= sequence) {
		struct tomb *at = tombs_at(t, t->ring[t->tail++ & t->mask].id);

		if (at->sequence && at->sequence <= sequence)
			tombs_remove(t, at); /* else it was deleted again since */
	}
}

u32 tombs_count(const struct tombs *t)
{
	return t->used;
}
