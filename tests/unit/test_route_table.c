/* links: sandwich/slowpath/route_table.c sandwich/slowpath/memory.c tests/packets/frame.c */
/* SPDX-License-Identifier: ISC */
/*
 * Writing the engine's routes, alone and under the eyes of another thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "sandwich/slowpath/memory.h"
#include "sandwich/slowpath/route_table.h"
#include "tests/unit/frames.h"

struct rig {
	struct memory *memory;
	struct tables tables;
	struct route_table table;
	bool stop;
	u64 looked, missed;
};

static void rig_open(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	assert_int_equal(memory_new(&rig->memory, 1024, 1024, 1024), 0);
	memory_tables(rig->memory, 0, &rig->tables);
	route_table_init(&rig->table, &rig->tables);
}

static int rig_put(struct rig *rig, const char *prefix, u8 length, u16 neighbour)
{
	struct route_value value = {.kind = ROUTE_VIA, .neighbour = neighbour};
	struct address a = frames_address(prefix);

	return route_table_put(&rig->table, &a, 0, length, &value);
}

static void rig_del(struct rig *rig, const char *prefix, u8 length)
{
	struct address a = frames_address(prefix);

	route_table_del(&rig->table, &a, 0, length);
}

static int rig_find(struct rig *rig, const char *destination)
{
	struct address to = frames_address(destination);
	struct route *r = route_find(&rig->tables, rig->tables.settings, &to, 0);

	return r ? r->neighbour : -1;
}

static void test_longest(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	assert_int_equal(rig_put(&rig, "10.1.0.0", 112, 2), 0);
	assert_int_equal(rig_put(&rig, "0.0.0.0", 96, 1), 0);
	assert_int_equal(rig_put(&rig, "10.1.2.99", 120, 3), 0); /* masked */
	assert_int_equal(rig_put(&rig, "10.0.0.0", 104, 4), 0);
	assert_int_equal(rig_put(&rig, "10.1.2.3", 128, 5), 0);
	assert_int_equal(rig_find(&rig, "10.1.2.3"), 5);
	assert_int_equal(rig_find(&rig, "10.1.2.4"), 3);
	assert_int_equal(rig_find(&rig, "10.1.3.4"), 2);
	assert_int_equal(rig_find(&rig, "10.2.3.4"), 4);
	assert_int_equal(rig_find(&rig, "11.2.3.4"), 1);
	assert_int_equal(rig_find(&rig, "2600::1"), -1);
	rig_del(&rig, "10.1.2.0", 120);
	assert_int_equal(rig_find(&rig, "10.1.2.4"), 2);
	rig_del(&rig, "10.1.2.0", 120); /* again: nothing */
	assert_int_equal(rig_put(&rig, "10.1.0.0", 112, 7), 0);
	assert_int_equal(rig_find(&rig, "10.1.2.4"), 7);
	for (int i = 1; i < rig.tables.settings->route_lengths; i++)
		assert_true(rig.tables.settings->route_length[i - 1] >
			    rig.tables.settings->route_length[i]);
	memory_free(rig.memory);
}

static void test_refused(void **state)
{
	struct route_value value = {.kind = ROUTE_VIA, .neighbour = 1}, none = {.kind = ROUTE_NONE};
	struct address a = frames_address("2600::");
	struct rig rig;

	(void)state;
	rig_open(&rig);
	assert_int_equal(route_table_put(&rig.table, &a, 0, 129, &value), -EINVAL);
	assert_int_equal(route_table_put(&rig.table, &a, 1 << 24, 64, &value), -EINVAL);
	assert_int_equal(route_table_put(&rig.table, &a, 0, 64, &none), -EINVAL);
	for (u8 length = 0; length < 64; length++)
		assert_int_equal(route_table_put(&rig.table, &a, 0, length, &value), 0);
	assert_int_equal(route_table_put(&rig.table, &a, 0, 100, &value), -ENOSPC);
	assert_int_equal(rig_find(&rig, "2600::1"), 1);
	route_table_del(&rig.table, &a, 0, 30);
	assert_int_equal(route_table_put(&rig.table, &a, 0, 100, &value), 0); /* 30 is free now */
	assert_int_equal(rig.tables.settings->route_lengths, 64);
	memory_free(rig.memory);
}

/* All slots a prefix can lie in are taken by others: it is refused, and nothing else changes. */
static void test_crowded(void **state)
{
	unsigned int put = 0, refused = 0;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	for (unsigned int i = 0; i < ROUTES_SLOTS; i++) {
		char prefix[48];

		snprintf(prefix, sizeof(prefix), "2600:0:%x::", i);
		if (rig_put(&rig, prefix, 48, (u16)(i % 4000)))
			refused++;
		else
			put++;
	}
	assert_true(refused > 0 && put > ROUTES_SLOTS * 3 / 4);
	assert_int_equal(rig.table.count[48], put);
	route_table_init(&rig.table, &rig.tables);
	assert_int_equal(rig_find(&rig, "2600::1"), -1);
	assert_int_equal(rig_put(&rig, "2600::", 48, 9), 0);
	assert_int_equal(rig_find(&rig, "2600::1"), 9);
	memory_free(rig.memory);
}

/* The engine: a destination whose prefix stays is always found behind it. */
static void *look(void *user)
{
	struct rig *rig = user;
	struct address to = frames_address("198.51.100.7");

	while (!__atomic_load_n(&rig->stop, __ATOMIC_RELAXED)) {
		struct route *r = route_find(&rig->tables, rig->tables.settings, &to, 0);

		__atomic_fetch_add(&rig->looked, 1, __ATOMIC_RELAXED);
		rig->missed += !r || core_load(&r->neighbour) != 42;
	}
	return NULL;
}

static void change_others(struct rig *rig)
{
	for (u8 length = 97; length <= 128; length++)
		if (length != 120)
			assert_int_equal(rig_put(rig, "203.0.113.0", length, 2), 0);
	for (u8 length = 97; length <= 128; length++)
		if (length != 120)
			rig_del(rig, "203.0.113.0", length);
}

/* New tables each time: the list of lengths grows while it is read. */
static void test_under_the_eyes(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		pthread_t thread;
		struct rig rig;

		rig_open(&rig);
		assert_int_equal(rig_put(&rig, "198.51.100.0", 120, 42), 0);
		assert_int_equal(rig_put(&rig, "0.0.0.0", 96, 1), 0);
		assert_int_equal(pthread_create(&thread, NULL, look, &rig), 0);
		while (!__atomic_load_n(&rig.looked, __ATOMIC_RELAXED))
			sched_yield();
		for (int round = 0; round < 50; round++)
			change_others(&rig);
		__atomic_store_n(&rig.stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		assert_int_equal(rig.missed, 0);
		memory_free(rig.memory);
	}
}

static void test_neighbour(void **state)
{
	struct address a = frames_address("192.0.2.7");
	struct mac mac = frames_mac(7), found;
	struct neighbour *n;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	n = tables_neighbour(&rig.tables, 300);
	route_table_neighbour(&rig.table, 300, &a, &mac);
	hop_mac(n->hop, &found);
	assert_true(mac_equal(&found, &mac));
	assert_int_equal(hop_port(n->hop), PORT_UPLINK);
	assert_int_equal(n->vlan, VLAN_KEEP);
	route_table_neighbour(&rig.table, 300, &a, NULL);
	assert_int_equal(n->hop, 0);
	memory_free(rig.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_crowded),   cmocka_unit_test(test_under_the_eyes),
		cmocka_unit_test(test_neighbour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
