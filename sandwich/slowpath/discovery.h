/* SPDX-License-Identifier: ISC */
/*
 * Reading ARP (RFC 826) and neighbour discovery (RFC 4861) as one thing: who says or asks what.
 *
 * Pure. Thread: any.
 */
#ifndef SANDWICH_SLOWPATH_DISCOVERY_H
#define SANDWICH_SLOWPATH_DISCOVERY_H

#include "sandwich/core/packet.h"

#define DISCOVERY_SOLICITED 0x40 /* bits of struct discovery.flags, as on the wire */
#define DISCOVERY_OVERRIDE  0x20

struct discovery {
	bool is_v6;
	bool is_request;       /* ARP request or solicitation; else reply or advertisement */
	bool has_mac;          /* ND: the link-layer address option is there */
	u8 flags;              /* advertisements: DISCOVERY_...; ARP replies: as if both were set */
	u16 vlan;              /* VLAN id of the inner tag; 0: untagged */
	struct address sender; /* who sent it; zero (ND) or 0.0.0.0 (ARP): a probe for duplicates */
	struct address target; /* who is asked for, or (advertisement) who tells of itself */
	struct mac mac;        /* the sender's, or the one that it tells; unicast */
};

/* The protocol's own address to tell of: ARP says it in the sender's place, ND in the target's. */
const struct address *discovery_subject(const struct discovery *d);

/* A probe for duplicates: its sender has no address yet. */
bool discovery_is_probe(const struct discovery *d);

/* LENGTH: bytes of FRAME, parsed as P. False: neither, or not valid by RFC 826, 4861 7.1, 6980. */
bool discovery_parse(const u8 *frame, u32 length, const struct packet *p, struct discovery *out);

/*
 * Whether the ICMP or ICMPv6 message of an unfragmented packet is there as a whole and its checksum
 * is right.
 */
bool discovery_icmp_intact(const u8 *frame, u32 length, const struct packet *p);

#endif
