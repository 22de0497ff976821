/* SPDX-License-Identifier: ISC */
/*
 * The engine's tables as BPF maps: the kernel half of sandwich/core/tables.h.
 *
 * All are arrays that user space can map. A look-up by index is inlined by the kernel; the check
 * for NULL that every caller makes is what the verifier asks for. Sizes that the configuration
 * chooses are set by the loader before the load (map and the mask in .rodata).
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

/* The kernel gives every value of an array eight bytes or a multiple: smaller ones share a word. */
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
TABLE_MAP(settings, struct settings, 1);
TABLE_MAP(rows, struct rows_word, RANK_SETS * RANK_ROWS / ROWS_IN_WORD);
TABLE_MAP(filter, u64, PIN_FILTER_SETS * PIN_FILTER_WORDS);
TABLE_MAP(stamps, struct stamps_word, RANK_ROWS / STAMPS_IN_WORD);
TABLE_MAP(devices, struct device, DEVICES_MAX);
TABLE_MAP(macs, struct mac_entry, MACS_SLOTS);
TABLE_MAP(locals, struct local, LOCALS_SLOTS);
TABLE_MAP(routes, struct route, ROUTES_SLOTS);
TABLE_MAP(neighbours, struct neighbour, NEIGHBOURS_MAX);

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
	return tables_at(&settings, 0);
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
	struct rows_word *w;

	(void)t;
	row = (set & 1) * RANK_ROWS + (row & (RANK_ROWS - 1));
	w = tables_at(&rows, row / ROWS_IN_WORD);
	return w ? &w->row[core_forget(row & (ROWS_IN_WORD - 1)) & (ROWS_IN_WORD - 1)] : NULL;
}

CORE_INLINE u64 *tables_filter(struct tables *t, u32 set, u32 word)
{
	(void)t;
	return tables_at(&filter, (set & 1) * PIN_FILTER_WORDS + (word & (PIN_FILTER_WORDS - 1)));
}

CORE_INLINE u8 *tables_stamp(struct tables *t, u32 row)
{
	struct stamps_word *w;

	(void)t;
	w = tables_at(&stamps, (row & (RANK_ROWS - 1)) / STAMPS_IN_WORD);
	return w ? &w->stamp[core_forget(row & (STAMPS_IN_WORD - 1)) & (STAMPS_IN_WORD - 1)] : NULL;
}

CORE_INLINE struct device *tables_device(struct tables *t, u8 id)
{
	(void)t;
	return tables_at(&devices, id);
}

CORE_INLINE struct mac_entry *tables_mac(struct tables *t, u32 index)
{
	(void)t;
	return tables_at(&macs, index & (MACS_SLOTS - 1));
}

CORE_INLINE struct local *tables_local(struct tables *t, u32 index)
{
	(void)t;
	return tables_at(&locals, index & (LOCALS_SLOTS - 1));
}

CORE_INLINE struct route *tables_route(struct tables *t, u32 index)
{
	(void)t;
	return tables_at(&routes, index & (ROUTES_SLOTS - 1));
}

CORE_INLINE struct neighbour *tables_neighbour(struct tables *t, u32 index)
{
	(void)t;
	return tables_at(&neighbours, index & (NEIGHBOURS_MAX - 1));
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
