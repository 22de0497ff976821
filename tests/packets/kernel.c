// SPDX-License-Identifier: ISC
#include "tests/packets/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sandwich/fastpath/describe.h"
#include "tests/packets/frame.h"

#define LOG_SIZE (1 << 22)

struct kernel {
	struct bpf_object *object;
	int program;
	unsigned int counts; /* struct counters there are: the threads' and the CPUs' */
	struct counters *counters;
	struct fast_ports *ports;
	unsigned int verified;
	struct tables tables;
	int tap[KERNEL_PORTS];
	u32 ifindex[KERNEL_PORTS];
	struct fast_clock *clock;
	struct ring_buffer *ring;
	unsigned int records;
	union {
		struct fast_frame frame;
		u8 room[sizeof(struct fast_frame) + FAST_FRAME_MAX];
	} up;
};

/* Which map is which member; user space knows no map by another name. */
static const struct {
	const char *map;
	size_t member;
} kernel_maps[] = {
	{"sessions", offsetof(struct kernel, tables.slots[TABLE_SESSIONS])},
	{"pins", offsetof(struct kernel, tables.slots[TABLE_PINS])},
	{"fragments", offsetof(struct kernel, tables.slots[TABLE_FRAGMENTS])},
	{"settings", offsetof(struct kernel, tables.settings)},
	{"rows", offsetof(struct kernel, tables.rows)},
	{"filter", offsetof(struct kernel, tables.filter)},
	{"stamps", offsetof(struct kernel, tables.stamps)},
	{"devices", offsetof(struct kernel, tables.devices)},
	{"macs", offsetof(struct kernel, tables.macs)},
	{"locals", offsetof(struct kernel, tables.locals)},
	{"routes", offsetof(struct kernel, tables.routes)},
	{"neighbours", offsetof(struct kernel, tables.neighbours)},
	{"counters", offsetof(struct kernel, counters)},
	{"events", offsetof(struct kernel, tables.events)},
	{"ports", offsetof(struct kernel, ports)},
	{"clock", offsetof(struct kernel, clock)},
};

/* --- load ----------------------------------------------------------------------------------- */

static int kernel_quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int kernel_size(struct kernel *k, const char *name, u32 entries)
{
	struct bpf_map *map = bpf_object__find_map_by_name(k->object, name);

	return map ? bpf_map__set_max_entries(map, entries) : -ENOENT;
}

/* Sizes and masks, as fastpath.c sets them. */
static int kernel_sizes(struct kernel *k)
{
	static const char *const names[TABLES] = {"sessions", "pins", "fragments"};
	struct bpf_map *map = bpf_object__find_map_by_name(k->object, ".rodata.masks");
	size_t size = 0;
	void *masks = map ? (void *)(uintptr_t)bpf_map__initial_value(map, &size) : NULL;
	int rc = masks && size >= sizeof(k->tables.mask) ? 0 : -ENOENT;

	if (!rc)
		memcpy(masks, k->tables.mask, sizeof(k->tables.mask));
	for (int kind = 0; kind < TABLES && !rc; kind++)
		rc = kernel_size(k, names[kind], k->tables.mask[kind] + 1);
	k->counts = COUNTERS_THREADS + (unsigned int)libbpf_num_possible_cpus();
	if (!rc)
		rc = kernel_size(k, "counters", k->counts);
	return rc ? rc : kernel_size(k, "events", k->counts);
}

static void kernel_say(struct kernel *k, const char *log, int rc, char *why, size_t size)
{
	const char *count = strstr(log, "processed ");

	k->verified = count ? (unsigned int)strtoul(count + 10, NULL, 10) : 0;
	snprintf(why, size, "%s", rc && *log ? log + (strlen(log) > 600 ? strlen(log) - 600 : 0)
					     : strerror(-rc));
}

/* Loads it with the verifier's log; the tail of that says why not. */
static int kernel_load(struct kernel *k, const char *object, char *why, size_t size)
{
	char *log = calloc(1, LOG_SIZE);
	struct bpf_program *program;
	int rc;

	if (!log)
		return -ENOMEM;
	k->object = bpf_object__open_file(object, NULL);
	program = k->object ? bpf_object__find_program_by_name(k->object, "sandwich") : NULL;
	rc = program ? kernel_sizes(k) : -ENOENT;
	if (!rc) {
		bpf_program__set_log_buf(program, log, LOG_SIZE);
		bpf_program__set_log_level(program, 4);
		rc = bpf_object__load(k->object);
		k->program = bpf_program__fd(program);
	}
	kernel_say(k, log, rc, why, size);
	free(log);
	return rc;
}

/* --- maps ----------------------------------------------------------------------------------- */

/* Maps all of MAP (values lie eight-byte aligned in an array map). */
static void *kernel_map(struct bpf_object *object, const char *name)
{
	struct bpf_map *map = describe_find(object, name);
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
	for (size_t i = 0; i < sizeof(kernel_maps) / sizeof(*kernel_maps); i++) {
		void *at = kernel_map(k->object, kernel_maps[i].map);

		if (!at)
			return -ENOMEM;
		memcpy((char *)k + kernel_maps[i].member, &at, sizeof(at));
	}
	k->tables.counters = k->counters;
	return 0;
}

u32 kernel_clock(const struct kernel *k)
{
	return core_load(&k->clock->now);
}

/* --- ports ---------------------------------------------------------------------------------- */

/* An interface that lives as long as it is held open. */
static int kernel_tap(int *tap, u32 *ifindex, unsigned int number)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};

	*tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "port%u", number);
	if (*tap < 0 || ioctl(*tap, TUNSETIFF, &request))
		return -errno;
	*ifindex = if_nametoindex(request.ifr_name);
	return *ifindex ? 0 : -errno;
}

static int kernel_enter(struct kernel *k, bool local)
{
	int exits = bpf_object__find_map_fd_by_name(k->object, "exits"), rc = 0;

	for (u32 i = 0; i < KERNEL_PORTS && !rc; i++) {
		rc = kernel_tap(&k->tap[i], &k->ifindex[i], i);
		if (!rc && bpf_map_update_elem(exits, &i, &k->ifindex[i], BPF_ANY))
			rc = -errno;
		k->ports->port[i] = (struct fast_port){
			.ifindex = k->ifindex[i], .mtu = KERNEL_MTU, .local = local};
	}
	return rc;
}

/* --- frames --------------------------------------------------------------------------------- */

int kernel_run(struct kernel *k, struct kernel_run *run)
{
	struct xdp_md ctx = {.data_end = run->linear ? run->linear : run->length,
			     .ingress_ifindex = k->ifindex[run->port]};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->frame, .data_size_in = run->length,
		    .data_out = run->out, .data_size_out = run->out ? FRAME_MAX + 8 : 0,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));
	int rc = bpf_prog_test_run_opts(k->program, &opts);

	run->out_length = opts.data_size_out;
	run->action = (int)opts.retval;
	return rc;
}

static int kernel_record(void *user, void *data, size_t size)
{
	struct kernel *k = user;
	const struct fast_frame *frame = data;

	k->records++;
	if (size >= sizeof(*frame) && frame->length <= size - sizeof(*frame) &&
	    frame->length <= FAST_FRAME_MAX)
		memcpy(k->up.room, data, sizeof(*frame) + frame->length);
	return 0;
}

unsigned int kernel_up(struct kernel *k, const struct fast_frame **last)
{
	k->records = 0;
	(void)ring_buffer__consume(k->ring);
	*last = &k->up.frame;
	return k->records;
}

/* --- life ----------------------------------------------------------------------------------- */

static struct kernel *kernel_make(const struct kernel_setup *setup)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		abort();
	k->tables.mask[TABLE_SESSIONS] = setup->sessions - 1;
	k->tables.mask[TABLE_PINS] = setup->pins - 1;
	k->tables.mask[TABLE_FRAGMENTS] = setup->fragments - 1;
	for (int i = 0; i < KERNEL_PORTS; i++)
		k->tap[i] = -1;
	return k;
}

static int kernel_prepare(struct kernel *k, bool local)
{
	int rc = kernel_map_all(k);

	if (!rc)
		rc = kernel_enter(k, local);
	if (rc)
		return rc;
	k->ring = ring_buffer__new(bpf_object__find_map_fd_by_name(k->object, "ring"),
				   kernel_record, k, NULL);
	return k->ring ? 0 : -errno;
}

int kernel_open(struct kernel **out, const struct kernel_setup *setup, char *why, size_t size)
{
	struct kernel *k = kernel_make(setup);
	int rc = unshare(CLONE_NEWNET) ? -errno : 0;

	libbpf_set_print(kernel_quiet);
	snprintf(why, size, "no network namespace: %s", strerror(-rc));
	if (!rc)
		rc = kernel_load(k, setup->object, why, size);
	if (!rc) {
		rc = kernel_prepare(k, setup->local);
		snprintf(why, size, "maps and ports: %s", strerror(-rc));
	}
	if (rc)
		kernel_close(k);
	else
		*out = k;
	return rc;
}

void kernel_close(struct kernel *k)
{
	ring_buffer__free(k->ring);
	for (int i = 0; i < KERNEL_PORTS; i++)
		if (k->tap[i] >= 0)
			close(k->tap[i]);
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

struct counters *kernel_counters(struct kernel *k, unsigned int *count)
{
	*count = k->counts;
	return k->counters;
}
