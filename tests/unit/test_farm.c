/* SPDX-License-Identifier: ISC */
/* links: sandwich/run/farm.c sandwich/run/farm_drain.c sandwich/run/sweeper.c */
/* links: sandwich/run/walker.c */
/* links: sandwich/run/settings.c sandwich/slowpath/memory.c conf/address.c */
/* links: conf/check-addresses.c conf/check-devices.c conf/check-tunnels.c */
/* links: conf/check.c conf/keys.c conf/lines.c */
/* links: conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c */
/* links: conf/units.c conf/values.c */
/* The farm: which states there are, in which order they change, and who is told. */
#include "tests/unit/farm_rig.h"

static void alone_comes_up(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	assert_int_equal(device(&r, 1)->state, FARM_DOWN);
	assert_string_equal(device(&r, 1)->why, "not heard of yet");
	all_judged(&r);
	fit(&r, 1, true);
	assert_false(is_up(&r, 1)); /* not before the sweep */
	assert_string_equal(device(&r, 1)->why, "about to return");
	run(&r);
	assert_true(is_up(&r, 1) && is_picked(&r, 1));
	assert_int_equal(device(&r, 1)->state, FARM_UP);
	assert_string_equal(device(&r, 1)->why, "");
	assert_int_equal(r.tables.settings->live_count, 1);
	assert_ptr_equal(farm_find_name(r.farm, "fw2"), device(&r, 2));
	assert_null(farm_find_name(r.farm, "fw9"));
	rig_close(&r);
}

/* Else what was on the others would be placed on the first, for the moment until they are there. */
static void first_waits_for_the_others(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	fit(&r, 1, true);
	fit(&r, 2, true);
	run(&r);
	assert_false(is_up(&r, 1) || is_up(&r, 2));
	fit(&r, 3, true);
	run(&r);
	assert_true(is_up(&r, 1) && is_up(&r, 2) && is_up(&r, 3));
	rig_close(&r);

	rig_open(&r, THREE); /* but not for long */
	fit(&r, 1, true);
	run(&r);
	farm_tick(r.farm, r.now + 200);
	assert_false(is_up(&r, 1));
	farm_tick(r.farm, r.now + 300);
	assert_true(is_up(&r, 1));
	fit(&r, 2, true);
	run(&r);
	assert_true(is_up(&r, 2)); /* nor once somebody is up */
	rig_close(&r);
}

static void partner_sweeps_too(void **state)
{
	struct rig r;
	u32 swept;

	(void)state;
	rig_open(&r, THREE);
	farm_partner(r.farm, true, r.now);
	assert_true(farm_has_partner(r.farm));
	partner_all(&r, true, false, false);
	all_judged(&r);
	fit(&r, 1, true);
	assert_false(told(&r, 1).swept);
	run(&r);
	assert_true(told(&r, 1).swept);
	assert_false(is_up(&r, 1));
	swept = sweeps(&r);
	for (int i = 0; i < 10; i++)
		farm_tick(r.farm, r.now); /* waiting is not working */
	assert_int_equal(run(&r), 0);
	assert_int_equal(sweeps(&r), swept);
	partner(&r, 1, partner_says(true, true, false));
	assert_true(is_up(&r, 1) && told(&r, 1).up);
	run(&r);
	/* a partner that uses it has swept, whatever it says */
	fit(&r, 2, true);
	partner(&r, 2, partner_says(true, false, true));
	run(&r);
	assert_true(is_up(&r, 2));
	rig_close(&r);
}

static void partner_that_never_sweeps(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	farm_partner(r.farm, true, r.now);
	fit(&r, 1, true);
	run(&r);
	farm_tick(r.farm, r.now + WAIT_MS - 500);
	assert_false(is_up(&r, 1));
	farm_tick(r.farm, r.now + WAIT_MS + 500);
	assert_true(is_up(&r, 1));
	run(&r);
	rig_close(&r);
}

static void goes_alone(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	farm_partner(r.farm, true, r.now);
	partner_all(&r, true, true, true);
	all_up(&r);
	partner(&r, 2, partner_says(false, false, false));
	assert_false(is_up(&r, 2));
	assert_string_equal(device(&r, 2)->why, "the partner can't reach it");
	farm_partner(r.farm, false, r.now); /* its veto goes with it */
	run(&r);
	assert_true(is_up(&r, 2));
	/* back again: nobody moves before it has spoken */
	farm_partner(r.farm, true, r.now);
	run(&r);
	assert_true(is_up(&r, 1) && is_up(&r, 2) && is_up(&r, 3));
	rig_close(&r);
}

enum blow { OWN_UNFIT, PARTNER_UNFIT, DISABLE, PARTNER_DISABLES, RELOAD_DISABLES, RELOAD_REMOVES };

static void strike(struct rig *r, enum blow blow)
{
	struct health_record record = partner_says(blow != PARTNER_UNFIT, true, true);

	if (blow == PARTNER_DISABLES) {
		record.admin = ADMIN_DISABLED;
		record.admin_version = 1;
	}
	if (blow == OWN_UNFIT)
		fit(r, 2, false);
	else if (blow == DISABLE)
		assert_int_equal(farm_disable(r->farm, device(r, 2)), 0);
	else if (blow == RELOAD_DISABLES)
		reload(r, DEVICE(1, "") DEVICE(2, "state = disabled\n") DEVICE(3, ""));
	else if (blow == RELOAD_REMOVES)
		reload(r, DEVICE(1, ""));
	else
		partner(r, 2, record);
}

/* Without a sweep, and the partner hears of it before frames tell it. */
static void down_at_once(void **state)
{
	(void)state;
	for (enum blow blow = OWN_UNFIT; blow <= RELOAD_REMOVES; blow++) {
		struct rig r;

		rig_open(&r, THREE);
		farm_partner(r.farm, true, r.now);
		partner_all(&r, true, true, true);
		all_up(&r);
		r.watched = 2;
		g_string_truncate(r.log, 0);
		strike(&r, blow);
		assert_false(is_up(&r, 2));
		assert_false(is_picked(&r, 2));
		assert_true(g_str_has_prefix(r.log->str, "Ul"));
		assert_int_equal(r.tables.settings->live_count, blow == RELOAD_REMOVES ? 1 : 2);
		for (guint i = 0; i < r.tables.settings->live_count; i++)
			assert_int_not_equal(r.tables.settings->live[i], 2);
		assert_int_equal(new_flows_on(&r, 2), 0);
		if (blow == RELOAD_REMOVES)
			assert_null(device(&r, 2));
		else
			assert_int_equal(device(&r, 2)->state,
					 blow < DISABLE ? FARM_DOWN : FARM_DISABLED);
		run(&r);
		rig_close(&r);
	}
}

/* A drained device that dies comes back drained: its pins hold again, and nothing new comes. */
static void returns_draining(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	assert_int_equal(farm_drain(r.farm, device(&r, 2), 0), 0);
	run(&r);
	fit(&r, 2, false);
	assert_int_equal(device(&r, 2)->state, FARM_DOWN);
	fit(&r, 2, true);
	run(&r);
	assert_int_equal(device(&r, 2)->state, FARM_DRAINING);
	assert_true(is_up(&r, 2));
	assert_false(is_picked(&r, 2));
	rig_close(&r);
}

static void drain_deadline(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	r.tables.devices[2].sessions = 100;
	assert_int_equal(farm_drain(r.farm, device(&r, 2), 60000), 0);
	run(&r);
	assert_int_equal(farm_drain_eta(r.farm, device(&r, 2), 0, r.now + 10000), 0);
	assert_int_equal(farm_drain_eta(r.farm, device(&r, 2), 100, r.now + 10000), -1);
	assert_in_range(farm_drain_eta(r.farm, device(&r, 2), 50, r.now + 10000), 9, 10);
	farm_tick(r.farm, r.now + 50000);
	assert_null(strpbrk(r.log->str, "Ff"));
	g_string_truncate(r.log, 0);
	r.watched = 2;
	farm_tick(r.farm, r.now + 61000);
	assert_string_equal(r.log->str, "FU");
	assert_int_equal(told(&r, 2).admin, ADMIN_FLUSHED);
	assert_int_equal(told(&r, 2).admin_version, 2);
	farm_tick(r.farm, r.now + 62000);
	assert_string_equal(r.log->str, "FU"); /* once */
	assert_true(device_set_has(&r.tables.settings->shut, 2));
	assert_int_equal(farm_enable(r.farm, device(&r, 2)), 0);
	assert_false(device_set_has(&r.tables.settings->shut, 2));
	rig_close(&r);
}

/* A client with nothing going on is a client still: what is left counts it. */
static void clients_are_left(void **state)
{
	struct rig r;
	u32 clients;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	for (u32 i = 0; i < 10; i++) {
		struct flow key = {.outside.word[0] = i + 1, .protocol = PIN_KIND_HOST};

		assert_true(pin_put(&r.tables, &key, i * 64, i < 6 ? 2 : 3,
				    i % 2 ? PIN_HOST : PIN_SWEPT, r.now));
	}
	r.tables.devices[2].sessions = 7;
	assert_int_equal(farm_left(r.farm, device(&r, 2), &clients), 10);
	assert_int_equal(clients, 3);
	assert_int_equal(farm_left(r.farm, device(&r, 1), &clients), 0);
	assert_int_equal(clients, 0);
	assert_int_equal(farm_drain(r.farm, device(&r, 2), 0), 0);
	assert_int_equal(device(&r, 2)->drain_left, 10);
	rig_close(&r);
}

struct word {
	u8 mine, theirs; /* who said what */
	u32 my_version, their_version;
	u8 holds;
};

static void words_travel(void **state)
{
	static const struct word cases[] = {
		{ADMIN_ENABLED, ADMIN_DRAINING, 0, 1, ADMIN_DRAINING},
		{ADMIN_ENABLED, ADMIN_DISABLED, 5, 4, ADMIN_ENABLED},
		{ADMIN_DRAINING, ADMIN_ENABLED, 5, 6, ADMIN_ENABLED},
		{ADMIN_DISABLED, ADMIN_ENABLED, 0xffffffff, 1, ADMIN_ENABLED}, /* it wraps */
		{ADMIN_DRAINING, ADMIN_FLUSHED, 1, 2, ADMIN_FLUSHED},
		{ADMIN_ENABLED, ADMINS, 1, 2, ADMIN_ENABLED}, /* a word of tomorrow */
		/* said at once on both sides: both must end with the same */
		{ADMIN_DRAINING, ADMIN_DISABLED, 3, 3, ADMIN_DISABLED},
		{ADMIN_DISABLED, ADMIN_DRAINING, 3, 3, ADMIN_DISABLED},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct word *c = &cases[i];
		struct health_record record = partner_says(true, true, true);
		struct rig r;

		rig_open(&r, THREE);
		farm_partner(r.farm, true, r.now);
		device(&r, 1)->admin = c->mine;
		device(&r, 1)->admin_version = c->my_version;
		record.admin = c->theirs;
		record.admin_version = c->their_version;
		partner(&r, 1, record);
		assert_int_equal(told(&r, 1).admin, c->holds);
		assert_int_equal(strpbrk(r.log->str, "Ff") != NULL, c->holds == ADMIN_FLUSHED);
		run(&r);
		rig_close(&r);
	}
}

/* A deadline given here once must not flush what the other side drains later without one. */
static void deadline_ends_with_its_drain(void **state)
{
	struct health_record record = partner_says(true, true, true);
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	farm_partner(r.farm, true, r.now);
	partner_all(&r, true, true, true);
	all_up(&r);
	assert_int_equal(farm_drain(r.farm, device(&r, 2), 1000), 0);
	record.admin = ADMIN_ENABLED;
	record.admin_version = 2;
	partner(&r, 2, record);
	record.admin = ADMIN_DRAINING;
	record.admin_version = 3;
	partner(&r, 2, record);
	run(&r);
	farm_tick(r.farm, r.now + 5000);
	assert_int_equal(told(&r, 2).admin, ADMIN_DRAINING);
	assert_null(strpbrk(r.log->str, "Ff"));
	rig_close(&r);
}

struct limit {
	u32 max, low; /* from max on it gets nothing new, below low it does again */
};

static void limits(void **state)
{
	static const struct limit cases[] = {{1000, 900}, {10, 9}, {5, 4}, {1, 1}};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct farm_device *d;
		struct rig r;

		rig_open(&r, THREE);
		all_up(&r);
		d = device(&r, 2);
		d->max_sessions = cases[i].max;
		r.tables.devices[2].sessions = cases[i].max - 1;
		farm_tick(r.farm, r.now);
		run(&r);
		assert_true(is_picked(&r, 2));
		r.tables.devices[2].sessions = cases[i].max;
		farm_tick(r.farm, r.now);
		run(&r);
		assert_false(is_picked(&r, 2));
		assert_true(is_up(&r, 2));
		assert_int_equal(d->state, FARM_DRAINING);
		assert_string_equal(d->why, "max-sessions reached");
		r.tables.devices[2].sessions = cases[i].low;
		farm_tick(r.farm, r.now);
		run(&r);
		assert_false(is_picked(&r, 2));
		r.tables.devices[2].sessions = cases[i].low - 1;
		farm_tick(r.farm, r.now);
		run(&r);
		assert_true(is_picked(&r, 2));
		assert_int_equal(r.tables.counters->counter[COUNTER_LIMITED], 1);
		rig_close(&r);
	}
}

/* A restart: the one that was up goes on; who was never found fit is vetoed in the end. */
static void unjudged_vetoes_nobody(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	assert_true(told(&r, 1).fit);
	assert_false(told(&r, 1).swept);
	assert_false(told(&r, 1).up);
	farm_tick(r.farm, r.now + 1000);
	assert_true(told(&r, 1).fit);
	fit(&r, 2, true);
	fit(&r, 2, false);
	assert_false(told(&r, 2).fit);
	farm_tick(r.farm, r.now + 60000);
	assert_false(told(&r, 1).fit);
	run(&r);
	rig_close(&r);

	rig_open(&r, THREE); /* seen from the side that did not restart */
	farm_partner(r.farm, true, r.now);
	partner_all(&r, true, true, true);
	all_up(&r);
	partner_all(&r, true, false, false);
	assert_true(is_up(&r, 1) && is_up(&r, 2) && is_up(&r, 3));
	assert_int_equal(run(&r), 0);
	rig_close(&r);
}

static void settles(void **state)
{
	struct rig r;
	u32 swept;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	swept = sweeps(&r);
	for (u32 i = 0; i < 50; i++) {
		farm_tick(r.farm, r.now + 100 * i);
		fit(&r, 2, true);
		partner(&r, 1, partner_says(true, true, true));
		assert_int_equal(run(&r), 0);
	}
	assert_int_equal(sweeps(&r), swept);
	rig_close(&r);
}

/* An op that leads back into the farm. */
static void callbacks_lead_back(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	r.meddle = 3;
	fit(&r, 2, false);
	assert_false(is_up(&r, 2));
	assert_false(is_up(&r, 3));
	r.meddle = 1;
	reload(&r, DEVICE(1, "") DEVICE(2, "state = disabled\n") DEVICE(3, ""));
	assert_int_equal(farm_disable(r.farm, device(&r, 1)), 0);
	assert_false(is_up(&r, 1));
	assert_int_equal(r.tables.settings->live_count, 0);
	run(&r);
	rig_close(&r);
}

static void names(void **state)
{
	static const char *const want[] = {"down", "up", "draining", "disabled", "?"};

	(void)state;
	for (int i = 0; i <= FARM_STATES; i++)
		assert_string_equal(farm_state_name((enum farm_state)i), want[i]);
}

static void heritage(struct rig *r, u8 id, u8 admin, u32 version)
{
	struct farm_heritage h = {.admin = {0}};

	for (u8 i = 1; i <= 3; i++)
		h.known[i] = true;
	h.admin[id] = admin;
	h.version[id] = version;
	r->farm = farm_new(&r->tables, &(struct farm_ops){on_urge, on_lost, on_flush, r});
	farm_inherit(r->farm, &h);
	farm_configure(r->farm, r->config, r->tables.settings->rows, r->now);
}

/* Another daemon's farm over the same tables: as it was until somebody says otherwise. */
static void inherits(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	fit(&r, 3, false);
	assert_int_equal(farm_drain(r.farm, device(&r, 2), 0), 0);
	run(&r);
	farm_free(r.farm);
	g_string_set_size(r.log, 0);
	heritage(&r, 2, ADMIN_DRAINING, 7);
	assert_int_equal(device(&r, 1)->state, FARM_UP);
	assert_int_equal(device(&r, 2)->state, FARM_DRAINING);
	assert_int_equal(device(&r, 2)->admin_version, 7);
	assert_int_equal(device(&r, 3)->state, FARM_DOWN);
	farm_tick(r.farm, r.now);
	run(&r);
	assert_true(is_picked(&r, 1));
	assert_true(is_up(&r, 2));
	assert_false(is_picked(&r, 2));
	assert_false(is_up(&r, 3));
	assert_null(strpbrk(r.log->str, "Ll"));
	fit(&r, 1, false);
	assert_int_equal(device(&r, 1)->state, FARM_DOWN);
	assert_int_equal(farm_enable(r.farm, device(&r, 2)), 0);
	run(&r);
	assert_true(is_picked(&r, 2));
	rig_close(&r);
}

/* One that is not known comes up as any other, whatever bit its id had. */
static void inherits_only_the_known(void **state)
{
	struct farm_heritage h = {.admin = {0}};
	struct rig r;

	(void)state;
	rig_open(&r, THREE);
	all_up(&r);
	farm_free(r.farm);
	h.known[1] = h.known[2] = true;
	r.farm = farm_new(&r.tables, &(struct farm_ops){on_urge, on_lost, on_flush, &r});
	farm_inherit(r.farm, &h);
	farm_configure(r.farm, r.config, r.tables.settings->rows, r.now);
	assert_true(is_up(&r, 1));
	assert_false(is_up(&r, 3));
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_comes_up),
		cmocka_unit_test(first_waits_for_the_others),
		cmocka_unit_test(partner_sweeps_too),
		cmocka_unit_test(partner_that_never_sweeps),
		cmocka_unit_test(goes_alone),
		cmocka_unit_test(down_at_once),
		cmocka_unit_test(returns_draining),
		cmocka_unit_test(drain_deadline),
		cmocka_unit_test(clients_are_left),
		cmocka_unit_test(words_travel),
		cmocka_unit_test(deadline_ends_with_its_drain),
		cmocka_unit_test(limits),
		cmocka_unit_test(unjudged_vetoes_nobody),
		cmocka_unit_test(settles),
		cmocka_unit_test(callbacks_lead_back),
		cmocka_unit_test(inherits),
		cmocka_unit_test(inherits_only_the_known),
		cmocka_unit_test(names),
	};

	g_log_set_writer_func(quiet, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
