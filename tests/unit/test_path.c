/* SPDX-License-Identifier: ISC */
/* links: sandwich/health/engine.c sandwich/health/path.c sandwich/health/state.c */
/* links: sandwich/health/message.c sandwich/health/datagram.c sync/seal.c */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/*
 * The path heartbeat of two balancers and up to four scripted devices, under a virtual clock: who
 * is fit on which side, when it is told, and what a lost partner, a late loop or a replay changes.
 */
#include "tests/unit/path_world.h"

static const struct shape shapes[] = {
	{ 1, false, false, false }, { 2, false, false, false }, { 3, false, false, false },
	{ 4, false, false, true },  { 3, true, false, false },	{ 3, true, false, true },
	{ 3, false, true, false },  { 1, false, true, false },
};

static void test_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
		struct world *w = world_new(&shapes[i]);
		struct health_partner partner;

		run(w, SETTLED);
		assert_all(w, "at the start");
		for (int side = 0; side < CONFIG_SIDES; side++) {
			engine_partner(w->box[side].engine, &partner);
			assert_true(partner.reachable && partner.same_epoch &&
				    w->box[side].reachable);
			assert_int_equal(partner.rejected, 0);
			assert_true(partner.sent > 0 && partner.received > 0);
			for (unsigned int d = 1; d <= w->devices; d++)
				assert_true(w->box[side].theirs[d].fit);
			assert_int_equal(w->box[side].flaps, 0);
		}
		engine_partner(w->box[CONFIG_INGRESS].engine, &partner);
		assert_in_range(partner.rtt_us, 100, 102);
		world_free(w);
	}
}

/* One device stops in some way: who sees it, and how soon. */
static void test_one_fails(void **state)
{
	static const struct {
		const char *what;
		enum script script;
		bool ingress, egress; /* is it still fit there? */
	} rows[] = {
		{ "dead", DEAD, false, false },
		{ "asks are lost", NO_FORWARD, false, false },
		{ "answers are lost", NO_BACK, false, true },
	};

	(void)state;
	for (size_t shape = 0; shape < G_N_ELEMENTS(shapes); shape++)
		for (size_t i = 0; i < G_N_ELEMENTS(rows) && shapes[shape].devices > 1; i++)
			for (u64 phase = 0; phase < 20 * MS; phase += 3 * MS) {
				struct world *w = world_new(&shapes[shape]);
				unsigned int rest = all_of(w) & ~4u;
				u64 died;

				run(w, SETTLED + phase);
				died = w->now;
				w->script[2] = rows[i].script;
				run(w, SETTLED);
				assert_fit(w, rows[i].what, rest | (rows[i].ingress ? 4u : 0),
					   rest | (rows[i].egress ? 4u : 0));
				assert_false(w->box[CONFIG_EGRESS]
						     .theirs[2]
						     .fit); /* told by the others */
				assert_in_range(w->box[CONFIG_INGRESS].fell[2], died + 40 * MS,
						died + (WINDOW_MS + 21) * MS);
				w->script[2] = UP;
				run(w, SETTLED);
				assert_all(w, "back again");
				world_free(w);
			}
}

/* All go silent at once, at any moment: the side goes on alone, and nobody falls. */
static void test_partner_lost(void **state)
{
	(void)state;
	for (size_t shape = 0; shape < G_N_ELEMENTS(shapes); shape++)
		for (int lost = 0; lost < CONFIG_SIDES; lost++)
			for (u64 phase = 0; phase < 21 * MS; phase += 1300) {
				struct world *w = world_new(&shapes[shape]);
				struct box *left = &w->box[!lost];
				u64 at;

				for (u8 d = 1; d <= w->devices; d++)
					w->delay[d] = d * 4 *
						      MS; /* some have just been heard, some not */
				run(w, SETTLED + phase);
				at = w->now;
				box_stop(&w->box[lost]);
				run(w, 20000 * MS);
				assert_false(left->reachable);
				assert_in_range(left->lost_at, at, at + (WINDOW_MS + 40) * MS);
				assert_int_equal(left->flaps, 0);
				for (u8 d = 1; d <= w->devices; d++)
					assert_true(fit(w, left->side, d));
				box_start(&w->box[lost]);
				run(w, SETTLED);
				assert_all(w, "the partner is back");
				assert_true(left->reachable);
				assert_int_equal(left->flaps, 0);
				world_free(w);
			}
}

/* A partner that comes back through some devices only: those that stay silent fall then. */
static void test_partner_back_in_part(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 3 });

	(void)state;
	run(w, SETTLED);
	box_stop(&w->box[CONFIG_EGRESS]);
	run(w, SETTLED);
	w->script[3] = DEAD;
	box_start(&w->box[CONFIG_EGRESS]);
	run(w, SETTLED);
	assert_fit(w, "device 3 died meanwhile", 6, 6);
	world_free(w);
}

/* What had failed before the partner was lost stays out for the hold, then the others judge. */
static void test_hold(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 2 });

	(void)state;
	run(w, SETTLED);
	w->script[1] = DEAD;
	run(w, SETTLED);
	box_stop(&w->box[CONFIG_EGRESS]);
	run(w, STATE_HOLD_US - 1000 * MS);
	assert_false(fit(w, CONFIG_INGRESS, 1));
	assert_true(fit(w, CONFIG_INGRESS, 2));
	run(w, 2000 * MS);
	assert_true(fit(w, CONFIG_INGRESS, 1));
	assert_true(fit(w, CONFIG_INGRESS, 2));
	box_start(&w->box[CONFIG_EGRESS]);
	run(w, SETTLED);
	assert_fit(w, "the partner shows it", 4, 4);
	world_free(w);
}

static void assert_blameless(void *user, const struct health_view *v)
{
	(void)user;
	assert_true(v->ok);
	assert_string_equal(v->why, "");
}

/* Alone from the start: it goes on by the other detectors, but through nobody that it can't reach.
 */
static void test_alone(void **state)
{
	(void)state;
	for (int side = 0; side < CONFIG_SIDES; side++) {
		struct world *w = world_new(&(struct shape){ .devices = 3 });
		struct box *b = &w->box[side];

		box_stop(&w->box[!side]);
		b->no_hop[2] = true;
		engine_event(b->engine, 3, CONFIG_DETECT_LINK, false, "no carrier", w->now);
		run(w, SETTLED);
		assert_true(b->told && !b->reachable);
		assert_true(fit(w, side, 1));
		assert_false(fit(w, side, 2) || fit(w, side, 3));
		b->no_hop[2] = false;
		engine_event(b->engine, 3, CONFIG_DETECT_LINK, true, NULL, w->now);
		run(w, SETTLED);
		assert_true(fit(w, side, 2) && fit(w, side, 3));
		b->flaps = 0;
		box_start(&w->box[!side]);
		run(w, SETTLED);
		assert_int_equal(b->flaps, 0); /* the partner comes: that takes nobody out */
		state_walk(engine_state(b->engine), 1, assert_blameless, NULL);
		assert_all(w, "both");
		world_free(w);
	}
}

/* Our loop, or theirs, stands still: nobody is judged for that. */
static void test_late(void **state)
{
	(void)state;
	for (size_t shape = 0; shape < G_N_ELEMENTS(shapes); shape++)
		for (int side = 0; side < CONFIG_SIDES; side++)
			for (u64 pause = 5 * MS; pause < 500 * MS; pause = pause * 3 / 2) {
				struct world *w = world_new(&shapes[shape]);

				w->delay[2] = 3 * MS;
				run(w, SETTLED + 7 * MS);
				w->box[side].frozen = w->now + pause;
				run(w, 1000 * MS);
				assert_int_equal(w->box[CONFIG_INGRESS].flaps, 0);
				assert_int_equal(w->box[CONFIG_EGRESS].flaps, 0);
				assert_int_equal(w->box[side].losses, 0);
				assert_all(w, "after the pause");
				world_free(w);
			}
}

/* Ten minutes with a loss of one in fifty: no false alarm. With all late on top of it, too. */
static void test_loss(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 3 });

	(void)state;
	run(w, SETTLED);
	w->loss = 1;
	w->random = 20;
	for (int i = 0; i < 600; i++) {
		w->box[roll(w) % 2].frozen = w->now + roll(w) % 20000;
		run(w, 1000 * MS);
	}
	w->loss = 0;
	run(w, SETTLED);
	assert_all(w, "after the loss");
	assert_true(w->box[CONFIG_INGRESS].flaps <=
		    2); /* three asks or answers in a row: 1 in 10^5 */
	world_free(w);
}

/* Two cables are swapped: what was sent through one device comes from another, and counts for none.
 */
static void test_crossed(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 3 });
	struct health_partner partner;

	(void)state;
	run(w, SETTLED);
	w->script[1] = CROSSED;
	run(w, SETTLED);
	assert_fit(w, "crossed", 12, 12);
	engine_partner(w->box[CONFIG_EGRESS].engine, &partner);
	assert_true(partner.rejected > 0);
	world_free(w);
}

/* What changes is told at once, in both directions, and not more than once a millisecond. */
static void test_urge(void **state)
{
	(void)state;
	for (int side = 0; side < CONFIG_SIDES; side++) {
		struct world *w = world_new(&(struct shape){ .devices = 2, .masquerade = true });
		struct box *b = &w->box[side];
		struct health_partner before, after;

		run(w, SETTLED);
		run(w,
		    engine_due(w->box[CONFIG_INGRESS].engine) - w->now + 2 * MS); /* just asked */
		b->mine[1].admin = ADMIN_DRAINING;
		b->mine[1].admin_version = 5;
		engine_partner(b->engine, &before);
		for (int i = 0; i < 100; i++)
			engine_urge(b->engine, w->now);
		run(w, MS / 2);
		assert_int_equal(w->box[!side].theirs[1].admin, ADMIN_DRAINING);
		assert_int_equal(w->box[!side].theirs[1].admin_version, 5);
		run(w, 5 * MS);
		engine_partner(b->engine, &after);
		assert_int_equal(after.sent - before.sent, 2 * w->devices);
		world_free(w);
	}
}

/* What was recorded before egress started again opens, but is not believed. */
static void test_replay(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 2 });
	struct box *egress = &w->box[CONFIG_EGRESS];
	struct flight copy;

	(void)state;
	run(w, SETTLED);
	w->box[CONFIG_INGRESS].mine[2].admin_version = 99;
	w->record = true;
	run(w, 40 * MS);
	copy = w->evidence;
	assert_int_equal(land(w, &copy), PATH_REPLAYED);
	box_stop(egress);
	box_stop(&w->box[CONFIG_INGRESS]);
	memset(egress->theirs, 0, sizeof(egress->theirs));
	box_start(egress);
	run(w, SETTLED);
	copy = w->evidence;
	assert_int_equal(land(w, &copy), PATH_GREETING);
	copy = w->evidence;
	assert_int_equal(land(w, &copy), PATH_REPLAYED);
	assert_int_equal(egress->theirs[2].admin_version, 0);
	assert_true(state_alone(engine_state(egress->engine)));
	world_free(w);
}

/* The device table differs on the sides: said, and records of strangers go to nobody. */
static void test_epoch(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 3 });
	struct box *egress = &w->box[CONFIG_EGRESS];
	struct health_setup setup = box_setup(egress);
	struct health_partner partner;

	(void)state;
	run(w, SETTLED);
	w->table[3].name_hash = 0;
	setup.epoch = 8;
	assert_int_equal(engine_reload(egress->engine, &setup, w->now), 0);
	engine_reloaded(egress->engine, w->now);
	run(w, SETTLED);
	engine_partner(egress->engine, &partner);
	assert_false(partner.same_epoch);
	assert_true(egress->strangers > 0);
	assert_fit(w, "device 3 is egress' no more", 6, 6);
	assert_int_equal(w->box[CONFIG_INGRESS].flaps, 1);
	assert_int_equal(egress->flaps, 0);
	world_free(w);
}

/* A reload that changes a device's id or the pace moves nobody. */
static void test_reload(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 3 });

	(void)state;
	run(w, SETTLED);
	for (int i = 0; i < 20; i++) {
		struct box *b = &w->box[i % 2];
		struct health_setup setup = box_setup(b);

		w->config->health.path.count = 3 + (unsigned int)i % 3;
		setup.epoch = 7;
		assert_int_equal(engine_reload(b->engine, &setup, w->now), 0);
		engine_reloaded(b->engine, w->now);
		run(w, 33 * MS);
		assert_all(w, "after a reload");
	}
	assert_int_equal(w->box[0].flaps + w->box[1].flaps, 0);
	world_free(w);
}

/* A reload that takes long, on one side or on both, is nobody's silence: no device goes down. */
static void test_long_reload(void **state)
{
	(void)state;
	for (int sides = 1; sides <= 3; sides++)
		for (u64 pause = 5 * MS; pause < 500 * MS; pause = pause * 5 / 4) {
			struct world *w = world_new(&(struct shape){ .devices = 6 });

			for (u8 d = 1; d <= 6; d++)
				w->delay[d] = d * 200;
			run(w, SETTLED + 7 * MS);
			for (int side = 0; side < CONFIG_SIDES; side++)
				w->box[side].frozen = sides >> side & 1 ? w->now + pause : 0;
			run(w, pause - 1);
			for (int side = 0; side < CONFIG_SIDES; side++) {
				struct health_setup setup = box_setup(&w->box[side]);

				if (!(sides >> side & 1))
					continue;
				assert_int_equal(
					engine_reload(w->box[side].engine, &setup, w->now), 0);
				engine_reloaded(w->box[side].engine, w->now);
			}
			run(w, 1000 * MS);
			assert_int_equal(w->box[CONFIG_INGRESS].flaps, 0);
			assert_int_equal(w->box[CONFIG_EGRESS].flaps, 0);
			assert_all(w, "after a long reload");
			world_free(w);
		}
}

/* More devices than a message has records: each side hears of all in every interval. */
static void test_many(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = DEVICES });

	(void)state;
	run(w, SETTLED);
	for (int side = 0; side < CONFIG_SIDES; side++)
		for (u8 d = 1; d <= DEVICES; d++)
			w->box[side].mine[d].admin_version = d;
	run(w, 21 * MS);
	for (int side = 0; side < CONFIG_SIDES; side++)
		for (u8 d = 1; d <= DEVICES; d++) {
			assert_true(fit(w, side, d));
			assert_int_equal(w->box[side].theirs[d].admin_version, d);
		}
	world_free(w);
}

/* Counts what asks whether both have one secret. */
static GLogWriterOutput hear_doubt(GLogLevelFlags level, const GLogField *fields, gsize n,
				   gpointer user)
{
	unsigned int *heard = user;

	(void)level;
	for (gsize i = 0; i < n; i++)
		if (!strcmp(fields[i].key, "MESSAGE") && strstr(fields[i].value, "same secret") &&
		    strstr(fields[i].value, "UDP 4851"))
			++*heard;
	return G_LOG_WRITER_HANDLED;
}

static unsigned int doubts;

/* With another secret on the other side, each says what may be wrong: once a silence. */
static void test_other_secret(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 2 });
	struct box *egress = &w->box[CONFIG_EGRESS];
	struct health_setup setup = box_setup(egress);

	(void)state;
	doubts = 0;
	run(w, SETTLED + ENGINE_DEAF_US);
	assert_int_equal(doubts, 0);
	setup.secret = (const u8 *)"what one side knows";
	setup.secret_length = 20;
	assert_int_equal(engine_reload(egress->engine, &setup, w->now), 0);
	engine_reloaded(egress->engine, w->now);
	run(w, ENGINE_DEAF_US / 2);
	assert_int_equal(doubts, 0);
	run(w, 3 * ENGINE_DEAF_US);
	assert_int_equal(doubts, 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),	     cmocka_unit_test(test_one_fails),
		cmocka_unit_test(test_partner_lost), cmocka_unit_test(test_partner_back_in_part),
		cmocka_unit_test(test_hold),	     cmocka_unit_test(test_alone),
		cmocka_unit_test(test_late),	     cmocka_unit_test(test_loss),
		cmocka_unit_test(test_crossed),	     cmocka_unit_test(test_urge),
		cmocka_unit_test(test_replay),	     cmocka_unit_test(test_epoch),
		cmocka_unit_test(test_reload),	     cmocka_unit_test(test_many),
		cmocka_unit_test(test_long_reload),  cmocka_unit_test(test_other_secret),
	};

	g_log_set_writer_func(hear_doubt, &doubts, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
