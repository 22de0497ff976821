/* SPDX-License-Identifier: ISC */
/* links: sandwich/ctl/views.c sandwich/ctl/human.c sandwich/ctl/tables.c sandwich/ctl/table.c */
/* How roles and sync look to a person. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sandwich/ctl/views.h"

static void assert_view(const char *words, const char *json, const char *wanted)
{
	JsonNode *node = json_from_string(json, NULL);
	GString *out = g_string_new(NULL);

	assert_non_null(node);
	views_print(out, words, node);
	assert_string_equal(out->str, wanted);
	g_string_free(out, TRUE);
	json_node_unref(node);
}

static void assert_table(const char *words, const char *json, const char *wanted)
{
	struct table table = {.columns = views_columns(words)};
	JsonNode *node = json_from_string(json, NULL);
	GString *out = g_string_new(NULL);

	assert_non_null(node);
	table_print(&table, out, json_node_get_array(node));
	assert_string_equal(out->str, wanted);
	g_string_free(out, TRUE);
	json_node_unref(node);
}

static const char standby[] =
	"{\"name\":\"in-b\",\"side\":\"ingress\",\"role\":\"standby\",\"on_duty\":false,"
	"\"active\":\"in-a\",\"term\":7,\"since\":12.0,\"why\":\"in-a is active\",\"waits\":\"\","
	"\"equal\":true,\"ports_ok\":true,\"boxes\":["
	"{\"name\":\"in-a\",\"side\":\"ingress\",\"role\":\"active\",\"alive\":true,"
	"\"silent_us\":6000,\"term\":7,\"equal\":true,\"ports_ok\":false},"
	"{\"name\":\"out-a\",\"side\":\"egress\",\"role\":\"unknown\",\"alive\":false,"
	"\"silent_us\":null,\"term\":0,\"equal\":false,\"ports_ok\":false}]}";

static const char active[] =
	"{\"name\":\"in-a\",\"side\":\"ingress\",\"role\":\"active\",\"on_duty\":false,"
	"\"active\":\"in-a\",\"term\":8,\"since\":0.5,\"why\":\"nobody was active\","
	"\"waits\":\"out-a hears that in-b is active\",\"equal\":true,\"ports_ok\":false,"
	"\"boxes\":[]}";

static void test_role(void **state)
{
	(void)state;
	assert_view("show role", standby,
		    "in-b: standby for 12s, term 7: in-a is active\n"
		    "active is in-a, our tables are equal\n"
		    "  in-a             ingress  active   heard 6ms ago, a port is down, equal\n"
		    "  out-a            egress   unknown  never heard of\n");
	assert_view("failover", active,
		    "in-a: active for 0.5s, term 8: nobody was active\n"
		    "not on duty yet: takes over sessions from the other side\n"
		    "a port of ours is down\n"
		    "waits: out-a hears that in-b is active\n");
}

static void test_sync(void **state)
{
	static const char rows[] =
		"[{\"name\":\"in-b\",\"side\":\"ingress\",\"role\":\"standby\",\"up\":true,"
		"\"path\":\"172.31.0.2:4850\",\"rtt_us\":180,\"digest_equal\":true,"
		"\"differing\":0,\"sessions\":1234,\"lag_us\":700,\"repaired\":6,\"sent\":100,"
		"\"received\":90,\"lost\":5,\"refused\":2},"
		"{\"name\":\"out-a\",\"side\":\"egress\",\"role\":\"active\",\"up\":true,"
		"\"path\":null,\"rtt_us\":20000,\"digest_equal\":null,\"differing\":0,"
		"\"sessions\":1234,\"lag_us\":3000000,\"repaired\":0,\"sent\":1,\"received\":1,"
		"\"lost\":0,\"refused\":0},"
		"{\"name\":\"in-c\",\"side\":\"ingress\",\"role\":\"standby\",\"up\":true,"
		"\"path\":null,\"rtt_us\":0,\"digest_equal\":false,\"differing\":41,"
		"\"sessions\":9,\"lag_us\":0,\"repaired\":0,\"sent\":1,\"received\":1,"
		"\"lost\":0,\"refused\":0}]";
	static const char wanted[] =
		"NAME   SIDE     ROLE     TABLES        SESSIONS     LAG     RTT "
		" SENT  RECEIVED  LOST  REPAIRED  REFUSED  PATH\n"
		"in-b   ingress  standby  equal             1234  0.70ms  0.18ms "
		"  100        90     5         6        2  172.31.0.2:4850\n"
		"out-a  egress   active   not compared      1234    3.0s    20ms "
		"    1         1     0         0        0  -\n"
		"in-c   ingress  standby  41 differ            9  0.00ms  0.00ms "
		"    1         1     0         0        0  -\n";

	(void)state;
	assert_table("show sync", rows, wanted);
	assert_table("resync", rows, wanted);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_role),
		cmocka_unit_test(test_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
