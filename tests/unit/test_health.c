/* SPDX-License-Identifier: ISC */
/* links: sandwich/health/state.c sandwich/health/message.c */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/* The choke point under a virtual clock: rise, fall, silence, lateness. And the message codec. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/health/message.h"
#include "sandwich/health/state.h"

#define MS 1000ull

/* The choke point */

enum what { END, OK, FAIL, TICK, LATE, ADD };

/* At so many ms the tracker hears that; then the device is FIT, and has changed so often. */
struct step {
	unsigned int at;
	enum what what;
	bool fit;
	unsigned int changes;
};

struct scene {
	const char *name;
	struct state_pace pace;
	struct step steps[16];
};

#define PACE .interval = 20 * MS, .window = 65 * MS, .rise = 3, .fall = 3

static const struct scene scenes[] = {
	{"rises after three",
	 {PACE},
	 {{10, OK, false, 0}, {30, OK, false, 0}, {50, OK, true, 1}, {70, OK, true, 1}}},
	{"one failure in between starts again",
	 {PACE},
	 {{10, OK, false, 0},
	  {30, OK, false, 0},
	  {50, FAIL, false, 0},
	  {70, OK, false, 0},
	  {90, OK, false, 0},
	  {110, OK, true, 1}}},
	{"results that come too thick rise no sooner",
	 {PACE},
	 {{10, OK, false, 0},
	  {11, OK, false, 0},
	  {12, OK, false, 0},
	  {13, OK, false, 0},
	  {30, OK, false, 0},
	  {50, OK, true, 1}}},
	{"falls after three",
	 {PACE},
	 {{10, OK, false, 0},
	  {30, OK, false, 0},
	  {50, OK, true, 1},
	  {70, FAIL, true, 1},
	  {90, FAIL, true, 1},
	  {110, FAIL, false, 2}}},
	{"two failures and a success don't",
	 {PACE},
	 {{10, OK, false, 0},
	  {30, OK, false, 0},
	  {50, OK, true, 1},
	  {70, FAIL, true, 1},
	  {90, FAIL, true, 1},
	  {110, OK, true, 1},
	  {130, FAIL, true, 1},
	  {150, FAIL, true, 1}}},
	{"silence falls after the window",
	 {PACE},
	 {{10, OK, false, 0},
	  {30, OK, false, 0},
	  {50, OK, true, 1},
	  {114, TICK, true, 1},
	  {115, TICK, false, 2},
	  {120, OK, false, 2},
	  {140, OK, false, 2},
	  {160, OK, true, 3}}},
	{"never heard is not fit", {PACE}, {{10, TICK, false, 0}, {500, TICK, false, 0}}},
	{"our lateness is not its silence",
	 {PACE},
	 {{10, OK, false, 0},
	  {30, OK, false, 0},
	  {50, OK, true, 1},
	  {150, LATE, true, 1},
	  {150, TICK, true, 1},
	  {170, TICK, true, 1},
	  {215, TICK, false, 2}}},
	{"events have no window",
	 {.rise = 1, .fall = 1},
	 {{10, OK, true, 1},
	  {90000, TICK, true, 1},
	  {90001, FAIL, false, 2},
	  {90002, OK, true, 3}}},
	{"a check that a reload adds takes nobody out",
	 {PACE},
	 {{10, OK, false, 0},
	  {30, OK, false, 0},
	  {50, OK, true, 1},
	  {51, ADD, true, 1},
	  {70, OK, true, 1},
	  {90, OK, true, 1},
	  {110, OK, true, 1},
	  {117, TICK, false, 2}}},
	{"alone, the witnessed one abstains",
	 {PACE, .witnessed = true},
	 {{10, OK, false, 0},
	  {30, OK, false, 0},
	  {50, OK, true, 1},
	  {120, TICK, true, 1},
	  {9000, TICK, true, 1},
	  {9010, OK, true, 1}}},
	{"alone from the start, too",
	 {PACE, .witnessed = true},
	 {{10, TICK, false, 0}, {64, TICK, false, 0}, {65, TICK, true, 1}, {300, OK, true, 1}}},
};

struct seen {
	unsigned int changes;
	char why[128];
};

static void on_changed(void *user, u8 device, bool fit, const char *why)
{
	struct seen *seen = user;

	assert_int_equal(device, 7);
	assert_true(fit == !*why);
	seen->changes++;
	g_strlcpy(seen->why, why, sizeof(seen->why));
}

static void on_alone(void *user, bool alone)
{
	(void)user;
	(void)alone;
}

static void play(struct state *s, struct tracker *t, const struct step *step, u64 now)
{
	struct state_pace other = { .interval = 20 * MS, .window = 65 * MS, .rise = 1, .fall = 1 };

	switch (step->what) {
	case OK:
	case FAIL:
		state_result(s, t, step->what == OK, "refused", 0, now);
		break;
	case LATE:
		state_late(s, 100 * MS, now);
		break;
	case ADD:
		state_add(s, 7, CONFIG_DETECT_HTTP, "", &other, now);
		break;
	default:
		state_tick(s, now);
	}
}

static void test_scenes(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(scenes); i++) {
		struct seen seen = { 0 };
		struct state_ops ops = { on_changed, on_alone, &seen };
		u64 names[DEVICES_MAX] = { [7] = 77 }, start = 5000 * MS;
		struct state *s = state_new(&ops, start);
		struct tracker *t;

		state_devices(s, names);
		t = state_add(s, 7, CONFIG_DETECT_TCP, "", &scenes[i].pace, start);
		for (const struct step *step = scenes[i].steps; step->what != END; step++) {
			play(s, t, step, start + step->at * MS);
			if (state_fit(s, 7) != step->fit || seen.changes != step->changes)
				fail_msg("%s: at %u ms", scenes[i].name, step->at);
		}
		state_free(s);
	}
}

/* All detectors must agree, and the reason names the one that does not. */
static void test_all_agree(void **state)
{
	struct seen seen = { 0 };
	struct state_ops ops = { on_changed, on_alone, &seen };
	struct state_pace events = { .rise = 1, .fall = 1 };
	u64 names[DEVICES_MAX] = { [7] = 77 };
	struct state *s = state_new(&ops, 0);
	struct tracker *link, *tcp;

	(void)state;
	state_devices(s, names);
	link = state_add(s, 7, CONFIG_DETECT_LINK, "", &events, 0);
	tcp = state_add(s, 7, CONFIG_DETECT_TCP, "a", &events, 0);
	state_result(s, link, true, NULL, 0, 1);
	assert_false(state_fit(s, 7));
	state_result(s, tcp, true, NULL, 0, 2);
	assert_true(state_fit(s, 7));
	state_result(s, tcp, false, "refused", 0, 3);
	assert_false(state_fit(s, 7));
	assert_string_equal(seen.why, "tcp: refused");
	state_result(s, link, false, "no carrier", 0, 4);
	state_result(s, tcp, true, NULL, 0, 5);
	assert_false(state_fit(s, 7));
	state_result(s, link, true, NULL, 0, 6);
	assert_true(state_fit(s, 7));
	state_free(s);
}

/* A device that gets another number keeps what is known of it. */
static void test_renumbered(void **state)
{
	struct seen seen = { 0 };
	struct state_ops ops = { on_changed, on_alone, &seen };
	struct state_pace events = { .rise = 1, .fall = 1 }, paced = { PACE };
	u64 before[DEVICES_MAX] = {[7] = 77, [8] = 88}, after[DEVICES_MAX] = {[7] = 99, [200] = 77};
	struct state *s = state_new(&ops, 0);

	(void)state;
	state_devices(s, before);
	state_result(s, state_add(s, 7, CONFIG_DETECT_LINK, "", &events, 0), true, NULL, 0, 1);
	state_add(s, 8, CONFIG_DETECT_LINK, "", &events, 0);
	state_mark(s);
	state_devices(s, after);
	state_sweep(s, 2);
	assert_true(state_fit(s, 200) && !state_fit(s, 7));
	assert_false(state_has(s, 8));
	assert_null(state_find(s, 7, CONFIG_DETECT_LINK));
	state_add(s, 200, CONFIG_DETECT_TCP, "gone", &paced, 3);
	state_mark(s);
	state_sweep(s, 4);
	assert_null(state_find(s, 200, CONFIG_DETECT_TCP)); /* not configured any more */
	assert_non_null(state_find(s, 200, CONFIG_DETECT_LINK));
	state_free(s);
}

/* The codec */

static void test_codec(void **state)
{
	static const struct {
		size_t at;
		u8 value;
		int length; /* more or less than there is */
	} broken[] = {
		{0, 0, 0},  {0, 4, 0}, {1, 2, 0},  {2, 1, 0},       {3, 1, 0},     {3, 3, 0},
		{0, 1, -1}, {0, 1, 1}, {60, 8, 0}, {61, ADMINS, 0}, {77, 0xff, 0}, {0, 1, -52},
	};
	struct message m = {.type = MESSAGE_ASK,
			    .side = CONFIG_EGRESS,
			    .challenge = 1,
			    .echo = 2,
			    .epoch = 3,
			    .device = 4,
			    .asked = 5,
			    .records = 2,
			    .record = {{6, true, false, true, ADMIN_DRAINING, 9},
				       {~0ull, false, true, false, ADMIN_FLUSHED, ~0u}}};
	u8 good[MESSAGE_MAX + 1] = { 0 };
	struct message out;
	size_t length = message_encode(&m, good);

	(void)state;
	assert_int_equal(length, MESSAGE_HEAD + 2 * MESSAGE_RECORD);
	assert_int_equal(message_decode(&out, good, length), 0);
	assert_true(out.type == m.type && out.side == m.side && out.challenge == 1 &&
		    out.echo == 2);
	assert_true(out.epoch == 3 && out.device == 4 && out.asked == 5 && out.records == 2);
	for (int i = 0; i < 2; i++) {
		const struct health_record *a = &m.record[i], *b = &out.record[i];

		assert_true(a->name_hash == b->name_hash && a->fit == b->fit &&
			    a->swept == b->swept);
		assert_true(a->up == b->up && a->admin == b->admin &&
			    a->admin_version == b->admin_version);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
		u8 bad[sizeof(good)];

		memcpy(bad, good, sizeof(bad));
		bad[broken[i].at] = broken[i].value;
		if (message_decode(&out, bad, length + (size_t)broken[i].length) != -EBADMSG)
			fail_msg("row %zu is not refused", i);
	}
}

/* A detector that is none any more holds nobody back. */
static void test_forget(void **state)
{
	struct state_pace event = { .rise = 1, .fall = 1 };
	struct seen seen = { 0 };
	struct state_ops ops = { on_changed, on_alone, &seen };
	u64 names[DEVICES_MAX] = { [7] = 77 };
	struct state *s = state_new(&ops, 0);
	struct tracker *t;

	(void)state;
	state_devices(s, names);
	t = state_add(s, 7, CONFIG_DETECT_SILENCE, "event", &event, 0);
	state_result(s, t, false, "none came out", 0, MS);
	t = state_add(s, 7, CONFIG_DETECT_ARP, "event", &event, 0);
	state_result(s, t, true, NULL, 0, MS);
	assert_false(state_fit(s, 7));
	state_forget(s, CONFIG_DETECT_SILENCE);
	assert_true(state_fit(s, 7));
	assert_null(state_find(s, 7, CONFIG_DETECT_SILENCE));
	assert_non_null(state_find(s, 7, CONFIG_DETECT_ARP));
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenes),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_all_agree),
		cmocka_unit_test(test_renumbered),
		cmocka_unit_test(test_codec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
