// SPDX-License-Identifier: ISC
#include "sandwich/run/silent.h"

#include <string.h>

#include "sandwich/core/session.h"
#include "sandwich/health/silence.h"
#include "sandwich/run/balancer.h"
#include "sandwich/run/duty.h"
#include "sandwich/run/sync.h"
#include "sandwich/run/walker.h"
#include "sync/record_heard.h"

struct silent {
	struct balancer *b;
	struct silence *rule;
	guint timer;
	unsigned int interval_ms;
	struct walker *walker;
	/* Of the walk: how long each suspect has passed nothing on, ms; 0: it is none. */
	u32 age[DEVICES_MAX];
	u32 found[DEVICES_MAX];
	u32 began; /* memory_now() */
};

static u64 silent_now(void)
{
	return (u64)g_get_monotonic_time();
}

/* --- what is known -------------------------------------------------------------------------- */

static void silent_count(const struct silent *s, struct silence_count *out)
{
	struct counters *sum = g_new(struct counters, 1);

	memory_sum(s->b->memory, sum);
	for (unsigned int i = 0; i < DEVICES_MAX; i++)
		out[i] = (struct silence_count){
			.name = s->b->tables.devices[i].name_hash,
			.sent = (u32)sum->to_device[i].packets,
			.passed = (u32)sum->passed[i],
		};
	g_free(sum);
}

/* What the partner should know of it. */
static void silent_tell(const struct silent *s, const struct silence_count *counts)
{
	struct record_heard heard[DEVICES_MAX];
	u32 n = 0;

	for (unsigned int i = 1; i < DEVICES_MAX; i++)
		if (counts[i].name)
			heard[n++] = (struct record_heard){
				.name = counts[i].name,
				.passed = counts[i].passed,
				.silent = silence_is_silent(s->rule, (u8)i),
			};
	sync_heard(s->b->sync, heard, n);
}

void silent_told(struct balancer *b, const struct record_heard *heard, u32 n)
{
	if (!b->silent || !duty_is_active(b))
		return;
	for (u32 i = 0; i < n; i++) {
		u8 device = tables_device_named(&b->tables, heard[i].name);

		if (device)
			silence_told(b->silent->rule, device, heard[i].passed, heard[i].silent,
				     silent_now());
	}
}

static void silent_report(const struct silent *s)
{
	for (unsigned int i = 1; i < DEVICES_MAX && s->b->health; i++) {
		const char *why = silence_why(s->rule, (u8)i);

		if (s->b->tables.devices[i].name_hash)
			health_result(s->b->health, (u8)i, CONFIG_DETECT_SILENCE, !why, why);
	}
}

/* --- what suspects still have to say -------------------------------------------------------- */

static void silent_visit(void *user, struct slot *slot)
{
	struct silent *s = user;
	u8 device = core_load(&slot->device);

	/* It was seen since, and as nothing came out, that was a frame that went in. */
	if (s->age[device] && session_is_open(core_load(&slot->state)) &&
	    core_elapsed(s->began, core_load(&slot->seen)) < s->age[device])
		s->found[device]++;
}

static void silent_walked(void *user)
{
	struct silent *s = user;

	for (unsigned int i = 1; i < DEVICES_MAX; i++)
		if (s->age[i])
			silence_found(s->rule, (u8)i, s->found[i], silent_now());
	silent_report(s);
}

static void silent_walk(struct silent *s, u64 now)
{
	bool any = false;

	memset(s->found, 0, sizeof(s->found));
	for (unsigned int i = 1; i < DEVICES_MAX; i++) {
		u64 since = silence_suspect(s->rule, (u8)i);

		s->age[i] = since ? (u32)((now - since) / 1000) : 0;
		any |= since != 0;
	}
	s->began = memory_now();
	if (any)
		walker_start(s->walker);
}

/* --- time ----------------------------------------------------------------------------------- */

static gboolean silent_tick(gpointer user)
{
	struct silence_count counts[DEVICES_MAX];
	struct silent *s = user;
	u64 now = silent_now();

	if (!duty_is_active(s->b))
		return G_SOURCE_CONTINUE;
	silent_count(s, counts);
	silence_tick(s->rule, counts, now);
	silent_report(s);
	silent_tell(s, counts);
	if (!walker_is_running(s->walker)) /* a table that takes longer is walked without end */
		silent_walk(s, now);
	return G_SOURCE_CONTINUE;
}

static void silent_start(struct balancer *b, const struct config_pace *pace)
{
	struct silent *s = b->silent = g_new0(struct silent, 1);
	const struct walker_ops ops = {silent_visit, silent_walked, s};

	s->b = b;
	s->rule = silence_new(pace->interval_ms * 1000ull, pace->count);
	s->walker = walker_new(&b->tables, TABLE_SESSIONS, &ops);
}

void silent_configure(struct balancer *b)
{
	const struct config_pace *pace = &b->config->health.silence;

	if (!pace->count) {
		silent_free(b->silent);
		b->silent = NULL;
		if (b->health)
			health_forget(b->health, CONFIG_DETECT_SILENCE);
		return;
	}
	if (!b->silent)
		silent_start(b, pace);
	silence_pace(b->silent->rule, pace->interval_ms * 1000ull, pace->count);
	if (b->silent->timer && b->silent->interval_ms == pace->interval_ms)
		return;
	if (b->silent->timer)
		g_source_remove(b->silent->timer);
	b->silent->interval_ms = pace->interval_ms;
	b->silent->timer = g_timeout_add(pace->interval_ms, silent_tick, b->silent);
}

void silent_free(struct silent *s)
{
	if (!s)
		return;
	if (s->timer)
		g_source_remove(s->timer);
	walker_free(s->walker);
	silence_free(s->rule);
	g_free(s);
}
