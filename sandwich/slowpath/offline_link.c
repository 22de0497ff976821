// SPDX-License-Identifier: ISC
/* Link layers of captures (https://www.tcpdump.org/linktypes.html) as Ethernet. */
#include <string.h>

#include "sandwich/core/packet.h"
#include "sandwich/slowpath/offline_parts.h"

enum {
	LINK_NULL = 0, /* 4 bytes of address family, in the byte order of who captured */
	LINK_ETHERNET = 1,
	LINK_RAW_BSD = 12, /* what DLT_RAW is in files of some systems */
	LINK_RAW_OPENBSD = 14,
	LINK_RAW = 101,
	LINK_LOOP = 108, /* the same as NULL, in network byte order */
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

/* What the link layer said. */
struct link {
	u32 size;      /* of its header */
	u16 type;      /* EtherType; 0: can't be told */
	const u8 *mac; /* 6 bytes of sender, or NULL */
	bool group;    /* to more than one host */
};

/* By the version of the IP header itself. */
static u16 link_ip_type(const struct offline_packet *p, u32 at)
{
	u8 version = p->captured > at ? p->data[at] >> 4 : 0;

	return version == 4 ? ETHERNET_IPV4 : version == 6 ? ETHERNET_IPV6 : 0;
}

/* LINUX_SLL: type, hardware, address length, 8 bytes of address, EtherType. */
static bool link_sll(const struct offline_packet *p, struct link *l)
{
	if (p->captured < 16)
		return false;
	l->size = 16;
	l->group = packet_read16(p->data) == 1 || packet_read16(p->data) == 2;
	l->mac = packet_read16(p->data + 4) == 6 ? p->data + 6 : NULL;
	l->type = packet_read16(p->data + 14);
	return true;
}

/* LINUX_SLL2: EtherType, 2 unused, interface index, hardware, type, address length, address. */
static bool link_sll2(const struct offline_packet *p, struct link *l)
{
	if (p->captured < 20)
		return false;
	l->size = 20;
	l->type = packet_read16(p->data);
	l->group = p->data[10] == 1 || p->data[10] == 2;
	l->mac = p->data[11] == 6 ? p->data + 12 : NULL;
	return true;
}

/* False: not a link layer that can be read. */
static bool link_read(const struct offline_packet *p, struct link *l)
{
	switch (p->link_type) {
	case LINK_SLL:
		return link_sll(p, l);
	case LINK_SLL2:
		return link_sll2(p, l);
	case LINK_NULL:
	case LINK_LOOP:
		l->size = 4;
		l->type = link_ip_type(p, 4); /* families have different numbers on every system */
		return p->captured >= 4;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_IPV4:
	case LINK_IPV6:
		l->type = link_ip_type(p, 0);
		return true;
	default:
		return false;
	}
}

/*
 * Whether the IP packet behind the header is for a group, as its Ethernet address would have said
 * (RFC 1112 6.4, RFC 2464 7). Cooked captures tell that of what came in, not of what went out.
 */
static bool link_is_group(const struct offline_packet *p, const struct link *l)
{
	const u8 *ip = p->data + l->size;
	u16 type = l->type;
	u32 left = p->captured - l->size;

	for (int tags = 0; tags < 2 && left >= 4 && packet_is_tag(type); tags++) {
		type = packet_read16(ip + 2);
		ip += 4;
		left -= 4;
	}
	if (type == ETHERNET_IPV6)
		return left >= 40 && ip[24] == 0xff;
	if (type != ETHERNET_IPV4 || left < 20)
		return false;
	return ip[16] >> 4 == 14 || !memcmp(ip + 16, "\xff\xff\xff\xff", 4);
}

/* From an address of our making to one that is nobody's, or to everybody. */
static void link_header(u8 *header, const struct link *l)
{
	static const u8 nobody[6] = {0x02, 0, 0, 0, 0xff, 0xfe},
			sender[6] = {0x02, 0, 0, 0, 0xff, 0xfd};

	if (l->group)
		memset(header, 0xff, 6);
	else
		memcpy(header, nobody, 6);
	memcpy(header + 6, l->mac ? l->mac : sender, 6);
	header[12] = (u8)(l->type >> 8);
	header[13] = (u8)l->type;
}

void link_to_ethernet(const struct offline_packet *packet, GByteArray *buffer,
		      struct offline_frame *frame)
{
	struct link l = {0};
	u8 header[14];

	if (packet->link_type == LINK_ETHERNET) {
		frame->data = packet->data;
		frame->captured = packet->captured;
		frame->length = packet->length;
		frame->has_macs = true;
		return;
	}
	frame->data = NULL;
	if (!link_read(packet, &l))
		return;
	l.group = l.group || link_is_group(packet, &l);
	link_header(header, &l);
	g_byte_array_set_size(buffer, 0);
	g_byte_array_append(buffer, header, sizeof(header));
	g_byte_array_append(buffer, packet->data + l.size, packet->captured - l.size);
	frame->data = buffer->data;
	frame->captured = buffer->len;
	frame->length = packet->length - l.size + (u32)sizeof(header);
	frame->has_macs = l.mac != NULL;
}
