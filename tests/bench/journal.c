// SPDX-License-Identifier: ISC
/*
 * What following the tables costs: ns per change told and per slot scanned, by number of sessions.
 *
 * Usage: journal [SESSIONS] [small]; small: pages of 4 KiB, as BPF maps have. One JSON object per
 * line. The sink adds up what it is told, so that slots are read. Changes come in random order, a
 * ring full at a time; making them is not timed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "sandwich/core/session.h"
#include "sandwich/slowpath/memory.h"
#include "sync/journal.h"

#define BENCH_BUDGET 4096
#define BENCH_CHUNK 100000 /* changes at a time: less than a ring */

struct bench {
	struct memory *memory;
	struct tables t;
	struct journal *j;
	u32 sessions;
	u64 sum, told;
};

static double bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void bench_sink(void *user, const struct journal_change *change)
{
	struct bench *b = user;

	b->told++;
	b->sum += change->id + change->slot.key.outside.word[1] + change->slot.device;
}

static double bench_turns(struct bench *b)
{
	double start = bench_now();

	while (journal_turn(b->j, BENCH_BUDGET, bench_sink, b) >= BENCH_BUDGET)
		;
	return bench_now() - start;
}

static void bench_report(const struct bench *b, const char *what, double ns, u64 n)
{
	printf("{\"bench\": \"journal\", \"what\": \"%s\", \"flows\": %u, \"ns\": %.1f}\n", what,
	       b->sessions, ns / (double)n);
}

static struct flow bench_flow(u32 n)
{
	struct flow f = {.protocol = PROTOCOL_UDP, .inside_port = core_swap16(53)};

	address_from_v4(&f.outside, n);
	address_from_v4(&f.inside, core_swap32(0xc0000201));
	return f;
}

static void bench_add(struct bench *b, u32 n)
{
	struct flow f = bench_flow(n);

	(void)session_add(&b->t, &f, session_hash(b->t.settings, &f), 1 + n % 3, SESSION_NEW, 1);
}

static struct slot *bench_find(struct bench *b, u32 n)
{
	struct flow f = bench_flow(n);

	return table_find(&b->t, TABLE_SESSIONS, &f, session_hash(b->t.settings, &f));
}

static void bench_close(struct bench *b, u32 n)
{
	struct slot *s = bench_find(b, n);

	if (s)
		session_mark(&b->t, s, SESSION_CLOSED, EVENT_CLOSED);
}

static void bench_move(struct bench *b, u32 n)
{
	struct slot *s = bench_find(b, n);

	if (s)
		session_move(&b->t, s, &s->key, 4);
}

static void bench_remove(struct bench *b, u32 n)
{
	struct slot *s = bench_find(b, n);

	if (s)
		session_remove(&b->t, s, s->version);
}

/* Does CHANGE to every session, and times what follows. WHAT: NULL in a round before the first. */
static void bench_changes(struct bench *b, const char *what, void (*change)(struct bench *, u32))
{
	double ns = 0;

	b->told = 0;
	for (u32 n = 0; n < b->sessions;) {
		for (u32 i = 0; i < BENCH_CHUNK && n < b->sessions; i++)
			change(b, n++);
		ns += bench_turns(b);
	}
	if (what)
		bench_report(b, what, ns, b->told);
}

static void bench_scan(struct bench *b, const char *what)
{
	journal_rescan(b->j);
	bench_report(b, what, bench_turns(b), (u64)b->t.mask[TABLE_SESSIONS] + 1);
}

static int bench_open(struct bench *b)
{
	struct journal_setup setup = {.tables = &b->t, .key = {1, 2}};
	u32 slots = 1024;

	while (slots < b->sessions * 2)
		slots *= 2;
	if (memory_new(&b->memory, slots, 1024, 64))
		return -1;
	memory_tables(b->memory, 0, &b->t);
	memset(b->t.slots[TABLE_SESSIONS], 0, (size_t)slots * sizeof(struct slot));
	settings_secret(b->t.settings, &(struct hash_key){3, 4});
	setup.rings = memory_rings(b->memory, &setup.ring_count);
	if (journal_new(&b->j, &setup))
		return -1;
	for (u8 i = 1; i < 8; i++)
		journal_device(b->j, i, hash_mix(i));
	bench_turns(b);
	return 0;
}

int main(int argc, char **argv)
{
	struct bench b = {.sessions = argc > 1 ? (u32)atoi(argv[1]) : 1u << 20};

	if (argc > 2 && !strcmp(argv[2], "small"))
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	if (bench_open(&b)) {
		fprintf(stderr, "no memory\n");
		return 1;
	}
	bench_changes(&b, NULL, bench_add); /* memory is given at the first touch */
	bench_changes(&b, NULL, bench_remove);
	bench_changes(&b, "new", bench_add);
	bench_scan(&b, "scan, nothing new");
	bench_changes(&b, "closed", bench_close);
	bench_changes(&b, "moved", bench_move);
	bench_changes(&b, "removed", bench_remove);
	bench_scan(&b, "scan, empty");
	journal_free(b.j);
	memory_free(b.memory);
	return !b.sum;
}
