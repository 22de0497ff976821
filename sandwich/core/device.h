/* SPDX-License-Identifier: ISC */
/*
 * Devices and neighbours: where frames can be sent, and who sent one.
 *
 * A device is an identity; MACs lead to it. Flows point to a device or neighbour entry and never
 * hold a MAC, so when one changes its MAC all its flows follow with one store.
 */
#ifndef SANDWICH_CORE_DEVICE_H
#define SANDWICH_CORE_DEVICE_H

#include "sandwich/core/table.h"

/* MAC << 16 | port << 8 | flags: eight bytes that are always seen whole. */
typedef u64 hop_word;
#define HOP_VALID 1u

CORE_INLINE hop_word hop_make(const struct mac *mac, u8 port)
{
	return mac_value(mac) << 16 | (u64)port << 8 | HOP_VALID;
}

CORE_INLINE void hop_mac(hop_word hop, struct mac *mac)
{
	core_write(32, mac->byte, core_swap32((u32)(hop >> 32)));
	core_write(16, mac->byte + 4, core_swap16((u16)(hop >> 16)));
}

CORE_INLINE u8 hop_port(hop_word hop)
{
	return (u8)(hop >> 8);
}

struct device {
	hop_word hop;	  /* where its frames go */
	u64 name_hash;	  /* rendezvous and wire identity; 0: no such device */
	u32 sessions;	  /* sessions recorded on it */
	u32 heard;	  /* ms: last frame from it */
	u16 vlan;	  /* tag to use, VLAN_NONE, or VLAN_KEEP: as the port says */
	u16 weight;
	u32 since;	  /* ms: when it came up again, not more than a day ago; else 0 */
	u32 spare[7];
};

_Static_assert(sizeof(struct device) == 64, "a device is one cache line");

#define DEVICE_SINCE_MS 86400000

/* Whether D came up again after THEN (ms): what was known of it then is from before. */
CORE_INLINE bool device_since(const struct device *d, u32 then)
{
	u32 since = d ? core_load(&d->since) : 0;

	return since && (int32_t)(since - then) > 0;
}

#define NEIGHBOURS_MAX 4096

/* Somebody on the uplink. Entry 0 is nobody. */
struct neighbour {
	hop_word hop;
	struct address address;
	u16 vlan; /* tag to use, VLAN_NONE, or VLAN_KEEP */
	u16 spare[3];
};

/* Which source MAC is whose. The daemon writes, everybody reads. */
#define MACS_SLOTS 4096
#define MACS_WINDOW 16
#define MAC_FREE 2u	   /* a key that was used: a walk goes on */
#define MAC_ANY_VLAN 0xfffu /* no frame has it (802.1Q 9.6) */
#define MAC_ANY_PORT 7u	   /* PORTS_MAX and above */

enum mac_variant { MAC_ANYWHERE, MAC_ON_VLAN, MAC_ON_PORT, MAC_ON_VLAN_AND_PORT, MAC_VARIANTS };

#define MAC_OWNER_DEVICE 0x100u /* | device id */
#define MAC_OWNER_ROUTER 0x200u /* | router number, see struct slot */

struct mac_entry {
	u64 key; /* mac_key(); 0: never used */
	u32 owner;
	u32 spare;
};

/* MAC, VLAN and port in one word. A variant leaves out what it does not compare. */
CORE_INLINE u64 mac_key(const struct mac *mac, u32 vlan, u8 port, u8 variant)
{
	bool with_vlan = variant == MAC_ON_VLAN || variant == MAC_ON_VLAN_AND_PORT;
	bool with_port = variant == MAC_ON_PORT || variant == MAC_ON_VLAN_AND_PORT;

	return mac_value(mac) << 16 | (u64)(with_vlan ? vlan & 0xfff : MAC_ANY_VLAN) << 4 |
	       (u64)(with_port ? port & 7 : MAC_ANY_PORT) << 1 | 1;
}

/* Addresses that are not plain traffic: the balancer's own, and the devices'. */
#define LOCALS_SLOTS 2048
#define LOCALS_WINDOW 16

#define LOCAL_OWN 0x100u     /* floating: the balancer answers, and takes what comes */
#define LOCAL_CLUSTER 0x200u /* it answers ARP, ND and echo; the rest is the devices' */
#define LOCAL_DEVICE 0x400u  /* | device id: goes to that device, whatever the hash says */
#define LOCAL_POOL 0x800u    /* | device id | length << 16: its inner pool (pool.h) */

struct local {
	struct address address;
	u32 kind; /* 0: never used */
	u32 spare[3];
};

/*
 * One multiplication for IPv4, since it is paid for every frame; only the topmost bits are good.
 * No key: what lies in the table is the configuration's, not a sender's.
 */
CORE_INLINE u64 local_hash(const struct address *a)
{
	return (a->word[0] * 0xbf58476d1ce4e5b9ull ^ a->word[1]) * 0x9e3779b97f4a7c15ull;
}

/* The bit of settings.local_filter, and where a walk of the table begins. */
CORE_INLINE u32 local_bit(u64 hash)
{
	return (u32)(hash >> 52);
}

CORE_INLINE u32 local_home(u64 hash)
{
	return (u32)(hash >> 53);
}

#endif
