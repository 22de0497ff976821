/* SPDX-License-Identifier: ISC */
/*
 * Routes on a real resolver and real tables, with a pump and a kernel of the test's own.
 *
 * The pump looks a retried frame up as decide_next_hop() does. The kernel is a set of ops that the
 * test calls.
 */
#ifndef TESTS_UNIT_ROUTES_RIG_H
#define TESTS_UNIT_ROUTES_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sandwich/slowpath/build.h"
#include "sandwich/slowpath/netlink.h"
#include "sandwich/slowpath/routes.h"
#include "tests/unit/frames.h"

#define RIG_SENT_MAX 4096

struct pump {
	struct tables *tables;
	bool wants_fragments;
	unsigned int sent, retried;
	u16 order[RIG_SENT_MAX]; /* the source ports of what was sent */
	struct mac mac;          /* where the last went */
};

struct netlink {
	struct netlink_ops ops;
};

struct rig {
	struct memory *memory;
	struct tables tables;
	struct resolver *resolver;
	struct routes *routes;
	struct pump pump;
	struct frames_sent asked;
	struct config_side side;
	u32 now;
};

extern struct netlink rig_kernel; /* link-time fakes have nobody to ask for their state */

void rig_open(struct rig *rig, int vlan);
void rig_close(struct rig *rig);

/* Adds to the configuration; rig_configure() makes it hold. */
void rig_address(struct rig *rig, const char *address, u8 length);
void rig_gateway(struct rig *rig, const char *address);
void rig_clear(struct rig *rig);
void rig_configure(struct rig *rig);

/* An ARP or ND answer from ADDRESS with frames_mac(MAC), with the tag of a VLAN. */
void rig_answer(struct rig *rig, const char *address, u8 mac, u16 vlan);

/* The engine's answer for a destination: NULL where it is none. */
struct route *rig_find(struct rig *rig, const char *destination, u32 zone);

/* Whether frames to DESTINATION leave for frames_mac(MAC). */
bool rig_leads_to(struct rig *rig, const char *destination, u8 mac);

/* A frame of FLOW (words of tests/packets behind the Ethernet header) as decide() holds it. */
void rig_hold(struct rig *rig, const char *words);
void rig_hold_as(struct rig *rig, const char *words, u8 reason);

/* Lets MS pass. */
void rig_pass(struct rig *rig, u32 ms);

u64 rig_count(struct rig *rig, enum counter counter);

/* Tells routes of the kernel. */
void rig_routes(const struct netlink_route *routes, unsigned int n);

#endif
