/* SPDX-License-Identifier: ISC */
/*
 * Everything the engine reads and writes, and how it gets at it.
 *
 * In user space the tables are arrays in one mapping (slowpath/memory.c makes it). In the kernel
 * they are mmap-able array maps, and the fast path defines the tables_...() functions by map
 * look-ups: there every one may return NULL, so callers check.
 *
 * Ownership: struct tables points to memory it does not own. One struct per thread, since the
 * counters are a thread's own; everything else is shared.
 */
#ifndef SANDWICH_CORE_TABLES_H
#define SANDWICH_CORE_TABLES_H

#include "sandwich/core/device.h"
#include "sandwich/core/event.h"
#include "sandwich/core/settings.h"

#define RANK_ROWS 65536
#define RANK_DEPTH 4
#define RANK_SETS 2

/* The first devices of a row's order; 0 where there are fewer. */
struct rank_row {
	u8 device[RANK_DEPTH];
};

#define PIN_FILTER_BITS (1u << 19)
#define PIN_FILTER_WORDS (PIN_FILTER_BITS / 64)
#define PIN_FILTER_SETS 2

#define ROUTES_SLOTS 16384
#define ROUTES_WINDOW 16

/* What lies behind a prefix. Written by the daemon alone. */
struct route {
	struct address prefix; /* masked */
	u32 tag;    /* zone << 8 | prefix length; ~0: free */
	u8 kind;    /* enum route_kind; 0: never used, a walk ends here */
	u8 spare;
	u16 neighbour; /* ROUTE_VIA */
	u64 spare2;
};

enum route_kind { ROUTE_NONE, ROUTE_VIA, ROUTE_ON_LINK, ROUTE_BLACKHOLE };

struct device_count {
	u64 packets, bytes;
};

/* What a plain frame is counted as, from which all else follows: its reason, farm port, device. */
#define COUNTERS_PORTS 8 /* a power of two above PORTS_MAX */
#define COUNTERS_PLAIN 3 /* TO_DEVICE, TO_DEVICE_PINNED, TO_UPLINK */

/*
 * One thread's (or CPU's) counters: no one else writes them. Frames of the express are counted in
 * `plain` alone, so that each costs one line; counters_fold() makes the others of it.
 */
struct counters {
	u64 rx[PORTS_MAX], rx_bytes[PORTS_MAX], tx[PORTS_MAX], tx_bytes[PORTS_MAX];
	u64 reason[PORTS_MAX][REASONS];
	u64 counter[COUNTERS];
	struct device_count to_device[DEVICES_MAX], from_device[DEVICES_MAX];
	u64 passed[DEVICES_MAX]; /* frames of from_device that were to go on (counters_passes()) */
	struct device_count plain[COUNTERS_PLAIN][COUNTERS_PORTS][DEVICES_MAX];
};

/* The daemon's threads have the first of them, the kernel's CPUs those behind. */
#define COUNTERS_THREADS 4

#ifndef __bpf__
struct tables {
	struct settings *settings;
	struct rank_row *rows;	/* RANK_SETS * RANK_ROWS */
	struct slot *slots[TABLES];
	u32 mask[TABLES];	/* slots - 1; slots are a power of two */
	u64 *filter;		/* PIN_FILTER_SETS * PIN_FILTER_WORDS */
	u8 *stamps;		/* RANK_ROWS */
	struct device *devices; /* DEVICES_MAX; 0 is nobody */
	struct mac_entry *macs; /* MACS_SLOTS */
	struct local *locals;	/* LOCALS_SLOTS */
	struct route *routes;	/* ROUTES_SLOTS */
	struct neighbour *neighbours; /* NEIGHBOURS_MAX */
	struct counters *counters;    /* this thread's */
	struct event_ring *events;    /* this thread's; NULL: nobody follows */
};

/* What a global function (CORE_GLOBAL) is given for T. */
#define tables_hand(t) (t)
#define tables_take(t) ((void)(t))

CORE_INLINE struct settings *tables_settings(struct tables *t)
{
	return t->settings;
}

CORE_INLINE struct slot *tables_slot(struct tables *t, enum table_kind kind, u32 index)
{
	return &t->slots[kind][index & t->mask[kind]];
}

CORE_INLINE struct rank_row *tables_row(struct tables *t, u32 set, u32 row)
{
	return &t->rows[(set & 1) * RANK_ROWS + (row & (RANK_ROWS - 1))];
}

CORE_INLINE u64 *tables_filter(struct tables *t, u32 set, u32 word)
{
	return &t->filter[(set & 1) * PIN_FILTER_WORDS + (word & (PIN_FILTER_WORDS - 1))];
}

CORE_INLINE u8 *tables_stamp(struct tables *t, u32 row)
{
	return &t->stamps[row & (RANK_ROWS - 1)];
}

CORE_INLINE struct device *tables_device(struct tables *t, u8 id)
{
	return &t->devices[id];
}

/* The id of the device whose name has that hash; 0: there is none. */
CORE_INLINE u8 tables_device_named(const struct tables *t, u64 name_hash)
{
	for (u32 id = 1; name_hash && id < DEVICES_MAX; id++)
		if (core_load(&t->devices[id].name_hash) == name_hash)
			return (u8)id;
	return 0;
}

CORE_INLINE struct mac_entry *tables_mac(struct tables *t, u32 index)
{
	return &t->macs[index & (MACS_SLOTS - 1)];
}

CORE_INLINE struct local *tables_local(struct tables *t, u32 index)
{
	return &t->locals[index & (LOCALS_SLOTS - 1)];
}

CORE_INLINE struct route *tables_route(struct tables *t, u32 index)
{
	return &t->routes[index & (ROUTES_SLOTS - 1)];
}

CORE_INLINE struct neighbour *tables_neighbour(struct tables *t, u32 index)
{
	return &t->neighbours[index & (NEIGHBOURS_MAX - 1)];
}

CORE_INLINE struct counters *tables_counters(struct tables *t)
{
	return t->counters;
}

CORE_INLINE struct event_ring *tables_events(struct tables *t)
{
	return t->events;
}

/* The number of a slot that tables_slot() gave. */
CORE_INLINE u32 tables_index(struct tables *t, enum table_kind kind, const struct slot *s)
{
	return (u32)(s - t->slots[kind]);
}

/* Wakes whoever follows. In user space nobody sleeps for longer than a tick of the main loop. */
CORE_INLINE void tables_bell(struct tables *t)
{
	(void)t;
}
#else
struct tables;

/* Maps are global: nothing is handed on, so that calls have an argument less. */
#define tables_hand(t) ((struct tables *)((void)(t), NULL))
/* Else clang, which sees that T is not looked at, hands on whatever is in the register. */
#define tables_take(t) core_opaque(t)

CORE_INLINE struct settings *tables_settings(struct tables *t);
CORE_INLINE struct slot *tables_slot(struct tables *t, enum table_kind kind, u32 index);
CORE_INLINE struct rank_row *tables_row(struct tables *t, u32 set, u32 row);
CORE_INLINE u64 *tables_filter(struct tables *t, u32 set, u32 word);
CORE_INLINE u8 *tables_stamp(struct tables *t, u32 row);
CORE_INLINE struct device *tables_device(struct tables *t, u8 id);
CORE_INLINE struct mac_entry *tables_mac(struct tables *t, u32 index);
CORE_INLINE struct local *tables_local(struct tables *t, u32 index);
CORE_INLINE struct route *tables_route(struct tables *t, u32 index);
CORE_INLINE struct neighbour *tables_neighbour(struct tables *t, u32 index);
CORE_INLINE struct counters *tables_counters(struct tables *t);
CORE_INLINE struct event_ring *tables_events(struct tables *t);
CORE_INLINE u32 tables_index(struct tables *t, enum table_kind kind, const struct slot *s);
CORE_INLINE void tables_bell(struct tables *t);
#endif

CORE_INLINE void count(struct tables *t, enum counter what)
{
	struct counters *c = tables_counters(t);

	if (c)
		core_store(&c->counter[what], c->counter[what] + 1);
}

/*
 * Tells who follows the tables that slot S changed: WHAT is one of the first four of enum event, or
 * EVENT_CHANGED. Told after the change, so that who looks sees it. What finds no room is counted
 * in the ring. Nothing orders the event before the look at `asleep`, so a follower that has just
 * lain down may miss one bell: it rises by itself after a while.
 */
CORE_FN void tables_tell(struct tables *t, enum table_kind kind, const struct slot *s, u32 what)
{
	struct event_ring *ring = tables_events(t);

	if (!ring)
		return;
	(void)event_put(ring, event_entry(kind, tables_index(t, kind, s), what));
	if (CORE_LIKELY(!core_load(&ring->asleep)))
		return;
	core_store(&ring->asleep, 0u); /* once is enough */
	tables_bell(t);
}

/* How far from home the live slot of KEY is, plus one; 0: it has none. */
CORE_INLINE u32 table_walk(struct tables *t, enum table_kind kind, const struct flow *key, u64 hash)
{
	for (u32 i = 0; i < TABLE_WINDOW; i++) {
		struct slot *s = tables_slot(t, kind, (u32)hash + i);

		if (!s || core_load(&s->version) == SLOT_NEVER)
			return 0;
		if (slot_holds(s, key))
			return i + 1;
	}
	return 0;
}

CORE_GLOBAL u32 table_seek(struct tables *t, u32 kind, const struct flow *key, u64 hash)
{
	tables_take(t);
	return key && kind < TABLES ? table_walk(t, (enum table_kind)kind, key, hash) : 0;
}

/*
 * The same of the slot that is found, and, times 256, of another one of KEY behind it: two CPUs put
 * it at the same time. Both look after they have published theirs, so that at least one of them
 * sees both.
 */
CORE_GLOBAL u32 table_seek_both(struct tables *t, u32 kind, const struct flow *key, u64 hash)
{
	u32 found = 0;

	tables_take(t);
	if (!key || kind >= TABLES)
		return 0;
	for (u32 i = 0; i < TABLE_WINDOW; i++) {
		struct slot *s = tables_slot(t, (enum table_kind)kind, (u32)hash + i);

		if (!s || core_load(&s->version) == SLOT_NEVER)
			return found;
		if (!slot_holds(s, key))
			continue;
		if (found)
			return found | (i + 1) << 8;
		found = i + 1;
	}
	return found;
}

/* The live slot of KEY, or NULL. */
CORE_INLINE struct slot *table_find(struct tables *t, enum table_kind kind, const struct flow *key,
				    u64 hash)
{
	u32 place = table_seek(tables_hand(t), kind, key, hash);

	return place ? tables_slot(t, kind, (u32)hash + place - 1) : NULL;
}

/* The same without a call. */
CORE_INLINE struct slot *table_find_here(struct tables *t, enum table_kind kind,
					 const struct flow *key, u64 hash)
{
	u32 place = table_walk(t, kind, key, hash);

	return place ? tables_slot(t, kind, (u32)hash + place - 1) : NULL;
}

/* The same if it lies at home, as most do. */
CORE_INLINE struct slot *table_at_home(struct tables *t, enum table_kind kind,
				       const struct flow *key, u64 hash)
{
	struct slot *home = tables_slot(t, kind, (u32)hash);

	return home && CORE_LIKELY(slot_holds(home, key)) ? home : NULL;
}

/* 0, or MAC_OWNER_... | number, of exactly that key. */
CORE_FN u32 mac_find_variant(struct tables *t, u64 key)
{
	u64 hash = hash_mix(key);

	for (u32 i = 0; i < MACS_WINDOW; i++) {
		struct mac_entry *e = tables_mac(t, (u32)hash + i);
		u64 found = e ? core_load(&e->key) : 0;

		if (!found)
			return 0;
		if (found == key)
			return core_load(&e->owner);
	}
	return 0;
}

/* The owner by the most exact entry there is. VARIANTS: which kinds of entry exist (settings). */
CORE_GLOBAL u32 mac_find(struct tables *t, const struct mac *mac, u32 vlan, u8 port, u8 variants)
{
	tables_take(t);
	if (!mac)
		return 0;
#pragma GCC unroll 4
	for (int i = 1; i <= MAC_VARIANTS; i++) {
		u8 v = MAC_VARIANTS - i;
		u32 owner = 0;

		if (variants >> v & 1)
			owner = mac_find_variant(t, mac_key(mac, vlan, port, v));
		if (owner)
			return owner;
	}
	return 0;
}

CORE_GLOBAL u32 local_seek(struct tables *t, const struct address *a)
{
	u64 hash;

	tables_take(t);
	if (!a)
		return 0;
	hash = local_hash(a);
	for (u32 i = 0; i < LOCALS_WINDOW; i++) {
		struct local *e = tables_local(t, local_home(hash) + i);

		if (!e || !core_load(&e->kind))
			return 0;
		if (address_equal(&e->address, a))
			return core_load(&e->kind);
	}
	return 0;
}

/* Whether an address of that local_hash() may be the balancer's or a device's own. */
CORE_INLINE bool local_may(const struct settings *cfg, u64 hash)
{
	u32 bit = local_bit(hash);

	return cfg->local_filter[(bit >> 6) & (LOCAL_FILTER_WORDS - 1)] >> (bit & 63) & 1;
}

/* Whether ADDRESS is the balancer's or a device's own: 0, or LOCAL_... | number. */
CORE_INLINE u32 local_find(struct tables *t, const struct settings *cfg, const struct address *a)
{
	u32 bit = local_bit(local_hash(a));
	u64 bits = cfg->local_filter[core_forget((u8)(bit >> 6)) & (LOCAL_FILTER_WORDS - 1)];
	struct address copy;

	if (CORE_LIKELY(!(bits >> (bit & 63) & 1)))
		return 0;
	copy = *a; /* what a function is pointed to can't be in registers */
	return local_seek(tables_hand(t), &copy);
}

#endif
