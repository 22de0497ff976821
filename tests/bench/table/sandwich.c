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
	s->tables.settings->secret = (struct hash_key){0x0123456789abcdef, 0xfedcba9876543210};
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
	.close = sandwich_close,
};
