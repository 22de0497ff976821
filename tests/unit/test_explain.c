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
/* explain: what it says is what the engine does. */
#include "sandwich/core/tunnel.h"
#include "tests/unit/control_ask.h"

/* explain and the engine must name the same device, and the same heir. */
static void test_explain_agrees(void **state)
{
	struct balancer *b = *state;

	for (int i = 1; i < 200; i++) {
		char *words = g_strdup_printf("explain 198.51.100.%d 10.9.0.80 tcp 1000 80", i);
		char *address = g_strdup_printf("198.51.100.%d", i);
		struct settings *cfg = b->tables.settings, was = *cfg;
		struct flow key, flow = {.outside = fake_address(address),
					 .inside = fake_address("10.9.0.80")};
		struct placement now = {0}, then = {0};
		JsonObject *o = object(b, words);

		affinity_key(&key, &flow, cfg->affinity);
		place(&b->tables, cfg, &key, 0, &now);
		device_set_put(&cfg->up, now.device, false);
		device_set_put(&cfg->pick, now.device, false);
		place(&b->tables, cfg, &key, 0, &then);
		*cfg = was;
		assert_member(o, "device", b->farm->device[now.device].name);
		assert_member(o, "why", "hash");
		assert_int_equal(json_object_get_int_member(o, "rank"), now.rank);
		assert_member(o, "if_device_left", b->farm->device[then.device].name);
		g_free(words);
		g_free(address);
	}
}

static void test_explain_session(void **state)
{
	struct balancer *b = *state;
	JsonObject *o = object(b, "explain 192.0.2.10 10.9.0.80 tcp 40000 80");

	assert_member(json_object_get_object_member(o, "session"), "device", "fw1");
	assert_member(o, "from", "outside");
	o = object(b, "explain 192.0.2.10 10.9.0.80 tcp 40000 81");
	assert_true(json_object_get_null_member(o, "session"));
	/* the same session, asked from the other end */
	o = object(b, "explain 10.9.0.80 192.0.2.10 tcp 80 40000");
	assert_member(o, "from", "inside");
	assert_member(json_object_get_object_member(o, "session"), "device", "fw1");
	/* a session that stays though the hash says otherwise */
	fake_session(b, "192.0.2.77", 1, "10.9.0.80", 2, PROTOCOL_UDP, 1);
	fake_session(b, "192.0.2.77", 2, "10.9.0.80", 2, PROTOCOL_UDP, 2);
	fake_session(b, "192.0.2.77", 3, "10.9.0.80", 2, PROTOCOL_UDP, 3);
	for (int port = 1; port <= 3; port++) {
		char *words = g_strdup_printf("explain 192.0.2.77 10.9.0.80 udp %d 2", port);

		o = object(b, words);
		assert_member(o, "device", b->farm->device[port].name);
		g_free(words);
	}
	assert_member(object(b, "explain 192.0.2.77 10.2.0.13"), "why", "own address");
	assert_member(object(b, "explain 10.9.0.80 192.0.2.77 icmp 5"), "from", "inside");
	assert_member(object(b, "explain 10.9.0.80 192.0.2.77 esp from=outside"), "from",
		      "outside");
}

/* on-device-down: the frames of a conversation whose device is down go nowhere else. */
static void test_explain_gone(void **state)
{
	static const struct {
		u8 on_down;
		const char *verdict;
	} cases[] = {{DOWN_DROP, "drop"}, {DOWN_RESET, "reset"}, {DOWN_MOVE, "forward"}};
	struct balancer *b = *state;
	struct settings *cfg = b->tables.settings;
	JsonObject *o = object(b, "explain 192.0.2.77 10.9.0.80 udp 1 2");
	const char *old = g_intern_string(json_object_get_string_member(o, "device"));
	u8 id = farm_find_name(b->farm, old)->id;

	assert_member(o, "verdict", "forward");
	fake_session(b, "192.0.2.77", 1, "10.9.0.80", 2, PROTOCOL_UDP, id);
	device_set_put(&cfg->up, id, false);
	device_set_put(&cfg->pick, id, false);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		cfg->on_down = cases[i].on_down;
		o = object(b, "explain 192.0.2.77 10.9.0.80 udp 1 2");
		assert_member(o, "verdict", cases[i].verdict);
		if (cfg->on_down != DOWN_MOVE) {
			assert_member(o, "device", old);
			assert_member(o, "why", "session");
		}
		assert_string_not_equal(json_object_get_string_member(o, "if_device_left"), old);
		/* nothing is recorded of this one: it goes elsewhere */
		o = object(b, "explain 192.0.2.77 10.9.0.80 udp 3 4");
		assert_member(o, "verdict", "forward");
		assert_member(o, "why", "hash");
	}
}

/* What was not looked at is said, and so is what never meets a device. */
static void test_explain_notes(void **state)
{
	static const struct {
		const char *words, *note;
		bool crosses;
	} cases[] = {
		{"explain 192.0.2.10 10.9.0.80 icmp", "no id given", true},
		{"explain 192.0.2.10 192.0.2.20", "does not cross the farm", false},
		{"explain 10.9.0.10 10.9.0.20 tcp 1 2", "egress uplink", false},
		{"explain 10.9.0.10 10.9.0.20 icmp", "no id given", false},
		{"explain 198.51.100.1 198.51.100.2 icmp 5", NULL, true},
		{"explain 192.0.2.10 10.9.0.80", NULL, true},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		JsonObject *o = object(*state, cases[i].words);

		assert_int_equal(json_object_get_boolean_member(o, "crosses"), cases[i].crosses);
		if (cases[i].note)
			assert_non_null(strstr(json_object_get_string_member(o, "note"),
					       cases[i].note));
		else
			assert_true(json_object_get_null_member(o, "note"));
	}
	assert_true(json_object_get_null_member(
		object(*state, "explain 192.0.2.10 10.9.0.80 icmp"), "client_port"));
}

/* In vpn mode the inside does not know a client's device before a frame has come from it. */
static void test_explain_learned(void **state)
{
	struct balancer b;
	struct flow key = {0};
	JsonObject *o;
	u64 hash;

	(void)state;
	fake_new(&b, "vpn", "client", "out-a");
	o = object(&b, "explain 10.200.0.7 10.9.0.80");
	assert_member(o, "why", "to be learned");
	assert_true(json_object_get_null_member(o, "device"));
	key.outside = fake_address("10.200.0.7");
	key.protocol = AFFINITY_CLIENT;
	hash = flow_hash(&b.tables.settings->placement, &key);
	pin_put(&b.tables, &key, hash, 2, PIN_LEARNED, memory_now());
	o = object(&b, "explain 10.9.0.80 10.200.0.7");
	assert_member(o, "from", "inside");
	assert_member(o, "why", "learned");
	assert_member(o, "device", "fw2");
	fake_free(&b);
	fake_new(&b, "firewall", "flow", "in-a");
	assert_string_equal(status(&b, "explain 192.0.2.1 10.9.0.80"), "usage");
	assert_string_equal(status(&b, "explain 192.0.2.1 10.9.0.80 tcp 1 2"), "ok");
	fake_free(&b);
}

static void put_pin(struct balancer *b, const struct flow *key, u8 device)
{
	u64 hash = flow_hash(&b->tables.settings->placement, key);

	assert_true(pin_put(&b->tables, key, hash, device, PIN_TUNNEL, memory_now()));
}

/* A pin of a tunnel as show pins has it, by its kind. */
static JsonObject *pin_row(struct balancer *b, const char *kind)
{
	JsonArray *all = rows(b, "show pins");

	for (guint i = 0; i < json_array_get_length(all); i++) {
		JsonObject *o = json_array_get_object_element(all, i);

		if (!strcmp(json_object_get_string_member(o, "kind"), kind))
			return o;
	}
	fail_msg("no pin of kind %s", kind);
	return NULL;
}

/* affinity = tunnel: what comes from a peer that is pinned; and how its pins are shown. */
static void test_explain_tunnels(void **state)
{
	struct flow flow = {.outside = fake_address("198.51.100.7"),
			    .inside = fake_address("192.0.2.100"),
			    .outside_port = htons(4501), .inside_port = htons(4500),
			    .protocol = PROTOCOL_UDP};
	struct balancer b;
	struct tunnel tunnel = {0};
	struct flow key;
	JsonObject *o;

	(void)state;
	fake_new(&b, "vpn", "tunnel", "in-a");
	assert_int_equal(b.tables.settings->tunnels, 5);
	assert_int_equal(b.tables.settings->affinity, AFFINITY_CLIENT);
	assert_member(object(&b, "explain 198.51.100.7 192.0.2.100 udp 4501 4500"), "why", "hash");
	tunnel_peer(&key, &flow);
	for (u8 device = 1; device <= 3; device++) {
		put_pin(&b, &key, device);
		o = object(&b, "explain 198.51.100.7 192.0.2.100 udp 4501 4500");
		assert_member(o, "why", "tunnel");
		assert_member(o, "device", b.farm->device[device].name);
		assert_member(json_object_get_object_member(o, "pin"), "origin", "tunnel");
	}
	assert_member(object(&b, "explain 198.51.100.7 192.0.2.100 udp 4502 4500"), "why", "hash");
	assert_member(object(&b, "explain 198.51.100.7 192.0.2.100 esp"), "why", "hash");
	tunnel_address(&key, &flow, TUNNEL_NATT);
	put_pin(&b, &key, 2);
	o = object(&b, "explain 198.51.100.7 192.0.2.100 esp");
	assert_member(o, "why", "tunnel");
	assert_member(o, "device", "fw2");
	o = pin_row(&b, "peer");
	assert_member(o, "address", "198.51.100.7");
	assert_int_equal(json_object_get_int_member(o, "port"), 4501);
	assert_member(o, "origin", "tunnel");
	assert_member(pin_row(&b, "address"), "address", "198.51.100.7");
	tunnel_id(&tunnel, PIN_KIND_IKE, GUINT64_TO_BE(0x0102030405060708));
	put_pin(&b, &tunnel.id, 1);
	tunnel_id(&tunnel, PIN_KIND_ESP, htonl(0xc1c20304));
	put_pin(&b, &tunnel.id, 3);
	o = pin_row(&b, "ike");
	assert_member(o, "id", "0102030405060708");
	assert_true(json_object_get_null_member(o, "address"));
	assert_member(pin_row(&b, "esp"), "id", "c1c20304");
	assert_int_equal(json_array_get_length(rows(&b, "show pins device=fw3")), 2);
	fake_free(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_explain_agrees),
		TEST(test_explain_session),
		TEST(test_explain_gone),
		TEST(test_explain_notes),
		TEST(test_explain_learned),
		TEST(test_explain_tunnels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
