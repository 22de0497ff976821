/* SPDX-License-Identifier: ISC */
/*
 * What a link says for itself: PROTOCOL.md 3.
 *
 * Pure. Gets return false at the end of the item and where it can't be (the reader is `bad` then).
 */
#ifndef SYNC_RECORD_LINK_H
#define SYNC_RECORD_LINK_H

#include "sync/record.h"

/* The head of each message, 24 bytes: 2 version, 1 path, 1 flags, 4 term, 8 echo, 8 number. */
#define RECORD_HEAD 24
#define RECORD_VERSION 2
#define RECORD_HEAD_PROBE 0x01 /* flag: by a path that the receiver is not known to hear */

struct record_head {
	u16 version;
	u8 path, flags;
	u32 term;
	u64 echo, number;
};

void record_put_head(struct record_writer *w, const struct record_head *head);
bool record_get_head(struct record_reader *r, struct record_head *out);

/* LINK: 8 challenge, 8 sent, 8 echo, 4 held, 8 last, 8 floor, 2 suites, 1 heard, 8 probes. */
#define RECORD_LINK_SIZE 55

struct record_link {
	u64 challenge; /* the sender's; never 0 */
	u64 sent_us;   /* of its clock */
	u64 echo_us;   /* the sent_us that it last heard; 0: none */
	u32 held_us;   /* and for how long */
	u64 last;      /* reliable number that it sent last */
	u64 floor;     /* of what it said before, nothing is owed */
	u16 suites;    /* bits of seal.h: what it can open */
	u8 heard;      /* bits: paths by which it hears the receiver */
	u64 probes;    /* of its datagrams before this one; 0 from a sender that tells none */
};

bool record_put_link(struct record_writer *w, const struct record_link *link);
bool record_get_link(struct record_reader *r, struct record_link *out);

/* ACK: 8 settled, 8 credit: the highest number that may be sent. */
struct record_ack {
	u64 settled, credit;
};

bool record_put_ack(struct record_writer *w, const struct record_ack *ack);
bool record_get_ack(struct record_reader *r, struct record_ack *out);

/*
 * NACK: 8 base, then 2 offset and 2 count for each range. GIVEN_UP: 8 after, first: what those
 * numbers said is said anew behind that one.
 */
struct record_range {
	u64 first;
	u32 count; /* 1 to 65,535 */
};

#define RECORD_RANGE_SPAN 65536 /* from the first of an item to the last */

/* An item of as many of the ranges, ascending, as there is room and span for. How many. */
u32 record_put_ranges(struct record_writer *w, enum record_kind kind, u64 after,
		      const struct record_range *ranges, u32 count);

/* After *BASE, and for GIVEN_UP what stands before it, have been read with record_get(). */
bool record_get_range(struct record_reader *r, u64 base, struct record_range *out);

#endif
