/* SPDX-License-Identifier: ISC */
/*
 * Events: which slots of the tables changed, told to whoever follows them (sync/journal.h).
 *
 * Each thread and CPU has a ring of its own, so that putting an event is one store of four bytes:
 * the slot's number and what happened. What a slot holds is read from the table by the follower,
 * as it is by then. A full ring loses the event and counts it; the follower then scans the table,
 * which finds what the ring missed. Nobody waits, nothing is lost for good.
 *
 * Only changes that matter to others are told: recorded, closed, moved, learned, removed, another
 * state. That a session was seen again is not.
 */
#ifndef SANDWICH_CORE_EVENT_H
#define SANDWICH_CORE_EVENT_H

#include "sandwich/core/table.h"

enum event {
	EVENT_NEW = 1,	       /* a session was recorded */
	EVENT_CLOSED = 2,      /* FIN or RST ended one */
	EVENT_LEARNED = 4,     /* a pin was learned */
	EVENT_MOVED = 8,       /* a session changed its device */
	EVENT_FIRST_FRAGMENT = 16, /* fragments held for this datagram can go on */
	EVENT_ROUTER = 32,     /* last-hop: the uplink neighbour it came from is not known yet */
	EVENT_ELSEWHERE = 64,  /* the express only: the session is on another device */
};

#define EVENT_CHANGED 0	  /* in a ring: none of the first four, but look at the slot */
#define EVENT_RING 131072 /* events; 50 ms of nothing but new flows. A power of two */

/* An event in a ring: slot number, table, and the first four of enum event. */
#define EVENT_SLOT_BITS 26
#define EVENT_SLOTS_MAX (1u << EVENT_SLOT_BITS)

/* One producer, one consumer. Head and tail run on modulo 2^32; each side's words on a line. */
struct event_ring {
	u32 head; /* producer: events put */
	u32 lost; /* producer: events that found no room */
	u32 spare[14];
	u32 tail;   /* consumer: events taken */
	u32 asleep; /* consumer: ring the bell when something is put */
	u32 spare2[14];
	u32 entry[EVENT_RING];
};

CORE_INLINE u32 event_entry(enum table_kind kind, u32 slot, u32 what)
{
	return slot | (u32)kind << EVENT_SLOT_BITS | what << (EVENT_SLOT_BITS + 2);
}

CORE_INLINE u32 event_slot(u32 entry)
{
	return entry & (EVENT_SLOTS_MAX - 1);
}

CORE_INLINE enum table_kind event_kind(u32 entry)
{
	return (enum table_kind)(entry >> EVENT_SLOT_BITS & 3);
}

CORE_INLINE u32 event_what(u32 entry)
{
	return entry >> (EVENT_SLOT_BITS + 2);
}

/* Producer: false when there is no room (counted in the ring). */
CORE_INLINE bool event_put(struct event_ring *ring, u32 entry)
{
	u32 head = ring->head;

	if (head - core_load(&ring->tail) >= EVENT_RING) {
		core_publish(&ring->lost, ring->lost + 1); /* who scans for it finds the change */
		return false;
	}
	core_store(&ring->entry[head & (EVENT_RING - 1)], entry);
	core_publish(&ring->head, head + 1);
	return true;
}

/* Consumer: false when there is nothing. */
CORE_INLINE bool event_take(struct event_ring *ring, u32 *entry)
{
	u32 tail = ring->tail;

	if (core_load(&ring->head) == tail)
		return false;
	*entry = core_load(&ring->entry[tail & (EVENT_RING - 1)]);
	core_publish(&ring->tail, tail + 1);
	return true;
}

#endif
