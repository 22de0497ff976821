/* SPDX-License-Identifier: ISC */
/*
 * The one place where a device becomes fit or unfit: rise and fall of every (device, detector).
 *
 * A tracker takes the results of one check of one device. A device is fit while all its trackers
 * say so, and it has one at least. Results that stop coming count as a failure, but for detectors
 * that speak on change only. Nobody is judged for time in which our own loop was late.
 *
 * Trackers of the path detector are witnesses for each other, since their messages all come from
 * one partner: one that is silent fails only while another is heard. When none is heard, it is the
 * partner that is gone: the side is alone, and the path detector abstains (see sync/PATH.md).
 *
 * Pure: time is an argument, in microseconds of a monotonic clock. Thread: main.
 */
#ifndef SANDWICH_HEALTH_STATE_H
#define SANDWICH_HEALTH_STATE_H

#include "sandwich/health/health.h"

#define STATE_NEVER UINT64_MAX
#define STATE_HOLD_US 10000000u /* alone: how long a device whose path had failed stays out */

struct state;
struct tracker;

struct state_pace {
	u64 interval;	   /* µs between results */
	u64 window;	   /* µs of silence that mean failure; 0: speaks on change only */
	unsigned int rise, fall; /* results in a row that change the verdict; 0 counts as 1 */
	bool witnessed; /* silence is judged only while another device's tracker of this kind is
			   heard */
};

struct state_ops {
	void (*changed)(void *user, u8 device, bool fit, const char *why);
	/* Witnessed trackers: something is heard, or nothing at all any more. */
	void (*alone)(void *user, bool alone);
	void *user;
};

/* Never NULL. OPS is copied. */
struct state *state_new(const struct state_ops *ops, u64 now);
void state_free(struct state *s);

/*
 * Which devices there are: NAMES[id] is a device's name_hash, 0 for none (DEVICES_MAX of them). A
 * device that has got another id keeps its trackers; what has gone is forgotten.
 */
void state_devices(struct state *s, const u64 *names);
bool state_has(const struct state *s, u8 device);

/*
 * Adds a tracker to DEVICE, or finds the one of that detector and KEY (what it asks; copied) and
 * gives it the new pace. Between state_mark() and state_sweep(), what was not added again goes.
 */
struct tracker *state_add(struct state *s, u8 device, enum config_detector detector,
			  const char *key, const struct state_pace *pace, u64 now);
void state_mark(struct state *s);
void state_sweep(struct state *s, u64 now);

/* Takes out all trackers of DETECTOR. */
void state_forget(struct state *s, enum config_detector detector);

/* The device's first tracker of that detector, or NULL. */
struct tracker *state_find(struct state *s, u8 device, enum config_detector detector);

/* One result. WHY: of a failure; copied. RTT_US: 0 where there is none. */
void state_result(struct state *s, struct tracker *t, bool ok, const char *why, u32 rtt_us,
		  u64 now);

/*
 * A witnessed tracker that can't ask (WHY), or can again (NULL): it can't be let through when
 * alone.
 */
void state_blind(struct state *s, struct tracker *t, const char *why);

/* Our own loop stood still for LATE µs: that time is taken out of every silence. */
void state_late(struct state *s, u64 late, u64 now);

/* Judges silence. When it wants to be called again, or STATE_NEVER. */
u64 state_tick(struct state *s, u64 now);

/*
 * Takes the devices of FIT for fit, as another has judged them, and the partner for heard: from now
 * on they are judged by what is heard here. Nobody is told.
 */
void state_assume(struct state *s, const struct device_set *fit, u64 now);

bool state_fit(const struct state *s, u8 device);
bool state_alone(const struct state *s);
void state_walk(const struct state *s, u8 device,
		void (*visit)(void *user, const struct health_view *v), void *user);

#endif
