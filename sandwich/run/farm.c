// SPDX-License-Identifier: ISC
#include "sandwich/run/farm_parts.h"

#include <errno.h>
#include <string.h>

#include "sandwich/run/settings.h"
#include "sandwich/run/sweeper.h"
#include "sandwich/slowpath/memory.h"

#define FARM_PARTNER_WAIT_MS 3000 /* how long a return waits for the partner's sweep */
#define FARM_GATHER_MS 250 /* how long the first device that is fit waits for the others */
/* Tenths of max-sessions below which a limited device is picked again. */
#define FARM_LIMIT_LOW 9

static const char *const farm_state_names[FARM_STATES] = {"down", "up", "draining", "disabled"};

const char *farm_state_name(enum farm_state state)
{
	return state < FARM_STATES ? farm_state_names[state] : "?";
}

static bool farm_is_draining(const struct farm_device *d)
{
	return d->admin == ADMIN_DRAINING || d->admin == ADMIN_FLUSHED || d->limited;
}

bool farm_is_disabled(const struct farm_device *d)
{
	return d->disabled || d->admin == ADMIN_DISABLED;
}

/* Both sides can use it, as far as we know. */
static bool farm_is_usable(const struct farm *f, const struct farm_device *d)
{
	return !farm_is_disabled(d) && d->fit && (!f->partner || d->partner_fit);
}

/* Replaces *TEXT unless it says the same already. */
void farm_say(char **text, const char *what)
{
	if (!g_strcmp0(*text, what))
		return;
	g_free(*text);
	*text = g_strdup(what);
}

/* Why the device is not up, the weightiest reason first. */
const char *farm_reason(const struct farm *f, const struct farm_device *d)
{
	if (d->disabled)
		return "disabled by the configuration";
	if (d->admin == ADMIN_DISABLED)
		return "disabled by an operator";
	if (!d->fit)
		return d->detected;
	if (f->partner && !d->partner_fit)
		return "the partner can't reach it";
	if (!device_set_has(&tables_settings(f->tables)->up, d->id))
		return "about to return";
	if (d->admin == ADMIN_DRAINING || d->admin == ADMIN_FLUSHED)
		return "drained by an operator";
	return d->limited ? "max-sessions reached" : "";
}

void farm_enter(struct farm *f, struct farm_device *d, enum farm_state state, u32 now)
{
	if (d->state == state)
		return;
	farm_say(&d->why, farm_reason(f, d));
	g_message("device %s is %s (was %s)%s%s", d->name, farm_state_name(state),
		  farm_state_name(d->state), *d->why ? ": " : "", d->why);
	d->state = state;
	d->changed = now;
	if (state == FARM_DRAINING && d->admin == ADMIN_ENABLED)
		farm_drain_starts(f, d, now);
}

/* --- liveness and picking ------------------------------------------------------------------- */

/* Takes a device out of use at once. */
static void farm_down(struct farm *f, struct farm_device *d, u32 now)
{
	struct settings *s = tables_settings(f->tables);
	bool was_up = device_set_has(&s->up, d->id);

	d->swept = false;
	farm_enter(f, d, farm_is_disabled(d) ? FARM_DISABLED : FARM_DOWN, now);
	if (!was_up)
		return;
	f->ops.urge(f->ops.user); /* before the bit flips: the other side should not learn it from
				     frames */
	device_set_put(&s->pick, d->id, false);
	device_set_put(&s->up, d->id, false);
	settings_update_live(f->tables, s);
	sweeper_forget(f->sweeper); /* what was on it goes elsewhere: a return needs a new one */
	f->ops.lost(f->ops.user, d->id);
}

/* Who should be picked, by all that is known. */
static void farm_wanted(struct farm *f, struct device_set *pick)
{
	memset(pick, 0, sizeof(*pick));
	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		struct farm_device *d = f->devices[id];

		if (d && farm_is_usable(f, d) && !farm_is_draining(d))
			device_set_put(pick, d->id, true);
	}
}

static bool farm_same_set(const struct device_set *a, const struct device_set *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* A device that is not in use yet goes into use when both sides have swept. */
static bool farm_may_return(const struct farm *f, const struct farm_device *d, u32 now)
{
	if (!f->partner || d->partner_swept)
		return true;
	return core_elapsed(now, sweeper_done_at(f->sweeper)) > FARM_PARTNER_WAIT_MS;
}

/*
 * Nobody is up, and not all have been heard of: in the moment between the first and the last of
 * them, conversations of the others would be placed on the first, and stay.
 */
static bool farm_gathers(struct farm *f, u32 now)
{
	const struct settings *s = tables_settings(f->tables);
	bool waits = false;

	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		if (device_set_has(&s->up, (u8)id)) {
			f->gathers = 0;
			return false;
		}
		waits |= f->devices[id] && !farm_is_disabled(f->devices[id]) &&
			 !f->devices[id]->judged;
	}
	if (!waits)
		return false;
	if (!f->gathers)
		f->gathers = now ? now : 1;
	return core_elapsed(now, f->gathers) < FARM_GATHER_MS;
}

static void farm_flip(struct farm *f, struct farm_device *d, bool pick, u32 now)
{
	struct settings *s = tables_settings(f->tables);

	if (!device_set_has(&s->up, d->id))
		core_store(&f->tables->devices[d->id].since, now ? now : 1);
	device_set_put(&s->up, d->id, true);
	device_set_put(&s->pick, d->id, pick);
	farm_enter(f, d, pick ? FARM_UP : FARM_DRAINING, now);
}

/* The sweep for WANTED is done: flips what may be flipped. True when something did. */
static bool farm_apply(struct farm *f, const struct device_set *wanted, u32 now)
{
	struct settings *s = tables_settings(f->tables);
	bool changed = s->rows != f->rows, gathers = farm_gathers(f, now);

	core_store(&s->rows, f->rows);
	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		struct farm_device *d = f->devices[id];
		bool up, pick;

		if (!d || !farm_is_usable(f, d))
			continue;
		d->swept = true;
		up = device_set_has(&s->up, d->id);
		pick = device_set_has(wanted, d->id);
		if (up && device_set_has(&s->pick, d->id) == pick)
			continue;
		if (!up && (gathers || !farm_may_return(f, d, now)))
			continue;
		farm_flip(f, d, pick, now);
		changed = true;
	}
	settings_update_live(f->tables, s);
	return changed;
}

static bool farm_is_settled(struct farm *f, const struct device_set *wanted)
{
	const struct settings *s = tables_settings(f->tables);

	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		if (f->devices[id] && farm_is_usable(f, f->devices[id]) &&
		    !device_set_has(&s->up, (u8)id))
			return false; /* a device that returns draining */
	return s->rows == f->rows && farm_same_set(wanted, &s->pick);
}

/* Goes one step toward WANTED: sweeps, or flips what the sweep was for. */
static void farm_approach(struct farm *f, const struct device_set *wanted, u32 now)
{
	if (!sweeper_prepare(f->sweeper, wanted, f->rows, now) || !farm_apply(f, wanted, now))
		return;
	sweeper_flipped(f->sweeper);
	f->ops.urge(f->ops.user);
	if (farm_is_settled(f, wanted))
		sweeper_settle(f->sweeper, now);
}

static void farm_evaluate_once(struct farm *f, u32 now)
{
	struct device_set wanted;

	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		struct farm_device *d = f->devices[id];

		if (d && !farm_is_usable(f, d))
			farm_down(f, d, now);
		if (d)
			farm_say(&d->why, farm_reason(f, d));
	}
	farm_wanted(f, &wanted);
	if (farm_is_settled(f, &wanted))
		sweeper_settle(f->sweeper, now);
	else
		farm_approach(f, &wanted, now);
}

/* The one place where states follow from what is known. A callback may lead back here. */
void farm_evaluate(struct farm *f, u32 now)
{
	f->again = true;
	if (f->evaluating || f->follows)
		return;
	f->evaluating = true;
	while (f->again) {
		f->again = false;
		farm_evaluate_once(f, now);
	}
	f->evaluating = false;
}

/* --- what comes in -------------------------------------------------------------------------- */

struct farm_device *farm_find(struct farm *f, u8 id)
{
	return f->devices[id];
}

struct farm_device *farm_find_name(struct farm *f, const char *name)
{
	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		if (f->devices[id] && !strcmp(f->devices[id]->name, name))
			return f->devices[id];
	return NULL;
}

void farm_walk(struct farm *f, void (*visit)(void *user, struct farm_device *d), void *user)
{
	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		if (f->devices[id])
			visit(user, f->devices[id]);
}

void farm_fit(struct farm *f, u8 device, bool fit, const char *why, u32 now)
{
	struct farm_device *d = f->devices[device];

	if (!d)
		return;
	d->judged = true;
	d->fit = fit;
	farm_say(&d->detected, fit ? "" : why);
	farm_evaluate(f, now);
}

/* An operator's word, here or there. The higher version holds; the side that says it counts up. */
static void farm_admin(struct farm *f, struct farm_device *d, u8 admin, u32 version, u32 now)
{
	d->admin = admin;
	d->admin_version = version;
	if (admin == ADMIN_DRAINING)
		farm_drain_starts(f, d, now);
	farm_shut(f, d->id); /* before the flush: what is in flight teaches nothing */
	if (admin == ADMIN_FLUSHED)
		f->ops.flush(f->ops.user, d->id);
	farm_evaluate(f, now);
}

/* Words said on both sides at once have one version: the stricter holds then, here and there. */
static bool farm_is_newer(const struct health_record *r, const struct farm_device *d)
{
	int32_t ahead = (int32_t)(r->admin_version - d->admin_version);

	return r->admin < ADMINS && (ahead > 0 || (!ahead && r->admin > d->admin));
}

void farm_partner_record(struct farm *f, u8 device, const struct health_record *r, u32 now)
{
	struct farm_device *d = f->devices[device];
	bool swept = r->swept || r->up;

	if (!d)
		return;
	if (farm_is_newer(r, d)) {
		d->drain_deadline = 0; /* the side that was given one keeps it */
		farm_admin(f, d, r->admin, r->admin_version, now);
	}
	if (d->partner_fit == r->fit && d->partner_swept == swept)
		return;
	d->partner_fit = r->fit;
	d->partner_swept = swept;
	farm_evaluate(f, now);
}

void farm_partner(struct farm *f, bool reachable, u32 now)
{
	if (f->partner == reachable)
		return;
	f->partner = reachable;
	if (!reachable)
		g_warning("the partner is out of reach through every device: going on alone");
	else
		g_message("the partner is in reach");
	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		if (!f->devices[id])
			continue;
		f->devices[id]->partner_fit = true; /* until it says otherwise */
		f->devices[id]->partner_swept = !reachable;
	}
	farm_evaluate(f, now);
}

bool farm_has_partner(const struct farm *f)
{
	return f->partner;
}

void farm_export(struct farm *f, u8 device, struct health_record *out)
{
	const struct farm_device *d = f->devices[device];

	memset(out, 0, sizeof(*out));
	if (!d)
		return;
	out->name_hash = f->tables->devices[device].name_hash;
	out->fit = d->fit || !d->judged;
	out->swept = d->swept;
	out->up = device_set_has(&tables_settings(f->tables)->up, device);
	out->admin = d->admin;
	out->admin_version = d->admin_version;
}

/* --- an operator's words -------------------------------------------------------------------- */

int farm_drain(struct farm *f, struct farm_device *d, u32 deadline_ms)
{
	u32 now = memory_now();

	if (d->admin == ADMIN_DRAINING && !deadline_ms)
		return -EALREADY;
	d->drain_deadline = deadline_ms;
	if (d->admin == ADMIN_DRAINING) {
		farm_drain_starts(f, d, now);
		return 0;
	}
	farm_admin(f, d, ADMIN_DRAINING, d->admin_version + 1, now);
	f->ops.urge(f->ops.user);
	return 0;
}

int farm_enable(struct farm *f, struct farm_device *d)
{
	if (d->admin == ADMIN_ENABLED)
		return -EALREADY;
	d->drain_deadline = 0;
	farm_admin(f, d, ADMIN_ENABLED, d->admin_version + 1, memory_now());
	f->ops.urge(f->ops.user);
	return 0;
}

int farm_disable(struct farm *f, struct farm_device *d)
{
	if (d->admin == ADMIN_DISABLED)
		return -EALREADY;
	farm_admin(f, d, ADMIN_DISABLED, d->admin_version + 1, memory_now());
	f->ops.urge(f->ops.user);
	return 0;
}

/* --- time ----------------------------------------------------------------------------------- */

static void farm_tick_limit(struct farm *f, struct farm_device *d, u32 now)
{
	u32 sessions = f->tables->devices[d->id].sessions;
	u32 low = MAX(1, (u32)((u64)d->max_sessions * FARM_LIMIT_LOW / 10));
	bool limited = d->max_sessions && sessions >= (d->limited ? low : d->max_sessions);

	if (limited == d->limited)
		return;
	d->limited = limited;
	if (limited)
		count(f->tables, COUNTER_LIMITED);
	farm_evaluate(f, now);
}

static void farm_tick_deadline(struct farm *f, struct farm_device *d, u32 now)
{
	if (d->admin != ADMIN_DRAINING || !d->drain_deadline ||
	    core_elapsed(now, d->drain_started) < d->drain_deadline)
		return;
	g_message("device %s: the drain's deadline is over, flushing what is left", d->name);
	farm_admin(f, d, ADMIN_FLUSHED, d->admin_version + 1, now);
	f->ops.urge(f->ops.user);
}

/* Detectors that never found it fit don't say so: their silence is a verdict in the end. */
static void farm_tick_judge(struct farm *f, struct farm_device *d, u32 now)
{
	if (d->judged || core_elapsed(now, d->since) <= f->judge_ms)
		return;
	d->judged = true;
	f->ops.urge(f->ops.user);
}

void farm_tick(struct farm *f, u32 now)
{
	if (f->follows)
		return;
	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		if (!f->devices[id])
			continue;
		farm_tick_judge(f, f->devices[id], now);
		farm_tick_limit(f, f->devices[id], now);
		farm_tick_deadline(f, f->devices[id], now);
	}
	farm_evaluate(f, now);
}

/* --- life ----------------------------------------------------------------------------------- */

static void farm_device_free(struct farm_device *d)
{
	if (!d)
		return;
	g_free(d->name);
	g_free(d->detected);
	g_free(d->why);
	g_free(d);
}

void farm_inherit(struct farm *f, const struct farm_heritage *heritage)
{
	f->heritage = g_memdup2(heritage, sizeof(*heritage));
}

/* As it was, which nobody need be told. */
static void farm_take_over(struct farm *f, struct farm_device *d, u32 now)
{
	const struct settings *s = tables_settings(f->tables);
	bool pick = device_set_has(&s->pick, d->id);

	if (f->heritage->admin[d->id] < ADMINS) {
		d->admin = f->heritage->admin[d->id];
		d->admin_version = f->heritage->version[d->id];
		farm_shut(f, d->id);
	}
	if (!device_set_has(&s->up, d->id))
		return;
	d->fit = true;
	farm_say(&d->detected, "");
	d->limited = !pick && d->admin == ADMIN_ENABLED; /* until the next tick */
	d->state = pick ? FARM_UP : FARM_DRAINING;
	if (d->state == FARM_DRAINING)
		farm_drain_starts(f, d, now);
}

static void farm_take(struct farm *f, const struct config_device *conf, u32 now)
{
	struct farm_device *d = f->devices[conf->id];

	if (d && strcmp(d->name, conf->name)) { /* another device has the id now */
		farm_device_free(d);
		d = NULL;
	}
	if (!d) {
		d = f->devices[conf->id] = g_new0(struct farm_device, 1);
		d->id = (u8)conf->id;
		d->name = g_strdup(conf->name);
		d->detected = g_strdup("not heard of yet");
		d->why = g_strdup("");
		d->since = now;
		d->partner_fit = true;
		d->changed = now;
		d->state = conf->disabled ? FARM_DISABLED : FARM_DOWN;
		if (f->heritage && f->heritage->known[d->id])
			farm_take_over(f, d, now);
	}
	d->weight = conf->weight;
	d->max_sessions = conf->max_sessions;
	d->disabled = conf->disabled;
}

static void farm_forget(struct farm *f, u8 id, u32 now)
{
	struct farm_device *d = f->devices[id];

	d->disabled = true;
	farm_down(f, d, now);
	farm_device_free(d);
	f->devices[id] = NULL;
	farm_shut(f, id);
}

/* How long the slowest detector needs for a first word, and some. */
static u32 farm_judge_ms(const struct config_health *health)
{
	u32 slowest = MAX(health->path.interval_ms, 1000);

	for (guint i = 0; i < health->checks->len; i++) {
		const struct config_check *check = g_ptr_array_index(health->checks, i);

		slowest = MAX(slowest, check->pace.interval_ms);
	}
	return slowest * (health->rise + 2);
}

void farm_configure(struct farm *f, const struct config *config, u32 rows, u32 now)
{
	bool known[DEVICES_MAX] = {false};

	f->evaluating = true; /* not before all of it is taken */
	f->judge_ms = farm_judge_ms(&config->health);
	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);

		known[d->id] = true;
		farm_take(f, d, now);
	}
	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		if (f->devices[id] && !known[id])
			farm_forget(f, (u8)id, now);
	g_clear_pointer(&f->heritage, g_free);
	f->rows = rows;
	sweeper_forget(f->sweeper); /* the rows it read may have been built anew */
	f->evaluating = false;
	farm_evaluate(f, now);
}

static void farm_swept(void *user, u32 now)
{
	farm_evaluate(user, now);
}

struct farm *farm_new(struct tables *tables, const struct farm_ops *ops)
{
	struct farm *f = g_new0(struct farm, 1);

	f->tables = tables;
	f->ops = *ops;
	f->rows = tables_settings(tables)->rows;
	f->sweeper = sweeper_new(tables, farm_swept, f);
	return f;
}

void farm_free(struct farm *f)
{
	if (!f)
		return;
	sweeper_free(f->sweeper);
	g_free(f->heritage);
	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		farm_device_free(f->devices[id]);
	g_free(f);
}
