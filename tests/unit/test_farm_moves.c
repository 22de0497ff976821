/* SPDX-License-Identifier: ISC */
/* links: sandwich/run/farm.c sandwich/run/farm_drain.c sandwich/run/sweeper.c */
/* links: sandwich/run/walker.c */
/* links: sandwich/run/settings.c sandwich/slowpath/memory.c conf/address.c */
/* links: conf/check-addresses.c conf/check-devices.c conf/check-tunnels.c */
/* links: conf/check.c conf/keys.c conf/lines.c */
/* links: conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c */
/* links: conf/units.c conf/values.c */
/* No change of the farm moves a conversation that need not move. */
#include "tests/unit/farm_rig.h"

/* Every return needs a sweep of its own: the second one once took the first one's for its own. */
static void return_moves_nobody(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	converse(&r);
	none_moves(&r, FLOWS);
	for (int round = 0; round < 3; round++) {
		u8 id = (u8)(round == 2 ? 3 : 2);

		fit(&r, id, false);
		follow(&r);
		none_moves(&r, FLOWS);
		fit(&r, id, true);
		assert_false(is_picked(&r, id));
		run(&r);
		assert_true(is_picked(&r, id));
		none_moves(&r, FLOWS);
		assert_true(new_flows_on(&r, id) > 100);
	}
	rig_close(&r);
}

/*
 * A conversation pinned to a device that dies lives on elsewhere. Its old pin must not pull it back
 * when that device returns.
 */
static void old_pins_pull_nobody(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_judged(&r);
	fit(&r, 1, true);
	fit(&r, 2, true);
	run(&r);
	converse(&r);
	fit(&r, 3, true); /* what the hash gives to 3 is pinned to 1 and 2 */
	run(&r);
	none_moves(&r, FLOWS);
	fit(&r, 2, false); /* and now goes to 1 or 3, also by hash */
	follow(&r);
	none_moves(&r, FLOWS);
	fit(&r, 2, true);
	run(&r);
	none_moves(&r, FLOWS);
	rig_close(&r);
}

static void begun_while_waiting(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_judged(&r);
	fit(&r, 1, true);
	fit(&r, 3, true);
	run(&r);
	farm_partner(r.farm, true, r.now);
	partner_all(&r, true, false, false);
	fit(&r, 2, true);
	run(&r);
	converse(&r); /* after the sweep, before the flip */
	partner(&r, 2, partner_says(true, true, false));
	assert_true(is_up(&r, 2));
	run(&r); /* the second sweep */
	none_moves(&r, FLOWS);
	rig_close(&r);
}

static void drain_and_enable(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	converse(&r);
	g_string_truncate(r.log, 0);
	assert_int_equal(farm_drain(r.farm, device(&r, 2), 0), 0);
	assert_int_equal(farm_drain(r.farm, device(&r, 2), 0), -EALREADY);
	assert_true(is_picked(&r, 2)); /* until the sweep is done */
	assert_true(r.log->len > 0);
	run(&r);
	assert_false(is_picked(&r, 2));
	assert_true(is_up(&r, 2));
	assert_int_equal(device(&r, 2)->state, FARM_DRAINING);
	assert_string_equal(device(&r, 2)->why, "drained by an operator");
	none_moves(&r, FLOWS);
	assert_int_equal(new_flows_on(&r, 2), 0);
	converse_from(&r, FLOWS, 2 * FLOWS);
	assert_int_equal(farm_enable(r.farm, device(&r, 2)), 0);
	assert_int_equal(farm_enable(r.farm, device(&r, 2)), -EALREADY);
	assert_false(is_picked(&r, 2));
	run(&r);
	assert_true(is_picked(&r, 2));
	none_moves(&r, 2 * FLOWS);
	assert_true(new_flows_on(&r, 2) > 100);
	/* disabled and back */
	assert_int_equal(farm_disable(r.farm, device(&r, 2)), 0);
	assert_int_equal(farm_disable(r.farm, device(&r, 2)), -EALREADY);
	assert_string_equal(device(&r, 2)->why, "disabled by an operator");
	follow(&r);
	assert_int_equal(farm_enable(r.farm, device(&r, 2)), 0);
	run(&r);
	assert_true(is_up(&r, 2));
	none_moves(&r, FLOWS);
	rig_close(&r);
}

static void reload_adds(void **state)
{
	struct rig r;
	u32 rows;

	(void)state;
	rig_open(&r, DEVICE(1, "") DEVICE(2, ""));
	all_up(&r);
	converse(&r);
	rows = r.tables.settings->rows;
	reload(&r, THREE);
	assert_int_equal(r.tables.settings->rows, rows); /* until the sweep is done */
	run(&r);
	assert_int_not_equal(r.tables.settings->rows, rows);
	none_moves(&r, FLOWS);
	fit(&r, 3, true);
	run(&r);
	assert_true(is_up(&r, 3));
	none_moves(&r, FLOWS);
	assert_true(new_flows_on(&r, 3) > 100);
	rig_close(&r);
}

static void reload_weighs(void **state)
{
	struct rig r;
	u32 rows, before;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	converse(&r);
	before = new_flows_on(&r, 2);
	rows = r.tables.settings->rows;
	reload(&r, DEVICE(1, "") DEVICE(2, "weight = 6\n") DEVICE(3, ""));
	assert_int_equal(r.tables.settings->rows, rows);
	assert_int_equal(new_flows_on(&r, 2), before);
	assert_int_equal(device(&r, 2)->weight, 6);
	assert_int_equal(device(&r, 2)->state, FARM_UP); /* what stays keeps its state */
	run(&r);
	assert_int_not_equal(r.tables.settings->rows, rows);
	none_moves(&r, FLOWS);
	assert_true(new_flows_on(&r, 2) > before + 100);
	rig_close(&r);
}

static void reload_removes(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	converse(&r);
	reload(&r, DEVICE(1, "") DEVICE(2, ""));
	for (u32 n = 0; n < FLOWS; n++)
		if (session_number(&r, n)->device != 3)
			assert_int_equal(place_now(&r, n), session_number(&r, n)->device);
	follow(&r);
	run(&r);
	none_moves(&r, FLOWS);
	assert_null(device(&r, 3));
	assert_int_equal(told(&r, 3).name_hash, 0);
	reload(&r, THREE); /* and back */
	fit(&r, 3, true);
	run(&r);
	none_moves(&r, FLOWS);
	rig_close(&r);
}

/* The id goes to a device of another name: it starts from nothing. */
static void reload_renames(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	reload(&r, DEVICE(1, "") DEVICE(2, "") DEVICE(9, ""));
	assert_string_equal(device(&r, 3)->name, "fw9");
	assert_false(is_up(&r, 3));
	assert_true(told(&r, 3).fit); /* not judged yet */
	run(&r);
	assert_int_equal(device(&r, 3)->state, FARM_DOWN);
	rig_close(&r);
}

/* What changes while a sweep walks starts it anew. */
static void change_during_a_sweep(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE DEVICE(4, ""));
	all_judged(&r);
	fit(&r, 1, true);
	fit(&r, 2, true);
	run(&r);
	converse(&r);
	fit(&r, 3, true);
	g_main_context_iteration(NULL, FALSE); /* one slice */
	assert_false(is_up(&r, 3));
	fit(&r, 4, true);
	run(&r);
	assert_true(is_up(&r, 3) && is_up(&r, 4));
	none_moves(&r, FLOWS);
	/* it dies and returns within the slices of another's sweep */
	assert_int_equal(farm_drain(r.farm, device(&r, 4), 0), 0);
	g_main_context_iteration(NULL, FALSE);
	g_main_context_iteration(NULL, FALSE);
	fit(&r, 1, false);
	follow(&r);
	fit(&r, 1, true);
	run(&r);
	assert_true(is_up(&r, 1));
	none_moves(&r, FLOWS);
	rig_close(&r);
}

/* A change that is taken back leaves no sweep behind that a later one would believe. */
static void change_taken_back(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	fit(&r, 1, true);
	fit(&r, 2, true);
	run(&r);
	fit(&r, 3, true);
	fit(&r, 3, false);
	run(&r);
	converse(&r);
	fit(&r, 3, true);
	assert_false(is_up(&r, 3));
	run(&r);
	assert_true(is_up(&r, 3));
	none_moves(&r, FLOWS);
	rig_close(&r);
}

/* Two reloads in a row build the same set of rows: the sweep of the first is worth nothing. */
static void reload_during_a_sweep(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	converse(&r);
	reload(&r, DEVICE(1, "weight = 9\n") DEVICE(2, "") DEVICE(3, ""));
	for (int slice = 0; slice < 3; slice++)
		g_main_context_iteration(NULL, FALSE);
	reload(&r, DEVICE(1, "") DEVICE(2, "weight = 9\n") DEVICE(3, ""));
	run(&r);
	none_moves(&r, FLOWS);
	rig_close(&r);
}

static gboolean always_busy(gpointer user)
{
	(void)user;
	return G_SOURCE_CONTINUE;
}

/* A main loop that never rests still sweeps. */
static void sweeps_under_load(void **state)
{
	guint busy = g_idle_add_full(G_PRIORITY_DEFAULT, always_busy, NULL, NULL);
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_judged(&r);
	fit(&r, 1, true);
	for (int i = 0; i < 100; i++)
		g_main_context_iteration(NULL, FALSE);
	g_source_remove(busy);
	assert_true(is_up(&r, 1));
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(return_moves_nobody),   cmocka_unit_test(old_pins_pull_nobody),
		cmocka_unit_test(begun_while_waiting),   cmocka_unit_test(drain_and_enable),
		cmocka_unit_test(reload_adds),           cmocka_unit_test(reload_weighs),
		cmocka_unit_test(reload_removes),        cmocka_unit_test(reload_renames),
		cmocka_unit_test(change_during_a_sweep), cmocka_unit_test(change_taken_back),
		cmocka_unit_test(reload_during_a_sweep), cmocka_unit_test(sweeps_under_load),
	};

	g_log_set_writer_func(quiet, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
