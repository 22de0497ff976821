// SPDX-License-Identifier: ISC
/*
 * The session table in user space: ns for an insert, a look-up that finds, and one that doesn't.
 *
 *   table sandwich|glib|dpdk SESSIONS [batch]
 *
 * Keys come in random order, another one for the look-ups. Each look-up reads the session that it
 * finds, as its caller would. Prints a line of JSON; bytes are what the process grew by. `batch`:
 * as many at a time as the contender takes.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/table/contender.h"

#define TABLE_CPU 0

struct bench {
	const struct contender *contender;
	void *table;
	u32 *order;
	u32 sessions;
};

/* Of the thread: what others take of the core is not the table's. */
static double table_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double table_resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long pages = 0;

	if (file && fscanf(file, "%*d %ld", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return (double)pages * (double)getpagesize();
}

/* Clients and servers as a balancer sees them; those of N and of N + 2^31 never meet. */
static void table_key(struct flow *key, u32 n)
{
	memset(key, 0, sizeof(*key));
	address_from_v4(&key->outside, core_swap32(0x0a000000 | (n & 0x3fff)));
	address_from_v4(&key->inside, core_swap32(0x14000000 | n >> 14));
	key->outside_port = core_swap16(1024 + (n & 0x7fff));
	key->inside_port = core_swap16(443);
	key->protocol = PROTOCOL_TCP;
}

static void table_shuffle(struct bench *b, u64 seed)
{
	for (u32 i = b->sessions - 1; i > 0; i--) {
		u32 other, kept = b->order[i];

		seed = hash_mix(seed + i);
		other = (u32)((seed >> 32) * (i + 1) >> 32);
		b->order[i] = b->order[other];
		b->order[other] = kept;
	}
}

/* The next keys from I on, of numbers from BASE on; how many. */
static u32 table_keys(const struct bench *b, struct flow *keys, u32 i, u32 base)
{
	u32 n = 0;

	for (; n < CONTENDER_BATCH && i + n < b->sessions; n++)
		table_key(&keys[n], base + b->order[i + n]);
	return n;
}

static u32 table_insert(const struct bench *b, const struct flow *keys, u32 n)
{
	u32 done = 0;

	for (u32 i = 0; i < n; i++)
		done += b->contender->insert(b->table, &keys[i]);
	return done;
}

static u32 table_find_each(const struct bench *b, const struct flow *keys, u32 n)
{
	u32 found = 0;

	for (u32 i = 0; i < n; i++) {
		struct slot *s = b->contender->find(b->table, &keys[i]);

		found += s && s->device == 1;
	}
	return found;
}

enum table_way { TABLE_INSERT, TABLE_FIND, TABLE_INSERT_BATCH, TABLE_FIND_BATCH };

static u32 table_some(const struct bench *b, enum table_way way, const struct flow *keys, u32 n)
{
	switch (way) {
	case TABLE_INSERT:
		return table_insert(b, keys, n);
	case TABLE_FIND:
		return table_find_each(b, keys, n);
	case TABLE_INSERT_BATCH:
		return b->contender->insert_batch(b->table, keys, n);
	default:
		return b->contender->find_batch(b->table, keys, n);
	}
}

/* ns for each, numbers from BASE on; *DONE: how many were put in, or found. */
static double table_all(const struct bench *b, enum table_way way, u32 base, u32 *done)
{
	struct flow keys[CONTENDER_BATCH];
	double began = table_now();
	u32 n;

	*done = 0;
	for (u32 i = 0; i < b->sessions; i += n) {
		n = table_keys(b, keys, i, base);
		*done += table_some(b, way, keys, n);
	}
	return (table_now() - began) / b->sessions;
}

struct result {
	double insert, find, miss, batch, bytes;
	u32 refused;
};

/* Fills an empty table, and looks everything up. 0 or -EPROTO: it does not find what it has. */
static int table_run(struct bench *b, bool batched, struct result *out)
{
	double before = table_resident();
	u32 in, found, ghosts;

	b->table = b->contender->open(b->sessions);
	if (!b->table)
		return -ENOMEM;
	table_shuffle(b, 1);
	out->insert = table_all(b, batched && b->contender->insert_batch ? TABLE_INSERT_BATCH
									  : TABLE_INSERT, 0, &in);
	out->refused = b->sessions - in;
	out->bytes = (table_resident() - before) / b->sessions;
	table_shuffle(b, 2);
	out->find = table_all(b, batched ? TABLE_FIND_BATCH : TABLE_FIND, 0, &found);
	out->miss = table_all(b, batched ? TABLE_FIND_BATCH : TABLE_FIND, 1u << 31, &ghosts);
	b->contender->close(b->table);
	return ghosts || found < in ? -EPROTO : 0;
}

static int table_print(struct bench *b, bool batched)
{
	struct result r;
	int err = table_run(b, batched, &r);

	if (err)
		fprintf(stderr, "table: %s: %s\n", b->contender->name, strerror(-err));
	else
		printf("{\"name\": \"%s\", \"insert\": %.2f, \"find\": %.2f, \"miss\": %.2f, "
		       "\"refused\": %u, \"bytes\": %.0f}\n",
		       b->contender->name, r.insert, r.find, r.miss, r.refused, r.bytes);
	return err;
}

static const struct contender *table_contender(const char *word)
{
	if (!strcmp(word, "glib"))
		return &contender_glib;
	if (!strcmp(word, "dpdk"))
		return &contender_dpdk;
	return strcmp(word, "sandwich") ? NULL : &contender_sandwich;
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	cpu_set_t set;
	int status;

	if (argc == 3 || argc == 4) {
		b.contender = table_contender(argv[1]);
		b.sessions = (u32)strtoul(argv[2], NULL, 0);
	}
	if (!b.contender || !b.sessions) {
		fprintf(stderr, "usage: table sandwich|glib|dpdk SESSIONS [batch]\n");
		return 2;
	}
	CPU_ZERO(&set);
	CPU_SET(TABLE_CPU, &set);
	sched_setaffinity(0, sizeof(set), &set);
	b.order = malloc(sizeof(*b.order) * b.sessions);
	for (u32 i = 0; b.order && i < b.sessions; i++)
		b.order[i] = i;
	status = b.order && !table_print(&b, argc == 4 && b.contender->find_batch) ? 0 : 1;
	free(b.order);
	return status;
}
