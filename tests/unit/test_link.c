/* SPDX-License-Identifier: ISC */
/* links: sync/link.c sync/link_send.c sync/link_memory.c sync/link_path.c sync/link_gaps.c */
/* links: sync/record_link.c sync/seal.c */
/*
 * The link of two boxes: what is said at one end is true at the other, whatever the network does,
 * and each loss is counted.
 */
#include "tests/unit/link_rig.h"

#define BOTH(i) for (int i = 0; i < 2; i++)

static void churn(struct rig *rig, u32 rounds, u64 pause)
{
	for (u32 round = 0; round < rounds; round++) {
		BOTH(i)
			for (int k = 0; k < 40; k++)
				box_set(&rig->box[i], rig_random(rig, REGISTERS),
					rig_random(rig, 1000000) + 1);
		rig_run(rig, pause);
	}
}

static void trouble(struct rig *rig, u32 loss, u32 twice, u32 late, u64 jitter)
{
	BOTH(i)
		for (int path = 0; path < RIG_PATHS; path++) {
			struct net_way *way = &rig->way[i][path];

			way->loss = loss;
			way->twice = twice;
			way->late = late;
			way->jitter = jitter;
		}
}

static void test_start(void **state)
{
	struct rig *rig = rig_start(1);

	(void)state;
	churn(rig, 10, 5 * MS);
	rig_run(rig, 100 * MS);
	assert_true(rig_equal(rig));
	BOTH(i) {
		struct rig_box *b = &rig->box[i];
		struct link_view view = box_view(b);

		assert_true(view.up && b->ups == 1 && !b->downs);
		assert_int_equal(b->resets, 1);
		assert_int_equal(view.heard, 3);
		assert_int_equal(view.hears, 3);
		assert_int_equal(view.path, 0);
		assert_in_range(view.rtt_us, 199, 201);
		assert_int_equal(view.acked, view.sent);
		assert_int_equal(view.settled, view.newest);
		assert_int_equal(view.counts.lost + view.counts.duplicate + view.counts.nacked, 0);
		assert_int_equal(view.counts.received_reliable, view.newest);
		assert_true(b->heartbeats >= 10 && !b->stale);
		for (int why = 0; why < LINK_REFUSALS; why++)
			if (why != LINK_REFUSED_ECHO) /* how they come to know each other */
				assert_int_equal(view.counts.refused[why], 0);
	}
	rig_free(rig);
}

/* Loss, doubling, reordering: equal after quiet, and each of them counted, to the last one. */
static void test_trouble(void **state)
{
	static const struct {
		u32 loss, twice, late;
		u64 jitter;
	} rows[] = { { 50, 0, 0, 0 },  { 0, 50, 0, 0 },	    { 0, 0, 50, 300 },
		     { 50, 50, 50, 300 }, { 300, 100, 100, 2000 } };

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct rig *rig = rig_start(row + 2);

		rig_run(rig, 50 * MS);
		trouble(rig, rows[row].loss, rows[row].twice, rows[row].late, rows[row].jitter);
		churn(rig, 1000, MS);
		trouble(rig, 0, 0, 0, 0);
		rig_run(rig, 500 * MS);
		assert_true(rig_equal(rig));
		BOTH(i) {
			struct link_view view = box_view(&rig->box[i]);
			struct net_way *way = rig->way[!i];

			assert_int_equal(view.counts.lost, way[0].dropped + way[1].dropped);
			assert_int_equal(view.counts.duplicate, way[0].doubled + way[1].doubled);
			assert_int_equal(!!view.counts.reordered, !!rows[row].late);
			assert_int_equal(view.settled, view.newest);
			assert_int_equal(box_view(&rig->box[!i]).acked, view.settled);
			assert_true(rig->box[i].resets == 1);
			if (rows[row].loss) {
				assert_true(view.counts.given_up && view.counts.nacked);
				assert_true(view.counts.nacked < view.newest);
				assert_true(rig->box[!i].again <= view.counts.nacked);
			} else { /* what is only late is not asked for */
				assert_int_equal(view.counts.nacked, 0);
			}
		}
		rig_free(rig);
	}
}

/* The loss of the very last datagram shows by the heartbeat. */
static void test_tail(void **state)
{
	struct rig *rig = rig_start(9);

	(void)state;
	rig_run(rig, 100 * MS);
	rig->way[0][0].cut = true;
	box_set(&rig->box[0], 5, 55);
	rig_run(rig, 1);
	rig->way[0][0].cut = false;
	assert_false(rig_equal(rig));
	rig_run(rig, 40 * MS);
	assert_true(rig_equal(rig));
	assert_int_equal(box_view(&rig->box[1]).counts.nacked, 1);
	assert_int_equal(box_view(&rig->box[0]).counts.retransmitted, 1);
	rig_free(rig);
}

static void test_restarts(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 20; seed++) {
		struct rig *rig = rig_start(100 + seed);
		u8 who = seed & 1;

		trouble(rig, 50, 20, 20, 300);
		churn(rig, 50, MS);
		box_restart(&rig->box[who], seed & 2);
		churn(rig, 100, MS);
		if (seed & 4)
			box_restart(&rig->box[!who], true);
		churn(rig, 50, MS);
		trouble(rig, 0, 0, 0, 0);
		rig_run(rig, 500 * MS);
		assert_true(rig_equal(rig));
		BOTH(i) {
			struct link_view view = box_view(&rig->box[i]);

			assert_true(view.up);
			assert_int_equal(view.counts.refused[LINK_REFUSED_FORGED], 0);
			assert_int_equal(view.counts.refused[LINK_REFUSED_MALFORMED], 0);
			assert_int_equal(box_view(&rig->box[!i]).acked, view.settled);
		}
		rig_free(rig);
	}
}

/* Both hear nothing for longer than silence: down; then it goes on where it was. */
static void test_cut(void **state)
{
	struct rig *rig = rig_start(20);

	(void)state;
	rig_run(rig, 100 * MS);
	BOTH(i)
		for (int path = 0; path < RIG_PATHS; path++)
			rig->way[i][path].cut = true;
	churn(rig, 20, MS);
	rig_run(rig, 60 * MS);
	BOTH(i) {
		assert_false(box_view(&rig->box[i]).up);
		assert_int_equal(rig->box[i].downs, 1);
		assert_int_equal(link_room(rig->box[i].link), 0);
	}
	BOTH(i)
		rig->way[i][1].cut = false;
	rig_run(rig, 150 * MS);
	assert_true(rig_equal(rig));
	BOTH(i) {
		struct link_view view = box_view(&rig->box[i]);

		assert_true(view.up && view.path == 1 && view.heard == 2);
		assert_int_equal(rig->box[i].resets, 1);
		assert_in_range(view.counts.lost, 1,
				rig->way[!i][0].dropped + rig->way[!i][1].dropped - 1);
	}
	rig_free(rig);
}

/* What is sent by a path that nobody hears is no loss, once that is known. */
static void test_probes(void **state)
{
	struct rig *rig = rig_new(25);
	u64 lost[2], dropped;

	(void)state;
	BOTH(i)
		rig->way[i][1].cut = true;
	BOTH(i)
		box_open(&rig->box[i]);
	churn(rig, 200, 5 * MS);
	dropped = rig->way[0][1].dropped;
	assert_true(dropped >= 45);
	BOTH(i)
		assert_int_equal(box_view(&rig->box[i]).counts.lost, 0);
	rig->way[0][0].loss = 200;
	churn(rig, 200, 5 * MS);
	rig->way[0][0].loss = 0;
	rig_run(rig, 100 * MS);
	assert_true(rig_equal(rig));
	assert_true(rig->way[0][0].dropped >= 20);
	assert_int_equal(box_view(&rig->box[1]).counts.lost, rig->way[0][0].dropped);
	assert_int_equal(box_view(&rig->box[0]).counts.lost, 0);
	BOTH(i)
		rig->way[i][1].cut = false; /* now it works, and then fails again */
	churn(rig, 200, 5 * MS);
	BOTH(i)
		lost[i] = box_view(&rig->box[i]).counts.lost;
	assert_int_equal(lost[0], 0);
	assert_int_equal(lost[1], rig->way[0][0].dropped);
	BOTH(i)
		rig->way[i][1].cut = true;
	churn(rig, 400, 5 * MS);
	BOTH(i) /* three intervals and a quarter, and the way back */
		assert_in_range(box_view(&rig->box[i]).counts.lost - lost[i], 3, 6);
	rig_free(rig);
}

/* A path that is cut one way carries no data, though its sender hears the other by it. */
static void test_one_way(void **state)
{
	struct rig *rig = rig_start(30);

	(void)state;
	rig_run(rig, 100 * MS);
	rig->way[0][0].cut = true;
	rig_run(rig, 100 * MS);
	assert_int_equal(box_view(&rig->box[0]).path, 1);
	assert_int_equal(box_view(&rig->box[0]).heard, 3);
	assert_int_equal(box_view(&rig->box[0]).hears, 2);
	assert_int_equal(box_view(&rig->box[1]).heard, 2);
	churn(rig, 20, MS);
	rig_run(rig, 50 * MS);
	assert_true(rig_equal(rig));
	rig->way[0][0].cut = false;
	rig_run(rig, 50 * MS);
	assert_int_equal(box_view(&rig->box[0]).path, 0);
	BOTH(i)
		assert_int_equal(rig->box[i].downs, 0);
	rig_free(rig);
}

/* TIMES as much as is ever said at once, as fast as it goes. */
static void flood(struct rig *rig, u32 times)
{
	for (u32 i = 0; i < times * REGISTERS; i++) {
		box_set(&rig->box[0], i % REGISTERS, i);
		(void)box_tell(&rig->box[0]);
	}
	rig_run(rig, MS);
}

/* Without acknowledgement no more than the credit goes out; changes fold meanwhile. */
static void test_credit(void **state)
{
	struct rig *rig = rig_new(40);
	struct link_view view;
	u64 before;

	(void)state;
	rig->datagram = 512;
	box_open(&rig->box[0]);
	box_open(&rig->box[1]);
	rig_run(rig, 100 * MS);
	for (int i = 0; box_view(&rig->box[0]).window < LINK_CREDIT; i++) {
		assert_in_range(i, 0, 1000);
		flood(rig, 8);
	}
	rig_run(rig, 100 * MS);
	BOTH(i)
		rig->way[1][i].cut = true;
	before = box_view(&rig->box[0]).sent;
	for (u32 i = 0; i < 20000; i++) {
		box_set(&rig->box[0], i % REGISTERS, i);
		(void)box_tell(&rig->box[0]);
	}
	view = box_view(&rig->box[0]);
	assert_int_equal(view.sent - view.acked, LINK_CREDIT);
	assert_int_equal(link_room(rig->box[0].link), 0);
	BOTH(i)
		rig->way[1][i].cut = false;
	rig_run(rig, 200 * MS);
	assert_true(rig_equal(rig));
	assert_true(box_view(&rig->box[0]).sent < before + LINK_CREDIT + 400);
	rig_free(rig);
}

/* More to say than the path carries: most of it folds, little is lost, and nobody falls silent. */
static void test_narrow(void **state)
{
	struct rig *rig = rig_start(45);
	struct net_way *way = &rig->way[0][0];
	struct link_view view;

	(void)state;
	rig->way[0][1].cut = true;
	way->pace = 116; /* 100 Mbit/s */
	way->queue = 50 * MS;
	rig_run(rig, 100 * MS);
	for (int i = 0; i < 4000; i++) {
		for (u32 k = 0; k < REGISTERS; k++)
			box_set(&rig->box[0], k, (u32)i);
		rig_run(rig, MS / 2);
	}
	view = box_view(&rig->box[0]);
	assert_int_equal(rig->box[0].downs + rig->box[1].downs, 0);
	assert_true(view.sent > 2 * SECOND / way->pace * 8 / 10); /* the path was made use of */
	assert_true(way->dropped < view.sent / 10);
	way->pace = 0;
	rig_run(rig, 300 * MS);
	assert_true(rig_equal(rig));
	rig_free(rig);
}

/* A HANDOVER counts only with all that was said before it, also by what was said anew. */
static void test_complete(void **state)
{
	struct rig *rig = rig_start(50);
	struct rig_box *a = &rig->box[0], *b = &rig->box[1];
	u64 number;

	(void)state;
	rig_run(rig, 100 * MS);
	rig->way[0][0].cut = true;
	box_set(a, 1, 11);
	rig_run(rig, 1);
	rig->way[0][0].cut = false;
	number = box_hand_over(a);
	rig_run(rig, 150);
	assert_int_equal(b->handover, number);
	assert_false(link_complete(b->link, number)); /* what was before it is missing */
	rig_run(rig, 60 * MS);
	assert_true(rig_equal(rig));
	assert_int_equal(a->again, 1);
	assert_false(link_complete(b->link, number)); /* that came behind it */
	number = box_hand_over(a);
	rig_run(rig, 150);
	assert_true(link_complete(b->link, number));
	assert_false(link_complete(b->link, number + 1));
	rig_free(rig);
}

/* The late word of a box that was deposed; its heartbeats are heard. */
static void test_deposed(void **state)
{
	struct rig *rig = rig_start(60);
	u32 heartbeats;

	(void)state;
	link_term(rig->box[0].link, 5, 0);
	link_term(rig->box[1].link, 6, 6);
	rig_run(rig, 100 * MS);
	heartbeats = rig->box[1].heartbeats;
	box_set(&rig->box[0], 3, 33);
	box_set(&rig->box[1], 4, 44);
	rig_run(rig, 100 * MS);
	assert_int_equal(rig->box[1].theirs[3], 0);
	assert_int_equal(rig->box[0].theirs[4], 44);
	assert_true(rig->box[1].heartbeats >= heartbeats + 8);
	assert_true(box_view(&rig->box[1]).counts.refused[LINK_REFUSED_DEPOSED] > 0);
	assert_int_equal(box_view(&rig->box[0]).acked, box_view(&rig->box[0]).sent);
	rig_free(rig);
}

/* Our loop stood still: the peer isn't silent, we did not listen. */
static void test_late(void **state)
{
	struct rig *rig = rig_start(70);

	(void)state;
	rig_run(rig, 100 * MS);
	rig->now += 500 * MS;
	BOTH(i)
		rig->box[i].tick_at = link_tick(rig->box[i].link, rig->now);
	rig_run(rig, 100 * MS);
	BOTH(i)
		assert_int_equal(rig->box[i].downs, 0);
	rig_free(rig);
}

/* What was recorded before a restart of the receiver's opens nothing after it. */
static void test_recorded(void **state)
{
	struct rig *rig = rig_start(80);
	struct rig_box *a = &rig->box[0], *b = &rig->box[1];
	struct net_datagram *recorded;
	struct link_view before, after;

	(void)state;
	rig_run(rig, 100 * MS);
	rig->way[0][0].delay = SECOND;
	box_set(a, 7, 77);
	rig_run(rig, 1);
	rig->way[0][0].delay = 100;
	while ((recorded = heap_take(rig))->at < rig->now + SECOND / 2)
		free(recorded);
	box_restart(b, true);
	link_input(b->link, 0, recorded->bytes, recorded->length, rig->now);
	assert_int_equal(b->theirs[7], 0);
	assert_int_equal(box_view(b).counts.refused[LINK_REFUSED_ECHO], 1);
	free(recorded);
	rig_run(rig, 200 * MS);
	before = box_view(b);
	rig_run(rig, 100 * MS);
	after = box_view(b);
	assert_true(after.up && rig_equal(rig));
	assert_int_equal(after.counts.refused[LINK_REFUSED_ECHO],
			 before.counts.refused[LINK_REFUSED_ECHO]);
	rig_free(rig);
}

static void test_setup(void **state)
{
	struct link_setup good = { .secret = rig_secret, .secret_length = 4, .self = 1, .peer = 2,
				   .paths = 1, .interval_us = 1, .count = 1 };
	struct link_setup bad[] = { good, good, good, good, good, good, good };
	struct link *l;

	(void)state;
	bad[0].paths = 0;
	bad[1].paths = LINK_PATHS + 1;
	bad[2].peer = 1;
	bad[3].secret_length = 0;
	bad[4].credit = LINK_CREDIT_MAX + 1;
	bad[5].memory = 1000;
	bad[6].datagram = 100;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(link_new(&l, &bad[i], 1), -EINVAL);
		assert_null(l);
	}
	assert_int_equal(link_new(&l, &good, 1), 0);
	link_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),	 cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_tail),	 cmocka_unit_test(test_restarts),
		cmocka_unit_test(test_cut),	 cmocka_unit_test(test_one_way),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_credit),	 cmocka_unit_test(test_complete),
		cmocka_unit_test(test_deposed),	 cmocka_unit_test(test_late),
		cmocka_unit_test(test_recorded), cmocka_unit_test(test_setup),
		cmocka_unit_test(test_narrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
