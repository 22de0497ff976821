// SPDX-License-Identifier: ISC
#include "tests/packets/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LOG_SIZE (1 << 22)

struct kernel {
	struct bpf_object *object;
	int program;
	unsigned int counts; /* struct counters there are: the threads' and the CPUs' */
	struct counters *counters;
	struct event_ring *events;
	unsigned int verified;
	struct tables tables;
	struct work *verdict;
};

/* Which map is which member of struct tables; user space knows no map by another name. */
static const struct {
	const char *map;
	size_t member;
} kernel_maps[] = {
	{"sessions", offsetof(struct tables, slots[TABLE_SESSIONS])},
	{"pins", offsetof(struct tables, slots[TABLE_PINS])},
	{"fragments", offsetof(struct tables, slots[TABLE_FRAGMENTS])},
	{"settings", offsetof(struct tables, settings)},
	{"rows", offsetof(struct tables, rows)},
	{"filter", offsetof(struct tables, filter)},
	{"stamps", offsetof(struct tables, stamps)},
	{"devices", offsetof(struct tables, devices)},
	{"macs", offsetof(struct tables, macs)},
	{"locals", offsetof(struct tables, locals)},
	{"routes", offsetof(struct tables, routes)},
	{"neighbours", offsetof(struct tables, neighbours)},
};

/* Maps all of MAP (values lie eight-byte aligned in an array map). */
static void *kernel_map(struct bpf_object *object, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);
	size_t size;
	void *at;

	if (!map)
		return NULL;
	size = (((size_t)bpf_map__value_size(map) + 7) & ~(size_t)7) * bpf_map__max_entries(map);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	return at == MAP_FAILED ? NULL : at;
}

static int kernel_map_all(struct kernel *k)
{
	struct tables *t = &k->tables;

	for (size_t i = 0; i < sizeof(kernel_maps) / sizeof(*kernel_maps); i++) {
		void *at = kernel_map(k->object, kernel_maps[i].map);

		if (!at)
			return -ENOMEM;
		memcpy((char *)t + kernel_maps[i].member, &at, sizeof(at));
	}
	k->verdict = kernel_map(k->object, "verdicts");
	k->counters = kernel_map(k->object, "counters");
	k->events = kernel_map(k->object, "events");
	t->mask[TABLE_SESSIONS] = (1 << 16) - 1;
	t->mask[TABLE_PINS] = (1 << 14) - 1;
	t->mask[TABLE_FRAGMENTS] = (1 << 12) - 1;
	return k->verdict && k->counters && k->events ? 0 : -ENOMEM;
}

static int kernel_quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* One struct counters, and one ring, for each thread and each CPU. */
static int kernel_size(struct kernel *k)
{
	struct bpf_map *counters = bpf_object__find_map_by_name(k->object, "counters");
	struct bpf_map *events = bpf_object__find_map_by_name(k->object, "events");
	int rc;

	k->counts = COUNTERS_THREADS + (unsigned int)libbpf_num_possible_cpus();
	if (!counters || !events)
		return -ENOENT;
	rc = bpf_map__set_max_entries(counters, k->counts);
	return rc ? rc : bpf_map__set_max_entries(events, k->counts);
}

/* Loads it with the verifier's log; the tail of that says why not. */
static int kernel_load(struct kernel *k, const char *object, char *why, size_t size)
{
	char *log = calloc(1, LOG_SIZE);
	struct bpf_program *program;
	const char *count;
	int rc;

	if (!log)
		return -ENOMEM;
	k->object = bpf_object__open_file(object, NULL);
	program = k->object ? bpf_object__next_program(k->object, NULL) : NULL;
	rc = program ? kernel_size(k) : -ENOENT;
	if (!rc) {
		bpf_program__set_log_buf(program, log, LOG_SIZE);
		bpf_program__set_log_level(program, 4);
		rc = bpf_object__load(k->object);
		k->program = bpf_program__fd(program);
	}
	count = strstr(log, "processed ");
	k->verified = count ? (unsigned int)strtoul(count + 10, NULL, 10) : 0;
	snprintf(why, size, "%s", rc && *log ? log + (strlen(log) > 600 ? strlen(log) - 600 : 0)
					     : strerror(-rc));
	free(log);
	return rc;
}

int kernel_open(struct kernel **out, const char *object, char *why, size_t size)
{
	struct kernel *k = calloc(1, sizeof(*k));
	int rc;

	if (!k)
		return -ENOMEM;
	libbpf_set_print(kernel_quiet);
	rc = kernel_load(k, object, why, size);
	if (!rc)
		rc = kernel_map_all(k);
	if (rc)
		kernel_close(k);
	else
		*out = k;
	return rc == -EACCES ? -EACCES : rc;
}

void kernel_close(struct kernel *k)
{
	bpf_object__close(k->object); /* the mappings go with the process */
	free(k);
}

unsigned int kernel_verified(const struct kernel *k)
{
	return k->verified;
}

struct tables *kernel_tables(struct kernel *k)
{
	return &k->tables;
}

void kernel_counters(struct kernel *k, struct counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned int at = 0; at < k->counts; at++)
		for (size_t i = 0; i < sizeof(*sum) / 8; i++)
			((u64 *)sum)[i] += ((u64 *)&k->counters[at])[i];
}

void kernel_clear_counters(struct kernel *k)
{
	memset(k->counters, 0, k->counts * sizeof(*k->counters));
}

struct event_ring *kernel_events(struct kernel *k, unsigned int *count)
{
	*count = k->counts;
	return k->events;
}

int kernel_run(struct kernel *k, const u8 *frame, u32 size, struct work *w, u8 *out, u32 *length)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = size,
		    .data_out = out, .data_size_out = KERNEL_FRAME_MAX + 64);
	int rc;

	*k->verdict = *w;
	rc = bpf_prog_test_run_opts(k->program, &opts);
	*w = *k->verdict;
	*length = opts.data_size_out;
	return rc;
}
