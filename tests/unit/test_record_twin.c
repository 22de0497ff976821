/* links: sync/record_twin.c sync/record_heard.c */
/* SPDX-License-Identifier: ISC */
/* What only twins, or only partners, tell each other: written, read, cut short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sync/record_heard.h"
#include "sync/record_twin.h"

static struct record_writer writer(u8 *out, size_t size)
{
	return (struct record_writer){.at = out, .end = out + size};
}

static const struct record_farm farm = {
	.name = 0x0123456789abcdef, .flags = RECORD_FARM_FIT | RECORD_FARM_UP, .admin = 3,
	.admin_version = 0xfedcba98, .deadline_ms = 600000,
};
static const struct record_neighbour neighbour = {
	.address = {{0x1122334455667788, 0x99aabbccddeeff00}}, .vlan = 4094, .port = 1,
	.router = 255, .mac = {{0xfe, 1, 2, 3, 4, 5}},
};
static const struct record_census census = {.sessions = 0xffffffff, .pins = 7};

static void what_is_written_is_read(void **state)
{
	struct record_neighbour neighbour_out = {0};
	struct record_census census_out = {0};
	struct record_farm farm_out = {0};
	struct record_reader r;
	u8 bytes[128];
	struct record_writer w = writer(bytes, sizeof(bytes));

	(void)state;
	assert_true(record_put_farm(&w, &farm));
	assert_true(record_put_neighbour(&w, &neighbour));
	assert_true(record_put_census(&w, &census));
	assert_int_equal(w.at - bytes, 18 + 26 + 8);
	r = (struct record_reader){.at = bytes, .end = w.at};
	assert_true(record_get_farm(&r, &farm_out));
	assert_true(record_get_neighbour(&r, &neighbour_out));
	assert_true(record_get_census(&r, &census_out));
	assert_int_equal(farm_out.name, farm.name);
	assert_int_equal(farm_out.flags, farm.flags);
	assert_int_equal(farm_out.admin, farm.admin);
	assert_int_equal(farm_out.admin_version, farm.admin_version);
	assert_int_equal(farm_out.deadline_ms, farm.deadline_ms);
	assert_true(address_equal(&neighbour_out.address, &neighbour.address));
	assert_int_equal(neighbour_out.vlan, neighbour.vlan);
	assert_int_equal(neighbour_out.port, neighbour.port);
	assert_int_equal(neighbour_out.router, neighbour.router);
	assert_true(mac_equal(&neighbour_out.mac, &neighbour.mac));
	assert_int_equal(census_out.sessions, census.sessions);
	assert_int_equal(census_out.pins, census.pins);
	assert_false(record_get_farm(&r, &farm_out));
	assert_false(r.bad); /* at the end */
}

static void what_devices_passed_on(void **state)
{
	const struct record_heard heard[] = {{0x0123456789abcdef, 0xfffffffe, true}, {7, 0, false}};
	struct record_heard out = {0};
	struct record_reader r;
	u8 bytes[26];
	struct record_writer w = writer(bytes, sizeof(bytes));

	(void)state;
	assert_true(record_put_heard(&w, &heard[0]) && record_put_heard(&w, &heard[1]));
	assert_int_equal(w.at - bytes, sizeof(bytes));
	assert_false(record_put_heard(&w, &heard[0]));
	assert_true(w.full);
	r = (struct record_reader){.at = bytes, .end = w.at};
	for (int i = 0; i < 2; i++) {
		assert_true(record_get_heard(&r, &out));
		assert_int_equal(out.name, heard[i].name);
		assert_int_equal(out.passed, heard[i].passed);
		assert_int_equal(out.silent, heard[i].silent);
	}
	assert_false(record_get_heard(&r, &out));
	assert_false(r.bad);
	for (size_t n = 1; n < 13; n++) {
		r = (struct record_reader){.at = bytes, .end = bytes + n};
		assert_false(record_get_heard(&r, &out));
		assert_true(r.bad);
	}
	memset(bytes, 0, 8); /* nobody's */
	r = (struct record_reader){.at = bytes, .end = bytes + 13};
	assert_false(record_get_heard(&r, &out));
	assert_true(r.bad);
}

static void what_is_cut_short_is_bad(void **state)
{
	struct record_neighbour neighbour_out;
	struct record_census census_out;
	struct record_farm farm_out;
	u8 bytes[128] = {1};

	(void)state;
	for (size_t n = 1; n < 18; n++) {
		struct record_reader r = {.at = bytes, .end = bytes + n};
		struct record_writer w = writer(bytes, n);

		assert_false(record_put_farm(&w, &farm));
		assert_true(w.full && w.at == bytes);
		assert_false(record_get_farm(&r, &farm_out));
		assert_true(r.bad);
		r = (struct record_reader){.at = bytes, .end = bytes + n};
		assert_false(record_get_neighbour(&r, &neighbour_out));
		assert_true(r.bad);
		r = (struct record_reader){.at = bytes, .end = bytes + n};
		assert_int_equal(record_get_census(&r, &census_out), n >= 8);
	}
}

static void what_can_not_be_is_bad(void **state)
{
	struct record_farm bad[] = {farm, farm}, out;

	(void)state;
	bad[0].name = 0;
	bad[1].admin = 4;
	for (size_t i = 0; i < 2; i++) {
		u8 bytes[18];
		struct record_writer w = writer(bytes, sizeof(bytes));
		struct record_reader r = {.at = bytes, .end = bytes + sizeof(bytes)};

		assert_true(record_put_farm(&w, &bad[i]));
		assert_false(record_get_farm(&r, &out));
		assert_true(r.bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_devices_passed_on),
		cmocka_unit_test(what_is_cut_short_is_bad),
		cmocka_unit_test(what_can_not_be_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
