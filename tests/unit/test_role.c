/* SPDX-License-Identifier: ISC */
/* links: sync/role.c sync/role_rules.c sync/role_look.c */
/* The rules of sync/PROTOCOL.md, section 6, one by one. We are box 2 of side 0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "sync/role.h"

#define MS	 1000u
#define INTERVAL (20 * MS)
#define WINDOW	 (65 * MS)
#define BEGIN	 1000000u

struct rig {
	struct role *role;
	struct role_config config;
	u64 now;
	enum role_state state;
	u32 term, beats, announced, offered_to, offered_term;
	struct role_heartbeat last, heard[5]; /* by number */
	u64 incarnation[5];
	bool mute[5];
};

static void became(void *user, enum role_state state, u32 term, const char *why)
{
	struct rig *r = user;

	assert_string_not_equal(why, "");
	r->state = state;
	r->term = term;
}

static void announce(void *user)
{
	((struct rig *)user)->announced++;
}

static void heartbeat(void *user, const struct role_heartbeat *hb)
{
	struct rig *r = user;

	assert_true(hb->sent_us > r->last.sent_us);
	r->last = *hb;
	r->beats++;
}

static void handover(void *user, u32 to, u32 term)
{
	struct rig *r = user;

	r->offered_to = to;
	r->offered_term = term;
}

static void say(void *user, const char *text)
{
	(void)user;
	assert_string_not_equal(text, "");
}

static void rig_configure(struct rig *r)
{
	*r = (struct rig){.now = BEGIN, .config = {
		.box = {{1, 0, 200, 1, "in-a"}, {2, 0, 100, 2, "in-b"},
			{3, 1, 200, 1, "out-a"}, {4, 1, 100, 2, "out-b"}},
		.boxes = 4, .self = 1, .interval_us = INTERVAL, .count = 3,
		.preempt_hold_us = 1000 * MS}};
	for (int i = 1; i < 5; i++) {
		r->mute[i] = true;
		r->incarnation[i] = 1;
		r->heard[i].flags = ROLE_PORTS_OK;
		r->heard[i].role = ROLE_STANDBY;
	}
}

static void rig_start(struct rig *r)
{
	const struct role_ops ops = {became, announce, heartbeat, handover, say, r};

	assert_int_equal(role_new(&r->role, &r->config, &ops, r->now), 0);
	(void)role_tick(r->role, r->now);
}

/* Time goes by in steps of a millisecond; who isn't mute speaks each interval. */
static void rig_run(struct rig *r, u64 us)
{
	for (u64 end = r->now + us; r->now < end;) {
		r->now += MS;
		for (u32 i = 1; i < 5; i++)
			if (!r->mute[i] && r->now % INTERVAL == 0) {
				r->heard[i].sent_us = r->now;
				role_input(r->role, i, r->incarnation[i], &r->heard[i], r->now);
			}
		(void)role_tick(r->role, r->now);
	}
}

static void rig_says(struct rig *r, u32 box, enum role_state role, u32 term)
{
	r->heard[box].role = (u8)role;
	r->heard[box].term = term;
	r->mute[box] = false;
}

/* BOX's vote about box 1. */
static void rig_votes(struct rig *r, u32 box, u16 silent_ms, u8 flags, u32 term)
{
	r->heard[box].votes = 1;
	r->heard[box].vote[0] = (struct role_vote){1, silent_ms, ROLE_ACTIVE, flags, term};
	r->mute[box] = false;
}

static void rig_standby(struct rig *r)
{
	rig_configure(r);
	rig_start(r);
	rig_says(r, 1, ROLE_ACTIVE, 5);
	rig_run(r, 200 * MS);
	assert_int_equal(r->state, ROLE_STANDBY);
}

static void rig_active(struct rig *r)
{
	rig_configure(r);
	r->config.preempt = false;
	rig_start(r);
	rig_run(r, 200 * MS);
	assert_int_equal(r->state, ROLE_ACTIVE);
	assert_int_equal(r->term, 1);
}

static void configurations(void **state)
{
	const struct role_ops ops = {0};
	struct role *role;
	struct rig r;

	(void)state;
	for (int broken = 0; broken < 6; broken++) {
		rig_configure(&r);
		switch (broken) {
		case 0:
			r.config.boxes = 0;
			break;
		case 1:
			r.config.self = 4;
			break;
		case 2:
			r.config.box[2].number = 1;
			break;
		case 3:
			r.config.box[2].number = 0;
			break;
		case 4:
			r.config.interval_us = 0;
			break;
		case 5:
			r.config.count = 0;
			break;
		}
		assert_int_equal(role_new(&role, &r.config, &ops, BEGIN), -EINVAL);
	}
}

static void starts(void **state)
{
	static const struct {
		int twin; /* its role, -1: it isn't there */
		bool voted;
		enum role_state becomes; /* when it has listened */
	} cases[] = {
		{-1, false, ROLE_ACTIVE},	    {ROLE_ACTIVE, false, ROLE_STANDBY},
		{ROLE_STARTING, false, ROLE_STANDBY}, {ROLE_STANDBY, false, ROLE_STANDBY},
		{ROLE_LEAVING, false, ROLE_ACTIVE}, {-1, true, ROLE_STANDBY},
	};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_configure(&r);
		rig_start(&r);
		if (cases[i].twin >= 0)
			rig_says(&r, 1, (enum role_state)cases[i].twin, 0);
		if (cases[i].voted)
			rig_votes(&r, 3, 4, ROLE_PORTS_OK, 7);
		rig_run(&r, 99 * MS);
		assert_int_not_equal(r.state, ROLE_ACTIVE); /* it listens */
		rig_run(&r, 1 * MS);
		assert_int_equal(r.state, cases[i].becomes);
		assert_int_equal(r.announced, r.state == ROLE_ACTIVE);
		role_free(r.role);
	}
}

/* A box that comes back learns from the partner how far its side's terms had come. */
static void learns_its_term(void **state)
{
	struct rig r;

	(void)state;
	rig_configure(&r);
	rig_start(&r);
	rig_votes(&r, 3, ROLE_NEVER_MS, 0, 41);
	rig_run(&r, 150 * MS);
	assert_int_equal(r.state, ROLE_ACTIVE);
	assert_int_equal(r.term, 42);
	assert_int_equal(r.last.term, 42);
	role_free(r.role);
}

static void takes_over(void **state)
{
	struct rig r;
	u64 silent;

	(void)state;
	rig_standby(&r);
	silent = r.now - r.now % INTERVAL;
	r.mute[1] = true;
	rig_run(&r, silent + WINDOW - 1 * MS - r.now);
	assert_int_equal(r.state, ROLE_STANDBY);
	rig_run(&r, 1 * MS);
	assert_int_equal(r.state, ROLE_ACTIVE);
	assert_int_equal(r.term, 6);
	assert_int_equal(r.announced, 1);
	assert_int_equal(r.last.role, ROLE_ACTIVE); /* said at once */
	role_free(r.role);
}

static void partner_has_a_vote(void **state)
{
	static const struct {
		u16 silent_ms;
		u8 flags;
		bool active;
	} cases[] = {
		{0, ROLE_PORTS_OK, false},  {59, ROLE_PORTS_OK, false},
		{60, ROLE_PORTS_OK, true},  {ROLE_NEVER_MS, ROLE_PORTS_OK, true},
		{0, 0, true}, /* it lives, but it is of no use */
	};
	struct role_view view;
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_standby(&r);
		rig_votes(&r, 3, cases[i].silent_ms, cases[i].flags, 5);
		rig_run(&r, 100 * MS);
		r.mute[1] = true;
		rig_run(&r, 2000 * MS);
		assert_int_equal(r.state == ROLE_ACTIVE, cases[i].active);
		role_look(r.role, &view, r.now);
		assert_int_equal(view.waits[0] != 0, !cases[i].active);
		assert_int_equal(view.counts.vetoed, !cases[i].active);
		r.mute[3] = true; /* with the partner its word goes */
		rig_run(&r, 100 * MS);
		assert_int_equal(r.state, ROLE_ACTIVE);
		role_free(r.role);
	}
}

static void stays_down_without_ports(void **state)
{
	struct rig r;

	(void)state;
	rig_standby(&r);
	role_set(r.role, ROLE_PORTS_OK, false, r.now);
	r.mute[1] = true;
	rig_run(&r, 500 * MS);
	assert_int_equal(r.state, ROLE_STANDBY);
	role_set(r.role, ROLE_PORTS_OK, true, r.now);
	rig_run(&r, 1 * MS);
	assert_int_equal(r.state, ROLE_ACTIVE);
	role_free(r.role);
}

/* Two that are active: which of them stays, and with which term. */
static void settles(void **state)
{
	static const struct {
		u8 flags;
		u32 term;
		bool voted; /* the partner says it */
		bool stays; /* we do */
		u32 ours;
	} cases[] = {
		{ROLE_PORTS_OK, 0, false, true, 1},
		{ROLE_PORTS_OK, 2, false, false, 0},
		{ROLE_PORTS_OK, 1, false, false, 0}, /* the higher priority */
		{0, 7, false, true, 8},
		{ROLE_PORTS_OK | ROLE_UNWITNESSED, 7, false, true, 8},
		{ROLE_PORTS_OK, 7, true, false, 0},
		{ROLE_PORTS_OK | ROLE_UNWITNESSED, 7, true, true, 8},
	};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_active(&r);
		r.mute[3] = false;
		rig_run(&r, 300 * MS); /* witnessed */
		assert_false(r.last.flags & ROLE_UNWITNESSED);
		if (cases[i].voted) {
			rig_votes(&r, 3, 1, cases[i].flags, cases[i].term);
		} else {
			r.heard[1].flags = cases[i].flags;
			rig_says(&r, 1, ROLE_ACTIVE, cases[i].term);
		}
		rig_run(&r, 40 * MS);
		assert_int_equal(r.state, cases[i].stays ? ROLE_ACTIVE : ROLE_STANDBY);
		if (cases[i].stays)
			assert_int_equal(r.term, cases[i].ours);
		role_free(r.role);
	}
}

static void failover_is_refused(void **state)
{
	struct rig r;

	(void)state;
	rig_standby(&r);
	assert_int_equal(role_failover(r.role, ROLE_BY_OPERATOR, r.now), -EINVAL);
	role_free(r.role);
	rig_active(&r);
	assert_int_equal(role_failover(r.role, ROLE_BY_OPERATOR, r.now), -ENOTCONN);
	rig_says(&r, 1, ROLE_STANDBY, 1);
	rig_run(&r, 40 * MS);
	assert_int_equal(role_failover(r.role, ROLE_BY_OPERATOR, r.now), -EAGAIN);
	r.heard[1].flags = ROLE_EQUAL;
	rig_run(&r, 40 * MS);
	assert_int_equal(role_failover(r.role, ROLE_BY_OPERATOR, r.now), -ENETDOWN);
	r.heard[1].flags = ROLE_PORTS_OK;
	rig_run(&r, 40 * MS);
	assert_int_equal(role_failover(r.role, ROLE_BY_STOP, r.now), 0);
	assert_int_equal(role_failover(r.role, ROLE_BY_STOP, r.now), -EALREADY);
	role_free(r.role);
}

static void hands_over(void **state)
{
	struct rig r;

	(void)state;
	rig_active(&r);
	r.heard[1].flags |= ROLE_EQUAL;
	rig_says(&r, 1, ROLE_STANDBY, 1);
	rig_run(&r, 40 * MS);
	assert_int_equal(role_failover(r.role, ROLE_BY_OPERATOR, r.now), 0);
	assert_int_equal(r.offered_to, 1);
	assert_int_equal(r.offered_term, 2);
	rig_run(&r, 40 * MS);
	assert_int_equal(r.state, ROLE_ACTIVE); /* until the other is */
	assert_true(r.last.flags & ROLE_HANDS_OVER);
	rig_says(&r, 1, ROLE_ACTIVE, 2);
	rig_run(&r, 20 * MS);
	assert_int_equal(r.state, ROLE_STANDBY);
	assert_int_equal(r.last.active, 1);
	role_free(r.role);
}

/* It is called off, and a term is then reached that makes a late HANDOVER an old one. */
static void calls_off(void **state)
{
	struct rig r;

	(void)state;
	rig_active(&r);
	r.heard[1].flags |= ROLE_EQUAL;
	rig_says(&r, 1, ROLE_STANDBY, 1);
	rig_run(&r, 40 * MS);
	assert_int_equal(role_failover(r.role, ROLE_BY_OPERATOR, r.now), 0);
	rig_run(&r, 499 * MS);
	assert_int_equal(r.offered_to, 1);
	rig_run(&r, 1 * MS);
	assert_int_equal(r.offered_to, 0);
	assert_int_equal(r.state, ROLE_ACTIVE);
	assert_int_equal(r.last.term, 3);
	assert_false(r.last.flags & ROLE_HANDS_OVER);
	role_free(r.role);
}

static void is_handed_over_to(void **state)
{
	static const struct {
		u32 box, term;
		bool taken;
	} cases[] = {{1, 6, true}, {1, 5, false}, {3, 6, false}, {9, 6, false}};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_standby(&r);
		role_handover(r.role, cases[i].box, cases[i].term, r.now);
		assert_int_equal(r.state == ROLE_ACTIVE, cases[i].taken);
		rig_run(&r, 100 * MS); /* the other still says that it is active */
		assert_int_equal(r.state == ROLE_ACTIVE, cases[i].taken);
		role_free(r.role);
	}
}

static void gives_way_without_ports(void **state)
{
	struct rig r;

	(void)state;
	rig_active(&r);
	rig_says(&r, 1, ROLE_STANDBY, 1); /* and not equal */
	rig_run(&r, 100 * MS);
	assert_int_equal(r.offered_to, 0);
	role_set(r.role, ROLE_PORTS_OK, false, r.now);
	(void)role_tick(r.role, r.now);
	assert_int_equal(r.offered_to, 1);
	role_free(r.role);
}

static void is_preempted(void **state)
{
	static const u8 wants[] = {ROLE_PORTS_OK | ROLE_PREEMPT, ROLE_PORTS_OK | ROLE_EQUAL,
				   ROLE_PREEMPT | ROLE_EQUAL};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(wants); i++) {
		rig_active(&r);
		r.heard[1].flags = wants[i];
		rig_says(&r, 1, ROLE_STANDBY, 1);
		rig_run(&r, 3000 * MS);
		assert_int_equal(r.offered_to, 0);
		r.heard[1].flags = ROLE_PORTS_OK | ROLE_PREEMPT | ROLE_EQUAL;
		rig_run(&r, 990 * MS); /* since when it's equal counts */
		assert_int_equal(r.offered_to, 0);
		rig_run(&r, 40 * MS);
		assert_int_equal(r.offered_to, 1);
		role_free(r.role);
	}
}

static void follows_the_partner(void **state)
{
	static const struct {
		u32 term; /* of the partner in the other pair */
		bool follows;
	} cases[] = {{0, false}, {1, false}, {2, true}};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_configure(&r);
		r.config.follow_partner = true;
		rig_start(&r);
		rig_run(&r, 200 * MS);
		assert_int_equal(r.term, 1);
		r.heard[1].flags |= ROLE_EQUAL;
		rig_says(&r, 1, ROLE_STANDBY, 1);
		rig_says(&r, 3, ROLE_ACTIVE, cases[i].term);
		rig_run(&r, 100 * MS);
		assert_int_equal(r.offered_to, cases[i].follows);
		if (cases[i].follows)
			assert_int_equal(r.offered_term, 3); /* above both sides' */
		role_free(r.role);
	}
}

static void external(void **state)
{
	struct rig r;

	(void)state;
	rig_active(&r);
	assert_int_equal(role_set_external(r.role, false, r.now), -EINVAL);
	role_free(r.role);
	rig_configure(&r);
	r.config.external = true;
	rig_start(&r);
	rig_run(&r, 500 * MS);
	assert_int_equal(r.state, ROLE_STARTING);
	assert_int_equal(role_set_external(r.role, true, r.now), 0);
	assert_int_equal(r.state, ROLE_ACTIVE);
	rig_says(&r, 1, ROLE_ACTIVE, 9);
	rig_run(&r, 200 * MS);
	assert_int_equal(r.state, ROLE_ACTIVE); /* it is told, not asked */
	assert_int_equal(role_set_external(r.role, false, r.now), 0);
	r.mute[1] = true;
	rig_run(&r, 500 * MS);
	assert_int_equal(r.state, ROLE_STANDBY);
	role_free(r.role);
}

/* Our own loop stood still for two seconds: the active is left the time to be heard. */
static void nobody_is_judged_while_late(void **state)
{
	struct role_view view;
	struct rig r;

	(void)state;
	rig_standby(&r);
	r.now += 2000 * MS;
	(void)role_tick(r.role, r.now);
	assert_int_equal(r.state, ROLE_STANDBY);
	r.mute[1] = true;
	rig_run(&r, 2 * INTERVAL - 1 * MS);
	assert_int_equal(r.state, ROLE_STANDBY);
	rig_run(&r, WINDOW);
	assert_int_equal(r.state, ROLE_ACTIVE);
	role_look(r.role, &view, r.now);
	assert_int_equal(view.counts.late, 1);
	role_free(r.role);
}

static void old_words_are_passed_over(void **state)
{
	struct role_heartbeat old;
	struct rig r;

	(void)state;
	rig_standby(&r);
	old = r.heard[1];
	old.sent_us -= INTERVAL;
	old.role = ROLE_LEAVING;
	role_input(r.role, 1, 1, &old, r.now);
	rig_run(&r, 1 * MS);
	assert_int_equal(r.state, ROLE_STANDBY);
	role_input(r.role, 1, 0, &old, r.now);
	rig_run(&r, 1 * MS);
	assert_int_equal(r.state, ROLE_STANDBY);
	role_input(r.role, 1, 2, &old, r.now); /* a new start has a clock of its own */
	rig_run(&r, 1 * MS);
	assert_int_equal(r.state, ROLE_ACTIVE);
	role_free(r.role);
}

static void votes_and_tells_silence_at_once(void **state)
{
	struct rig r;
	u32 beats;

	(void)state;
	rig_configure(&r);
	r.now += 7 * MS; /* our own beats fall between the partner's */
	rig_start(&r);
	rig_run(&r, 193 * MS);
	rig_says(&r, 3, ROLE_ACTIVE, 8);
	rig_run(&r, 100 * MS);
	assert_int_equal(r.last.votes, 1);
	assert_int_equal(r.last.vote[0].box, 3);
	assert_int_equal(r.last.vote[0].term, 8);
	assert_int_equal(r.last.vote[0].role, ROLE_ACTIVE);
	r.mute[3] = true;
	rig_run(&r, 59 * MS);
	beats = r.beats;
	rig_run(&r, 1 * MS);
	assert_int_equal(r.beats, beats + 1);
	assert_in_range(r.last.vote[0].silent_ms, 60, 61);
	role_free(r.role);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configurations),
		cmocka_unit_test(starts),
		cmocka_unit_test(learns_its_term),
		cmocka_unit_test(takes_over),
		cmocka_unit_test(partner_has_a_vote),
		cmocka_unit_test(stays_down_without_ports),
		cmocka_unit_test(settles),
		cmocka_unit_test(failover_is_refused),
		cmocka_unit_test(hands_over),
		cmocka_unit_test(calls_off),
		cmocka_unit_test(is_handed_over_to),
		cmocka_unit_test(gives_way_without_ports),
		cmocka_unit_test(is_preempted),
		cmocka_unit_test(follows_the_partner),
		cmocka_unit_test(external),
		cmocka_unit_test(nobody_is_judged_while_late),
		cmocka_unit_test(old_words_are_passed_over),
		cmocka_unit_test(votes_and_tells_silence_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
