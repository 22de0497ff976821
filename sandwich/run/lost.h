/* SPDX-License-Identifier: ISC */
/*
 * What was on a device that is gone (on-device-down = reset), and what an operator wants forgotten.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_LOST_H
#define SANDWICH_RUN_LOST_H

#include "sandwich/run/balancer.h"

/*
 * Makes the local ends of DEVICE's TCP sessions speak, so that their answers meet the reset. Cut
 * into slices.
 */
void lost_challenge(struct balancer *b, u8 device);

/* Answers the sender of a frame whose reason is RESET. */
void lost_reset(struct balancer *b, const struct slow_frame *frame);

/* Ends a walk under way; at the end of the balancer. */
void lost_stop(struct balancer *b);

#endif
