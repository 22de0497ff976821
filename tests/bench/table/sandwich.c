// SPDX-License-Identifier: ISC
/* The project's own table, by the functions that the user-space data path uses. */
#include <stdlib.h>

#include "sandwich/core/session.h"
#include "sandwich/slowpath/memory.h"
#include "tests/bench/table/contender.h"

#define SANDWICH_PINS	   (1 << 14)
#define SANDWICH_FRAGMENTS (1 << 12)

struct sandwich {
	struct memory *memory;
	struct tables tables;
	u32 now;
};

/* The power of two that leaves no more than two thirds of the slots in use. */
static void *sandwich_open(u32 sessions)
{
	struct sandwich *s = calloc(1, sizeof(*s));
	u32 slots = 1 << 10;

	while (slots < sessions + sessions / 2)
		slots *= 2;
	if (!s || memory_new(&s->memory, slots, SANDWICH_PINS, SANDWICH_FRAGMENTS)) {
		free(s);
		return NULL;
	}
	memory_tables(s->memory, 0, &s->tables);
	settings_secret(s->tables.settings,
			&(struct hash_key){0x0123456789abcdef, 0xfedcba9876543210});
	s->tables.settings->timeout[TIMEOUT_TCP_ESTABLISHED] = 3600000;
	s->now = memory_now();
	return s;
}

static bool sandwich_insert(void *table, const struct flow *key)
{
	struct sandwich *s = table;
	u64 hash = session_hash(s->tables.settings, key);

	return session_add(&s->tables, key, hash, 1,
			   session_byte(SESSION_ESTABLISHED, ORIGIN_HASH, 0), s->now) != NULL;
}

static struct slot *sandwich_find(void *table, const struct flow *key)
{
	struct sandwich *s = table;

	return table_find(&s->tables, TABLE_SESSIONS, key,
			  session_hash(s->tables.settings, key));
}

/* All homes are on their way into the cache before the first is looked at. */
static void sandwich_prefetch(struct sandwich *s, const struct flow *keys, u64 *hashes, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		hashes[i] = session_hash(s->tables.settings, &keys[i]);
		__builtin_prefetch(tables_slot(&s->tables, TABLE_SESSIONS, (u32)hashes[i]), 1);
	}
}

static u32 sandwich_insert_batch(void *table, const struct flow *keys, u32 n)
{
	u64 hashes[CONTENDER_BATCH];
	struct sandwich *s = table;
	u32 done = 0;

	sandwich_prefetch(s, keys, hashes, n);
	for (u32 i = 0; i < n; i++)
		done += session_add(&s->tables, &keys[i], hashes[i], 1,
				    session_byte(SESSION_ESTABLISHED, ORIGIN_HASH, 0),
				    s->now) != NULL;
	return done;
}

static u32 sandwich_find_batch(void *table, const struct flow *keys, u32 n)
{
	u64 hashes[CONTENDER_BATCH];
	struct sandwich *s = table;
	u32 found = 0;

	sandwich_prefetch(s, keys, hashes, n);
	for (u32 i = 0; i < n; i++) {
		struct slot *slot = table_find(&s->tables, TABLE_SESSIONS, &keys[i], hashes[i]);

		found += slot && slot->device == 1;
	}
	return found;
}

static void sandwich_close(void *table)
{
	struct sandwich *s = table;

	memory_free(s->memory);
	free(s);
}

const struct contender contender_sandwich = {
	.name = "sandwich",
	.open = sandwich_open,
	.insert = sandwich_insert,
	.find = sandwich_find,
	.insert_batch = sandwich_insert_batch,
	.find_batch = sandwich_find_batch,
	.close = sandwich_close,
};
