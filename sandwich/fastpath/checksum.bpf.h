/* SPDX-License-Identifier: ISC */
/*
 * Checksums that a sender on the same machine has left to hardware: recognised here, completed by
 * the slow path (slowpath/checksum.h says how they look). Once redirected nobody knows that such a
 * frame is unfinished, and its receiver drops it.
 */
#ifndef SANDWICH_FASTPATH_CHECKSUM_BPF_H
#define SANDWICH_FASTPATH_CHECKSUM_BPF_H

#include "sandwich/core/packet.h"

CORE_INLINE u64 checksum_add_word(u64 sum, u64 word)
{
	return sum + (u32)word + (word >> 32);
}

CORE_INLINE u16 checksum_fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)((sum & 0xffff) + (sum >> 16));
}

/* The folded sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1); LENGTH: of what it covers. */
CORE_INLINE u16 checksum_pseudo(const struct packet *p, u32 length)
{
	u64 sum = (u64)core_swap16(p->protocol) + core_swap16(length);

	if (!p->is_v6) /* without what maps it: 0xffff must not be the only summand */
		return checksum_fold(sum + (p->src.word[1] >> 32) + (p->dst.word[1] >> 32));
	sum = checksum_add_word(sum, p->src.word[0]);
	sum = checksum_add_word(sum, p->src.word[1]);
	sum = checksum_add_word(sum, p->dst.word[0]);
	return checksum_fold(checksum_add_word(sum, p->dst.word[1]));
}

/* Where the checksum lies in the transport header; 0: there is none that may be unfinished. */
CORE_INLINE u32 checksum_field(u8 protocol)
{
	switch (protocol) {
	case PROTOCOL_TCP:
		return 16;
	case PROTOCOL_UDP:
		return 6;
	case PROTOCOL_SCTP:
		return 8;
	default:
		return 0;
	}
}

/* True for a finished one, too, that looks like it: once in 65,536 frames. */
CORE_INLINE bool checksum_unfinished(const struct packet_cursor *c, const struct packet *p)
{
	u32 field = checksum_field(p->protocol), header = (u32)p->l4 - p->l3;
	const u8 *at;

	if (!field || p->is_fragment || p->icmp_error || p->ip_length < header)
		return false;
	if (p->protocol == PROTOCOL_SCTP) {
		at = packet_at(c, p->l4 + field, 4);
		return at && packet_be32(at) == 0;
	}
	at = packet_at(c, p->l4 + field, 2);
	return at && packet_be16(at) == checksum_pseudo(p, p->ip_length - header);
}

#endif
