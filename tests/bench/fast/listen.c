// SPDX-License-Identifier: ISC
#include "tests/bench/fast/listen.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define LISTEN_TURN 1024 /* events of one ring before the next has its turn */
#define LISTEN_PAUSE_US 50

struct listen {
	struct tables tables;
	unsigned int count;
	int cpu, stop;
	struct listen_count sum, start;
	pthread_t thread;
};

static void listen_slot(struct listen *l, u32 entry)
{
	struct slot *s = tables_slot(&l->tables, event_kind(entry), event_slot(entry));
	struct flow key;

	slot_key(s, &key);
	l->sum.found += slot_is_live(core_load(&s->version)) && key.protocol;
}

static unsigned int listen_ring(struct listen *l, struct event_ring *ring)
{
	unsigned int n = 0;
	u32 entry;

	for (; n < LISTEN_TURN && event_take(ring, &entry); n++)
		listen_slot(l, entry);
	l->sum.taken += n;
	return n;
}

static unsigned int listen_turn(struct listen *l)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < l->count; i++)
		n += listen_ring(l, &l->tables.events[i]);
	return n;
}

static void *listen_run(void *arg)
{
	struct listen *l = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(l->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE))
		if (!listen_turn(l))
			usleep(LISTEN_PAUSE_US);
	while (listen_turn(l))
		;
	return NULL;
}

/* What all rings have counted so far, modulo 2^32 each. */
static void listen_totals(const struct listen *l, struct listen_count *out)
{
	for (unsigned int i = 0; i < l->count; i++) {
		out->put += core_load(&l->tables.events[i].head);
		out->lost += core_load(&l->tables.events[i].lost);
	}
}

int listen_open(struct listen **out, const struct tables *t, unsigned int count, int cpu)
{
	struct listen *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->tables = *t;
	l->count = count;
	l->cpu = cpu;
	for (unsigned int i = 0; i < count; i++) /* what was before is nobody's news */
		core_publish(&t->events[i].tail, core_load(&t->events[i].head));
	listen_totals(l, &l->start);
	err = -pthread_create(&l->thread, NULL, listen_run, l);
	if (err)
		free(l);
	else
		*out = l;
	return err;
}

void listen_close(struct listen *l, struct listen_count *out)
{
	struct listen_count end = {0};

	__atomic_store_n(&l->stop, 1, __ATOMIC_RELEASE);
	pthread_join(l->thread, NULL);
	listen_totals(l, &end);
	*out = l->sum;
	out->put = end.put - l->start.put;
	out->lost = end.lost - l->start.lost;
	free(l);
}
