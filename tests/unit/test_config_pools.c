/* SPDX-License-Identifier: ISC */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/* Inner pools in the configuration: what is wrong with them, and what is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "conf/config.h"

/* Two devices with these pools, at lines 22 and 26. */
static char *pooled(const char *one, const char *two)
{
	return g_strdup_printf("[sandwich]\n"
			       "name = test\n"
			       "mode = vpn\n"
			       "secret-file = /etc/sandwich/secret\n"
			       "[side ingress]\n"
			       "uplink-address = 192.0.2.1/24\n"
			       "farm-address = 10.1.0.1/24\n"
			       "[side egress]\n"
			       "uplink-address = 10.9.0.1/16\n"
			       "farm-address = 10.2.0.1/24\n"
			       "[balancer in-a]\n"
			       "side = ingress\n"
			       "uplink = eth0\n"
			       "farm = eth1\n"
			       "[balancer out-a]\n"
			       "side = egress\n"
			       "uplink = eth0\n"
			       "farm = eth1\n"
			       "[device fw1]\n"
			       "ingress = 10.1.0.11\n"
			       "egress = 10.2.0.11\n"
			       "pool = %s\n"
			       "[device fw2]\n"
			       "ingress = 10.1.0.12\n"
			       "egress = 10.2.0.12\n"
			       "pool = %s\n",
			       one, two);
}

static void pools_do_not_overlap(void **state)
{
	static const struct {
		const char *one, *two, *problem;
		int line;
	} cases[] = {
		{"10.99.1.0/24 fd00:99:1::/64", "10.99.2.0/24 10.99.3.7 fd00:99:2::/64", "", 0},
		{"none", "none", "", 0},
		{"10.99.1.0/24", "10.99.1.0/24",
		 "10.99.1.0/24 overlaps 10.99.1.0/24 of [device fw1]: give each device "
		 "networks of its own, once each", 26},
		{"10.99.1.128/25", "10.98.0.0/24 10.99.0.0/16",
		 "10.99.0.0/16 overlaps 10.99.1.128/25 of [device fw1]: give each device "
		 "networks of its own, once each", 26},
		{"fd00::/48 10.0.0.0/24", "fd00::1:0:0:0:0/64",
		 "fd00:0:0:1::/64 overlaps fd00::/48 of [device fw1]: give each device "
		 "networks of its own, once each", 26},
		{"10.99.1.0/24 10.99.1.5", "10.99.2.0/24",
		 "10.99.1.5/32 overlaps 10.99.1.0/24 of [device fw1]: give each device "
		 "networks of its own, once each", 22},
		{"1.0.0.0/8 2.0.0.0/9 3.0.0.0/10 4.0.0.0/11 5.0.0.0/12 6.0.0.0/13 7.0.0.0/14 "
		 "8.0.0.0/15",
		 "11.0.0.0/16 12.0.0.0/17 13.0.0.0/18 14.0.0.0/19 15.0.0.0/20 16.0.0.0/21 "
		 "17.0.0.0/22 18.0.0.0/23 19.0.0.0/24",
		 "more than 512 pools, or more than 16 different prefix lengths: write fewer, "
		 "larger ones", 26},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *text = pooled(cases[i].one, cases[i].two);
		GPtrArray *problems = config_problems_new();
		struct config *config;
		int rc = config_parse(text, strlen(text), &config, problems);

		assert_int_equal(rc, *cases[i].problem ? -EINVAL : 0);
		assert_int_equal(problems->len, *cases[i].problem != 0);
		if (problems->len) {
			const struct config_problem *p = g_ptr_array_index(problems, 0);

			assert_int_equal(p->line, cases[i].line);
			assert_string_equal(p->text, cases[i].problem);
		}
		config_free(config);
		g_ptr_array_unref(problems);
		g_free(text);
	}
}

static void pools_print(void **state)
{
	char *text = pooled("10.99.1.0/24 fd00:99:1::/64", "10.99.3.7");
	GPtrArray *problems = config_problems_new();
	struct config *config;
	char *printed;

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), &config, problems), 0);
	printed = config_print(config);
	assert_non_null(strstr(printed, "\npool = 10.99.1.0/24 fd00:99:1::/64\n"));
	assert_non_null(strstr(printed, "\npool = 10.99.3.7/32\n"));
	g_free(printed);
	config_free(config);
	g_ptr_array_unref(problems);
	g_free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools_do_not_overlap),
		cmocka_unit_test(pools_print),
	};

	return cmocka_run_group_tests_name("config pools", tests, NULL, NULL);
}
