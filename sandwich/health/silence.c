/* SPDX-License-Identifier: ISC */
#include "sandwich/health/silence.h"

#include <glib.h>
#include <string.h>

#define WORD_INTERVALS 3 /* the partner's word is good for */
#define IDLE_COUNTS 4	 /* so many times COUNT intervals without a frame end a row of them */

struct silence_device {
	struct silence_count last;
	u32 word;	/* the partner's total, */
	u32 word_taken; /* and as it was at the last tick */
	u64 word_at;	/* 0: it has said nothing */
	bool word_silent;
	u64 passed_at;	/* when it was last known to pass something on; 0: not yet */
	u64 since;	/* the row's begin; 0: none */
	u32 sent;	/* in it */
	unsigned int quiet, idle; /* intervals: of the row; without a frame in or out */
	bool suspect, silent;
	bool tried;	/* it is on trial, and has passed nothing on yet */
	u64 until;	/* the end of the hold; on trial: of the time in which it is remembered */
	u64 hold;	/* the last; 0: none that counts */
	char why[64];
};

struct silence {
	u64 interval;
	unsigned int count;
	struct silence_device devices[DEVICES_MAX];
};

struct silence *silence_new(u64 interval, unsigned int count)
{
	struct silence *s = g_new0(struct silence, 1);

	silence_pace(s, interval, count);
	return s;
}

void silence_free(struct silence *s)
{
	g_free(s);
}

void silence_pace(struct silence *s, u64 interval, unsigned int count)
{
	s->interval = interval;
	s->count = count;
}

static void row_end(struct silence_device *d)
{
	d->since = 0;
	d->sent = d->quiet = d->idle = 0;
	d->suspect = false;
}

/* On trial from now on; the hold is remembered for as long again. */
static void device_try(struct silence_device *d, u64 now)
{
	row_end(d);
	d->silent = false;
	d->tried = true;
	d->until = now + d->hold;
}

static void device_convict(struct silence_device *d, u64 now)
{
	g_snprintf(d->why, sizeof(d->why), "%u frames in %u ms, and none came out", d->sent,
		   (unsigned int)((now - d->since) / 1000));
	d->hold = d->hold ? MIN(2 * d->hold, SILENCE_HOLD_MAX_US) : SILENCE_HOLD_US;
	d->until = now + d->hold;
	d->silent = true;
	d->tried = false;
	row_end(d);
}

/* --- the partner ---------------------------------------------------------------------------- */

void silence_told(struct silence *s, u8 device, u32 passed, bool silent, u64 now)
{
	struct silence_device *d = &s->devices[device];

	if (!d->word_at)
		d->word_taken = passed; /* what was before says nothing */
	if (d->word_silent && !silent && !d->silent) {
		d->hold = MAX(d->hold, SILENCE_HOLD_US);
		device_try(d, now); /* its trial is ours */
	}
	d->word = passed;
	d->word_silent = silent;
	d->word_at = now;
}

static bool word_is_fresh(const struct silence *s, const struct silence_device *d, u64 now)
{
	return d->word_at && now - d->word_at <= WORD_INTERVALS * s->interval;
}

/* --- one interval --------------------------------------------------------------------------- */

/* Did another device pass something on since THEN? Else it is not this one's fault. */
static bool has_witness(const struct silence *s, const struct silence_device *but, u64 then)
{
	for (int i = 1; i < DEVICES_MAX; i++)
		if (&s->devices[i] != but && s->devices[i].passed_at > then)
			return true;
	return false;
}

static void device_passed(struct silence_device *d, u64 now)
{
	d->passed_at = now;
	d->tried = false;
	if (d->hold && now >= d->until)
		d->hold = 0;
	row_end(d);
}

static void device_idle(const struct silence *s, struct silence_device *d)
{
	if (d->since && ++d->idle > IDLE_COUNTS * s->count)
		row_end(d);
}

static void device_quiet(const struct silence *s, struct silence_device *d, u32 sent, u64 now)
{
	if (!d->since)
		d->since = now - s->interval;
	d->sent += sent;
	d->quiet++;
	d->idle = 0;
	d->suspect = false; /* who is, is found anew by silence_judge() */
}

static void device_tick(struct silence *s, struct silence_device *d, const struct silence_count *c,
			u64 now)
{
	u32 sent = c->sent - d->last.sent;
	bool passed = c->passed != d->last.passed || d->word != d->word_taken;

	d->last = *c;
	d->word_taken = d->word;
	if (d->word_silent && !word_is_fresh(s, d, now))
		d->word_silent = false; /* who says nothing any more holds nothing against it */
	if (d->silent && now >= d->until)
		device_try(d, now);
	if (d->silent)
		return;
	if (passed)
		device_passed(d, now);
	else if (!word_is_fresh(s, d, now))
		row_end(d); /* it may have come out there */
	else if (sent)
		device_quiet(s, d, sent, now);
	else
		device_idle(s, d);
}

static void device_judge(struct silence *s, struct silence_device *d, u64 now)
{
	if (!d->since || d->quiet < s->count || d->sent < SILENCE_SENT ||
	    !has_witness(s, d, d->since))
		return;
	if (d->tried)
		device_convict(d, now);
	else
		d->suspect = true;
}

void silence_tick(struct silence *s, const struct silence_count *counts, u64 now)
{
	for (int i = 1; i < DEVICES_MAX; i++) {
		struct silence_device *d = &s->devices[i];

		if (d->last.name != counts[i].name) {
			memset(d, 0, sizeof(*d));
			d->last = counts[i];
		} else if (d->last.name) {
			device_tick(s, d, &counts[i], now);
		}
	}
	for (int i = 1; i < DEVICES_MAX; i++)
		device_judge(s, &s->devices[i], now);
}

/* --- verdicts ------------------------------------------------------------------------------- */

u64 silence_suspect(const struct silence *s, u8 device)
{
	return s->devices[device].suspect ? s->devices[device].since : 0;
}

void silence_found(struct silence *s, u8 device, u32 conversations, u64 now)
{
	struct silence_device *d = &s->devices[device];

	if (d->suspect && conversations >= SILENCE_CONVERSATIONS)
		device_convict(d, now);
}

bool silence_is_silent(const struct silence *s, u8 device)
{
	return s->devices[device].silent;
}

const char *silence_why(const struct silence *s, u8 device)
{
	const struct silence_device *d = &s->devices[device];

	if (d->silent)
		return d->why;
	return d->word_silent ? "the other side sends it frames, and none come out" : NULL;
}
