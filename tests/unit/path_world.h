/* SPDX-License-Identifier: ISC */
/*
 * Two balancers' health and up to four scripted devices between them, under a virtual clock.
 *
 * A device forwards, or fails in one way or another; it may be a bridge, or masquerade. For
 * test_path.c, which includes this once. Thread: the test's.
 */
#ifndef TESTS_UNIT_PATH_WORLD_H
#define TESTS_UNIT_PATH_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/packet.h"
#include "sandwich/health/datagram.h"
#include "sandwich/health/engine.h"

#define MS 1000ull
#define DEVICES 100
#define FRAMES 256
#define SETTLED (300 * MS) /* after a start or a change */
#define WINDOW_MS 65	   /* of 20ms x 3 */

enum script { UP, DEAD, NO_FORWARD, NO_BACK, CROSSED };

struct flight {
	u64 at; /* 0: free */
	enum config_side_id to;
	u8 device;
	u32 length;
	u8 data[2048];
};

struct box {
	struct world *world;
	enum config_side_id side;
	struct engine *engine; /* NULL: the balancer is off */
	struct health_ops ops;
	const struct config_balancer *self;
	u64 frozen; /* the loop stands still until then */
	bool reachable, told;
	u64 lost_at;
	unsigned int losses; /* of the partner */
	bool no_hop[DEVICES + 1];
	u64 fell[DEVICES + 1]; /* when it became unfit; 0: not since it was fit */
	unsigned int flaps;    /* how often any became unfit */
	struct health_record mine[DEVICES + 1], theirs[DEVICES + 1];
	unsigned int strangers;
};

struct world {
	u64 now;
	bool transparent, masquerade, v6;
	unsigned int devices;
	enum script script[DEVICES + 1];
	u64 delay[DEVICES + 1];
	unsigned int loss; /* percent */
	u32 random;
	bool record; /* keeps the next frame to egress as EVIDENCE */
	struct flight evidence;
	struct flight flights[FRAMES];
	struct box box[CONFIG_SIDES];
	struct config *config;
	struct device table[DEVICES_MAX];
};

static const char secret[] = "what both sides know";

static u32 roll(struct world *w)
{
	w->random = w->random * 1664525 + 1013904223;
	return w->random >> 8;
}

/* The wire */

static void launch(struct world *w, enum config_side_id to, u8 device, const void *frame,
		   size_t length)
{
	assert_true(length <= sizeof(w->flights[0].data));
	for (int i = 0; i < FRAMES; i++) {
		struct flight *f = &w->flights[i];

		if (f->at)
			continue;
		f->at = w->now + 50 + w->delay[device];
		f->to = to;
		f->device = device;
		f->length = (u32)length;
		memcpy(f->data, frame, length);
		if (w->record && to == CONFIG_EGRESS) {
			w->evidence = *f;
			w->record = false;
		}
		return;
	}
	fail_msg("too many frames in flight");
}

/* A device with a port of its own for each address it hides: what comes back finds the way. */
static void masquerade(enum config_side_id to, u8 device, u8 *frame)
{
	u8 *ip = frame + 14;
	static const u8 inside[4] = { 10, 1, 0, 1 }, outside[3] = { 10, 2, 0 };

	if (to == CONFIG_EGRESS) {
		memcpy(ip + 12, outside, 3);
		ip[15] = (u8)(10 + device);
		ip[20] = 0xc0;
		ip[21] = device;
	} else {
		assert_int_equal(ip[19], 10 + device);
		assert_int_equal(ip[20] << 8 | ip[21], 4851);
		assert_int_equal(ip[22], 0xc0);
		memcpy(ip + 16, inside, 4);
		ip[22] = 4851 >> 8;
		ip[23] = 4851 & 0xff;
	}
}

static void box_send(void *user, u8 port, const void *frame, size_t length)
{
	struct box *b = user;
	struct world *w = b->world;
	enum config_side_id to = !b->side;
	const u8 *bytes = frame;
	u8 device = w->transparent ? port : bytes[5], copy[2048];

	assert_in_range(device, 1, w->devices);
	if (w->script[device] == DEAD || roll(w) % 100 < w->loss)
		return;
	if (w->script[device] == (to == CONFIG_EGRESS ? NO_FORWARD : NO_BACK))
		return;
	memcpy(copy, frame, length);
	if (!w->transparent)
		memcpy(copy + 6, (u8[]){ 2, 0, 0, 0, (u8)to, device }, 6);
	if (w->masquerade)
		masquerade(to, device, copy);
	if (w->script[device] == CROSSED)
		device = (u8)(device % w->devices + 1); /* what went in here comes out there */
	launch(w, to, device, copy, length);
}

static bool box_hop(void *user, u8 device, struct mac *mac, u8 *port, u16 *vlan)
{
	struct box *b = user;

	*mac = (struct mac){ { 2, 0, 0, 0, (u8)b->side, device } };
	*port = b->world->transparent ? device : 1;
	*vlan = b->world->transparent ? 13 : VLAN_KEEP;
	return !b->no_hop[device];
}

/* News */

static void box_export(void *user, u8 device, struct health_record *out)
{
	struct box *b = user;

	*out = b->mine[device];
}

static void box_import(void *user, u8 device, const struct health_record *record)
{
	struct box *b = user;

	if (!device)
		b->strangers++;
	else
		b->theirs[device] = *record;
}

static void box_changed(void *user, u8 device, bool fit, const char *why)
{
	struct box *b = user;

	b->mine[device].fit = fit;
	b->fell[device] = fit ? 0 : b->world->now;
	b->flaps += !fit;
	assert_true(fit == !*why);
	if (b->engine)
		engine_urge(b->engine, b->world->now);
}

static void box_partner(void *user, bool reachable)
{
	struct box *b = user;

	b->reachable = reachable;
	b->told = true;
	if (reachable)
		return;
	b->lost_at = b->world->now;
	b->losses++;
}

/* The world */

static struct health_setup box_setup(struct box *b)
{
	return (struct health_setup){
		.config = b->world->config,
		.self = b->self,
		.ops = &b->ops,
		.secret = (const u8 *)secret,
		.secret_length = sizeof(secret),
		.epoch = 7,
		.devices = b->world->table,
		.farm_mac = { { 2, 0, 0, 9, 9, (u8)b->side } },
	};
}

static void box_start(struct box *b)
{
	struct health_setup setup = box_setup(b);

	assert_null(b->engine);
	memset(b->mine, 0, sizeof(b->mine));
	assert_int_equal(engine_new(&b->engine, &setup, b->world->now), 0);
	engine_reloaded(b->engine, b->world->now);
}

static void box_stop(struct box *b)
{
	engine_free(b->engine);
	b->engine = NULL;
}

static void box_init(struct world *w, enum config_side_id side)
{
	struct box *b = &w->box[side];

	b->world = w;
	b->side = side;
	b->self = g_ptr_array_index(w->config->balancers, side);
	b->ops = (struct health_ops){box_send,    box_hop,     box_export, box_import,
				     box_changed, box_partner, b};
	box_start(b);
}

static struct config *configure(bool v6)
{
	char *text = g_strdup_printf(
		"[sandwich]\nname = test\nmode = firewall\nsecret-file = /x\n"
		"[side ingress]\nuplink-address = 192.0.2.1/24\nfarm-address = %s\n"
		"[side egress]\nuplink-address = 10.9.0.1/16\nfarm-address = %s 10.2.0.1/24\n"
		"[balancer in-a]\nside = ingress\nuplink = eth0\nfarm = eth1\n"
		"[balancer out-a]\nside = egress\nuplink = eth0\nfarm = eth1\n"
		"[device d1]\ningress = 02:00:00:00:00:01\negress = 02:00:00:00:01:01\n"
		"[health]\npath = 20ms x 3\n",
		v6 ? "2001:db8:1::1/64" : "10.1.0.1/24",
		v6 ? "2001:db8:2::1/64" : "2001:db8:2::1/64");
	GPtrArray *problems = config_problems_new();
	struct config *config;

	if (config_parse(text, strlen(text), &config, problems))
		fail_msg("%s", ((struct config_problem *)g_ptr_array_index(problems, 0))->text);
	g_ptr_array_unref(problems);
	g_free(text);
	return config;
}

struct shape {
	unsigned int devices;
	bool transparent, masquerade, v6;
};

static struct world *world_new(const struct shape *shape)
{
	struct world *w = calloc(1, sizeof(*w));

	w->now = 1000000 * MS;
	w->devices = shape->devices;
	w->transparent = shape->transparent;
	w->masquerade = shape->masquerade;
	w->config = configure(shape->v6);
	for (unsigned int i = 1; i <= w->devices; i++)
		w->table[i].name_hash = 0x1111111111111111ull * i;
	box_init(w, CONFIG_INGRESS);
	box_init(w, CONFIG_EGRESS);
	return w;
}

static void world_free(struct world *w)
{
	box_stop(&w->box[CONFIG_INGRESS]);
	box_stop(&w->box[CONFIG_EGRESS]);
	config_free(w->config);
	free(w);
}

/* When the box comes to what was due at AT. */
static u64 box_time(const struct box *b, u64 at)
{
	return MAX(at, b->frozen);
}

static struct flight *next_flight(struct world *w)
{
	struct flight *first = NULL;

	for (int i = 0; i < FRAMES; i++) {
		struct flight *f = &w->flights[i];

		if (f->at && (!first || box_time(&w->box[f->to], f->at) <
						box_time(&w->box[first->to], first->at)))
			first = f;
	}
	return first;
}

static struct box *next_box(struct world *w)
{
	struct box *first = NULL;

	for (int i = 0; i < CONFIG_SIDES; i++) {
		struct box *b = &w->box[i];

		if (b->engine && (!first || box_time(b, engine_due(b->engine)) <
						    box_time(first, engine_due(first->engine))))
			first = b;
	}
	return first;
}

static enum path_result land(struct world *w, struct flight *f)
{
	struct box *b = &w->box[f->to];

	f->at = 0;
	if (!b->engine)
		return PATH_OTHER;
	return engine_input(b->engine, w->transparent ? f->device : 1, f->device, f->data,
			    f->length, w->now);
}

/* One event; false when the next is later than UNTIL. A timer goes first: the worst order after a
 * late loop. */
static bool world_step(struct world *w, u64 until)
{
	struct flight *f = next_flight(w);
	struct box *b = next_box(w);
	u64 flight = f ? box_time(&w->box[f->to], f->at) : UINT64_MAX;
	u64 tick = b ? box_time(b, engine_due(b->engine)) : UINT64_MAX;

	if (MIN(flight, tick) > until)
		return false;
	w->now = MAX(w->now, MIN(flight, tick));
	if (tick <= flight)
		engine_tick(b->engine, w->now);
	else
		land(w, f);
	return true;
}

static void run(struct world *w, u64 time)
{
	u64 until = w->now + time;

	while (world_step(w, until))
		;
	w->now = until;
}

static bool fit(struct world *w, enum config_side_id side, u8 device)
{
	return state_fit(engine_state(w->box[side].engine), device);
}

static void assert_fit(struct world *w, const char *what, unsigned int ingress, unsigned int egress)
{
	for (u8 d = 1; d <= w->devices; d++) {
		if (fit(w, CONFIG_INGRESS, d) != (ingress >> d & 1))
			fail_msg("%s: device %u on ingress", what, d);
		if (fit(w, CONFIG_EGRESS, d) != (egress >> d & 1))
			fail_msg("%s: device %u on egress", what, d);
	}
}

static unsigned int all_of(const struct world *w)
{
	return (2u << w->devices) - 2;
}

static void assert_all(struct world *w, const char *what)
{
	assert_fit(w, what, all_of(w), all_of(w));
}

#endif
