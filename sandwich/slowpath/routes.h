/* SPDX-License-Identifier: ISC */
/*
 * The way out: keeps the engine's route table equal to what the configuration and the kernel say.
 *
 * The configured gateways, else the kernel's own routes over the uplink and its neighbours
 * (rtnetlink through libmnl, followed as they change, so that FRR, BIRD and `ip route` just work);
 * the subnets of the uplink addresses are on-link. Neighbours are resolved by the resolver when a
 * frame waits for one, and the frame is kept meanwhile (a few for each neighbour, for a second).
 *
 * Thread: main.
 */
#ifndef SANDWICH_SLOWPATH_ROUTES_H
#define SANDWICH_SLOWPATH_ROUTES_H

#include "conf/config.h"
#include "sandwich/slowpath/answer.h"
#include "sandwich/slowpath/pump.h"
#include "sandwich/slowpath/resolve.h"

struct routes;

/* TABLES: the main thread's handle. UPLINK_IFINDEX: whose kernel routes count. */
int routes_new(struct routes **out, struct tables *tables, struct resolver *resolver,
	       struct pump *pump, int uplink_ifindex) __attribute__((warn_unused_result));
void routes_free(struct routes *r); /* before its resolver */

/* The uplink's interface has come back under another number: its kernel routes are followed anew. 0
 * or -errno. */
int routes_follow(struct routes *r, int uplink_ifindex) __attribute__((warn_unused_result));

/* Takes gateways, on-link prefixes and VLANs from SIDE; at start and upon reload. */
int routes_configure(struct routes *r, const struct config_side *side)
	__attribute__((warn_unused_result));

/* A frame held for its neighbour (HELD_NEIGHBOUR), or for its first fragment (HELD_FRAGMENT). */
void routes_hold(struct routes *r, const struct slow_frame *frame, u32 now);

/* First fragments have come (EVENT_FIRST_FRAGMENT). */
void routes_first_fragment(struct routes *r, const struct slow_frame *frame, u32 now);

/* last-hop: a frame came from an uplink neighbour that has no number yet (EVENT_ROUTER). */
void routes_learn_router(struct routes *r, const struct slow_frame *frame, u32 now);

/* The resolver's news of an uplink entry. */
void routes_resolved(struct routes *r, const struct resolve_entry *entry, u32 now);

void routes_tick(struct routes *r, u32 now);

/*
 * What a daemon before us knew: that ADDRESS, a gateway of ours or a host on the link, was at MAC
 * (until it is asked), and which number a router has in the sessions, by its key in the table of
 * source MACs (NUMBER 0: a host).
 */
void routes_adopt_hop(struct routes *r, const struct address *address, u32 zone,
		      const struct mac *mac, u32 now);
void routes_adopt_router(struct routes *r, u64 key, u16 number, const struct mac *mac);

/* For show neighbours: every route and neighbour as it stands. */
struct routes_view {
	struct address address; /* prefix, or the neighbour itself */
	u8 length;
	u32 zone;
	const char *origin; /* "configured", "kernel", "on-link", "learned" */
	bool valid;         /* its MAC is known */
	struct mac mac;
};
void routes_walk(struct routes *r, void (*visit)(void *user, const struct routes_view *v),
		 void *user);

#endif
