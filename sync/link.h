/* SPDX-License-Identifier: ISC */
/*
 * The link to one other balancer: both directions of PROTOCOL.md 3.
 *
 * It seals what is written into a datagram, opens what comes, and sees to it that nothing reliable
 * is lost in silence: numbers, gaps, acknowledgement, credits. It keeps no copy of what it sent but
 * words of the caller's that say what a datagram spoke of; what the peer lacks is said again by the
 * caller, as it is by then.
 *
 * Pure: bytes in, bytes out, time as an argument (microseconds of a monotonic clock, never 0).
 * Nothing is allocated after link_new(). Ops are called from within link_input(), link_tick(),
 * link_begin(), link_end() and link_heartbeat(). item() and again() may begin and end datagrams;
 * the others call nothing of the link. Thread: one at a time.
 */
#ifndef SYNC_LINK_H
#define SYNC_LINK_H

#include "sync/record.h"

struct link;

#define LINK_PATHS 8
#define LINK_DATAGRAM 1452  /* bytes of a datagram at most, by default: MTU 1500 less 48 */
#define LINK_CREDIT 8192    /* reliable datagrams that may be unacknowledged, by default */
#define LINK_CREDIT_MAX 32768
#define LINK_WORDS 512	    /* of one datagram, at most */
#define LINK_NEVER UINT64_MAX

/* An item of the peer's that is none of the link's own. Content is valid during the call. */
struct link_item {
	u8 kind, flags, path;
	u32 term;   /* the sender's, of its side */
	u64 incarnation; /* of the sender */
	u64 number; /* of the reliable datagram that it came in; 0: of an unreliable one */
	struct record_reader content;
};

struct link_ops {
	/* Room for SIZE bytes that are to go by PATH; NULL: there is none. Until send() or the
	 * next room() of the same path. */
	u8 *(*room)(void *user, u8 path, size_t size);
	/* What room() gave holds a datagram now. */
	void (*send)(void *user, u8 path, u8 *datagram, size_t length);
	/* From a peer that is known to be alive and is not deposed. */
	void (*item)(void *user, const struct link_item *item);
	/* The peer lacks reliable datagram NUMBER: say again what its words speak of, and put
	 * another HANDOVER behind it if one was put before. */
	void (*again)(void *user, u64 number, const u32 *words, u32 count);
	/* The peer started anew (or was first heard): nothing said in either direction counts. */
	void (*reset)(void *user);
	void (*up)(void *user, bool up);
	void *user;
};

struct link_setup {
	const uint8_t *secret;
	size_t secret_length;
	u32 self, peer; /* the balancers' numbers */
	u8 paths;	/* 1 to LINK_PATHS; data goes by the first that both hear each other by */
	u64 interval_us; /* of heartbeats; */
	u32 count;	/* that many missed, and a quarter: a path is silent */
	u32 datagram;	/* bytes at most; 0: LINK_DATAGRAM */
	u32 credit;	/* granted to the peer, up to LINK_CREDIT_MAX; 0: LINK_CREDIT */
	u32 memory;	/* words remembered, a power of two from LINK_WORDS on; 0: 2^20 */
	struct link_ops ops;
};

/* 0, -EINVAL, -ENOMEM, -ENOSYS. SETUP is copied, the secret is not kept. */
int link_new(struct link **out, const struct link_setup *setup, u64 now)
	__attribute__((warn_unused_result));
void link_free(struct link *l);

/* A datagram that came by PATH. It is opened where it lies. */
void link_input(struct link *l, u8 path, u8 *datagram, size_t length, u64 now);

/*
 * A datagram to be written, over the path for data. False: there is no path, no room in the batch,
 * or (RELIABLE) no credit. Then link_end(), or nothing: what was begun last counts.
 */
bool link_begin(struct link *l, bool reliable, struct record_writer *w, u64 now);

/*
 * Seals and sends what was written since link_begin(). WORDS: what it speaks of, for again(); at
 * most LINK_WORDS. PAD: fill it to the full size, so that a batch has one size (UDP GSO). Its
 * number, 0 if it is not reliable or nothing was written.
 */
u64 link_end(struct link *l, const struct record_writer *w, const u32 *words, u32 count, bool pad);

/* Sends a heartbeat over every path: ITEMS are the caller's, the link adds its own. */
void link_heartbeat(struct link *l, const u8 *items, size_t length, u64 now);

/* Acknowledges, asks again, judges paths. When it wants to be called next; call it after a batch of
 * link_input(), too. */
u64 link_tick(struct link *l, u64 now);

/* How many reliable datagrams may go out now. */
u32 link_room(const struct link *l);

/* The term told in each message; and the least one that the peer must have for its items to be
 * looked at (those of its heartbeats are, always). */
void link_term(struct link *l, u32 term, u32 least);

/*
 * Whether everything the peer said before and in its reliable datagram NUMBER is here, as long as
 * the peer put nothing off when it sent it: for MARK and HANDOVER.
 */
bool link_complete(const struct link *l, u64 number);

/* Why a datagram (or a part of it) was not taken. */
enum link_refusal {
	LINK_REFUSED_SHORT,
	LINK_REFUSED_FOREIGN,	/* another magic, version, suite, sender */
	LINK_REFUSED_FORGED,
	LINK_REFUSED_REPLAYED,	/* seen, or older than the window or the incarnation */
	LINK_REFUSED_VERSION,	/* of the protocol */
	LINK_REFUSED_MALFORMED, /* authentic, and yet no message */
	LINK_REFUSED_ECHO,	/* does not echo our challenge */
	LINK_REFUSED_DEPOSED,	/* an older term */
	LINK_REFUSED_EARLY,	/* reliable; no first number known yet, or beyond the window */
	LINK_REFUSED_LATE,	/* reliable, but given up already */
	LINK_REFUSALS
};

struct link_counts {
	u64 sent, received;	   /* datagrams; authentic ones */
	u64 sent_reliable, received_reliable;
	u64 lost;		   /* datagrams that did not come, by their sequence; may yet */
	u64 reordered, duplicate;
	u64 refused[LINK_REFUSALS];
	u64 nacked;		   /* reliable numbers asked for, each once */
	u64 retransmitted;	   /* reliable numbers whose content was said again */
	u64 given_up;		   /* reliable numbers that the peer gave up: it said them anew */
	u64 resets;
};

struct link_view {
	bool up;
	u8 path;	 /* data goes by */
	u8 heard, hears; /* bits of paths: we hear the peer, the peer hears us */
	u32 rtt_us;	 /* smoothed; 0: not known */
	u64 incarnation; /* the peer's; 0: never heard */
	u64 sent, acked, credit; /* reliable numbers: last sent; settled there; allowed */
	u64 window;	 /* how many may be unsettled, as the path's loss says */
	u64 settled, newest;	 /* of the peer's: all up to it received or given up; highest */
	u64 heard_us;	 /* since the peer was heard by any path */
	struct link_counts counts;
};

void link_view(const struct link *l, struct link_view *out, u64 now);

#endif
