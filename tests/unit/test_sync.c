/* SPDX-License-Identifier: ISC */
/* links: sync/journal_young.c */
/* links: sync/store.c sync/store_room.c sync/tombs.c sync/journal.c sync/journal_digest.c */
/* links: sync/journal_look.c sync/replicate.c sync/replicate_send.c sync/replicate_take.c */
/* links: sync/repair.c sync/repair_ask.c sync/repair_answer.c sync/census.c sync/riblt.c */
/* links: sync/link.c sync/link_send.c sync/link_memory.c sync/link_path.c sync/link_gaps.c */
/* links: sync/record_link.c sync/record_table.c sync/record_proof.c sync/record_role.c */
/* links: sync/seal.c tests/packets/world.c tests/packets/frame.c sandwich/slowpath/memory.c */
/* Two boxes' tables: what one's frames change the other has, whatever the network does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "sync/repair_state.h"
#include "tests/unit/sync_rig.h"

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- what frames do --------------------------------------------------------------------------- */

static void add(struct node *n, u32 key, u8 device, u8 state)
{
	struct flow f = box_flow(key);

	session_add(&n->box.world.tables, &f, session_hash(n->box.own.settings, &f), device, state,
		    node_ms(n));
}

static void act(struct node *n, u32 key)
{
	struct tables *t = &n->box.world.tables;
	struct slot *s = box_session(&n->box, key);
	struct flow f = box_flow(key);
	u8 device = (u8)(1 + rig_dice(n->rig, RIG_DEVICES));

	switch (rig_dice(n->rig, 6)) {
	case 0:
		if (s)
			session_remove(t, s, s->version);
		break;
	case 1:
		if (s)
			session_move(t, s, &f, device);
		break;
	case 2:
		if (s)
			session_mark(t, s, session_byte((u8)rig_dice(n->rig, SESSION_STATES),
							ORIGIN_HASH, 0), EVENT_CHANGED);
		break;
	case 3:
		if (key & 1)
			pin_put(t, &f, flow_hash(&n->box.own.settings->placement, &f), device,
				PIN_LEARNED, node_ms(n));
		else if ((s = box_find(&n->box, TABLE_PINS, &f)))
			pin_remove(t, s, s->version);
		break;
	default:
		if (!s)
			add(n, key, device, SESSION_NEW);
	}
}

/* --- cases ------------------------------------------------------------------------------------ */

static struct repair_view repair_of(const struct node *n)
{
	struct repair_view view;

	repair_view(n->repair, &view);
	return view;
}

static void test_stream(void **state)
{
	struct sync_rig rig;

	(void)state;
	rig_open(&rig, 1, 4096, 256);
	rig_run(&rig, 200 * MS, MS);
	for (u32 i = 0; i < 5000; i++) {
		act(&rig.node[0], rig_dice(&rig, 2000));
		rig_run(&rig, 200, 200);
	}
	rig_run(&rig, 20 * MS, MS);
	assert_int_equal(rig_differences(&rig), 0);
	rig_run(&rig, 1200 * MS, MS);
	assert_true(repair_of(&rig.node[1]).equal);
	assert_int_equal(repair_of(&rig.node[1]).rounds, 0);
	rig_close(&rig);
}

/* Repair is asked for with nothing but a mark that differs. */
static void test_repair(void **state)
{
	struct repair_view view;
	struct sync_rig rig;

	(void)state;
	rig_open(&rig, 2, 16384, 1024);
	for (u32 i = 0; i < 8000; i++)
		act(&rig.node[0], rig_dice(&rig, 8000));
	rig_run(&rig, 3 * SECOND, MS);
	assert_int_equal(rig_differences(&rig), 0);
	assert_true(repair_of(&rig.node[1]).equal);
	/* behind the back of the stream: another box's words, and none's */
	for (u32 i = 0; i < 300; i++) {
		struct store_record r =
			box_record(TABLE_SESSIONS, rig_dice(&rig, 9000),
				   (u8)(1 + rig_dice(&rig, RIG_DEVICES)), SESSION_ESTABLISHED);

		store_link(rig.node[1].box.store, 9, STORE_TWIN);
		store_apply(rig.node[1].box.store, 9, 1, &r, 1);
		store_drop(rig.node[1].box.store, 9, 1, TABLE_SESSIONS,
			   box_id(&rig.node[1].box, TABLE_SESSIONS, rig_dice(&rig, 9000)));
	}
	assert_true(rig_differences(&rig) > 100);
	rig_run(&rig, 3 * SECOND, MS);
	view = repair_of(&rig.node[1]);
	print_message("rounds %llu, wanted %llu, removed %llu, symbols %llu, %llu + %llu bytes\n",
		      (unsigned long long)view.rounds, (unsigned long long)view.wanted,
		      (unsigned long long)view.removed, (unsigned long long)view.symbols,
		      (unsigned long long)view.asked_bytes,
		      (unsigned long long)repair_of(&rig.node[0]).answered_bytes);
	assert_int_equal(rig_differences(&rig), 0);
	assert_true(view.equal);
	rig_close(&rig);
}

/*
 * Boxes that have adopted tables know only after a while what is in them. Marks wait for that: else
 * the standby would have everything sent, or remove what the active has not looked at yet.
 */
static void test_adopted(void **state)
{
	struct sync_rig rig;
	u64 wanted, removed;

	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		rig_open(&rig, 7, 16384, 1024);
		for (u32 i = 0; i < 8000; i++)
			act(&rig.node[0], rig_dice(&rig, 8000));
		rig_run(&rig, 2 * SECOND, MS);
		rig.cut = true;
		for (u32 i = 0; i < 100; i++)
			act(&rig.node[0], rig_dice(&rig, 8000));
		rig_run(&rig, 100 * MS, MS);
		node_adopt(&rig.node[1]);
		node_adopt(&rig.node[0]);
		rig.node[slow].budget = 20;
		rig.cut = false;
		rig_run(&rig, 400 * MS, MS); /* not half of the table */
		assert_false(repair_of(&rig.node[1]).known);
		rig_run(&rig, 2 * SECOND, MS);
		wanted = repair_of(&rig.node[1]).wanted;
		removed = repair_of(&rig.node[1]).removed;
		assert_true(repair_of(&rig.node[1]).equal);
		assert_int_equal(rig_differences(&rig), 0);
		assert_in_range(wanted + removed, 1, 200);
		rig_close(&rig);
	}
}

/*
 * sync-after: tables that differ by what is young are equal; a slot that waits to be sent when a
 * young session takes it holds nothing up; and what a deposed box had not told is removed.
 */
static void test_young(void **state)
{
	struct sync_rig rig;
	struct slot *s;

	(void)state;
	rig_open(&rig, 8, 4096, 256);
	rig_run(&rig, 100 * MS, MS);
	assert_int_equal(journal_after(rig.node[0].box.journal, 3000), 0);
	journal_hold(rig.node[0].box.journal, true);
	add(&rig.node[0], 1, 1, SESSION_ESTABLISHED);
	rig_run(&rig, 2500 * MS, MS);
	assert_null(box_session(&rig.node[1].box, 1));
	assert_true(repair_of(&rig.node[1]).known && repair_of(&rig.node[1]).equal);
	rig_run(&rig, 600 * MS, MS);
	assert_non_null(box_session(&rig.node[1].box, 1));
	s = box_session(&rig.node[0].box, 1);
	session_mark(&rig.node[0].box.world.tables, s, SESSION_FIN_INSIDE, EVENT_CHANGED);
	node_journal(&rig.node[0]); /* it waits to be sent */
	s->key = box_flow(2);
	s->created = s->seen = node_ms(&rig.node[0]);
	s->version = slot_next(s->version);
	rig_run(&rig, 1200 * MS, MS);
	assert_null(box_session(&rig.node[1].box, 1));
	assert_true(repair_of(&rig.node[1]).equal);
	assert_int_equal(repair_of(&rig.node[1]).rounds, 0);
	/* the other takes over, and hears of none that is young */
	replicate_send_changes(rig.node[0].replicate, false);
	journal_hold(rig.node[0].box.journal, false);
	replicate_send_changes(rig.node[1].replicate, true);
	rig_run(&rig, 2500 * MS, MS);
	assert_true(slot_is_free(s->version));
	assert_int_equal(rig_differences(&rig), 0);
	assert_true(repair_of(&rig.node[0]).equal);
	rig_close(&rig);
}

/* What a partner is told fills what is absent, and nothing else; repair only adds. */
static void test_partner(void **state)
{
	struct sync_rig rig;
	u32 before;

	(void)state;
	rig_open(&rig, 3, 4096, 256);
	for (int i = 0; i < 2; i++) {
		rig.node[i].peer = STORE_PARTNER;
		rig.node[i].active = true;
		node_restart(&rig.node[i], true);
	}
	rig_run(&rig, 100 * MS, MS);
	/* both have seen them; one has half of them elsewhere */
	for (u32 key = 0; key < 200; key++) {
		add(&rig.node[0], key, 1, SESSION_ESTABLISHED);
		add(&rig.node[1], key, (u8)(1 + key % 2), SESSION_OPENING);
	}
	rig_run(&rig, 100 * MS, MS);
	for (u32 key = 0; key < 200; key++)
		assert_int_equal(box_session(&rig.node[1].box, key)->device, 1 + key % 2);
	for (u32 key = 200; key < 300; key++)
		add(&rig.node[0], key, 3, SESSION_ESTABLISHED);
	rig_run(&rig, 100 * MS, MS);
	for (u32 key = 200; key < 300; key++)
		assert_int_equal(session_origin(box_session(&rig.node[1].box, key)->state),
				 ORIGIN_SYNCED);
	session_remove(&rig.node[0].box.world.tables, box_session(&rig.node[0].box, 200),
		       box_session(&rig.node[0].box, 200)->version);
	rig_run(&rig, 100 * MS, MS);
	assert_null(box_session(&rig.node[1].box, 200));
	/* one that has lost a part asks; what it alone has stays */
	for (u32 key = 210; key < 240; key++)
		session_remove(&rig.node[1].box.own, box_session(&rig.node[1].box, key),
			       box_session(&rig.node[1].box, key)->version);
	journal_rescan(rig.node[1].box.journal);
	add(&rig.node[1], 1000, 2, SESSION_ESTABLISHED);
	rig.cut = true; /* not told by the stream */
	rig_run(&rig, MS, MS);
	node_restart(&rig.node[1], true);
	node_restart(&rig.node[0], true);
	rig.cut = false;
	rig_run(&rig, 100 * MS, MS);
	before = world_live_slots(&rig.node[1].box.own, TABLE_SESSIONS);
	assert_null(box_session(&rig.node[1].box, 215));
	repair_start(rig.node[1].repair, rig.now);
	rig_run(&rig, 2 * SECOND, MS);
	for (u32 key = 210; key < 240; key++)
		assert_non_null(box_session(&rig.node[1].box, key));
	assert_int_equal(world_live_slots(&rig.node[1].box.own, TABLE_SESSIONS), before + 30);
	assert_int_equal(repair_of(&rig.node[1]).removed, 0);
	rig_close(&rig);
}

/* An empty partner is filled whole. */
static void test_partner_fills(void **state)
{
	struct sync_rig rig;

	(void)state;
	rig_open(&rig, 4, 4096, 256);
	for (int i = 0; i < 2; i++) {
		rig.node[i].peer = STORE_PARTNER;
		rig.node[i].active = true;
	}
	rig.cut = true;
	for (u32 key = 0; key < 2000; key++)
		add(&rig.node[0], key, (u8)(1 + key % 3), SESSION_ESTABLISHED);
	node_journal(&rig.node[0]);
	node_restart(&rig.node[0], true);
	node_restart(&rig.node[1], true);
	rig.cut = false;
	rig_run(&rig, 100 * MS, MS);
	repair_start(rig.node[1].repair, rig.now);
	rig_run(&rig, 2 * SECOND, MS);
	assert_int_equal(world_live_slots(&rig.node[1].box.own, TABLE_SESSIONS),
			 world_live_slots(&rig.node[0].box.own, TABLE_SESSIONS));
	assert_int_equal(node_missing(&rig.node[0], &rig.node[1], TABLE_SESSIONS), 0);
	rig_close(&rig);
}

/* The last resort: all is sent, and what was not sent goes. */
static void test_dump(void **state)
{
	struct sync_rig rig;

	(void)state;
	rig_open(&rig, 6, 4096, 256);
	for (u32 i = 0; i < 2000; i++)
		act(&rig.node[0], rig_dice(&rig, 1500));
	rig_run(&rig, 1500 * MS, MS);
	for (u32 key = 2000; key < 2100; key++) { /* its own, and others' */
		struct store_record r = box_record(TABLE_SESSIONS, key, 2, SESSION_ESTABLISHED);

		store_apply(rig.node[1].box.store, 1, 1, &r, 1);
	}
	assert_true(rig_differences(&rig) >= 100);
	rig.node[1].repair->ask.stuck = 2; /* the next round would be the third */
	rig.node[1].repair->ask.last_differing = 1;
	rig.node[1].repair->view.differing = 1;
	repair_start(rig.node[1].repair, rig.now);
	assert_int_equal(repair_of(&rig.node[1]).phase, REPAIR_DUMP);
	rig_run(&rig, 1500 * MS, MS);
	assert_int_equal(repair_of(&rig.node[1]).dumps, 1);
	assert_int_equal(repair_of(&rig.node[1]).removed, 100);
	assert_int_equal(rig_differences(&rig), 0);
	assert_true(repair_of(&rig.node[1]).equal);
	rig_close(&rig);
}

/* --- a million -------------------------------------------------------------------------------- */

#define MANY 1000000u
#define MANY_SLOTS (1u << 21)
#define PLANTED 10000u

static void print_bytes(struct sync_rig *rig, const char *what, double cpu, u64 virtual_us)
{
	print_message("%s: %.3f s of CPU both ends, %.3f s, %llu + %llu bytes, %llu datagrams\n",
		      what, cpu, (double)virtual_us / SECOND,
		      (unsigned long long)rig->node[0].bytes_sent,
		      (unsigned long long)rig->node[1].bytes_sent,
		      (unsigned long long)(rig->node[0].datagrams_sent +
					   rig->node[1].datagrams_sent));
}

static void forget_bytes(struct sync_rig *rig)
{
	for (int i = 0; i < 2; i++)
		rig->node[i].bytes_sent = rig->node[i].datagrams_sent = 0;
}

/* Until the standby knows that it is equal. */
static u64 run_until_equal(struct sync_rig *rig, u64 limit)
{
	u64 from = rig->now;

	do
		rig_run(rig, MS, MS);
	while (rig->now - from < limit && !repair_of(&rig->node[1]).equal);
	return rig->now - from;
}

/* A tenth of them missing, extra, on another device, in another state. */
static void plant(struct node *n, u32 count)
{
	struct box *b = &n->box;

	store_link(b->store, 9, STORE_TWIN);
	for (u32 i = 0; i < count; i++) {
		u32 key = i * 97;
		struct slot *s = box_session(b, key);
		struct store_record r = box_record(TABLE_SESSIONS, key, 1, SESSION_ESTABLISHED);

		if (!s)
			continue; /* its window was full */
		r.slot.device = s->device;
		switch (i % 4) {
		case 0:
			assert_true(store_drop(b->store, 9, 1, TABLE_SESSIONS,
					       box_id(b, TABLE_SESSIONS, key)));
			continue;
		case 1:
			r.slot.key = box_flow(MANY + key);
			break;
		case 2:
			r.slot.device = r.slot.device == 1 ? 2 : 1;
			break;
		default:
			r.slot.state ^= SESSION_NEW ^ SESSION_ESTABLISHED;
		}
		store_apply(b->store, 9, 1, &r, 1);
		assert_int_equal(r.result, STORE_APPLIED);
	}
}

/*
 * A fresh standby beside a million sessions, then 10,000 differences in them. The network loses
 * nothing; the credit and the turns bound the rate.
 */
static void test_million(void **state)
{
	struct sync_rig rig;
	u64 took, symbols;
	double cpu;

	(void)state;
	rig_open(&rig, 5, MANY_SLOTS, 1024);
	rig.cut = true;
	for (u32 key = 0; key < MANY; key++)
		add(&rig.node[0], key, (u8)(1 + key % RIG_DEVICES), SESSION_ESTABLISHED);
	node_journal(&rig.node[0]);
	node_restart(&rig.node[0], true); /* so that nothing waits: the standby has to ask */
	node_restart(&rig.node[1], true);
	rig.cut = false;
	forget_bytes(&rig);
	cpu = cpu_seconds();
	took = run_until_equal(&rig, 20 * SECOND);
	print_bytes(&rig, "a fresh standby, 1 M sessions", cpu_seconds() - cpu, took);
	assert_int_equal(rig_differences(&rig), 0);
	assert_true(took <= 2 * SECOND);
	plant(&rig.node[1], PLANTED);
	assert_true(rig_differences(&rig) > PLANTED);
	rig_run(&rig, SECOND - rig.now % SECOND, MS);
	forget_bytes(&rig);
	symbols = repair_of(&rig.node[1]).symbols;
	cpu = cpu_seconds();
	while (repair_of(&rig.node[1]).equal)
		rig_run(&rig, MS, MS);
	took = run_until_equal(&rig, 20 * SECOND);
	print_bytes(&rig, "10,000 differences in 1 M", cpu_seconds() - cpu, took);
	print_message("%llu symbols, %llu asked for, %llu removed, %llu rounds\n",
		      (unsigned long long)(repair_of(&rig.node[1]).symbols - symbols),
		      (unsigned long long)repair_of(&rig.node[1]).wanted,
		      (unsigned long long)repair_of(&rig.node[1]).removed,
		      (unsigned long long)repair_of(&rig.node[1]).rounds);
	assert_int_equal(rig_differences(&rig), 0);
	assert_true(took <= SECOND);
	assert_true(rig.node[0].bytes_sent + rig.node[1].bytes_sent <= 1000000);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_repair),
		cmocka_unit_test(test_adopted),
		cmocka_unit_test(test_young),
		cmocka_unit_test(test_partner),
		cmocka_unit_test(test_partner_fills),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
