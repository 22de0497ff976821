/* SPDX-License-Identifier: ISC */
/*
 * The stream of changes to one other box, and what comes from it into the tables (PROTOCOL 4).
 *
 * Sending: what the journal tells is noted as dirty slots, and what they hold is read when the
 * datagram is filled; so changes to a slot fold into one while the link has no credit, and what is
 * said again is what is true then. A removal is an id; it is told unless the key is back.
 *
 * Ownership: all that the setup names is the caller's and outlives it.
 * Thread: the follower's. Pure but for the tables; time is an argument: NOW_US is the link's clock
 * (never 0), NOW the tables' (ms).
 */
#ifndef SYNC_REPLICATE_H
#define SYNC_REPLICATE_H

#include "sync/journal.h"
#include "sync/link.h"
#include "sync/record_role.h"
#include "sync/store.h"

struct replicate;

#define REPLICATE_WAIT_US 500 /* a change is on the wire by then, if there is credit */

struct replicate_ops {
	/* A look at a slot, or a partner's record, turned up a change: for all links. */
	journal_sink changed;
	/* The sender's devices: COUNT places to fill, *EPOCH; how many there are. */
	u32 (*devices)(void *user, struct record_device *out, u32 count, u64 *epoch);
	/* What the other box says of a device, here DEVICE (0: it is not here). */
	void (*device)(void *user, u8 device, const struct record_device *told);
	void *user;
};

struct replicate_setup {
	struct tables *tables; /* of the follower: without an event ring */
	struct journal *journal;
	struct store *store;
	u8 link_number;	 /* in the store */
	enum store_peer peer;
	bool entries;	 /* sessions and pins go, too; else devices alone (partner, vpn mode) */
	u32 refresh_ms;	 /* a twin: the table is walked once in this for REFRESH; 0: never */
	u32 removals;	 /* that wait at most; 0: as many as the table has slots */
	struct replicate_ops ops;
};

struct replicate_counts {
	u64 sessions, pins, removals, refreshes, marks; /* records sent */
	u64 bytes;		/* of items, reliable ones */
	u64 repeated;		/* slots and ids that the link asked for again */
	u64 forgotten;		/* removals that found no room; a repair finds them */
	u64 received[4];	/* sessions, pins, removals, refreshes */
	u64 result[STORE_RESULTS]; /* of the sessions and pins received */
	u64 malformed;
	u64 waiting;		/* now: slots and ids */
};

/* 0 and *OUT, or -ENOMEM. */
int replicate_new(struct replicate **out, const struct replicate_setup *setup)
	__attribute__((warn_unused_result));
void replicate_free(struct replicate *r);

/* The link to send by; and whether to (the active does). */
void replicate_attach(struct replicate *r, struct link *link);
void replicate_send_changes(struct replicate *r, bool on);

/* The journal told a change: to be called for every link. */
void replicate_changed(struct replicate *r, const struct journal_change *change);

/* What else is to be said, each as soon as it can be. */
enum replicate_say {
	REPLICATE_DEVICES,
	REPLICATE_MARK,	    /* NUMBER: the round of who asked; when nothing else waits */
	REPLICATE_HANDOVER, /* NUMBER: the term; behind the last change */
	REPLICATE_DUMP,	    /* all sessions and pins, then a mark */
	REPLICATE_QUIET,    /* a repair is under way: REFRESH waits for a while */
	REPLICATE_SAYS
};

void replicate_say(struct replicate *r, enum replicate_say what, u32 number);

/* The slot is to be told (again), behind what is new: repair. */
void replicate_repair(struct replicate *r, enum table_kind kind, u32 index);

/* Fills and sends datagrams. When it wants to be called next (LINK_NEVER: at the next change). */
u64 replicate_turn(struct replicate *r, u64 now_us, u32 now);

/* The link's ops of those names. An item that is not the stream's: false. */
bool replicate_item(struct replicate *r, const struct link_item *item, u32 now);
void replicate_again(struct replicate *r, const u32 *words, u32 count);
void replicate_reset(struct replicate *r);

void replicate_read_counts(const struct replicate *r, struct replicate_counts *out);

#endif
