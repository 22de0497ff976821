/* SPDX-License-Identifier: ISC */
/*
 * Sessions, pins, what is gone and what was seen again, as they go over the wire (PROTOCOL.md 4).
 *
 * No absolute time is told: ages are, and the receiver counts them back from its own clock. Where
 * a function takes `now`, it is the tables' clock, milliseconds modulo 2^32.
 *
 * Pure. Puts return false, and write nothing, where there is no room; gets return false at the end
 * of the item and where a record can't be (the reader is `bad` then).
 */
#ifndef SYNC_RECORD_TABLE_H
#define SYNC_RECORD_TABLE_H

#include "sandwich/core/table.h"
#include "sync/record.h"

#define RECORD_SESSION_MAX 67
#define RECORD_PIN_MAX 52

/* How the sender tells of a slot. */
struct record_told {
	u32 now;       /* ms, of the tables' clock */
	u8 place;      /* of its device in the sender's list (DEVICES); 0: none */
	bool counters; /* sessions: packets and bytes, too */
	bool router;   /* sessions: slot.router, too, if there is one */
	u64 name;      /* not 0: the hash of the device's name, in place of `place` */
};

/*
 * What the receiver reads. The slot has key, state (without SESSION_ASYMMETRIC), router and
 * counters (0 if not told), and seen and created counted back from `now`; version and device are
 * the receiver's to say.
 */
struct record_entry {
	struct slot slot;
	u64 name; /* of the device; 0: by its place */
	u8 place;
	bool counters;
};

bool record_put_session(struct record_writer *w, const struct slot *s,
			const struct record_told *told);
bool record_get_session(struct record_reader *r, struct record_entry *out, u32 now);

/* A pin's slot.created is not told, and read as slot.seen. slot.state is its origin. */
bool record_put_pin(struct record_writer *w, const struct slot *s, const struct record_told *told);
bool record_get_pin(struct record_reader *r, struct record_entry *out, u32 now);

/*
 * The GONE item: RECORD_OF_PINS, RECORD_AS_OF, then the number as of which (8, with RECORD_AS_OF
 * only), then ids (8 each). A removal is told again as of the number that told it first, so that
 * it removes nothing newer; without, it is as of the number of its own datagram.
 */
#define RECORD_OF_PINS 1 /* item flags of GONE and REFRESH: ids of pins, else of sessions */
#define RECORD_AS_OF 2

/* REFRESH: that something was seen again. 24 bytes a record. */
struct record_refresh {
	u64 id;
	u32 seen, created; /* ms of the tables' clock; of a sender: as in the slot */
	u32 packets;
	u64 bytes; /* 48 bits */
};

bool record_put_refresh(struct record_writer *w, const struct record_refresh *refresh, u32 now);
bool record_get_refresh(struct record_reader *r, struct record_refresh *out, u32 now);

#endif
