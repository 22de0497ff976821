// SPDX-License-Identifier: ISC
#include "tests/bench/decision/variant.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>

#include "sandwich/fastpath/describe.h"
#include "sandwich/fastpath/shared.h"
#include "tests/bench/fast/fill.h"

#define VARIANT_PINS	  (1 << 14)
#define VARIANT_FRAGMENTS (1 << 12)
#define VARIANT_MTU	  1500

static const struct {
	const char *map;
	size_t member;
} variant_maps[] = {
	{"sessions", offsetof(struct variant, tables.slots[TABLE_SESSIONS])},
	{"pins", offsetof(struct variant, tables.slots[TABLE_PINS])},
	{"fragments", offsetof(struct variant, tables.slots[TABLE_FRAGMENTS])},
	{"settings", offsetof(struct variant, tables.settings)},
	{"rows", offsetof(struct variant, tables.rows)},
	{"filter", offsetof(struct variant, tables.filter)},
	{"stamps", offsetof(struct variant, tables.stamps)},
	{"devices", offsetof(struct variant, tables.devices)},
	{"macs", offsetof(struct variant, tables.macs)},
	{"locals", offsetof(struct variant, tables.locals)},
	{"routes", offsetof(struct variant, tables.routes)},
	{"neighbours", offsetof(struct variant, tables.neighbours)},
	{"counters", offsetof(struct variant, counters)},
};

static struct bpf_map *variant_find(const struct variant *v, const char *name)
{
	return describe_find(v->object, name);
}

static int variant_size(const struct variant *v, const char *name, u32 entries)
{
	struct bpf_map *map = variant_find(v, name);

	return map ? bpf_map__set_max_entries(map, entries) : -ENOENT;
}

static int variant_masks(const struct variant *v)
{
	struct bpf_map *map = bpf_object__find_map_by_name(v->object, ".rodata.masks");
	size_t size = 0;
	void *masks = map ? (void *)(uintptr_t)bpf_map__initial_value(map, &size) : NULL;

	if (!masks || size < sizeof(v->tables.mask))
		return -ENOENT;
	memcpy(masks, v->tables.mask, sizeof(v->tables.mask));
	return 0;
}

static int variant_sizes(struct variant *v, u32 sessions)
{
	bool by_hash = variant_find(v, "hash_sessions");
	u32 slots = by_hash ? 1 << 10 : sessions;
	int err = by_hash ? variant_size(v, "hash_sessions", sessions) : 0;

	v->tables.mask[TABLE_SESSIONS] = slots - 1;
	v->tables.mask[TABLE_PINS] = VARIANT_PINS - 1;
	v->tables.mask[TABLE_FRAGMENTS] = VARIANT_FRAGMENTS - 1;
	v->count = COUNTERS_THREADS + (unsigned int)libbpf_num_possible_cpus();
	if (!err)
		err = variant_masks(v);
	if (!err)
		err = variant_size(v, "sessions", slots);
	if (!err)
		err = variant_size(v, "pins", VARIANT_PINS);
	if (!err)
		err = variant_size(v, "fragments", VARIANT_FRAGMENTS);
	if (!err)
		err = variant_size(v, "counters", v->count);
	return err ? err : variant_size(v, "events", v->count);
}

static int variant_map(struct variant *v, const char *name, void *member)
{
	struct bpf_map *map = variant_find(v, name);
	size_t size;
	void *at;

	if (!map)
		return -ENOENT;
	size = (((size_t)bpf_map__value_size(map) + 7) & ~(size_t)7) * bpf_map__max_entries(map);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (at == MAP_FAILED)
		return -errno;
	memcpy(member, &at, sizeof(at)); /* the mapping goes with the process */
	return 0;
}

/* Loopback is the uplink, and the farm is behind it, too: nothing is sent in a test-run. */
static int variant_ports(struct variant *v)
{
	int lo = (int)if_nametoindex("lo"), err;
	struct fast_ports *ports;
	u32 farm = 1;

	err = variant_map(v, "ports", &ports);
	if (err)
		return err;
	ports->port[0] = (struct fast_port){.ifindex = (u32)lo, .mtu = VARIANT_MTU};
	ports->port[farm].mtu = VARIANT_MTU;
	return bpf_map_update_elem(bpf_map__fd(variant_find(v, "exits")), &farm, &lo, BPF_ANY)
		       ? -errno
		       : 0;
}

static int variant_load(struct variant *v, const char *object, u32 sessions)
{
	struct bpf_program *program;
	int err;

	v->object = bpf_object__open_file(object, NULL);
	if (!v->object)
		return -errno;
	program = bpf_object__find_program_by_name(v->object, "sandwich");
	if (!program)
		return -ENOENT;
	err = variant_sizes(v, sessions);
	if (!err)
		err = bpf_object__load(v->object);
	v->program = bpf_program__fd(program);
	return err;
}

int variant_open(struct variant *v, const char *object, u32 sessions)
{
	int err;

	memset(v, 0, sizeof(*v));
	err = variant_load(v, object, sessions);
	for (size_t i = 0; i < sizeof(variant_maps) / sizeof(*variant_maps) && !err; i++)
		err = variant_map(v, variant_maps[i].map, (char *)v + variant_maps[i].member);
	if (!err)
		err = variant_ports(v);
	if (err)
		return err;
	fill_settings(&v->tables, FILL_FIREWALL);
	if (!bpf_object__find_map_by_name(v->object, "hash_sessions")) /* fetched ahead */
		v->tables.settings->defer = settings_defer(sessions);
	return 0;
}

void variant_close(struct variant *v)
{
	bpf_object__close(v->object);
	v->object = NULL;
}

u64 variant_counter(const struct variant *v, enum counter what)
{
	u64 sum = 0;

	for (unsigned int i = 0; i < v->count; i++)
		sum += core_load(&v->counters[i].counter[what]);
	return sum;
}
