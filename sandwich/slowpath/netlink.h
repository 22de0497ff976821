/* SPDX-License-Identifier: ISC */
/*
 * The kernel's routes and neighbours over one interface, read and followed by rtnetlink (libmnl).
 *
 * News are gathered: some time after a change (NETLINK_SETTLE_MS) the whole main table is read
 * anew, so that a lost message, a replaced route or a routing daemon at start leave nothing half
 * seen. Of several next hops (multipath) the heaviest over the interface is taken, the first of
 * equals.
 *
 * Thread: main (GLib's default context).
 */
#ifndef SANDWICH_SLOWPATH_NETLINK_H
#define SANDWICH_SLOWPATH_NETLINK_H

#include "sandwich/core/types.h"

#define NETLINK_SETTLE_MS 50

/* A route of the main table. */
struct netlink_route {
	struct address prefix;
	u8 length;          /* of 128; IPv4 is 96 + n */
	u8 kind;            /* enum route_kind: VIA, ON_LINK, BLACKHOLE */
	u32 metric;         /* the least wins */
	struct address via; /* ROUTE_VIA: either family */
};

struct netlink_ops {
	/* The table has been read: all routes, by ascending metric. */
	void (*routes)(void *user, const struct netlink_route *routes, unsigned int n);
	/* A neighbour on the interface; MAC NULL: no longer known. */
	void (*neighbour)(void *user, const struct address *address, const struct mac *mac);
	void *user;
};

struct netlink;

/*
 * Follows the interface of that index; what there is already is told before it returns. 0 or
 * -errno.
 */
int netlink_open(struct netlink **out, int ifindex, const struct netlink_ops *ops)
	__attribute__((warn_unused_result));
void netlink_close(struct netlink *n);

#endif
