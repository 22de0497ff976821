/* SPDX-License-Identifier: ISC */
/*
 * Where the devices stand on this side: from addresses, MACs, ports and tags of the configuration
 * to the engine's hops and source MACs, followed as they change.
 *
 * A device with addresses is resolved and followed; one with MACs is believed; one with neither is
 * transparent: its frames go to the partner's virtual MAC by its port or tag.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_ATTACH_H
#define SANDWICH_RUN_ATTACH_H

#include "conf/config.h"
#include "sandwich/slowpath/resolve.h"
#include "sandwich/core/tables.h"

struct attach;

struct attach_ops {
	/*
	 * Whether the device answers for its MAC (true where it need not), and on which farm port
	 * it is.
	 */
	void (*state)(void *user, u8 device, bool answers, u8 port);
	/* The index of a farm port by its interface's name; PORTS_MAX: no such port. */
	u8 (*port)(void *user, const char *name);
	void *user;
};

struct attach *attach_new(struct tables *tables, struct resolver *resolver,
			  const struct attach_ops *ops);
void attach_free(struct attach *a);

/* Takes the devices of CONFIG as SIDE sees them. Devices that stay keep what is known of them. */
void attach_configure(struct attach *a, const struct config *config, enum config_side_id side,
		      u32 now);

/* The resolver's news of an entry whose user is one of ours: true if it was. */
bool attach_resolved(struct attach *a, const struct resolve_entry *entry);

/* Health has lost the device: it may have another MAC, so its addresses are asked for at once. */
void attach_doubt(struct attach *a, u8 device, u32 now);

/* Tells the state of every device through the ops; called now and then, so that none goes stale. */
void attach_report(struct attach *a);

/* The device's way: MAC, port, tag; false while it is not known. For the path heartbeat. */
bool attach_hop(struct attach *a, u8 device, struct mac *mac, u8 *port, u16 *vlan);

/* The device a frame on a farm port came from, or 0. */
u8 attach_source(struct attach *a, const struct mac *mac, u32 zone, u8 port);

/* The MACs known of a device on this side. At most N; how many. */
unsigned int attach_macs(const struct attach *a, u8 device, struct mac *out, unsigned int n);

/*
 * DEVICE's addresses answer at the MAC where the tables send its frames, as a daemon before us
 * found: until they are asked.
 */
void attach_adopt(struct attach *a, u8 device, u32 now);

/* Takes out MACs that no device has been found at: a daemon before us knew them. */
void attach_forget_strangers(struct attach *a);

#endif
