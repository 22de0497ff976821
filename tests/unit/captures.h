/* SPDX-License-Identifier: ISC */
/* Captures made by hand: packets, and the pcapng blocks around them. */
#ifndef TESTS_UNIT_CAPTURES_H
#define TESTS_UNIT_CAPTURES_H

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

#include "sandwich/core/packet.h"

static const u8 client_mac[6] = {2, 1, 1, 1, 1, 1}, our_mac[6] = {2, 9, 9, 9, 9, 9};
static const u8 fw1_mac[6] = {2, 0, 0, 0, 1, 11}, fw2_mac[6] = {2, 0, 0, 0, 1, 12};

/* --- packets --- */

static inline void put16(GByteArray *out, unsigned int v)
{
	u8 bytes[2] = {(u8)(v >> 8), (u8)v};

	g_byte_array_append(out, bytes, 2);
}

static inline void put_address(GByteArray *out, const char *text)
{
	be32 v4;

	if (inet_pton(AF_INET, text, &v4) != 1)
		g_error("%s is no address", text);
	g_byte_array_append(out, (const u8 *)&v4, 4);
}

/* An IPv4 packet: TCP with FLAGS, or a UDP fragment where FRAGMENT (header field) is not 0. */
static inline void put_ip(GByteArray *out, const char *from, unsigned int sport, const char *to,
			  unsigned int dport, u8 flags, unsigned int fragment)
{
	u8 rest[16] = {0};

	put16(out, 0x4500);
	put16(out, 40);
	put16(out, 77);
	put16(out, fragment);
	put16(out, 0x4000u | (fragment ? PROTOCOL_UDP : PROTOCOL_TCP));
	put16(out, 0);
	put_address(out, from);
	put_address(out, to);
	put16(out, sport);
	put16(out, dport);
	rest[9] = flags;
	g_byte_array_append(out, rest, sizeof(rest));
}

static inline GByteArray *ethernet(const u8 *from, const u8 *to, unsigned int type)
{
	GByteArray *out = g_byte_array_new();

	g_byte_array_append(out, to, 6);
	g_byte_array_append(out, from, 6);
	put16(out, type);
	return out;
}

static inline GByteArray *tcp(const u8 *mac, const char *from, unsigned int sport, const char *to,
			      unsigned int dport, u8 flags)
{
	GByteArray *out = ethernet(mac, our_mac, ETHERNET_IPV4);

	put_ip(out, from, sport, to, dport, flags, 0);
	return out;
}

static inline GByteArray *fragment(const char *from, const char *to, unsigned int field)
{
	GByteArray *out = ethernet(client_mac, our_mac, ETHERNET_IPV4);

	put_ip(out, from, 7, to, 8, 0, field);
	return out;
}

static inline GByteArray *arp_reply(const u8 *mac, const char *address)
{
	GByteArray *out = ethernet(mac, our_mac, ETHERNET_ARP);

	put16(out, 1);
	put16(out, ETHERNET_IPV4);
	put16(out, 0x0604);
	put16(out, 2);
	g_byte_array_append(out, mac, 6);
	put_address(out, address);
	g_byte_array_append(out, our_mac, 6);
	put_address(out, "10.1.0.1");
	return out;
}

/* --- captures --- */

static inline void put32(GByteArray *out, u32 v, bool swapped)
{
	if (swapped)
		v = GUINT32_SWAP_LE_BE(v);
	g_byte_array_append(out, (const u8 *)&v, 4);
}

static inline void put_block(GByteArray *out, u32 type, const GByteArray *body, bool swapped)
{
	static const u8 zeros[4];
	u32 padded = (body->len + 3) & ~3u;

	put32(out, type, swapped);
	put32(out, padded + 12, swapped);
	g_byte_array_append(out, body->data, body->len);
	g_byte_array_append(out, zeros, padded - body->len);
	put32(out, padded + 12, swapped);
}

static inline void put_section(GByteArray *out, bool swapped)
{
	GByteArray *body = g_byte_array_new();

	put32(body, 0x1a2b3c4d, swapped);
	put32(body, swapped ? 0x00010000 : 1, swapped);
	put32(body, 0xffffffff, false);
	put32(body, 0xffffffff, false);
	put_block(out, 0x0a0d0d0a, body, swapped);
	g_byte_array_unref(body);
}

static inline void put_interface(GByteArray *out, unsigned int link, const char *name, bool swapped)
{
	GByteArray *body = g_byte_array_new();
	u32 length = (u32)strlen(name);

	put32(body, swapped ? link << 16 : link, swapped);
	put32(body, 0, swapped);
	put32(body, swapped ? 2u << 16 | length : length << 16 | 2, swapped);
	g_byte_array_append(body, (const u8 *)name, length);
	g_byte_array_set_size(body, (body->len + 3) & ~3u);
	put32(body, 0, swapped);
	put_block(out, 1, body, swapped);
	g_byte_array_unref(body);
}

/* Takes FRAME. WIRE: its length there, 0: as it is. */
static inline void put_frame(GByteArray *out, u32 interface, u64 us, GByteArray *frame, u32 wire,
			     bool swapped)
{
	GByteArray *body = g_byte_array_new();

	put32(body, interface, swapped);
	put32(body, (u32)(us >> 32), swapped);
	put32(body, (u32)us, swapped);
	put32(body, frame->len, swapped);
	put32(body, wire ? wire : frame->len, swapped);
	g_byte_array_append(body, frame->data, frame->len);
	put_block(out, 6, body, swapped);
	g_byte_array_unref(body);
	g_byte_array_unref(frame);
}

static inline GByteArray *capture_new(unsigned int link, const char *name)
{
	GByteArray *out = g_byte_array_new();

	put_section(out, false);
	put_interface(out, link, name, false);
	return out;
}

#endif
