/* SPDX-License-Identifier: ISC */
/*
 * What the parts of replication share: replicate.c (what waits), replicate_send.c (datagrams) and
 * replicate_take.c (what comes). The follower's thread.
 */
#ifndef SYNC_REPLICATE_STATE_H
#define SYNC_REPLICATE_STATE_H

#include "sync/replicate.h"

#define REPLICATE_KINDS 2 /* sessions and pins */

enum replicate_class { REPLICATE_NEW, REPLICATE_REPAIR, REPLICATE_CLASSES };

/* Slot numbers, first in first out. Each slot is in it once at most, so it never is full. */
struct replicate_queue {
	u32 *entry;
	u32 mask, head, tail;
};

/* Ids of what was removed. */
struct replicate_removals {
	u64 *id;
	u8 *kind;
	u32 mask, head, tail;
};

/*
 * What a datagram spoke of, in words for the link: the upper bits say what, the lower ones which
 * slot. A removal has its id in two words behind.
 */
#define WORD_SESSION (0u << 28)
#define WORD_PIN (1u << 28)
#define WORD_GONE_SESSION (2u << 28)
#define WORD_GONE_PIN (3u << 28)
#define WORD_SAY (4u << 28) /* enum replicate_say */
#define WORD_WHAT (15u << 28)

struct replicate {
	struct replicate_setup setup;
	struct link *link;
	bool sending;
	u64 since_us; /* something has waited since; 0: nothing does */

	u8 *waits[REPLICATE_KINDS];	/* of each slot: bits of classes */
	u8 *told_device[REPLICATE_KINDS]; /* partner: device as last told; 0: not told */
	struct replicate_queue queue[REPLICATE_CLASSES][REPLICATE_KINDS];
	struct replicate_removals removals;

	bool say[REPLICATE_SAYS];
	u32 say_number[REPLICATE_SAYS];
	bool dumping;	  /* until the mark that ends it */
	u64 mark_us;	  /* the last one was sent */
	u32 marks;
	u32 device_at;	  /* how much of the list has been said */
	u64 devices_number; /* the reliable datagram that said the rest; 0: not said yet */
	bool places;	  /* the peer has it: places will do */

	enum table_kind refresh_kind; /* the walk */
	u32 refresh_at;
	u64 refresh_us;
	bool quiet;	    /* asked for since the last turn */
	u64 quiet_us;	    /* until then */

	u8 device_here[DEVICES_MAX]; /* by the peer's place */
	u32 words[LINK_WORDS];
	u32 word_count;
	struct replicate_counts counts;
};

/* False: nothing waits in that class and kind. */
bool replicate_pop(struct replicate *r, enum replicate_class class, enum table_kind kind,
		   u32 *index);
void replicate_push(struct replicate *r, enum replicate_class class, enum table_kind kind,
		    u32 index);
void replicate_push_removal(struct replicate *r, enum table_kind kind, u64 id);
bool replicate_pop_removal(struct replicate *r, enum table_kind *kind, u64 *id);

static inline u32 replicate_waiting(const struct replicate *r, enum replicate_class class)
{
	return r->queue[class][0].head - r->queue[class][0].tail + r->queue[class][1].head -
	       r->queue[class][1].tail;
}

static inline u32 replicate_removals_waiting(const struct replicate *r)
{
	return r->removals.head - r->removals.tail;
}

#endif
