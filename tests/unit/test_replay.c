/* SPDX-License-Identifier: ISC */
/* links: sandwich/control/json.c sandwich/control/names.c sandwich/control/ports.c
	  sandwich/control/replay.c sandwich/control/replay_flows.c
	  sandwich/control/replay_json.c sandwich/control/replay_ports.c
	  sandwich/control/sides.c sandwich/run/settings.c sandwich/slowpath/macs.c
	  sandwich/slowpath/memory.c sandwich/slowpath/offline.c
	  sandwich/slowpath/offline_link.c sandwich/slowpath/offline_pcapng.c conf/address.c
	  conf/check-addresses.c conf/check-devices.c conf/check-tunnels.c conf/check.c
	  conf/keys.c conf/lines.c
	  conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c conf/scripts.c
	  conf/targets.c conf/tunnels.c
	  conf/units.c conf/values.c */
/* Captures of every link type, and what the engine says of them offline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>
#include <cmocka.h>
#include <json-glib/json-glib.h>

#include "sandwich/control/replay_json.h"
#include "tests/unit/captures.h"

static const char config_text[] = "[sandwich]\n"
				  "name = t\n"
				  "mode = %s\n"
				  "affinity = %s\n"
				  "sessions = 1k\n"
				  "secret-file = /s\n"
				  "[side ingress]\n"
				  "uplink-address = 192.0.2.1/24\n"
				  "farm-address = 10.1.0.1/24\n"
				  "[side egress]\n"
				  "uplink-address = 10.9.0.1/16\n"
				  "farm-address = 10.2.0.1/24\n"
				  "[balancer in-a]\n"
				  "side = ingress\n"
				  "uplink = up0\n"
				  "farm = farm0\n"
				  "[balancer out-a]\n"
				  "side = egress\n"
				  "uplink = up1\n"
				  "farm = farm1\n"
				  "[device fw1]\n"
				  "ingress = 10.1.0.11\n"
				  "egress = 10.2.0.11\n"
				  "[device fw2]\n"
				  "ingress = 02:00:00:00:01:0c\n"
				  "egress = 10.2.0.12\n"
				  "[device fw3]\n"
				  "ingress = 10.1.0.13\n"
				  "egress = 10.2.0.13\n";

/* --- a replay and what it said --- */

struct seen {
	struct replay_options options;
	struct config *config;
	struct replay *replay;
	GArray *verdicts; /* struct replay_verdict */
};

static void remember(void *user, const struct replay_verdict *v)
{
	struct seen *seen = user;

	g_array_append_val(seen->verdicts, *v);
}

static void seen_init(struct seen *seen, const char *mode, const char *affinity,
		      const char *balancer)
{
	char *text = g_strdup_printf(config_text, mode, affinity);
	GPtrArray *problems = config_problems_new();

	*seen = (struct seen){.options.port = REPLAY_PORT_INFERRED};
	assert_int_equal(config_parse(text, strlen(text), &seen->config, problems), 0);
	seen->options.config = seen->config;
	seen->options.self = config_find_balancer(seen->config, balancer);
	seen->options.secret = (const u8 *)"secret";
	seen->options.secret_length = 6;
	seen->options.visit = remember;
	seen->options.user = seen;
	seen->verdicts = g_array_new(FALSE, TRUE, sizeof(struct replay_verdict));
	g_ptr_array_unref(problems);
	g_free(text);
}

static void seen_fini(struct seen *seen)
{
	replay_free(seen->replay);
	config_free(seen->config);
	g_array_unref(seen->verdicts);
}

/* Replays CAPTURE, which it frees, in two passes. Gives what the last offline_next() said. */
static int run(struct seen *seen, GByteArray *capture)
{
	struct offline_frame frame;
	struct offline *o;
	char *why = NULL;
	int rc;

	assert_int_equal(replay_new(&seen->replay, &seen->options), 0);
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(offline_open_bytes(&o, capture->data, capture->len, &why), 0);
		while ((rc = offline_next(o, &frame)) == 1) {
			if (pass)
				replay_frame(seen->replay, &frame);
			else
				replay_learn(seen->replay, &frame);
		}
		offline_close(o);
	}
	replay_finish(seen->replay);
	g_byte_array_unref(capture);
	return rc;
}

static const struct replay_verdict *verdict(const struct seen *seen, guint i)
{
	assert_true(i < seen->verdicts->len);
	return &g_array_index(seen->verdicts, struct replay_verdict, i);
}

static void assert_reason(const struct seen *seen, guint i, u8 reason)
{
	assert_int_equal(verdict(seen, i)->work.reason, reason);
}

/* --- the tests --- */

/* Link type, bytes before the IP packet, and the reason that it ends in. */
static const struct {
	const char *name;
	unsigned int link;
	const char *before;
	unsigned int size;
	u8 reason;
} links[] = {
	{"raw", 101, "", 0, REASON_TO_DEVICE},
	{"raw of some systems", 12, "", 0, REASON_TO_DEVICE},
	{"ipv4", 228, "", 0, REASON_TO_DEVICE},
	{"null", 0, "\2\0\0\0", 4, REASON_TO_DEVICE},
	{"loop", 108, "\0\0\0\2", 4, REASON_TO_DEVICE},
	{"cooked", 113, "\0\0\0\1\0\6\2\1\1\1\1\1\0\0\10\0", 16, REASON_TO_DEVICE},
	{"cooked broadcast", 113, "\0\1\0\1\0\6\2\1\1\1\1\1\0\0\10\0", 16, REASON_GROUP},
	{"cooked 2", 276, "\10\0\0\0\0\0\0\2\0\1\0\6\2\1\1\1\1\1\0\0", 20, REASON_TO_DEVICE},
	{"cooked, cut short", 113, "\0\0\0\1\0\6", 6, REASON_NOT_IP},
	{"wireless", 105, "", 0, REASON_UNREADABLE},
	{"unheard of", 9999, "", 0, REASON_UNREADABLE},
};

static void test_links(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
		GByteArray *capture = capture_new(links[i].link, "any"),
			   *frame = g_byte_array_new();
		struct seen seen;

		seen_init(&seen, "firewall", "pair", "in-a");
		g_byte_array_append(frame, (const u8 *)links[i].before, links[i].size);
		put_ip(frame, "192.0.2.10", 1000, "10.9.0.80", 80, TCP_SYN, 0);
		put_frame(capture, 0, 1, frame, 0, false);
		assert_int_equal(run(&seen, capture), 0);
		assert_int_equal(seen.verdicts->len, 1);
		if (verdict(&seen, 0)->work.reason != links[i].reason)
			fail_msg("%s: reason %u", links[i].name, verdict(&seen, 0)->work.reason);
		seen_fini(&seen);
	}
}

/* What a cooked or raw capture says of no Ethernet address, the IP address tells. */
static void test_groups(void **state)
{
	static const u8 report[40] = {0x60, 0, 0, 0, 0, 0, 59, 1, 0xfe, 0x80, [23] = 1,
				      [24] = 0xff, 2, [39] = 0x16};
	static const char outgoing[] = "\0\4\0\1\0\6\2\1\1\1\1\1\0\0\x86\xdd";
	static const char *const to[] = {"224.0.0.251", "239.1.2.3", "255.255.255.255"};
	GByteArray *cooked = capture_new(113, "any"), *raw = capture_new(101, "any"), *frame;
	struct seen seen;

	(void)state;
	seen_init(&seen, "firewall", "pair", "in-a");
	frame = g_byte_array_new();
	g_byte_array_append(frame, (const u8 *)outgoing, 16);
	g_byte_array_append(frame, report, sizeof(report));
	put_frame(cooked, 0, 0, frame, 0, false);
	assert_int_equal(run(&seen, cooked), 0);
	assert_reason(&seen, 0, REASON_GROUP);
	seen_fini(&seen);
	seen_init(&seen, "firewall", "pair", "in-a");
	for (size_t i = 0; i < G_N_ELEMENTS(to); i++) {
		frame = g_byte_array_new();
		put_ip(frame, "192.0.2.10", 5353, to[i], 5353, 0, 0);
		put_frame(raw, 0, i, frame, 0, false);
	}
	assert_int_equal(run(&seen, raw), 0);
	for (guint i = 0; i < seen.verdicts->len; i++)
		assert_reason(&seen, i, REASON_GROUP);
	seen_fini(&seen);
}

/* A conversation, its answers by a device that ARP names later, and one from the wrong device. */
static void test_ports(void **state)
{
	GByteArray *c = capture_new(1, "any");
	struct seen seen;

	(void)state;
	seen_init(&seen, "firewall", "pair", "in-a");
	put_frame(c, 0, 1000, tcp(fw1_mac, "10.9.0.7", 80, "192.0.2.8", 9, TCP_ACK), 0, false);
	put_frame(c, 0, 2000, arp_reply(fw1_mac, "10.1.0.11"), 0, false);
	put_frame(c, 0, 3000, tcp(fw2_mac, "10.9.0.1", 80, "192.0.2.9", 9, TCP_ACK), 0, false);
	put_frame(c, 0, 4000, tcp(client_mac, "192.0.2.10", 5, "10.9.0.80", 80, TCP_SYN), 0, false);
	put_frame(c, 0, 5000, tcp(client_mac, "10.9.0.80", 80, "192.0.2.10", 5, TCP_SYN | TCP_ACK),
		  0, false);
	assert_int_equal(run(&seen, c), 0);
	assert_int_equal(verdict(&seen, 0)->work.from, 1);
	assert_reason(&seen, 1, REASON_LOCAL_ARP);
	assert_int_equal(verdict(&seen, 1)->work.port, 1);
	assert_int_equal(verdict(&seen, 2)->work.from, 2);
	assert_false(verdict(&seen, 2)->assumed);
	assert_int_equal(verdict(&seen, 3)->work.port, PORT_UPLINK);
	assert_reason(&seen, 4, REASON_TO_UPLINK);
	assert_true(verdict(&seen, 4)->assumed);
	assert_int_equal(verdict(&seen, 4)->crossed, verdict(&seen, 3)->crossed);
	seen_fini(&seen);
}

static void test_interfaces(void **state)
{
	GByteArray *c = capture_new(1, "up0");
	struct seen seen;

	(void)state;
	seen_init(&seen, "firewall", "pair", "in-a");
	put_interface(c, 1, "farm0", false);
	put_interface(c, 105, "wlan0", false);
	put_frame(c, 0, 0, tcp(client_mac, "192.0.2.10", 5, "10.9.0.80", 80, TCP_SYN), 0, false);
	put_frame(c, 1, 0, tcp(client_mac, "10.9.0.80", 80, "192.0.2.10", 5, TCP_ACK), 0, false);
	put_frame(c, 2, 0, tcp(client_mac, "192.0.2.10", 5, "10.9.0.80", 80, TCP_ACK), 0, false);
	assert_int_equal(run(&seen, c), 0);
	assert_reason(&seen, 0, REASON_TO_DEVICE);
	assert_reason(&seen, 1, REASON_TO_UPLINK_UNKNOWN);
	assert_false(verdict(&seen, 1)->assumed);
	assert_reason(&seen, 2, REASON_UNREADABLE);
	seen_fini(&seen);
}

static void test_given_port(void **state)
{
	GByteArray *c = capture_new(1, "up0");
	struct seen seen;

	(void)state;
	seen_init(&seen, "firewall", "pair", "in-a");
	seen.options.port = PORT_UPLINK + 1;
	put_frame(c, 0, 0, tcp(client_mac, "192.0.2.10", 5, "10.9.0.80", 80, TCP_SYN), 0, false);
	assert_int_equal(run(&seen, c), 0);
	assert_reason(&seen, 0, REASON_TO_UPLINK_UNKNOWN);
	seen_fini(&seen);
}

/* Both balancers must name the same devices, whichever side the capture is from. */
static void test_sides_agree(void **state)
{
	static const char *const affinities[] = {"pair", "client", "server", "flow"};

	(void)state;
	for (size_t a = 0; a < G_N_ELEMENTS(affinities); a++) {
		struct seen seen[2];

		for (int side = 0; side < 2; side++) {
			GByteArray *c = capture_new(101, "any");

			seen_init(&seen[side], "firewall", affinities[a], side ? "out-a" : "in-a");
			for (unsigned int i = 0; i < 40; i++) {
				GByteArray *p = g_byte_array_new(), *q = g_byte_array_new();
				char client[20];

				snprintf(client, sizeof(client), "192.0.2.%u", 10 + i);
				put_ip(p, client, i, "10.9.0.80", 80, TCP_SYN, 0);
				put_ip(q, "10.9.0.80", 80, client, i, TCP_SYN | TCP_ACK, 0);
				put_frame(c, 0, i * 10, p, 0, false);
				put_frame(c, 0, i * 10 + 5, q, 0, false);
			}
			assert_int_equal(run(&seen[side], c), 0);
		}
		for (guint i = 0; i < 80; i++) {
			assert_int_not_equal(verdict(&seen[0], i)->crossed, 0);
			assert_int_equal(verdict(&seen[0], i)->crossed,
					 verdict(&seen[1], i)->crossed);
			assert_int_equal(verdict(&seen[0], i)->crossed,
					 verdict(&seen[0], i & ~1u)->crossed);
		}
		seen_fini(&seen[0]);
		seen_fini(&seen[1]);
	}
}

/* Last fragment first: held, then where the first one goes. */
static void test_fragments(void **state)
{
	GByteArray *c = capture_new(1, "any");
	struct seen seen;

	(void)state;
	seen_init(&seen, "firewall", "flow", "in-a");
	put_frame(c, 0, 0, fragment("192.0.2.10", "10.9.0.80", 3), 0, false);
	put_frame(c, 0, 100, fragment("192.0.2.10", "10.9.0.80", 0x2000), 0, false);
	put_frame(c, 0, 200, fragment("192.0.2.99", "10.9.0.80", 3), 0, false);
	assert_int_equal(run(&seen, c), 0);
	assert_int_equal(seen.verdicts->len, 5);
	assert_reason(&seen, 0, REASON_HELD_FRAGMENT);
	assert_reason(&seen, 1, REASON_TO_DEVICE);
	assert_int_equal(verdict(&seen, 2)->number, 1);
	assert_true(verdict(&seen, 2)->again);
	assert_int_equal(verdict(&seen, 2)->crossed, verdict(&seen, 1)->crossed);
	assert_reason(&seen, 3, REASON_HELD_FRAGMENT);
	assert_int_equal(verdict(&seen, 4)->number, 3); /* its first never came */
	assert_int_equal(replay_packets(seen.replay), 3);
	seen_fini(&seen);
}

/* A short snapshot is judged by the length on the wire, and a lie about it is a reason. */
static void test_truncated(void **state)
{
	GByteArray *c = capture_new(1, "any"), *frame;
	struct seen seen;

	(void)state;
	seen_init(&seen, "firewall", "pair", "in-a");
	frame = tcp(client_mac, "192.0.2.10", 5, "10.9.0.80", 80, TCP_SYN);
	frame->data[17] = 200; /* the IP packet has 200 bytes */
	put_frame(c, 0, 0, frame, 214, false);
	frame = tcp(client_mac, "192.0.2.10", 5, "10.9.0.80", 80, TCP_SYN);
	frame->data[17] = 200;
	put_frame(c, 0, 0, frame, 0, false);
	assert_int_equal(run(&seen, c), 0);
	assert_reason(&seen, 0, REASON_TO_DEVICE);
	assert_reason(&seen, 1, REASON_BAD_IP);
	seen_fini(&seen);
}

static void test_byte_order(void **state)
{
	GByteArray *c = g_byte_array_new();
	struct seen seen;

	(void)state;
	seen_init(&seen, "firewall", "pair", "in-a");
	put_section(c, true);
	put_interface(c, 1, "farm0", true);
	put_frame(c, 0, 0x123456789aull, tcp(fw2_mac, "10.9.0.1", 80, "192.0.2.9", 9, TCP_ACK), 0,
		  true);
	put_section(c, false); /* a section of its own, with interfaces of its own */
	put_interface(c, 1, "up0", false);
	put_frame(c, 0, 5, tcp(client_mac, "192.0.2.9", 9, "10.9.0.1", 80, TCP_ACK), 0, false);
	assert_int_equal(run(&seen, c), 0);
	assert_int_equal(verdict(&seen, 0)->work.from, 2);
	assert_int_equal(verdict(&seen, 0)->time, 0x123456789aull);
	assert_int_equal(verdict(&seen, 1)->work.port, PORT_UPLINK);
	seen_fini(&seen);
}

/* However it is cut off, what came before is used and the rest is told. */
static void test_cut_anywhere(void **state)
{
	GByteArray *whole = capture_new(1, "up0");

	(void)state;
	put_frame(whole, 0, 5, tcp(client_mac, "192.0.2.9", 9, "10.9.0.1", 80, TCP_ACK), 0, false);
	for (guint size = 4; size < whole->len; size++) {
		struct offline_frame frame;
		struct offline *o;
		char *why = NULL;
		int rc;

		assert_int_equal(offline_open_bytes(&o, whole->data, size, &why), 0);
		while ((rc = offline_next(o, &frame)) == 1)
			fail();
		assert_true(rc == -EBADMSG ? offline_damage(o) != NULL : rc == 0);
		offline_close(o);
	}
	g_byte_array_unref(whole);
}

/* pcap of libpcap's own, and files that are nothing at all. */
static void test_files(void **state)
{
	static const u8 head[] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0,
				  0,    0,    0,    0,    0, 0, 4, 0, 1, 0, 0, 0};
	char path[] = "/tmp/test-replay-XXXXXX";
	GByteArray *c = g_byte_array_new(),
		   *p = tcp(client_mac, "192.0.2.9", 9, "10.9.0.1", 80, TCP_SYN);
	int fd = mkstemp(path);
	struct offline_frame frame;
	struct offline *o;
	char *why = NULL;

	(void)state;
	g_byte_array_append(c, head, sizeof(head));
	put32(c, 7, false);
	put32(c, 250000, false);
	put32(c, p->len, false);
	put32(c, p->len, false);
	g_byte_array_append(c, p->data, p->len);
	assert_int_equal(write(fd, c->data, c->len), c->len);
	assert_int_equal(offline_open(&o, path, &why), 0);
	assert_int_equal(offline_next(o, &frame), 1);
	assert_int_equal(frame.time, 7250000);
	assert_int_equal(frame.captured, p->len);
	assert_int_equal(offline_next(o, &frame), 0);
	offline_close(o);
	assert_int_equal(ftruncate(fd, c->len - 3), 0);
	assert_int_equal(offline_open(&o, path, &why), 0);
	assert_int_equal(offline_next(o, &frame), -EBADMSG);
	assert_non_null(offline_damage(o));
	offline_close(o);
	for (off_t size = 0; size < 24; size += 3) {
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(offline_open(&o, path, &why), -EINVAL);
		assert_non_null(strstr(why, path));
		g_clear_pointer(&why, g_free);
	}
	unlink(path);
	assert_int_equal(offline_open(&o, path, &why), -ENOENT);
	g_free(why);
	assert_int_equal(offline_open(&o, "/tmp", &why), -EISDIR);
	g_free(why);
	close(fd);
	g_byte_array_unref(c);
	g_byte_array_unref(p);
}

/* packets, reasons, conversations with their devices: the names that users rely on. */
static void test_json(void **state)
{
	struct json out = {.text = g_string_new(NULL)};
	GByteArray *c = capture_new(1, "any");
	JsonObject *o, *reasons;
	JsonArray *devices;
	struct seen seen;
	JsonNode *node;

	(void)state;
	seen_init(&seen, "firewall", "pair", "in-a");
	put_frame(c, 0, 0, tcp(client_mac, "192.0.2.10", 5, "10.9.0.80", 80, TCP_SYN), 0, false);
	put_frame(c, 0, 9, tcp(fw2_mac, "10.9.0.80", 80, "192.0.2.10", 5, TCP_SYN | TCP_ACK), 0,
		  false);
	assert_int_equal(run(&seen, c), 0);
	json_begin(&out, NULL, '{');
	json_begin(&out, "verdicts", '[');
	for (guint i = 0; i < seen.verdicts->len; i++)
		replay_json_verdict(&out, &seen.options, verdict(&seen, i));
	json_end(&out, '[');
	replay_json_summary(&out, seen.replay, &seen.options);
	json_end(&out, '{');
	node = json_from_string(out.text->str, NULL);
	assert_non_null(node);
	o = json_node_get_object(node);
	assert_int_equal(json_object_get_int_member(o, "packets"), 2);
	reasons = json_object_get_object_member(o, "reasons");
	assert_int_equal(json_object_get_int_member(reasons, "to_device"), 1);
	assert_int_equal(json_object_get_int_member(reasons, "to_uplink"), 1);
	assert_true(json_object_has_member(json_object_get_object_member(o, "counters"),
					   "asymmetric_flows_total"));
	assert_int_equal(json_array_get_length(json_object_get_array_member(o, "conversations")),
			 1);
	o = json_array_get_object_element(json_object_get_array_member(o, "conversations"), 0);
	assert_string_equal(json_object_get_string_member(o, "client"), "192.0.2.10");
	assert_int_equal(json_object_get_int_member(o, "packets"), 2);
	devices = json_object_get_array_member(o, "devices");
	assert_int_equal(json_array_get_length(devices), verdict(&seen, 0)->crossed == 2 ? 1 : 2);
	json_node_unref(node);
	g_string_free(out.text, TRUE);
	seen_fini(&seen);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),        cmocka_unit_test(test_ports),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_interfaces),   cmocka_unit_test(test_given_port),
		cmocka_unit_test(test_sides_agree),  cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_truncated),    cmocka_unit_test(test_byte_order),
		cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_files),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
