/* SPDX-License-Identifier: ISC */
/* links: tests/packets/rig.c tests/packets/world.c tests/packets/frame.c */
/* links: sandwich/slowpath/memory.c */
/* A device that went and came back: what it may call to itself, and who is believed meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/packets/rig.h"

#define CLIENT "198.51.100.7"

static void down(struct rig *r, u8 id)
{
	r->now += 100;
	world_set(r->t, id, false, false);
}

/* Comes back: swept first, as the farm does. */
static void back(struct rig *r, u8 id)
{
	r->now += 100;
	world_sweep(r->t, id, true, r->now);
	r->now += 10;
	r->t->devices[id].since = r->now;
	world_set(r->t, id, true, true);
	r->now += 10;
}

/* A UDP conversation of CLIENT with RIG_SERVER, both ways; returns its device. */
static u8 talk(struct rig *r, u16 port)
{
	u8 id;

	rig_inward(r, "v4 " CLIENT ">" RIG_SERVER " udp %u>80", port);
	id = r->w.device;
	rig_outward(r, id, "v4 " RIG_SERVER ">" CLIENT " udp 80>%u", port);
	return id;
}

static int return_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	rig_open(r, SIDE_INGRESS, AFFINITY_PAIR);
	*state = r;
	return 0;
}

static int egress_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	rig_open(r, SIDE_EGRESS, AFFINITY_CLIENT);
	r->cfg->learn_hosts = true;
	*state = r;
	return 0;
}

static int return_teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

/* Nothing was heard of it since its device is back: a frame from elsewhere is believed, and no
 * asymmetry. */
static void test_stale_record(void **state)
{
	struct rig *r = *state;
	u8 home = talk(r, 1000), other = home % 3 + 1;

	down(r, home);
	back(r, home);
	rig_outward(r, other, "v4 " RIG_SERVER ">" CLIENT " udp 80>1000");
	assert_int_equal(rig_counter(r, COUNTER_ASYMMETRIC_FLOWS), 0);
	assert_int_equal(rig_session(r)->device, other);
}

/* Its own device has spoken since: the same frame shows two devices. */
static void test_confirmed_record(void **state)
{
	struct rig *r = *state;
	u8 home = talk(r, 1000), other = home % 3 + 1;

	down(r, home);
	back(r, home);
	rig_outward(r, home, "v4 " RIG_SERVER ">" CLIENT " udp 80>1000");
	r->t->devices[home].heard = r->now;
	rig_session(r)->created = r->now; /* and it did not begin before */
	rig_outward(r, other, "v4 " RIG_SERVER ">" CLIENT " udp 80>1000");
	assert_int_equal(rig_counter(r, COUNTER_ASYMMETRIC_FLOWS), 1);
}

/* Frames toward a device that is back do not vouch for it; those from it do. */
static void test_who_vouches(void **state)
{
	struct rig *r = *state;
	u8 home = talk(r, 1000);
	u32 seen = rig_session(r)->seen;

	down(r, home);
	back(r, home);
	rig_inward(r, "v4 " CLIENT ">" RIG_SERVER " udp 1000>80");
	assert_int_equal(r->w.device, home);
	assert_int_equal(rig_session(r)->seen, seen);
	rig_outward(r, home, "v4 " RIG_SERVER ">" CLIENT " udp 80>1000");
	assert_int_equal(rig_session(r)->seen, r->now);
}

/* One conversation fled, one slept on the dead device. The first is not called back by the second.
 */
static void test_left_behind(void **state)
{
	struct rig *r = *state;
	u8 home = talk(r, 1000), refuge;

	talk(r, 2000); /* sleeps */
	down(r, home);
	refuge = talk(r, 1000);
	assert_int_not_equal(refuge, home);
	back(r, home);
	assert_int_equal(talk(r, 1000), refuge);
	rig_outward(r, home, "v4 " RIG_SERVER ">" CLIENT " udp 80>2000"); /* home kept it */
	assert_int_equal(rig_counter(r, COUNTER_ASYMMETRIC_FLOWS), 0);
	assert_int_equal(talk(r, 1000), refuge);
	assert_int_equal(rig_pin(r)->device, refuge);
}

/* What slept on a device that is down is not pinned to it by a change that concerns others. */
static void test_sleeper_is_not_pinned(void **state)
{
	struct rig *r = *state;
	u8 home = talk(r, 1000), other = home % 3 + 1;

	down(r, home);
	down(r, other);
	back(r, other);
	assert_null(rig_pin(r));
}

/* A pin of before the return does not move what settled elsewhere between the sweep and the flip.
 */
static void test_revived_pin(void **state)
{
	struct rig *r = *state;
	u8 hashed, pinned, refuge;

	rig_inward(r, "v4 " CLIENT ">" RIG_SERVER " udp 1>1");
	hashed = r->w.device;
	pinned = hashed % 3 + 1;
	r->now += 40000; /* that one is over */
	rig_outward(r, pinned, "v4 " RIG_SERVER ">" CLIENT " udp 80>1000");
	assert_int_equal(rig_pin(r)->device, pinned);
	down(r, pinned);
	refuge = talk(r, 3000);
	r->now += 10;
	r->t->devices[pinned].since = r->now; /* flipped without a sweep after that */
	world_set(r->t, pinned, true, true);
	assert_int_equal(talk(r, 3000), refuge);
	assert_int_equal(rig_pin(r)->device, refuge);
}

/* What moves when its device dies is marked if another is bound to refuse it, by what it is. */
static void test_who_is_refused(void **state)
{
	static const struct {
		const char *open, *answer, *then;
		u8 state;
	} cases[] = {
		{"udp 1>80", "udp 80>1", "udp 1>80", SESSION_ESTABLISHED},
		{"icmp type=8 id=4", "icmp type=0 id=4", "icmp type=8 id=4", SESSION_ESTABLISHED},
		{"tcp 1>80 flags=S", "tcp 80>1 flags=SA", "tcp 1>80 flags=A", SESSION_MOVED},
		{"esp", "esp", "esp", SESSION_MOVED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rig r;

		rig_open(&r, SIDE_INGRESS, AFFINITY_PAIR);
		rig_inward(&r, "v4 " CLIENT ">" RIG_SERVER " %s", cases[i].open);
		rig_outward(&r, r.w.device, "v4 " RIG_SERVER ">" CLIENT " %s", cases[i].answer);
		down(&r, r.w.device);
		rig_inward(&r, "v4 " CLIENT ">" RIG_SERVER " %s", cases[i].then);
		assert_int_equal(session_state(rig_session(&r)->state), cases[i].state);
		rig_close(&r);
	}
}

/* A tunnel's datagrams are refused too: what goes to the cluster address. */
static void test_tunnels_are_refused(void **state)
{
	struct rig *r = *state;

	world_local(r->t, RIG_SERVER, LOCAL_CLUSTER);
	down(r, talk(r, 4500));
	rig_inward(r, "v4 " CLIENT ">" RIG_SERVER " udp 4500>80");
	assert_int_equal(session_state(rig_session(r)->state), SESSION_MOVED);
}

/* The inside asks a host whose gateway nobody knows yet: the host's answer says it, and is no
 * asymmetry. */
static void test_guess(void **state)
{
	struct rig *r = *state;
	u8 guess, gateway;

	rig_inward(r, "v4 10.9.0.1>10.66.0.1 udp 5>6");
	guess = r->w.device;
	gateway = guess % 3 + 1;
	r->t->devices[guess].heard = r->now;
	rig_outward(r, gateway, "v4 10.66.0.1>10.9.0.1 udp 6>5");
	assert_int_equal(rig_counter(r, COUNTER_ASYMMETRIC_FLOWS), 0);
	rig_inward(r, "v4 10.9.0.1>10.66.0.1 udp 5>6");
	assert_int_equal(r->w.device, gateway);
	/* and a sweep does not pin what is only guessed */
	rig_inward(r, "v4 10.9.0.1>10.66.0.99 udp 5>6");
	down(r, r->w.device % 3 + 1);
	back(r, r->w.device % 3 + 1);
	assert_null(rig_pin(r));
}

/* An answer from where the inside's question went binds nobody: it may be any server, behind NAT.
 */
static void test_answers_bind_nobody(void **state)
{
	struct rig *r = *state;

	rig_inward(r, "v4 10.9.0.1>8.8.8.8 udp 5>53");
	rig_outward(r, r->w.device, "v4 8.8.8.8>10.9.0.1 udp 53>5");
	assert_null(rig_pin(r));
	assert_int_equal(rig_counter(r, COUNTER_LEARNED_HOSTS), 0);
}

/* But it corrects a binding whose device is gone, or that would call the host back later. */
static void test_answer_corrects_a_binding(void **state)
{
	struct rig *r = *state;
	u8 refuge;

	rig_outward(r, 2, "v4 10.66.0.1>10.9.0.1 udp 6>5");
	assert_int_equal(rig_pin(r)->state, PIN_HOST);
	down(r, 2);
	rig_inward(r, "v4 10.9.0.1>10.66.0.1 tcp 7>22 flags=S");
	refuge = r->w.device;
	rig_outward(r, refuge, "v4 10.66.0.1>10.9.0.1 tcp 22>7 flags=SA");
	assert_int_equal(rig_pin(r)->device, refuge);
	assert_int_equal(rig_pin(r)->state, PIN_HOST);
}

/* After a day a return is forgotten, long before the clock's differences come round. */
static void test_a_day_later(void **state)
{
	struct rig *r = *state;

	r->t->devices[1].since = r->now;
	r->now += DEVICE_SINCE_MS;
	rig_outward(r, 1, "v4 " RIG_SERVER ">" CLIENT " udp 1>2");
	assert_int_not_equal(r->t->devices[1].since, 0);
	r->now += 1;
	rig_outward(r, 1, "v4 " RIG_SERVER ">" CLIENT " udp 1>2");
	assert_int_equal(r->t->devices[1].since, 0);
}

#define RETURN_TEST(f) cmocka_unit_test_setup_teardown(f, return_setup, return_teardown)
#define EGRESS_TEST(f) cmocka_unit_test_setup_teardown(f, egress_setup, return_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RETURN_TEST(test_stale_record),
		RETURN_TEST(test_confirmed_record),
		RETURN_TEST(test_who_vouches),
		RETURN_TEST(test_left_behind),
		RETURN_TEST(test_sleeper_is_not_pinned),
		RETURN_TEST(test_revived_pin),
		cmocka_unit_test(test_who_is_refused),
		RETURN_TEST(test_tunnels_are_refused),
		EGRESS_TEST(test_guess),
		EGRESS_TEST(test_answers_bind_nobody),
		EGRESS_TEST(test_answer_corrects_a_binding),
		RETURN_TEST(test_a_day_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
