/* SPDX-License-Identifier: ISC */
/* links: sandwich/health/silence.c */
/* The rule of passive silence under a virtual clock: counts in, verdicts out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/health/silence.h"

#define S 1000000ull
#define COUNT 3
#define DEVICES 3

/* A side between three devices. What happens in one interval is written to these, then tick(). */
struct world {
	struct silence *rule;
	struct silence_count counts[DEVICES_MAX];
	u32 there[DEVICES_MAX]; /* passed on to the partner */
	bool silent_there;	/* device 1 */
	bool mute;		/* the partner says nothing */
	u64 now;
};

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	w->rule = silence_new(S, COUNT);
	w->now = 1000 * S;
	for (u32 i = 1; i <= DEVICES; i++)
		w->counts[i] = (struct silence_count){i, 0xfffffff0u * i, 0xffffffff};
	return w;
}

static void world_free(struct world *w)
{
	silence_free(w->rule);
	free(w);
}

/* The partner speaks shortly before each tick. */
static void tick(struct world *w)
{
	w->now += S;
	for (u8 i = 1; i <= DEVICES && !w->mute; i++)
		silence_told(w->rule, i, w->there[i], i == 1 && w->silent_there, w->now - 1000);
	silence_tick(w->rule, w->counts, w->now);
}

static void carry(struct world *w, u8 device, u32 sent, u32 passed)
{
	w->counts[device].sent += sent;
	w->counts[device].passed += passed;
}

/* N intervals in which device 1 is sent SENT frames and passes PASSED on; 2 does as it should. */
static void run(struct world *w, unsigned int n, u32 sent, u32 passed)
{
	while (n--) {
		carry(w, 1, sent, passed);
		carry(w, 2, 50, 50);
		tick(w);
	}
}

static bool suspect(struct world *w, u8 device)
{
	return silence_suspect(w->rule, device) != 0;
}

static bool silent(struct world *w, u8 device)
{
	return silence_is_silent(w->rule, device);
}

static struct world *healthy(void)
{
	struct world *w = world_new();

	run(w, 5, 20, 20);
	return w;
}

static struct world *convicted(void)
{
	struct world *w = healthy();

	run(w, COUNT, 20, 0);
	silence_found(w->rule, 1, SILENCE_CONVERSATIONS, w->now);
	assert_true(silent(w, 1));
	return w;
}

static void test_it_swallows(void **state)
{
	struct world *w = healthy();
	u64 began = w->now;

	(void)state;
	run(w, COUNT - 1, 20, 0);
	assert_false(suspect(w, 1));
	run(w, 1, 20, 0);
	assert_int_equal(silence_suspect(w->rule, 1), began);
	assert_false(suspect(w, 2) || suspect(w, 3));
	assert_null(silence_why(w->rule, 1));
	silence_found(w->rule, 1, SILENCE_CONVERSATIONS - 1, w->now);
	assert_false(silent(w, 1)); /* a flood that it rightly drops looks the same */
	run(w, 1, 20, 0);
	silence_found(w->rule, 1, SILENCE_CONVERSATIONS, w->now);
	assert_true(silent(w, 1));
	assert_string_equal(silence_why(w->rule, 1), "80 frames in 4000 ms, and none came out");
	world_free(w);
}

static void test_it_comes_out_there(void **state)
{
	struct world *w = healthy();

	(void)state;
	for (int i = 0; i < 10; i++) { /* one way only: nothing comes back */
		w->there[1]++;
		run(w, 1, 1000, 0);
		assert_false(suspect(w, 1));
	}
	for (int i = 0; i < 10; i++) { /* now and then is enough */
		w->there[1] += i % COUNT == 0;
		run(w, 1, 1000, 0);
		assert_false(suspect(w, 1));
	}
	world_free(w);
}

static void test_it_lets_one_of_a_flood_through(void **state)
{
	struct world *w = healthy();

	(void)state;
	for (int i = 0; i < 20; i++) {
		run(w, COUNT - 1, 100000, 0);
		run(w, 1, 100000, 1);
		assert_false(suspect(w, 1));
	}
	world_free(w);
}

static void test_idle(void **state)
{
	struct world *w = healthy();

	(void)state;
	run(w, 100, 0, 0);
	assert_false(suspect(w, 1));
	for (int i = 0; i < 50; i++) { /* a frame now and then: no row comes of it */
		run(w, 1, 5, 0);
		run(w, 4 * COUNT + 1, 0, 0);
		assert_false(suspect(w, 1));
	}
	run(w, 1, 4, 0);
	run(w, 2, 0, 0); /* the pauses of retransmissions don't end one */
	run(w, 1, 4, 0);
	run(w, 4, 0, 0);
	run(w, 1, 1, 0);
	assert_false(suspect(w, 1)); /* nine frames */
	run(w, 1, 1, 0);
	assert_true(suspect(w, 1));
	run(w, 1, 0, 1);
	assert_false(suspect(w, 1));
	world_free(w);
}

/* When all are silent, it is not the devices. */
static void test_no_witness(void **state)
{
	struct world *w = healthy();

	(void)state;
	for (int i = 0; i < 20; i++) {
		for (u8 d = 1; d <= DEVICES; d++)
			carry(w, d, 100, 0);
		tick(w);
		assert_false(suspect(w, 1) || suspect(w, 2) || suspect(w, 3));
	}
	carry(w, 3, 0, 1);
	tick(w);
	assert_true(suspect(w, 1) && suspect(w, 2) && !suspect(w, 3));
	world_free(w);
}

static void test_partner_says_nothing(void **state)
{
	struct world *w = healthy();

	(void)state;
	w->mute = true;
	run(w, 2 * COUNT, 100, 0); /* the word that is there is good for three intervals */
	silence_found(w->rule, 1, 100, w->now);
	assert_false(silent(w, 1));
	run(w, 20, 100, 0);
	assert_false(suspect(w, 1));
	w->mute = false;
	run(w, COUNT - 1, 100, 0);
	assert_false(suspect(w, 1));
	run(w, 1, 100, 0);
	assert_true(suspect(w, 1));
	world_free(w);
}

/* How many intervals until it is on trial. */
static unsigned int hold(struct world *w)
{
	unsigned int n = 0;

	for (; silent(w, 1) && n < 1000; n++)
		run(w, 1, 0, 0);
	return n;
}

static void test_trials(void **state)
{
	static const unsigned int holds[] = {10, 20, 40, 80, 160, 300, 300};
	struct world *w = convicted();

	(void)state;
	for (size_t i = 0; i < sizeof(holds) / sizeof(*holds); i++) {
		assert_int_equal(hold(w), holds[i]);
		assert_null(silence_why(w->rule, 1));
		run(w, COUNT - 1, 20, 0);
		assert_false(silent(w, 1));
		run(w, 1, 20, 0); /* on trial nobody is asked for conversations */
		assert_true(silent(w, 1));
	}
	world_free(w);
}

/* Once it has passed something on it is judged as before; its past is forgotten after a while. */
static void test_it_is_well_again(void **state)
{
	struct world *w = convicted();

	(void)state;
	assert_int_equal(hold(w), 10);
	run(w, 3, 20, 5);
	run(w, COUNT, 20, 0);
	assert_true(suspect(w, 1) && !silent(w, 1));
	silence_found(w->rule, 1, 9, w->now);
	assert_int_equal(hold(w), 20); /* that was soon */
	run(w, 21, 20, 5);
	run(w, COUNT, 20, 0);
	silence_found(w->rule, 1, 9, w->now);
	assert_int_equal(hold(w), 10);
	world_free(w);
}

static void test_trial_without_traffic(void **state)
{
	struct world *w = convicted();

	(void)state;
	assert_int_equal(hold(w), 10);
	run(w, 500, 0, 0);
	assert_false(silent(w, 1) || suspect(w, 1));
	world_free(w);
}

static void test_the_other_side_finds_it(void **state)
{
	struct world *w = healthy();

	(void)state;
	w->silent_there = true;
	run(w, 1, 0, 0);
	assert_non_null(silence_why(w->rule, 1));
	assert_false(silent(w, 1)); /* what is told is our own alone */
	run(w, 30, 0, 0);
	w->silent_there = false;
	run(w, 1, 0, 0);
	assert_null(silence_why(w->rule, 1));
	run(w, COUNT, 20, 0); /* its trial was ours */
	assert_true(silent(w, 1));
	world_free(w);
	w = healthy();
	w->silent_there = true;
	run(w, 2, 0, 0);
	w->mute = true; /* and that side is gone */
	run(w, 4, 0, 0);
	assert_null(silence_why(w->rule, 1));
	world_free(w);
}

/* Another device under the same id, and counters that begin anew. */
static void test_others(void **state)
{
	struct world *w = convicted();

	(void)state;
	w->counts[1].name = 77;
	run(w, 1, 0, 0);
	assert_false(silent(w, 1));
	run(w, 2, 20, 20);
	w->counts[1].passed = w->counts[1].sent = 0;
	run(w, 1, 0, 0);
	assert_false(suspect(w, 1));
	memset(&w->counts[1], 0, sizeof(w->counts[1]));
	run(w, 20, 50, 0);
	assert_false(suspect(w, 1));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_swallows),
		cmocka_unit_test(test_it_comes_out_there),
		cmocka_unit_test(test_it_lets_one_of_a_flood_through),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_no_witness),
		cmocka_unit_test(test_partner_says_nothing),
		cmocka_unit_test(test_trials),
		cmocka_unit_test(test_it_is_well_again),
		cmocka_unit_test(test_trial_without_traffic),
		cmocka_unit_test(test_the_other_side_finds_it),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
