/* SPDX-License-Identifier: ISC */
/*
 * Inside of the role machine: what its files share. Nobody else includes it.
 *
 * role.c takes words in and sends heartbeats, role_rules.c decides, role_look.c tells.
 */
#ifndef SANDWICH_SYNC_ROLE_STATE_H
#define SANDWICH_SYNC_ROLE_STATE_H

#include "sync/role.h"

#define ROLE_PATIENCE_US 500000u /* for the answer to a handover */
#define ROLE_RETRY_US	 1000000u /* between handovers that nobody asked for; doubled for each */
#define ROLE_FAILURES	 6	  /* that is called off, so often at most */

struct role_peer {
	const struct role_box *box;
	u64 incarnation; /* 0: none heard of */
	u64 heard;	 /* the last word, 0: never */
	u64 better;	 /* since when it could preempt us, 0: it can't */
	bool told;	 /* that it is silent, to its side */
	struct role_heartbeat hb;
};

struct role_offer {
	u32 to; /* 0: none */
	u32 term;
	u64 until;
};

struct role {
	struct role_config config;
	struct role_ops ops;
	const struct role_box *self;
	struct role_peer peer[ROLE_BOXES]; /* in the configuration's order; our own is empty */
	enum role_state state;
	u32 term;	/* of our own time as active */
	u32 known;	/* the highest of our side */
	u32 theirs;	/* the highest of the other side */
	u32 active;	/* number of the last box that was known to be active */
	u8 flags;	/* as in the heartbeat */
	u64 since;	/* of the state */
	u64 listens;	/* STARTING: until then */
	u64 sends;	/* the next heartbeat */
	u64 stamp;	/* of the last heartbeat: each has another */
	u64 due;	/* what role_tick() answered */
	u64 next;	/* what it will answer: role_past() gathers it */
	u64 blind;	/* until then there may be words that were not read: nobody takes over */
	u64 vacant;	/* STANDBY: since when no active is heard, 0: one is */
	u64 witnessed;	/* since when a partner is heard and no rival, 0: not */
	u64 outranked;	/* ACTIVE: since when a higher term is known, 0: none is */
	u64 astray;	/* ACTIVE: since when the partner side is on another pair, 0: it isn't */
	u64 retry;	/* no handover of our own before */
	u8 failures;	/* handovers called off in a row */
	bool vetoed;	/* the partner's word holds us back */
	struct role_offer offer; /* ours */
	struct role_offer taken; /* it made us active; so long its maker's old claim is void */
	char why[ROLE_WHY_SIZE];
	char waits[ROLE_WHY_SIZE];
	struct role_counts counts;
};

static inline u64 role_interval(const struct role *r)
{
	return r->config.interval_us;
}

/* Silence: count intervals and a quarter of one. */
static inline u64 role_window(const struct role *r)
{
	return role_interval(r) * r->config.count + role_interval(r) / 4;
}

static inline u64 role_listening(const struct role *r)
{
	return role_interval(r) * (r->config.count + 2u);
}

static inline bool role_is_twin(const struct role *r, const struct role_box *box)
{
	return box != r->self && box->side == r->self->side;
}

static inline bool role_is_alive(const struct role *r, const struct role_peer *p, u64 now)
{
	return p->heard && (p->heard >= now || now - p->heard < role_window(r));
}

/* Has that moment come? If not, role_tick() is called then. */
static inline bool role_past(struct role *r, u64 moment, u64 now)
{
	if (now >= moment)
		return true;
	if (moment < r->next)
		r->next = moment;
	return false;
}

struct role_peer *role_peer_of(struct role *r, u32 number);
const char *role_name(struct role *r, u32 number);

/* Applies the rules as of NOW. */
void role_judge(struct role *r, u64 now);

/* Begins a handover to the best standby that will do. PAIR: of that only, 0: any. Errors as of
 * role_failover(). */
int role_offer(struct role *r, bool equal, u32 pair, const char *why, u64 now);

void role_become(struct role *r, enum role_state state, u32 term, u64 now);
void role_say(struct role *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Why the role is what it will be, and what holds it back. */
void role_why(struct role *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void role_wait(struct role *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
