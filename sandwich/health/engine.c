/* SPDX-License-Identifier: ISC */
#include "sandwich/health/engine.h"

#include <errno.h>
#include <string.h>

struct engine {
	struct health_ops ops;
	struct state *state;
	struct path *path; /* NULL: off */
	struct tracker *paths[DEVICES_MAX];
	u64 interval; /* µs, of the path; 0: off */
	u64 due;
	u64 deaf;      /* since when nothing is heard; 0: something is */
	bool deaf_told;
	u16 udp_port;  /* of the path, host byte order */
	bool same_epoch;
};

static void on_changed(void *user, u8 device, bool fit, const char *why)
{
	struct engine *e = user;

	e->ops.changed(e->ops.user, device, fit, why);
}

static void on_alone(void *user, bool alone)
{
	struct engine *e = user;

	if (alone)
		g_message("path heartbeat: nothing is heard through any device, so it abstains");
	else
		g_message("path heartbeat: heard, and judges devices");
	e->ops.partner_changed(e->ops.user, !alone);
}

static void on_heard(void *user, u8 device, u32 rtt_us, u64 now)
{
	struct engine *e = user;

	if (e->paths[device])
		state_result(e->state, e->paths[device], true, NULL, rtt_us, now);
}

static void on_blind(void *user, u8 device, const char *why)
{
	struct engine *e = user;

	if (e->paths[device])
		state_blind(e->state, e->paths[device], why);
}

/* Count intervals of silence, and a quarter for what makes packets late. */
static struct state_pace path_pace(const struct config_health *h)
{
	u64 interval = h->path.interval_ms * 1000ull;

	return (struct state_pace){
		.interval = interval,
		.window = interval * h->path.count + interval / 4,
		.rise = h->rise,
		.fall = 1,
		.witnessed = true,
	};
}

static u32 engine_sender(const struct health_setup *setup)
{
	guint index = 0;

	if (!g_ptr_array_find(setup->config->balancers, setup->self, &index))
		return UINT32_MAX;
	return index + 1;
}

static int engine_path_setup(const struct health_setup *setup, struct path_setup *out)
{
	struct state_pace pace = path_pace(&setup->config->health);

	*out = (struct path_setup){
		.health = setup,
		.side = setup->self->side,
		.udp_port = setup->config->health.path_port,
		.interval = pace.interval,
		.limit = MAX(pace.window, 1000000),
		.sender = engine_sender(setup),
	};
	if (!setup->secret_length)
		return -EINVAL;
	return path_addresses(setup->config, out->side, &out->mine, &out->partner);
}

static int engine_take_path(struct engine *e, const struct health_setup *setup, u64 now)
{
	struct path_ops ops = { &e->ops, on_heard, on_blind, e };
	struct path_setup path;
	int error;

	if (!setup->config->health.path.count) {
		path_free(e->path);
		e->path = NULL;
		e->interval = 0;
		return 0;
	}
	error = engine_path_setup(setup, &path);
	if (error)
		return error;
	error = e->path ? path_reload(e->path, &path, now) : path_new(&e->path, &path, &ops, now);
	if (!error)
		e->interval = path.interval;
	e->udp_port = path.udp_port;
	return error;
}

static void engine_take_devices(struct engine *e, const struct health_setup *setup, u64 now)
{
	struct state_pace pace = path_pace(&setup->config->health);
	u64 names[DEVICES_MAX] = { 0 };

	for (int i = 1; i < DEVICES_MAX; i++)
		names[i] = setup->devices[i].name_hash;
	state_devices(e->state, names);
	state_mark(e->state);
	memset(e->paths, 0, sizeof(e->paths));
	for (int i = 1; i < DEVICES_MAX; i++)
		if (names[i] && e->path)
			e->paths[i] =
				state_add(e->state, (u8)i, CONFIG_DETECT_PATH, "", &pace, now);
}

int engine_reload(struct engine *e, const struct health_setup *setup, u64 now)
{
	int error = engine_take_path(e, setup, now);

	if (error)
		return error;
	e->ops = *setup->ops;
	engine_take_devices(e, setup, now);
	return 0;
}

/* Half an interval late: whoever was not heard meanwhile may have spoken. */
static void engine_late(struct engine *e, u64 now)
{
	u64 limit = e->interval ? e->interval / 2 : ENGINE_IDLE_US;

	if (now > e->due + limit)
		state_late(e->state, now - e->due, now);
}

void engine_reloaded(struct engine *e, u64 now)
{
	engine_late(e, now); /* before it is forgotten how late we are */
	state_sweep(e->state, now);
	e->due = now;
}

int engine_new(struct engine **out, const struct health_setup *setup, u64 now)
{
	struct engine *e = g_new0(struct engine, 1);
	struct state_ops ops = { on_changed, on_alone, e };
	int error;

	e->same_epoch = true;
	e->due = now;
	e->state = state_new(&ops, now);
	error = engine_reload(e, setup, now);
	if (error) {
		engine_free(e);
		e = NULL;
	}
	*out = e;
	return error;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	path_free(e->path);
	state_free(e->state);
	g_free(e);
}

/* Neither side can tell why nothing comes, but an operator can find out. Said once a silence. */
static void engine_deaf(struct engine *e, u64 now)
{
	if (!e->path || !state_alone(e->state)) {
		e->deaf = 0;
		e->deaf_told = false;
		return;
	}
	if (!e->deaf)
		e->deaf = now;
	if (e->deaf_told || now - e->deaf < ENGINE_DEAF_US)
		return;
	e->deaf_told = true;
	g_warning("path heartbeat: nothing is heard of the partner: is it running, do both sides "
		  "have the same secret and path-port, and do the devices let UDP %u pass?",
		  e->udp_port);
}

void engine_tick(struct engine *e, u64 now)
{
	u64 next = now + ENGINE_IDLE_US;

	engine_late(e, now);
	next = MIN(next, state_tick(e->state, now));
	if (e->path)
		next = MIN(next, path_tick(e->path, now));
	engine_deaf(e, now);
	e->due = MAX(next, now + 1);
}

u64 engine_due(const struct engine *e)
{
	return e->due;
}

static void engine_epoch(struct engine *e)
{
	struct health_partner partner;

	path_partner(e->path, &partner);
	if (partner.same_epoch == e->same_epoch)
		return;
	e->same_epoch = partner.same_epoch;
	if (e->same_epoch)
		g_message("the partner has the same device table again");
	else
		g_warning("the partner has another device table: "
			  "both sides need the same configuration file");
}

enum path_result engine_input(struct engine *e, u8 port, u8 device, const u8 *frame, u32 length,
			      u64 now)
{
	enum path_result result;

	if (!e->path)
		return PATH_OTHER;
	result = path_input(e->path, port, device, frame, length, now);
	if (result == PATH_FRESH)
		engine_epoch(e);
	return result;
}

void engine_urge(struct engine *e, u64 now)
{
	if (e->path)
		e->due = MIN(e->due, path_urge(e->path, now));
}

/* Events are told when they happen; who tells them watches for silence himself. */
void engine_event(struct engine *e, u8 device, enum config_detector detector, bool ok,
		  const char *why, u64 now)
{
	struct state_pace pace = { .rise = 1, .fall = 1 };
	struct tracker *t;

	if (!state_has(e->state, device))
		return;
	t = state_add(e->state, device, detector, "event", &pace, now);
	state_result(e->state, t, ok, why, 0, now);
}

struct state *engine_state(struct engine *e)
{
	return e->state;
}

void engine_partner(const struct engine *e, struct health_partner *out)
{
	memset(out, 0, sizeof(*out));
	out->same_epoch = true;
	if (!e->path)
		return;
	path_partner(e->path, out);
	out->reachable = !state_alone(e->state);
}
