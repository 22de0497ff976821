// SPDX-License-Identifier: ISC
#include "tests/hammer/hammer.h"

#include <stdio.h>
#include <string.h>

enum kind flow_kind(u32 n)
{
	if (n < 64)
		return KIND_STILL;
	if (n < 128)
		return KIND_ANCHOR;
	return KIND_OUTSIDE + (enum kind)(n % 3);
}

/* Each word of the key tells the number. */
void flow_key(struct flow *key, u32 n)
{
	enum kind kind = flow_kind(n);

	memset(key, 0, sizeof(*key));
	address_from_v4(&key->outside, core_swap32(0x0a000000 | n));
	address_from_v4(&key->inside, core_swap32(0xac100000 | (n ^ 0xfff)));
	key->outside_port = core_swap16((u16)(1024 + n));
	key->inside_port = core_swap16((u16)(20000 + n));
	key->protocol = kind == KIND_OUTSIDE || kind == KIND_INSIDE ? PROTOCOL_UDP : PROTOCOL_TCP;
}

u32 flow_number(const struct flow *key)
{
	u32 n = (u32)core_swap16(key->outside_port) - 1024u;
	struct flow whole;

	if (n >= FLOWS)
		return FLOWS;
	flow_key(&whole, n);
	return flow_equal(key, &whole) ? n : FLOWS;
}

u8 flow_other(const struct hammer *h, u32 n, u8 device)
{
	return device == h->device[n] ? h->device[n] + HAMMER_DEVICES : h->device[n];
}

static const char *flow_transport(enum kind kind, u64 random)
{
	static const char *const tcp[] = {"S", "S", "S", "R"};

	if (kind == KIND_STILL || kind == KIND_ANCHOR)
		return "A";
	return kind == KIND_TCP ? tcp[random % 4] : NULL;
}

u8 flow_frame(const struct hammer *h, struct frame *f, u32 n, u64 random)
{
	enum kind kind = flow_kind(n);
	const char *flags = flow_transport(kind, random >> 8);
	bool inside = kind == KIND_INSIDE;
	struct mac dst = world_mac(inside), src = world_neighbour_mac(1);
	char ends[2][32], text[160];

	snprintf(ends[0], sizeof(ends[0]), "10.0.%u.%u", n >> 8, n & 255);
	snprintf(ends[1], sizeof(ends[1]), "172.16.%u.%u", (n ^ 0xfff) >> 8, (n ^ 0xfff) & 255);
	snprintf(text, sizeof(text), "v4 %s>%s %s %u>%u%s%s", ends[inside], ends[!inside],
		 flags ? "tcp" : "udp", inside ? 20000 + n : 1024 + n,
		 inside ? 1024 + n : 20000 + n, flags ? " flags=" : "", flags ? flags : "");
	frame_make(f, "eth %s", text);
	if (inside)
		src = world_device_mac(random >> 4 & 1 ? h->device[n]
						       : flow_other(h, n, h->device[n]));
	memcpy(f->bytes, &dst, 6);
	memcpy(f->bytes + 6, &src, 6);
	return inside;
}
