/* SPDX-License-Identifier: ISC */
/*
 * The silence detector's hands (the rule is in health/silence.h): the counters of the data paths,
 * the partner's word by way of sync, the walk of the sessions that tells a silent device from one
 * that rightly drops, and health, which is told the verdicts.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_SILENT_H
#define SANDWICH_RUN_SILENT_H

#include "sandwich/core/types.h"

struct balancer;
struct record_heard;
struct silent;

/* Follows b->config: begins, goes on at another pace, or ends. */
void silent_configure(struct balancer *b);
void silent_free(struct silent *s);

/* N words of the partner's active balancer. */
void silent_told(struct balancer *b, const struct record_heard *heard, u32 n);

#endif
