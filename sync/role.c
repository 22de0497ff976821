/* SPDX-License-Identifier: ISC */
/* Words in, heartbeats out, and time. What follows from them is decided in role_rules.c. */
#include "sync/role_state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool config_is_sound(const struct role_config *c)
{
	if (!c->boxes || c->boxes > ROLE_BOXES || c->self >= c->boxes)
		return false;
	for (u8 i = 0; i < c->boxes; i++) {
		if (!c->box[i].number || !c->box[i].name)
			return false;
		for (u8 j = 0; j < i; j++)
			if (c->box[i].number == c->box[j].number)
				return false;
	}
	return c->interval_us && c->count;
}

int role_new(struct role **out, const struct role_config *config, const struct role_ops *ops,
	     u64 now)
{
	struct role *r;

	if (!config_is_sound(config))
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->config = *config;
	r->ops = *ops;
	r->self = &r->config.box[config->self];
	for (u8 i = 0; i < config->boxes; i++)
		r->peer[i].box = &r->config.box[i];
	r->flags = ROLE_PORTS_OK | (config->preempt ? ROLE_PREEMPT : 0) |
		   (config->external ? ROLE_EXTERNAL : 0);
	r->since = r->sends = r->due = now;
	r->listens = now + role_listening(r);
	role_why(r, "starts: listens whether a box is active");
	*out = r;
	return 0;
}

void role_free(struct role *r)
{
	free(r);
}

struct role_peer *role_peer_of(struct role *r, u32 number)
{
	for (u8 i = 0; i < r->config.boxes; i++)
		if (r->peer[i].box->number == number)
			return &r->peer[i];
	return NULL;
}

const char *role_name(struct role *r, u32 number)
{
	const struct role_peer *p = role_peer_of(r, number);

	return p ? p->box->name : "nobody";
}

static void __attribute__((format(printf, 2, 0)))
role_format(char text[ROLE_WHY_SIZE], const char *format, va_list args)
{
	vsnprintf(text, ROLE_WHY_SIZE, format, args);
}

void role_say(struct role *r, const char *format, ...)
{
	char text[ROLE_WHY_SIZE];
	va_list args;

	va_start(args, format);
	role_format(text, format, args);
	va_end(args);
	r->ops.say(r->ops.user, text);
}

void role_why(struct role *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	role_format(r->why, format, args);
	va_end(args);
}

void role_wait(struct role *r, const char *format, ...)
{
	char text[ROLE_WHY_SIZE];
	va_list args;

	va_start(args, format);
	role_format(text, format, args);
	va_end(args);
	if (!strcmp(text, r->waits))
		return;
	memcpy(r->waits, text, sizeof(text));
	if (*text)
		r->ops.say(r->ops.user, text);
}

void role_become(struct role *r, enum role_state state, u32 term, u64 now)
{
	if (state != r->state)
		r->since = now;
	r->state = state;
	r->sends = now; /* the others know at once */
	r->waits[0] = 0;
	r->vacant = r->outranked = r->astray = 0;
	if (state == ROLE_ACTIVE) {
		r->term = term;
		r->active = r->self->number;
	}
	if (term > r->known)
		r->known = term;
	r->ops.became(r->ops.user, state, term, r->why);
}

/* Time */

/* What was silent already stays so; the others are left the time to be read. */
static void peer_late(const struct role *r, struct role_peer *p, u64 late, u64 now)
{
	u64 leave = now + 2 * role_interval(r) - role_window(r);

	if (!role_is_alive(r, p, now - late))
		return;
	p->heard += late;
	if (p->heard < leave)
		p->heard = leave;
	if (p->heard > now)
		p->heard = now;
}

static void moment_late(u64 *moment, u64 late)
{
	if (*moment)
		*moment += late;
}

/* Our own loop stood still: that was nobody's silence. */
static void role_late(struct role *r, u64 now)
{
	u64 late = now > r->due ? now - r->due : 0;

	if (late <= role_interval(r) / 2)
		return;
	r->due = now;
	r->blind = now + 2 * role_interval(r);
	r->counts.late++;
	for (u8 i = 0; i < r->config.boxes; i++)
		peer_late(r, &r->peer[i], late, now);
	r->listens += late;
	moment_late(&r->vacant, late);
	moment_late(&r->witnessed, late);
	moment_late(&r->outranked, late);
}

/* In */

static void role_learn(u32 *highest, u32 term)
{
	if (term > *highest)
		*highest = term;
}

static void role_learn_votes(struct role *r, const struct role_heartbeat *hb)
{
	for (u16 i = 0; i < hb->votes && i < ROLE_VOTES; i++) {
		const struct role_peer *about = role_peer_of(r, hb->vote[i].box);

		if (about && about->box->side == r->self->side)
			role_learn(&r->known, hb->vote[i].term);
	}
}

static bool peer_knows_better(const struct role_peer *p, u64 incarnation, u64 sent)
{
	if (incarnation != p->incarnation)
		return incarnation < p->incarnation;
	return p->heard && sent <= p->hb.sent_us;
}

void role_input(struct role *r, u32 box, u64 incarnation, const struct role_heartbeat *hb, u64 now)
{
	struct role_peer *p = role_peer_of(r, box);

	role_late(r, now);
	if (!p || p->box == r->self || peer_knows_better(p, incarnation, hb->sent_us))
		return;
	p->incarnation = incarnation;
	p->hb = *hb;
	p->heard = now;
	p->told = false;
	if (role_is_twin(r, p->box)) {
		role_learn(&r->known, hb->term);
	} else {
		role_learn(&r->theirs, hb->term);
		role_learn_votes(r, hb);
	}
}

void role_seen(struct role *r, u32 box, u64 now)
{
	struct role_peer *p = role_peer_of(r, box);

	role_late(r, now);
	if (!p || !p->heard)
		return; /* what it is must be known first */
	p->heard = now;
	p->told = false;
}

void role_set(struct role *r, u8 flag, bool on, u64 now)
{
	u8 may = flag & (ROLE_PORTS_OK | ROLE_EQUAL);
	u8 flags = on ? r->flags | may : r->flags & (u8)~may;

	if (flags == r->flags)
		return;
	r->flags = flags;
	r->sends = now;
}

/* Out */

static void role_vote(const struct role_peer *p, struct role_vote *out, u64 now)
{
	u64 silent = (now - p->heard) / 1000;

	out->box = p->box->number;
	out->silent_ms = ROLE_NEVER_MS;
	if (p->heard && silent < ROLE_NEVER_MS)
		out->silent_ms = (u16)silent;
	out->role = p->hb.role;
	out->flags = p->hb.flags;
	out->term = p->hb.term;
}

static void role_vote_all(const struct role *r, struct role_heartbeat *hb, u64 now)
{
	for (u8 i = 0; i < r->config.boxes && hb->votes < ROLE_VOTES; i++) {
		const struct role_peer *p = &r->peer[i];

		if (p->box->side != r->self->side && p->incarnation)
			role_vote(p, &hb->vote[hb->votes++], now);
	}
}

static void role_send(struct role *r, u64 now)
{
	struct role_heartbeat hb = {
		.role = (u8)r->state,
		.flags = r->flags | (r->offer.to ? ROLE_HANDS_OVER : 0),
		.priority = r->self->priority,
		.term = r->state == ROLE_ACTIVE ? r->term : r->known,
		.active = r->active,
	};
	const struct role_peer *active = role_peer_of(r, r->active);

	if (active)
		hb.pair = active->box->pair;
	hb.sent_us = r->stamp = now > r->stamp ? now : r->stamp + 1;
	role_vote_all(r, &hb, now);
	r->ops.heartbeat(r->ops.user, &hb);
}

/* An active of the other side has been silent for as long as our vote holds it alive: told now. */
static void role_tell_silence(struct role *r, u64 now)
{
	u64 held = role_interval(r) * r->config.count;

	for (u8 i = 0; i < r->config.boxes; i++) {
		struct role_peer *p = &r->peer[i];

		if (p->told || !p->heard || p->box->side == r->self->side)
			continue;
		if (p->hb.role != ROLE_ACTIVE || !role_past(r, p->heard + held, now))
			continue;
		p->told = true;
		r->sends = now;
	}
}

static void role_beat(struct role *r, u64 now)
{
	role_tell_silence(r, now);
	if (!role_past(r, r->sends, now))
		return;
	role_send(r, now);
	r->sends += role_interval(r);
	if (r->sends <= now)
		r->sends = now + role_interval(r);
	(void)role_past(r, r->sends, now);
}

u64 role_tick(struct role *r, u64 now)
{
	role_late(r, now);
	r->next = UINT64_MAX;
	role_judge(r, now);
	role_beat(r, now);
	r->due = r->next;
	return r->due;
}

/* On somebody's word */

void role_leave(struct role *r, u64 now)
{
	role_why(r, "stops");
	r->active = 0;
	role_become(r, ROLE_LEAVING, r->known, now);
}

int role_set_external(struct role *r, bool active, u64 now)
{
	enum role_state state = active ? ROLE_ACTIVE : ROLE_STANDBY;

	if (!r->config.external)
		return -EINVAL;
	if (state == r->state)
		return 0;
	role_why(r, "told so from outside");
	if (!active)
		r->active = 0;
	role_become(r, state, active ? r->known + 1 : r->known, now);
	if (active)
		r->ops.announce(r->ops.user);
	return 0;
}

int role_failover(struct role *r, enum role_cause cause, u64 now)
{
	if (r->config.external || r->state != ROLE_ACTIVE)
		return -EINVAL;
	if (r->offer.to)
		return -EALREADY;
	return role_offer(r, cause == ROLE_BY_OPERATOR, 0,
			  cause == ROLE_BY_STOP ? "we stop" : "the operator said so", now);
}
