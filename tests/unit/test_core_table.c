/* links: tests/packets/world.c tests/packets/frame.c sandwich/slowpath/memory.c */
/* SPDX-License-Identifier: ISC */
/* The slot table, and the three things kept in it: sessions, pins, fragments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/sweep.h"
#include "tests/packets/frame.h"
#include "tests/packets/world.h"

static int table_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	world_open(w, 256, 64, 64);
	world_settings(&w->tables, SIDE_INGRESS, AFFINITY_PAIR);
	world_device(&w->tables, 1, "a", 1);
	world_device(&w->tables, 2, "b", 1);
	world_rank(&w->tables);
	*state = w;
	return 0;
}

static int table_teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

static struct flow flow_number(u32 n)
{
	struct flow f = {.protocol = PROTOCOL_UDP};

	address_from_v4(&f.outside, core_swap32(0x0a000000 | n));
	address_from_v4(&f.inside, core_swap32(0xc0000201));
	return f;
}

static u64 counted(struct tables *t, enum counter what)
{
	return t->counters->counter[what];
}

/* Adds flow N at a place that the test chooses. */
static struct slot *add_at(struct tables *t, u32 n, u64 home, u8 state, u32 now)
{
	struct flow f = flow_number(n);

	return session_add(t, &f, home, 1, state, now);
}

static void test_insert_find_remove(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct flow f = flow_number(1);
	struct slot *s;

	assert_null(table_find(t, TABLE_SESSIONS, &f, 5));
	s = add_at(t, 1, 5, SESSION_NEW, 100);
	assert_ptr_equal(s, &t->slots[TABLE_SESSIONS][5]);
	assert_ptr_equal(table_find(t, TABLE_SESSIONS, &f, 5), s);
	assert_int_equal(t->devices[1].sessions, 1);
	assert_int_equal(s->created, 100);
	assert_false(session_remove(t, s, s->version + 4));
	assert_true(session_remove(t, s, s->version));
	assert_false(session_remove(t, s, s->version));
	assert_null(table_find(t, TABLE_SESSIONS, &f, 5));
	assert_int_equal(t->devices[1].sessions, 0);
}

/* A freed slot does not end the walk to those behind it, and is used again first. */
static void test_tombstones(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct flow second = flow_number(2);
	struct slot *a = add_at(t, 1, 9, SESSION_NEW, 0), *b = add_at(t, 2, 9, SESSION_NEW, 0);

	assert_ptr_equal(b, a + 1);
	assert_true(session_remove(t, a, a->version));
	assert_ptr_equal(table_find(t, TABLE_SESSIONS, &second, 9), b);
	assert_ptr_equal(add_at(t, 3, 9, SESSION_NEW, 0), a);
}

static void test_window_wraps_round(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct flow f = flow_number(3);

	add_at(t, 1, 255, SESSION_NEW, 0);
	assert_ptr_equal(add_at(t, 3, 255, SESSION_NEW, 0), t->slots[TABLE_SESSIONS]);
	assert_non_null(table_find(t, TABLE_SESSIONS, &f, 255));
}

/* A slot being written is neither found nor taken, and does not end the walk. */
static void test_busy_slot(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct slot *a = add_at(t, 1, 9, SESSION_NEW, 0);
	struct flow first = flow_number(1), second = flow_number(2);

	assert_true(slot_claim(a, a->version));
	assert_null(table_find(t, TABLE_SESSIONS, &first, 9));
	assert_ptr_equal(add_at(t, 2, 9, SESSION_NEW, 0), a + 1);
	assert_ptr_equal(table_find(t, TABLE_SESSIONS, &second, 9), a + 1);
}

/* A key that a race put twice: the one further from home is the other's copy, and has none. */
static void test_duplicates_settle(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct flow f = flow_number(1);
	struct slot *mine = &t->slots[TABLE_SESSIONS][12], *first, *copy;
	u32 version = 0;

	t->slots[TABLE_SESSIONS][9].version = SLOT_FREE;
	first = add_at(t, 1, 9, SESSION_NEW, 0);
	t->slots[TABLE_SESSIONS][10].version = t->slots[TABLE_SESSIONS][11].version = SLOT_FREE;
	slot_fill(mine, &f, 1, 0, 0);
	slot_publish(mine, SLOT_NEVER);
	assert_ptr_equal(table_first(t, TABLE_SESSIONS, &f, 9, &copy, &version), first);
	assert_ptr_equal(copy, mine);
	assert_int_equal(version, mine->version);
	assert_true(slot_remove(mine, version));
	assert_ptr_equal(table_first(t, TABLE_SESSIONS, &f, 9, &copy, &version), first);
	assert_null(copy);
}

/* The other CPU's copy is published when this one looks: whichever is further away goes. */
static void test_who_comes_last_settles(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct flow f = flow_number(1);
	struct slot *other = &t->slots[TABLE_SESSIONS][12];

	for (u32 i = 9; i < 12; i++)
		t->slots[TABLE_SESSIONS][i].version = SLOT_FREE;
	slot_fill(other, &f, 1, 0, 0);
	slot_publish(other, SLOT_NEVER);
	t->devices[1].sessions = 1;
	assert_ptr_equal(add_at(t, 1, 9, SESSION_NEW, 0), &t->slots[TABLE_SESSIONS][9]);
	assert_true(slot_is_free(other->version));
	assert_int_equal(t->devices[1].sessions, 1);
}

/* Who moves a session keeps others from claiming it, not from finding it. */
static void test_held_slot(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct slot *s = add_at(t, 1, 9, SESSION_NEW, 0);
	struct flow f = flow_number(1), other = flow_number(2);
	u32 version = s->version;

	assert_true(slot_hold(s, version));
	assert_ptr_equal(table_find(t, TABLE_SESSIONS, &f, 9), s);
	assert_false(slot_hold(s, s->version));
	assert_false(session_remove(t, s, s->version));
	session_move(t, s, &f, 2);
	assert_int_equal(s->device, 1);
	slot_unhold(s, version);
	session_move(t, s, &other, 2); /* its slot is another's by now */
	assert_int_equal(s->device, 1);
	session_move(t, s, &f, 2);
	assert_int_equal(s->device, 2);
	assert_int_equal(s->version, version);
}

static void test_versions_grow(void **state)
{
	struct slot s = {0};

	(void)state;
	slot_publish(&s, SLOT_NEVER);
	assert_int_equal(s.version, 4);
	slot_publish(&s, 4);
	assert_int_equal(s.version, 8);
	assert_true(slot_remove(&s, 8));
	assert_true(slot_is_free(s.version));
	assert_false(slot_is_live(s.version));
	assert_true(slot_claim(&s, s.version));
	slot_publish(&s, 10);
	assert_int_equal(s.version, 12); /* who knew it at 8 sees another's */
	assert_false(slot_remove(&s, 8));
	slot_publish(&s, 0xfffffffc); /* comes round, and skips what is no live version */
	assert_int_equal(s.version, 4);
}

/* Fills the window at HOME with sessions in STATE last seen at their number. */
static void fill_window(struct tables *t, u32 first, u64 home, u8 state)
{
	for (u32 i = 0; i < TABLE_WINDOW; i++)
		assert_non_null(add_at(t, first + i, home, state, 1000 + i));
}

/* Full of lasting sessions: the newcomer goes unrecorded, and that is counted. */
static void test_full_of_established(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;

	fill_window(t, 1, 32, SESSION_ESTABLISHED);
	assert_null(add_at(t, 99, 32, SESSION_NEW, 2000));
	assert_int_equal(counted(t, COUNTER_SESSIONS_FULL), 1);
	assert_int_equal(t->devices[1].sessions, TABLE_WINDOW);
}

/* Full of unanswered ones (a flood): the oldest gives way. */
static void test_flood_victim(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct flow oldest = flow_number(1), second = flow_number(2);

	fill_window(t, 1, 32, SESSION_NEW);
	assert_ptr_equal(add_at(t, 99, 32, SESSION_NEW, 2000), &t->slots[TABLE_SESSIONS][32]);
	assert_null(table_find(t, TABLE_SESSIONS, &oldest, 32));
	assert_non_null(table_find(t, TABLE_SESSIONS, &second, 32));
	assert_int_equal(counted(t, COUNTER_SESSIONS_REPLACED), 1);
	assert_int_equal(t->devices[1].sessions, TABLE_WINDOW);
}

/*
 * One that has expired goes before one that only never got an answer, though that is idle for
 * longer.
 */
static void test_expired_victim(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct flow f = flow_number(1);
	struct slot *reset;

	t->settings->timeout[TIMEOUT_UDP] = 60000;
	fill_window(t, 1, 32, SESSION_NEW);
	reset = &t->slots[TABLE_SESSIONS][37];
	reset->key.protocol = PROTOCOL_TCP;
	reset->state = SESSION_RESET;
	reset->seen = 5000;
	assert_ptr_equal(add_at(t, 99, 32, SESSION_NEW, 5000 + 10001), reset);
	assert_non_null(table_find(t, TABLE_SESSIONS, &f, 32));
}

static void test_device_counts_follow(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct slot *s = add_at(t, 1, 1, SESSION_NEW, 0);

	session_move(t, s, &s->key, 2);
	assert_int_equal(t->devices[1].sessions, 0);
	assert_int_equal(t->devices[2].sessions, 1);
	session_move(t, s, &s->key, 2);
	assert_int_equal(t->devices[2].sessions, 1);
	assert_true(session_remove(t, s, s->version));
	assert_int_equal(t->devices[2].sessions, 0);
}

static void test_bytes_are_40_bits(void **state)
{
	struct slot s = {.bytes_low = 0xfffffff0, .packets = 3};

	(void)state;
	slot_account(&s, 0x20);
	assert_true(slot_bytes(&s) == 0x100000010);
	assert_int_equal(s.packets, 4);
}

static void test_pins(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct flow key = flow_number(7);
	u64 hash = flow_hash(&t->settings->placement, &key);
	struct slot *pin;

	assert_null(pin_find(t, t->settings, &key, hash, 0));
	assert_true(pin_put(t, &key, hash, 2, PIN_LEARNED, 500));
	pin = pin_find(t, t->settings, &key, hash, 500);
	assert_non_null(pin);
	assert_int_equal(pin->device, 2);
	assert_int_equal(counted(t, COUNTER_PINS_NEW), 1);
	assert_true(pin_put(t, &key, hash, 1, PIN_SWEPT, 600));
	assert_int_equal(pin->device, 1);
	assert_int_equal(pin->state, PIN_SWEPT);
	assert_int_equal(counted(t, COUNTER_PINS_NEW), 1);
	/* the other filter has it too, so a rebuild can change over at any time */
	t->settings->filter = 1;
	assert_non_null(pin_find(t, t->settings, &key, hash, 500));
	memset(t->filter, 0, 2 * PIN_FILTER_WORDS * sizeof(u64));
	assert_null(pin_find(t, t->settings, &key, hash, 500));
}

static void test_pins_full(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct flow key;

	for (u32 n = 0; n < TABLE_WINDOW; n++) {
		key = flow_number(n);
		assert_true(pin_put(t, &key, 3, 1, PIN_LEARNED, 0));
	}
	key = flow_number(99);
	assert_false(pin_put(t, &key, 3, 1, PIN_LEARNED, 0));
	assert_int_equal(counted(t, COUNTER_PINS_FULL), 1);
}

/* A pin dies SWEEP_PIN_MS after its last use; using it keeps it; an operator's stays. */
static void test_pin_expiry(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct flow key = flow_number(7), own = flow_number(8), host = flow_number(9);
	u64 hash = flow_hash(&t->settings->placement, &key);
	struct slot *pin, *operator_pin, *host_pin;

	assert_true(pin_put(t, &key, hash, 2, PIN_LEARNED, 0));
	assert_true(pin_put(t, &own, 40, 2, PIN_OPERATOR, 0));
	assert_true(pin_put(t, &host, 20, 2, PIN_HOST, 0));
	pin = table_find(t, TABLE_PINS, &key, hash);
	operator_pin = table_find(t, TABLE_PINS, &own, 40);
	host_pin = table_find(t, TABLE_PINS, &host, 20);
	assert_false(sweep_expire_pin(t, t->settings, pin, SWEEP_PIN_MS));
	assert_non_null(pin_find(t, t->settings, &key, hash, 50000));
	assert_false(sweep_expire_pin(t, t->settings, pin, SWEEP_PIN_MS + 1));
	assert_true(sweep_expire_pin(t, t->settings, pin, 50000 + SWEEP_PIN_MS + 1));
	assert_null(table_find(t, TABLE_PINS, &key, hash));
	assert_false(sweep_expire_pin(t, t->settings, operator_pin, 2000000000));
	assert_false(sweep_expire_pin(t, t->settings, host_pin, 3600000));
	assert_true(sweep_expire_pin(t, t->settings, host_pin, 3600001));
	assert_int_equal(counted(t, COUNTER_PINS_EXPIRED), 2);
}

static void parse(const char *text, struct packet *p)
{
	struct packet_cursor c;
	struct frame f;
	u8 why;

	frame_make(&f, "%s", text);
	c = (struct packet_cursor){f.bytes, f.bytes + f.length, f.length};
	memset(p, 0, sizeof(*p));
	assert_true(packet_parse(&c, p, &why));
}

static void test_fragments(void **state)
{
	static const char *const pairs[][2] = {
		{"v4 1.1.1.1>2.2.2.2 id=5 mf udp 1>2 pay=8",
		 "v4 1.1.1.1>2.2.2.2 id=5 off=2 proto=17 pay=8"},
		{"v6 2001:db8::1>2001:db8::2 frag id=5 mf udp 1>2 pay=8",
		 "v6 2001:db8::1>2001:db8::2 frag id=5 off=2 hex=0102030405060708"},
		/*
		 * RFC 8200 4.5: the Fragment headers' next header values may differ, the first
		 * counts
		 */
		{"v6 2001:db8::1>2001:db8::2 frag id=6 mf dstopt udp 1>2 pay=8",
		 "v6 2001:db8::1>2001:db8::2 frag id=6 off=3 hex=0102030405060708"},
	};
	struct tables *t = &((struct world *)*state)->tables;
	struct packet first, later;
	u8 device;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		parse(pairs[i][0], &first);
		parse(pairs[i][1], &later);
		assert_false(fragment_recall(t, t->settings, &later, 100, &device));
		fragment_remember(t, t->settings, &first, 100);
		assert_true(fragment_recall(t, t->settings, &later, 100, &device));
		assert_int_equal(device, 0);
		fragment_place(t, t->settings, &first, 3);
		assert_true(fragment_recall(t, t->settings, &later, 100, &device));
		assert_int_equal(device, 3);
		assert_int_equal(later.sport, first.sport);
		assert_int_equal(later.dport, first.dport);
		assert_int_equal(later.protocol, PROTOCOL_UDP);
		assert_true(later.ports_known);
		assert_false(fragment_recall(t, t->settings, &later, 100 + 5001, &device));
	}
}

/* Another datagram of the same pair, another zone, the other direction: not the same ports. */
static void test_fragments_apart(void **state)
{
	static const char *const others[] = {
		"v4 1.1.1.1>2.2.2.2 id=6 off=2 proto=17 pay=8",
		"v4 2.2.2.2>1.1.1.1 id=5 off=2 proto=17 pay=8",
		"v4 1.1.1.1>2.2.2.2 id=5 off=2 proto=6 pay=8",
		"vlan=3 v4 1.1.1.1>2.2.2.2 id=5 off=2 proto=17 pay=8",
	};
	struct tables *t = &((struct world *)*state)->tables;
	struct packet p;
	u8 device;

	parse("v4 1.1.1.1>2.2.2.2 id=5 mf udp 1>2 pay=8", &p);
	fragment_remember(t, t->settings, &p, 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		parse(others[i], &p);
		assert_false(fragment_recall(t, t->settings, &p, 0, &device));
	}
}

/* More datagrams than there is room: the oldest are forgotten, the newest never. */
static void test_fragments_flood(void **state)
{
	struct tables *t = &((struct world *)*state)->tables;
	struct packet first, later;
	char text[100];
	u8 device;

	for (u32 n = 0; n < 1000; n++) {
		snprintf(text, sizeof(text), "v4 1.1.1.1>2.2.2.2 id=%u mf udp %u>2 pay=8", n,
			 n + 1);
		parse(text, &first);
		fragment_remember(t, t->settings, &first, n);
		snprintf(text, sizeof(text), "v4 1.1.1.1>2.2.2.2 id=%u off=2 proto=17 pay=8", n);
		parse(text, &later);
		assert_true(fragment_recall(t, t->settings, &later, n, &device));
		assert_int_equal(later.sport, first.sport);
	}
	assert_in_range(world_live_slots(t, TABLE_FRAGMENTS), 60, 64);
	assert_int_equal(counted(t, COUNTER_FRAGMENTS_FULL), 0);
}

#define TABLE_TEST(f) cmocka_unit_test_setup_teardown(f, table_setup, table_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(test_insert_find_remove), TABLE_TEST(test_tombstones),
		TABLE_TEST(test_window_wraps_round), TABLE_TEST(test_busy_slot),
		TABLE_TEST(test_duplicates_settle),  TABLE_TEST(test_versions_grow),
		TABLE_TEST(test_who_comes_last_settles), TABLE_TEST(test_held_slot),
		TABLE_TEST(test_full_of_established), TABLE_TEST(test_flood_victim),
		TABLE_TEST(test_expired_victim),     TABLE_TEST(test_device_counts_follow),
		TABLE_TEST(test_bytes_are_40_bits),  TABLE_TEST(test_pins),
		TABLE_TEST(test_pins_full),	     TABLE_TEST(test_pin_expiry),
		TABLE_TEST(test_fragments),	     TABLE_TEST(test_fragments_apart),
		TABLE_TEST(test_fragments_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
