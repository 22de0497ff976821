/* SPDX-License-Identifier: ISC */
/*
 * A standby's farm: as its twin, which is active, says. Nothing is judged, swept or flushed here.
 * When it no longer follows, it goes on from there.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_FARM_TWIN_H
#define SANDWICH_RUN_FARM_TWIN_H

#include "sandwich/run/farm.h"

/* What twins tell each other of a device. */
struct farm_word {
	bool fit, partner_fit, up, pick;
	u8 admin;	   /* enum health_admin */
	u32 admin_version;
	u32 deadline_ms;   /* what is left of a drain's; 0: none */
};

/* A standby follows; the active one does not. */
void farm_follow(struct farm *f, bool follow, u32 now);

/* The active twin's word of a device; heeded while following. */
void farm_told(struct farm *f, u8 device, const struct farm_word *word, u32 now);

/* Our own word. */
void farm_tell(const struct farm *f, u8 device, struct farm_word *out, u32 now);

#endif
