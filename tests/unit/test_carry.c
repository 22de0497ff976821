/* SPDX-License-Identifier: ISC */
/* links: sandwich/fastpath/carry.c sandwich/slowpath/memory.c */
/* Sessions and pins out of tables with wider slots and members in another order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/sweep.h"
#include "sandwich/fastpath/carry.h"
#include "sandwich/fastpath/former.h"
#include "sandwich/slowpath/memory.h"

#define FORMER 512 /* slots */
#define NOW    10000000u

/* A slot as another version may have had it. */
struct wide {
	u64 new_idea;
	u8 state, device, protocol, high;
	u32 version, seen, created, packets, low;
	be16 inside_port, outside_port;
	u8 zone[3];
	u8 pad[9];
	struct address inside, outside;
	u64 another[4];
};

static const struct {
	const char *name;
	u32 offset, size;
} members[] = {
	{"version", offsetof(struct wide, version), 4},
	{"seen", offsetof(struct wide, seen), 4},
	{"key.outside", offsetof(struct wide, outside), 16},
	{"key.inside", offsetof(struct wide, inside), 16},
	{"key.outside_port", offsetof(struct wide, outside_port), 2},
	{"key.inside_port", offsetof(struct wide, inside_port), 2},
	{"key.zone", offsetof(struct wide, zone), 3},
	{"key.protocol", offsetof(struct wide, protocol), 1},
	{"created", offsetof(struct wide, created), 4},
	{"packets", offsetof(struct wide, packets), 4},
	{"bytes_low", offsetof(struct wide, low), 4},
	{"bytes_high", offsetof(struct wide, high), 1},
	{"device", offsetof(struct wide, device), 1},
	{"state", offsetof(struct wide, state), 1},
	/* no router: it didn't know any */
};

struct former {
	struct wide sessions[FORMER], pins[FORMER];
};

void former_column(struct former *f, const char *map, const char *field, u32 size,
		   struct former_column *out)
{
	const struct wide *at = !strcmp(map, "pins") ? f->pins : f->sessions;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcmp(members[i].name, field))
			continue;
		assert_int_equal(members[i].size, size);
		*out = (struct former_column){(const u8 *)at + members[i].offset, sizeof(*at),
					      FORMER, members[i].size};
	}
}

u64 former_number(const struct former_column *c, u32 index)
{
	u64 number = 0;

	if (c->at)
		memcpy(&number, c->at + index * c->stride, c->size); /* little-endian */
	return number;
}

void former_copy(const struct former_column *c, u32 index, void *out, u32 size)
{
	memset(out, 0, size);
	if (c->at)
		memcpy(out, c->at + index * c->stride, c->size);
}

struct rig {
	struct former *former;
	struct memory *memory;
	struct tables tables;
	struct carry_counts counts;
};

static void rig_open(struct rig *r, u32 slots)
{
	memset(r, 0, sizeof(*r));
	r->former = calloc(1, sizeof(*r->former));
	assert_non_null(r->former);
	assert_int_equal(memory_new(&r->memory, slots, slots, 64), 0);
	memory_tables(r->memory, 0, &r->tables);
	settings_secret(r->tables.settings, &(struct hash_key){7, 0});
	r->tables.settings->placement.k0 = 9;
	for (int i = 0; i < TIMEOUTS; i++)
		r->tables.settings->timeout[i] = 60000;
}

static void rig_close(struct rig *r)
{
	memory_free(r->memory);
	free(r->former);
}

static struct wide *put(struct wide *table, u32 at, u8 device)
{
	struct wide *w = &table[at];

	*w = (struct wide){.version = 8, .device = device, .protocol = PROTOCOL_UDP,
			   .state = session_byte(SESSION_ESTABLISHED, ORIGIN_LEARNED, 0),
			   .seen = NOW - 1000, .created = NOW - 5000, .packets = 77, .low = 5,
			   .high = 1, .outside_port = 0x1234, .inside_port = 0x5678,
			   .zone = {1, 2, 3}, .new_idea = ~0ull};
	w->outside.word[0] = 0x20010db8 + at;
	w->inside.word[1] = at;
	return w;
}

static struct flow key_of(const struct wide *w)
{
	struct flow key = {.outside = w->outside, .inside = w->inside,
			   .outside_port = w->outside_port, .inside_port = w->inside_port,
			   .protocol = w->protocol};

	memcpy(key.zone, w->zone, 3);
	return key;
}

static struct slot *session_of(struct rig *r, const struct wide *w)
{
	struct flow key = key_of(w);

	return table_find(&r->tables, TABLE_SESSIONS, &key,
			  session_hash(r->tables.settings, &key));
}

static void all(struct rig *r, enum table_kind kind)
{
	memset(&r->counts, 0, sizeof(r->counts));
	carry(r->former, kind, &r->tables, UINT32_MAX, NOW, &r->counts);
}

static void carries_every_member(void **state)
{
	struct wide *w;
	struct slot *s;
	struct rig r;

	(void)state;
	rig_open(&r, 1024);
	w = put(r.former->sessions, 17, 3);
	all(&r, TABLE_SESSIONS);
	assert_int_equal(r.counts.carried, 1);
	s = session_of(&r, w);
	assert_non_null(s);
	assert_int_equal(s->device, 3);
	assert_int_equal(s->state, w->state);
	assert_int_equal(s->seen, w->seen);
	assert_int_equal(s->created, w->created);
	assert_int_equal(s->packets, 77);
	assert_int_equal(slot_bytes(s), (1ull << 32) + 5);
	assert_int_equal(s->router, 0);
	assert_int_equal(r.tables.devices[3].sessions, 1);
	rig_close(&r);
}

static void leaves_what_is_over(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, 1024);
	put(r.former->sessions, 1, 3)->version = SLOT_FREE + 8; /* removed */
	put(r.former->sessions, 2, 3)->version = SLOT_BUSY;
	put(r.former->sessions, 3, 3)->seen = NOW - 60001; /* expired */
	put(r.former->sessions, 4, 0);			   /* nobody's */
	put(r.former->sessions, 5, 3);
	all(&r, TABLE_SESSIONS);
	assert_int_equal(r.counts.carried, 1);
	assert_int_equal(r.counts.no_room, 0);
	rig_close(&r);
}

/* What the former program did between the two copies. */
static void second_copy_brings_up_to_date(void **state)
{
	struct wide *same, *later, *moved, *fresh;
	struct rig r;

	(void)state;
	rig_open(&r, 1024);
	same = put(r.former->sessions, 1, 3);
	later = put(r.former->sessions, 2, 3);
	moved = put(r.former->sessions, 3, 3);
	all(&r, TABLE_SESSIONS);
	session_of(&r, same)->seen = NOW + 50; /* our program has seen it already */
	session_of(&r, same)->packets = 100;
	later->seen = moved->seen = NOW - 10;
	later->packets = 78;
	moved->device = 4;
	fresh = put(r.former->sessions, 4, 5);
	memset(&r.counts, 0, sizeof(r.counts));
	carry(r.former, TABLE_SESSIONS, &r.tables, 2000, NOW, &r.counts);
	assert_int_equal(r.counts.carried, 1);
	assert_int_equal(session_of(&r, same)->packets, 100);
	assert_int_equal(session_of(&r, later)->packets, 78);
	assert_int_equal(session_of(&r, moved)->device, 4);
	assert_int_equal(session_of(&r, fresh)->device, 5);
	assert_int_equal(r.tables.devices[3].sessions, 2);
	assert_int_equal(r.tables.devices[4].sessions, 1);
	carry(r.former, TABLE_SESSIONS, &r.tables, 500, NOW, &r.counts); /* not since then */
	assert_int_equal(r.counts.carried, 1);
	rig_close(&r);
}

static void tells_what_found_no_room(void **state)
{
	struct rig r;
	u32 there = 0;

	(void)state;
	rig_open(&r, 64);
	for (u32 i = 0; i < FORMER; i++)
		put(r.former->sessions, i, 3);
	all(&r, TABLE_SESSIONS);
	for (u32 i = 0; i < FORMER; i++)
		there += session_of(&r, &r.former->sessions[i]) != NULL;
	assert_int_equal(r.counts.carried, there);
	assert_int_equal(r.counts.carried + r.counts.no_room, FORMER);
	assert_true(there > 32 && there <= 64);
	rig_close(&r);
}

static void carries_pins(void **state)
{
	struct wide *w, *host, *fixed;
	struct flow key;
	struct slot *s;
	struct rig r;
	u64 hash;

	(void)state;
	rig_open(&r, 1024);
	w = put(r.former->pins, 5, 9);
	w->state = PIN_SWEPT;
	put(r.former->pins, 6, 9)->seen = NOW - SWEEP_PIN_MS - 1;
	host = put(r.former->pins, 7, 9);
	host->state = PIN_HOST;
	host->seen = NOW - SWEEP_PIN_MS - 1;
	r.tables.settings->timeout[TIMEOUT_INNER_HOST] = 10 * SWEEP_PIN_MS;
	fixed = put(r.former->pins, 8, 9);
	fixed->state = PIN_OPERATOR;
	fixed->seen = NOW - 100 * SWEEP_PIN_MS;
	all(&r, TABLE_PINS);
	assert_int_equal(r.counts.carried, 3);
	all(&r, TABLE_PINS);
	assert_int_equal(r.counts.carried, 0); /* they are there */
	key = key_of(w);
	hash = flow_hash(&r.tables.settings->placement, &key);
	s = pin_find(&r.tables, r.tables.settings, &key, hash, NOW); /* by the filter, too */
	assert_non_null(s);
	assert_int_equal(s->device, 9);
	assert_int_equal(s->state, PIN_SWEPT);
	assert_int_equal(s->created, w->created);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_every_member),
		cmocka_unit_test(leaves_what_is_over),
		cmocka_unit_test(second_copy_brings_up_to_date),
		cmocka_unit_test(tells_what_found_no_room),
		cmocka_unit_test(carries_pins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
