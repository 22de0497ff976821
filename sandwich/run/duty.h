/* SPDX-License-Identifier: ISC */
/*
 * On duty or not: what the active balancer of a side does, and its standby leaves.
 *
 * A standby answers for no floating address, sends nothing, judges no device and expires nothing;
 * what comes to a virtual MAC is its twin's. Going on duty is one store for the data path; all
 * else follows from what the twin said last.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_DUTY_H
#define SANDWICH_RUN_DUTY_H

#include "sandwich/run/balancer.h"

/* At the start, before anything is announced or judged. */
void duty_init(struct balancer *b, bool active);

/* Goes on duty, or off. Where health can not be started, it logs that and goes on without. */
void duty_set(struct balancer *b, bool active);
bool duty_is_active(const struct balancer *b);

/* The timers of repeated announcements, at the end. */
void duty_stop(struct balancer *b);

#endif
