// SPDX-License-Identifier: ISC
/*
 * The session table in user space: ns for an insert, a look-up that finds, and one that doesn't.
 *
 *   table sandwich|glib|dpdk SESSIONS
 *
 * Keys come in random order, another one for the look-ups. Each look-up reads the session that it
 * finds, as its caller would. Prints a line of JSON; bytes are what the process grew by.
 */
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

/* ns for each; *REFUSED: those that found no room. */
static double table_insert(struct bench *b, u32 *refused)
{
	double began = table_now();
	struct flow key;

	*refused = 0;
	for (u32 i = 0; i < b->sessions; i++) {
		table_key(&key, b->order[i]);
		*refused += !b->contender->insert(b->table, &key);
	}
	return (table_now() - began) / b->sessions;
}

/* BASE: added to each number; *FOUND: how many there were. */
static double table_find_all(struct bench *b, u32 base, u32 *found)
{
	double began = table_now();
	struct flow key;

	*found = 0;
	for (u32 i = 0; i < b->sessions; i++) {
		struct slot *s;

		table_key(&key, base + b->order[i]);
		s = b->contender->find(b->table, &key);
		*found += s && s->device == 1;
	}
	return (table_now() - began) / b->sessions;
}

static int table_run(struct bench *b)
{
	double before = table_resident(), insert, hit, miss, bytes;
	u32 refused, found, ghosts;

	b->table = b->contender->open(b->sessions);
	if (!b->table) {
		fprintf(stderr, "table: %s: no memory\n", b->contender->name);
		return 1;
	}
	table_shuffle(b, 1);
	insert = table_insert(b, &refused);
	bytes = (table_resident() - before) / b->sessions;
	table_shuffle(b, 2);
	hit = table_find_all(b, 0, &found);
	miss = table_find_all(b, 1u << 31, &ghosts);
	if (ghosts || found < b->sessions - refused)
		fprintf(stderr, "table: %s finds %u of %u, and %u that aren't there\n",
			b->contender->name, found, b->sessions, ghosts);
	else
		printf("{\"name\": \"%s\", \"insert\": %.2f, \"find\": %.2f, \"miss\": %.2f, "
		       "\"refused\": %u, \"bytes\": %.0f}\n",
		       b->contender->name, insert, hit, miss, refused, bytes);
	b->contender->close(b->table);
	return ghosts || found < b->sessions - refused;
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

	if (argc == 3) {
		b.contender = table_contender(argv[1]);
		b.sessions = (u32)strtoul(argv[2], NULL, 0);
	}
	if (!b.contender || !b.sessions) {
		fprintf(stderr, "usage: table sandwich|glib|dpdk SESSIONS\n");
		return 2;
	}
	CPU_ZERO(&set);
	CPU_SET(TABLE_CPU, &set);
	sched_setaffinity(0, sizeof(set), &set);
	b.order = malloc(sizeof(*b.order) * b.sessions);
	for (u32 i = 0; b.order && i < b.sessions; i++)
		b.order[i] = i;
	status = b.order ? table_run(&b) : 1;
	free(b.order);
	return status;
}
