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
	bool judged;		/* they have said something: before, nothing is vetoed */
	bool partner_fit;	/* the partner's do; true while it is out of reach */
	bool partner_swept;
	bool swept;		/* our sweep for its return is done */
	bool disabled;		/* by the configuration: the operator can't enable it */
	bool limited;		/* draining because of max-sessions */
	u8 admin;		/* enum health_admin */
	u32 admin_version;
	u32 changed;		/* ms: last change of state */
	u32 drain_started;	/* ms */
	u32 drain_left;		/* how much there was then, for the ETA */
	u32 drain_deadline;	/* ms after drain_started; 0: none */
	u32 since;		/* ms: known since */
	char *detected;		/* why our detectors found it unfit, or "" */
	char *why;		/* why it is not up, or "" */
};

struct farm;

struct farm_ops {
	/* Something changed that the partner should hear of now (health_urge). */
	void (*urge)(void *user);
	/* The device is no longer used; what was on it has nowhere to be (on-device-down). */
	void (*lost)(void *user, u8 device);
	/* A drain's deadline is over: forget what is left on the device. */
	void (*flush)(void *user, u8 device);
	void *user;
};

/* TABLES: the main thread's handle; settings must have been applied. */
struct farm *farm_new(struct tables *tables, const struct farm_ops *ops);
void farm_free(struct farm *f);

/* What a daemon before us knew, by id. */
struct farm_heritage {
	bool known[DEVICES_MAX];
	u8 admin[DEVICES_MAX]; /* enum health_admin */
	u32 version[DEVICES_MAX];
};

/*
 * Before the first farm_configure(): known devices that are up by the settings stay so until a
 * detector says otherwise, and an operator's words hold.
 */
void farm_inherit(struct farm *f, const struct farm_heritage *heritage);

/*
 * Takes the devices of CONFIG, whose settings have been applied. Devices that stay keep their
 * state. ROWS is the set of rank rows that CONFIG wants: the farm sweeps, and then puts it in
 * force.
 */
void farm_configure(struct farm *f, const struct config *config, u32 rows, u32 now);

/* Our detectors' verdict. WHY is copied. */
void farm_fit(struct farm *f, u8 device, bool fit, const char *why, u32 now);

/* What the partner says of a device, and whether it is heard of at all. */
void farm_partner_record(struct farm *f, u8 device, const struct health_record *record, u32 now);
void farm_partner(struct farm *f, bool reachable, u32 now);
bool farm_has_partner(const struct farm *f);

/* What to tell the partner. */
void farm_export(struct farm *f, u8 device, struct health_record *out);

/* Limits, deadlines, and whatever waits for time; every 100 ms or so. */
void farm_tick(struct farm *f, u32 now);

/* Every device there is. */
void farm_walk(struct farm *f, void (*visit)(void *user, struct farm_device *d), void *user);

/* The name for JSON: "up", "down", "draining", "disabled". */
const char *farm_state_name(enum farm_state state);

/* The device of that id or name, or NULL. */
struct farm_device *farm_find(struct farm *f, u8 id);
struct farm_device *farm_find_name(struct farm *f, const char *name);

/* An operator's words; they travel to the partner. 0, or -EALREADY. DEADLINE_MS 0: none. */
int farm_drain(struct farm *f, struct farm_device *d, u32 deadline_ms)
	__attribute__((warn_unused_result));
int farm_enable(struct farm *f, struct farm_device *d) __attribute__((warn_unused_result));
int farm_disable(struct farm *f, struct farm_device *d) __attribute__((warn_unused_result));

/*
 * What is left on the device: its sessions, and the VPN CLIENTS bound to it, with a session or
 * without. A walk of the pins.
 */
u32 farm_left(const struct farm *f, const struct farm_device *d, u32 *clients);

/* Seconds until a draining device is empty at the rate seen so far; -1: can't be told. */
int farm_drain_eta(const struct farm *f, const struct farm_device *d, u32 left, u32 now);

#endif
