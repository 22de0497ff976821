/* SPDX-License-Identifier: ISC */
/* links: sandwich/health/health.c sandwich/health/check.c sandwich/health/arp.c */
/* links: sandwich/health/icmp.c sandwich/health/ike.c sandwich/health/ike_message.c */
/* links: sandwich/health/tcp.c sandwich/health/http.c sandwich/health/probe.c */
/* links: sandwich/health/engine.c sandwich/health/path.c sandwich/health/state.c */
/* links: sandwich/health/script.c sandwich/health/script_file.c sandwich/health/script_run.c */
/* links: sandwich/health/message.c sandwich/health/datagram.c sync/seal.c */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/* The active checks of [health], each against something that really answers, or does not. */
#include <errno.h>
#include <gio/gio.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/health_rig.h"

struct rig {
	struct config *config;
	struct device devices[DEVICES_MAX];
	struct health_ops ops;
	struct health *health;
	bool has_hop, answers, garbles;
	u64 asked;
};

static void rig_nothing(void *user, u8 device, const struct health_record *record)
{
	(void)user, (void)device, (void)record;
}

static void rig_export(void *user, u8 device, struct health_record *out)
{
	(void)user, (void)device, (void)out;
}

static void rig_changed(void *user, u8 device, bool fit, const char *why)
{
	(void)user, (void)device, (void)fit, (void)why;
}

static void rig_partner(void *user, bool reachable)
{
	(void)user, (void)reachable;
}

static bool rig_hop(void *user, u8 device, struct mac *mac, u8 *port, u16 *vlan)
{
	struct rig *r = user;

	*mac = (struct mac){ { 2, 0, 0, 0, 0, device } };
	*port = 3;
	*vlan = 42;
	return r->has_hop;
}

/* Turns an echo request for 127.0.0.1 into its reply. */
static void rig_send(void *user, u8 port, const void *frame, size_t length)
{
	struct rig *r = user;
	u8 reply[512], *ip = reply + 18;

	assert_int_equal(port, 3);
	assert_in_range(length, 18 + 28, sizeof(reply));
	memcpy(reply, frame, length);
	assert_memory_equal(reply + 12, "\x81\x00\x00\x2a\x08\x00\x45", 7); /* tagged, IPv4 */
	assert_int_equal(ip[20], 8);
	memcpy(ip + 12, (u8[]){ 127, 0, 0, 1, 10, 1, 0, 1 }, 8);
	ip[20] = 0;
	ip[30] ^= r->garbles;
	r->asked++;
	if (r->answers)
		health_input(r->health, 3, 1, reply, (u32)length);
}

static void rig_open(struct rig *r, const char *checks)
{
	static const u8 loopback[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };
	char *lines = g_strdup_printf("rise = 2\n%s\n", checks);
	struct config_device *d;

	memset(r, 0, sizeof(*r));
	r->config = health_config("firewall", lines);
	d = g_ptr_array_index(r->config->devices, 0);
	memcpy(d->at[CONFIG_INGRESS].addresses->data, loopback, 16); /* the one that answers here */
	r->has_hop = r->answers = true;
	r->ops = (struct health_ops){rig_send,    rig_hop,     rig_export, rig_nothing,
				     rig_changed, rig_partner, r};
	r->health = health_open(r->config, r->devices, &r->ops);
	g_free(lines);
}

static void rig_close(struct rig *r)
{
	health_free(r->health);
	for (int i = 0; i < 50; i++)
		g_main_context_iteration(NULL, FALSE); /* GIO lets go of what was abandoned */
	config_free(r->config);
}

static gboolean wake(gpointer data)
{
	(void)data;
	return G_SOURCE_CONTINUE;
}

/* Runs the loop until the device is (not) fit; false after ten seconds. */
static bool rig_await(struct rig *r, bool fit)
{
	gint64 limit = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
	guint source = g_timeout_add(10, wake, NULL);

	while (health_fit(r->health, 1) != fit && g_get_monotonic_time() < limit)
		g_main_context_iteration(NULL, TRUE);
	g_source_remove(source);
	return health_fit(r->health, 1) == fit;
}

static void test_icmp(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "icmp = on 30ms x 2");
	assert_true(rig_await(&r, true));
	r.answers = false;
	assert_true(rig_await(&r, false));
	r.answers = true;
	assert_true(rig_await(&r, true));
	r.garbles = true; /* an answer, but not to us */
	assert_true(rig_await(&r, false));
	r.garbles = false;
	assert_true(rig_await(&r, true));
	r.has_hop = false;
	assert_true(rig_await(&r, false));
	rig_close(&r);
}

static void test_arp(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "arp = on 20ms x 2");
	assert_true(rig_await(&r, true));
	r.has_hop = false;
	assert_true(rig_await(&r, false));
	r.has_hop = true;
	assert_true(rig_await(&r, true));
	health_result(r.health, 1, CONFIG_DETECT_LINK, false, "no carrier");
	assert_false(health_fit(r.health, 1)); /* at once */
	health_result(r.health, 1, CONFIG_DETECT_LINK, true, NULL);
	assert_true(health_fit(r.health, 1));
	health_result(r.health, 99, CONFIG_DETECT_LINK, true, NULL); /* nobody */
	assert_int_equal(r.asked, 0);
	rig_close(&r);
}

/* A server that answers each connection with TEXT, or accepts and is silent when that is NULL. */
struct server {
	GSocketService *service;
	GPtrArray *kept;
	const char *text;
	u16 port;
};

static gboolean on_incoming(GSocketService *service, GSocketConnection *connection, GObject *source,
			    gpointer data)
{
	struct server *s = data;
	GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(connection));

	(void)service, (void)source;
	if (s->text)
		g_output_stream_write_all(out, s->text, strlen(s->text), NULL, NULL, NULL);
	else
		g_ptr_array_add(s->kept, g_object_ref(connection));
	return TRUE;
}

static void server_open(struct server *s, u16 port)
{
	GInetAddress *loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
	GSocketAddress *where = g_inet_socket_address_new(loopback, port);

	s->kept = g_ptr_array_new_with_free_func(g_object_unref);
	s->service = g_socket_service_new();
	assert_true(g_socket_listener_add_address(G_SOCKET_LISTENER(s->service), where,
						  G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL,
						  NULL, NULL));
	g_signal_connect(s->service, "incoming", G_CALLBACK(on_incoming), s);
	g_object_unref(where);
	g_object_unref(loopback);
}

static void server_close(struct server *s)
{
	g_socket_service_stop(s->service);
	g_socket_listener_close(G_SOCKET_LISTENER(s->service));
	g_object_unref(s->service);
	g_ptr_array_unref(s->kept);
}

/* A network of our own with nothing in it but the loopback. */
static bool own_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd, error;

	if (unshare(CLONE_NEWNET))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	error = ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
	return !error;
}

static void need_network(void)
{
	static bool tried, have; /* a test's, not the product's */

	if (!tried)
		have = own_network();
	tried = true;
	if (!have) {
		print_message("SKIP: needs root for a network namespace of its own\n");
		skip();
	}
}

static void test_tcp(void **state)
{
	struct server s = { .text = NULL };
	struct rig r;

	(void)state;
	need_network();
	rig_open(&r, "tcp = :8080 30ms x 2");
	server_open(&s, 8080);
	assert_true(rig_await(&r, true));
	server_close(&s);
	assert_true(rig_await(&r, false));
	server_open(&s, 8080);
	assert_true(rig_await(&r, true));
	server_close(&s);
	rig_close(&r);
}

static void test_http(void **state)
{
	static const struct {
		const char *text;
		bool fit;
	} rows[] = {
		{ "HTTP/1.0 200 OK\r\n\r\n", true },
		{ "HTTP/1.1 503 Busy\r\n\r\n", false },
		{ "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", true },
		{ "HTTP/1.1 2", false },
		{ "HTTP/1.1 204\r\n", true },
		{ "220 ftp is not http\r\n", false },
		{ "HTTP/1.1 200 OK", true },
		{ "", false },
		{ "HTTP/1.1 200 OK", true },
		{ NULL, false },
	};
	struct server s = { .text = NULL };
	struct rig r;

	(void)state;
	need_network();
	rig_open(&r, "http = :8081/health 30ms x 2");
	server_open(&s, 8081);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		s.text = rows[i].text;
		if (!rig_await(&r, rows[i].fit))
			fail_msg("row %zu", i);
	}
	server_close(&s);
	rig_close(&r);
}

/* Two shells that hand each other their frames: path by real timers. */
struct pair {
	struct rig rig;
	struct pair *other;
	bool dead, reachable;
	u8 last[2048]; /* what it sent last */
	u32 length;
};

static void pair_send(void *user, u8 port, const void *frame, size_t length)
{
	struct pair *p = user;

	assert_true(length <= sizeof(p->last));
	memcpy(p->last, frame, length);
	p->length = (u32)length;
	if (!p->dead && p->other->rig.health)
		health_input(p->other->rig.health, port, 1, frame, (u32)length);
}

static void pair_partner(void *user, bool reachable)
{
	struct pair *p = user;

	p->reachable = reachable;
}

static bool pair_hop(void *user, u8 device, struct mac *mac, u8 *port, u16 *vlan)
{
	(void)user;
	*mac = (struct mac){ { 2, 0, 0, 0, 0, device } };
	*port = 1;
	*vlan = VLAN_NONE;
	return true;
}

static struct health_setup pair_setup(struct pair *p, struct config *config, int side)
{
	p->rig.ops = (struct health_ops){ pair_send,   pair_hop,     rig_export, rig_nothing,
					  rig_changed, pair_partner, p };
	p->rig.devices[1].name_hash = 1;
	return (struct health_setup){ .config = config,
				      .self = g_ptr_array_index(config->balancers, side),
				      .ops = &p->rig.ops,
				      .secret = (const u8 *)"s",
				      .secret_length = 1,
				      .devices = p->rig.devices };
}

/* Keeps the last line on a refused heartbeat */
static GString *log_line;

static GLogWriterOutput hear_refusal(GLogLevelFlags level, const GLogField *fields, gsize n,
				     gpointer user)
{
	(void)level, (void)user;
	for (gsize i = 0; i < n; i++)
		if (!strcmp(fields[i].key, "MESSAGE") && strstr(fields[i].value, "refused"))
			g_string_assign(log_line, fields[i].value);
	return G_LOG_WRITER_HANDLED;
}

/* A frame that was sent before, handed to its receiver again as if from DEVICE. */
static void assert_refused(struct pair *from, u8 device, const char *says)
{
	health_input(from->other->rig.health, 1, device, from->last, from->length);
	if (!strstr(log_line->str, says))
		fail_msg("%s", log_line->str);
}

static void test_path_by_timers(void **state)
{
	struct pair pair[2] = { 0 };
	struct health_partner partner;
	struct rig r;

	(void)state;
	rig_open(&r, "");
	r.config->health.path = (struct config_pace){ 10, 3 };
	for (int i = 0; i < 2; i++) {
		struct health_setup setup = pair_setup(&pair[i], r.config, i);

		pair[i].other = &pair[!i];
		assert_int_equal(health_new(&pair[i].rig.health, &setup), 0);
	}
	assert_true(rig_await(&pair[0].rig, true) && rig_await(&pair[1].rig, true));
	while (!pair[0].reachable || !pair[1].reachable)
		g_main_context_iteration(NULL, TRUE);
	health_urge(pair[0].rig.health);
	health_urge(pair[1].rig.health);
	assert_refused(&pair[0], 1, "refused (from device d1): seen before");
	assert_refused(&pair[1], 0, "refused (from an unknown MAC): seen before");
	pair[0].dead = true;
	while (pair[0].reachable || pair[1].reachable)
		g_main_context_iteration(NULL, TRUE); /* the runner ends what never does */
	assert_true(health_fit(pair[0].rig.health, 1) && health_fit(pair[1].rig.health, 1));
	health_partner(pair[0].rig.health, &partner);
	assert_true(partner.sent && partner.received && partner.rejected == 1 &&
		    partner.same_epoch);
	health_free(pair[0].rig.health);
	health_free(pair[1].rig.health);
	rig_close(&r);
}

/* A check of an address that no device has is refused. */
static void test_nobodys_check(void **state)
{
	struct config_check check = { .kind = CONFIG_DETECT_ICMP, .pace = { 1000, 3 },
				      .address = IN6ADDR_LOOPBACK_INIT };
	struct health_setup setup;
	struct health *h;
	struct rig r;

	(void)state;
	rig_open(&r, "");
	g_ptr_array_set_free_func(r.config->health.checks, NULL);
	g_ptr_array_add(r.config->health.checks, &check);
	setup = (struct health_setup){.config = r.config,
				      .self = g_ptr_array_index(r.config->balancers, 0),
				      .ops = &r.ops,
				      .devices = r.devices};
	assert_int_equal(health_new(&h, &setup), -EINVAL);
	assert_null(h);
	assert_int_equal(health_reload(r.health, &setup), -EINVAL);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_nobodys_check),
		cmocka_unit_test(test_path_by_timers),
	};

	log_line = g_string_new(NULL);
	g_log_set_writer_func(hear_refusal, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
