/* SPDX-License-Identifier: ISC */
/* The rules of sync/PROTOCOL.md, section 6, by their numbers there. */
#include "sync/role_state.h"

#include <errno.h>
#include <string.h>

/* Orders: the first of these that differs decides, and the number differs always. */

#define ORDER_KEYS 5

struct order {
	u32 key[ORDER_KEYS];
};

static bool order_before(const struct order *a, const struct order *b)
{
	for (int i = 0; i < ORDER_KEYS; i++)
		if (a->key[i] != b->key[i])
			return a->key[i] > b->key[i];
	return false;
}

/* Rule 1: who is to be active where nobody is. */
static struct order order_of_standby(const struct role_box *box, u8 flags, u8 role)
{
	return (struct order){{!!(flags & ROLE_PORTS_OK), !!(flags & ROLE_EQUAL),
			       role != ROLE_STARTING, box->priority, UINT32_MAX - box->number}};
}

/* Rule 5: which of two that are active stays. */
static struct order order_of_active(const struct role_box *box, u8 flags, u32 term)
{
	return (struct order){{!!(flags & ROLE_PORTS_OK), !(flags & ROLE_UNWITNESSED), term,
			       box->priority, UINT32_MAX - box->number}};
}

static struct order order_of_self(const struct role *r)
{
	return order_of_standby(r->self, r->flags, (u8)r->state);
}

static bool flag_is_set(const struct role_peer *p, u8 flag)
{
	return p->hb.flags & flag;
}

static bool role_twin_alive(struct role *r, const struct role_peer *p, u64 now)
{
	return role_is_twin(r, p->box) && p->heard && !role_past(r, p->heard + role_window(r), now);
}

static bool role_partner_alive(struct role *r, const struct role_peer *p, u64 now)
{
	return p->box->side != r->self->side && p->heard &&
	       !role_past(r, p->heard + role_window(r), now);
}

/* Who is active on our side, as far as we know */

struct rival {
	const struct role_box *box; /* NULL: none */
	const struct role_box *by;  /* the partner that says so; NULL: itself */
	u8 flags;
	u32 term;
};

static void rival_take(struct rival *best, const struct rival *other)
{
	struct order a = {{0}}, b = order_of_active(other->box, other->flags, other->term);

	if (best->box)
		a = order_of_active(best->box, best->flags, best->term);
	if (!best->box || order_before(&b, &a))
		*best = *other;
}

/* The box that handed over to us speaks as active until it has heard us; that is no claim. */
static bool role_is_void(struct role *r, u32 box, u32 term, u64 now)
{
	return r->taken.to == box && term < r->term && !role_past(r, r->taken.until, now);
}

/* A partner's word about one of us: fresh, of an active, and not older than the box's own. */
static bool vote_counts(struct role *r, const struct role_peer *partner, const struct role_vote *v,
			u64 now)
{
	const struct role_peer *about = role_peer_of(r, v->box);
	u64 silent = (u64)v->silent_ms * 1000;

	if (!about || !role_is_twin(r, about->box) || v->role != ROLE_ACTIVE)
		return false;
	if (silent >= role_interval(r) * r->config.count || partner->heard < silent)
		return false;
	if (role_is_void(r, v->box, v->term, now))
		return false;
	return !role_twin_alive(r, about, now) || about->heard < partner->heard - silent;
}

static void rival_from_votes(struct role *r, const struct role_peer *partner, struct rival *best,
			     u64 now)
{
	for (u16 i = 0; i < partner->hb.votes && i < ROLE_VOTES; i++) {
		const struct role_vote *v = &partner->hb.vote[i];

		if (vote_counts(r, partner, v, now)) {
			struct rival other = {.box = role_peer_of(r, v->box)->box,
					      .by = partner->box,
					      .flags = v->flags,
					      .term = v->term};

			rival_take(best, &other);
		}
	}
}

/* The best of those that speak for themselves, or that partners speak of. */
static struct rival role_rival(struct role *r, bool votes, u64 now)
{
	struct rival best = {0};

	for (u8 i = 0; i < r->config.boxes; i++) {
		const struct role_peer *p = &r->peer[i];

		if (votes && role_partner_alive(r, p, now))
			rival_from_votes(r, p, &best, now);
		if (!role_twin_alive(r, p, now) || p->hb.role != ROLE_ACTIVE)
			continue;
		if (!role_is_void(r, p->box->number, p->hb.term, now)) {
			struct rival other = {
				.box = p->box, .flags = p->hb.flags, .term = p->hb.term};

			rival_take(&best, &other);
		}
	}
	return best;
}

/* Is a partner heard, and has it been for long enough to know of a rival? */
static void role_witness(struct role *r, const struct rival *rival, u64 now)
{
	bool partners = false, heard = false;

	for (u8 i = 0; i < r->config.boxes; i++) {
		partners |= r->peer[i].box->side != r->self->side;
		heard |= role_partner_alive(r, &r->peer[i], now);
	}
	if (!partners) {
		r->flags &= (u8)~ROLE_UNWITNESSED;
	} else if (!heard) {
		r->flags |= ROLE_UNWITNESSED;
		r->witnessed = 0;
	} else if (r->state == ROLE_ACTIVE && rival->box) {
		r->witnessed = now;
	} else {
		if (!r->witnessed)
			r->witnessed = now;
		if (role_past(r, r->witnessed + 2 * role_window(r), now))
			r->flags &= (u8)~ROLE_UNWITNESSED;
	}
}

static void role_activate(struct role *r, u32 term, u64 now)
{
	r->flags &= (u8)~ROLE_EQUAL;
	role_become(r, ROLE_ACTIVE, term, now);
	r->ops.announce(r->ops.user);
}

/* The side that changed last leads (rule 6): terms of both sides are then one row. */
static u32 role_next_term(const struct role *r)
{
	u32 highest = r->known;

	if (r->config.follow_partner && r->theirs > highest)
		highest = r->theirs;
	return highest + 1;
}

static void role_stand_by(struct role *r, u32 active, u64 now)
{
	if (r->offer.to)
		r->offer = (struct role_offer){0};
	r->failures = 0;
	r->flags &= (u8)~ROLE_EQUAL;
	r->active = active;
	role_become(r, ROLE_STANDBY, r->known, now);
}

/* Rules 1 and 2 */

/* How long those who go before us are given: a standby takes over sooner than one that starts. */
static u64 role_courtesy(struct role *r, u64 now)
{
	struct order own = order_of_self(r);
	u64 wait = 0;

	for (u8 i = 0; i < r->config.boxes; i++) {
		const struct role_peer *p = &r->peer[i];
		struct order other = order_of_standby(p->box, p->hb.flags, p->hb.role);

		if (!role_twin_alive(r, p, now) || p->hb.role > ROLE_STANDBY)
			continue;
		if (order_before(&other, &own))
			wait += p->hb.role == ROLE_STARTING ? role_listening(r)
							    : 2 * role_interval(r);
	}
	return wait;
}

static void role_take_over(struct role *r, u64 now)
{
	r->counts.takeovers++;
	r->vetoed = false;
	role_activate(r, role_next_term(r), now);
}

static void judge_start(struct role *r, const struct rival *rival, u64 now)
{
	if (rival->box) {
		role_why(r, "%s is active", rival->box->name);
		role_stand_by(r, rival->box->number, now);
	} else if (!role_past(r, r->listens, now) || !role_past(r, r->blind, now)) {
		return;
	} else if (role_courtesy(r, now) || !(r->flags & ROLE_PORTS_OK)) {
		role_why(r, "started; nobody is active yet");
		role_stand_by(r, 0, now);
	} else {
		role_why(r, "started, and nobody was active");
		role_take_over(r, now);
	}
}

/* The last active is silent, or has said itself that it isn't any more: then two intervals on. */
static u64 role_vacancy(struct role *r, u64 now)
{
	const struct role_peer *last = role_peer_of(r, r->active);

	if (!last || last->box == r->self)
		return role_window(r);
	if (!role_twin_alive(r, last, now) || last->hb.role == ROLE_LEAVING)
		return 0;
	return 2 * role_interval(r);
}

static void role_tell_takeover(struct role *r, u64 now)
{
	const struct role_peer *last = role_peer_of(r, r->active);

	if (last && last->heard && !role_is_alive(r, last, now))
		role_why(r, "%s was silent for %llu ms", last->box->name,
			 (unsigned long long)((now - last->heard) / 1000));
	else if (last && last->box != r->self)
		role_why(r, "%s is not active any more", last->box->name);
	else
		role_why(r, "nobody was active");
}

static void role_hold_back(struct role *r, const struct rival *rival)
{
	if (!r->vetoed)
		r->counts.vetoed++;
	r->vetoed = true;
	r->active = rival->box->number;
	role_wait(r, "%s hears that %s is active: it is we who don't", rival->by->name,
		  rival->box->name);
}

static void judge_standby(struct role *r, const struct rival *rival, u64 now)
{
	struct rival direct = role_rival(r, false, now);

	if (direct.box) {
		r->active = direct.box->number;
		r->vacant = 0;
		r->vetoed = false;
		role_wait(r, "%s", "");
		return;
	}
	if (!r->vacant)
		r->vacant = now;
	if (!role_past(r, r->blind, now) ||
	    !role_past(r, r->vacant + role_vacancy(r, now) + role_courtesy(r, now), now))
		return;
	if (!(r->flags & ROLE_PORTS_OK)) {
		role_wait(r, "nobody is active, but a port of ours has no carrier");
	} else if (rival->box && rival->flags & ROLE_PORTS_OK) {
		role_hold_back(r, rival);
	} else {
		role_tell_takeover(r, now);
		role_take_over(r, now);
	}
}

/* Rules 3, 4 and 6: handovers */

static const struct role_peer *role_best_standby(struct role *r, u32 pair, u64 now)
{
	const struct role_peer *best = NULL;

	for (u8 i = 0; i < r->config.boxes; i++) {
		const struct role_peer *p = &r->peer[i];
		struct order a, b;

		if (!role_twin_alive(r, p, now) || p->hb.role != ROLE_STANDBY)
			continue;
		if (pair && p->box->pair != pair)
			continue;
		if (best) {
			a = order_of_standby(best->box, best->hb.flags, best->hb.role);
			b = order_of_standby(p->box, p->hb.flags, p->hb.role);
		}
		if (!best || order_before(&b, &a))
			best = p;
	}
	return best;
}

int role_offer(struct role *r, bool equal, u32 pair, const char *why, u64 now)
{
	const struct role_peer *to = role_best_standby(r, pair, now);

	if (!to)
		return -ENOTCONN;
	if (!flag_is_set(to, ROLE_PORTS_OK))
		return -ENETDOWN;
	if (equal && !flag_is_set(to, ROLE_EQUAL))
		return -EAGAIN;
	r->offer = (struct role_offer){.to = to->box->number, .term = role_next_term(r),
				       .until = now + ROLE_PATIENCE_US};
	r->sends = now;
	role_say(r, "hands over to %s: %s", to->box->name, why);
	r->ops.handover(r->ops.user, r->offer.to, r->offer.term);
	return 0;
}

/* The HANDOVER may still come: it must then be older than what its receiver knows. */
static void role_call_off(struct role *r, u64 now)
{
	u32 term = r->offer.term + 1;

	role_say(r, "%s did not answer: the handover is called off", role_name(r, r->offer.to));
	r->offer = (struct role_offer){0};
	r->retry = now + ((u64)ROLE_RETRY_US << r->failures);
	if (r->failures < ROLE_FAILURES)
		r->failures++;
	r->counts.called_off++;
	r->ops.handover(r->ops.user, 0, 0);
	role_become(r, ROLE_ACTIVE, term, now);
}

void role_handover(struct role *r, u32 box, u32 term, u64 now)
{
	struct role_peer *from = role_peer_of(r, box);

	if (r->config.external || r->state != ROLE_STANDBY || term <= r->known)
		return;
	if (!from || !role_is_twin(r, from->box) || !(r->flags & ROLE_PORTS_OK))
		return;
	r->counts.handovers++;
	r->taken = (struct role_offer){.to = box, .term = term, .until = now + ROLE_PATIENCE_US};
	role_why(r, "%s handed over to us", from->box->name);
	role_activate(r, term, now);
}

/* Rule 4: a standby that has been the better one for the hold time. */
static bool role_preempted(struct role *r, u64 now)
{
	bool due = false;

	for (u8 i = 0; i < r->config.boxes; i++) {
		struct role_peer *p = &r->peer[i];

		if (!role_twin_alive(r, p, now) || p->hb.role != ROLE_STANDBY ||
		    !flag_is_set(p, ROLE_PREEMPT) || !flag_is_set(p, ROLE_EQUAL) ||
		    !flag_is_set(p, ROLE_PORTS_OK) || p->box->priority <= r->self->priority) {
			p->better = 0;
			continue;
		}
		if (!p->better)
			p->better = now;
		due |= role_past(r, p->better + r->config.preempt_hold_us, now);
	}
	return due;
}

/* Rule 6: the pair the other side is on, where that side changed last; 0: nothing to follow. */
static u32 role_leading_pair(struct role *r, u64 now)
{
	const struct role_peer *lead = NULL;

	for (u8 i = 0; i < r->config.boxes; i++) {
		const struct role_peer *p = &r->peer[i];

		if (role_partner_alive(r, p, now) && p->hb.role == ROLE_ACTIVE &&
		    (!lead || p->hb.term > lead->hb.term))
			lead = p;
	}
	if (!lead || lead->box->pair == r->self->pair || lead->hb.term < r->term)
		return 0;
	if (lead->hb.term == r->term && lead->box->side > r->self->side)
		return 0;
	return lead->box->pair;
}

static bool role_is_astray(struct role *r, u32 *pair, u64 now)
{
	*pair = r->config.follow_partner ? role_leading_pair(r, now) : 0;
	if (!*pair) {
		r->astray = 0;
		return false;
	}
	if (!r->astray)
		r->astray = now;
	return role_past(r, r->astray + 2 * role_interval(r), now);
}

static void role_try(struct role *r, bool equal, u32 pair, const char *why, u64 now)
{
	static const char *const hindered[] = {"no standby is heard", "it is not equal",
					       "a port of its own has no carrier"};
	int error;

	if (!role_past(r, r->retry, now))
		return;
	error = role_offer(r, equal, pair, why, now);
	if (error)
		role_wait(r, "%s, but the standby can't take over: %s", why,
			  hindered[error == -EAGAIN ? 1 : error == -ENETDOWN ? 2 : 0]);
	else
		role_wait(r, "%s", "");
}

static void judge_handover(struct role *r, u64 now)
{
	bool preempted = role_preempted(r, now);
	u32 pair;
	bool astray = role_is_astray(r, &pair, now);

	if (r->offer.to) {
		if (role_past(r, r->offer.until, now))
			role_call_off(r, now);
	} else if (!(r->flags & ROLE_PORTS_OK)) {
		role_try(r, false, 0, "a port of ours has no carrier", now);
	} else if (astray) {
		role_try(r, true, pair, "the partner is on another pair", now);
	} else if (preempted) {
		role_try(r, true, 0, "a standby with the higher priority is equal", now);
	} else {
		role_wait(r, "%s", "");
	}
}

/* Rule 5 */

static void role_give_way(struct role *r, const struct rival *rival, u64 now)
{
	if (r->offer.to == rival->box->number) {
		r->counts.handovers++;
		role_why(r, "handed over to %s", rival->box->name);
	} else {
		r->counts.gave_way++;
		role_why(r, "%s is active, too, and stays", rival->box->name);
	}
	role_stand_by(r, rival->box->number, now);
}

static bool role_yields(const struct role *r, const struct rival *rival)
{
	struct order own = order_of_active(r->self, r->flags, r->term);
	struct order other = order_of_active(rival->box, rival->flags, rival->term);

	if (r->offer.to == rival->box->number && rival->term >= r->offer.term)
		return true;
	return order_before(&other, &own);
}

static void role_raise(struct role *r, const char *why, u64 now)
{
	role_why(r, "%s", why);
	role_become(r, ROLE_ACTIVE, r->known + 1, now);
}

static void judge_active(struct role *r, const struct rival *rival, u64 now)
{
	if (rival->box && role_yields(r, rival)) {
		role_give_way(r, rival, now);
		return;
	}
	if (rival->box && rival->term >= r->term) {
		role_say(r, "%s is active, too: we stay", rival->box->name);
		role_raise(r, "another was active, too; we stayed", now);
	} else if (rival->box || r->known <= r->term) {
		r->outranked = 0;
	} else if (!r->outranked) {
		r->outranked = now;
		(void)role_past(r, now + role_window(r), now);
	} else if (role_past(r, r->outranked + role_window(r), now)) {
		role_raise(r, "nobody speaks for the higher term that was heard of", now);
	}
	judge_handover(r, now);
}

/* Rule 7 */
static void judge_external(struct role *r, const struct rival *rival)
{
	if (r->state == ROLE_STARTING)
		return;
	if (r->state != ROLE_ACTIVE)
		r->active = rival->box ? rival->box->number : 0;
	if (r->state == ROLE_ACTIVE && rival->box)
		role_wait(r, "%s is active, too; the role is decided elsewhere", rival->box->name);
	else
		role_wait(r, "%s", "");
}

void role_judge(struct role *r, u64 now)
{
	struct rival rival = role_rival(r, true, now);

	role_witness(r, &rival, now);
	if (r->config.external)
		judge_external(r, &rival);
	else if (r->state == ROLE_STARTING)
		judge_start(r, &rival, now);
	else if (r->state == ROLE_STANDBY)
		judge_standby(r, &rival, now);
	else if (r->state == ROLE_ACTIVE)
		judge_active(r, &rival, now);
}
