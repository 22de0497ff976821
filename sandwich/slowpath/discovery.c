// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/discovery.h"

#include <string.h>

#define ARP_BYTES        28
#define ND_BYTES         24
#define ND_SOLICITATION  135
#define ND_ADVERTISEMENT 136
#define ND_SOURCE_OPTION 1
#define ND_TARGET_OPTION 2
#define ND_HOP_LIMIT     255

const struct address *discovery_subject(const struct discovery *d)
{
	return d->is_v6 && !d->is_request ? &d->target : &d->sender;
}

bool discovery_is_probe(const struct discovery *d)
{
	struct address none = {{0, 0}};

	if (!d->is_v6)
		address_from_v4(&none, 0);
	return address_equal(&d->sender, &none);
}

/* A MAC that one station may have. */
static bool discovery_is_station(const struct mac *m)
{
	return mac_value(m) && !mac_is_group(m);
}

static bool discovery_is_group(const struct address *a)
{
	const u8 *byte = (const u8 *)a;

	return address_is_v4(a) ? byte[12] >= 224 : byte[0] == 0xff;
}

static bool discovery_arp(const u8 *at, u32 length, struct discovery *out)
{
	static const u8 ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};
	u16 operation;

	if (length < ARP_BYTES || memcmp(at, ethernet_ipv4, sizeof(ethernet_ipv4)))
		return false;
	operation = packet_read16(at + 6);
	if (operation != 1 && operation != 2)
		return false;
	out->is_request = operation == 1;
	out->has_mac = true;
	out->flags = DISCOVERY_SOLICITED | DISCOVERY_OVERRIDE;
	memcpy(&out->mac, at + 8, 6);
	address_from_v4(&out->sender, packet_be32(at + 14));
	address_from_v4(&out->target, packet_be32(at + 24));
	return discovery_is_station(&out->mac) && !discovery_is_group(&out->sender) &&
	       !discovery_is_group(&out->target);
}

static u32 discovery_sum(const u8 *at, u32 length, u32 sum)
{
	for (; length > 1; length -= 2, at += 2)
		sum += packet_read16(at);
	return length ? sum + (u32)(at[0] << 8) : sum;
}

/* RFC 8200 8.1: the addresses, the length and the protocol are summed too. */
static u32 discovery_pseudo(const struct packet *p, u32 bytes)
{
	u32 sum = bytes + PROTOCOL_ICMPV6;

	sum = discovery_sum((const u8 *)&p->src, 16, sum);
	return discovery_sum((const u8 *)&p->dst, 16, sum);
}

bool discovery_icmp_intact(const u8 *frame, u32 length, const struct packet *p)
{
	u32 end = p->l3 + (u32)p->ip_length, bytes, sum;

	if (end > length || p->l4 + 8u > end || p->is_fragment || p->icmp_error)
		return false;
	bytes = end - p->l4;
	sum = discovery_sum(frame + p->l4, bytes, p->is_v6 ? discovery_pseudo(p, bytes) : 0);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* Finds the option that tells a MAC; false when an option has no length (RFC 4861 4.6). */
static bool discovery_options(const u8 *at, u32 length, u8 wanted, struct discovery *out)
{
	while (length >= 2) {
		u32 bytes = at[1] * 8u;

		if (!bytes || bytes > length)
			return false;
		if (at[0] == wanted && !out->has_mac) {
			memcpy(&out->mac, at + 2, 6);
			out->has_mac = true;
		}
		at += bytes;
		length -= bytes;
	}
	return length == 0;
}

/* RFC 4861 7.1.1: a probe tells no MAC and goes to the solicited-node group. */
static bool discovery_probe_ok(const struct packet *p, const struct discovery *d)
{
	static const u8 solicited[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

	return !d->has_mac && !memcmp(&p->dst, solicited, sizeof(solicited));
}

static bool discovery_nd(const u8 *frame, u32 length, const struct packet *p, struct discovery *out)
{
	const u8 *at = frame + p->l4;
	u32 bytes;

	if (!discovery_icmp_intact(frame, length, p) || frame[p->l3 + 7] != ND_HOP_LIMIT)
		return false;
	bytes = p->l3 + (u32)p->ip_length - p->l4;
	if (bytes < ND_BYTES || at[1] != 0 ||
	    (at[0] != ND_SOLICITATION && at[0] != ND_ADVERTISEMENT))
		return false;
	out->is_v6 = true;
	out->is_request = at[0] == ND_SOLICITATION;
	out->flags = out->is_request ? 0 : at[4];
	out->sender = p->src;
	memcpy(&out->target, at + 8, 16);
	if (!discovery_options(at + ND_BYTES, bytes - ND_BYTES,
			       out->is_request ? ND_SOURCE_OPTION : ND_TARGET_OPTION, out))
		return false;
	if (address_is_v4(&out->sender) || address_is_v4(&out->target))
		return false; /* mapped: it would speak for an IPv4 address */
	if (discovery_is_group(&out->sender) || discovery_is_group(&out->target) ||
	    (out->has_mac && !discovery_is_station(&out->mac)))
		return false;
	if (discovery_is_probe(out))
		return out->is_request && discovery_probe_ok(p, out);
	/* RFC 4861 7.1.2: what everybody hears was not asked for */
	return out->is_request || !discovery_is_group(&p->dst) ||
	       !(out->flags & DISCOVERY_SOLICITED);
}

bool discovery_parse(const u8 *frame, u32 length, const struct packet *p, struct discovery *out)
{
	memset(out, 0, sizeof(*out));
	out->vlan = (u16)(p->zone & 0xfff);
	if (p->kind == PACKET_ARP)
		return length >= p->l3 && discovery_arp(frame + p->l3, length - p->l3, out);
	return p->kind == PACKET_IP && p->is_v6 && p->protocol == PROTOCOL_ICMPV6 &&
	       discovery_nd(frame, length, p, out);
}
