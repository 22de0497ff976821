/* SPDX-License-Identifier: ISC */
/*
 * Passive silence: frames go into a device, and none come out of it, on either side.
 *
 * Counts in, verdicts out. A side judges what it sends itself; what came out it knows for its own
 * side by its counters and for the other by the partner's word. A device is suspect when in COUNT
 * intervals (those in which it was sent something) it was sent enough and has passed on nothing,
 * while another device has. A firewall may rightly drop all that comes, be it a flood: so who asks
 * then counts the conversations that the device had carried both ways before and that still send
 * (silence_found()). Some of those make the verdict.
 *
 * Down, nothing is sent to it, so nothing can tell that it works again: after a hold it is tried.
 * If it passes on nothing then either, that is a verdict at once, and the next hold is twice as
 * long.
 *
 * Pure: time is an argument, in microseconds of a monotonic clock. Thread: main.
 */
#ifndef SANDWICH_HEALTH_SILENCE_H
#define SANDWICH_HEALTH_SILENCE_H

#include "sandwich/core/device.h"

#define SILENCE_SENT 10		   /* frames that should have led to something */
#define SILENCE_CONVERSATIONS 3	   /* that had answers, and still send */
#define SILENCE_HOLD_US 10000000ull
#define SILENCE_HOLD_MAX_US 300000000ull

struct silence;

/* Totals of our side, modulo 2^32. */
struct silence_count {
	u64 name;   /* the device's; 0: none. Another than before begins anew */
	u32 sent;   /* frames to the device */
	u32 passed; /* frames that it passed on to us */
};

/* Never NULL. INTERVAL: µs between ticks. */
struct silence *silence_new(u64 interval, unsigned int count);
void silence_free(struct silence *s);

/* Another pace; who is silent stays so. */
void silence_pace(struct silence *s, u64 interval, unsigned int count);

/* The partner's word: its total of what DEVICE passed on, and whether it is silent to it. */
void silence_told(struct silence *s, u8 device, u32 passed, bool silent, u64 now);

/* One interval is over. COUNTS: DEVICES_MAX of them, by id. */
void silence_tick(struct silence *s, const struct silence_count *counts, u64 now);

/* Since when a suspect passes on nothing; 0: it is none. */
u64 silence_suspect(const struct silence *s, u8 device);

/* How many conversations of a suspect had answers before, and have sent something since. */
void silence_found(struct silence *s, u8 device, u32 conversations, u64 now);

/* What we think ourselves, as the partner should know it. */
bool silence_is_silent(const struct silence *s, u8 device);

/* NULL: it is not silent, here or there, as far as is known; else what is wrong. */
const char *silence_why(const struct silence *s, u8 device);

#endif
