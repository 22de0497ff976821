/* SPDX-License-Identifier: ISC */
/* links: sync/record_table.c sync/record_proof.c sync/record_role.c sync/record_link.c */
/*
 * Records and items: what is written is read, and written again the same; whatever does not fit, is
 * cut short or can't be is refused, and nothing beyond the end is touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/session.h"
#include "sync/record_link.h"
#include "sync/record_proof.h"
#include "sync/record_role.h"
#include "sync/record_table.h"

#define NOW 0x00001000u /* so that most of the past is before the clock went round */

static u64 seed = 1;

static u32 number(u32 below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)((seed >> 33) % below);
}

static void some_address(struct address *a, bool v4)
{
	if (v4) {
		address_from_v4(a, number(UINT32_MAX));
		return;
	}
	a->word[0] = (u64)number(UINT32_MAX) << 32 | number(UINT32_MAX);
	a->word[1] = (u64)number(UINT32_MAX) << 32 | number(UINT32_MAX);
}

static struct slot some_session(void)
{
	bool v4 = number(2), mixed = !number(8);
	struct slot s = { .device = (u8)number(256), .router = (u8)number(2) };

	some_address(&s.key.outside, v4);
	some_address(&s.key.inside, v4 != mixed);
	s.key.outside_port = (u16)number(65536);
	s.key.inside_port = (u16)number(65536);
	flow_zone(&s.key, number(2) ? number(1 << 24) : 0);
	s.key.protocol = (u8)number(256);
	s.state = session_byte((u8)number(SESSION_STATES), (u8)number(ORIGINS),
			       number(2) ? SESSION_FROM_INSIDE : 0);
	s.seen = NOW - (number(2) ? number(65536) * 1000 : 0);
	s.created = s.seen - (number(2) ? number(2000000) * 1000 : 0);
	if (core_elapsed(NOW, s.created) == 0)
		s.created = NOW;
	s.packets = number(UINT32_MAX);
	s.bytes_low = number(UINT32_MAX);
	s.bytes_high = (u8)number(256);
	return s;
}

static struct slot some_pin(void)
{
	struct slot s = { 0 };
	bool v4 = number(2);

	some_address(&s.key.outside, v4);
	if (number(2))
		some_address(&s.key.inside, v4 || !number(8));
	if (number(2))
		s.key.outside_port = (u16)number(65536);
	flow_zone(&s.key, number(2) ? number(1 << 24) : 0);
	s.key.protocol = (u8)number(256);
	s.state = (u8)number(PIN_ORIGINS);
	s.seen = s.created = NOW - number(2) * number(65536) * 1000;
	return s;
}

static struct record_told some_telling(void)
{
	return (struct record_told){
		.now = NOW,
		.place = (u8)number(256),
		.counters = number(2),
		.router = number(2),
		.name = number(2) ? 0x123456789abcdef0ull + number(1000) : 0,
	};
}

typedef bool (*putter)(struct record_writer *, const struct slot *, const struct record_told *);
typedef bool (*getter)(struct record_reader *, struct record_entry *, u32);

/* One record, at its exact size: it fits there, and nowhere shorter; no part of it is read. */
static size_t whole_or_not(putter put, getter get, const struct slot *s,
			   const struct record_told *told, u8 *bytes, size_t most)
{
	struct record_writer w = { .at = bytes, .end = bytes + most };
	struct record_entry e;
	size_t size;

	assert_true(put(&w, s, told));
	size = (size_t)(w.at - bytes);
	for (size_t shorter = 0; shorter < size; shorter++) {
		u8 *cut = malloc(shorter + 1); /* its end is watched by the sanitizer */
		struct record_writer small = { .at = cut, .end = cut + shorter };
		struct record_reader r = { .at = cut, .end = cut + shorter };

		assert_non_null(cut);
		assert_false(put(&small, s, told));
		assert_true(small.full && small.at == cut);
		memcpy(cut, bytes, shorter);
		assert_false(get(&r, &e, NOW));
		assert_int_equal(r.bad, shorter > 0);
		free(cut);
	}
	return size;
}

static void same_device(const struct record_entry *e, const struct record_told *told)
{
	assert_int_equal(e->name, told->name);
	assert_int_equal(e->place, told->name ? 0 : told->place);
}

static void test_sessions(void **state)
{
	size_t least = SIZE_MAX, most = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		u8 first[RECORD_SESSION_MAX], second[RECORD_SESSION_MAX];
		struct slot s = some_session();
		struct record_told told = some_telling();
		size_t size = whole_or_not(record_put_session, record_get_session, &s, &told, first,
					   sizeof(first));
		struct record_reader r = { .at = first, .end = first + size };
		struct record_writer w = { .at = second, .end = second + sizeof(second) };
		struct record_entry e;

		assert_true(record_get_session(&r, &e, NOW));
		assert_true(r.at == r.end && !r.bad);
		same_device(&e, &told);
		assert_true(flow_equal(&e.slot.key, &s.key));
		assert_int_equal(e.slot.state, s.state);
		assert_int_equal(e.slot.seen, s.seen);
		assert_int_equal(e.slot.created, s.created);
		assert_int_equal(e.counters, told.counters);
		assert_int_equal(e.slot.packets, told.counters ? s.packets : 0);
		assert_int_equal(slot_bytes(&e.slot), told.counters ? slot_bytes(&s) : 0);
		assert_int_equal(e.slot.router, told.router ? s.router : 0);
		assert_true(record_put_session(&w, &e.slot, &told));
		assert_int_equal((size_t)(w.at - second), size);
		assert_memory_equal(first, second, size);
		least = size < least ? size : least;
		most = size > most ? size : most;
	}
	assert_int_equal(least, 16);
	assert_true(most <= RECORD_SESSION_MAX && most > 60);
}

static void test_pins(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		u8 first[RECORD_PIN_MAX], second[RECORD_PIN_MAX];
		struct slot s = some_pin();
		struct record_told told = some_telling();
		size_t size = whole_or_not(record_put_pin, record_get_pin, &s, &told, first,
					   sizeof(first));
		struct record_reader r = { .at = first, .end = first + size };
		struct record_writer w = { .at = second, .end = second + sizeof(second) };
		struct record_entry e;

		assert_true(record_get_pin(&r, &e, NOW));
		assert_true(r.at == r.end && !r.bad);
		same_device(&e, &told);
		assert_true(flow_equal(&e.slot.key, &s.key));
		assert_int_equal(e.slot.state, s.state);
		assert_int_equal(e.slot.seen, s.seen);
		assert_true(record_put_pin(&w, &e.slot, &told));
		assert_int_equal((size_t)(w.at - second), size);
		assert_memory_equal(first, second, size);
	}
}

/* What a slot of long ago, or of a clock a step ahead, is told as. */
static void test_ages(void **state)
{
	static const struct {
		u32 seen, created, seen_read, created_read;
	} rows[] = {
		{ NOW, NOW, NOW, NOW },
		{ NOW + 5, NOW + 5, NOW, NOW },
		{ NOW - 999, NOW - 1999, NOW, NOW - 1000 },
		{ NOW - 65536000u, NOW - 2000000000u, NOW - 65535000u, NOW - 2000000000u },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		u8 bytes[RECORD_SESSION_MAX];
		struct slot s = { .seen = rows[i].seen, .created = rows[i].created };
		struct record_told told = { .now = NOW };
		struct record_writer w = { .at = bytes, .end = bytes + sizeof(bytes) };
		struct record_reader r = { .at = bytes };
		struct record_entry e;

		assert_true(record_put_session(&w, &s, &told));
		r.end = w.at;
		assert_true(record_get_session(&r, &e, NOW));
		assert_int_equal(e.slot.seen, rows[i].seen_read);
		assert_int_equal(e.slot.created, rows[i].created_read);
	}
}

/* The bytes of PROTOCOL.md 4, once by hand. */
static void test_bytes(void **state)
{
	static const u8 expected[] = { 0x56, 6,	 0x12, 9,	 192, 0, 2,  1, 10, 0,	0,
				       1,    31, 144,  0,	 80,  1, 2,  3, 0,  5,	0,
				       0,    0,	 7,    0,	 0,   0, 40, 0, 0,  0,	0,
				       0x10, 0 };
	struct slot s = { .packets = 40, .bytes_low = 0x1000, .seen = NOW - 5000,
			  .created = NOW - 7000 };
	struct record_told told = { .now = NOW, .place = 9, .counters = true, .router = true };
	u8 bytes[RECORD_SESSION_MAX];
	struct record_writer w = { .at = bytes, .end = bytes + sizeof(bytes) };
	u8 outside[] = { 192, 0, 2, 1 }, inside[] = { 10, 0, 0, 1 };
	be32 a, b;

	(void)state;
	memcpy(&a, outside, 4);
	memcpy(&b, inside, 4);
	address_from_v4(&s.key.outside, a);
	address_from_v4(&s.key.inside, b);
	s.key.outside_port = core_swap16(8080);
	s.key.inside_port = core_swap16(80);
	s.key.protocol = PROTOCOL_TCP;
	flow_zone(&s.key, 0x010203);
	s.state = session_byte(SESSION_ESTABLISHED, ORIGIN_LEARNED, SESSION_FROM_INSIDE);
	assert_true(record_put_session(&w, &s, &told));
	assert_int_equal((size_t)(w.at - bytes), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
}

static void test_bad_records(void **state)
{
	static const struct {
		getter get;
		u8 flags, state;
	} rows[] = {
		{ record_get_session, 0x80, 0 },
		{ record_get_session, 0, SESSION_STATES },
		{ record_get_session, 0, ORIGINS << 4 },
		{ record_get_pin, 0x80, 0 },
		{ record_get_pin, 0x10, 0 },
		{ record_get_pin, 0, PIN_ORIGINS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		u8 bytes[RECORD_SESSION_MAX] = { rows[i].flags, 6, rows[i].state };
		struct record_reader r = { .at = bytes, .end = bytes + sizeof(bytes) };
		struct record_entry e;

		assert_false(rows[i].get(&r, &e, NOW));
		assert_true(r.bad && r.at == r.end);
	}
}

static void test_items(void **state)
{
	u8 bytes[64], *item;
	struct record_writer w = { .at = bytes, .end = bytes + sizeof(bytes) };
	struct record_reader r = { .at = bytes };
	struct record_item got = { 0 };

	(void)state;
	item = record_open(&w, RECORD_MARK, 3);
	record_put(&w, 0x0102030405060708ull, 8);
	record_close(&w, item);
	item = record_open(&w, (enum record_kind)250, 0); /* of a later version */
	record_put(&w, 7, 3);
	record_close(&w, item);
	item = record_open(&w, RECORD_HANDOVER, 0);
	record_close(&w, item);
	record_put(&w, 0, 5); /* padding */
	r.end = w.at;
	assert_true(record_next(&r, &got));
	assert_true(got.kind == RECORD_MARK && got.flags == 3 && record_left(&got.content) == 8);
	assert_int_equal(record_get(&got.content, 8), 0x0102030405060708ull);
	assert_false(got.content.bad);
	assert_int_equal(record_get(&got.content, 1), 0);
	assert_true(got.content.bad);
	assert_true(record_next(&r, &got));
	assert_true(got.kind == 250 && record_left(&got.content) == 3);
	assert_true(record_next(&r, &got));
	assert_true(got.kind == RECORD_HANDOVER && !record_left(&got.content));
	assert_false(record_next(&r, &got));
	assert_false(r.bad);
}

static void test_bad_items(void **state)
{
	static const u8 rows[][6] = { { 5 }, { 5, 0 }, { 5, 0, 0 }, { 5, 0, 0, 3, 1, 2 } };
	static const size_t sizes[] = { 1, 2, 3, 6 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct record_reader r = { .at = rows[i], .end = rows[i] + sizes[i] };
		struct record_item item;

		assert_false(record_next(&r, &item));
		assert_true(r.bad);
	}
}

static struct role_heartbeat some_heartbeat(u16 votes)
{
	struct role_heartbeat hb = {
		.role = ROLE_ACTIVE,
		.flags = ROLE_EQUAL | ROLE_EXTERNAL,
		.priority = 200,
		.term = 0x01020304,
		.active = 3,
		.pair = 2,
		.sent_us = 0x1112131415161718ull,
		.votes = votes,
	};

	for (u16 i = 0; i < votes; i++)
		hb.vote[i] = (struct role_vote){ .box = 4u + i, .silent_ms = ROLE_NEVER_MS,
						 .role = ROLE_STANDBY, .flags = 1, .term = i };
	return hb;
}

static void test_heartbeats(void **state)
{
	(void)state;
	for (u16 votes = 0; votes <= ROLE_VOTES; votes++) {
		struct role_heartbeat hb = some_heartbeat(votes), got;
		u8 bytes[256];
		struct record_writer w = { .at = bytes, .end = bytes + sizeof(bytes) };
		size_t size;

		assert_true(record_put_heartbeat(&w, &hb));
		size = (size_t)(w.at - bytes);
		for (size_t shorter = 0; shorter <= size; shorter++) {
			struct record_reader r = { .at = bytes, .end = bytes + shorter };

			assert_int_equal(record_get_heartbeat(&r, &got), shorter == size);
		}
		assert_memory_equal(&got, &hb, sizeof(hb));
		bytes[size] = 1; /* a later version says more: that is passed over */
		assert_true(record_get_heartbeat(
			&(struct record_reader){ .at = bytes, .end = bytes + size + 1 }, &got));
		bytes[0] = ROLE_STATES;
		assert_false(record_get_heartbeat(
			&(struct record_reader){ .at = bytes, .end = bytes + size }, &got));
	}
}

static void test_devices(void **state)
{
	struct record_device d = { .name = 0xa1, .place = 3, .flags = RECORD_DEVICE_UP, .admin = 2,
				   .admin_version = 9 }, got;
	u8 bytes[15];
	struct record_writer w = { .at = bytes, .end = bytes + sizeof(bytes) };
	struct record_reader r = { .at = bytes, .end = bytes + sizeof(bytes) };

	(void)state;
	assert_true(record_put_device(&w, &d));
	assert_false(record_put_device(&w, &d));
	assert_true(record_get_device(&r, &got));
	assert_true(got.name == d.name && got.place == d.place && got.flags == d.flags &&
		    got.admin == d.admin && got.admin_version == d.admin_version);
	assert_false(record_get_device(&r, &got));
	assert_false(r.bad);
	bytes[10] = RECORD_DEVICE_ADMINS;
	r = (struct record_reader){ .at = bytes, .end = bytes + sizeof(bytes) };
	assert_false(record_get_device(&r, &got));
	assert_true(r.bad);
}

static void test_proof(void **state)
{
	struct record_mark mark = { RECORD_MARK_ASKED, 77, { { 1, UINT64_MAX }, 5 } }, mark_read;
	struct record_about about = { 7, TABLE_PINS, RECORD_LEVEL_SHARDS, 4095, 1u << 31 },
			    about_read;
	struct record_digest digest = { 63, { { UINT64_MAX, 2 }, 3 } }, digest_read;
	struct record_symbol symbol = { 1ull << 63, 1u << 31, -3 }, symbol_read;
	u8 bytes[25 + 12 + 22 + 14];
	struct record_writer w = { .at = bytes, .end = bytes + sizeof(bytes) };
	struct record_reader r = { .at = bytes, .end = bytes + sizeof(bytes) };

	(void)state;
	assert_true(record_put_mark(&w, &mark) && record_put_about(&w, &about) &&
		    record_put_digest(&w, &digest) && record_put_symbol(&w, &symbol));
	assert_ptr_equal(w.at, w.end);
	assert_false(record_put_mark(&w, &mark) || record_put_about(&w, &about) ||
		     record_put_digest(&w, &digest) || record_put_symbol(&w, &symbol));
	assert_true(record_get_mark(&r, &mark_read) && record_get_about(&r, &about_read) &&
		    record_get_digest(&r, &digest_read) && record_get_symbol(&r, &symbol_read));
	assert_true(mark_read.why == mark.why && mark_read.round == mark.round);
	assert_memory_equal(&mark_read.root.sum, &mark.root.sum, sizeof(mark.root.sum));
	assert_int_equal(mark_read.root.count, 5);
	assert_true(about_read.round == 7 && about_read.table == TABLE_PINS &&
		    about_read.level == RECORD_LEVEL_SHARDS && about_read.shard == 4095 &&
		    about_read.from == 1u << 31);
	assert_true(digest_read.index == 63 && digest_read.digest.sum[0] == UINT64_MAX &&
		    digest_read.digest.sum[1] == 2 && digest_read.digest.count == 3);
	assert_true(symbol_read.sum == symbol.sum && symbol_read.check == symbol.check &&
		    symbol_read.count == -3);
	assert_false(record_get_symbol(&r, &symbol_read) || record_get_digest(&r, &digest_read));
	assert_false(r.bad);
}

static void test_link_items(void **state)
{
	struct record_link says = { .challenge = 1, .sent_us = 2, .echo_us = 3, .held_us = 4,
				    .last = 5, .floor = 6, .suites = 7, .heard = 8,
				    .probes = 1ull << 40 }, got, old;
	struct record_head head = { 1, 2, 6, 3, 4, 5 }, head_read;
	struct record_ack ack = { 8, 9 }, ack_read;
	u8 bytes[RECORD_HEAD + 4 + RECORD_LINK_SIZE + 4 + 16];
	struct record_writer w = { .at = bytes, .end = bytes + sizeof(bytes) };
	struct record_reader r = { .at = bytes, .end = bytes + sizeof(bytes) };
	struct record_item item;

	(void)state;
	record_put_head(&w, &head);
	assert_true(record_put_link(&w, &says) && record_put_ack(&w, &ack));
	assert_false(record_put_ack(&w, &ack) || record_put_link(&w, &says));
	assert_true(record_get_head(&r, &head_read) && record_next(&r, &item));
	assert_true(head_read.version == 1 && head_read.path == 2 && head_read.flags == 6 &&
		    head_read.term == 3 &&
		    head_read.echo == 4 && head_read.number == 5);
	assert_true(item.kind == RECORD_LINK && record_get_link(&item.content, &got));
	assert_true(got.challenge == 1 && got.sent_us == 2 && got.echo_us == 3 &&
		    got.held_us == 4 && got.last == 5 && got.floor == 6 && got.suites == 7 &&
		    got.heard == 8 && got.probes == 1ull << 40);
	r = item.content;
	r.at -= RECORD_LINK_SIZE; /* as of a sender that does not tell its probes yet */
	r.end -= 8;
	assert_true(record_get_link(&r, &old) && old.heard == 8 && old.probes == 0);
	r = (struct record_reader){ .at = w.at - 4 - 16, .end = w.end };
	assert_true(record_next(&r, &item) && record_get_ack(&item.content, &ack_read));
	assert_true(ack_read.settled == 8 && ack_read.credit == 9);
}

static void test_ranges(void **state)
{
	static const struct record_range ranges[] = {
		{ 1ull << 40, 1 }, { (1ull << 40) + 65535, 65535 }, { (1ull << 40) + 65536, 1 } };
	u8 bytes[64];
	struct record_writer w = { .at = bytes, .end = bytes + sizeof(bytes) };
	struct record_reader r = { .at = bytes };
	struct record_range got;
	struct record_item item;
	u64 base;

	(void)state;
	assert_int_equal(record_put_ranges(&w, RECORD_GIVEN_UP, 99, ranges, 3), 2); /* the span */
	r.end = w.at;
	assert_true(record_next(&r, &item));
	assert_int_equal(record_get(&item.content, 8), 99);
	base = record_get(&item.content, 8);
	for (int i = 0; i < 2; i++) {
		assert_true(record_get_range(&item.content, base, &got));
		assert_true(got.first == ranges[i].first && got.count == ranges[i].count);
	}
	assert_false(record_get_range(&item.content, base, &got));
	assert_false(item.content.bad);
	w = (struct record_writer){ .at = bytes, .end = bytes + RECORD_ITEM + 16 + 4 };
	assert_int_equal(record_put_ranges(&w, RECORD_NACK, 0, ranges, 3), 2); /* and the room */
	assert_int_equal(record_put_ranges(&w, RECORD_NACK, 0, ranges, 3), 0);
}

static void test_refresh(void **state)
{
	struct record_refresh told = { 0xabcdull << 48, NOW - 3000, NOW - 90000, 12, 1ull << 41 };
	u8 bytes[24];
	struct record_writer w = { .at = bytes, .end = bytes + sizeof(bytes) };
	struct record_reader r = { .at = bytes, .end = bytes + sizeof(bytes) };
	struct record_refresh got;

	(void)state;
	assert_true(record_put_refresh(&w, &told, NOW));
	assert_false(record_put_refresh(&w, &told, NOW));
	assert_true(record_get_refresh(&r, &got, NOW));
	assert_true(got.id == told.id && got.seen == told.seen && got.created == told.created &&
		    got.packets == told.packets && got.bytes == told.bytes);
	assert_false(record_get_refresh(&r, &got, NOW));
	assert_false(r.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions),   cmocka_unit_test(test_pins),
		cmocka_unit_test(test_ages),	   cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_bad_records), cmocka_unit_test(test_items),
		cmocka_unit_test(test_bad_items),  cmocka_unit_test(test_heartbeats),
		cmocka_unit_test(test_devices),	   cmocka_unit_test(test_proof),
		cmocka_unit_test(test_link_items), cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_refresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
