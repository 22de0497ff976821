/* SPDX-License-Identifier: ISC */
/*
 * What the engine is told: one struct, shared with the kernel, written by the daemon alone.
 *
 * Single words are changed in place; what must change together (the rank rows) is written beside
 * the old and then chosen by one store to `rows`.
 */
#ifndef SANDWICH_CORE_SETTINGS_H
#define SANDWICH_CORE_SETTINGS_H

#include "sandwich/core/flow.h"

enum side { SIDE_INGRESS, SIDE_EGRESS };
enum on_down { DOWN_MOVE, DOWN_RESET, DOWN_DROP };
enum on_move { MOVE_REBIND, MOVE_KEEP };

/* Same order as enum config_timeout. */
enum timeout {
	TIMEOUT_TCP_SYN,
	TIMEOUT_TCP_ESTABLISHED,
	TIMEOUT_TCP_CLOSING,
	TIMEOUT_TCP_CLOSED,
	TIMEOUT_TCP_RESET,
	TIMEOUT_UDP,
	TIMEOUT_UDP_REPLIED,
	TIMEOUT_ICMP,
	TIMEOUT_OTHER,
	TIMEOUT_INNER_HOST,
	TIMEOUT_FRAGMENT,
	TIMEOUTS
};

#define PORTS_MAX 7
#define PORT_UPLINK 0 /* farm ports follow */

#define VLAN_KEEP 0xffff /* tags stay as they came */
#define VLAN_NONE 0	 /* frames leave untagged */

#define ROUTE_LENGTHS_MAX 64
#define LOCAL_FILTER_WORDS 64
#define POOL_LENGTHS_MAX 16 /* a power of two */

/* affinity = tunnel: which protocol the devices speak at a UDP port of the cluster address. */
#define TUNNELS_MAX 16

enum tunnel_kind {
	TUNNEL_NONE,
	TUNNEL_IKE,  /* RFC 7296, RFC 2409 */
	TUNNEL_NATT, /* the same behind a marker, ESP and keep-alives: RFC 3948 */
	TUNNEL_WIREGUARD,
	TUNNEL_OPENVPN,
	TUNNEL_L2TP, /* no identifier that tells more than the client's address: RFC 2661 */
	TUNNEL_QUIC, /* RFC 9000 */
	TUNNEL_DTLS, /* RFC 9146, RFC 9147 */
	TUNNEL_IPSEC, /* ESP and AH themselves, which have no port */
	TUNNEL_KINDS
};

struct tunnel_port {
	be16 port;
	u8 kind; /* enum tunnel_kind */
	u8 spare;
};

struct settings {
	struct hash_key placement; /* part of the epoch: the same on both sides */
	struct hash_key secret;	   /* where fragments lie in their table */
	struct flow_key spread;	   /* made of it: where sessions lie, and their ids in sync */
	struct device_set up;	   /* may carry what is pinned to it */
	struct device_set pick;	   /* may be given new conversations; a subset of up */
	struct device_set shut;	   /* drained to the end: what comes from them teaches nothing */
	struct mac mac[2];	   /* virtual MACs: [0] uplink, [1] farm */
	u16 vlan[2];		   /* the tag used there, VLAN_NONE or VLAN_KEEP */
	u32 rows;		   /* which of the two sets of rank rows is in force */
	u32 timeout[TIMEOUTS];	   /* ms */
	u32 quantum;		   /* ms in which a hash row touches one session; 0: every frame */
	u32 slack;		   /* ms by which sessions in use may look idle, being sampled */
	u32 defer;		   /* from which touch of a tick on a CPU defers them; 0: never */
	u32 heard;		   /* ms of silence after which a device may be gone already */
	u32 filter;		   /* which of the two pin filters is in force */
	u8 side, affinity, on_down, on_move;
	bool learn_hosts;  /* bind inner hosts: egress in vpn mode */
	bool zoned;	   /* the tag is part of the key: both sides keep tags */
	bool last_hop;	   /* answers go back to the router they came from */
	bool any_mac;	   /* replay: every unicast frame is taken as ours */
	bool hold_fragments; /* a slow path is there to keep them */
	bool standby;	   /* the twin is active: what comes to the virtual MAC is not for us */
	bool want_fragments; /* it keeps some now, and waits for EVENT_FIRST_FRAGMENT */
	u8 mac_variants;   /* bit set of enum mac_variant that some entry uses */
	u8 route_lengths;  /* how many of the next are in use */
	u8 ports;	   /* 1 uplink + farm ports */
	u8 live_count;	   /* length of live[] */
	u8 route_length[ROUTE_LENGTHS_MAX]; /* distinct prefix lengths (of 128), longest first */
	u8 live[DEVICES_MAX]; /* the members of `pick`, in order of their name's hash */
	u64 local_filter[LOCAL_FILTER_WORDS]; /* 4096 bits: an address may be in the local table */
	u8 pool_lengths;   /* how many of the next are in use; 0: there are no pools */
	u8 pool_length[POOL_LENGTHS_MAX]; /* distinct prefix lengths (of 128) of inner pools */
	u8 tunnels;	   /* affinity = tunnel, on ingress: how many of tunnel[]; else 0 */
	u8 dtls_cid;	   /* bytes of a DTLS connection id; 0: they are not looked at */
	u8 quic_config;	   /* QUIC-LB: the config id that the first three bits say */
	u8 quic_length;	   /* and the bytes of a server id; 0: not used */
	struct tunnel_port tunnel[TUNNELS_MAX];
	u64 quic_id[DEVICES_MAX]; /* server ids, first byte highest, behind a byte of 1; 0: none */
	u64 epoch;	   /* fingerprint of device table and placement key */
};

#define SETTINGS_DEFER 256 /* where a ring of touches goes round in some µs */
#define SETTINGS_DEFER_SESSIONS 32768

/* `defer` for so many sessions: the slots of few stay in the cache. */
CORE_INLINE u32 settings_defer(u64 live)
{
	return live < SETTINGS_DEFER_SESSIONS ? 0 : SETTINGS_DEFER;
}

/*
 * The time in 256ths of the quantum, and the number of the quantum that ROW is in: a 256th of the
 * rows enters the next at a time, so that touches do not come all at once.
 */
CORE_INLINE u32 settings_phase(u32 now, u32 quantum)
{
	return (u32)(((u64)now << 8) / quantum);
}

CORE_INLINE u8 settings_tick(u32 phase, u32 row)
{
	return (u8)((phase + (row & 255)) >> 8);
}

/* Before there are sessions: they lie by it. */
CORE_INLINE void settings_secret(struct settings *cfg, const struct hash_key *secret)
{
	cfg->secret = *secret;
	flow_key_init(&cfg->spread, secret);
}

#endif
