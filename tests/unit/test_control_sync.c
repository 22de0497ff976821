/* SPDX-License-Identifier: ISC */
/* links: sandwich/control/admin.c sandwich/control/control.c sandwich/control/explain.c
	  sandwich/control/filter.c sandwich/control/guess.c sandwich/control/json.c
	  sandwich/control/metrics.c sandwich/control/metrics_server.c
	  sandwich/control/metrics_sync.c sandwich/control/names.c
	  sandwich/control/ports.c sandwich/control/rows.c sandwich/control/show_counters.c
	  sandwich/control/show_devices.c sandwich/control/show_sessions.c
	  sandwich/control/show_sync.c
	  sandwich/control/show_tables.c sandwich/control/sides.c sandwich/control/words.c
	  sandwich/run/settings.c sandwich/slowpath/macs.c sandwich/slowpath/memory.c
	  conf/address.c conf/check-addresses.c conf/check-devices.c conf/check-tunnels.c
	  conf/check.c conf/keys.c
	  conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c
	  conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/* Control words and metrics of sync and roles, in names that never change. */
#include "tests/unit/control_ask.h"

static void assert_number(JsonObject *o, const char *member, gint64 value)
{
	assert_true(json_object_has_member(o, member));
	assert_int_equal(json_object_get_int_member(o, member), value);
}

/* Names that programs rely on: none goes, none changes its meaning. */
static void test_show_sync(void **state)
{
	static const struct {
		const char *member;
		gint64 value;
	} numbers[] = {
		{"rtt_us", 180},    {"differing", 3},      {"sessions", 41},
		{"lag_us", 700},    {"repaired", 6},	   {"applied", 70},
		{"stale", 8},	    {"full", 9},	   {"sent", 100},
		{"received", 90},   {"lost", 5},	   {"reordered", 13},
		{"duplicate", 14},  {"retransmitted", 11}, {"given_up", 12},
		{"refused", 2},
	};
	JsonArray *all = rows(*state, "show sync");
	JsonObject *o = json_array_get_object_element(all, 0);

	assert_int_equal(json_array_get_length(all), 1);
	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
		assert_number(o, numbers[i].member, numbers[i].value);
	assert_member(o, "name", "in-b");
	assert_member(o, "side", "ingress");
	assert_member(o, "relation", "peer");
	assert_member(o, "role", "standby");
	assert_member(o, "path", "172.31.0.2:4850");
	assert_true(json_object_get_boolean_member(o, "up"));
	assert_true(json_object_get_boolean_member(o, "digest_equal"));
	assert_int_equal(json_object_get_size(o), G_N_ELEMENTS(numbers) + 7);
	assert_int_equal(json_array_get_length(rows(*state, "resync")), 1);
}

static void test_show_role(void **state)
{
	JsonObject *o = object(*state, "show role"), *box;

	assert_member(o, "name", "in-a");
	assert_member(o, "side", "ingress");
	assert_member(o, "role", "active");
	assert_member(o, "active", "in-a");
	assert_member(o, "why", "in-b was silent for 65 ms");
	assert_member(o, "waits", "");
	assert_member(o, "decided_by", "twins");
	assert_true(json_object_get_boolean_member(o, "on_duty"));
	assert_true(json_object_get_boolean_member(o, "equal"));
	assert_true(json_object_get_boolean_member(o, "ports_ok"));
	assert_false(json_object_get_boolean_member(o, "preempt"));
	assert_false(json_object_get_boolean_member(o, "follow_partner"));
	assert_number(o, "term", 3);
	assert_number(o, "priority", 100);
	assert_number(o, "takeovers", 2);
	assert_number(o, "handovers", 4);
	assert_number(o, "called_off", 1);
	assert_number(o, "gave_way", 5);
	assert_number(o, "vetoed", 6);
	assert_true(json_object_get_double_member(o, "since") < 5);
	assert_int_equal(json_object_get_size(o), 21);
	box = json_array_get_object_element(json_object_get_array_member(o, "boxes"), 0);
	assert_member(box, "name", "in-b");
	assert_member(box, "side", "ingress");
	assert_member(box, "role", "standby");
	assert_number(box, "silent_us", 4000);
	assert_number(box, "term", 3);
	assert_true(json_object_get_boolean_member(box, "alive"));
	assert_true(json_object_get_boolean_member(box, "equal"));
	assert_true(json_object_get_boolean_member(box, "ports_ok"));
	assert_int_equal(json_object_get_size(box), 8);
}

/* What only the active one may do, and what the twins refuse: with the reason, and who to ask. */
static void test_roles_refused(void **state)
{
	static const char *const duties[] = {"drain fw1", "enable fw1", "disable fw1", "flush"};
	struct balancer *b = *state;
	JsonObject *o = ask(b, "failover");

	assert_member(o, "status", "refused");
	assert_member(o, "reason", "the standby's tables are not equal yet: show sync");
	o = ask(b, "role active");
	assert_member(o, "status", "refused");
	assert_member(o, "reason", "the twins decide themselves");
	assert_string_equal(status(b, "role"), "usage");
	assert_string_equal(status(b, "role leader"), "usage");
	assert_string_equal(status(b, "role active now"), "usage");
	b->tables.settings->standby = true;
	b->self = config_find_balancer(b->config, "out-a");
	for (gsize i = 0; i < G_N_ELEMENTS(duties); i++) {
		o = ask(b, duties[i]);
		assert_member(o, "status", "refused");
		assert_member(o, "reason", "out-a is the standby: in-a is active, ask it");
	}
	assert_int_equal(json_array_get_length(rows(b, "show sessions")), 4);
	assert_false(json_object_get_boolean_member(object(b, "show role"), "on_duty"));
	b->self = config_find_balancer(b->config, "in-a");
	assert_member(ask(b, "flush"), "reason", "in-a is not on duty yet: show role");
	b->tables.settings->standby = false;
	assert_int_equal(json_object_get_int_member(object(b, "flush"), "flushed"), 4);
}

static void assert_metric(const char *text, const char *name, const char *labels,
			  const char *value)
{
	char *type = g_strdup_printf("\n# TYPE sandwich_%s %s\n", name,
				     g_str_has_suffix(name, "_total") ? "counter" : "gauge");
	char *line = g_strdup_printf("\nsandwich_%s{balancer=\"in-a\"%s} %s\n", name, labels,
				     value);

	if (!strstr(text, type) || !strstr(text, line))
		fail_msg("not in the metrics: %s%s", type, line);
	g_free(type);
	g_free(line);
}

static void test_sync_metrics(void **state)
{
	static const char twin[] = ",peer=\"in-b\",relation=\"peer\"";
	static const struct {
		const char *name, *value;
	} links[] = {
		{"sync_up", "1"},
		{"sync_equal", "1"},
		{"sync_differing_entries", "3"},
		{"sync_lag_seconds", "0.00069999999999999999"},
		{"sync_rtt_seconds", "0.00018000000000000001"},
		{"sync_sessions", "41"},
		{"sync_sent_total", "100"},
		{"sync_received_total", "90"},
		{"sync_lost_total", "5"},
		{"sync_reordered_total", "13"},
		{"sync_duplicate_total", "14"},
		{"sync_retransmitted_total", "11"},
		{"sync_given_up_total", "12"},
		{"sync_restarts_total", "0"},
		{"sync_applied_total", "70"},
		{"sync_stale_total", "8"},
		{"sync_full_total", "9"},
		{"sync_repaired_total", "6"},
	}, roles[] = {
		{"on_duty", "1"},
		{"role_term", "3"},
		{"role_equal", "1"},
		{"role_ports_ok", "1"},
		{"role_takeovers_total", "2"},
		{"role_handovers_total", "4"},
		{"role_handovers_called_off_total", "1"},
		{"role_gave_way_total", "5"},
		{"role_takeovers_vetoed_total", "6"},
		{"role_late_total", "0"},
	};
	char *text = metrics_text(*state);

	for (gsize i = 0; i < G_N_ELEMENTS(links); i++)
		assert_metric(text, links[i].name, twin, links[i].value);
	for (gsize i = 0; i < G_N_ELEMENTS(roles); i++)
		assert_metric(text, roles[i].name, "", roles[i].value);
	assert_metric(text, "role", ",role=\"active\"", "1");
	assert_metric(text, "role", ",role=\"standby\"", "0");
	assert_metric(text, "sync_refused_total",
		      ",peer=\"in-b\",relation=\"peer\",reason=\"forged\"", "2");
	g_free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_show_sync),
		TEST(test_show_role),
		TEST(test_roles_refused),
		TEST(test_sync_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
