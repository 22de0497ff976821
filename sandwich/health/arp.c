/* SPDX-License-Identifier: ISC */
/*
 * The neighbour check: does the resolver know the device's MAC? ARP and ND themselves are the
 * resolver's.
 */
#include "sandwich/health/check.h"

static void arp_ask(struct check *c)
{
	const struct health_ops *ops = c->owner->ops;
	struct mac mac;
	u16 vlan;
	u8 port;
	bool known = ops->hop(ops->user, c->device, &mac, &port, &vlan);

	check_done(c, known, "its MAC is not known", 0);
}

const struct check_kind check_arp = { .ask = arp_ask };
