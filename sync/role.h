/* SPDX-License-Identifier: ISC */
/*
 * Roles: which box of a side is active (sync/PROTOCOL.md, section 6).
 *
 * Heartbeats go in as they are heard, whatever the path; what comes out are our own heartbeats,
 * the role, and the words that say why. A standby takes over when the active is silent and no
 * partner hears it either; two actives that meet settle it by an order that is total, so that both
 * come to the same end. Nobody is judged for time in which our own loop was late.
 *
 * Pure: time is an argument, in microseconds of a monotonic clock. A struct role belongs to one
 * thread (the follower's). Operations are called from within the functions below and must not call
 * back.
 */
#ifndef SANDWICH_SYNC_ROLE_H
#define SANDWICH_SYNC_ROLE_H

#include "sandwich/core/types.h"

#define ROLE_BOXES 16	 /* of both sides, oneself among them */
#define ROLE_VOTES 8	 /* boxes of one side, at most */
#define ROLE_WHY_SIZE 128
#define ROLE_NEVER_MS 65535 /* of a vote: not seen for longer, or never */

/* As in the heartbeat. */
enum role_state { ROLE_STARTING, ROLE_STANDBY, ROLE_ACTIVE, ROLE_LEAVING, ROLE_STATES };

/* Flags of the heartbeat and, the first and the last two, of a vote. */
#define ROLE_PORTS_OK	 0x01 /* uplink and farm port have a carrier */
#define ROLE_EQUAL	 0x02 /* its tables are known to be those of the active */
#define ROLE_PREEMPT	 0x04 /* wants to be active when it is equal and has the higher priority */
#define ROLE_HANDS_OVER	 0x08 /* a planned handover is under way */
#define ROLE_EXTERNAL	 0x10 /* is told its role by something else */
#define ROLE_UNWITNESSED 0x20 /* became active while it heard no partner, though it has some */

/* What a box last heard of one box of the other side, by any path. */
struct role_vote {
	u32 box;
	u16 silent_ms; /* since it was last seen, ROLE_NEVER_MS: never */
	u8 role;       /* enum role_state, as it last said */
	u8 flags;      /* likewise */
	u32 term;      /* likewise; outlives the box, so that one that restarts learns it */
};

/* The item HEARTBEAT. What belongs to the link goes beside it (sync/record_link.h). */
struct role_heartbeat {
	u8 role;
	u8 flags;
	u16 priority;
	u32 term;   /* the highest it knows of its side; when active: its own */
	u32 active; /* number of the box of its side that it takes for active, 0: none */
	u32 pair;   /* of the box it takes for active; 0 where none is */
	u64 sent_us;
	u16 votes;
	struct role_vote vote[ROLE_VOTES];
};

struct role_box {
	u32 number; /* not 0 */
	u8 side;
	u16 priority;
	u32 pair;	  /* its place in its side, from 1: those of one place are a pair */
	const char *name; /* for words; not owned, outlives the role */
};

struct role_config {
	struct role_box box[ROLE_BOXES];
	u8 boxes;
	u8 self; /* place in BOX */
	u32 interval_us;
	u8 count; /* of intervals without a word that mean silence, 1 or more */
	bool preempt;
	u32 preempt_hold_us; /* how long a better standby must have been equal before */
	bool follow_partner;
	bool external;
};

struct role_ops {
	/* The role is another, or the active's term is. */
	void (*became)(void *user, enum role_state role, u32 term, const char *why);
	/* Gratuitous ARP and unsolicited NA for every address: at once, after 50 ms .. 5 s. */
	void (*announce)(void *user);
	/* To every box, over every path. */
	void (*heartbeat)(void *user, const struct role_heartbeat *hb);
	/* Put HANDOVER(TERM) into the stream to TO, behind the last record. 0, 0: called off. */
	void (*handover)(void *user, u32 to, u32 term);
	/* A line for the log. */
	void (*say)(void *user, const char *text);
	void *user;
};

/* Why a handover is asked for. A box that stops doesn't insist on an equal standby. */
enum role_cause { ROLE_BY_OPERATOR, ROLE_BY_STOP };

struct role_counts {
	u64 takeovers, handovers, called_off, gave_way, vetoed, late;
};

struct role_peer_view {
	const struct role_box *box;
	bool alive;    /* heard within count intervals and a quarter */
	u64 silent_us; /* UINT64_MAX: never heard */
	enum role_state role;
	u32 term;
	u8 flags;
};

struct role_view {
	enum role_state role;
	u32 term;
	u32 active; /* 0: none is known */
	u64 since_us; /* when the role became what it is */
	u8 flags;
	char why[ROLE_WHY_SIZE]; /* the role is what it is */
	char waits[ROLE_WHY_SIZE]; /* why nothing is done about it; "": nothing is to be done */
	struct role_counts counts;
	u8 peers;
	struct role_peer_view peer[ROLE_BOXES];
};

struct role;

/* 0, -EINVAL for a configuration that can't be, or -ENOMEM. CONFIG and OPS are copied. */
int role_new(struct role **out, const struct role_config *config, const struct role_ops *ops,
	     u64 now) __attribute__((warn_unused_result));
void role_free(struct role *r);

/*
 * An authentic heartbeat of BOX, of that incarnation. Older ones than the last are passed over. Box
 * numbers that are not configured are passed over.
 */
void role_input(struct role *r, u32 box, u64 incarnation, const struct role_heartbeat *hb, u64 now);

/* Another authentic word of BOX, by any path: the path heartbeat through the devices, data. */
void role_seen(struct role *r, u32 box, u64 now);

/* HANDOVER(TERM) of BOX has come, and everything before it has been applied. */
void role_handover(struct role *r, u32 box, u32 term, u64 now);

/* ROLE_PORTS_OK or ROLE_EQUAL is so, or not. At the start: ports ok, not equal. */
void role_set(struct role *r, u8 flag, bool on, u64 now);

/*
 * Sends heartbeats and judges silence. When it wants to be called again: at the latest then, and
 * after each call of another function here (with its result, not before).
 */
u64 role_tick(struct role *r, u64 now);

/*
 * Planned handover to the best standby: 0 when it has begun. -EINVAL: we aren't active, or
 * external; -EALREADY; -ENOTCONN: no standby is heard; -ENETDOWN: its ports are down; -EAGAIN: it
 * is not equal.
 */
int role_failover(struct role *r, enum role_cause cause, u64 now)
	__attribute__((warn_unused_result));

/* The last heartbeat says that we go: the standby need not wait for silence. */
void role_leave(struct role *r, u64 now);

/* role = external: what the other program has decided. 0, or -EINVAL where it isn't configured. */
int role_set_external(struct role *r, bool active, u64 now) __attribute__((warn_unused_result));

/* The highest term that it knows of its side. */
u32 role_term(const struct role *r);

void role_look(const struct role *r, struct role_view *out, u64 now);

#endif
