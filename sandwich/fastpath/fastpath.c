// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/fastpath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <glib-unix.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sandwich/fastpath/features.h"
#include "sandwich/fastpath/object.h"
#include "sandwich/fastpath/shared.h"

#define FASTPATH_TURN 64 /* frames handled before other sources of the main loop have their turn */
#define FASTPATH_MAPPINGS 16

struct fastpath {
	struct bpf_object *object;
	int program;
	int exits; /* the devmap */
	struct tables tables;
	struct counters *counters;
	unsigned int counter_count;
	struct fast_ports *ports;
	int link[FAST_PORTS]; /* -1: not attached */
	struct {
		void *at;
		size_t size;
	} mapping[FASTPATH_MAPPINGS];
	unsigned int mappings;
	struct ring_buffer *ring;
	GSource *source;
	unsigned int turn;
	fastpath_handler handler;
	void *user;
};

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

/* Maps all of a map: values lie eight-byte aligned in an array. */
static int fastpath_map(struct fastpath *f, const char *name, void *member)
{
	struct bpf_map *map = bpf_object__find_map_by_name(f->object, name);
	size_t size;
	void *at;

	if (!map)
		return -ENOENT;
	size = (((size_t)bpf_map__value_size(map) + 7) & ~(size_t)7) * bpf_map__max_entries(map);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (at == MAP_FAILED)
		return -errno;
	f->mapping[f->mappings].at = at;
	f->mapping[f->mappings++].size = size;
	memcpy(member, &at, sizeof(at));
	return 0;
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
	f->handler = setup->handler;
	f->user = setup->user;
	for (int i = 0; i < FAST_PORTS; i++)
		f->link[i] = -1;
	return f;
}

int fastpath_new(struct fastpath **out, const struct fastpath_setup *setup, char **why)
{
	struct fastpath *f = fastpath_make(setup);
	int err = fastpath_load(f);

	if (!err)
		err = fastpath_map_all(f);
	if (!err)
		err = fastpath_listen(f);
	if (err) {
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
	if (f->source) {
		g_source_destroy(f->source);
		g_source_unref(f->source);
	}
	ring_buffer__free(f->ring);
	while (f->mappings-- > 0)
		munmap(f->mapping[f->mappings].at, f->mapping[f->mappings].size);
	bpf_object__close(f->object);
	g_free(f);
}

/* --- ports ---------------------------------------------------------------------------------- */

static char *fastpath_attach_why(const char *interface, int err)
{
	switch (err) {
	case -EBUSY:
	case -EEXIST:
		return g_strdup_printf("another XDP program is on %s; `ip link show %s`, and "
				       "`ip link set %s xdp off` takes it off",
				       interface, interface, interface);
	case -EOPNOTSUPP:
		return g_strdup_printf("the driver of %s has no XDP", interface);
	case -EPERM:
		return g_strdup_printf("may not attach to %s: it takes root or CAP_NET_ADMIN",
				       interface);
	default:
		return g_strdup_printf("can't attach to %s: %s", interface, g_strerror(-err));
	}
}

int fastpath_attach(struct fastpath *f, u8 index, const char *interface, enum fastpath_mode mode,
		    char **why)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode == FASTPATH_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	int ifindex = (int)if_nametoindex(interface);

	if (!ifindex) {
		*why = g_strdup_printf("no such interface '%s'; `ip link` lists them", interface);
		return -ENODEV;
	}
	fastpath_detach(f, index);
	core_store(&f->ports->port[index].local, (u32)features_is_local(interface));
	f->link[index] = bpf_link_create(f->program, ifindex, BPF_XDP, &opts);
	if (f->link[index] >= 0)
		return 0;
	*why = fastpath_attach_why(interface, f->link[index]);
	return f->link[index];
}

void fastpath_detach(struct fastpath *f, u8 index)
{
	if (f->ports)
		core_store(&f->ports->port[index].ifindex, 0);
	if (f->link[index] >= 0)
		close(f->link[index]);
	f->link[index] = -1;
}

int fastpath_enter(struct fastpath *f, u8 index, int ifindex, unsigned int mtu)
{
	struct fast_port *port = &f->ports->port[index];
	u32 key = index;

	core_store(&port->mtu, (u32)mtu);
	if (port->ifindex == (u32)ifindex)
		return 0;
	core_store(&port->ifindex, 0);
	if (ifindex && bpf_map_update_elem(f->exits, &key, &ifindex, BPF_ANY))
		return -errno;
	core_publish(&port->ifindex, (u32)ifindex);
	return 0;
}
