/* SPDX-License-Identifier: ISC */
/*
 * What only twins tell each other (PROTOCOL.md 4): devices as the active one has them, and the
 * neighbours it knows, so that a standby that takes over need not ask first; and how much each box
 * holds.
 *
 * Unreliable, and small: told whole upon each change and each second, so that the latest is what
 * holds. Pure. Puts return false, and write nothing, without room; gets return false at the end of
 * the item and where a record can't be (the reader is `bad` then).
 */
#ifndef SYNC_RECORD_TWIN_H
#define SYNC_RECORD_TWIN_H

#include "sync/record.h"

/* FARM: 18 bytes each. */
#define RECORD_FARM_FIT 1	  /* our detectors say so */
#define RECORD_FARM_PARTNER_FIT 2 /* the partner's do */
#define RECORD_FARM_UP 4	  /* it may carry what is pinned to it */
#define RECORD_FARM_PICK 8	  /* it may be given new conversations */

struct record_farm {
	u64 name; /* the device's, its hash; never 0 */
	u8 flags;
	u8 admin; /* the operator's word, below 4 */
	u32 admin_version;
	u32 deadline_ms; /* what is left of a drain's; 0: none */
};

bool record_put_farm(struct record_writer *w, const struct record_farm *farm);
bool record_get_farm(struct record_reader *r, struct record_farm *out);

/* NEIGHBOURS, devices among them: 26 bytes each. */
struct record_neighbour {
	struct address address;
	u16 vlan;
	u8 port;   /* where it answers, by its place in the file: the same on both twins */
	u8 router; /* its number where conversations return to it (last-hop); 0: none */
	struct mac mac;
};

bool record_put_neighbour(struct record_writer *w, const struct record_neighbour *neighbour);
bool record_get_neighbour(struct record_reader *r, struct record_neighbour *out);

/* CENSUS: 8 bytes. */
struct record_census {
	u32 sessions, pins; /* entries */
};

bool record_put_census(struct record_writer *w, const struct record_census *census);
bool record_get_census(struct record_reader *r, struct record_census *out);

#endif
