/* SPDX-License-Identifier: ISC */
/*
 * One balancer with three devices and a router, and frames put through it: for tests of decide().
 *
 * Devices 1, 2, 3 (names a, b, c), neighbour 1 (192.0.2.254, 2001:db8:ffff::1) as default route.
 */
#ifndef TESTS_PACKETS_RIG_H
#define TESTS_PACKETS_RIG_H

#include "tests/packets/frame.h"
#include "tests/packets/world.h"

#define RIG_SERVER "203.0.113.9"

struct rig {
	struct world world;
	struct tables *t;
	struct settings *cfg;
	u32 now; /* ms */
	struct work w; /* of the last frame */
	struct frame f;
};

void rig_open(struct rig *r, u8 side, u8 affinity);
void rig_close(struct rig *r);

/* A frame of what FORMAT says to the balancer, by the uplink; returns its reason. */
u8 rig_inward(struct rig *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A frame from DEVICE by the farm port; 0: from a MAC nobody knows. */
u8 rig_outward(struct rig *r, u8 device, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The session or pin of the last frame's flow or key, or NULL. */
struct slot *rig_session(struct rig *r);
struct slot *rig_pin(struct rig *r);

/* The last byte of 198.51.100.x, whose conversations with RIG_SERVER the hash puts on DEVICE. The
 * NTH such. */
u8 rig_client_on(struct rig *r, u8 device, u8 nth);

u64 rig_counter(struct rig *r, enum counter what);

#endif
