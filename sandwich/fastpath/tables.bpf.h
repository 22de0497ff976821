/* SPDX-License-Identifier: ISC */
/*
 * The engine's tables as BPF maps: the kernel half of sandwich/core/tables.h.
 *
 * What has its size from the source is a variable, in a section that is a map of one value: its
 * address is a constant, and a masked index is all that the verifier asks for. What the loader
 * sizes by the configuration (map, and the mask in .rodata) is an array map, as are counters and
 * events, of which each CPU has one: there the look-up, inlined by the kernel, may find nothing to
 * the verifier's mind. User space maps all of them.
 */
#ifndef SANDWICH_FASTPATH_TABLES_BPF_H
#define SANDWICH_FASTPATH_TABLES_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "sandwich/core/tables.h"

struct tables {
	u32 unused; /* maps are global in BPF; the handle carries nothing */
};

/* In a section of its own, so that the loader finds it by name. */
const volatile u32 slots_mask[TABLES] SEC(".rodata.masks") = {(1 << 16) - 1, (1 << 14) - 1,
							      (1 << 12) - 1};

/* Values of maps are multiples of eight bytes: smaller ones share a word. */
#define ROWS_IN_WORD 2
#define STAMPS_IN_WORD 8

struct rows_word {
	struct rank_row row[ROWS_IN_WORD];
};

struct stamps_word {
	u8 stamp[STAMPS_IN_WORD];
};

#define TABLE_MAP(name, value_type, entries)                                                       \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, entries);                                                      \
		__type(key, u32);                                                                  \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

TABLE_MAP(sessions, struct slot, 1 << 16);
TABLE_MAP(pins, struct slot, 1 << 14);
TABLE_MAP(fragments, struct slot, 1 << 12);

/* The zeroes are not in the object: a section of that name has none. */
#define TABLE_VALUE(name) SEC(".bss." #name)

struct settings settings TABLE_VALUE(settings);
struct rows_word rows[RANK_SETS * RANK_ROWS / ROWS_IN_WORD] TABLE_VALUE(rows);
u64 filter[PIN_FILTER_SETS * PIN_FILTER_WORDS] TABLE_VALUE(filter);
struct stamps_word stamps[RANK_ROWS / STAMPS_IN_WORD] TABLE_VALUE(stamps);
struct device devices[DEVICES_MAX] TABLE_VALUE(devices);
struct mac_entry macs[MACS_SLOTS] TABLE_VALUE(macs);
struct local locals[LOCALS_SLOTS] TABLE_VALUE(locals);
struct route routes[ROUTES_SLOTS] TABLE_VALUE(routes);
struct neighbour neighbours[NEIGHBOURS_MAX] TABLE_VALUE(neighbours);

/* The loader makes one for each CPU. Not a per-CPU map, since those can't be mapped. */
TABLE_MAP(counters, struct counters, COUNTERS_THREADS + 1);

/* As many rings, each behind the counters of the same number; the bell that wakes their reader. */
TABLE_MAP(events, struct event_ring, COUNTERS_THREADS + 1);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} bell SEC(".maps");

CORE_INLINE void *tables_at(void *map, u32 index)
{
	return bpf_map_lookup_elem(map, &index);
}

CORE_INLINE struct settings *tables_settings(struct tables *t)
{
	(void)t;
	return &settings;
}

CORE_INLINE struct slot *tables_slot(struct tables *t, enum table_kind kind, u32 index)
{
	(void)t;
	index &= slots_mask[kind];
	switch (kind) {
	case TABLE_SESSIONS:
		return tables_at(&sessions, index);
	case TABLE_PINS:
		return tables_at(&pins, index);
	default:
		return tables_at(&fragments, index);
	}
}

CORE_INLINE struct rank_row *tables_row(struct tables *t, u32 set, u32 row)
{
	(void)t;
	return &((struct rank_row *)rows)[(set & 1) * RANK_ROWS + (row & (RANK_ROWS - 1))];
}

CORE_INLINE u64 *tables_filter(struct tables *t, u32 set, u32 word)
{
	(void)t;
	return &filter[(set & 1) * PIN_FILTER_WORDS + (word & (PIN_FILTER_WORDS - 1))];
}

CORE_INLINE u8 *tables_stamp(struct tables *t, u32 row)
{
	(void)t;
	return &((u8 *)stamps)[row & (RANK_ROWS - 1)];
}

CORE_INLINE struct device *tables_device(struct tables *t, u8 id)
{
	(void)t;
	return &devices[id];
}

CORE_INLINE struct mac_entry *tables_mac(struct tables *t, u32 index)
{
	(void)t;
	return &macs[index & (MACS_SLOTS - 1)];
}

CORE_INLINE struct local *tables_local(struct tables *t, u32 index)
{
	(void)t;
	return &locals[index & (LOCALS_SLOTS - 1)];
}

CORE_INLINE struct route *tables_route(struct tables *t, u32 index)
{
	(void)t;
	return &routes[index & (ROUTES_SLOTS - 1)];
}

CORE_INLINE struct neighbour *tables_neighbour(struct tables *t, u32 index)
{
	(void)t;
	return &neighbours[index & (NEIGHBOURS_MAX - 1)];
}

CORE_INLINE struct counters *tables_counters(struct tables *t)
{
	(void)t;
	return tables_at(&counters, COUNTERS_THREADS + bpf_get_smp_processor_id());
}

CORE_INLINE struct event_ring *tables_events(struct tables *t)
{
	(void)t;
	return tables_at(&events, COUNTERS_THREADS + bpf_get_smp_processor_id());
}

/* The difference of two pointers is a number to the verifier, given CAP_PERFMON. */
CORE_INLINE u32 tables_index(struct tables *t, enum table_kind kind, const struct slot *s)
{
	const struct slot *first = tables_slot(t, kind, 0);

	return first ? (u32)(s - first) : 0;
}

/* Eight bytes, of which only the coming matters; a bell that is full has been heard of. */
CORE_INLINE void tables_bell(struct tables *t)
{
	u64 stroke = 0;

	(void)t;
	(void)bpf_ringbuf_output(&bell, &stroke, sizeof(stroke), 0);
}

#endif
