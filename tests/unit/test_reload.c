/* SPDX-License-Identifier: ISC */
/* links: sandwich/run/reload.c sandwich/run/ranks.c sandwich/run/settings.c */
/* links: sandwich/run/number.c sandwich/run/secret.c sandwich/slowpath/memory.c */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/* Reload: what is refused and with which words, who keeps which id, and the way back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "sandwich/core/rank.h"
#include "sandwich/run/balancer.h"
#include "sandwich/run/ranks.h"
#include "sandwich/run/settings.h"

struct rig {
	struct balancer balancer;
	unsigned int configured;
	u32 rows;  /* the last that was wanted */
	int fails; /* what balancer_configure() says next */
	GPtrArray *problems;
	unsigned int ended; /* reloads that were told of */
	int error;	    /* of the last */
};

/* Everything that follows a configuration, which has tests of its own. */
int balancer_configure(struct balancer *b, u32 rows)
{
	struct rig *r = (struct rig *)b; /* its first member */
	int rc = r->fails;

	r->configured++;
	r->rows = rows;
	r->fails = 0;
	return rc;
}

#define SANDWICH(more) "[sandwich]\nname = t\nmode = firewall\naffinity = pair\n" more
#define SIDES(more)                                                                        \
	"[side ingress]\nuplink-address = 192.0.2.1/24\nfarm-address = 10.1.0.1/24\n" more \
	"[side egress]\nuplink-address = 10.9.0.1/16\nfarm-address = 10.2.0.1/24\n"
#define IN(what) "[balancer in]\n" what
#define OUT                                                                               \
	"[balancer out]\nside = egress\nuplink = eth0\nfarm = eth1\ncontrol = /tmp/out\n" \
	"[health]\npath = off\n"
#define PLAIN_IN "side = ingress\nuplink = eth0\nfarm = eth1 eth2\ncontrol = /tmp/in\n"
#define DEVICE(n, more) \
	"[device fw" #n "]\ningress = 10.1.0.1" #n "\negress = 10.2.0.1" #n "\n" more
#define THREE DEVICE(1, "") DEVICE(2, "") DEVICE(3, "")
#define PLAIN SANDWICH("") SIDES("") IN(PLAIN_IN) OUT THREE

static void on_reloaded(struct balancer *b, int error, GPtrArray *problems)
{
	struct rig *r = (struct rig *)b;

	r->ended++;
	r->error = error;
	g_ptr_array_unref(r->problems);
	r->problems = g_ptr_array_ref(problems);
}

/* A reload, and its end. */
static int reload(struct rig *r)
{
	unsigned int ended = r->ended;

	balancer_reload(&r->balancer, on_reloaded);
	while (r->ended == ended)
		g_main_context_iteration(NULL, TRUE);
	return r->error;
}

static void rewrite(struct rig *r, const char *text)
{
	assert_true(g_file_set_contents(r->balancer.config_path, text, -1, NULL));
}

static void rig_open(struct rig *r, const char *text)
{
	struct balancer *b = &r->balancer;
	int fd;

	memset(r, 0, sizeof(*r));
	r->problems = config_problems_new();
	fd = g_file_open_tmp("sandwich-XXXXXX.conf", &b->config_path, NULL);
	assert_true(fd >= 0);
	close(fd);
	rewrite(r, text);
	assert_int_equal(config_read(b->config_path, &b->config, r->problems), 0);
	g_ptr_array_set_size(r->problems, 0);
	b->self = config_find_balancer(b->config, "in");
	assert_int_equal(memory_new(&b->memory, 64, 64, 64), 0);
	memory_tables(b->memory, 0, &b->tables);
	assert_int_equal(settings_from_config(&b->tables, b->config, b->self, NULL, 0), 0);
	b->rows = b->tables.settings->rows;
}

static void rig_close(struct rig *r)
{
	balancer_reload_stop(&r->balancer);
	unlink(r->balancer.config_path);
	g_free(r->balancer.config_path);
	config_free(r->balancer.config);
	memory_free(r->balancer.memory);
	g_ptr_array_unref(r->problems);
}

static const struct config_problem *problem(struct rig *r, guint i)
{
	assert_true(i < r->problems->len);
	return g_ptr_array_index(r->problems, i);
}

struct refusal {
	const char *text;
	int line;
	const char *says;
};

#define AFTER " can't change while running; restart the daemon for it"

static void refusals(void **state)
{
	static const struct refusal cases[] = {
		{SANDWICH("") SIDES("") IN("side = ingress\nuplink = eth9\nfarm = eth1 eth2\n"
					   "control = /tmp/in\n") OUT THREE,
		 11, "side, uplink and farm ports" AFTER},
		{SANDWICH("") SIDES("") IN("side = ingress\nuplink = eth0\nfarm = eth1\n"
					   "control = /tmp/in\n") OUT THREE,
		 11, "side, uplink and farm ports" AFTER},
		{SANDWICH("") SIDES("") IN("side = ingress\nuplink = eth0\nfarm = eth1 eth2\n"
					   "control = /tmp/elsewhere\n") OUT THREE,
		 11, "control and metrics" AFTER},
		{SANDWICH("") SIDES("") IN(PLAIN_IN "metrics = 127.0.0.1:9000\n") OUT THREE, 11,
		 "control and metrics" AFTER},
		{SANDWICH("") SIDES("") IN(PLAIN_IN "datapath = pcap\n") OUT THREE, 11,
		 "datapath" AFTER},
		{SANDWICH("") SIDES("") IN(PLAIN_IN "xdp-chain = on\n") OUT THREE, 11,
		 "xdp-chain" AFTER},
		{"[sandwich]\nname = other\nmode = firewall\naffinity = pair\n" SIDES("")
			 IN(PLAIN_IN) OUT THREE,
		 0, "[sandwich] name and secret-file" AFTER},
		{"[sandwich]\nname = t\nmode = firewall\naffinity = flow\n" SIDES("") IN(PLAIN_IN)
			 OUT THREE,
		 0, "[sandwich] mode and affinity" AFTER},
		{SANDWICH("sessions = 64k\n") SIDES("") IN(PLAIN_IN) OUT THREE, 0,
		 "[sandwich] sessions and pins" AFTER},
		{SANDWICH("") SIDES("farm-vlan = 7\n") IN(PLAIN_IN) OUT THREE, 0,
		 "whether all VLAN tags are kept (uplink-vlan, farm-vlan, vlan:)" AFTER},
		{SANDWICH("") SIDES("") "[balancer in2]\n" PLAIN_IN OUT THREE, 0,
		 "this balancer's section is gone; its name" AFTER},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct config *before;
		struct rig r;

		rig_open(&r, PLAIN);
		before = r.balancer.config;
		rewrite(&r, cases[i].text);
		assert_int_equal(reload(&r), -EINVAL);
		assert_int_equal(r.problems->len, 1);
		assert_string_equal(problem(&r, 0)->text, cases[i].says);
		assert_int_equal(problem(&r, 0)->line, cases[i].line);
		assert_ptr_equal(r.balancer.config, before);
		assert_int_equal(r.configured, 0);
		rig_close(&r);
	}
}

static void every_problem_is_told(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, PLAIN);
	rewrite(&r, SANDWICH("") SIDES("") IN(PLAIN_IN "hat = red\nshoe = blue\n") OUT THREE);
	assert_int_equal(reload(&r), -EINVAL);
	assert_true(r.problems->len >= 2);
	assert_int_equal(problem(&r, 0)->line, 16);
	assert_int_equal(unlink(r.balancer.config_path), 0);
	assert_true(reload(&r) < 0);
	assert_int_equal(r.configured, 0);
	rig_close(&r);
}

static unsigned int id_of(struct rig *r, const char *name)
{
	const struct config_device *d = config_find_device(r->balancer.config, name);

	return d ? d->id : 0;
}

static void take(struct rig *r, const char *text)
{
	rewrite(r, text);
	assert_int_equal(reload(r), 0);
	assert_int_equal(r->problems->len, 0);
	assert_string_equal(r->balancer.self->name, "in");
	assert_ptr_equal(config_find_balancer(r->balancer.config, "in"), r->balancer.self);
}

#define WITH(devices) SANDWICH("") SIDES("") IN(PLAIN_IN) OUT devices

static void ids_stay(void **state)
{
	struct rig r;
	u32 rows;

	(void)state;
	rig_open(&r, PLAIN);
	rows = r.balancer.tables.settings->rows;
	take(&r, WITH(DEVICE(3, "") DEVICE(1, "") DEVICE(2, "weight = 3\n")));
	assert_int_equal(id_of(&r, "fw1"), 1);
	assert_int_equal(id_of(&r, "fw2"), 2);
	assert_int_equal(id_of(&r, "fw3"), 3);
	assert_int_equal(r.balancer.tables.devices[2].weight, 3);
	assert_int_equal(r.configured, 1);
	assert_int_not_equal(r.rows, rows); /* built beside: the farm puts it in force */
	assert_int_equal(r.balancer.tables.settings->rows, rows);
	/* a newcomer does not get the number of one that leaves, which sessions still name */
	take(&r, WITH(DEVICE(4, "") DEVICE(1, "") DEVICE(3, "")));
	assert_int_equal(id_of(&r, "fw1"), 1);
	assert_int_equal(id_of(&r, "fw3"), 3);
	assert_int_equal(id_of(&r, "fw4"), 4);
	assert_int_equal(r.balancer.tables.devices[2].name_hash, 0);
	take(&r, WITH(DEVICE(4, "") DEVICE(5, "") DEVICE(6, "")));
	assert_int_equal(id_of(&r, "fw4"), 4);
	assert_int_equal(id_of(&r, "fw5"), 2);
	assert_int_equal(id_of(&r, "fw6"), 5);
	rig_close(&r);
}

static char *many(unsigned int from, unsigned int n)
{
	GString *text = g_string_new(WITH(""));

	for (unsigned int i = from; i < from + n; i++)
		g_string_append_printf(text,
				       "[device d%u]\ningress = 02:00:00:00:%02x:%02x\n"
				       "egress = 02:00:00:01:%02x:%02x\n",
				       i, i >> 8, i & 255, i >> 8, i & 255);
	return g_string_free(text, FALSE);
}

/* With all 255 in use, newcomers inherit. */
static void ids_run_out(void **state)
{
	bool seen[256] = {false};
	char *text = many(0, 255);
	struct rig r;

	(void)state;
	rig_open(&r, text);
	g_free(text);
	text = many(2, 255);
	take(&r, text);
	g_free(text);
	assert_int_equal(id_of(&r, "d2"), 3);
	for (guint i = 0; i < r.balancer.config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(r.balancer.config->devices, i);

		assert_in_range(d->id, 1, 255);
		assert_false(seen[d->id]);
		seen[d->id] = true;
	}
	rig_close(&r);
}

/* Another content of the same file is another placement. */
static void the_secret_stays(void **state)
{
	static const char one[] = "0123456789abcdef";
	char *path = g_build_filename(g_get_tmp_dir(), "sandwich-secret-XXXXXX", NULL), *text;
	int fd = g_mkstemp(path);
	struct rig r;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_true(g_file_set_contents(path, one, -1, NULL));
	text = g_strdup_printf(SANDWICH("secret-file = %s\n") SIDES("") IN(PLAIN_IN) OUT THREE,
			       path);
	rig_open(&r, text);
	r.balancer.secret = (u8 *)g_strdup(one);
	r.balancer.secret_length = strlen(one);
	assert_int_equal(reload(&r), 0);
	assert_true(g_file_set_contents(path, "0123456789abcdeF", -1, NULL));
	assert_int_equal(reload(&r), -EINVAL);
	assert_string_equal(problem(&r, 0)->text, "what is in the secret-file" AFTER);
	unlink(path);
	assert_int_equal(reload(&r), 0); /* it is needed at a start */
	g_free(r.balancer.secret);
	rig_close(&r);
	g_free(text);
	g_free(path);
}

/* The rows that CONFIG wants, built at once, are those of SET. */
static void assert_rows(struct rig *r, u32 set)
{
	static struct rank_row want[RANK_ROWS];
	struct rank_device devices[DEVICES_MAX];
	u32 n = settings_rank_devices(r->balancer.config, devices);

	rank_build(want, &r->balancer.tables.settings->placement, devices, n);
	assert_memory_equal(want, tables_row(&r->balancer.tables, set, 0), sizeof(want));
}

/* What leaves names, weights and ids as they are builds no rows, and ends at once. */
static void rows_stay(void **state)
{
	static const char *const same[] = {
		PLAIN, WITH(DEVICE(3, "") DEVICE(1, "") DEVICE(2, "state = disabled\n")),
		SANDWICH("on-device-down = reset\n") SIDES("") IN(PLAIN_IN) OUT THREE,
	};
	struct rig r;
	u32 rows;

	(void)state;
	rig_open(&r, PLAIN);
	rows = r.balancer.tables.settings->rows;
	for (unsigned int i = 0; i < G_N_ELEMENTS(same); i++) {
		rewrite(&r, same[i]);
		balancer_reload(&r.balancer, on_reloaded);
		assert_int_equal(r.ended, i + 1);
		assert_int_equal(r.error, 0);
		assert_int_equal(r.rows, rows);
	}
	rig_close(&r);
}

/* Nothing is in force before all of it is; what comes meanwhile follows, once. */
static void rows_are_built_aside(void **state)
{
	struct rig r;
	u32 rows;

	(void)state;
	rig_open(&r, PLAIN);
	rows = r.balancer.tables.settings->rows;
	rewrite(&r, WITH(DEVICE(1, "weight = 9\n") DEVICE(2, "") DEVICE(3, "")));
	balancer_reload(&r.balancer, on_reloaded);
	assert_int_equal(r.ended + r.configured, 0);
	assert_int_equal(r.balancer.tables.devices[1].weight, 1);
	rewrite(&r, WITH(DEVICE(1, "weight = 9\n") DEVICE(2, "weight = 5\n") DEVICE(3, "")));
	balancer_reload(&r.balancer, on_reloaded);
	balancer_reload(&r.balancer, on_reloaded);
	while (r.ended < 2)
		g_main_context_iteration(NULL, TRUE);
	assert_int_equal(r.configured, 2);
	assert_int_equal(r.balancer.tables.devices[1].weight, 9);
	assert_int_equal(r.balancer.tables.devices[2].weight, 5);
	assert_int_equal(r.rows, !rows);
	assert_rows(&r, !rows);
	assert_null(r.balancer.reload);
	/* one that is refused leaves alone what the farm has yet to put in force */
	rewrite(&r, WITH(DEVICE(7, "")));
	r.fails = -EADDRNOTAVAIL;
	assert_int_equal(reload(&r), -EADDRNOTAVAIL);
	assert_int_equal(r.rows, !rows);
	assert_rows(&r, !rows);
	/* and the balancer may end while one is under way */
	balancer_reload(&r.balancer, on_reloaded);
	rig_close(&r);
}

/* What can't be put in force is taken back, and the former configuration goes on. */
static void the_way_back(void **state)
{
	const struct config *before;
	struct rig r;

	(void)state;
	rig_open(&r, PLAIN);
	before = r.balancer.config;
	rewrite(&r, WITH(DEVICE(1, "weight = 9\n") DEVICE(4, "")));
	r.fails = -EADDRNOTAVAIL;
	assert_int_equal(reload(&r), -EADDRNOTAVAIL);
	assert_int_equal(r.problems->len, 1);
	assert_non_null(strstr(problem(&r, 0)->text, "can't be put in force"));
	assert_ptr_equal(r.balancer.config, before);
	assert_ptr_equal(r.balancer.self, config_find_balancer(before, "in"));
	assert_int_equal(r.configured, 2);
	assert_int_equal(r.balancer.tables.devices[1].weight, 1);
	assert_int_equal(r.balancer.tables.devices[2].name_hash, settings_name_hash("fw2"));
	assert_int_equal(r.balancer.tables.devices[4].name_hash, 0);
	rig_close(&r);
}

static GLogWriterOutput quiet(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer user)
{
	(void)level, (void)fields, (void)n, (void)user;
	return G_LOG_WRITER_HANDLED;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals),     cmocka_unit_test(every_problem_is_told),
		cmocka_unit_test(ids_stay),     cmocka_unit_test(ids_run_out),
		cmocka_unit_test(the_way_back), cmocka_unit_test(rows_stay),
		cmocka_unit_test(rows_are_built_aside), cmocka_unit_test(the_secret_stays),
	};

	g_log_set_writer_func(quiet, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
