// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "sandwich/core/counters.h"

struct memory {
	struct tables tables;
	struct counters *counters;
	struct event_ring **rings;
	unsigned int count; /* of both */
	void *base;	    /* NULL: adopted */
	size_t size;
};

/* One array's place in the mapping; a first pass with base NULL adds up the size. */
static void *memory_take(const struct memory *m, size_t *at, size_t bytes)
{
	size_t here = *at;

	*at += (bytes + 4095) & ~(size_t)4095;
	return m->base ? (char *)m->base + here : NULL;
}

static size_t memory_lay_out(struct memory *m)
{
	struct tables *t = &m->tables;
	size_t at = 0;

	for (int k = 0; k < TABLES; k++)
		t->slots[k] = memory_take(m, &at, ((size_t)t->mask[k] + 1) * sizeof(struct slot));
	t->settings = memory_take(m, &at, sizeof(*t->settings));
	t->rows = memory_take(m, &at, sizeof(*t->rows) * RANK_SETS * RANK_ROWS);
	t->filter = memory_take(m, &at, sizeof(*t->filter) * PIN_FILTER_SETS * PIN_FILTER_WORDS);
	t->stamps = memory_take(m, &at, RANK_ROWS);
	t->devices = memory_take(m, &at, sizeof(*t->devices) * DEVICES_MAX);
	t->macs = memory_take(m, &at, sizeof(*t->macs) * MACS_SLOTS);
	t->locals = memory_take(m, &at, sizeof(*t->locals) * LOCALS_SLOTS);
	t->routes = memory_take(m, &at, sizeof(*t->routes) * ROUTES_SLOTS);
	t->neighbours = memory_take(m, &at, sizeof(*t->neighbours) * NEIGHBOURS_MAX);
	m->counters = memory_take(m, &at, sizeof(*m->counters) * MEMORY_THREADS);
	t->events = memory_take(m, &at, sizeof(*t->events) * MEMORY_THREADS);
	return at;
}

/* Takes over M, and gives it out with a list of its rings. */
static int memory_finish(struct memory **out, struct memory *m, unsigned int count)
{
	m->rings = calloc(count, sizeof(*m->rings));
	if (!m->rings) {
		memory_free(m);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < count; i++)
		m->rings[i] = &m->tables.events[i];
	m->count = count;
	*out = m;
	return 0;
}

int memory_new(struct memory **out, u32 sessions, u32 pins, u32 fragments)
{
	struct memory *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->tables.mask[TABLE_SESSIONS] = sessions - 1;
	m->tables.mask[TABLE_PINS] = pins - 1;
	m->tables.mask[TABLE_FRAGMENTS] = fragments - 1;
	m->size = memory_lay_out(m);
	m->base = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->base == MAP_FAILED) {
		free(m);
		return -ENOMEM;
	}
	madvise(m->base, m->size, MADV_HUGEPAGE); /* random slots: fewer misses of the TLB */
	madvise(m->base, m->size, MADV_DONTFORK); /* a child's copy would cost a fault a page */
	madvise(m->base, m->size, MADV_POPULATE_WRITE); /* now, and not while a frame waits */
	memory_lay_out(m);
	return memory_finish(out, m, MEMORY_THREADS);
}

int memory_adopt(struct memory **out, const struct tables *t, struct counters *counters,
		 unsigned int count)
{
	struct memory *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->tables = *t;
	m->counters = counters;
	return memory_finish(out, m, count);
}

void memory_free(struct memory *m)
{
	if (!m)
		return;
	if (m->base)
		munmap(m->base, m->size);
	free(m->rings);
	free(m);
}

void memory_tables(struct memory *m, unsigned int thread, struct tables *out)
{
	*out = m->tables;
	out->counters = &m->counters[thread];
	out->events = m->rings[thread];
}

struct event_ring **memory_rings(struct memory *m, unsigned int *count)
{
	*count = m->count;
	return m->rings;
}

void memory_sum(const struct memory *m, struct counters *sum)
{
	u64 *to = (u64 *)sum;

	core_zero(sum, sizeof(*sum));
	for (unsigned int thread = 0; thread < m->count; thread++) {
		const u64 *from = (const u64 *)&m->counters[thread];

		for (size_t i = 0; i < sizeof(*sum) / sizeof(u64); i++)
			to[i] += core_load(&from[i]);
	}
	counters_fold(sum);
}

u64 memory_received(const struct memory *m)
{
	u64 sum = 0;

	for (unsigned int thread = 0; thread < m->count; thread++)
		sum += counters_received(&m->counters[thread]);
	return sum;
}

u32 memory_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (u32)((u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000);
}
