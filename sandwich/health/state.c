/* SPDX-License-Identifier: ISC */
#include "sandwich/health/state.h"

#include <string.h>

enum verdict { VERDICT_NONE, VERDICT_UP, VERDICT_DOWN };

struct tracker {
	struct tracker *next;
	char *key;
	enum config_detector detector;
	u8 device;
	struct state_pace pace;
	enum verdict verdict;
	bool marked;
	bool blind;
	unsigned int successes, failures; /* in a row */
	u64 base;    /* the last result, or since when there could have been one */
	u64 counted; /* the last success that counted toward the rise */
	u32 rtt;
	char why[96];
};

struct state_device {
	u64 name; /* 0: none */
	struct tracker *first;
	bool fit;
};

/* What the witnessed trackers have in common. */
struct state_group {
	u64 heard;   /* the last success of any, or since when there could have been one */
	u64 window, interval;
	bool present; /* there are any */
	bool marked;  /* there were, before the reload that is under way */
	bool known;  /* ALONE has been told */
	bool alone;
	bool waiting; /* somebody is silent, and a witness is waited for */
	bool released; /* the hold is over */
	u64 since;   /* when ALONE became true */
};

struct state {
	struct state_ops ops;
	struct state_group group;
	struct state_device devices[DEVICES_MAX];
};

static void tracker_free(struct tracker *t)
{
	g_free(t->key);
	g_free(t);
}

static void tracker_free_all(struct tracker *t)
{
	while (t) {
		struct tracker *next = t->next;

		tracker_free(t);
		t = next;
	}
}

struct state *state_new(const struct state_ops *ops, u64 now)
{
	struct state *s = g_new0(struct state, 1);

	s->ops = *ops;
	s->group.heard = now;
	return s;
}

void state_free(struct state *s)
{
	if (!s)
		return;
	for (int i = 0; i < DEVICES_MAX; i++)
		tracker_free_all(s->devices[i].first);
	g_free(s);
}

/* Alone, nobody can tell a dead path from a dead partner: the others judge, but for a hold. */
static bool tracker_abstains(const struct state *s, const struct tracker *t)
{
	if (!t->pace.witnessed || !s->group.alone || t->blind)
		return false;
	return t->verdict != VERDICT_DOWN || s->group.released;
}

static bool tracker_ok(const struct state *s, const struct tracker *t)
{
	return t->verdict == VERDICT_UP ? !(t->blind && s->group.alone) : tracker_abstains(s, t);
}

static const struct tracker *state_culprit(const struct state *s, const struct state_device *d)
{
	const struct tracker *t = d->first;

	while (t && tracker_ok(s, t))
		t = t->next;
	return t;
}

/* Tells what has become of the device, if it is something else than before. */
static void state_update(struct state *s, u8 device)
{
	struct state_device *d = &s->devices[device];
	const struct tracker *culprit = state_culprit(s, d);
	bool fit = d->name && d->first && !culprit;
	char why[128] = "";

	if (fit == d->fit)
		return;
	d->fit = fit;
	if (culprit)
		g_snprintf(why, sizeof(why), "%s: %s", config_detector_name(culprit->detector),
			   culprit->why);
	s->ops.changed(s->ops.user, device, fit, why);
}

static void state_update_all(struct state *s)
{
	for (int i = 1; i < DEVICES_MAX; i++)
		state_update(s, (u8)i);
}

static void tracker_why(struct tracker *t, const char *why)
{
	g_strlcpy(t->why, why ? why : "", sizeof(t->why));
}

/* What it said before it was ever up was no failure. */
static void tracker_rise(struct tracker *t)
{
	if (t->verdict == VERDICT_NONE)
		tracker_why(t, "");
	t->verdict = VERDICT_UP;
}

/* Devices */

static void device_take(struct state_device *to, struct state_device *from, u8 id)
{
	*to = *from;
	memset(from, 0, sizeof(*from));
	for (struct tracker *t = to->first; t; t = t->next)
		t->device = id;
}

static void state_place(struct state *s, struct state_device *old, u8 id, u64 name)
{
	for (int i = 1; i < DEVICES_MAX; i++)
		if (old[i].name == name) {
			device_take(&s->devices[id], &old[i], id);
			return;
		}
	s->devices[id].name = name;
}

void state_devices(struct state *s, const u64 *names)
{
	struct state_device *old = g_memdup2(s->devices, sizeof(s->devices));

	memset(s->devices, 0, sizeof(s->devices));
	for (int i = 1; i < DEVICES_MAX; i++)
		if (names[i])
			state_place(s, old, (u8)i, names[i]);
	for (int i = 0; i < DEVICES_MAX; i++)
		tracker_free_all(old[i].first);
	g_free(old);
}

bool state_has(const struct state *s, u8 device)
{
	return s->devices[device].name != 0;
}

/* Trackers */

static struct tracker *tracker_find(struct state *s, u8 device, enum config_detector detector,
				    const char *key)
{
	struct tracker *t = s->devices[device].first;

	while (t && (t->detector != detector || strcmp(t->key, key)))
		t = t->next;
	return t;
}

static struct tracker *tracker_new(struct state *s, u8 device, enum config_detector detector,
				   const char *key, u64 now)
{
	struct tracker *t = g_new0(struct tracker, 1), **at = &s->devices[device].first;

	t->key = g_strdup(key);
	t->detector = detector;
	t->device = device;
	t->base = now;
	/*
	 * A reload that adds a check moves nobody: who is fit stays so until the check says
	 * otherwise.
	 */
	if (s->devices[device].fit)
		t->verdict = VERDICT_UP;
	else
		tracker_why(t, "not heard yet");
	while (*at)
		at = &(*at)->next;
	*at = t;
	return t;
}

static void group_join(struct state_group *g, const struct state_pace *pace, u64 now)
{
	if (!g->present && !g->marked) /* a reload is nobody's sign of life */
		g->heard = now;
	g->present = true;
	g->window = pace->window;
	g->interval = pace->interval;
}

struct tracker *state_add(struct state *s, u8 device, enum config_detector detector,
			  const char *key, const struct state_pace *pace, u64 now)
{
	struct tracker *t = tracker_find(s, device, detector, key);

	if (!t)
		t = tracker_new(s, device, detector, key, now);
	t->pace = *pace;
	t->marked = false;
	if (pace->witnessed)
		group_join(&s->group, pace, now);
	state_update(s, device);
	return t;
}

void state_mark(struct state *s)
{
	s->group.marked = s->group.present;
	s->group.present = false;
	for (int i = 1; i < DEVICES_MAX; i++)
		for (struct tracker *t = s->devices[i].first; t; t = t->next)
			t->marked = t->pace.window > 0; /* events are told once: they stay */
}

static void device_sweep(struct state_device *d)
{
	struct tracker **at = &d->first, *t;

	while ((t = *at)) {
		if (!t->marked) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		tracker_free(t);
	}
}

void state_sweep(struct state *s, u64 now)
{
	for (int i = 1; i < DEVICES_MAX; i++)
		device_sweep(&s->devices[i]);
	if (!s->group.present) {
		memset(&s->group, 0, sizeof(s->group));
		s->group.heard = now;
	}
	s->group.marked = false;
	state_update_all(s);
}

void state_forget(struct state *s, enum config_detector detector)
{
	for (int i = 1; i < DEVICES_MAX; i++) {
		for (struct tracker *t = s->devices[i].first; t; t = t->next)
			t->marked = t->detector == detector;
		device_sweep(&s->devices[i]);
	}
	state_update_all(s);
}

struct tracker *state_find(struct state *s, u8 device, enum config_detector detector)
{
	struct tracker *t = s->devices[device].first;

	while (t && t->detector != detector)
		t = t->next;
	return t;
}

/* Verdicts */

static void tracker_fall(struct state *s, struct tracker *t)
{
	t->verdict = VERDICT_DOWN;
	state_update(s, t->device);
}

static void tracker_silent(struct state *s, struct tracker *t, u64 now)
{
	char why[sizeof(t->why)];

	g_snprintf(why, sizeof(why), "nothing heard for %" G_GUINT64_FORMAT " ms",
		   (now - t->base) / 1000);
	if (!t->blind)
		tracker_why(t, why);
	t->successes = 0;
	t->failures++;
	tracker_fall(s, t);
}

static u64 later(u64 then, u64 late, u64 now)
{
	return MIN(then + late, MAX(then, now));
}

/* A witness must have been heard while the silent one should have been: one interval and a half. */
static u64 group_fresh(const struct state_group *g)
{
	return g->interval + g->interval / 2;
}

static bool group_witness(const struct state_group *g, u64 now)
{
	return !g->alone && now - g->heard <= group_fresh(g);
}

/* Falls the tracker if its silence is too long; when to look again. */
static u64 tracker_judge(struct state *s, struct tracker *t, u64 now)
{
	u64 due = t->base + t->pace.window;

	if (!t->pace.window || t->verdict == VERDICT_DOWN)
		return STATE_NEVER;
	if (t->pace.witnessed && s->group.alone)
		return STATE_NEVER;
	if (now < due)
		return due;
	if (t->pace.witnessed && !group_witness(&s->group, now)) {
		s->group.waiting = true; /* until somebody is heard, or all are silent */
		return STATE_NEVER;
	}
	tracker_silent(s, t, now);
	return STATE_NEVER;
}

static u64 state_judge(struct state *s, u64 now)
{
	u64 next = STATE_NEVER;

	s->group.waiting = false;
	for (int i = 1; i < DEVICES_MAX; i++)
		for (struct tracker *t = s->devices[i].first; t; t = t->next)
			next = MIN(next, tracker_judge(s, t, now));
	return next;
}

/* The partner is back: whoever was let through has a window's time to be heard. */
static void group_return(struct state *s, u64 now)
{
	struct state_group *g = &s->group;
	bool first = !g->known;

	for (int i = 1; i < DEVICES_MAX; i++)
		for (struct tracker *t = s->devices[i].first; t; t = t->next) {
			if (!t->pace.witnessed)
				continue;
			if (!first && tracker_ok(s, t))
				tracker_rise(t);
			t->base = now;
		}
	g->known = true;
	g->alone = g->released = false;
	s->ops.alone(s->ops.user, false);
	state_update_all(s);
}

static void group_leave(struct state *s, u64 now)
{
	s->group.known = s->group.alone = true;
	s->group.released = false;
	s->group.since = now;
	s->ops.alone(s->ops.user, true);
	state_update_all(s);
}

/*
 * Nobody was heard for GAP: the partner stood still, and that is no device's fault. All but one
 * interval of it is taken out of every silence, so the others have the time to be heard as well.
 */
static void group_forgive(struct state *s, u64 gap, u64 now)
{
	for (int i = 1; i < DEVICES_MAX; i++)
		for (struct tracker *t = s->devices[i].first; t; t = t->next)
			if (t->pace.witnessed)
				t->base = later(t->base, gap - s->group.interval, now);
}

static void group_heard(struct state *s, u64 now)
{
	u64 gap = now - MIN(s->group.heard, now);

	if (gap > group_fresh(&s->group))
		group_forgive(s, gap, now);
	s->group.heard = now;
	if (!s->group.known || s->group.alone)
		group_return(s, now);
	else if (s->group.waiting)
		state_judge(s, now);
}

/* Results that come thicker than the pace (urged ones) don't make a device rise sooner. */
static void tracker_success(struct tracker *t, u64 now)
{
	bool gap = t->pace.witnessed && t->successes && now - t->counted > 2 * t->pace.interval;

	t->failures = 0;
	if (gap)
		t->successes = 0;
	if (t->successes && now - t->counted < t->pace.interval / 2)
		return;
	t->counted = now;
	t->successes++;
	if (t->verdict == VERDICT_UP || t->successes < t->pace.rise)
		return;
	tracker_rise(t);
}

static void tracker_failure(struct tracker *t, const char *why)
{
	t->successes = 0;
	t->failures++;
	tracker_why(t, why);
	if (t->failures >= t->pace.fall)
		t->verdict = VERDICT_DOWN;
}

void state_result(struct state *s, struct tracker *t, bool ok, const char *why, u32 rtt_us, u64 now)
{
	t->base = now;
	if (rtt_us)
		t->rtt = rtt_us;
	if (ok)
		tracker_success(t, now);
	else
		tracker_failure(t, why);
	if (ok && t->pace.witnessed)
		group_heard(s, now);
	state_update(s, t->device);
}

void state_blind(struct state *s, struct tracker *t, const char *why)
{
	bool blind = why != NULL;

	if (blind == t->blind)
		return;
	t->blind = blind;
	if (blind)
		tracker_why(t, why);
	state_update(s, t->device);
}

void state_late(struct state *s, u64 late, u64 now)
{
	s->group.heard = later(s->group.heard, late, now);
	for (int i = 1; i < DEVICES_MAX; i++)
		for (struct tracker *t = s->devices[i].first; t; t = t->next) {
			t->base = later(t->base, late, now);
			t->counted = later(t->counted, late, now);
		}
}

/* Nobody heard, or the end of the hold; when to look again. */
static u64 group_judge(struct state *s, u64 now)
{
	struct state_group *g = &s->group;
	u64 due = g->heard + g->window;

	if (!g->present)
		return STATE_NEVER;
	if (!g->alone && now >= due)
		group_leave(s, now);
	if (!g->alone)
		return due;
	if (g->released)
		return STATE_NEVER;
	if (now - g->since < STATE_HOLD_US)
		return g->since + STATE_HOLD_US;
	g->released = true;
	state_update_all(s);
	return STATE_NEVER;
}

u64 state_tick(struct state *s, u64 now)
{
	u64 group = group_judge(s, now);

	return MIN(group, state_judge(s, now));
}

static void device_assume(struct state_device *d, u64 now)
{
	d->fit = d->first != NULL;
	for (struct tracker *t = d->first; t; t = t->next) {
		tracker_rise(t);
		t->base = now;
	}
}

void state_assume(struct state *s, const struct device_set *fit, u64 now)
{
	for (int i = 1; i < DEVICES_MAX; i++)
		if (device_set_has(fit, (u8)i))
			device_assume(&s->devices[i], now);
	s->group.heard = now;
	s->group.known = true;
	s->group.alone = false;
}

bool state_fit(const struct state *s, u8 device)
{
	return s->devices[device].fit;
}

bool state_alone(const struct state *s)
{
	return s->group.alone || !s->group.known;
}

void state_walk(const struct state *s, u8 device,
		void (*visit)(void *user, const struct health_view *v), void *user)
{
	for (const struct tracker *t = s->devices[device].first; t; t = t->next) {
		bool ok = tracker_ok(s, t);
		struct health_view v = {
			.detector = t->detector,
			.ok = ok,
			.why = ok && tracker_abstains(s, t) ? "partner not heard: abstains"
							    : t->why,
			.successes = t->successes,
			.failures = t->failures,
			.rtt_us = t->rtt,
		};

		visit(user, &v);
	}
}
