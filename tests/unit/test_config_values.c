/* SPDX-License-Identifier: ISC */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/* What config values are made of: numbers with units, paces, addresses; and near words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "conf/address.h"
#include "conf/config.h"
#include "conf/problem.h"
#include "conf/units.h"

static void macs_read_and_print(void **state)
{
	static const char *const bad[] = {"",
					  "02:73",
					  "02:73:00:00:00:0g",
					  "02-73-00-00-00-01",
					  "02:73:00:00:00:01:",
					  "0273:0000:0001:00"};
	GString *out = g_string_new(NULL);
	struct config_mac mac;

	(void)state;
	assert_int_equal(address_mac_parse("02:73:00:00:00:fA", &mac), 0);
	address_mac_print(out, &mac);
	assert_string_equal(out->str, "02:73:00:00:00:fa");
	g_string_free(out, TRUE);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_int_equal(address_mac_parse(bad[i], &mac), -EINVAL);
}

static void enums_have_words(void **state)
{
	(void)state;
	assert_string_equal(config_mode_name(CONFIG_MODE_VPN), "vpn");
	assert_string_equal(config_affinity_name(CONFIG_AFFINITY_FLOW), "flow");
	assert_string_equal(config_detector_name(CONFIG_DETECT_PATH), "path");
	assert_string_equal(config_datapath_name(CONFIG_DATAPATH_PCAP), "pcap");
	assert_string_equal(config_side_name(CONFIG_EGRESS), "egress");
}

static const struct {
	int (*parse)(const char *text, uint64_t *out);
	void (*print)(GString *out, uint64_t value);
	const char *text;
	int rc;
	uint64_t value;
	const char *printed; /* where it is not text */
} units[] = {
	{units_duration, units_duration_print, "20ms", 0, 20, NULL},
	{units_duration, units_duration_print, "3s", 0, 3000, NULL},
	{units_duration, units_duration_print, "5m", 0, 300000, NULL},
	{units_duration, units_duration_print, "2h", 0, 7200000, NULL},
	{units_duration, units_duration_print, "5d", 0, 432000000, NULL},
	{units_duration, units_duration_print, "90s", 0, 90000, NULL},
	{units_duration, units_duration_print, "60s", 0, 60000, "1m"},
	{units_duration, units_duration_print, "0s", 0, 0, "0s"},
	{units_duration, units_duration_print, "120", -EINVAL, 0, NULL},
	{units_duration, units_duration_print, "ms", -EINVAL, 0, NULL},
	{units_duration, units_duration_print, "1.5s", -EINVAL, 0, NULL},
	{units_duration, units_duration_print, "-1s", -EINVAL, 0, NULL},
	{units_duration, units_duration_print, "1 s", -EINVAL, 0, NULL},
	{units_duration, units_duration_print, "99999999999999999999s", -ERANGE, 0, NULL},
	{units_duration, units_duration_print, "9999999999999999d", -ERANGE, 0, NULL},
	{units_count, units_count_print, "0", 0, 0, NULL},
	{units_count, units_count_print, "1000", 0, 1000, NULL},
	{units_count, units_count_print, "64k", 0, 65536, NULL},
	{units_count, units_count_print, "1024k", 0, 1 << 20, "1M"},
	{units_count, units_count_print, "1M", 0, 1 << 20, NULL},
	{units_count, units_count_print, "1K", -EINVAL, 0, NULL},
	{units_count, units_count_print, "", -EINVAL, 0, NULL},
};

static void units_read_and_print(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		GString *out = g_string_new(NULL);
		uint64_t value = 0;

		if (units[i].parse(units[i].text, &value) != units[i].rc)
			fail_msg("'%s': not %d", units[i].text, units[i].rc);
		assert_int_equal(value, units[i].value);
		units[i].print(out, value);
		if (!units[i].rc)
			assert_string_equal(out->str,
					    units[i].printed ? units[i].printed : units[i].text);
		g_string_free(out, TRUE);
	}
}

static void paces_read_and_print(void **state)
{
	static const char *const good[] = {"20ms x 3", "20msx3", "20ms  x3"};
	static const char *const bad[] = {"",       "x",      "20ms",         "20ms x",
					  "x 3",    "20 x 3", "20ms x 3 x 4", "20ms x 99999999999",
					  "50d x 3"};
	struct config_pace pace;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		GString *out = g_string_new(NULL);

		assert_int_equal(units_pace(good[i], &pace), 0);
		units_pace_print(out, &pace);
		assert_string_equal(out->str, "20ms x 3");
		g_string_free(out, TRUE);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_int_not_equal(units_pace(bad[i], &pace), 0);
}

static void bools_have_three_spellings(void **state)
{
	bool on = false;

	(void)state;
	assert_int_equal(units_bool("yes", &on), 0);
	assert_true(on);
	assert_int_equal(units_bool("off", &on), 0);
	assert_false(on);
	assert_int_equal(units_bool("1", &on), -EINVAL);
}

static void endpoints_read_and_print(void **state)
{
	static const char *const good[] = {"192.0.2.1:80", "[2001:db8::1]:65535"};
	static const char *const bad[] = {"",     ":80",   "192.0.2.1:",      "192.0.2.1:0",
					  "[::1", "[]:80", "192.0.2.1:65536", "[::1]80",
					  "a:80", "::1:x"};
	struct in6_addr address;
	uint16_t port = 0;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		GString *out = g_string_new(NULL);

		assert_int_equal(address_endpoint_parse(good[i], &address, &port), 0);
		address_endpoint_print(out, &address, port);
		assert_string_equal(out->str, good[i]);
		g_string_free(out, TRUE);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_int_equal(address_endpoint_parse(bad[i], &address, &port), -EINVAL);
}

static void ipv4_is_mapped(void **state)
{
	struct config_address prefix;
	struct in6_addr mapped;

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped), 1);
	assert_int_equal(address_prefix_parse("192.0.2.1/24", &prefix), 0);
	assert_int_equal(prefix.length, 120);
	assert_memory_equal(&prefix.address, &mapped, sizeof(mapped));
	assert_int_equal(address_parse("::ffff:192.0.2.1", &mapped), -EINVAL);
}

static void a_slip_is_near_its_word(void **state)
{
	static const char *const words[] = {"uplink", "farm", "sync", NULL};

	(void)state;
	assert_string_equal(problem_nearest("upink", words), "uplink");
	assert_string_equal(problem_nearest("ulpink", words), "uplink");
	assert_string_equal(problem_nearest("Farm", words), "farm");
	assert_null(problem_nearest("x", words));
	assert_null(problem_nearest("", words));
	assert_null(problem_nearest("interface", words));
	assert_null(problem_nearest("uplinkuplinkuplinkuplinkuplinkuplink", words));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_read_and_print),
		cmocka_unit_test(paces_read_and_print),
		cmocka_unit_test(bools_have_three_spellings),
		cmocka_unit_test(endpoints_read_and_print),
		cmocka_unit_test(ipv4_is_mapped),
		cmocka_unit_test(a_slip_is_near_its_word),
		cmocka_unit_test(macs_read_and_print),
		cmocka_unit_test(enums_have_words),
	};

	return cmocka_run_group_tests_name("config values", tests, NULL, NULL);
}
