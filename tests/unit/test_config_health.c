/* SPDX-License-Identifier: ISC */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/* The checks of [health]: what is written, and what is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/health_rig.h"

static const struct {
	const char *line, *printed;
} checks[] = {
	{"arp = on\n", "\narp = on 1s x 3\n"},
	{"arp = off\n", "\narp = off\n"},
	{"icmp = on 200ms x 5\n", "\nicmp = on 200ms x 5\n"},
	{"icmp = 10.1.0.11 2001:db8::1\n", "\nicmp = 10.1.0.11 1s x 3, 2001:db8::1 1s x 3\n"},
	{"tcp = 22\n", "\ntcp = 22 1s x 3\n"},
	{"tcp = :22\n", "\ntcp = 22 1s x 3\n"},
	{"tcp = 10.1.0.11:500 1sx2, 22 500ms x 4\n",
	 "\ntcp = 10.1.0.11:500 1s x 2, 22 500ms x 4\n"},
	{"tcp = [2001:db8::1]:22\n", "\ntcp = [2001:db8::1]:22 1s x 3\n"},
	{"http = :80/health\n", "\nhttp = :80/health 1s x 3\n"},
	{"http = http://10.1.0.11/\n", "\nhttp = http://10.1.0.11:80/ 1s x 3\n"},
	{"http = http://[2001:db8::1]:8080/a?b=c#d\n",
	 "\nhttp = http://[2001:db8::1]:8080/a?b=c#d 1s x 3\n"},
	{"ike = on\n", "\nike = 500 2s x 3\n"},
	{"ike = 10.1.0.11 2001:db8::1 1s x 2, 4500\n",
	 "\nike = 10.1.0.11:500 1s x 2, [2001:db8::1]:500 1s x 2, 4500 2s x 3\n"},
	{"ike = 10.1.0.11:4500\n", "\nike = 10.1.0.11:4500 2s x 3\n"},
	{"script = /bin/true\n", "\nscript = /bin/true 5s x 3 5s\n"},
	{"script = /bin/check wg0 10 2s x 4\n", "\nscript = /bin/check wg0 10 2s x 4 2s\n"},
	{"script = /bin/a 1s x 3 2sx3 500ms, /bin/b -x 1sx2\n",
	 "\nscript = /bin/a 1s x 3 2s x 3 500ms, /bin/b -x 1s x 2 1s\n"},
	{"script = off\n", "\nscript = off\n"},
	{"silence = off\n", "\nsilence = off\n"},
};

static void checks_have_one_grammar(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
		struct config *config = health_config("firewall", checks[i].line);
		char *printed = config_print(config);

		if (!strstr(printed, checks[i].printed))
			fail_msg("%s: not printed as %s", checks[i].line, checks[i].printed);
		g_free(printed);
		config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_have_one_grammar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
