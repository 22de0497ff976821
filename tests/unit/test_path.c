/* links: sandwich/health/engine.c sandwich/health/path.c sandwich/health/state.c sandwich/health/message.c sandwich/health/datagram.c sync/seal.c conf/address.c conf/check-addresses.c conf/check-devices.c conf/check.c conf/keys.c conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c conf/targets.c conf/units.c conf/values.c */
/* SPDX-License-Identifier: ISC */
/*
 * The path heartbeat of two balancers and up to four scripted devices, under a virtual clock: who is
 * fit on which side, when it is told, and what a lost partner, a late loop or a replay changes.
 */
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
#define DEVICES 4
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

static void launch(struct world *w, enum config_side_id to, u8 device, const void *frame, size_t length)
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
	b->ops = (struct health_ops){ box_send, box_hop, box_export, box_import, box_changed, box_partner, b };
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
		v6 ? "2001:db8:1::1/64" : "10.1.0.1/24", v6 ? "2001:db8:2::1/64" : "2001:db8:2::1/64");
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

		if (f->at && (!first || box_time(&w->box[f->to], f->at) < box_time(&w->box[first->to], first->at)))
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
	return engine_input(b->engine, w->transparent ? f->device : 1, f->device, f->data, f->length, w->now);
}

/* One event; false when the next is later than UNTIL. A timer goes first: the worst order after a late loop. */
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

/* Tests */

static const struct shape shapes[] = {
	{ 1, false, false, false }, { 2, false, false, false }, { 3, false, false, false },
	{ 4, false, false, true },  { 3, true, false, false },	{ 3, true, false, true },
	{ 3, false, true, false },  { 1, false, true, false },
};

static void test_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
		struct world *w = world_new(&shapes[i]);
		struct health_partner partner;

		run(w, SETTLED);
		assert_all(w, "at the start");
		for (int side = 0; side < CONFIG_SIDES; side++) {
			engine_partner(w->box[side].engine, &partner);
			assert_true(partner.reachable && partner.same_epoch && w->box[side].reachable);
			assert_int_equal(partner.rejected, 0);
			assert_true(partner.sent > 0 && partner.received > 0);
			for (unsigned int d = 1; d <= w->devices; d++)
				assert_true(w->box[side].theirs[d].fit);
			assert_int_equal(w->box[side].flaps, 0);
		}
		engine_partner(w->box[CONFIG_INGRESS].engine, &partner);
		assert_in_range(partner.rtt_us, 100, 102);
		world_free(w);
	}
}

/* One device stops in some way: who sees it, and how soon. */
static void test_one_fails(void **state)
{
	static const struct {
		const char *what;
		enum script script;
		bool ingress, egress; /* is it still fit there? */
	} rows[] = {
		{ "dead", DEAD, false, false },
		{ "asks are lost", NO_FORWARD, false, false },
		{ "answers are lost", NO_BACK, false, true },
	};

	(void)state;
	for (size_t shape = 0; shape < G_N_ELEMENTS(shapes); shape++)
		for (size_t i = 0; i < G_N_ELEMENTS(rows) && shapes[shape].devices > 1; i++)
			for (u64 phase = 0; phase < 20 * MS; phase += 3 * MS) {
				struct world *w = world_new(&shapes[shape]);
				unsigned int rest = all_of(w) & ~4u;
				u64 died;

				run(w, SETTLED + phase);
				died = w->now;
				w->script[2] = rows[i].script;
				run(w, SETTLED);
				assert_fit(w, rows[i].what, rest | (rows[i].ingress ? 4u : 0),
					   rest | (rows[i].egress ? 4u : 0));
				assert_false(w->box[CONFIG_EGRESS].theirs[2].fit); /* told by the others */
				assert_in_range(w->box[CONFIG_INGRESS].fell[2], died + 40 * MS,
						died + (WINDOW_MS + 21) * MS);
				w->script[2] = UP;
				run(w, SETTLED);
				assert_all(w, "back again");
				world_free(w);
			}
}

/* All go silent at once, at any moment: the side goes on alone, and nobody falls. */
static void test_partner_lost(void **state)
{
	(void)state;
	for (size_t shape = 0; shape < G_N_ELEMENTS(shapes); shape++)
		for (int lost = 0; lost < CONFIG_SIDES; lost++)
			for (u64 phase = 0; phase < 21 * MS; phase += 1300) {
				struct world *w = world_new(&shapes[shape]);
				struct box *left = &w->box[!lost];
				u64 at;

				for (u8 d = 1; d <= w->devices; d++)
					w->delay[d] = d * 4 * MS; /* some have just been heard, some not */
				run(w, SETTLED + phase);
				at = w->now;
				box_stop(&w->box[lost]);
				run(w, 20000 * MS);
				assert_false(left->reachable);
				assert_in_range(left->lost_at, at, at + (WINDOW_MS + 40) * MS);
				assert_int_equal(left->flaps, 0);
				for (u8 d = 1; d <= w->devices; d++)
					assert_true(fit(w, left->side, d));
				box_start(&w->box[lost]);
				run(w, SETTLED);
				assert_all(w, "the partner is back");
				assert_true(left->reachable);
				assert_int_equal(left->flaps, 0);
				world_free(w);
			}
}

/* A partner that comes back through some devices only: those that stay silent fall then. */
static void test_partner_back_in_part(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 3 });

	(void)state;
	run(w, SETTLED);
	box_stop(&w->box[CONFIG_EGRESS]);
	run(w, SETTLED);
	w->script[3] = DEAD;
	box_start(&w->box[CONFIG_EGRESS]);
	run(w, SETTLED);
	assert_fit(w, "device 3 died meanwhile", 6, 6);
	world_free(w);
}

/* What had failed before the partner was lost stays out for the hold, then the others judge. */
static void test_hold(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 2 });

	(void)state;
	run(w, SETTLED);
	w->script[1] = DEAD;
	run(w, SETTLED);
	box_stop(&w->box[CONFIG_EGRESS]);
	run(w, STATE_HOLD_US - 1000 * MS);
	assert_false(fit(w, CONFIG_INGRESS, 1));
	assert_true(fit(w, CONFIG_INGRESS, 2));
	run(w, 2000 * MS);
	assert_true(fit(w, CONFIG_INGRESS, 1));
	assert_true(fit(w, CONFIG_INGRESS, 2));
	box_start(&w->box[CONFIG_EGRESS]);
	run(w, SETTLED);
	assert_fit(w, "the partner shows it", 4, 4);
	world_free(w);
}

/* Alone from the start: it goes on by the other detectors, but through nobody that it can't reach. */
static void test_alone(void **state)
{
	(void)state;
	for (int side = 0; side < CONFIG_SIDES; side++) {
		struct world *w = world_new(&(struct shape){ .devices = 3 });
		struct box *b = &w->box[side];

		box_stop(&w->box[!side]);
		b->no_hop[2] = true;
		engine_event(b->engine, 3, CONFIG_DETECT_LINK, false, "no carrier", w->now);
		run(w, SETTLED);
		assert_true(b->told && !b->reachable);
		assert_true(fit(w, side, 1));
		assert_false(fit(w, side, 2) || fit(w, side, 3));
		b->no_hop[2] = false;
		engine_event(b->engine, 3, CONFIG_DETECT_LINK, true, NULL, w->now);
		run(w, SETTLED);
		assert_true(fit(w, side, 2) && fit(w, side, 3));
		b->flaps = 0;
		box_start(&w->box[!side]);
		run(w, SETTLED);
		assert_int_equal(b->flaps, 0); /* the partner comes: that takes nobody out */
		assert_all(w, "both");
		world_free(w);
	}
}

/* Our loop, or theirs, stands still: nobody is judged for that. */
static void test_late(void **state)
{
	(void)state;
	for (size_t shape = 0; shape < G_N_ELEMENTS(shapes); shape++)
		for (int side = 0; side < CONFIG_SIDES; side++)
			for (u64 pause = 5 * MS; pause < 500 * MS; pause = pause * 3 / 2) {
				struct world *w = world_new(&shapes[shape]);

				w->delay[2] = 3 * MS;
				run(w, SETTLED + 7 * MS);
				w->box[side].frozen = w->now + pause;
				run(w, 1000 * MS);
				assert_int_equal(w->box[CONFIG_INGRESS].flaps, 0);
				assert_int_equal(w->box[CONFIG_EGRESS].flaps, 0);
				assert_int_equal(w->box[side].losses, 0);
				assert_all(w, "after the pause");
				world_free(w);
			}
}

/* Ten minutes with a loss of one in fifty: no false alarm. With all late on top of it, too. */
static void test_loss(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 3 });

	(void)state;
	run(w, SETTLED);
	w->loss = 1;
	w->random = 20;
	for (int i = 0; i < 600; i++) {
		w->box[roll(w) % 2].frozen = w->now + roll(w) % 20000;
		run(w, 1000 * MS);
	}
	w->loss = 0;
	run(w, SETTLED);
	assert_all(w, "after the loss");
	assert_true(w->box[CONFIG_INGRESS].flaps <= 2); /* three asks or answers in a row: 1 in 10^5 */
	world_free(w);
}

/* Two cables are swapped: what was sent through one device comes from another, and counts for none. */
static void test_crossed(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 3 });
	struct health_partner partner;

	(void)state;
	run(w, SETTLED);
	w->script[1] = CROSSED;
	run(w, SETTLED);
	assert_fit(w, "crossed", 12, 12);
	engine_partner(w->box[CONFIG_EGRESS].engine, &partner);
	assert_true(partner.rejected > 0);
	world_free(w);
}

/* What changes is told at once, in both directions, and not more than once a millisecond. */
static void test_urge(void **state)
{
	(void)state;
	for (int side = 0; side < CONFIG_SIDES; side++) {
		struct world *w = world_new(&(struct shape){ .devices = 2, .masquerade = true });
		struct box *b = &w->box[side];
		struct health_partner before, after;

		run(w, SETTLED);
		run(w, engine_due(w->box[CONFIG_INGRESS].engine) - w->now + 2 * MS); /* just asked */
		b->mine[1].admin = ADMIN_DRAINING;
		b->mine[1].admin_version = 5;
		engine_partner(b->engine, &before);
		for (int i = 0; i < 100; i++)
			engine_urge(b->engine, w->now);
		run(w, MS / 2);
		assert_int_equal(w->box[!side].theirs[1].admin, ADMIN_DRAINING);
		assert_int_equal(w->box[!side].theirs[1].admin_version, 5);
		run(w, 5 * MS);
		engine_partner(b->engine, &after);
		assert_int_equal(after.sent - before.sent, 2 * w->devices);
		world_free(w);
	}
}

/* What was recorded before egress started again opens, but is not believed. */
static void test_replay(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 2 });
	struct box *egress = &w->box[CONFIG_EGRESS];
	struct flight copy;

	(void)state;
	run(w, SETTLED);
	w->box[CONFIG_INGRESS].mine[2].admin_version = 99;
	w->record = true;
	run(w, 40 * MS);
	copy = w->evidence;
	assert_int_equal(land(w, &copy), PATH_REPLAYED);
	box_stop(egress);
	box_stop(&w->box[CONFIG_INGRESS]);
	memset(egress->theirs, 0, sizeof(egress->theirs));
	box_start(egress);
	run(w, SETTLED);
	copy = w->evidence;
	assert_int_equal(land(w, &copy), PATH_GREETING);
	copy = w->evidence;
	assert_int_equal(land(w, &copy), PATH_REPLAYED);
	assert_int_equal(egress->theirs[2].admin_version, 0);
	assert_true(state_alone(engine_state(egress->engine)));
	world_free(w);
}

/* The device table differs on the sides: said, and records of strangers go to nobody. */
static void test_epoch(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 3 });
	struct box *egress = &w->box[CONFIG_EGRESS];
	struct health_setup setup = box_setup(egress);
	struct health_partner partner;

	(void)state;
	run(w, SETTLED);
	w->table[3].name_hash = 0;
	setup.epoch = 8;
	assert_int_equal(engine_reload(egress->engine, &setup, w->now), 0);
	engine_reloaded(egress->engine, w->now);
	run(w, SETTLED);
	engine_partner(egress->engine, &partner);
	assert_false(partner.same_epoch);
	assert_true(egress->strangers > 0);
	assert_fit(w, "device 3 is egress' no more", 6, 6);
	assert_int_equal(w->box[CONFIG_INGRESS].flaps, 1);
	assert_int_equal(egress->flaps, 0);
	world_free(w);
}

/* A reload that changes a device's id or the pace moves nobody. */
static void test_reload(void **state)
{
	struct world *w = world_new(&(struct shape){ .devices = 3 });

	(void)state;
	run(w, SETTLED);
	for (int i = 0; i < 20; i++) {
		struct box *b = &w->box[i % 2];
		struct health_setup setup = box_setup(b);

		w->config->health.path.count = 3 + (unsigned int)i % 3;
		setup.epoch = 7;
		assert_int_equal(engine_reload(b->engine, &setup, w->now), 0);
		engine_reloaded(b->engine, w->now);
		run(w, 33 * MS);
		assert_all(w, "after a reload");
	}
	assert_int_equal(w->box[0].flaps + w->box[1].flaps, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),	     cmocka_unit_test(test_one_fails),
		cmocka_unit_test(test_partner_lost), cmocka_unit_test(test_partner_back_in_part),
		cmocka_unit_test(test_hold),	     cmocka_unit_test(test_alone),
		cmocka_unit_test(test_late),	     cmocka_unit_test(test_loss),
		cmocka_unit_test(test_crossed),	     cmocka_unit_test(test_urge),
		cmocka_unit_test(test_replay),	     cmocka_unit_test(test_epoch),
		cmocka_unit_test(test_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
