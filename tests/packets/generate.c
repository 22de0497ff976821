// SPDX-License-Identifier: ISC
/* Frames put together from layers: their text is chosen by chance and built by frame.c. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sandwich/fastpath/checksum.bpf.h"
#include "tests/packets/random.h"

struct text {
	char bytes[512];
	size_t length;
	u64 *state;
	bool v6;
	bool outward; /* the frame travels toward the outside */
};

static void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void text_add(struct text *t, const char *format, ...)
{
	size_t room = sizeof(t->bytes) - t->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->bytes + t->length, room, format, args);
	va_end(args);
	t->length += n > 0 && (size_t)n < room ? (size_t)n : room - 1;
}

u64 random_next(u64 *state)
{
	*state += 0x9e3779b97f4a7c15;
	return hash_mix(*state);
}

/* True once in N. */
static bool one_in(struct text *t, u32 n)
{
	return random_next(t->state) % n == 0;
}

static u32 below(struct text *t, u32 n)
{
	return (u32)(random_next(t->state) % n);
}

/* A handful of ends, so that conversations have more than one frame and an answer. */
static void text_end(struct text *t, bool outside)
{
	static const char *const odd[] = {"127.0.0.1", "224.0.0.5", "0.0.0.0", "192.0.2.10",
					  "10.7.1.1", "203.0.113.9", "198.51.7.7"};
	static const char *const odd6[] = {"::1", "ff02::1", "::", "2001:db8::9", "fe80::1"};
	u32 n = below(t, outside ? 40 : 4);

	if (one_in(t, 24))
		text_add(t, "%s", t->v6 ? odd6[below(t, 5)] : odd[below(t, 7)]);
	else if (t->v6)
		text_add(t, "2001:db8:%u::%x", outside ? 1 : 2, n + 1);
	else
		text_add(t, "%s.%u", outside ? "198.51.100" : "203.0.113", n + 1);
}

static void text_extensions(struct text *t)
{
	static const char *const names[] = {"hop", "dstopt", "route", "mobility"};

	for (u32 n = one_in(t, 3) ? below(t, 5) : 0; n > 0; n--) {
		text_add(t, " %s", names[below(t, 4)]);
		if (one_in(t, 3))
			text_add(t, " size=%u", below(t, one_in(t, 8) ? 256 : 4));
	}
	if (one_in(t, 6))
		text_add(t, " frag id=%u off=%u%s", below(t, 6),
			 one_in(t, 2) ? 0 : below(t, 8192), one_in(t, 2) ? " mf" : "");
}

static void text_network(struct text *t, bool outward)
{
	text_add(t, t->v6 ? " v6 " : " v4 ");
	text_end(t, !outward);
	text_add(t, ">");
	text_end(t, outward);
	if (t->v6) {
		text_extensions(t);
		return;
	}
	if (one_in(t, 8))
		text_add(t, " ihl=%u", 3 + below(t, 13));
	if (one_in(t, 8))
		text_add(t, " id=%u off=%u%s", below(t, 6), one_in(t, 2) ? 0 : below(t, 8192),
			 one_in(t, 2) ? " mf" : "");
	if (one_in(t, 64))
		text_add(t, " len=%u", below(t, 200));
	if (one_in(t, 64))
		text_add(t, " version=%u", below(t, 16));
}

static void text_ports(struct text *t, const char *name, bool outward)
{
	u32 port = 1024 + below(t, 6), service = 20 + below(t, 2);

	text_add(t, " %s %u>%u", name, outward ? service : port, outward ? port : service);
}

static void text_tcp(struct text *t, bool outward)
{
	static const char *const flags[] = {"S", "SA", "A", "A", "A", "PA", "FA", "R", "RA", "SF",
					    "SR", "FSRPAU"};

	text_ports(t, "tcp", outward);
	text_add(t, " flags=%s", flags[below(t, 12)]);
}

static void text_transport(struct text *t, bool outward)
{
	static const char *const ported[] = {"udp", "udp", "udplite", "sctp", "dccp"};
	static const char *const bare[] = {"esp", "ah", "gre"};
	u32 r = below(t, 16);

	if (r < 6)
		text_tcp(t, outward);
	else if (r < 12)
		text_ports(t, ported[below(t, 5)], outward);
	else if (r < 14)
		text_add(t, " %s", bare[below(t, 3)]);
	else if (t->v6)
		text_add(t, " icmp6 type=%u id=%u", 127 + below(t, 12), below(t, 6));
	else
		text_add(t, " icmp type=%u id=%u", below(t, 2) * 8, below(t, 6));
}

/* The first bytes of a tunnel's frame, of a few identifiers: each comes more than once. */
static void text_tunnel_bytes(struct text *t, u32 port)
{
	static const u8 exchanges[] = {2, 4, 5, 32, 34, 35, 36, 37, 38, 43};
	static const u8 opcodes[] = {1, 3, 4, 5, 6, 7, 8, 9, 10, 11};
	u32 id = below(t, 6), r = below(t, 4);

	text_add(t, " hex=");
	if (port == 500 || (port == 4500 && r == 0))
		text_add(t, "%s11111111000000%02x%016x21%02x%02x%02x00000000",
			 port == 500 ? "" : "00000000", id, one_in(t, 3) ? 0 : 7,
			 one_in(t, 4) ? 0x10 : 0x20, exchanges[below(t, 10)],
			 below(t, 2) * 0x20 + 8);
	else if (port == 4500)
		text_add(t, r == 1 ? "ff" : "0000aa%02x0000000100000000", id + 1);
	else if (port == 51820)
		text_add(t, "%02x0000000000bb%02x0000bb%02x0000000000000000", r + 1, id, id ^ 1);
	else if (port == 1194)
		text_add(t, "%02xcc000000000000%02x0000000000",
			 opcodes[below(t, 10)] << 3 | (r & 1), id);
	else if (port == 443)
		text_add(t, "%s0a%02x%032x", r ? "4040" : "c0000000010640", id & 3, id);
	else
		text_add(t, "%s%02x%060x", r ? "19fefd0001000000000000dd0000" : "30dd0000", id, 0);
}

/* Between a client and the cluster address. */
static void text_tunnel(struct text *t)
{
	static const u16 ports[] = {500, 4500, 4500, 51820, 1194, 1701, 443, 4433};
	u32 port = ports[below(t, 8)], client = one_in(t, 3) ? port : 1024 + below(t, 4);
	u32 host = 1 + below(t, 3);

	t->v6 = false;
	text_add(t, t->outward ? " v4 192.0.2.10>198.51.100.%u" : " v4 198.51.100.%u>192.0.2.10",
		 host);
	if (one_in(t, 10))
		text_add(t, " id=%u off=%u mf", below(t, 6), one_in(t, 2) ? 0 : below(t, 8192));
	if (one_in(t, 8)) {
		text_add(t, " %s", one_in(t, 2) ? "esp" : "ah");
		return;
	}
	text_add(t, " udp %u>%u", t->outward ? port : client, t->outward ? client : port);
	text_tunnel_bytes(t, port);
}

/* An error quotes a packet that travelled the other way; now and then one that did not. */
static void text_error(struct text *t)
{
	static const u8 types[] = {3, 4, 5, 11, 12, 13};

	text_add(t, t->v6 ? " icmp6 type=%u" : " icmp type=%u",
		 t->v6 ? 1 + below(t, 4) : types[below(t, 6)]);
	if (one_in(t, 16))
		return;
	text_network(t, one_in(t, 16) ? t->outward : !t->outward);
	text_transport(t, one_in(t, 16) ? t->outward : !t->outward);
}

static void text_tags(struct text *t)
{
	u32 r = below(t, 16);

	if (r == 0)
		text_add(t, " vlan=%u", below(t, 4096));
	else if (r < 3)
		text_add(t, " vlan=7");
	else if (r == 3)
		text_add(t, " qinq=%u vlan=%u", below(t, 3), below(t, 9));
	else if (r == 4)
		text_add(t, " vlan=0");
	if (one_in(t, 200))
		text_add(t, " vlan=1 vlan=2 vlan=3");
}

static u32 text_payload(struct text *t)
{
	if (one_in(t, 50))
		return below(t, 9230); /* several buffers */
	return below(t, one_in(t, 8) ? 1500 : 40);
}

static void text_frame(struct text *t)
{
	text_add(t, "eth");
	text_tags(t);
	if (one_in(t, 64)) {
		text_add(t, one_in(t, 2) ? " arp" : " type=%u", below(t, 65536));
	} else if (one_in(t, 4)) {
		text_tunnel(t);
	} else {
		text_network(t, t->outward);
		if (one_in(t, 8))
			text_error(t);
		else
			text_transport(t, t->outward);
	}
	text_add(t, " pay=%u", text_payload(t));
	if (one_in(t, 8))
		text_add(t, " pad=%u", below(t, 40));
	if (one_in(t, 12))
		text_add(t, " cut=%u", below(t, one_in(t, 4) ? 9000 : 140));
}

static void random_macs(struct frame *f, u8 port, u64 *state)
{
	struct mac src = world_neighbour_mac((u8)(1 + random_next(state) % 3));
	struct mac dst = world_mac(port != PORT_UPLINK);
	u64 r = random_next(state);

	if (port != PORT_UPLINK && r % 32)
		src = world_device_mac((u8)(1 + (r >> 8) % 3));
	if (r >> 16 & 0x3f || f->length < 12) {
		memcpy(f->bytes, &dst, 6);
		memcpy(f->bytes + 6, &src, 6);
		return;
	}
	memset(f->bytes, r & 1 << 24 ? 0xff : 2, 6); /* everybody's, or somebody else's */
	memcpy(f->bytes + 6, r & 1 << 25 ? (const u8 *)&dst : (const u8 *)&src, 6);
}

/* As a sender behind a veth leaves it: the pseudo header's sum where the checksum is to stand. */
static void random_unfinished(struct frame *f)
{
	const struct packet_cursor cursor = {f->bytes, f->bytes + f->length, f->length};
	struct packet p = {0};
	u32 field;
	u16 sum;
	u8 why;

	if (!packet_parse(&cursor, &p, &why) || p.kind != PACKET_IP || p.is_fragment)
		return;
	field = p.l4 + checksum_field(p.protocol);
	sum = checksum_pseudo(&p, (u32)p.ip_length - ((u32)p.l4 - p.l3));
	if (checksum_field(p.protocol) && field + 2 <= f->length)
		memcpy(f->bytes + field, &sum, 2);
}

void random_frame(struct frame *out, u8 side, u8 port, u64 *state)
{
	struct text t = {.state = state,
			 .outward = (side == SIDE_INGRESS) != (port == PORT_UPLINK)};
	char why[128];

	t.v6 = one_in(&t, 2);
	text_frame(&t);
	if (frame_build(out, t.bytes, why)) {
		fprintf(stderr, "frame: \"%s\" in \"%s\"\n", why, t.bytes);
		out->length = 14;
	}
	if (out->length > FAST_FRAME_MAX)
		out->length = FAST_FRAME_MAX;
	random_macs(out, port, state);
	if (one_in(&t, 16))
		random_unfinished(out);
}
