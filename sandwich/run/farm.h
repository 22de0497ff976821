/* SPDX-License-Identifier: ISC */
/*
 * The farm: what state each device is in, and the order in which states change.
 *
 *   down --(fit on both sides)--> swept --(both sides have swept)--> up
 *   up   --(unfit on either side)--> down            at once
 *   up  <--(drain, max-sessions / enable)--> draining  pinned traffic stays, nothing new
 *   any <--(disable / enable)--> disabled
 *
 * Before a device is picked again, or is no longer picked, the session table is swept. The
 * sets `up` and `pick` of the engine's settings are written here and nowhere else.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_FARM_H
#define SANDWICH_RUN_FARM_H

#include <stdbool.h>
#include "conf/config.h"
#include "sandwich/core/tables.h"
#include "sandwich/health/health.h"

enum farm_state { FARM_DOWN, FARM_UP, FARM_DRAINING, FARM_DISABLED, FARM_STATES };

struct farm_device {
	u8 id;
	char *name;
	unsigned int weight, max_sessions;
	enum farm_state state;
	bool fit;		/* our detectors agree */
	bool partner_fit;	/* the partner's do; true while it is out of reach */
	bool partner_swept;
	bool swept;		/* our sweep for its return is done */
	bool limited;		/* draining because of max-sessions */
	u8 admin;		/* enum health_admin */
	u32 admin_version;
	u32 changed;		/* ms: last change of state */
	u32 drain_started;	/* ms */
	u32 drain_sessions;	/* how many there were then, for the ETA */
	u32 drain_deadline;	/* ms after drain_started; 0: none */
	char *why;		/* why it is not up, or "" */
};

struct farm;

/* The name for JSON: "up", "down", "draining", "disabled". */
const char *farm_state_name(enum farm_state state);

/* The device of that id or name, or NULL. */
struct farm_device *farm_find(struct farm *f, u8 id);
struct farm_device *farm_find_name(struct farm *f, const char *name);

/* An operator's words; they travel to the partner. 0, or -EALREADY. DEADLINE_MS 0: none. */
int farm_drain(struct farm *f, struct farm_device *d, u32 deadline_ms) __attribute__((warn_unused_result));
int farm_enable(struct farm *f, struct farm_device *d) __attribute__((warn_unused_result));
int farm_disable(struct farm *f, struct farm_device *d) __attribute__((warn_unused_result));

/* Seconds until a draining device is empty at the rate seen so far; -1: can't be told. */
int farm_drain_eta(const struct farm *f, const struct farm_device *d, u32 sessions, u32 now);

#endif
