/* SPDX-License-Identifier: ISC */
/*
 * A frame's way through the engine: what goes into decide(), and the verdict that comes out.
 *
 * The data paths do what the verdict says and count its reason; the reason alone says which kind
 * of action that is.
 */
#ifndef SANDWICH_CORE_WORK_H
#define SANDWICH_CORE_WORK_H

#include "sandwich/core/event.h"
#include "sandwich/core/place.h"

#define TUNNEL_BYTES 32 /* of the payload that are looked at */

/* affinity = tunnel: what tunnel.h finds in a frame to or from a cluster address. */
struct tunnel {
	u8 kind;    /* enum tunnel_kind; TUNNEL_NONE: the frame is placed as any other */
	u8 said;    /* enum tunnel_said, ored */
	u8 device;  /* where the first part of the packet went; QUIC: whose server id it is; or 0 */
	u8 known;   /* how many bytes of the payload there are in byte[] */
	u16 length; /* of the payload, in bytes */
	u16 spare;
	u8 byte[TUNNEL_BYTES];
	struct flow id; /* SAYS_ID: the key of its identifier */
};

/* A frame's way through the engine. The caller zeroes it and fills in the first three. */
struct work {
	u32 now;	 /* ms */
	u8 port;	 /* it came in by: PORT_UPLINK, or a farm port */
	bool held;	 /* it was held once already: place it with what there is */
	bool recorded;	 /* and its session was touched before that */
	/* the verdict */
	u8 reason;	 /* enum reason; its action is reason_action() */
	u8 out_port;
	u16 out_vlan;	 /* the tag it leaves with, VLAN_NONE or VLAN_KEEP */
	u16 neighbour;	 /* HELD_NEIGHBOUR: whom it waits for; 0: its own destination */
	u32 events;	 /* enum event (event.h), ored */
	struct mac out_mac; /* destination MAC; the source is settings.mac[] of the port's role */
	u8 from;	 /* the device it came from; 0: none, or not known */
	u8 device;	 /* the device that carries it; 0: none */
	struct placement place;
	struct packet packet;
	struct flow flow; /* valid for IP frames that reached placement */
	struct flow key;
	struct tunnel tunnel;
};

enum action {
	ACTION_SEND,   /* rewrite and send by out_port */
	ACTION_LOCAL,  /* the slow path answers it */
	ACTION_HOLD,   /* the slow path keeps it and tries again */
	ACTION_RESET,  /* the slow path answers both ends */
	ACTION_DROP,
};

CORE_INLINE u8 reason_action(u8 reason)
{
	switch (reason) {
	case REASON_TO_DEVICE:
	case REASON_TO_DEVICE_PINNED:
	case REASON_TO_UPLINK:
	case REASON_TO_UPLINK_UNKNOWN:
		return ACTION_SEND;
	case REASON_LOCAL_ARP:
	case REASON_LOCAL_ND:
	case REASON_LOCAL_IP:
		return ACTION_LOCAL;
	case REASON_HELD_NEIGHBOUR:
	case REASON_HELD_FRAGMENT:
		return ACTION_HOLD;
	case REASON_RESET:
		return ACTION_RESET;
	default:
		return ACTION_DROP;
	}
}

#endif
