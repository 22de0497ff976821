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
/* Control words: what each answers, in names that never change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/control_ask.h"

/* Words, status, and what the reason must hold. */
static const struct {
	const char *words, *status, *reason;
} refusals[] = {
	{"", "usage", "no words"},
	{"  \t ", "usage", "no words"},
	{"show", "usage", "show what?"},
	{"show device", "usage", "did you mean 'show devices'?"},
	{"shwo sessions", "usage", "did you mean 'show sessions'?"},
	{"exlpain", "usage", "did you mean 'explain'?"},
	{"frobnicate", "usage", "help lists"},
	{"show devices now", "usage", "takes no arguments"},
	{"show sessions device=fw9", "refused", "no device is called 'fw9'"},
	{"show sessions colour=red", "usage", "is no filter"},
	{"show sessions port=0", "usage", "1 to 65535"},
	{"show sessions port=65536", "usage", "1 to 65535"},
	{"show sessions client=300.1.1.1", "usage", "an address or a prefix"},
	{"show sessions client=10.0.0.0/33", "usage", "an address or a prefix"},
	{"show sessions protocol=", "usage", "protocol is"},
	{"show sessions origin=heaven", "usage", "hash, learned"},
	{"show sessions limit", "usage", "limit what?"},
	{"show sessions limit x", "usage", "limit what?"},
	{"show sessions fw1", "usage", "neither a filter"},
	{"show pins client=1.2.3.4", "usage", "no filter but device="},
	{"explain", "usage", "usage: explain SRC DST"},
	{"explain 192.0.2.1", "usage", "usage: explain"},
	{"explain a b", "usage", "'a' is no address"},
	{"explain 192.0.2.1 2001:db8::1", "usage", "one address is IPv4"},
	{"explain 192.0.2.1 10.9.0.1 tcp", "usage", "needs both ports"},
	{"explain 192.0.2.1 10.9.0.1 tcp 1", "usage", "needs both ports"},
	{"explain 192.0.2.1 10.9.0.1 tcp 1 70000", "usage", "is no port"},
	{"explain 192.0.2.1 10.9.0.1 xyz 1 2", "usage", "is no protocol"},
	{"explain 192.0.2.1 10.9.0.1 tcp 1 2 3", "usage", "usage: explain"},
	{"explain 192.0.2.1 10.9.0.1 from=above", "usage", "outside or inside"},
	{"drain", "usage", "usage: drain DEVICE"},
	{"drain fw9", "refused", "no device is called"},
	{"drain fw1 --deadline", "usage", "90s or 10m"},
	{"drain fw1 --deadline soon", "usage", "90s or 10m"},
	{"drain fw1 --deadline 0s", "usage", "90s or 10m"},
	{"drain fw1 tomorrow", "usage", "usage: drain"},
	{"enable fw1", "refused", "fw1 is enabled already"},
	{"enable fw1 fw2", "usage", "usage: enable"},
	{"flush everything", "usage", "is no filter"},
	{"version x", "usage", "takes no arguments"},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
		JsonObject *o = ask(*state, refusals[i].words);
		const char *reason = json_object_get_string_member(o, "reason");

		if (strcmp(json_object_get_string_member(o, "status"), refusals[i].status) ||
		    !strstr(reason, refusals[i].reason))
			fail_msg("'%s': %s: %s", refusals[i].words,
				 json_object_get_string_member(o, "status"), reason);
	}
}

static void test_any_bytes(void **state)
{
	char line[5000];
	JsonNode *node;

	memset(line, 'a', sizeof(line));
	node = control_execute(*state, line, sizeof(line));
	assert_member(json_node_get_object(node), "status", "usage");
	json_node_unref(node);
	node = control_execute(*state, "show\0devices", 12);
	assert_member(json_node_get_object(node), "status", "usage");
	json_node_unref(node);
	node = control_execute(*state, "\xff\xfe", 2);
	assert_member(json_node_get_object(node), "status", "usage");
	json_node_unref(node);
	node = control_execute(*state, "drain \"\\\x01", 9);
	assert_non_null(strstr(json_object_get_string_member(json_node_get_object(node), "reason"),
			       "\"\\\x01"));
	json_node_unref(node);
}

static void test_devices(void **state)
{
	static const char *const members[] = {"name",       "id",      "state", "weight",
					      "sessions",   "packets", "bytes", "ingress_mac",
					      "egress_mac", "health",  "why",   "drain"};
	struct balancer *b = *state;
	const struct mac mac = {{2, 0, 0, 0, 1, 11}};
	JsonObject *row;
	JsonArray *all;

	assert_int_equal(
		macs_put(&b->tables, mac_key(&mac, 0, 1, MAC_ON_PORT), MAC_OWNER_DEVICE | 1), 0);
	assert_int_equal(
		macs_put(&b->tables, mac_key(&mac, 0, 2, MAC_ON_PORT), MAC_OWNER_DEVICE | 1), 0);
	b->tables.counters->to_device[1] = (struct device_count){3, 300};
	b->tables.counters->from_device[1] = (struct device_count){2, 200};
	all = rows(b, "show devices");
	assert_int_equal(json_array_get_length(all), 3);
	row = json_array_get_object_element(all, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
		assert_true(json_object_has_member(row, members[i]));
	assert_member(row, "name", "fw1");
	assert_member(row, "state", "up");
	assert_int_equal(json_object_get_int_member(row, "packets"), 5);
	assert_int_equal(json_object_get_int_member(row, "bytes"), 500);
	assert_int_equal(json_object_get_int_member(row, "sessions"), 1);
	assert_int_equal(json_array_get_length(json_object_get_array_member(row, "ingress_mac")),
			 1);
	assert_string_equal(
		json_array_get_string_element(json_object_get_array_member(row, "ingress_mac"), 0),
		"02:00:00:00:01:0b");
	assert_string_equal(
		json_array_get_string_element(json_object_get_array_member(row, "egress_mac"), 0),
		"02:00:00:00:02:0b");
	assert_true(json_object_get_null_member(row, "drain"));
}

/* Words and how many rows they give. */
static const struct {
	const char *words;
	unsigned int rows;
} filters[] = {
	{"show sessions", 4},
	{"show sessions limit 0", 4},
	{"show sessions device=fw2", 2},
	{"show sessions client=192.0.2.11", 2},
	{"show sessions client=192.0.2.0/24", 3},
	{"show sessions client=192.0.2.10/31", 3},
	{"show sessions client=0.0.0.0/0", 3},
	{"show sessions client=192.0.2.11 port=53", 1},
	{"show sessions client=10.9.0.80", 0},
	{"show sessions client=2001:db8:9::80", 1},
	{"show sessions server=2001:db8:2::/64", 1},
	{"show sessions server=10.9.0.80", 2},
	{"show sessions port=80", 2},
	{"show sessions port=40001", 1},
	{"show sessions protocol=udp", 1},
	{"show sessions protocol=17", 1},
	{"show sessions protocol=TCP device=fw1", 1},
	{"show sessions origin=hash", 4},
	{"show sessions origin=learned", 0},
};

static void test_filters(void **state)
{
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		guint n = json_array_get_length(rows(*state, filters[i].words));

		if (n != filters[i].rows)
			fail_msg("%s: %u rows, not %u", filters[i].words, n, filters[i].rows);
	}
}

static void test_sessions(void **state)
{
	JsonObject *o;

	o = json_array_get_object_element(rows(*state, "show sessions protocol=udp"), 0);
	assert_member(o, "protocol", "udp");
	assert_member(o, "client", "192.0.2.11");
	assert_int_equal(json_object_get_int_member(o, "client_port"), 53000);
	assert_member(o, "server", "10.9.0.53");
	assert_int_equal(json_object_get_int_member(o, "server_port"), 53);
	assert_member(o, "device", "fw2");
	assert_member(o, "state", "replied");
	assert_member(o, "origin", "hash");
	assert_true(json_object_get_double_member(o, "idle") >= 0);
	assert_false(json_object_get_boolean_member(o, "asymmetric"));
	o = json_array_get_object_element(rows(*state, "show sessions protocol=icmpv6"), 0);
	assert_member(o, "client", "2001:db8:9::80");
	assert_true(json_object_get_boolean_member(o, "asymmetric"));
	o = ask(*state, "show sessions limit 1");
	assert_int_equal(json_array_get_length(json_object_get_array_member(o, "result")), 1);
	assert_int_equal(json_object_get_int_member(o, "total"), 4);
	assert_int_equal(json_object_get_int_member(o, "shown"), 1);
}

/* A table that takes several slices: every row comes, once. */
static void test_large_table(void **state)
{
	struct balancer *b = *state;
	struct memory *small = b->memory;

	assert_int_equal(memory_new(&b->memory, 1 << 17, 1024, 256), 0);
	memory_free(small);
	memory_tables(b->memory, 0, &b->tables);
	assert_int_equal(settings_from_config(&b->tables, b->config, b->self, (const u8 *)"x", 1),
			 0);
	for (u16 port = 1; port <= 2000; port++)
		assert_non_null(
			fake_session(b, "192.0.2.10", port, "10.9.0.80", 80, PROTOCOL_TCP, 1));
	assert_int_equal(json_array_get_length(rows(b, "show sessions")), 2000);
	assert_int_equal(json_array_get_length(rows(b, "show sessions limit 700")), 700);
	assert_int_equal(json_object_get_int_member(object(b, "flush port=1"), "flushed"), 1);
	assert_int_equal(json_object_get_int_member(object(b, "flush"), "flushed"), 1999);
	assert_int_equal(json_array_get_length(rows(b, "show sessions")), 0);
}

static void test_pins(void **state)
{
	struct balancer *b = *state;
	struct flow key,
		flow = {.outside = fake_address("192.0.2.10"), .inside = fake_address("10.9.0.80")};
	const struct settings *cfg = b->tables.settings;
	JsonObject *o;

	affinity_key(&key, &flow, cfg->affinity);
	pin_put(&b->tables, &key, flow_hash(&cfg->placement, &key), 3, PIN_LEARNED, memory_now());
	o = json_array_get_object_element(rows(b, "show pins"), 0);
	assert_member(o, "kind", "pair");
	assert_member(o, "device", "fw3");
	assert_member(o, "origin", "learned");
	assert_int_equal(json_array_get_length(rows(b, "show pins device=fw1")), 0);
	o = object(b, "explain 192.0.2.10 10.9.0.80");
	assert_member(o, "device", "fw3");
	assert_member(o, "why", "learned");
	assert_member(json_object_get_object_member(o, "pin"), "device", "fw3");
}

static void test_tables(void **state)
{
	JsonObject *o;

	assert_int_equal(json_array_get_length(rows(*state, "show neighbours")), 4);
	o = json_array_get_object_element(rows(*state, "show neighbours"), 0);
	assert_member(o, "address", "0.0.0.0/0");
	o = json_array_get_object_element(rows(*state, "show neighbours"), 1);
	assert_true(json_object_get_null_member(o, "address")); /* a router, known by its MAC */
	assert_member(o, "origin", "router");
	o = json_array_get_object_element(rows(*state, "show neighbours"), 3);
	assert_member(o, "device", "fw1");
	assert_member(o, "port", "farm0");
	o = json_array_get_object_element(rows(*state, "show addresses"), 0);
	assert_member(o, "address", "192.0.2.1/24");
	o = json_object_get_object_member(object(*state, "show config"), "sections");
	assert_member(json_object_get_object_member(o, "sandwich"), "mode", "firewall");
	assert_member(json_object_get_object_member(o, "device fw3"), "weight", "2");
	assert_true(json_array_get_length(rows(*state, "help")) >= 14);
	assert_member(object(*state, "version"), "balancer", "in-a");
}

static void test_counters(void **state)
{
	struct balancer *b = *state;
	struct counters *c = b->tables.counters;
	JsonObject *o;

	c->rx[0] = 5;
	c->rx[1] = 4;
	c->reason[0][REASON_TO_DEVICE] = 5;
	c->reason[1][REASON_TO_UPLINK] = 3;
	c->reason[1][REASON_BAD_IP] = 1;
	c->counter[COUNTER_ASYMMETRIC_FLOWS] = 7;
	c->counter[COUNTER_EVENTS_NEW] = 6;
	o = object(b, "show counters");
	assert_member(o, "datapath", "pcap");
	assert_int_equal(json_object_get_int_member(o, "rx.up0"), 5);
	assert_int_equal(json_object_get_int_member(o, "farm0.to_uplink"), 3);
	assert_int_equal(json_object_get_int_member(o, "farm0.bad_ip"), 1);
	assert_int_equal(json_object_get_int_member(o, "asymmetric_flows_total"), 7);
	assert_int_equal(json_object_get_int_member(o, "events_new_total"), 6);
	assert_int_equal(json_object_get_int_member(o, "event_scans_total"), 0);
	assert_int_equal(json_object_get_int_member(o, "sessions_followed"), 40);
	assert_int_equal(json_object_get_int_member(o, "pins_followed"), 2);
	assert_int_equal(json_object_get_int_member(o, "rx_total"),
			 json_object_get_int_member(o, "reasons_total"));
}

static void test_metrics(void **state)
{
	struct balancer *b = *state;
	char *text;

	b->tables.counters->counter[COUNTER_MOVED_DOWN] = 3;
	b->tables.counters->counter[COUNTER_EVENTS_LEARNED] = 8;
	b->tables.counters->counter[COUNTER_EVENTS_LOST] = 9;
	text = metrics_text(b);
	assert_non_null(
		strstr(text, "\nsandwich_moved_total{balancer=\"in-a\",reason=\"down\"} 3\n"));
	assert_non_null(
		strstr(text, "\nsandwich_device_sessions{balancer=\"in-a\",device=\"fw2\"} 2\n"));
	assert_non_null(strstr(text, "{balancer=\"in-a\",device=\"fw2\",check=\"path\"} 0\n"));
	assert_non_null(strstr(text, "{balancer=\"in-a\",device=\"fw3\",check=\"tcp\"} 0\n"
				     "sandwich_device_check_ok{balancer=\"in-a\",device=\"fw3\","
				     "check=\"path\"} 1\n")); /* one of three by TCP fails */
	assert_non_null(
		strstr(text, "\nsandwich_events_total{balancer=\"in-a\",kind=\"learned\"} 8\n"));
	assert_non_null(strstr(text, "\nsandwich_events_lost_total{balancer=\"in-a\"} 9\n"));
	assert_non_null(strstr(text, "\nsandwich_sessions_followed{balancer=\"in-a\"} 40\n"));
	assert_null(strstr(text, "events_learned_total"));
	assert_non_null(strstr(text, "\n# TYPE sandwich_asymmetric_flows_total counter\n"));
	assert_non_null(strstr(text, "sandwich_frames_total{balancer=\"in-a\",port=\"up0\","
				     "reason=\"to_device\"} 0\n"));
	g_free(text);
}

static void test_admin(void **state)
{
	struct balancer *b = *state;
	JsonObject *o = object(b, "drain fw2 --deadline 10m");

	assert_member(o, "state", "draining");
	assert_int_equal(json_object_get_int_member(o, "left"), 3);
	assert_int_equal(json_object_get_int_member(o, "clients"), 1);
	assert_int_equal(json_object_get_int_member(o, "eta"), 60);
	assert_int_equal(b->farm->device[2].drain_deadline, 600000);
	assert_string_equal(status(b, "drain fw2"), "refused");
	o = json_array_get_object_element(rows(b, "show devices"), 1);
	assert_int_equal(
		json_object_get_int_member(json_object_get_object_member(o, "drain"), "left"), 3);
	assert_member(object(b, "enable fw2"), "state", "up");
	assert_member(object(b, "disable fw2"), "state", "disabled");
	o = ask(b, "drain fw2");
	assert_member(o, "status", "refused");
	assert_member(o, "reason", "fw2 is disabled; enable it first");
	b->farm->device[3].disabled = true;
	assert_string_equal(status(b, "enable fw3"), "refused");
	assert_member(object(b, "drain fw1 deadline=90s"), "state", "draining");
	assert_int_equal(b->farm->device[1].drain_deadline, 90000);
}

/* The socket: one line in, one document out, and the file is the balancer's alone. */
static int connect_to(const char *path)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	g_strlcpy(where.sun_path, path, sizeof(where.sun_path));
	assert_int_equal(connect(fd, (struct sockaddr *)&where, sizeof(where)), 0);
	return fd;
}

static char *converse(int fd, const char *line)
{
	GString *text = g_string_new(NULL);
	char buffer[4096];
	ssize_t n;

	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	while ((n = read(fd, buffer, sizeof(buffer))) != 0 && (n > 0 || errno == EAGAIN)) {
		if (n > 0)
			g_string_append_len(text, buffer, n);
		else
			g_main_context_iteration(NULL, FALSE);
	}
	close(fd);
	return g_string_free(text, FALSE);
}

static void test_socket(void **state)
{
	char folder[] = "/tmp/test-control-XXXXXX", *path, *why = NULL, *answer;
	struct control *c, *second;
	struct stat st;
	int idle;

	assert_non_null(mkdtemp(folder));
	path = g_build_filename(folder, "a.sock", NULL);
	assert_int_equal(control_new(&c, *state, path, &why), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(control_new(&second, *state, path, &why), -EADDRINUSE);
	assert_non_null(strstr(why, "another daemon answers"));
	g_free(why);
	idle = connect_to(path); /* says nothing, and holds up nobody */
	answer = converse(connect_to(path), "show sessions\n");
	assert_true(g_str_has_prefix(answer, "{\"status\":\"ok\",\"result\":[\n{"));
	assert_true(g_str_has_suffix(answer, "\n],\"total\":4,\"shown\":4}\n"));
	g_free(answer);
	control_free(c); /* with a client still there */
	while (g_main_context_iteration(NULL, FALSE))
		;
	close(idle);
	assert_int_not_equal(stat(path, &st), 0);
	g_free(path);
	rmdir(folder);
}

/* The last one that the daemon has room for, and one more. */
static void test_crowd(void **state)
{
	char folder[] = "/tmp/test-control-XXXXXX", *path, *why = NULL, *answer;
	struct control *c;
	int idle[32];

	assert_non_null(mkdtemp(folder));
	path = g_build_filename(folder, "a.sock", NULL);
	assert_int_equal(control_new(&c, *state, path, &why), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(idle); i++) {
		idle[i] = connect_to(path);
		while (g_main_context_iteration(NULL, FALSE))
			;
	}
	answer = converse(connect_to(path), "version\n");
	assert_non_null(strstr(answer, "too many clients are connected"));
	g_free(answer);
	control_free(c);
	while (g_main_context_iteration(NULL, FALSE))
		;
	for (size_t i = 0; i < G_N_ELEMENTS(idle); i++)
		close(idle[i]);
	g_free(path);
	rmdir(folder);
}

static void test_stale_socket(void **state)
{
	char folder[] = "/tmp/test-control-XXXXXX", *path, *why = NULL;
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct control *c;

	assert_non_null(mkdtemp(folder));
	path = g_build_filename(folder, "a.sock", NULL);
	g_strlcpy(where.sun_path, path, sizeof(where.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
	close(fd); /* as a daemon that was killed leaves it */
	assert_int_equal(control_new(&c, *state, path, &why), 0);
	control_free(c);
	assert_true(g_file_set_contents(path, "x", 1, NULL));
	assert_int_equal(control_new(&c, *state, path, &why), -EEXIST);
	g_free(why);
	unlink(path);
	g_free(path);
	rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_refusals),
		TEST(test_any_bytes),
		TEST(test_devices),
		TEST(test_filters),
		TEST(test_sessions),
		TEST(test_large_table),
		TEST(test_pins),
		TEST(test_tables),
		TEST(test_counters),
		TEST(test_metrics),
		TEST(test_admin),
		TEST(test_socket),
		TEST(test_crowd),
		TEST(test_stale_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
