// SPDX-License-Identifier: ISC
#include "tests/sim/sim.h"

#include <string.h>

#include "sandwich/core/packet.h"

struct pen {
	u8 *at;
};

static void pen_16(struct pen *p, u32 v)
{
	*p->at++ = (u8)(v >> 8);
	*p->at++ = (u8)v;
}

static void pen_bytes(struct pen *p, const void *from, u32 n)
{
	memcpy(p->at, from, n);
	p->at += n;
}

static void pen_zero(struct pen *p, u32 n)
{
	memset(p->at, 0, n);
	p->at += n;
}

/* An IP header for SIZE bytes of payload. */
static void wire_ip(struct pen *p, const struct address *src, const struct address *dst,
		    u8 protocol, u32 size, const struct segment *fragment)
{
	bool part = fragment && (fragment->offset || fragment->more);

	if (address_is_v4(src)) {
		pen_16(p, 0x4500);
		pen_16(p, 20 + size);
		pen_16(p, part ? fragment->id : 0);
		pen_16(p, part ? fragment->offset | (fragment->more ? 0x2000u : 0) : 0x4000);
		pen_16(p, 64u << 8 | protocol);
		pen_16(p, 0);
		pen_bytes(p, (const u8 *)src + 12, 4);
		pen_bytes(p, (const u8 *)dst + 12, 4);
		return;
	}
	pen_16(p, 0x6000);
	pen_16(p, 0);
	pen_16(p, size + (part ? 8 : 0));
	pen_16(p, (part ? PROTOCOL_FRAGMENT : protocol) << 8 | 64);
	pen_bytes(p, src, 16);
	pen_bytes(p, dst, 16);
	if (!part)
		return;
	pen_16(p, (u32)protocol << 8);
	pen_16(p, (u32)fragment->offset << 3 | fragment->more);
	pen_16(p, 0);
	pen_16(p, fragment->id);
}

/* The transport header, padded to 24 bytes. */
static void wire_transport(struct pen *p, const struct segment *g)
{
	if (g->offset) {
		pen_zero(p, 24);
		return;
	}
	if (g->protocol == PROTOCOL_ICMP || g->protocol == PROTOCOL_ICMPV6) {
		u8 type =
			g->protocol == PROTOCOL_ICMP ? (g->reply ? 0 : 8) : (g->reply ? 129 : 128);

		pen_16(p, (u32)type << 8);
		pen_16(p, 0);
		pen_16(p, g->sport);
		pen_zero(p, 18);
		return;
	}
	pen_16(p, g->protocol == PROTOCOL_ESP ? 0 : g->sport);
	pen_16(p, g->protocol == PROTOCOL_ESP ? 0 : g->dport);
	pen_zero(p, 8);
	pen_16(p, 0x5000u | g->flags);
	pen_zero(p, 10);
}

/* An error to dst from a router beyond src: it quotes what dst sent to src. */
static void wire_error(struct pen *p, const struct segment *g)
{
	struct segment quoted = *g;
	bool v4 = address_is_v4(&g->src);
	struct address router = g->src;

	((u8 *)&router)[15] ^= 0x80;
	wire_ip(p, &router, &g->dst, v4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6, 8 + (v4 ? 20 : 40) + 24,
		NULL);
	pen_16(p, v4 ? 0x0304 : 0x0200);
	pen_zero(p, 6);
	quoted.sport = g->dport;
	quoted.dport = g->sport;
	quoted.flags = TCP_ACK;
	wire_ip(p, &g->dst, &g->src, g->protocol, 24, NULL);
	wire_transport(p, &quoted);
}

void wire_frame(const struct segment *g, struct mac dst, struct mac src, struct frame *out)
{
	struct pen p = {out->bytes};

	pen_bytes(&p, &dst, 6);
	pen_bytes(&p, &src, 6);
	pen_16(&p, address_is_v4(&g->src) ? ETHERNET_IPV4 : ETHERNET_IPV6);
	if (g->error) {
		wire_error(&p, g);
	} else {
		wire_ip(&p, &g->src, &g->dst, g->protocol, 24, g);
		wire_transport(&p, g);
	}
	out->length = (u32)(p.at - out->bytes);
}
