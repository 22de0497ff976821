/* SPDX-License-Identifier: ISC */
/* links: sandwich/run/flush.c sandwich/slowpath/memory.c */
/* flush: the sessions that a filter names, and no pin that another conversation still needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/place.h"
#include "sandwich/core/session.h"
#include "sandwich/run/balancer.h"

/* The filters' own test is elsewhere: here, by device and by the inside's port. */
bool session_filter_match(const struct session_filter *filter, const struct slot *session)
{
	return (!filter->device || session->device == filter->device) &&
	       (!filter->port || session->key.inside_port == filter->port);
}

struct rig {
	struct memory *memory;
	struct balancer balancer;
	struct tables *tables;
};

static void rig_open(struct rig *r, u8 affinity, bool hosts)
{
	memset(r, 0, sizeof(*r));
	assert_int_equal(memory_new(&r->memory, 256, 256, 64), 0);
	r->tables = &r->balancer.tables;
	memory_tables(r->memory, 0, r->tables);
	r->tables->settings->placement = (struct hash_key){1, 2};
	settings_secret(r->tables->settings, &(struct hash_key){3, 4});
	r->tables->settings->affinity = affinity;
	r->tables->settings->learn_hosts = hosts;
}

static void rig_close(struct rig *r)
{
	memory_free(r->memory);
}

static struct flow flow_of(u32 client, u16 port)
{
	struct flow f = {.protocol = PROTOCOL_TCP, .outside_port = 9, .inside_port = port};

	address_from_v4(&f.outside, core_swap32(0x0a000000 + client));
	address_from_v4(&f.inside, core_swap32(0xc0000201));
	return f;
}

static void converse(struct rig *r, u32 client, u16 port, u8 device)
{
	struct flow f = flow_of(client, port);

	assert_non_null(session_add(r->tables, &f, session_hash(r->tables->settings, &f), device,
				    SESSION_ESTABLISHED, 0));
}

static bool converses(struct rig *r, u32 client, u16 port)
{
	struct flow f = flow_of(client, port);

	return table_find(r->tables, TABLE_SESSIONS, &f, session_hash(r->tables->settings, &f));
}

static u64 key_of(struct rig *r, u32 client, u16 port, bool host, struct flow *key)
{
	struct flow f = flow_of(client, port);

	if (host)
		return place_host_key(r->tables->settings, &f, key);
	affinity_key(key, &f, r->tables->settings->affinity);
	return flow_hash(&r->tables->settings->placement, key);
}

static void pin(struct rig *r, u32 client, u16 port, bool host, u8 device, u8 origin)
{
	struct flow key;
	u64 hash = key_of(r, client, port, host, &key);

	assert_true(pin_put(r->tables, &key, hash, device, origin, 0));
}

static bool pinned(struct rig *r, u32 client, u16 port, bool host)
{
	struct flow key;
	u64 hash = key_of(r, client, port, host, &key);

	return table_find(r->tables, TABLE_PINS, &key, hash);
}

/* One of a client's two connections goes: the pin that both hang on stays until the other goes. */
static void shared_pins_stay(void **state)
{
	struct session_filter filter = {.port = 80};
	struct rig r;

	(void)state;
	rig_open(&r, AFFINITY_CLIENT, false);
	converse(&r, 1, 80, 1);
	converse(&r, 1, 443, 1);
	converse(&r, 2, 80, 1);
	pin(&r, 1, 0, false, 1, PIN_SWEPT);
	pin(&r, 2, 0, false, 1, PIN_SWEPT);
	pin(&r, 3, 0, false, 1, PIN_SWEPT); /* of a silent client */
	assert_int_equal(balancer_flush(&r.balancer, &filter), 2);
	assert_false(converses(&r, 1, 80));
	assert_true(converses(&r, 1, 443));
	assert_true(pinned(&r, 1, 0, false));
	assert_false(pinned(&r, 2, 0, false));
	assert_true(pinned(&r, 3, 0, false));
	assert_int_equal(r.tables->devices[1].sessions, 1);
	assert_true(r.balancer.maintain.dirty);
	filter.port = 443;
	assert_int_equal(balancer_flush(&r.balancer, &filter), 1);
	assert_false(pinned(&r, 1, 0, false));
	assert_int_equal(r.tables->devices[1].sessions, 0);
	assert_int_equal(balancer_flush(&r.balancer, &filter), 0);
	rig_close(&r);
}

static void inner_hosts(void **state)
{
	struct session_filter filter = {.port = 80};
	struct rig r;

	(void)state;
	rig_open(&r, AFFINITY_FLOW, true);
	converse(&r, 1, 80, 1);
	converse(&r, 1, 443, 1);
	converse(&r, 2, 80, 1);
	pin(&r, 1, 80, false, 1, PIN_LEARNED);
	pin(&r, 1, 443, false, 1, PIN_LEARNED);
	pin(&r, 1, 0, true, 1, PIN_HOST);
	pin(&r, 2, 0, true, 1, PIN_HOST);
	assert_int_equal(balancer_flush(&r.balancer, &filter), 2);
	assert_false(pinned(&r, 1, 80, false));
	assert_true(pinned(&r, 1, 443, false));
	assert_true(pinned(&r, 1, 0, true));
	assert_false(pinned(&r, 2, 0, true));
	rig_close(&r);
}

static void a_whole_device(void **state)
{
	struct session_filter filter = {.device = 2};
	struct rig r;

	(void)state;
	rig_open(&r, AFFINITY_PAIR, false);
	for (u32 client = 1; client <= 40; client++)
		converse(&r, client, 80, client % 2 ? 1 : 2);
	pin(&r, 1, 0, false, 1, PIN_SWEPT);
	pin(&r, 2, 0, false, 2, PIN_SWEPT);
	pin(&r, 4, 0, false, 2, PIN_OPERATOR);
	pin(&r, 100, 0, false, 2, PIN_LEARNED); /* without a session */
	pin(&r, 101, 0, false, 1, PIN_LEARNED);
	assert_int_equal(balancer_flush(&r.balancer, &filter), 20);
	assert_int_equal(r.tables->devices[1].sessions, 20);
	assert_int_equal(r.tables->devices[2].sessions, 0);
	assert_true(pinned(&r, 1, 0, false));
	assert_false(pinned(&r, 2, 0, false));
	assert_true(pinned(&r, 4, 0, false)); /* an operator's word outlives it */
	assert_false(pinned(&r, 100, 0, false));
	assert_true(pinned(&r, 101, 0, false));
	rig_close(&r);
}

static void everything(void **state)
{
	struct session_filter filter = {0};
	struct rig r;

	(void)state;
	rig_open(&r, AFFINITY_PAIR, false);
	assert_int_equal(balancer_flush(&r.balancer, &filter), 0);
	for (u32 client = 1; client <= 40; client++) {
		converse(&r, client, 80, 1);
		pin(&r, client, 0, false, 1, PIN_SWEPT);
	}
	assert_int_equal(balancer_flush(&r.balancer, &filter), 40);
	for (u32 client = 1; client <= 40; client++)
		assert_false(pinned(&r, client, 0, false) || converses(&r, client, 80));
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_pins_stay),
		cmocka_unit_test(inner_hosts),
		cmocka_unit_test(a_whole_device),
		cmocka_unit_test(everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
