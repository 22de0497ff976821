/* SPDX-License-Identifier: ISC */
/*
 * A farm without a network: devices by configuration text, a partner that says what it is told to,
 * conversations, and an account of what the farm did. Included by one test program at a time.
 */
#ifndef TESTS_UNIT_FARM_RIG_H
#define TESTS_UNIT_FARM_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/place.h"
#include "sandwich/core/session.h"
#include "sandwich/run/farm.h"
#include "sandwich/run/settings.h"
#include "sandwich/slowpath/memory.h"

#define SLOTS   65536 /* a walk takes several slices */
#define FLOWS   600
#define WAIT_MS 3000 /* FARM_PARTNER_WAIT_MS */

struct rig {
	struct memory *memory;
	struct tables tables;
	struct config *config;
	struct farm *farm;
	u32 now;
	GString *log; /* what the ops saw: see below */
	u8 watched;   /* the device that the log tells the bits of */
	u8 meddle;    /* the device that the urge op finds unfit */
};

/* U: urged, L: lost, F: flush; in small letters while the watched device is not up. */
static inline void note(struct rig *r, char what)
{
	bool up = device_set_has(&r->tables.settings->up, r->watched);

	g_string_append_c(r->log, up ? what : g_ascii_tolower(what));
}

static inline void on_urge(void *user)
{
	struct rig *r = user;
	u8 meddle = r->meddle;

	note(r, 'U');
	r->meddle = 0;
	if (meddle)
		farm_fit(r->farm, meddle, false, "meddled", r->now);
}

static inline void on_lost(void *user, u8 device)
{
	(void)device;
	note(user, 'L');
}

static inline void on_flush(void *user, u8 device)
{
	(void)device;
	note(user, 'F');
}

#define HEAD                                                                              \
	"[sandwich]\nname = t\nmode = firewall\naffinity = pair\n"                        \
	"[side ingress]\nuplink-address = 192.0.2.1/24\nfarm-address = 10.1.0.1/24\n"     \
	"[side egress]\nuplink-address = 10.9.0.1/16\nfarm-address = 10.2.0.1/24\n"       \
	"[balancer in]\nside = ingress\nuplink = eth0\nfarm = eth1\ncontrol = /tmp/in\n"  \
	"[balancer out]\nside = egress\nuplink = eth0\nfarm = eth1\ncontrol = /tmp/out\n" \
	"[health]\npath = off\n"
#define DEVICE(n, more) \
	"[device fw" #n "]\ningress = 10.1.0.1" #n "\negress = 10.2.0.1" #n "\n" more

#define THREE DEVICE(1, "") DEVICE(2, "") DEVICE(3, "")

static inline struct config *parse(const char *devices)
{
	char *text = g_strconcat(HEAD, devices, NULL);
	GPtrArray *problems = config_problems_new();
	struct config *config = NULL;
	int rc = config_parse(text, strlen(text), &config, problems);

	for (guint i = 0; rc && i < problems->len; i++)
		print_error("%s\n",
			    ((struct config_problem *)g_ptr_array_index(problems, i))->text);
	assert_int_equal(rc, 0);
	g_ptr_array_unref(problems);
	g_free(text);
	return config;
}

static inline void apply(struct rig *r, const char *devices)
{
	struct config *old = r->config;
	const struct config_balancer *self;

	r->config = parse(devices);
	self = config_find_balancer(r->config, "in");
	assert_int_equal(settings_apply(&r->tables, r->config, self, NULL, 0), 0);
	if (old)
		config_free(old);
}

static inline void reload(struct rig *r, const char *devices)
{
	apply(r, devices);
	farm_configure(r->farm, r->config, settings_build_rows(&r->tables, r->config), r->now);
}

static inline void rig_open(struct rig *r, const char *devices)
{
	const struct farm_ops ops = {on_urge, on_lost, on_flush, r};

	memset(r, 0, sizeof(*r));
	assert_int_equal(memory_new(&r->memory, SLOTS, 4096, 64), 0);
	memory_tables(r->memory, 0, &r->tables);
	apply(r, devices);
	r->tables.settings->rows = settings_build_rows(&r->tables, r->config);
	r->now = memory_now();
	r->log = g_string_new("");
	r->farm = farm_new(&r->tables, &ops);
	farm_configure(r->farm, r->config, r->tables.settings->rows, r->now);
}

static inline void rig_close(struct rig *r)
{
	farm_free(r->farm);
	config_free(r->config);
	memory_free(r->memory);
	g_string_free(r->log, TRUE);
	assert_false(g_main_context_pending(NULL)); /* nothing is left behind */
}

/* Runs the main loop until it is idle; how many rounds that took. */
static inline unsigned int run(struct rig *r)
{
	unsigned int rounds = 0;

	while (g_main_context_iteration(NULL, FALSE))
		assert_true(++rounds < 1000);
	r->now = memory_now();
	return rounds;
}

static inline bool is_up(struct rig *r, u8 id)
{
	return device_set_has(&r->tables.settings->up, id);
}

static inline bool is_picked(struct rig *r, u8 id)
{
	return device_set_has(&r->tables.settings->pick, id);
}

static inline struct farm_device *device(struct rig *r, u8 id)
{
	return farm_find(r->farm, id);
}

static inline void fit(struct rig *r, u8 id, bool is)
{
	farm_fit(r->farm, id, is, "no answer", r->now);
}

/* Nothing good so far, but nobody has to be waited for any more. */
static inline void all_judged(struct rig *r)
{
	for (guint i = 0; i < r->config->devices->len; i++)
		fit(r, (u8)(i + 1), false);
}

static inline void all_up(struct rig *r)
{
	for (guint i = 0; i < r->config->devices->len; i++)
		fit(r, (u8)(i + 1), true);
	run(r);
	for (guint i = 0; i < r->config->devices->len; i++)
		assert_int_equal(device(r, (u8)(i + 1))->state, FARM_UP);
}

static inline u32 sweeps(struct rig *r)
{
	return (u32)r->tables.counters->counter[COUNTER_SWEEPS];
}

/* --- conversations -------------------------------------------------------------------------- */

static inline struct flow flow_number(u32 n)
{
	struct flow f = {.protocol = PROTOCOL_TCP, .outside_port = 1, .inside_port = 2};

	address_from_v4(&f.outside, core_swap32(0xc6336400 + n));
	address_from_v4(&f.inside, core_swap32(0x0a090005));
	return f;
}

static inline u8 place_now(struct rig *r, u32 n)
{
	struct flow key, f = flow_number(n);
	struct placement p = {0};

	affinity_key(&key, &f, r->tables.settings->affinity);
	place(&r->tables, r->tables.settings, &key, r->now, &p);
	return p.device;
}

static inline struct slot *session_number(struct rig *r, u32 n)
{
	struct flow f = flow_number(n);

	return table_find(&r->tables, TABLE_SESSIONS, &f, session_hash(r->tables.settings, &f));
}

static inline void converse_from(struct rig *r, u32 from, u32 to)
{
	u8 byte = session_byte(SESSION_ESTABLISHED, ORIGIN_HASH, 0);

	for (u32 n = from; n < to; n++) {
		struct flow f = flow_number(n);

		assert_non_null(session_add(&r->tables, &f, session_hash(r->tables.settings, &f),
					    place_now(r, n), byte, r->now));
	}
}

static inline void converse(struct rig *r)
{
	converse_from(r, 0, FLOWS);
}

/* What frames do when a device is gone: the conversation is recorded where it is placed now. */
static inline void follow(struct rig *r)
{
	for (u32 n = 0; n < FLOWS; n++) {
		struct slot *s = session_number(r, n);

		if (is_up(r, s->device))
			continue;
		session_move(&r->tables, s, &s->key, place_now(r, n));
		s->seen = memory_now();
	}
}

static inline void none_moves(struct rig *r, u32 flows)
{
	for (u32 n = 0; n < flows; n++)
		assert_int_equal(place_now(r, n), session_number(r, n)->device);
}

static inline u32 new_flows_on(struct rig *r, u8 id)
{
	u32 found = 0;

	for (u32 n = 10000; n < 10600; n++)
		found += place_now(r, n) == id;
	return found;
}

/* --- the partner ---------------------------------------------------------------------------- */

static inline struct health_record partner_says(bool is_fit, bool swept, bool up)
{
	return (struct health_record){.fit = is_fit, .swept = swept, .up = up};
}

static inline void partner(struct rig *r, u8 id, struct health_record record)
{
	farm_partner_record(r->farm, id, &record, r->now);
}

static inline void partner_all(struct rig *r, bool is_fit, bool swept, bool up)
{
	for (guint i = 0; i < r->config->devices->len; i++)
		partner(r, (u8)(i + 1), partner_says(is_fit, swept, up));
}

static inline struct health_record told(struct rig *r, u8 id)
{
	struct health_record out;

	farm_export(r->farm, id, &out);
	return out;
}

static inline GLogWriterOutput quiet(GLogLevelFlags level, const GLogField *fields, gsize n,
				     gpointer user)
{
	(void)level, (void)fields, (void)n, (void)user;
	return G_LOG_WRITER_HANDLED;
}

#endif
