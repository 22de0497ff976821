/* SPDX-License-Identifier: ISC */
/* links: sandwich/run/farm.c sandwich/run/farm_drain.c sandwich/run/sweeper.c */
/* links: sandwich/run/walker.c */
/* links: sandwich/run/settings.c sandwich/slowpath/memory.c conf/address.c */
/* links: conf/check-addresses.c conf/check-devices.c conf/check-tunnels.c */
/* links: conf/check.c conf/keys.c conf/lines.c */
/* links: conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c */
/* links: conf/units.c conf/values.c */
/* links: sandwich/run/farm_twin.c */
/* A standby's farm is as the active twin says, and goes on from there when it is on duty. */
#include "tests/unit/farm_rig.h"

#include "sandwich/run/farm_twin.h"

static const struct farm_word word_up = {.fit = true, .partner_fit = true, .up = true,
					 .pick = true};

static void tell_all(struct rig *r, struct farm_word word)
{
	for (guint i = 0; i < r->config->devices->len; i++)
		farm_told(r->farm, (u8)(i + 1), &word, r->now);
}

struct said {
	const char *name;
	struct farm_word word;
	enum farm_state state;
	bool up, pick;
};

static void states_are_as_told(void **state)
{
	static const struct said cases[] = {
		{"up", {true, true, true, true, 0, 1, 0}, FARM_UP, true, true},
		{"draining", {true, true, true, false, ADMIN_DRAINING, 2, 60000}, FARM_DRAINING,
		 true, false},
		{"down", {false, true, false, false, 0, 3, 0}, FARM_DOWN, false, false},
		{"disabled", {true, true, false, false, ADMIN_DISABLED, 4, 0}, FARM_DISABLED, false,
		 false},
	};
	struct farm_word out;
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	farm_follow(r.farm, true, r.now);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		farm_told(r.farm, 2, &cases[i].word, r.now);
		if (device(&r, 2)->state != cases[i].state)
			fail_msg("%s: %s", cases[i].name, farm_state_name(device(&r, 2)->state));
		assert_int_equal(is_up(&r, 2), cases[i].up);
		assert_int_equal(is_picked(&r, 2), cases[i].pick);
		farm_tell(r.farm, 2, &out, r.now);
		assert_memory_equal(&out, &cases[i].word, sizeof(out));
	}
	rig_close(&r);
}

/* Our own detectors are not asked, and nothing is swept. */
static void a_standby_judges_nobody(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	farm_follow(r.farm, true, r.now);
	fit(&r, 1, true);
	run(&r);
	farm_tick(r.farm, r.now);
	assert_false(is_up(&r, 1));
	tell_all(&r, word_up);
	fit(&r, 1, false);
	farm_tick(r.farm, r.now);
	assert_true(is_up(&r, 1));
	assert_int_equal(sweeps(&r), 0);
	rig_close(&r);
}

/* Nothing moves by the takeover itself; what our detectors find afterwards holds. */
static void on_duty_it_goes_on(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	farm_follow(r.farm, true, r.now);
	tell_all(&r, word_up);
	converse(&r);
	farm_follow(r.farm, false, r.now);
	run(&r);
	for (u8 id = 1; id <= 3; id++)
		assert_true(is_up(&r, id) && is_picked(&r, id));
	none_moves(&r, FLOWS);
	fit(&r, 2, false);
	assert_false(is_up(&r, 2));
	assert_true(is_up(&r, 1) && is_up(&r, 3));
	rig_close(&r);
}

/* Who is active is told nothing. */
static void the_active_one_is_told_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	farm_told(r.farm, 1, &(struct farm_word){.fit = false}, r.now);
	assert_true(is_up(&r, 1));
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_are_as_told),
		cmocka_unit_test(a_standby_judges_nobody),
		cmocka_unit_test(on_duty_it_goes_on),
		cmocka_unit_test(the_active_one_is_told_nothing),
	};

	g_log_set_writer_func(quiet, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
