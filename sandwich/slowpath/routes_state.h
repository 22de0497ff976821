/* SPDX-License-Identifier: ISC */
/*
 * What the files of routes (routes*.c) share; nobody else includes it.
 *
 * Thread: main.
 */
#ifndef SANDWICH_SLOWPATH_ROUTES_STATE_H
#define SANDWICH_SLOWPATH_ROUTES_STATE_H

#include "sandwich/slowpath/datagrams.h"
#include "sandwich/slowpath/last_hop.h"
#include "sandwich/slowpath/netlink.h"
#include "sandwich/slowpath/route_set.h"
#include "sandwich/slowpath/routes.h"

#define ROUTES_V4 96 /* length of ::ffff:0:0/96 */

struct routes {
	struct tables *tables;
	struct resolver *resolver;
	struct pump *pump;
	struct netlink *netlink;
	struct route_table table;
	struct hops hops;
	struct route_set set;
	struct last_hop last_hop;
	struct datagrams datagrams;
	GArray *on_link;   /* struct config_address: the uplink addresses */
	GArray *gateways;  /* struct address */
	GArray *kernel;    /* struct netlink_route */
	GHashTable *known; /* struct address -> struct mac: the kernel's neighbours */
	GArray *zones;     /* u32; the first is 0 */
	u16 vlan;          /* VLAN_KEEP, VLAN_NONE, or the tag */
	bool configured;   /* routes_configure() was called: there is something to build on */
};

/* The tag that neighbours of ZONE are asked with. */
u16 routes_vlan(const struct routes *r, u32 zone);

/* The zone under which the engine looks up the routes of P. */
u32 routes_zone(const struct routes *r, const struct packet *p);

/* The hop of that address in the zone, made where there is none; NULL: too many are in use. */
struct hop *routes_hop(struct routes *r, const struct address *address, u32 zone, u32 now);
void routes_drop_hop(struct routes *r, struct hop *hop);

/* Makes the engine's table what configuration and kernel say. */
void routes_rebuild(struct routes *r);

/* A zone gets its routes when its first frame comes. */
void routes_open_zone(struct routes *r, u32 zone, u32 now);

/* Whether a prefix or destination is of a kind that is forwarded at all. */
bool routes_is_forwardable(const struct address *address);

/* Tries each frame of LIST (struct held) once more, in order, and empties it. */
void routes_retry(struct routes *r, GQueue *list, u32 now);

#endif
