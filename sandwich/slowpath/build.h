/* SPDX-License-Identifier: ISC */
/*
 * Frames that the balancer makes itself: ARP, neighbour discovery, echo replies, TCP segments
 * without data and ICMP errors.
 *
 * libnet builds what lies behind the Ethernet header and fills in the checksums; the header with
 * its tags is ours, since libnet knows one tag at most. Every function writes one whole frame into
 * OUT, which has SIZE bytes, and returns its length: 0 where it does not fit or memory is short.
 *
 * Pure: no sockets, no state. Thread: any.
 */
#ifndef SANDWICH_SLOWPATH_BUILD_H
#define SANDWICH_SLOWPATH_BUILD_H

#include "sandwich/core/packet.h"
#include "sandwich/core/settings.h"

#define BUILD_NEIGHBOUR_MAX 96 /* bytes that any ARP or ND frame fits in, with two tags */

#define BUILD_ARP_REQUEST 1
#define BUILD_ARP_REPLY   2

/* Flags of a neighbour advertisement (RFC 4861 4.4), host byte order. */
#define BUILD_NA_ROUTER    0x80000000u
#define BUILD_NA_SOLICITED 0x40000000u
#define BUILD_NA_OVERRIDE  0x20000000u

/* Everything before the EtherType. */
struct build_link {
	struct mac dst, src;
	u8 tags[8];   /* as they lie on the wire */
	u8 tag_bytes; /* 0, 4 or 8 */
};

struct build_arp {
	u16 operation;
	struct mac sender_mac, target_mac;
	struct address sender, target; /* IPv4 */
};

struct build_nd {
	struct address src, dst, target;
	u32 flags;        /* advertisements: BUILD_NA_... */
	bool link_option; /* tell link.src as the link-layer address */
};

/* The IP header of an answer. */
struct build_ip {
	struct address src, dst; /* both IPv4 or both IPv6 */
	u16 id;                  /* IPv4; host byte order */
	u8 traffic_class;
	bool dont_fragment; /* IPv4 */
};

struct build_echo {
	u16 id, sequence; /* host byte order */
	const u8 *payload;
	u32 length;
};

struct build_tcp {
	u16 sport, dport; /* host byte order, like the rest */
	u32 sequence, acknowledgement;
	u8 flags;
};

/* A header with one tag, or none (VLAN_NONE). */
void build_link(struct build_link *link, const struct mac *dst, const struct mac *src, u16 vlan);

/*
 * The header of an answer to FRAME, parsed as P: its tags as they came, its MACs turned round, MINE
 * as the source.
 */
void build_link_answer(struct build_link *link, const u8 *frame, const struct packet *p,
		       const struct mac *mine);

u32 build_arp(u8 *out, u32 size, const struct build_link *link, const struct build_arp *arp);
u32 build_solicitation(u8 *out, u32 size, const struct build_link *link, const struct build_nd *nd);
u32 build_advertisement(u8 *out, u32 size, const struct build_link *link,
			const struct build_nd *nd);
u32 build_echo_reply(u8 *out, u32 size, const struct build_link *link, const struct build_ip *ip,
		     const struct build_echo *echo);
u32 build_tcp(u8 *out, u32 size, const struct build_link *link, const struct build_ip *ip,
	      const struct build_tcp *tcp);

/*
 * "Communication administratively prohibited" (RFC 1812 5.2.7.1, RFC 4443 3.1), quoting LENGTH
 * bytes of a packet.
 */
u32 build_prohibited(u8 *out, u32 size, const struct build_link *link, const struct build_ip *ip,
		     const u8 *quote, u32 length);

#endif
