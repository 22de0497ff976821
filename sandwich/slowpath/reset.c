// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/reset.h"

#include <string.h>

#include "sandwich/slowpath/build.h"

#define RESET_TCP_HEADER 20
#define RESET_V4_QUOTE   (576 - 20 - 8)  /* RFC 1812 4.3.2.3 */
#define RESET_V6_QUOTE   (1280 - 40 - 8) /* RFC 4443 2.4 (c) */

/* One host, so that a packet from or to it may be answered (RFC 1122 3.2.2, RFC 4443 2.4 (e)). */
static bool reset_is_host(const struct address *a)
{
	const u8 *byte = (const u8 *)a;

	if (address_is_v4(a))
		return byte[12] != 0 && byte[12] != 127 && byte[12] < 224;
	return byte[0] != 0xff && (a->word[0] || a->word[1]);
}

static bool reset_is_due(const struct slow_frame *frame)
{
	const struct packet *p = &frame->work.packet;

	return p->kind == PACKET_IP && p->is_first && p->ports_known && !p->icmp_error &&
	       !packet_is_icmp_error(p) && !mac_is_group(&p->mac_src) &&
	       !mac_is_group(&p->mac_dst) && reset_is_host(&p->src) && reset_is_host(&p->dst);
}

/* Where the packet ends within the bytes at hand. */
static u32 reset_end(const struct slow_frame *frame)
{
	u32 end = frame->work.packet.l3 + (u32)frame->work.packet.ip_length;

	return end < frame->length ? end : frame->length;
}

/*
 * RFC 9293 3.10.7.1, for a connection that does not exist. False: no RST is due, or none can be
 * made. The space a segment takes is counted by its IP header, which the frame need not hold to the
 * end.
 */
static bool reset_tcp_fields(const struct slow_frame *frame, struct build_tcp *tcp)
{
	const struct packet *p = &frame->work.packet;
	u32 payload = p->l3 + (u32)p->ip_length - p->l4;
	const u8 *at = frame->data + p->l4;
	u32 header;

	if (p->l4 + (u32)RESET_TCP_HEADER > reset_end(frame) || at[13] & TCP_RST)
		return false;
	header = (at[12] >> 4) * 4u;
	if (header < RESET_TCP_HEADER || header > payload)
		return false;
	tcp->sport = packet_read16(at + 2);
	tcp->dport = packet_read16(at);
	tcp->flags = TCP_RST;
	if (at[13] & TCP_ACK) {
		tcp->sequence = core_swap32(packet_be32(at + 8));
		return true;
	}
	tcp->flags |= TCP_ACK;
	tcp->acknowledgement = core_swap32(packet_be32(at + 4)) + payload - header +
			       !!(at[13] & TCP_SYN) + !!(at[13] & TCP_FIN);
	return !p->is_fragment; /* how long a fragmented segment is can't be told */
}

static u32 reset_tcp(const struct slow_frame *frame, const struct build_link *link, u8 *out)
{
	struct build_ip ip = {.src = frame->work.packet.dst, .dst = frame->work.packet.src};
	struct build_tcp tcp = {0};

	if (!reset_tcp_fields(frame, &tcp))
		return 0;
	return build_tcp(out, RESET_FRAME_MAX, link, &ip, &tcp);
}

static u32 reset_icmp(const struct slow_frame *frame, const struct build_link *link,
		      const struct address *source, u8 *out)
{
	const struct packet *p = &frame->work.packet;
	struct build_ip ip = {.dst = p->src};
	u32 quote = reset_end(frame) - p->l3, most = p->is_v6 ? RESET_V6_QUOTE : RESET_V4_QUOTE;

	if (!source || address_is_v4(source) == p->is_v6 || p->l4 + 8u > reset_end(frame))
		return 0;
	ip.src = *source;
	return build_prohibited(out, RESET_FRAME_MAX, link, &ip, frame->data + p->l3,
				quote < most ? quote : most);
}

u32 reset_answer(const struct slow_frame *frame, const struct mac *mine,
		 const struct address *icmp_source, u8 *out)
{
	struct build_link link;

	if (!reset_is_due(frame))
		return 0;
	build_link_answer(&link, frame->data, &frame->work.packet, mine);
	if (frame->work.packet.protocol == PROTOCOL_TCP)
		return reset_tcp(frame, &link, out);
	return reset_icmp(frame, &link, icmp_source, out);
}

u32 reset_challenge(const struct flow *flow, bool to_outside, u8 *out)
{
	struct build_ip ip = {.src = to_outside ? flow->inside : flow->outside,
			      .dst = to_outside ? flow->outside : flow->inside};
	struct build_tcp tcp = {
		.sport = core_swap16(to_outside ? flow->inside_port : flow->outside_port),
		.dport = core_swap16(to_outside ? flow->outside_port : flow->inside_port),
		.flags = TCP_SYN};
	struct build_link link;

	if (flow->protocol != PROTOCOL_TCP || address_is_v4(&ip.src) != address_is_v4(&ip.dst))
		return 0;
	core_zero(&link, sizeof(link));
	return build_tcp(out, RESET_FRAME_MAX, &link, &ip, &tcp);
}
