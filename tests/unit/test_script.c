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
/* Programs as checks: what they are told, what becomes of them, and which are not run at all. */
#include <errno.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "sandwich/health/health.h"
#include "sandwich/health/script_file.h"

#define DEVICES 40

struct rig {
	char *folder, *program;
	struct config *config;
	struct device devices[DEVICES_MAX];
	struct health_ops ops;
	struct health *health;
	unsigned int changes;
	char why[256]; /* the last failure's, as the log has it */
};

static void rig_send(void *user, u8 port, const void *frame, size_t length)
{
	(void)user, (void)port, (void)frame, (void)length;
}

static bool rig_hop(void *user, u8 device, struct mac *mac, u8 *port, u16 *vlan)
{
	(void)user, (void)device, (void)mac, (void)port, (void)vlan;
	return false;
}

static void rig_record(void *user, u8 device, const struct health_record *record)
{
	(void)user, (void)device, (void)record;
}

static void rig_export(void *user, u8 device, struct health_record *out)
{
	(void)user, (void)device, (void)out;
}

static void rig_changed(void *user, u8 device, bool fit, const char *why)
{
	struct rig *r = user;

	(void)device;
	r->changes++;
	if (!fit)
		g_strlcpy(r->why, why, sizeof(r->why));
}

static void rig_partner(void *user, bool reachable)
{
	(void)user, (void)reachable;
}

/* PROGRAM is what the shell is to run. */
static void rig_write(struct rig *r, const char *program)
{
	char *text = g_strdup_printf("#!/bin/sh\n%s\n", program);
	char *beside = g_strdup_printf("%s.new", r->program);

	assert_true(g_file_set_contents(beside, text, -1, NULL));
	assert_int_equal(chmod(beside, 0755), 0);
	assert_int_equal(rename(beside, r->program), 0); /* one that runs can't be written to */
	g_free(beside);
	g_free(text);
}

static void rig_folder(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	r->folder = g_strdup("/tmp/test_script.XXXXXX");
	assert_non_null(mkdtemp(r->folder));
	assert_int_equal(chmod(r->folder, 0755), 0);
	r->program = g_strdup_printf("%s/program", r->folder);
}

static struct config *rig_config(const struct rig *r, const char *more, unsigned int devices)
{
	GString *text = g_string_new(
		"[sandwich]\nname = t\nmode = vpn\n"
		"[side ingress]\nuplink-address = 192.0.2.1/24\n"
		"farm-address = 10.1.0.1/24 2001:db8::1/64\n"
		"[side egress]\nuplink-address = 10.9.0.1/16\nfarm-address = 10.2.0.1/24\n"
		"[balancer in-a]\nside = ingress\nuplink = eth0\nfarm = eth1\n"
		"[balancer out-a]\nside = egress\nuplink = eth0\nfarm = eth1\n");
	GPtrArray *problems = config_problems_new();
	struct config *config;

	for (unsigned int i = 1; i <= devices; i++)
		g_string_append_printf(text, "[device d%u]\ningress = 10.1.0.%u 2001:db8::%u\n"
				       "egress = 10.2.0.%u\n", i, 10 + i, 10 + i, 10 + i);
	g_string_append_printf(text, "[health]\npath = off\nrise = 1\nscript = %s %s\n",
			       r->program, more);
	if (config_parse(text->str, text->len, &config, problems))
		fail_msg("%s", ((struct config_problem *)g_ptr_array_index(problems, 0))->text);
	g_ptr_array_unref(problems);
	g_string_free(text, TRUE);
	return config;
}

static struct health_setup rig_setup(struct rig *r)
{
	return (struct health_setup){.config = r->config,
				     .self = g_ptr_array_index(r->config->balancers, 0),
				     .ops = &r->ops,
				     .devices = r->devices};
}

static void rig_open(struct rig *r, const char *program, const char *more, unsigned int devices)
{
	struct health_setup setup;

	rig_folder(r);
	rig_write(r, program);
	r->config = rig_config(r, more, devices);
	for (unsigned int i = 1; i <= devices; i++)
		r->devices[i].name_hash = i;
	r->ops = (struct health_ops){rig_send,	  rig_hop,     rig_export, rig_record,
				     rig_changed, rig_partner, r};
	setup = rig_setup(r);
	assert_int_equal(health_new(&r->health, &setup), 0);
}

static gboolean tick(gpointer user)
{
	(void)user;
	return G_SOURCE_CONTINUE;
}

static void run_for(unsigned int ms)
{
	gint64 limit = g_get_monotonic_time() + ms * 1000;
	guint source = g_timeout_add(5, tick, NULL);

	while (g_get_monotonic_time() < limit)
		g_main_context_iteration(NULL, TRUE);
	g_source_remove(source);
}

static void rig_close(struct rig *r)
{
	char *remove = g_strdup_printf("rm -r '%s'", r->folder);

	health_free(r->health);
	run_for(100); /* what was killed is reaped */
	if (r->config)
		config_free(r->config);
	assert_int_equal(system(remove), 0);
	g_free(remove);
	g_free(r->program);
	g_free(r->folder);
}

static bool rig_await(struct rig *r, bool fit)
{
	gint64 limit = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
	guint source = g_timeout_add(5, tick, NULL);

	while (health_fit(r->health, 1) != fit && g_get_monotonic_time() < limit)
		g_main_context_iteration(NULL, TRUE);
	g_source_remove(source);
	return health_fit(r->health, 1) == fit;
}

static void test_status(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "exit 0", "100ms x 2", 1);
	assert_true(rig_await(&r, true));
	rig_write(&r, "echo first; echo; echo \"no handshake for 312 s\" >&2; echo; exit 3");
	assert_true(rig_await(&r, false));
	assert_string_equal(r.why, "script: exit status 3: no handshake for 312 s");
	rig_write(&r, "exit 0");
	assert_true(rig_await(&r, true));
	rig_write(&r, "kill -TERM $$");
	assert_true(rig_await(&r, false));
	assert_string_equal(r.why, "script: ended by signal 15");
	assert_int_equal(r.changes, 4); /* each change once */
	rig_close(&r);
}

/* What is no text in a log or in JSON does not get there. */
static void test_output(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "exit 0", "100ms x 1", 1);
	assert_true(rig_await(&r, true));
	rig_write(&r, "printf 'a\\033[1mb\\001\\377\\tc   \\n\\n'; exit 1");
	assert_true(rig_await(&r, false));
	assert_string_equal(r.why, "script: exit status 1: a?[1mb?? c");
	rig_write(&r, "exit 0");
	assert_true(rig_await(&r, true));
	rig_write(&r, "yes 0123456789abcdefghijklmnopqrstuvwxyz"); /* much, and no end */
	assert_true(rig_await(&r, false));
	assert_non_null(strstr(r.why, "not done in 100 ms: "));
	assert_true(strlen(r.why) < 128);
	rig_close(&r);
}

static void test_environment(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "exit 0", "wg0 7 100ms x 1", 1);
	assert_true(rig_await(&r, true));
	rig_write(&r, "echo $* $SANDWICH_NAME $SANDWICH_BALANCER $SANDWICH_SIDE $SANDWICH_DEVICE "
		  "$SANDWICH_ADDRESS; exit 1");
	assert_true(rig_await(&r, false));
	assert_string_equal(r.why, "script: exit status 1: wg0 7 t in-a ingress d1 10.1.0.11");
	rig_write(&r, "exit 0");
	assert_true(rig_await(&r, true));
	rig_write(&r, "echo $SANDWICH_INGRESS_ADDRESSES/$SANDWICH_EGRESS_ADDRESSES; exit 1");
	assert_true(rig_await(&r, false));
	assert_string_equal(r.why, "script: exit status 1: 10.1.0.11 2001:db8::11/10.2.0.11");
	rig_close(&r);
}

static void test_privileges(void **state)
{
	char expected[64];
	struct rig r;

	(void)state;
	rig_open(&r, "exit 0", "100ms x 1", 1);
	assert_true(rig_await(&r, true));
	rig_write(&r, "echo $(id -u | sed s/^0$/root/) $(grep -hE 'Cap(Prm|Eff|Inh|Amb)|NoNew' "
		  "/proc/self/status | cut -f2); exit 1");
	assert_true(rig_await(&r, false));
	if (geteuid()) {
		g_snprintf(expected, sizeof(expected), "script: exit status 1: %u ", geteuid());
		assert_memory_equal(r.why, expected, strlen(expected));
	}
	assert_null(strstr(r.why, "root"));
	assert_non_null(strstr(r.why, " 0000000000000000 0000000000000000 0000000000000000 "
				      "0000000000000000 1"));
	rig_close(&r);
}

/* Gone, or dead and not yet buried: who is not its parent can't do that. */
static bool is_dead(int pid)
{
	char *path = g_strdup_printf("/proc/%d/stat", pid), *text = NULL;
	bool dead = !g_file_get_contents(path, &text, NULL, NULL) || strstr(text, ") Z");

	g_free(text);
	g_free(path);
	return dead;
}

/* It is killed with its children; ours is not the time it takes. */
static void test_timeout(void **state)
{
	gint64 began, longest = 0;
	const char *said;
	struct rig r;
	int child;

	(void)state;
	rig_open(&r, "exit 0", "500ms x 1 200ms", 1);
	assert_true(rig_await(&r, true));
	rig_write(&r, "sleep 1000 & echo $!; sleep 1000");
	while (health_fit(r.health, 1)) {
		guint source = g_timeout_add(5, tick, NULL);

		began = g_get_monotonic_time();
		g_main_context_iteration(NULL, TRUE);
		longest = MAX(longest, g_get_monotonic_time() - began);
		g_source_remove(source);
	}
	said = strstr(r.why, "not done in 200 ms: ");
	assert_non_null(said);
	assert_true(longest < 150000);
	child = atoi(said + strlen("not done in 200 ms: "));
	assert_true(child > 1);
	run_for(100);
	assert_true(is_dead(child));
	rig_close(&r);
}

static unsigned int highest(const char *path)
{
	unsigned int max = 0;
	char *text;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	for (char *at = text; *at; at = strchrnul(at, '\n') + 1)
		max = MAX(max, (unsigned int)atoi(at));
	g_free(text);
	return max;
}

/* Forty that are due at once take turns, and nobody is down for having waited. */
static void test_turns(void **state)
{
	char *program, *marks, *counts;
	struct rig r;

	(void)state;
	rig_open(&r, "exit 0", "2s x 1", DEVICES);
	marks = g_strdup_printf("%s/marks", r.folder);
	counts = g_strdup_printf("%s/counts", r.folder);
	assert_int_equal(g_mkdir(marks, 0755) || chmod(marks, 01777), 0);
	assert_true(g_file_set_contents(counts, "", 0, NULL));
	assert_int_equal(chmod(counts, 0666), 0);
	program = g_strdup_printf("touch %s/$$; ls %s | wc -l >>%s; sleep 0.03; rm %s/$$", marks,
				  marks, counts, marks);
	rig_write(&r, program);
	run_for(3500);
	assert_in_range(highest(counts), 2, 16);
	for (u8 i = 1; i <= DEVICES; i++)
		assert_true(health_fit(r.health, i));
	health_free(r.health); /* some run, some wait */
	r.health = NULL;
	rig_close(&r);
	g_free(program);
	g_free(counts);
	g_free(marks);
}

/* Programs that somebody else could have written */

static void look(const struct rig *r, int expected, const char *says)
{
	char *why;
	int rc = script_file_check(r->program, &why);

	assert_int_equal(rc, expected);
	assert_true(rc ? strstr(why, says) != NULL : !why);
	g_free(why);
}

static void test_file(void **state)
{
	struct rig r;
	char *link;

	(void)state;
	rig_folder(&r);
	look(&r, -ENOENT, "No such file");
	rig_write(&r, "exit 0");
	look(&r, 0, NULL);
	assert_int_equal(chmod(r.program, 0757), 0);
	look(&r, -EACCES, "chmod go-w");
	assert_int_equal(chmod(r.program, 0775), 0);
	look(&r, -EACCES, "chmod go-w");
	assert_int_equal(chmod(r.program, 0644), 0);
	look(&r, -EACCES, "chmod +x");
	assert_int_equal(chmod(r.program, 0755), 0);
	assert_int_equal(chmod(r.folder, 0777), 0);
	look(&r, -EACCES, r.folder);
	assert_int_equal(chmod(r.folder, 0755), 0);
	if (!geteuid()) {
		assert_int_equal(chown(r.program, 12345, 0), 0);
		look(&r, -EACCES, "chown root");
		assert_int_equal(chown(r.program, 0, 0), 0);
	}
	link = g_strdup_printf("%s/real", r.folder);
	assert_int_equal(rename(r.program, link) || symlink(link, r.program), 0);
	look(&r, 0, NULL);
	assert_int_equal(chmod(link, 0777), 0);
	look(&r, -EACCES, "chmod go-w");
	g_free(link);
	rig_close(&r);
}

static GLogWriterOutput quiet(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer user)
{
	(void)level, (void)fields, (void)n, (void)user;
	return G_LOG_WRITER_HANDLED;
}

/* Refused at a start, and where it changes later it is not run. */
static void test_untrusted(void **state)
{
	struct health_setup setup;
	struct health *h;
	struct rig r;

	(void)state;
	rig_open(&r, "exit 0", "100ms x 1", 1);
	assert_true(rig_await(&r, true));
	assert_int_equal(chmod(r.program, 0777), 0);
	assert_true(rig_await(&r, false));
	assert_non_null(strstr(r.why, "others may change"));
	setup = rig_setup(&r);
	assert_int_equal(health_new(&h, &setup), -EINVAL);
	assert_int_equal(health_reload(r.health, &setup), -EINVAL);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),	   cmocka_unit_test(test_output),
		cmocka_unit_test(test_environment), cmocka_unit_test(test_privileges),
		cmocka_unit_test(test_timeout),	   cmocka_unit_test(test_turns),
		cmocka_unit_test(test_file),	   cmocka_unit_test(test_untrusted),
	};

	g_log_set_writer_func(quiet, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
