/* SPDX-License-Identifier: ISC */
/*
 * The farm from within: shared by farm.c, where states follow from what is known, farm_drain.c and
 * farm_twin.c, where they are told. Thread: main.
 */
#ifndef SANDWICH_RUN_FARM_PARTS_H
#define SANDWICH_RUN_FARM_PARTS_H

#include "sandwich/run/farm.h"

struct sweeper;

struct farm {
	struct tables *tables;
	struct farm_ops ops;
	struct farm_device *devices[DEVICES_MAX]; /* by id */
	bool partner;		/* it is heard of */
	u32 rows;		/* the set of rank rows wanted */
	struct sweeper *sweeper;
	struct farm_heritage *heritage; /* until the first configuration is taken */
	u32 judge_ms;		/* how long the detectors' first word may take */
	u32 gathers;		/* ms: the first device waits for the others since then; 0: no */
	bool evaluating, again; /* a callback led back here */
	bool follows;		/* a standby: states are told, not judged */
};

bool farm_is_disabled(const struct farm_device *d);

/* Replaces *TEXT unless it says the same already. */
void farm_say(char **text, const char *what);

/* Why the device is not up, the weightiest reason first. */
const char *farm_reason(const struct farm *f, const struct farm_device *d);
void farm_drain_starts(const struct farm *f, struct farm_device *d, u32 now);

/* Tells the engine whether the drain of DEVICE is over: nobody learns from it then. */
void farm_shut(struct farm *f, u8 device);

/* Logs and notes a state. */
void farm_enter(struct farm *f, struct farm_device *d, enum farm_state state, u32 now);

/* The one place where states follow from what is known. A callback may lead back here. */
void farm_evaluate(struct farm *f, u32 now);

#endif
