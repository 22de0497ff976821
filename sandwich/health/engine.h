/* SPDX-License-Identifier: ISC */
/*
 * Health without clocks and sockets: the path heartbeat and the state of the devices, put together.
 *
 * health.c gives it timers and the log; tests give it a virtual clock. Time is microseconds of a
 * monotonic clock. Thread: main.
 */
#ifndef SANDWICH_HEALTH_ENGINE_H
#define SANDWICH_HEALTH_ENGINE_H

#include "sandwich/health/path.h"
#include "sandwich/health/state.h"

#define ENGINE_IDLE_US \
	100000 /* looks at the clock that often at least, to notice that it was late */

#define ENGINE_DEAF_US 5000000 /* so long without the partner: what may be the cause is said */

struct engine;

/*
 * SETUP's ops are copied, and its config and devices not kept. 0, -EINVAL (path without secret),
 * -EADDRNOTAVAIL.
 */
int engine_new(struct engine **out, const struct health_setup *setup, u64 now)
	__attribute__((warn_unused_result));
void engine_free(struct engine *e);

/*
 * Trackers other than those of path, link and ARP must be added again between the two steps, or
 * they go. After an error of the first nothing has changed, and the second is not called.
 */
int engine_reload(struct engine *e, const struct health_setup *setup, u64 now)
	__attribute__((warn_unused_result));
void engine_reloaded(struct engine *e, u64 now);

/* To be called at engine_due(), and after it is known how late that was. */
void engine_tick(struct engine *e, u64 now);
u64 engine_due(const struct engine *e);

enum path_result engine_input(struct engine *e, u8 port, u8 device, const u8 *frame, u32 length,
			      u64 now);
void engine_urge(struct engine *e, u64 now);

/* An event of link or ARP. */
void engine_event(struct engine *e, u8 device, enum config_detector detector, bool ok,
		  const char *why, u64 now);

struct state *engine_state(struct engine *e);
void engine_partner(const struct engine *e, struct health_partner *out);

#endif
