/* SPDX-License-Identifier: ISC */
/*
 * What frame the N-th flow of a benchmark has, byte by byte.
 *
 * The generator writes it in the kernel; user space writes the same to fill tables beforehand.
 * Frames are of 64 bytes on the wire (IPv6 with UDP needs 66). Checksums are right, so that
 * conntrack takes them (RFC 1071, RFC 8200 8.1).
 */
#ifndef TESTS_BENCH_TRAFFIC_H
#define TESTS_BENCH_TRAFFIC_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/types.h>
#include <linux/udp.h>

#include "sandwich/core/types.h"

#define TRAFFIC_INLINE static inline __attribute__((always_inline, unused))

#define TRAFFIC_V4 60	/* bytes, without the 4 of the FCS */
#define TRAFFIC_V6 62
#define TRAFFIC_ROOM 64 /* for any of them */
#define TRAFFIC_STAMP 44 /* where a stamped frame of untagged IPv4 has its time, in ns */

#define TRAFFIC_CLIENTS 0x0a400000u /* 10.64.0.0 and on */
#define TRAFFIC_SERVERS 0x0a800000u /* 10.128.0.0 and on */
#define TRAFFIC_FLOOD 0x10000000u   /* 16.0.0.0/4 */

/* Written by user space, read for every frame. */
struct traffic {
	__u8 to[6], from[6];
	__u8 family;	  /* 4 or 6 */
	__u8 syn;	  /* TCP SYN instead of UDP; untagged IPv4 only */
	__u8 reverse;	  /* from the servers to the clients */
	__u8 client_bits; /* of a flow's number these name its client, the others its server */
	__u16 tag;	  /* VLAN; 0: none */
	__u16 senders;	  /* sender N % SENDERS adds its number to the last byte of FROM */
};

/* The ends of one frame. Host byte order. */
struct traffic_ends {
	__u32 client, server;
	__u16 client_port, server_port;
};

struct traffic_tcp {
	__be16 source, dest, seq[2], ack[2];
	__u8 offset, flags;
	__be16 window, check, urgent, rest[3];
};

struct traffic_rest {
	__be16 word[9]; /* behind the UDP header */
};

TRAFFIC_INLINE void traffic_ends(const struct traffic *t, __u32 n, struct traffic_ends *e)
{
	e->client = TRAFFIC_CLIENTS + (n & ((1u << t->client_bits) - 1));
	e->server = TRAFFIC_SERVERS + (n >> t->client_bits);
	e->client_port = (__u16)(1024 + (n & 0x7fff));
	e->server_port = 9;
}

TRAFFIC_INLINE __u16 traffic_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16) ~((sum & 0xffff) + (sum >> 16));
}

/* ADDRESSES: the sum of both addresses as they lie in memory; SPAN: bytes from here to the end. */
TRAFFIC_INLINE void traffic_udp(struct udphdr *udp, __be16 source, __be16 dest, __u64 addresses,
				__u16 span)
{
	struct traffic_rest *rest = (void *)(udp + 1);

	udp->source = source;
	udp->dest = dest;
	udp->len = core_swap16(span);
	udp->check = traffic_fold(addresses + source + dest + 2ull * core_swap16(span) +
				  core_swap16(IPPROTO_UDP));
	__builtin_memset(rest, 0, span - sizeof(*udp));
}

TRAFFIC_INLINE void traffic_syn(struct traffic_tcp *tcp, __be16 source, __be16 dest,
				__u64 addresses)
{
	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->source = source;
	tcp->dest = dest;
	tcp->offset = 0x50;
	tcp->flags = 2;
	tcp->window = core_swap16(1024);
	tcp->check = traffic_fold(addresses + source + dest + core_swap16(0x5002) +
				  core_swap16(1024) + core_swap16(20 + 6) +
				  core_swap16(IPPROTO_TCP));
}

TRAFFIC_INLINE void traffic_v4(void *at, const struct traffic_ends *e, __u32 reverse, __u32 syn,
			       const __u16 span)
{
	__be32 client = core_swap32(e->client), server = core_swap32(e->server);
	__be16 cport = core_swap16(e->client_port), sport = core_swap16(e->server_port);
	__u32 protocol = syn ? IPPROTO_TCP : IPPROTO_UDP;
	__u64 addresses = (__u64)client + server;
	struct iphdr *ip = at;

	ip->ihl = 5;
	ip->version = 4;
	ip->tos = 0;
	ip->tot_len = core_swap16(span);
	ip->id = 0;
	ip->frag_off = core_swap16(0x4000);
	ip->ttl = 64;
	ip->protocol = (__u8)protocol;
	ip->check = traffic_fold(addresses + core_swap16(0x4500) + core_swap16(span) +
				 core_swap16(0x4000) + core_swap16(64 << 8 | protocol));
	ip->saddr = reverse ? server : client;
	ip->daddr = reverse ? client : server;
	if (syn)
		traffic_syn((void *)(ip + 1), cport, sport, addresses);
	else
		traffic_udp((void *)(ip + 1), reverse ? sport : cport, reverse ? cport : sport,
			    addresses, (__u16)(span - sizeof(*ip)));
}

/* 2001:db8:1::CLIENT and 2001:db8:2::SERVER. */
TRAFFIC_INLINE void traffic_address(struct in6_addr *a, __u16 net, __u32 host)
{
	a->s6_addr32[0] = core_swap32(0x20010db8);
	a->s6_addr32[1] = core_swap32((__u32)net << 16);
	a->s6_addr32[2] = 0;
	a->s6_addr32[3] = core_swap32(host);
}

TRAFFIC_INLINE void traffic_v6(void *at, const struct traffic_ends *e, __u32 reverse,
			       const __u16 span)
{
	__be16 cport = core_swap16(e->client_port), sport = core_swap16(e->server_port);
	__u64 addresses = 2ull * core_swap32(0x20010db8) + core_swap32(1u << 16) +
			  core_swap32(2u << 16) + (__u64)core_swap32(e->client) +
			  core_swap32(e->server);
	struct ipv6hdr *ip = at;

	*(__be32 *)ip = core_swap32(6u << 28);
	ip->payload_len = core_swap16(span - sizeof(*ip));
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = 64;
	traffic_address(reverse ? &ip->daddr : &ip->saddr, 1, e->client);
	traffic_address(reverse ? &ip->saddr : &ip->daddr, 2, e->server);
	traffic_udp((void *)(ip + 1), reverse ? sport : cport, reverse ? cport : sport, addresses,
		    (__u16)(span - sizeof(*ip)));
}

/*
 * Writes the frame of N between those ends. 0 when END leaves no room, which the verifier wants to
 * see asked.
 */
TRAFFIC_INLINE int traffic_write(void *frame, const void *end, const struct traffic *t, __u32 n,
				 const struct traffic_ends *e, __u32 syn)
{
	struct ethhdr *eth = frame;
	__be16 *tag = (void *)(eth + 1);

	if (frame + TRAFFIC_V4 > end)
		return 0;
	__builtin_memcpy(eth->h_dest, t->to, ETH_ALEN);
	__builtin_memcpy(eth->h_source, t->from, ETH_ALEN);
	if (t->senders)
		eth->h_source[5] = (__u8)(eth->h_source[5] + n % t->senders);
	if (t->family == 6) {
		if (frame + TRAFFIC_V6 > end)
			return 0;
		eth->h_proto = core_swap16(ETH_P_IPV6);
		traffic_v6(eth + 1, e, t->reverse, TRAFFIC_V6 - ETH_HLEN);
	} else if (t->tag) {
		eth->h_proto = core_swap16(ETH_P_8021Q);
		tag[0] = core_swap16(t->tag);
		tag[1] = core_swap16(ETH_P_IP);
		traffic_v4(tag + 2, e, t->reverse, 0, TRAFFIC_V4 - ETH_HLEN - 4);
	} else {
		eth->h_proto = core_swap16(ETH_P_IP);
		traffic_v4(eth + 1, e, t->reverse, syn, TRAFFIC_V4 - ETH_HLEN);
	}
	return 1;
}

/* Behind traffic_write(), for untagged IPv4 with UDP, which then goes without a checksum. */
TRAFFIC_INLINE void traffic_stamp(void *frame, __u64 now)
{
	struct udphdr *udp = frame + ETH_HLEN + sizeof(struct iphdr);

	udp->check = 0;
	*(__u64 *)(frame + TRAFFIC_STAMP) = now;
}

TRAFFIC_INLINE __u32 traffic_length(const struct traffic *t)
{
	return t->family == 6 ? TRAFFIC_V6 : TRAFFIC_V4;
}

#endif
