/* SPDX-License-Identifier: ISC */
/*
 * Reading a frame: Ethernet II with up to two tags, IPv4 and IPv6, down to the ports.
 *
 * packet_parse() fills a struct packet and never writes to the frame. Offsets count from the
 * frame's first byte. Addresses and ports stay in network byte order. What can't be read of the
 * transport header (cut short, or a later fragment) leaves ports at 0 and `ports_known` false: such
 * a frame is still placed by its addresses, since packets that a firewall calls invalid keep their
 * device too.
 */
#ifndef SANDWICH_CORE_PACKET_H
#define SANDWICH_CORE_PACKET_H

#include "sandwich/core/reason.h"
#include "sandwich/core/types.h"

#define ETHERNET_IPV4 0x0800
#define ETHERNET_ARP 0x0806
#define ETHERNET_VLAN 0x8100 /* 802.1Q */
#define ETHERNET_QINQ 0x88a8 /* 802.1ad */
#define ETHERNET_QINQ_OLD 0x9100
#define ETHERNET_IPV6 0x86dd

#define PROTOCOL_HOPOPTS 0
#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_DCCP 33
#define PROTOCOL_ROUTING 43
#define PROTOCOL_FRAGMENT 44
#define PROTOCOL_ESP 50
#define PROTOCOL_AH 51
#define PROTOCOL_ICMPV6 58
#define PROTOCOL_DSTOPTS 60
#define PROTOCOL_SCTP 132
#define PROTOCOL_MOBILITY 135
#define PROTOCOL_UDPLITE 136
#define PROTOCOL_HIP 139
#define PROTOCOL_SHIM6 140

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define PACKET_HEADERS_MAX 1024 /* bytes within which all headers of a frame must lie */
#define PACKET_EXTENSIONS_MAX 8 /* IPv6 extension headers followed; RFC 8200 allows one of each */

enum packet_kind {
	PACKET_IP,    /* fields below are set */
	PACKET_ARP,   /* only Ethernet fields and l3 are */
	PACKET_OTHER, /* neither; only Ethernet fields */
};

struct packet {
	struct address src, dst;
	struct address to; /* the frame's own destination: not dst where icmp_error is set */
	struct mac mac_src, mac_dst;
	u32 zone;     /* outer tag's VLAN id << 12 | inner's; 0: untagged */
	u32 fragment; /* the fragment's identification as it lies in the header; for is_fragment */
	be16 sport, dport;
	u16 l3, l4;   /* offsets of the network and the transport header */
	u16 ip_length; /* bytes of the whole IP packet, by its own header; host byte order */
	u16 type;     /* EtherType behind the tags; host byte order */
	u8 kind;      /* enum packet_kind */
	u8 tags;      /* 0, 1 or 2 */
	u8 protocol;  /* of the transport header, behind all extension headers */
	u8 tcp_flags; /* 0 for everything but TCP */
	u8 icmp_type; /* of ICMP and ICMPv6 */
	bool is_v6;
	bool is_fragment;    /* part of a fragmented packet */
	bool is_first;	     /* its first part, or not fragmented */
	bool ports_known;    /* sport and dport say something */
	bool icmp_error;     /* src, dst, protocol and ports are those of the flow it is about, */
			     /* turned round into the error's own direction of travel */
};

/* LENGTH is the frame's on the wire; END may come before (later buffers, a short snapshot). */
struct packet_cursor {
	const u8 *data, *end;
	u32 length;
};

/* SIZE bytes at OFFSET, or NULL when the frame or the header budget ends before. */
CORE_INLINE const void *packet_at(const struct packet_cursor *c, u32 offset, u32 size)
{
	const u8 *at;

	if (offset > PACKET_HEADERS_MAX)
		return NULL;
	at = c->data + offset;
	return at + size > c->end ? NULL : at;
}

CORE_INLINE u16 packet_read16(const u8 *at)
{
	return core_swap16(core_read(16, at));
}

/* The next bytes as they lie (network byte order): no alignment is assumed. */
CORE_INLINE be16 packet_be16(const u8 *at)
{
	return core_read(16, at);
}

CORE_INLINE be32 packet_be32(const u8 *at)
{
	return core_read(32, at);
}

CORE_INLINE void packet_address(struct address *a, const u8 *at)
{
	a->word[0] = core_read(64, at);
	a->word[1] = core_read(64, at + 8);
}

CORE_INLINE bool packet_is_tag(u16 type)
{
	return type == ETHERNET_VLAN || type == ETHERNET_QINQ || type == ETHERNET_QINQ_OLD;
}

CORE_INLINE bool packet_ethernet(const struct packet_cursor *c, struct packet *p)
{
	const u8 *at = packet_at(c, 0, 14);
	u32 offset = 14;
	u16 type;

	if (!at)
		return false;
	mac_copy(p->mac_dst.byte, at);
	mac_copy(p->mac_src.byte, at + 6);
	type = packet_read16(at + 12);
#pragma GCC unroll 2
	for (int i = 0; i < 2; i++) {
		if (!packet_is_tag(type))
			break;
		at = packet_at(c, offset, 4);
		if (!at)
			return false;
		p->zone = p->zone << 12 | (packet_read16(at) & 0xfff);
		p->tags++;
		type = packet_read16(at + 2);
		offset += 4;
	}
	p->type = type;
	p->l3 = (u16)offset;
	return !packet_is_tag(type);
}

/*
 * The ports, or what takes their place: an echo's id stands on both sides. END is where the packet
 * ends by its IP header: bytes behind it are padding, which the next hop need not keep.
 */
CORE_INLINE void packet_transport(const struct packet_cursor *c, struct packet *p, u32 l4, u32 end)
{
	const u8 *at;

	if (!p->is_first)
		return;
	switch (p->protocol) {
	case PROTOCOL_TCP:
		at = l4 + 14 > end ? NULL : packet_at(c, l4, 14);
		if (at)
			p->tcp_flags = at[13];
		/* fall through */
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
	case PROTOCOL_SCTP:
	case PROTOCOL_DCCP:
		at = l4 + 4 > end ? NULL : packet_at(c, l4, 4);
		if (!at)
			return;
		p->sport = packet_be16(at);
		p->dport = packet_be16(at + 2);
		p->ports_known = true;
		return;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		at = l4 + 8 > end ? NULL : packet_at(c, l4, 8);
		if (!at)
			return;
		p->icmp_type = at[0];
		p->ports_known = true;
		/* Echo, echo reply; timestamp and information of RFC 792 have an id there too. */
		if (p->protocol == PROTOCOL_ICMPV6
			    ? at[0] == 128 || at[0] == 129
			    : at[0] == 0 || at[0] == 8 || (at[0] > 12 && at[0] < 19))
			p->sport = p->dport = packet_be16(at + 4);
		return;
	default:
		p->ports_known = true; /* none to know */
	}
}

/* Returns the transport header's offset, or 0 when the header is not sane. */
CORE_INLINE u32 packet_ipv4(const struct packet_cursor *c, struct packet *p, u32 l3)
{
	const u8 *at = packet_at(c, l3, 20);
	u32 header, fragment;

	if (!at || at[0] >> 4 != 4)
		return 0;
	header = (at[0] & 15) * 4;
	p->ip_length = packet_read16(at + 2);
	if (header < 20 || p->ip_length < header)
		return 0;
	fragment = packet_read16(at + 6) & 0x3fff;
	p->is_v6 = false;
	p->is_fragment = fragment != 0;
	p->is_first = (fragment & 0x1fff) == 0;
	p->fragment = packet_be16(at + 4);
	p->protocol = at[9];
	address_from_v4(&p->src, packet_be32(at + 12));
	address_from_v4(&p->dst, packet_be32(at + 16));
	return l3 + header;
}

CORE_INLINE bool packet_is_extension(u8 next)
{
	return next == PROTOCOL_HOPOPTS || next == PROTOCOL_ROUTING || next == PROTOCOL_DSTOPTS ||
	       next == PROTOCOL_FRAGMENT || next == PROTOCOL_MOBILITY || next == PROTOCOL_HIP ||
	       next == PROTOCOL_SHIM6;
}

/* RFC 8200. ESP and AH end the walk: they are flows of their own, placed by their addresses. */
CORE_INLINE u32 packet_ipv6(const struct packet_cursor *c, struct packet *p, u32 l3)
{
	const u8 *at = packet_at(c, l3, 40);
	u32 offset = l3 + 40, length;
	u8 next;

	if (!at || at[0] >> 4 != 6)
		return 0;
	p->is_v6 = true;
	p->is_fragment = false;
	p->is_first = true;
	length = packet_read16(at + 4) + 40u;
	if (length > 0xffff)
		return 0; /* larger than any frame */
	p->ip_length = (u16)length;
	packet_address(&p->src, at + 8);
	packet_address(&p->dst, at + 24);
	next = at[6];
	for (int i = 0; i < PACKET_EXTENSIONS_MAX && packet_is_extension(next); i++) {
		at = packet_at(c, offset, 8);
		if (!at) {
			p->is_first = false; /* chain cut short: no ports to be had */
			break;
		}
		if (next == PROTOCOL_FRAGMENT) {
			p->is_fragment = (packet_read16(at + 2) & 0xfff9) != 0;
			p->is_first = (packet_read16(at + 2) & 0xfff8) == 0;
			p->fragment = packet_be32(at + 4);
			offset += 8;
		} else {
			offset += (at[1] + 1u) * 8;
		}
		next = at[0];
		if (!p->is_first)
			break; /* what follows a later fragment's header is payload */
	}
	p->protocol = next;
	return offset;
}

CORE_INLINE u32 packet_network(const struct packet_cursor *c, struct packet *p, u32 l3, bool v6)
{
	return v6 ? packet_ipv6(c, p, l3) : packet_ipv4(c, p, l3);
}

/* RFC 792: 3 unreachable, 4 quench, 5 redirect, 11 time, 12 parameter. RFC 4443: below 128. */
CORE_INLINE bool packet_is_icmp_error(const struct packet *p)
{
	if (!p->is_first || !p->ports_known)
		return false;
	if (p->protocol == PROTOCOL_ICMPV6)
		return p->is_v6 && p->icmp_type < 128;
	return p->protocol == PROTOCOL_ICMP && !p->is_v6 &&
	       (p->icmp_type == 3 || p->icmp_type == 4 || p->icmp_type == 5 ||
		p->icmp_type == 11 || p->icmp_type == 12);
}

/*
 * An ICMP error belongs to the flow whose packet it quotes (RFC 792, RFC 4443 2.4, RFC 5508). That
 * packet travelled the other way, so its ends change places. A quote too short to read leaves the
 * error a flow of its own, by its own addresses.
 */
CORE_FN void packet_icmp_error(const struct packet_cursor *c, struct packet *p)
{
	u32 quote = p->l4 + 8u, end = (u32)p->l3 + p->ip_length, l4;
	struct packet inner;

	core_zero(&inner, sizeof(inner));
	l4 = packet_network(c, &inner, quote, p->is_v6);
	if (!l4 || l4 > end)
		return;
	packet_transport(c, &inner, l4, end);
	p->src = inner.dst;
	p->dst = inner.src;
	p->sport = inner.dport;
	p->dport = inner.sport;
	p->protocol = inner.protocol;
	p->fragment = inner.fragment;
	p->is_fragment = inner.is_fragment;
	p->is_first = inner.is_first;
	p->ports_known = inner.ports_known;
	p->tcp_flags = 0;
	p->icmp_error = true;
}

/* Reads the frame; false with *WHY when it is not one the balancer can use. *P starts zeroed. */
CORE_FN bool packet_parse(const struct packet_cursor *c, struct packet *p, u8 *why)
{
	u32 l4;

	*why = REASON_BAD_ETHERNET;
	if (!packet_ethernet(c, p))
		return false;
	if (p->type != ETHERNET_IPV4 && p->type != ETHERNET_IPV6) {
		p->kind = p->type == ETHERNET_ARP ? PACKET_ARP : PACKET_OTHER;
		return true;
	}
	p->kind = PACKET_IP;
	*why = REASON_BAD_IP;
	l4 = packet_network(c, p, p->l3, p->type == ETHERNET_IPV6);
	if (!l4 || l4 > PACKET_HEADERS_MAX)
		return false;
	if (p->l3 + (u32)p->ip_length > c->length)
		return false;
	p->l4 = (u16)l4;
	p->to = p->dst;
	packet_transport(c, p, l4, (u32)p->l3 + p->ip_length);
	if (packet_is_icmp_error(p))
		packet_icmp_error(c, p);
	return true;
}

#endif
