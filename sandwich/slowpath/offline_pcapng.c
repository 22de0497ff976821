// SPDX-License-Identifier: ISC
/*
 * pcapng, as far as packets and interfaces go: section, interface description, enhanced, simple and
 * the old packet block. Every length is checked against what encloses it.
 */
#include <errno.h>
#include <string.h>

#include "sandwich/slowpath/offline_parts.h"

#define PCAPNG_SECTION           0x0a0d0d0au
#define PCAPNG_INTERFACE         1u
#define PCAPNG_PACKET            2u /* obsolete, still written by some */
#define PCAPNG_SIMPLE            3u
#define PCAPNG_ENHANCED          6u
#define PCAPNG_ORDER             0x1a2b3c4du
#define PCAPNG_OPTION_NAME       2u
#define PCAPNG_OPTION_RESOLUTION 9u
#define PCAPNG_OPTION_OFFSET     14u
#define PCAPNG_INTERFACES_MAX    4096

struct pcapng_interface {
	char *name; /* or NULL */
	int link_type;
	u32 snap;      /* 0: none */
	u64 units;     /* of a timestamp, in one second */
	gint64 offset; /* s */
};

/* What is left of a block's body. */
struct span {
	const u8 *at;
	size_t size;
};

static void pcapng_interface_clear(gpointer data)
{
	struct pcapng_interface *i = data;

	g_free(i->name);
}

bool pcapng_is(const u8 *bytes, size_t size)
{
	static const u8 section[] = {0x0a, 0x0d, 0x0d, 0x0a};

	return size >= sizeof(section) && !memcmp(bytes, section, sizeof(section));
}

void pcapng_init(struct pcapng *p, const u8 *bytes, size_t size)
{
	*p = (struct pcapng){.bytes = bytes, .size = size};
	p->interfaces = g_array_new(FALSE, TRUE, sizeof(struct pcapng_interface));
	g_array_set_clear_func(p->interfaces, pcapng_interface_clear);
}

void pcapng_fini(struct pcapng *p)
{
	g_array_unref(p->interfaces);
}

static u16 pcapng_16(const struct pcapng *p, const u8 *at)
{
	u16 v;

	memcpy(&v, at, sizeof(v));
	return p->swapped ? GUINT16_SWAP_LE_BE(v) : v;
}

static u32 pcapng_32(const struct pcapng *p, const u8 *at)
{
	u32 v;

	memcpy(&v, at, sizeof(v));
	return p->swapped ? GUINT32_SWAP_LE_BE(v) : v;
}

static u64 pcapng_64(const struct pcapng *p, const u8 *at)
{
	u64 v;

	memcpy(&v, at, sizeof(v));
	return p->swapped ? GUINT64_SWAP_LE_BE(v) : v;
}

/* The next option; false at the end, or where it does not fit. */
static bool pcapng_option(const struct pcapng *p, struct span *rest, u16 *code, struct span *value)
{
	size_t padded;

	if (rest->size < 4)
		return false;
	*code = pcapng_16(p, rest->at);
	value->size = pcapng_16(p, rest->at + 2);
	value->at = rest->at + 4;
	padded = (value->size + 3) & ~(size_t)3;
	if (!*code || padded > rest->size - 4)
		return false;
	rest->at += 4 + padded;
	rest->size -= 4 + padded;
	return true;
}

/* if_tsresol: 10^-n, or 2^-n where the top bit is set. 0: finer than we can count. */
static u64 pcapng_units(u8 resolution)
{
	u64 units = 1;

	if (resolution & 0x80)
		return (resolution & 0x7f) < 64 ? 1ull << (resolution & 0x7f) : 0;
	if (resolution > 19)
		return 0;
	while (resolution--)
		units *= 10;
	return units;
}

static void pcapng_interface_option(const struct pcapng *p, struct pcapng_interface *i, u16 code,
				    const struct span *value)
{
	if (code == PCAPNG_OPTION_NAME && !i->name)
		i->name = g_strndup((const char *)value->at, value->size);
	else if (code == PCAPNG_OPTION_RESOLUTION && value->size >= 1)
		i->units = pcapng_units(value->at[0]);
	else if (code == PCAPNG_OPTION_OFFSET && value->size >= 8)
		i->offset = (gint64)pcapng_64(p, value->at);
}

static bool pcapng_read_interface(struct pcapng *p, struct span body)
{
	struct pcapng_interface i = {.units = 1000000};
	struct span value;
	u16 code;

	if (body.size < 8 || p->interfaces->len >= PCAPNG_INTERFACES_MAX) {
		p->damage = "an interface description that can't be used";
		return false;
	}
	i.link_type = pcapng_16(p, body.at);
	i.snap = pcapng_32(p, body.at + 4);
	body.at += 8;
	body.size -= 8;
	while (pcapng_option(p, &body, &code, &value))
		pcapng_interface_option(p, &i, code, &value);
	g_array_append_val(p->interfaces, i);
	return true;
}

/* In µs; 128 bits hold what a fine resolution makes of it. */
static u64 pcapng_time(const struct pcapng_interface *i, u64 stamp)
{
	unsigned __int128 us = i->units ? (unsigned __int128)stamp * 1000000 / i->units : 0;

	return (u64)us + (u64)i->offset * 1000000u;
}

static bool pcapng_emit(struct pcapng *p, u32 id, u64 stamp, struct span data, u32 length,
			struct offline_packet *out)
{
	const struct pcapng_interface *i;

	if (id >= p->interfaces->len) {
		p->damage = "a packet of an interface that was never described";
		return false;
	}
	i = &g_array_index(p->interfaces, struct pcapng_interface, id);
	*out = (struct offline_packet){
		.time = pcapng_time(i, stamp),
		.data = data.at,
		.captured = (u32)data.size,
		.length = MAX(length, (u32)data.size),
		.link_type = i->link_type,
		.interface = i->name,
	};
	return true;
}

/* Enhanced and old packet blocks: the head of 20 bytes differs in how the interface is written. */
static bool pcapng_read_packet(struct pcapng *p, u32 type, struct span body,
			       struct offline_packet *out)
{
	struct span data;
	u64 stamp;
	u32 id;

	if (body.size < 20 || pcapng_32(p, body.at + 12) > body.size - 20) {
		p->damage = "a packet longer than its block";
		return false;
	}
	id = type == PCAPNG_ENHANCED ? pcapng_32(p, body.at) : pcapng_16(p, body.at);
	stamp = (u64)pcapng_32(p, body.at + 4) << 32 | pcapng_32(p, body.at + 8);
	data.at = body.at + 20;
	data.size = pcapng_32(p, body.at + 12);
	return pcapng_emit(p, id, stamp, data, pcapng_32(p, body.at + 16), out);
}

static bool pcapng_read_simple(struct pcapng *p, struct span body, struct offline_packet *out)
{
	const struct pcapng_interface *first;
	struct span data;
	u32 length;

	if (body.size < 4 || !p->interfaces->len) {
		p->damage = "a packet of an interface that was never described";
		return false;
	}
	first = &g_array_index(p->interfaces, struct pcapng_interface, 0);
	length = pcapng_32(p, body.at);
	data.at = body.at + 4;
	data.size = MIN(body.size - 4, length);
	if (first->snap)
		data.size = MIN(data.size, first->snap);
	return pcapng_emit(p, 0, 0, data, length, out);
}

/* A section begins: its byte order holds from here on, and its interfaces are its own. */
static bool pcapng_read_section(struct pcapng *p, size_t left)
{
	u32 order;

	if (left < 28) {
		p->damage = "a section header that is cut short";
		return false;
	}
	memcpy(&order, p->bytes + p->at + 8, sizeof(order));
	if (order != PCAPNG_ORDER && order != GUINT32_SWAP_LE_BE(PCAPNG_ORDER)) {
		p->damage = "a section header without a byte order";
		return false;
	}
	p->swapped = order != PCAPNG_ORDER;
	g_array_set_size(p->interfaces, 0);
	return true;
}

/* The next block's type and body; false at the end or where the file is damaged. */
static bool pcapng_block(struct pcapng *p, u32 *type, struct span *body)
{
	size_t left = p->size - p->at;
	u32 length;

	if (!left)
		return false;
	if (left < 12) {
		p->damage = "a block that is cut short";
		return false;
	}
	memcpy(type, p->bytes + p->at,
	       sizeof(*type)); /* the section's type reads alike in both orders */
	if (*type == PCAPNG_SECTION && !pcapng_read_section(p, left))
		return false;
	*type = pcapng_32(p, p->bytes + p->at);
	length = pcapng_32(p, p->bytes + p->at + 4);
	if (length < 12 || length % 4 || length > left) {
		p->damage = "a block that is cut short";
		return false;
	}
	body->at = p->bytes + p->at + 8;
	body->size = length - 12;
	p->at += length;
	return true;
}

int pcapng_next(struct pcapng *p, struct offline_packet *out)
{
	struct span body;
	u32 type;

	while (!p->damage && pcapng_block(p, &type, &body)) {
		if (type == PCAPNG_INTERFACE)
			pcapng_read_interface(p, body);
		else if (type == PCAPNG_ENHANCED || type == PCAPNG_PACKET)
			return pcapng_read_packet(p, type, body, out) ? 1 : -EBADMSG;
		else if (type == PCAPNG_SIMPLE)
			return pcapng_read_simple(p, body, out) ? 1 : -EBADMSG;
	}
	return p->damage ? -EBADMSG : 0;
}
