/* SPDX-License-Identifier: ISC */
/*
 * Tables as a daemon at work has them: settings, devices, rows, routes, and the sessions and pins
 * of the traffic that will come.
 *
 * Sessions and pins get there by decide() itself, from the very frames the generator makes.
 */
#ifndef TESTS_BENCH_FAST_FILL_H
#define TESTS_BENCH_FAST_FILL_H

#include "sandwich/core/tables.h"
#include "tests/bench/traffic.h"

#define FILL_DEVICES 8

enum fill_mode {
	FILL_FIREWALL, /* ingress; affinity pair */
	FILL_VPN,      /* egress; affinity client, inner hosts are learned */
};

/* Settings and all that a configuration says; every frame touches its session. */
void fill_settings(struct tables *t, enum fill_mode mode);

/*
 * Puts a frame of each of the FLOWS first flows of TRAFFIC through the engine. In vpn mode frames
 * come from the devices whichever way TRAFFIC goes: that is how clients are learned. Returns how
 * many of them were not forwarded.
 */
u32 fill_flows(struct tables *t, const struct traffic *traffic, u32 flows, enum fill_mode mode);

/* The traffic of that mode, toward the farm or (OUTWARD) from it. */
void fill_traffic(struct traffic *out, enum fill_mode mode, bool outward);

#endif
