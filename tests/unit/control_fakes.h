/* SPDX-License-Identifier: ISC */
/*
 * A balancer built by hand, for whatever works through control_execute(): real tables, and
 * stand-ins for the parts that would need a network. Included once, by the test itself.
 */
#ifndef TESTS_UNIT_CONTROL_FAKES_H
#define TESTS_UNIT_CONTROL_FAKES_H

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "sandwich/control/control.h"
#include "sandwich/control/filter.h"
#include "sandwich/core/session.h"
#include "sandwich/run/follower.h"
#include "sandwich/run/sync.h"
#include "sandwich/run/settings.h"
#include "sandwich/slowpath/answer.h"
#include "sandwich/slowpath/macs.h"
#include "sandwich/slowpath/routes.h"

static const char fake_config[] = "[sandwich]\n"
				  "name = test\n"
				  "mode = %s\n"
				  "affinity = %s\n"
				  "sessions = 1k\n"
				  "pins = 1k\n"
				  "secret-file = /etc/sandwich/secret\n"
				  "[side ingress]\n"
				  "uplink-address = 192.0.2.1/24 2001:db8:2::1/64\n"
				  "farm-address = 10.1.0.1/24\n%s"
				  "[side egress]\n"
				  "uplink-address = 10.9.0.1/16 2001:db8:9::1/64\n"
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
				  "ingress = 10.1.0.11 02:00:00:00:01:0b\n"
				  "egress = 10.2.0.11 02:00:00:00:02:0b\n"
				  "[device fw2]\n"
				  "ingress = 10.1.0.12\n"
				  "egress = 10.2.0.12\n"
				  "[device fw3]\n"
				  "ingress = 10.1.0.13\n"
				  "egress = 10.2.0.13\n"
				  "weight = 2\n"
				  "[health]\n"
				  "path = 20ms x 3\n";

struct farm {
	struct tables *tables;
	struct farm_device device[4]; /* by id; 0 is nobody */
};

static void fake_free(struct balancer *b)
{
	memory_free(b->memory);
	config_free(b->config);
	g_free(b->config_path);
	g_free(b->farm);
}

/* NAME is in-a or out-a. */
static void fake_new(struct balancer *b, const char *mode, const char *affinity, const char *name)
{
	bool cluster = !strcmp(affinity, "tunnel");
	char *text = g_strdup_printf(fake_config, mode, affinity,
				     cluster ? "cluster-address = 192.0.2.100\n" : "");
	GPtrArray *problems = config_problems_new();

	memset(b, 0, sizeof(*b));
	if (config_parse(text, strlen(text), &b->config, problems) ||
	    memory_new(&b->memory, 1024, 1024, 256))
		g_error("fake balancer");
	g_ptr_array_unref(problems);
	g_free(text);
	b->config_path = g_strdup("/etc/sandwich/test.conf");
	b->self = config_find_balancer(b->config, name);
	b->datapath = "pcap";
	b->port_count = 2;
	b->started = (u64)g_get_monotonic_time();
	memory_tables(b->memory, 0, &b->tables);
	if (settings_from_config(&b->tables, b->config, b->self, (const u8 *)"secret", 6))
		g_error("fake settings");
	b->farm = g_new0(struct farm, 1);
	b->farm->tables = &b->tables;
	b->health = (struct health *)b; /* never looked into */
	for (u8 id = 1; id <= 3; id++) {
		struct farm_device *d = &b->farm->device[id];
		const struct config_device *c = g_ptr_array_index(b->config->devices, id - 1u);

		*d = (struct farm_device){
			.id = id, .name = c->name, .weight = c->weight, .state = FARM_UP};
	}
}

static inline struct address fake_address(const char *text)
{
	struct address a;
	be32 v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		address_from_v4(&a, v4);
	else if (inet_pton(AF_INET6, text, &a) != 1)
		g_error("fake address %s", text);
	return a;
}

/* Records a session opened from the outside and gives it. */
static inline struct slot *fake_session(struct balancer *b, const char *outside, u16 outside_port,
					const char *inside, u16 inside_port, u8 protocol, u8 device)
{
	struct flow flow = {
		.outside = fake_address(outside),
		.inside = fake_address(inside),
		.outside_port = htons(outside_port),
		.inside_port = htons(inside_port),
		.protocol = protocol,
	};

	return session_add(&b->tables, &flow, session_hash(b->tables.settings, &flow), device,
			   session_byte(SESSION_ESTABLISHED, ORIGIN_HASH, 0), memory_now());
}

/* The stand-ins. */

const char *farm_state_name(enum farm_state state)
{
	static const char *const names[FARM_STATES] = {"down", "up", "draining", "disabled"};

	return names[state];
}

struct farm_device *farm_find(struct farm *f, u8 id)
{
	return id && id < 4 ? &f->device[id] : NULL;
}

struct farm_device *farm_find_name(struct farm *f, const char *name)
{
	for (int id = 1; id < 4; id++)
		if (!strcmp(f->device[id].name, name))
			return &f->device[id];
	return NULL;
}

static int fake_state(struct farm_device *d, enum farm_state state)
{
	if (d->state == state)
		return -EALREADY;
	d->state = state;
	return 0;
}

int farm_drain(struct farm *f, struct farm_device *d, u32 deadline_ms)
{
	(void)f;
	d->drain_deadline = deadline_ms;
	d->drain_started = memory_now();
	return fake_state(d, FARM_DRAINING);
}

int farm_enable(struct farm *f, struct farm_device *d)
{
	(void)f;
	return fake_state(d, FARM_UP);
}

int farm_disable(struct farm *f, struct farm_device *d)
{
	(void)f;
	return fake_state(d, FARM_DISABLED);
}

u32 farm_left(const struct farm *f, const struct farm_device *d, u32 *clients)
{
	*clients = 1;
	return f->tables->devices[d->id].sessions + *clients;
}

int farm_drain_eta(const struct farm *f, const struct farm_device *d, u32 sessions, u32 now)
{
	(void)f;
	(void)d;
	(void)now;
	return sessions ? 60 : -1;
}

void health_walk(struct health *h, u8 device,
		 void (*visit)(void *user, const struct health_view *v), void *user)
{
	struct health_view v = {.detector = CONFIG_DETECT_PATH,
				.ok = device != 2,
				.why = "no answer",
				.rtt_us = 210};

	struct health_view tcp[] = {{.detector = CONFIG_DETECT_TCP, .ok = true, .why = ""},
				    {.detector = CONFIG_DETECT_TCP, .why = "refused"},
				    {.detector = CONFIG_DETECT_TCP, .ok = true, .why = ""}};

	(void)h;
	visit(user, &v);
	for (int i = 0; i < 3 && device == 3; i++)
		visit(user, &tcp[i]);
}

void health_partner(struct health *h, struct health_partner *out)
{
	(void)h;
	*out = (struct health_partner){
		.reachable = true, .same_epoch = true, .rtt_us = 210, .sent = 5};
}

u32 balancer_flush(struct balancer *b, const struct session_filter *filter)
{
	u32 n = 0;

	for (u32 i = 0; i <= b->tables.mask[TABLE_SESSIONS]; i++) {
		struct slot *s = tables_slot(&b->tables, TABLE_SESSIONS, i);

		if (slot_is_live(s->version) && session_filter_match(filter, s))
			n += session_remove(&b->tables, s, s->version);
	}
	return n;
}

/* One twin, equal and standby. */
void sync_look(struct sync *s, struct sync_view *out)
{
	static char path[] = "172.31.0.2:4850";
	static char *paths[] = {path};
	static GPtrArray endpoints = {(gpointer *)paths, 1};
	static char name[] = "in-b";
	static struct config_balancer twin = {.name = name, .sync = &endpoints};
	static const struct role_box box = {.number = 2, .name = "in-b"};

	(void)s;
	*out = (struct sync_view){
		.role = {.role = ROLE_ACTIVE, .term = 3, .active = 1,
			 .counts = {.takeovers = 2, .handovers = 4, .called_off = 1,
				    .gave_way = 5, .vetoed = 6},
			 .flags = ROLE_EQUAL | ROLE_PORTS_OK,
			 .why = "in-b was silent for 65 ms", .peers = 1,
			 .since_us = (u64)g_get_monotonic_time(),
			 .peer = {{.box = &box, .alive = true, .silent_us = 4000,
				   .role = ROLE_STANDBY, .term = 3,
				   .flags = ROLE_EQUAL | ROLE_PORTS_OK}}},
		.others = 1,
		.other = {{.box = &twin, .role = ROLE_STANDBY, .equal = SYNC_EQUAL,
			   .sessions = 41, .lag_us = 700, .repaired = 6, .differing = 3,
			   .applied = 70, .stale = 8, .full = 9,
			   .link = {.up = true, .rtt_us = 180,
				    .counts = {.sent = 100, .received = 90, .lost = 5,
					       .retransmitted = 11, .given_up = 12,
					       .reordered = 13, .duplicate = 14,
					       .refused = {[LINK_REFUSED_FORGED] = 2}}}}},
	};
}

int sync_failover(struct sync *s, char **why)
{
	(void)s;
	*why = g_strdup("the standby's tables are not equal yet: show sync");
	return -EAGAIN;
}

int sync_resync(struct sync *s, char **why)
{
	(void)s;
	(void)why;
	return 0;
}

int sync_set_role(struct sync *s, bool active, char **why)
{
	(void)s;
	(void)active;
	*why = g_strdup("the twins decide themselves");
	return -EINVAL;
}

void follower_counts(const struct follower *f, struct journal_counts *out)
{
	(void)f;
	*out = (struct journal_counts){.entries = {40, 2}};
}

u64 port_missed(struct port *p)
{
	(void)p;
	return 0;
}

void routes_walk(struct routes *r, void (*visit)(void *user, const struct routes_view *v),
		 void *user)
{
	struct routes_view v = {
		.address = fake_address("0.0.0.0"), .length = 96, .origin = "configured"};

	(void)r;
	visit(user, &v);
	v = (struct routes_view){.address = fake_address("192.0.2.254"),
				 .length = 128,
				 .origin = "kernel",
				 .valid = true,
				 .zone = 100,
				 .mac = {{2, 0, 0, 0, 0, 1}}};
	visit(user, &v);
	v = (struct routes_view){.length = 128,
				 .origin = "learned",
				 .valid = true,
				 .mac = {{2, 0, 0, 0, 0, 2}}};
	visit(user, &v);
}

void resolver_walk(struct resolver *r, void (*visit)(void *user, const struct resolve_entry *e),
		   void *user)
{
	struct resolve_entry e = {
		.target = {.address = fake_address("10.1.0.11"), .permanent = true},
		.state = RESOLVE_REACHABLE,
		.mac = {{2, 0, 0, 0, 1, 11}},
		.port = 1,
		.answered = memory_now()};

	(void)r;
	visit(user, &e);
	e.target.permanent = false;
	visit(user, &e);
}

void answer_walk(struct answer *a, void (*visit)(void *user, const struct answer_address *address),
		 void *user)
{
	struct answer_address v = {
		.address = fake_address("192.0.2.1"), .length = 120, .vlan = VLAN_KEEP};

	(void)a;
	visit(user, &v);
}

#endif
