/* SPDX-License-Identifier: ISC */
/*
 * The inside of a link, for the files that are it: link.c (what comes, and when), link_send.c (what
 * goes), link_memory.c (what was said, until it is settled), link_path.c (ways and round trips).
 */
#ifndef SYNC_LINK_STATE_H
#define SYNC_LINK_STATE_H

#include "sync/link.h"
#include "sync/link_gaps.h"
#include "sync/seal.h"

#define LINK_WINDOW 65536 /* of the seal, sequences */
#define LINK_TOLD 32768	  /* datagrams remembered: none is sent that doesn't fit */
#define LINK_FIRST_CREDIT 256 /* until the peer says what it grants */
#define LINK_RANGES 256	      /* of one NACK or GIVEN_UP */

#define LINK_ACK_EVERY 64	 /* reliable datagrams, */
#define LINK_ACK_US 5000	 /* and at the latest */
#define LINK_REORDER 32		 /* later datagrams that pass over a gap before it is one, */
#define LINK_REORDER_US 3000	 /* or time */
#define LINK_NACK_US 20000	 /* at least, before a gap is told again */

/* What a reliable datagram spoke of. */
struct link_told {
	u64 start;  /* of its words, in all that were ever put */
	u32 count;
	bool given; /* said anew; the peer is told so when it asks */
	u64 after;  /* last number sent before it was given up */
};

struct link_memory {
	struct link_told *told; /* by number */
	u32 *words;
	u32 mask;
	u64 put;    /* words ever put */
	u64 sent;   /* last number */
	u64 floor;  /* the first number that counts */
	u64 acked;  /* settled at the peer; what is behind it is remembered */
	u64 credit; /* the peer takes numbers up to it */
	u64 window; /* the path takes so many unacknowledged ones, as far as we know */
	u64 round;     /* settled when this round began, */
	u64 round_end; /* and when it ends */
	u32 round_lost; /* asked for in it */
	bool opening;	/* the window doubles each round, until the path has shown its limit */
	struct record_range given[LINK_RANGES]; /* to be told */
	u32 givens;
	u64 after;
};

struct link_way {
	u64 heard; /* when; 0: never */
};

struct link_peer {
	u64 incarnation; /* 0: never heard */
	u64 challenge;	 /* 0: not known */
	bool fresh;	 /* it echoed our challenge */
	u8 hears;	 /* bits of paths */
	u64 sent_us, sent_heard; /* its clock in its last LINK, and ours then */
};

/*
 * Loss as RFC 3550 A.3 counts it: what should have come, less what did. A probe, sent by a path
 * that we are not known to hear, need not come. LINK says how many there were before it, so the
 * reckoning is as of the newest LINK.
 */
struct link_loss {
	u64 incarnation;
	u64 first, newest, came; /* sequences, and how many */
	u64 probes_came, probes_first; /* by the first LINK */
	bool introduced; /* there was a first */
	bool latest;	 /* the datagram that is being read is the newest */
	u64 lost;		 /* of this incarnation */
	u64 before;		 /* of earlier ones */
};

struct link_receive {
	bool known;	/* the first number is */
	struct gaps gaps;
	u64 told;	/* highest number that the peer says it has sent */
	u64 ripe;	/* gaps up to it have waited long enough */
	u64 ripening, since; /* up to it they will have, LINK_REORDER_US after */
	u64 nacked;	/* gaps up to it have been told */
	u64 nack_at;	/* when they are told again */
	u32 unacked;	/* reliable datagrams since the last ACK */
	u64 ack_at;	/* 0: nothing to acknowledge */
};

/* A datagram between link_begin() and link_end(). */
struct link_open {
	u8 *datagram; /* NULL: none */
	u8 *content;  /* behind what the link put in front */
	bool reliable, acks, probe;
	u32 givens;   /* of memory.given that are in it */
	u8 path;
};

struct link {
	struct link_setup setup;
	struct seal *seal;
	u64 now, due;
	u64 challenge;
	u32 term, least;
	bool up;
	u8 path;
	u32 rtt_us;
	struct link_way ways[LINK_PATHS];
	struct link_peer peer;
	struct link_loss loss;
	struct link_receive in;
	struct link_memory out;
	struct link_open open;
	u64 probes; /* sent */
	struct link_counts counts;
};

/* link_memory.c */
int link_memory_new(struct link_memory *m, u32 words) __attribute__((warn_unused_result));
void link_memory_free(struct link_memory *m);
void link_memory_reset(struct link_memory *m);
u32 link_memory_room(const struct link_memory *m);
u64 link_memory_put(struct link_memory *m, const u32 *words, u32 count);
bool link_memory_ack(struct link_memory *m, const struct record_ack *ack);
/* The peer lacks RANGE. */
void link_memory_lacks(struct link *l, const struct record_range *range);

/* link_path.c */
u64 link_fall(const struct link *l); /* us of silence after which a path is down */
void link_heard(struct link *l, u8 path, const struct record_link *says);
u64 link_judge(struct link *l);
u8 link_heard_paths(const struct link *l);
bool link_is_probe(const struct link *l, u8 path);

/* link_send.c */
u64 link_send_due(struct link *l);

#endif
