/* SPDX-License-Identifier: ISC */
/*
 * For unit tests that make and read whole frames (tests/packets/frame.h): checksums are filled in
 * and verified here without the code under test, frames are read back with the engine's own parser.
 */
#ifndef TESTS_UNIT_FRAMES_H
#define TESTS_UNIT_FRAMES_H

#include <stdlib.h>
#include <string.h>

#include "sandwich/slowpath/pump.h"
#include "tests/packets/frame.h"

static inline struct address frames_address(const char *text)
{
	struct address a = {{0, 0}};

	if (frame_address(text, &a))
		abort();
	return a;
}

static inline struct mac frames_mac(u8 last)
{
	return (struct mac){{0x02, 0, 0, 0, 0, last}};
}

static inline bool frames_parse(const u8 *data, u32 length, struct packet *p)
{
	struct packet_cursor cursor = {.data = data, .end = data + length, .length = length};
	u8 why;

	memset(p, 0, sizeof(*p));
	return packet_parse(&cursor, p, &why);
}

static inline u32 frames_sum(const u8 *at, u32 length, u32 sum)
{
	for (u32 i = 0; i < length; i++)
		sum += i & 1 ? at[i] : (u32)at[i] << 8;
	return sum;
}

static inline u16 frames_fold(u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

/* The transport protocol by the IP headers: not that of a packet which an ICMP error quotes. */
static inline u8 frames_protocol(const u8 *data, const struct packet *p)
{
	u8 next = data[p->l3 + (p->is_v6 ? 6 : 9)];

	return p->is_v6 && packet_is_extension(next) ? p->protocol : next;
}

/* The sum of the message behind the IP header with its pseudo header: 0xffff when its checksum is
 * right. */
static inline u16 frames_transport_sum(const u8 *data, const struct packet *p)
{
	u32 bytes = p->l3 + p->ip_length - p->l4, sum = 0;

	if (p->is_v6)
		sum = frames_sum(data + p->l3 + 8, 32, bytes + frames_protocol(data, p));
	else if (data[p->l3 + 9] != PROTOCOL_ICMP)
		sum = frames_sum(data + p->l3 + 12, 8, bytes + data[p->l3 + 9]);
	return frames_fold(frames_sum(data + p->l4, bytes, sum));
}

/* Whether the checksums of an IP frame are right. */
static inline bool frames_intact(const u8 *data, const struct packet *p)
{
	if (!p->is_v6 && frames_fold(frames_sum(data + p->l3, p->l4 - p->l3, 0)) != 0xffff)
		return false;
	return frames_transport_sum(data, p) == 0xffff;
}

static inline void frames_write16(u8 *at, u16 value)
{
	at[0] = (u8)(value >> 8);
	at[1] = (u8)value;
}

/* Fills in the checksums of an ICMP, ICMPv6, TCP or UDP frame. */
static inline void frames_seal(struct frame *f)
{
	struct packet p;
	u32 offset;
	u8 protocol;

	if (!frames_parse(f->bytes, f->length, &p) || p.kind != PACKET_IP)
		return;
	protocol = frames_protocol(f->bytes, &p);
	offset = protocol == PROTOCOL_TCP ? 16 : protocol == PROTOCOL_UDP ? 6 : 2;
	if (!p.is_v6) {
		frames_write16(f->bytes + p.l3 + 10, 0);
		frames_write16(f->bytes + p.l3 + 10,
			       (u16)~frames_fold(frames_sum(f->bytes + p.l3, p.l4 - p.l3, 0)));
	}
	frames_write16(f->bytes + p.l4 + offset, 0);
	frames_write16(f->bytes + p.l4 + offset, (u16)~frames_transport_sum(f->bytes, &p));
}

/* The same frame with another TTL or hop limit. */
static inline void frames_hops(struct frame *f, u8 hops)
{
	struct packet p;

	if (frames_parse(f->bytes, f->length, &p))
		f->bytes[p.l3 + (p.is_v6 ? 7 : 8)] = hops;
	frames_seal(f);
}

static inline struct slow_frame frames_slow(const struct frame *f, u8 port, u8 reason)
{
	struct slow_frame slow;

	memset(&slow, 0, sizeof(slow));
	slow.length = f->length;
	slow.data = f->bytes;
	slow.work.port = port;
	slow.work.reason = reason;
	frames_parse(f->bytes, f->length, &slow.work.packet);
	return slow;
}

/* What a part under test has sent. */
#define FRAMES_SENT_MAX 32

struct frames_sent {
	unsigned int n;
	struct {
		u8 port;
		struct frame frame;
		struct packet packet;
	} at[FRAMES_SENT_MAX];
};

static inline void frames_take(struct frames_sent *sent, u8 port, const void *frame, size_t length)
{
	unsigned int i = sent->n++ % FRAMES_SENT_MAX;

	if (length > FRAME_MAX)
		abort();
	sent->at[i].port = port;
	sent->at[i].frame.length = (u32)length;
	memcpy(sent->at[i].frame.bytes, frame, length);
	if (!frames_parse(sent->at[i].frame.bytes, (u32)length, &sent->at[i].packet))
		abort();
}

#endif
