// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/fastpath.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/mman.h>

#include "sandwich/fastpath/describe.h"
#include "sandwich/fastpath/fastpath_state.h"
#include "sandwich/fastpath/object.h"

#define FASTPATH_TURN 64 /* frames handled before other sources of the main loop have their turn */

/* Which map is which member; user space knows no map by another name. */
static const struct {
	const char *map;
	size_t member;
} fastpath_maps[] = {
	{"sessions", offsetof(struct fastpath, tables.slots[TABLE_SESSIONS])},
	{"pins", offsetof(struct fastpath, tables.slots[TABLE_PINS])},
	{"fragments", offsetof(struct fastpath, tables.slots[TABLE_FRAGMENTS])},
	{"settings", offsetof(struct fastpath, tables.settings)},
	{"rows", offsetof(struct fastpath, tables.rows)},
	{"filter", offsetof(struct fastpath, tables.filter)},
	{"stamps", offsetof(struct fastpath, tables.stamps)},
	{"devices", offsetof(struct fastpath, tables.devices)},
	{"macs", offsetof(struct fastpath, tables.macs)},
	{"locals", offsetof(struct fastpath, tables.locals)},
	{"routes", offsetof(struct fastpath, tables.routes)},
	{"neighbours", offsetof(struct fastpath, tables.neighbours)},
	{"counters", offsetof(struct fastpath, counters)},
	{"events", offsetof(struct fastpath, tables.events)},
	{"ports", offsetof(struct fastpath, ports)},
};

_Static_assert(G_N_ELEMENTS(fastpath_maps) <= FASTPATH_MAPPINGS, "room for all");

static int fastpath_quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN)
		g_logv(G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG, format, args);
	return 0;
}

/* --- load ----------------------------------------------------------------------------------- */

static int fastpath_size(struct fastpath *f, const char *name, u32 entries)
{
	struct bpf_map *map = bpf_object__find_map_by_name(f->object, name);

	return map ? bpf_map__set_max_entries(map, entries) : -ENOENT;
}

/* The masks are constants to the program: the verifier folds them in. */
static int fastpath_masks(struct fastpath *f)
{
	struct bpf_map *map = bpf_object__find_map_by_name(f->object, ".rodata.masks");
	size_t size = 0;
	void *masks = map ? (void *)(uintptr_t)bpf_map__initial_value(map, &size) : NULL;

	if (!masks || size < sizeof(f->tables.mask))
		return -ENOENT;
	memcpy(masks, f->tables.mask, sizeof(f->tables.mask));
	return 0;
}

static int fastpath_sizes(struct fastpath *f)
{
	static const char *const names[TABLES] = {"sessions", "pins", "fragments"};
	int err = fastpath_masks(f);

	for (int k = 0; k < TABLES && !err; k++)
		err = fastpath_size(f, names[k], f->tables.mask[k] + 1);
	if (!err)
		err = fastpath_size(f, "counters", f->counter_count);
	return err ? err : fastpath_size(f, "events", f->counter_count);
}

static int fastpath_load(struct fastpath *f)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "sandwich");
	struct bpf_program *program;
	const void *data;
	size_t size;
	int err;

	libbpf_set_print(fastpath_quiet);
	data = object_data(&size);
	f->object = bpf_object__open_mem(data, size, &opts);
	if (!f->object)
		return -errno;
	program = bpf_object__find_program_by_name(f->object, "sandwich");
	if (!program)
		return -ENOENT;
	/* Figures only: a whole log of this program takes the verifier a minute. */
	bpf_program__set_log_level(program, 4);
	err = fastpath_sizes(f);
	if (!err)
		err = kept_share(f);
	if (!err)
		err = bpf_object__load(f->object);
	f->program = bpf_program__fd(program);
	f->exits = bpf_object__find_map_fd_by_name(f->object, "exits");
	return err;
}

static char *fastpath_load_why(int err)
{
	if (err == -EPERM)
		return g_strdup("may not load an XDP program: it takes root, or CAP_BPF, "
				"CAP_NET_ADMIN and CAP_PERFMON");
	if (err == -ENOMEM)
		return g_strdup("no memory for its tables; set `sessions` lower");
	return g_strdup_printf("the kernel refuses the XDP program: %s", g_strerror(-err));
}

/* --- memory --------------------------------------------------------------------------------- */

int fastpath_map_fd(struct fastpath *f, int fd, size_t size, void *member)
{
	void *at;

	if (f->mappings >= FASTPATH_MAPPINGS)
		return -ENOSPC;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	f->mapping[f->mappings].at = at;
	f->mapping[f->mappings++].size = size;
	memcpy(member, &at, sizeof(at));
	return 0;
}

/* Maps all of a map: values lie eight-byte aligned in an array. */
static int fastpath_map(struct fastpath *f, const char *name, void *member)
{
	struct bpf_map *map = describe_find(f->object, name);
	size_t size;

	if (!map)
		return -ENOENT;
	size = (((size_t)bpf_map__value_size(map) + 7) & ~(size_t)7) * bpf_map__max_entries(map);
	return fastpath_map_fd(f, bpf_map__fd(map), size, member);
}

static int fastpath_map_all(struct fastpath *f)
{
	int err = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(fastpath_maps) && !err; i++)
		err = fastpath_map(f, fastpath_maps[i].map, (char *)f + fastpath_maps[i].member);
	return err;
}

void fastpath_tables(struct fastpath *f, struct tables *out, struct counters **counters,
		     unsigned int *count)
{
	*out = f->tables;
	*counters = f->counters;
	*count = f->counter_count;
}

int fastpath_bell(const struct fastpath *f)
{
	return bpf_object__find_map_fd_by_name(f->object, "bell");
}

/* --- the ring ------------------------------------------------------------------------------- */

static int fastpath_frame(void *user, void *data, size_t size)
{
	const struct fast_frame *frame = data;
	struct fastpath *f = user;

	if (size >= sizeof(*frame) && frame->length <= size - sizeof(*frame))
		f->handler(f->user, &frame->work, frame->data, frame->length);
	/* What is left keeps the descriptor readable. */
	return ++f->turn < FASTPATH_TURN ? 0 : -EAGAIN;
}

static gboolean fastpath_drain(gint fd, GIOCondition condition, gpointer user)
{
	struct fastpath *f = user;

	(void)fd;
	(void)condition;
	f->turn = 0;
	(void)ring_buffer__consume(f->ring); /* fails with our own -EAGAIN only */
	return G_SOURCE_CONTINUE;
}

static int fastpath_listen(struct fastpath *f)
{
	int fd = bpf_object__find_map_fd_by_name(f->object, "ring");

	f->ring = ring_buffer__new(fd, fastpath_frame, f, NULL);
	if (!f->ring)
		return -errno;
	f->source = g_unix_fd_source_new(ring_buffer__epoll_fd(f->ring), G_IO_IN);
	g_source_set_callback(f->source, G_SOURCE_FUNC(fastpath_drain), f, NULL);
	g_source_set_name(f->source, "fast path's ring");
	g_source_attach(f->source, NULL);
	return 0;
}

/* --- life ----------------------------------------------------------------------------------- */

static struct fastpath *fastpath_make(const struct fastpath_setup *setup)
{
	struct fastpath *f = g_new0(struct fastpath, 1);

	f->tables.mask[TABLE_SESSIONS] = setup->sessions - 1;
	f->tables.mask[TABLE_PINS] = setup->pins - 1;
	f->tables.mask[TABLE_FRAGMENTS] = setup->fragments - 1;
	f->counter_count = COUNTERS_THREADS + (unsigned int)libbpf_num_possible_cpus();
	f->chain = setup->chain;
	f->handler = setup->handler;
	f->user = setup->user;
	for (int i = 0; i < FAST_PORTS; i++)
		f->link[i].fd = -1;
	return f;
}

/* What can't be pinned can't be kept, but works as long as we do. */
static int fastpath_pin(struct fastpath *f)
{
	int err = kept_pin(f);
	char *why;

	if (!err || !f->keep)
		return err;
	why = g_strdup_printf("its tables can't be pinned: %s", g_strerror(-err));
	kept_give_up(f, why);
	g_free(why);
	return f->notes ? 0 : kept_pin(f);
}

int fastpath_new(struct fastpath **out, const struct fastpath_setup *setup, char **why)
{
	struct fastpath *f = fastpath_make(setup);
	int err = kept_find(f, setup, why);

	if (!err)
		err = fastpath_load(f);
	if (!err)
		err = fastpath_map_all(f);
	if (!err)
		err = fastpath_pin(f);
	if (!err)
		err = fastpath_listen(f);
	if (err) {
		if (!*why)
			*why = fastpath_load_why(err);
		fastpath_free(f);
		return err;
	}
	*out = f;
	return 0;
}

void fastpath_free(struct fastpath *f)
{
	if (!f)
		return;
	for (u8 i = 0; i < FAST_PORTS; i++)
		fastpath_detach(f, i);
	if (f->keep && f->settled)
		keep_remove(f->keep, NULL);
	if (f->source) {
		g_source_destroy(f->source);
		g_source_unref(f->source);
	}
	ring_buffer__free(f->ring);
	while (f->mappings-- > 0)
		munmap(f->mapping[f->mappings].at, f->mapping[f->mappings].size);
	former_free(f->former);
	bpf_object__close(f->object);
	keep_close(f->keep);
	g_free(f->unkept);
	g_free(f);
}
