// SPDX-License-Identifier: ISC
#include "tests/packets/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandwich/core/packet.h"

#define LAYERS_MAX 8

/* An IP header whose length is filled in at the end. */
struct layer {
	u32 at;
	bool v6, fixed;
};

struct builder {
	struct frame *f;
	struct layer layer[LAYERS_MAX];
	u32 layers;
	u32 next;      /* where the number of the next header goes */
	u32 next_size; /* 2: an EtherType, 1: a protocol, 0: nowhere */
	u32 header;    /* where the header that options of the same layer change begins */
	u32 end;       /* of what the IP lengths count; 0: not padded yet */
	char kind[16]; /* its name */
};

int frame_address(const char *text, struct address *out)
{
	be32 v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		address_from_v4(out, v4);
		return 0;
	}
	return inet_pton(AF_INET6, text, out) == 1 ? 0 : -EINVAL;
}

int frame_mac(const char *text, struct mac *out)
{
	unsigned int b[6];

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		out->byte[i] = (u8)b[i];
	return 0;
}

static u8 *frame_add(struct builder *b, u32 size)
{
	u8 *at = &b->f->bytes[b->f->length];

	if (b->f->length + size > FRAME_MAX)
		size = 0;
	memset(at, 0, size);
	b->f->length += size;
	return at;
}

static void frame_fill(struct builder *b, u32 size, u8 byte)
{
	u32 before = b->f->length;
	u8 *at = frame_add(b, size);

	memset(at, byte, b->f->length - before);
}

static void frame_put16(u8 *at, u32 v)
{
	at[0] = (u8)(v >> 8);
	at[1] = (u8)v;
}

/* Writes the number of the layer that begins here into the one before. */
static void frame_chain(struct builder *b, u32 type, u32 protocol)
{
	if (b->next_size == 2)
		frame_put16(&b->f->bytes[b->next], type);
	else if (b->next_size == 1)
		b->f->bytes[b->next] = (u8)protocol;
	b->next_size = 0;
	b->header = b->f->length;
}

static void frame_next(struct builder *b, u32 offset, u32 size)
{
	b->next = offset;
	b->next_size = size;
}

static int frame_ends(const char *word, struct address *a, struct address *z)
{
	char left[64];
	const char *gt = word ? strchr(word, '>') : NULL;

	if (!gt || gt - word >= (long)sizeof(left))
		return -EINVAL;
	memcpy(left, word, (size_t)(gt - word));
	left[gt - word] = 0;
	return frame_address(left, a) || frame_address(gt + 1, z) ? -EINVAL : 0;
}

static int frame_ip(struct builder *b, bool v6, const char *ends)
{
	struct address a, z;
	u8 *at;

	if (frame_ends(ends, &a, &z) || b->layers >= LAYERS_MAX)
		return -EINVAL;
	frame_chain(b, v6 ? ETHERNET_IPV6 : ETHERNET_IPV4, v6 ? 41 : 4);
	b->layer[b->layers++] = (struct layer){.at = b->f->length, .v6 = v6};
	frame_next(b, b->f->length + (v6 ? 6 : 9), 1);
	at = frame_add(b, v6 ? 40 : 20);
	at[0] = v6 ? 0x60 : 0x45;
	at[v6 ? 7 : 8] = 64;
	memcpy(at + (v6 ? 8 : 12), v6 ? (u8 *)&a : (u8 *)&a + 12, v6 ? 16 : 4);
	memcpy(at + (v6 ? 24 : 16), v6 ? (u8 *)&z : (u8 *)&z + 12, v6 ? 16 : 4);
	return 0;
}

static int frame_ports(struct builder *b, u32 protocol, u32 size, const char *ends)
{
	unsigned int sport, dport;
	u8 *at;

	if (!ends || sscanf(ends, "%u>%u", &sport, &dport) != 2)
		return -EINVAL;
	frame_chain(b, protocol, protocol);
	at = frame_add(b, size);
	frame_put16(at, sport);
	frame_put16(at + 2, dport);
	if (protocol == PROTOCOL_TCP)
		at[12] = 0x50;
	return 0;
}

static void frame_extension(struct builder *b, u32 protocol)
{
	frame_chain(b, protocol, protocol);
	frame_next(b, b->f->length, 1);
	frame_add(b, 8);
}

static void frame_tag(struct builder *b, u32 type, u32 vlan)
{
	frame_chain(b, type, 0);
	frame_next(b, b->f->length + 2, 2);
	frame_put16(frame_add(b, 4), vlan);
}

static const struct {
	const char *name;
	u32 protocol, size; /* header bytes */
	char shape;	    /* p: has ports, e: IPv6 extension, o: neither, i: ICMP */
} protocols[] = {
	{"tcp", PROTOCOL_TCP, 20, 'p'},	      {"udp", PROTOCOL_UDP, 8, 'p'},
	{"udplite", PROTOCOL_UDPLITE, 8, 'p'}, {"sctp", PROTOCOL_SCTP, 12, 'p'},
	{"dccp", PROTOCOL_DCCP, 12, 'p'},      {"icmp", PROTOCOL_ICMP, 8, 'i'},
	{"icmp6", PROTOCOL_ICMPV6, 8, 'i'},    {"esp", PROTOCOL_ESP, 8, 'o'},
	{"ah", PROTOCOL_AH, 8, 'o'},	       {"gre", 47, 8, 'o'},
	{"hop", PROTOCOL_HOPOPTS, 8, 'e'},     {"dstopt", PROTOCOL_DSTOPTS, 8, 'e'},
	{"route", PROTOCOL_ROUTING, 8, 'e'},   {"frag", PROTOCOL_FRAGMENT, 8, 'e'},
	{"mobility", PROTOCOL_MOBILITY, 8, 'e'},
};

static int frame_protocol(struct builder *b, u32 i, char **save)
{
	if (protocols[i].shape == 'p')
		return frame_ports(b, protocols[i].protocol, protocols[i].size,
				   strtok_r(NULL, " \t\n", save));
	if (protocols[i].shape == 'e') {
		frame_extension(b, protocols[i].protocol);
		return 0;
	}
	frame_chain(b, protocols[i].protocol, protocols[i].protocol);
	frame_add(b, protocols[i].size);
	return 0;
}

static u8 frame_flags(const char *letters)
{
	static const char names[] = "FSRPAU";
	u8 flags = 0;

	for (; *letters; letters++) {
		const char *at = strchr(names, *letters);

		flags |= at ? (u8)(1 << (at - names)) : 0;
	}
	return flags;
}

static bool frame_is(const struct builder *b, const char *kind)
{
	return !strcmp(b->kind, kind);
}

/* key=value of a fragment: of IPv4 or of IPv6's header, which keep the same at other places. */
static void frame_fragment(struct builder *b, const char *key, u32 v)
{
	u8 *h = &b->f->bytes[b->header];
	bool v4 = frame_is(b, "v4");

	if (!strcmp(key, "id"))
		frame_put16(h + (v4 ? 4 : 6), v);
	else if (!strcmp(key, "off"))
		frame_put16(h + (v4 ? 6 : 2), v4 ? v | (h[6] & 0xe0) << 8 : v << 3 | (h[3] & 1));
	else if (!strcmp(key, "mf"))
		h[v4 ? 6 : 3] |= v4 ? 0x20 : 1;
	else
		h[6] |= 0x40;
}

static void frame_ihl(struct builder *b, u32 words)
{
	b->f->bytes[b->header] = (u8)(0x40 | (words & 15));
	if (words > 5)
		frame_fill(b, (words - 5) * 4, 1); /* NOP options */
}

/* An option of the IP header. */
static int frame_option_ip(struct builder *b, const char *key, u32 v)
{
	u8 *h = &b->f->bytes[b->header];
	bool v4 = frame_is(b, "v4");

	if (!strcmp(key, "len")) {
		frame_put16(h + (v4 ? 2 : 4), v);
		b->layer[b->layers - 1].fixed = true;
	} else if (!strcmp(key, "proto") || !strcmp(key, "next")) {
		h[v4 ? 9 : 6] = (u8)v;
		b->next_size = 0;
	} else if (!strcmp(key, "version")) {
		h[0] = (u8)(v << 4 | (h[0] & 15));
	} else if (v4 && !strcmp(key, "ihl")) {
		frame_ihl(b, v);
	} else if (v4) {
		frame_fragment(b, key, v);
	} else {
		return -EINVAL;
	}
	return 0;
}

/* An option of the layer that was named last. */
static int frame_option(struct builder *b, const char *key, const char *value)
{
	u32 v = (u32)strtoul(value, NULL, 0);
	u8 *h = &b->f->bytes[b->header];

	if (frame_is(b, "v4") || frame_is(b, "v6"))
		return frame_option_ip(b, key, v);
	if (frame_is(b, "eth"))
		return frame_mac(value, (struct mac *)(h + (strcmp(key, "src") ? 0 : 6)));
	if (frame_is(b, "frag")) {
		frame_fragment(b, key, v);
	} else if (!strcmp(key, "size")) {
		h[1] = (u8)v;
		frame_add(b, v * 8);
	} else if (frame_is(b, "tcp") && !strcmp(key, "flags")) {
		h[13] = frame_flags(value);
	} else if (frame_is(b, "icmp") || frame_is(b, "icmp6")) {
		if (!strcmp(key, "id"))
			frame_put16(h + 4, v);
		else
			h[strcmp(key, "code") ? 0 : 1] = (u8)v;
	} else {
		return -EINVAL;
	}
	return 0;
}

static void frame_lengths(struct builder *b)
{
	u32 end = b->end ? b->end : b->f->length;

	for (u32 i = 0; i < b->layers; i++) {
		u32 at = b->layer[i].at;

		if (!b->layer[i].fixed)
			frame_put16(&b->f->bytes[at + (b->layer[i].v6 ? 4 : 2)],
				    end - at - (b->layer[i].v6 ? 40 : 0));
	}
	b->layers = 0;
}

static void frame_hex(struct builder *b, const char *hex)
{
	unsigned int byte;

	for (; sscanf(hex, "%2x", &byte) == 1 && hex[1]; hex += 2)
		*frame_add(b, 1) = (u8)byte;
}

/* Words that stand for themselves, whatever the layer. True: it was one. */
static bool frame_anywhere(struct builder *b, const char *key, const char *value)
{
	u32 v = (u32)strtoul(value, NULL, 0);

	if (!strcmp(key, "vlan") || !strcmp(key, "qinq")) {
		frame_tag(b, *key == 'v' ? ETHERNET_VLAN : ETHERNET_QINQ, v);
	} else if (!strcmp(key, "pay")) {
		frame_fill(b, v, 0x5a);
	} else if (!strcmp(key, "pad")) {
		b->end = b->f->length;
		frame_fill(b, v, 0xee);
	} else if (!strcmp(key, "cut")) {
		frame_lengths(b);
		b->f->length = v < b->f->length ? v : b->f->length;
	} else if (!strcmp(key, "hex")) {
		frame_hex(b, value);
	} else if (!strcmp(key, "type") && b->next_size == 2) {
		frame_chain(b, v, v);
	} else {
		return false;
	}
	return true;
}

static int frame_word(struct builder *b, char *word, char **save)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = 0;
	else
		value = word + strlen(word);
	if (frame_anywhere(b, word, value))
		return 0;
	if (*value || !strcmp(word, "mf") || !strcmp(word, "df"))
		return frame_option(b, word, value);
	snprintf(b->kind, sizeof(b->kind), "%s", word);
	if (!strcmp(word, "eth")) {
		b->header = 0;
		return 0;
	}
	if (!strcmp(word, "arp")) {
		frame_chain(b, ETHERNET_ARP, 0);
		frame_add(b, 28);
		return 0;
	}
	if (!strcmp(word, "v4") || !strcmp(word, "v6"))
		return frame_ip(b, word[1] == '6', strtok_r(NULL, " \t\n", save));
	for (u32 i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (!strcmp(word, protocols[i].name))
			return frame_protocol(b, i, save);
	return -EINVAL;
}

int frame_build(struct frame *out, const char *text, char *why)
{
	struct builder b = {.f = out, .next = 12, .next_size = 2, .kind = "eth"};
	char copy[1024], *save = NULL;

	out->length = 0;
	frame_add(&b, 14);
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *w = strtok_r(copy, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save)) {
		if (out->length >= FRAME_MAX || frame_word(&b, w, &save)) {
			snprintf(why, 128, "%s", w);
			return -EINVAL;
		}
	}
	frame_lengths(&b);
	return 0;
}

void frame_make(struct frame *out, const char *format, ...)
{
	char text[1024], why[128];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!frame_build(out, text, why))
		return;
	fprintf(stderr, "frame: \"%s\" in \"%s\"\n", why, text);
	abort();
}
