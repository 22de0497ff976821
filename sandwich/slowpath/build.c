// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/build.h"

#include <libnet.h>
#include <stdlib.h>
#include <string.h>

#define BUILD_HOPS    64
#define BUILD_ND_HOPS 255 /* RFC 4861 7.1: no router has touched it */

void build_link(struct build_link *link, const struct mac *dst, const struct mac *src, u16 vlan)
{
	memset(link, 0, sizeof(*link));
	link->dst = *dst;
	link->src = *src;
	if (vlan == VLAN_NONE || vlan == VLAN_KEEP)
		return;
	link->tags[0] = ETHERNET_VLAN >> 8;
	link->tags[1] = ETHERNET_VLAN & 0xff;
	link->tags[2] = (u8)(vlan >> 8 & 0x0f);
	link->tags[3] = (u8)vlan;
	link->tag_bytes = 4;
}

void build_link_answer(struct build_link *link, const u8 *frame, const struct packet *p,
		       const struct mac *mine)
{
	memset(link, 0, sizeof(*link));
	link->dst = p->mac_src;
	link->src = *mine;
	link->tag_bytes = (u8)(p->tags * 4);
	memcpy(link->tags, frame + 12, link->tag_bytes);
}

/* Writes the Ethernet header, and behind it what libnet has put together. */
static u32 build_frame(u8 *out, u32 size, const struct build_link *link, u16 type, libnet_t *l)
{
	u32 header = 14u + link->tag_bytes, length = 0;
	uint8_t *packet = NULL;
	uint32_t bytes = 0;

	/*
	 * libnet_adv_cull_packet() is the public name of this, but refuses contexts without a
	 * socket.
	 */
	if (libnet_pblock_coalesce(l, &packet, &bytes) < 0)
		return 0;
	if (header + bytes <= size) {
		memcpy(out, &link->dst, 6);
		memcpy(out + 6, &link->src, 6);
		memcpy(out + 12, link->tags, link->tag_bytes);
		out[header - 2] = (u8)(type >> 8);
		out[header - 1] = (u8)type;
		memcpy(out + header, packet, bytes);
		length = header + bytes;
	}
	free(packet);
	return length;
}

static libnet_t *build_open(void)
{
	char why[LIBNET_ERRBUF_SIZE];

	return libnet_init(LIBNET_NONE, NULL, why);
}

/* Ends what began with build_open(): the frame when every step went well, else nothing. */
static u32 build_close(u8 *out, u32 size, const struct build_link *link, u16 type, libnet_t *l,
		       bool ok)
{
	u32 length = ok ? build_frame(out, size, link, type, l) : 0;

	libnet_destroy(l);
	return length;
}

static u32 build_v4(const struct address *a)
{
	u32 v4;

	memcpy(&v4, (const u8 *)a + 12, 4);
	return v4;
}

static struct libnet_in6_addr build_v6(const struct address *a)
{
	struct libnet_in6_addr out;

	memcpy(&out, a, sizeof(out));
	return out;
}

u32 build_arp(u8 *out, u32 size, const struct build_link *link, const struct build_arp *arp)
{
	u32 sender = build_v4(&arp->sender), target = build_v4(&arp->target);
	libnet_t *l = build_open();
	bool ok;

	if (!l)
		return 0;
	ok = libnet_build_arp(ARPHRD_ETHER, ETHERNET_IPV4, 6, 4, arp->operation,
			      arp->sender_mac.byte, (const u8 *)&sender, arp->target_mac.byte,
			      (const u8 *)&target, NULL, 0, l, 0) >= 0;
	return build_close(out, size, link, ETHERNET_ARP, l, ok);
}

static bool build_ipv6(libnet_t *l, const struct build_ip *ip, u8 protocol, u32 length, u8 hops)
{
	return libnet_build_ipv6(ip->traffic_class, 0, (u16)length, protocol, hops,
				 build_v6(&ip->src), build_v6(&ip->dst), NULL, 0, l, 0) >= 0;
}

static bool build_ipv4(libnet_t *l, const struct build_ip *ip, u8 protocol, u32 length)
{
	return libnet_build_ipv4((u16)(LIBNET_IPV4_H + length), ip->traffic_class, ip->id,
				 ip->dont_fragment ? 0x4000 : 0, BUILD_HOPS, protocol, 0,
				 build_v4(&ip->src), build_v4(&ip->dst), NULL, 0, l, 0) >= 0;
}

static bool build_ip(libnet_t *l, const struct build_ip *ip, u8 protocol, u32 length)
{
	return address_is_v4(&ip->dst) ? build_ipv4(l, ip, protocol, length)
				       : build_ipv6(l, ip, protocol, length, BUILD_HOPS);
}

static u16 build_type(const struct build_ip *ip)
{
	return address_is_v4(&ip->dst) ? ETHERNET_IPV4 : ETHERNET_IPV6;
}

static bool build_nd_option(libnet_t *l, u8 type, const struct build_link *link)
{
	struct mac mac = link->src;

	return libnet_build_icmpv6_ndp_opt(type, mac.byte, sizeof(mac), l, 0) >= 0;
}

static bool build_nd_ip(libnet_t *l, const struct build_nd *nd)
{
	struct build_ip ip = {.src = nd->src, .dst = nd->dst};

	return build_ipv6(l, &ip, PROTOCOL_ICMPV6, 24 + (nd->link_option ? 8 : 0), BUILD_ND_HOPS);
}

u32 build_solicitation(u8 *out, u32 size, const struct build_link *link, const struct build_nd *nd)
{
	libnet_t *l = build_open();
	bool ok;

	if (!l)
		return 0;
	ok = (!nd->link_option || build_nd_option(l, ND_OPT_SOURCE_LINKADDR, link)) &&
	     libnet_build_icmpv6_ndp_nsol(ND_NEIGHBOR_SOLICIT, 0, 0, build_v6(&nd->target), NULL, 0,
					  l, 0) >= 0 &&
	     build_nd_ip(l, nd);
	return build_close(out, size, link, ETHERNET_IPV6, l, ok);
}

u32 build_advertisement(u8 *out, u32 size, const struct build_link *link, const struct build_nd *nd)
{
	libnet_t *l = build_open();
	bool ok;

	if (!l)
		return 0;
	ok = (!nd->link_option || build_nd_option(l, ND_OPT_TARGET_LINKADDR, link)) &&
	     libnet_build_icmpv6_ndp_nadv(ND_NEIGHBOR_ADVERT, 0, 0, nd->flags,
					  build_v6(&nd->target), NULL, 0, l, 0) >= 0 &&
	     build_nd_ip(l, nd);
	return build_close(out, size, link, ETHERNET_IPV6, l, ok);
}

/* libnet wants a payload it may write to, and does not. */
static uint8_t *build_payload(const u8 *payload)
{
	union {
		const u8 *in;
		uint8_t *out;
	} cast = {.in = payload};

	return cast.out;
}

static bool build_echo(libnet_t *l, const struct build_echo *echo, bool v4)
{
	const u8 *payload = echo->length ? echo->payload : NULL; /* libnet wants both or none */

	if (v4)
		return libnet_build_icmpv4_echo(ICMP_ECHOREPLY, 0, 0, echo->id, echo->sequence,
						payload, echo->length, l, 0) >= 0;
	return libnet_build_icmpv6_echo(ICMP6_ECHO_REPLY, 0, 0, echo->id, echo->sequence,
					build_payload(payload), echo->length, l, 0) >= 0;
}

u32 build_echo_reply(u8 *out, u32 size, const struct build_link *link, const struct build_ip *ip,
		     const struct build_echo *echo)
{
	bool v4 = address_is_v4(&ip->dst), ok;
	libnet_t *l = build_open();

	if (!l)
		return 0;
	ok = build_echo(l, echo, v4) &&
	     build_ip(l, ip, v4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6, 8 + echo->length);
	return build_close(out, size, link, build_type(ip), l, ok);
}

u32 build_tcp(u8 *out, u32 size, const struct build_link *link, const struct build_ip *ip,
	      const struct build_tcp *tcp)
{
	libnet_t *l = build_open();
	bool ok;

	if (!l)
		return 0;
	ok = libnet_build_tcp(tcp->sport, tcp->dport, tcp->sequence, tcp->acknowledgement,
			      tcp->flags, tcp->flags & TCP_SYN ? 65535 : 0, 0, 0, LIBNET_TCP_H,
			      NULL, 0, l, 0) >= 0 &&
	     build_ip(l, ip, PROTOCOL_TCP, LIBNET_TCP_H);
	return build_close(out, size, link, build_type(ip), l, ok);
}

static bool build_unreach(libnet_t *l, const u8 *quote, u32 length, bool v4)
{
	if (v4)
		return libnet_build_icmpv4_unreach(ICMP_UNREACH, ICMP_UNREACH_FILTER_PROHIB, 0,
						   quote, length, l, 0) >= 0;
	return libnet_build_icmpv6_unreach(ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADMIN, 0,
					   build_payload(quote), length, l, 0) >= 0;
}

u32 build_prohibited(u8 *out, u32 size, const struct build_link *link, const struct build_ip *ip,
		     const u8 *quote, u32 length)
{
	bool v4 = address_is_v4(&ip->dst), ok;
	libnet_t *l = build_open();

	if (!l)
		return 0;
	ok = build_unreach(l, quote, length, v4) &&
	     build_ip(l, ip, v4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6, 8 + length);
	return build_close(out, size, link, build_type(ip), l, ok);
}
