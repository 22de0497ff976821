/* links: tests/packets/rig.c tests/packets/world.c tests/packets/frame.c sandwich/slowpath/memory.c
 */
/* SPDX-License-Identifier: ISC */
/*
 * Two threads on one table: a data thread that decides, a main thread that expires, sweeps and
 * flips devices.
 *
 * For SAN=thread as well: what both may touch is read and written whole (core_load, core_store).
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/sweep.h"
#include "tests/packets/rig.h"

#define ROUNDS 200000

struct hammer {
	struct tables tables;
	u32 seed, rounds;
	bool *stop;
	u32 done;
};

static struct flow flow_number(u32 n)
{
	struct flow f = {.protocol = PROTOCOL_UDP};

	address_from_v4(&f.outside, core_swap32(0x0a000000 | n));
	address_from_v4(&f.inside, core_swap32(0xc0000201 ^ n << 8));
	return f;
}

/* Adds, finds and removes the same few keys as the other thread, so that they meet. */
static void *hammer_table(void *arg)
{
	struct hammer *h = arg;

	for (u32 i = 0; i < h->rounds; i++) {
		u32 random = (u32)hash_mix(h->seed + i);
		struct flow f = flow_number(random % 96);
		u64 hash = random % 96 / 3 * 4;
		struct slot *s = table_find(&h->tables, TABLE_SESSIONS, &f, hash);

		if (!s)
			session_add(&h->tables, &f, hash, 1 + random % 3, 0, i / 64);
		else if (random >> 16 & 1)
			session_remove(&h->tables, s, core_load(&s->version));
		else
			session_move(&h->tables, s, &f, 1 + (random >> 20) % 3);
	}
	return NULL;
}

/* No key lies in the table twice within reach of a find, and nothing is left half-written. */
static void check_table(struct tables *t)
{
	for (u32 i = 0; i <= t->mask[TABLE_SESSIONS]; i++)
		assert_int_not_equal(t->slots[TABLE_SESSIONS][i].version, SLOT_BUSY);
}

static void test_table(void **state)
{
	struct hammer h[2];
	struct rig r;
	pthread_t other;

	(void)state;
	rig_open(&r, SIDE_INGRESS, AFFINITY_PAIR);
	for (u32 i = 0; i < 2; i++) {
		h[i] = (struct hammer){.seed = i * 7777777, .rounds = ROUNDS};
		memory_tables(r.world.memory, i, &h[i].tables);
	}
	assert_int_equal(pthread_create(&other, NULL, hammer_table, &h[1]), 0);
	hammer_table(&h[0]);
	pthread_join(other, NULL);
	check_table(r.t);
	for (u32 n = 0; n < 96; n++) {
		struct flow f = flow_number(n);
		struct slot *s;

		while ((s = table_find(r.t, TABLE_SESSIONS, &f, n / 3 * 4)))
			assert_true(session_remove(r.t, s, s->version));
	}
	assert_int_equal(world_live_slots(r.t, TABLE_SESSIONS), 0);
	assert_int_equal(
		r.t->devices[1].sessions + r.t->devices[2].sessions + r.t->devices[3].sessions, 0);
	rig_close(&r);
}

/* The data thread: a few thousand conversations both ways, frame after frame. */
static void *hammer_decide(void *arg)
{
	struct hammer *h = arg;
	struct frame in, out;
	struct work w;

	frame_make(&in, "eth dst=02:00:00:00:5a:00 src=02:00:00:00:aa:01 v4 10.0.0.1>" RIG_SERVER
			" udp 1>2 pay=10");
	frame_make(&out, "eth dst=02:00:00:00:5a:01 v4 " RIG_SERVER ">10.0.0.1 udp 2>1 pay=10");
	for (; !core_load(h->stop); h->done++) {
		u32 random = (u32)hash_mix(h->seed + h->done);
		struct mac mac;

		in.bytes[28] = out.bytes[32] = (u8)(random >> 8 & 15);
		in.bytes[29] = out.bytes[33] = (u8)random;
		world_decide(&h->tables, in.bytes, in.length, PORT_UPLINK, core_load(&h->rounds),
			     &w);
		if (!w.device)
			continue;
		mac = world_device_mac(w.device);
		memcpy(out.bytes + 6, &mac, 6);
		world_decide(&h->tables, out.bytes, out.length, 1, core_load(&h->rounds), &w);
	}
	return NULL;
}

static void housekeep(struct rig *r, u32 now)
{
	for (u32 i = 0; i <= r->t->mask[TABLE_SESSIONS]; i++)
		sweep_expire(r->t, r->cfg, &r->t->slots[TABLE_SESSIONS][i], now, true);
	for (u32 i = 0; i <= r->t->mask[TABLE_PINS]; i++)
		sweep_expire_pin(r->t, r->cfg, &r->t->slots[TABLE_PINS][i], now);
}

static void flip(struct rig *r, u8 device, u32 now)
{
	bool up = !device_set_has(&r->cfg->up, device);

	world_sweep(r->t, device, up, now);
	world_set(r->t, device, up, up);
}

static void test_data_thread_and_main(void **state)
{
	bool stop = false;
	struct hammer h = {.seed = 99, .rounds = 1000, .stop = &stop};
	pthread_t data;
	struct rig r;
	u32 counted = 0;

	(void)state;
	rig_open(&r, SIDE_INGRESS, AFFINITY_PAIR);
	memory_tables(r.world.memory, 1, &h.tables);
	assert_int_equal(pthread_create(&data, NULL, hammer_decide, &h), 0);
	for (u32 round = 0; round < 1500; round++) {
		core_store(&h.rounds, 1000 + round * 100);
		housekeep(&r, 1000 + round * 100);
		if (round % 7 == 3)
			flip(&r, 1 + round % 3, 1000 + round * 100);
	}
	core_store(&stop, true);
	pthread_join(data, NULL);
	check_table(r.t);
	for (u8 id = 0; id <= 3; id++)
		counted += r.t->devices[id].sessions;
	assert_int_equal(counted, world_live_slots(r.t, TABLE_SESSIONS));
	print_message("%u rounds of the data thread\n", h.done);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_data_thread_and_main),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
