/* SPDX-License-Identifier: ISC */
/*
 * Frames that health speaks in: UDP datagrams and echo requests, built and read whole.
 *
 * Addresses are mapped (core/types.h), ports in host byte order. Pure. Thread: any.
 */
#ifndef SANDWICH_HEALTH_DATAGRAM_H
#define SANDWICH_HEALTH_DATAGRAM_H

#include "sandwich/health/health.h"

#define DATAGRAM_HEADERS (14 + 8 + 40 + 8) /* Ethernet, two tags, IPv6, UDP */
#define DATAGRAM_TAGS_MAX 8		   /* bytes */

struct datagram {
	struct mac mac_src, mac_dst;
	u8 tags[DATAGRAM_TAGS_MAX]; /* as they lie between the MACs and the EtherType */
	u8 tags_length;		    /* 0, 4 or 8 bytes */
	struct address src, dst;    /* of one family */
	u16 sport, dport;	    /* UDP; an echo's id and sequence */
	const u8 *payload;
	u32 length; /* bytes of it */
};

/* Tags for VLAN: none for VLAN_NONE and VLAN_KEEP. */
void datagram_tag(struct datagram *d, u16 vlan);

/* Writes the whole frame to OUT, which has DATAGRAM_HEADERS + length bytes. Its length. */
size_t datagram_udp(const struct datagram *d, u8 *out);
size_t datagram_echo(const struct datagram *d, u8 *out);

/*
 * Reads a frame of any bytes. D->payload points into it. False: it's no such thing, or a fragment.
 */
bool datagram_read_udp(struct datagram *d, const u8 *frame, u32 length);
bool datagram_read_echo_reply(struct datagram *d, const u8 *frame, u32 length);

#endif
