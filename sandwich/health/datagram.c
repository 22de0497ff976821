/* SPDX-License-Identifier: ISC */
#include "sandwich/health/datagram.h"

#include <string.h>
#include "sandwich/core/packet.h"

#define TTL 64
#define TRAFFIC_CLASS \
	0xc0 /* CS6, network control (RFC 4594): a queue should not drop the heartbeat */
#define ICMP_ECHO 8
#define ICMPV6_ECHO 128
#define ICMP_ECHO_REPLY 0
#define ICMPV6_ECHO_REPLY 129

static void write16(u8 *at, u32 value)
{
	at[0] = (u8)(value >> 8);
	at[1] = (u8)value;
}

/* RFC 1071, not folded: adds up in any order. */
static u32 sum_bytes(u32 sum, const u8 *data, size_t length)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (u32)data[i] << 8 | data[i + 1];
	return length & 1 ? sum + ((u32)data[length - 1] << 8) : sum;
}

static u16 sum_fold(u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

/* The pseudo header (RFC 768, RFC 8200 8.1): mapped prefixes are left out for IPv4. */
static u32 sum_pseudo(const struct datagram *d, u8 protocol, u32 length)
{
	u32 skip = address_is_v4(&d->src) ? 12 : 0, sum;

	sum = sum_bytes(0, (const u8 *)&d->src + skip, 16 - skip);
	sum = sum_bytes(sum, (const u8 *)&d->dst + skip, 16 - skip);
	return sum + protocol + length;
}

void datagram_tag(struct datagram *d, u16 vlan)
{
	d->tags_length = 0;
	if (vlan == VLAN_NONE || vlan == VLAN_KEEP)
		return;
	write16(d->tags, ETHERNET_VLAN);
	write16(d->tags + 2, vlan & 0xfff);
	d->tags_length = 4;
}

static u8 *write_ethernet(const struct datagram *d, u8 *at)
{
	memcpy(at, &d->mac_dst, 6);
	memcpy(at + 6, &d->mac_src, 6);
	memcpy(at + 12, d->tags, d->tags_length);
	at += 12 + d->tags_length;
	write16(at, address_is_v4(&d->src) ? ETHERNET_IPV4 : ETHERNET_IPV6);
	return at + 2;
}

static u8 *write_ipv4(const struct datagram *d, u8 *at, u8 protocol, u32 length)
{
	memset(at, 0, 20);
	at[0] = 0x45;
	at[1] = TRAFFIC_CLASS;
	write16(at + 2, 20 + length);
	write16(at + 6, 0x4000); /* don't fragment: then the id may be 0 (RFC 6864 4.1) */
	at[8] = TTL;
	at[9] = protocol;
	memcpy(at + 12, (const u8 *)&d->src + 12, 4);
	memcpy(at + 16, (const u8 *)&d->dst + 12, 4);
	write16(at + 10, sum_fold(sum_bytes(0, at, 20)));
	return at + 20;
}

static u8 *write_ipv6(const struct datagram *d, u8 *at, u8 protocol, u32 length)
{
	memset(at, 0, 40);
	at[0] = 0x60 | TRAFFIC_CLASS >> 4;
	at[1] = (u8)(TRAFFIC_CLASS << 4);
	write16(at + 4, length);
	at[6] = protocol;
	at[7] = TTL;
	memcpy(at + 8, &d->src, 16);
	memcpy(at + 24, &d->dst, 16);
	return at + 40;
}

static u8 *write_headers(const struct datagram *d, u8 *out, u8 protocol, u32 length)
{
	u8 *at = write_ethernet(d, out);

	return address_is_v4(&d->src) ? write_ipv4(d, at, protocol, length)
				      : write_ipv6(d, at, protocol, length);
}

size_t datagram_udp(const struct datagram *d, u8 *out)
{
	u32 length = 8 + d->length;
	u8 *at = write_headers(d, out, PROTOCOL_UDP, length);
	u16 sum;

	write16(at, d->sport);
	write16(at + 2, d->dport);
	write16(at + 4, length);
	write16(at + 6, 0);
	memcpy(at + 8, d->payload, d->length);
	sum = sum_fold(sum_bytes(sum_pseudo(d, PROTOCOL_UDP, length), at, length));
	write16(at + 6, sum ? sum : 0xffff);
	return (size_t)(at + length - out);
}

size_t datagram_echo(const struct datagram *d, u8 *out)
{
	bool v4 = address_is_v4(&d->src);
	u8 protocol = v4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
	u32 length = 8 + d->length;
	u8 *at = write_headers(d, out, protocol, length);

	at[0] = v4 ? ICMP_ECHO : ICMPV6_ECHO;
	at[1] = 0;
	write16(at + 2, 0);
	write16(at + 4, d->sport);
	write16(at + 6, d->dport);
	memcpy(at + 8, d->payload, d->length);
	write16(at + 2, sum_fold(sum_bytes(v4 ? 0 : sum_pseudo(d, protocol, length), at, length)));
	return (size_t)(at + length - out);
}

/*
 * Down to the eight bytes that UDP and echo both have; *REST is what the IP packet has of them and
 * behind.
 */
static const u8 *read_headers(struct datagram *d, struct packet *p, const u8 *frame, u32 length,
			      u32 *rest)
{
	struct packet_cursor cursor = { frame, frame + length, length };
	u32 end;
	u8 why;

	memset(p, 0, sizeof(*p));
	if (!packet_parse(&cursor, p, &why) || p->kind != PACKET_IP)
		return NULL;
	if (p->is_fragment || p->icmp_error || !p->ports_known)
		return NULL;
	end = (u32)p->l3 + p->ip_length;
	if (end > length || p->l4 + 8u > end)
		return NULL;
	*rest = end - p->l4;
	d->mac_src = p->mac_src;
	d->mac_dst = p->mac_dst;
	d->tags_length = (u8)(4 * p->tags);
	memcpy(d->tags, frame + 12, d->tags_length);
	d->src = p->src;
	d->dst = p->dst;
	return frame + p->l4;
}

bool datagram_read_udp(struct datagram *d, const u8 *frame, u32 length)
{
	struct packet p;
	u32 rest, size;
	const u8 *at = read_headers(d, &p, frame, length, &rest);

	if (!at || p.protocol != PROTOCOL_UDP)
		return false;
	size = packet_read16(at + 4);
	if (size < 8 || size > rest)
		return false;
	d->sport = packet_read16(at);
	d->dport = packet_read16(at + 2);
	d->payload = at + 8;
	d->length = size - 8;
	return true;
}

bool datagram_read_echo_reply(struct datagram *d, const u8 *frame, u32 length)
{
	struct packet p;
	u32 rest;
	const u8 *at = read_headers(d, &p, frame, length, &rest);

	if (!at || p.protocol != (p.is_v6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP))
		return false;
	if (p.icmp_type != (p.is_v6 ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY))
		return false;
	d->sport = packet_read16(at + 4);
	d->dport = packet_read16(at + 6);
	d->payload = at + 8;
	d->length = rest - 8;
	return true;
}
