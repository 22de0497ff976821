// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/checksum.h"

#define CHECKSUM_CRC32C 0x82f63b78u /* Castagnoli's polynomial, reflected (RFC 9260 appendix A) */

/* Adds bytes as 16-bit words as they lie in memory: the sum is the same in either byte order. */
static u64 checksum_add(u64 sum, const u8 *at, u32 length)
{
	u32 word;

	for (; length >= 4; length -= 4, at += 4) {
		core_copy(&word, at, 4);
		sum += word;
	}
	if (length) {
		word = 0;
		__builtin_memcpy(&word, at, length);
		sum += word;
	}
	return sum;
}

static u16 checksum_fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

/*
 * A mapped IPv4 address adds 0xffff, which is nothing in this arithmetic but must not be the only
 * summand.
 */
static u16 checksum_pseudo(const struct packet *p, u32 length)
{
	u32 skip = p->is_v6 ? 0 : 12;
	u64 sum = (u64)core_swap16(p->protocol) + core_swap16(length >> 16) + core_swap16(length);

	sum = checksum_add(sum, (const u8 *)&p->src + skip, 16 - skip);
	return checksum_fold(checksum_add(sum, (const u8 *)&p->dst + skip, 16 - skip));
}

static bool checksum_fill_sum(u8 *at, u32 length, u32 field, const struct packet *p)
{
	u16 now, full;

	if (length < field + 2)
		return false;
	core_copy(&now, at + field, 2);
	if (CORE_LIKELY(now != checksum_pseudo(p, length)))
		return false;
	/* What stands in the field is the pseudo header's share. */
	full = (u16)~checksum_fold(checksum_add(0, at, length));
	if (!full)
		full = 0xffff; /* UDP: 0 would say "none" (RFC 768); the same number to TCP */
	core_copy(at + field, &full, 2);
	return true;
}

/* Bit by bit: only SCTP between stacks on one machine ever needs it. */
static u32 checksum_crc32c(const u8 *at, u32 length)
{
	u32 crc = ~0u;

	for (u32 i = 0; i < length; i++) {
		crc ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CHECKSUM_CRC32C : 0);
	}
	return ~crc;
}

static bool checksum_fill_sctp(u8 *at, u32 length)
{
	u32 crc;

	if (length < 12)
		return false;
	core_copy(&crc, at + 8, 4);
	if (crc)
		return false;
	crc = checksum_crc32c(at, length);
	for (int i = 0; i < 4; i++) /* the least significant byte goes first */
		at[8 + i] = (u8)(crc >> 8 * i);
	return true;
}

bool checksum_fill(u8 *frame, u32 length, const struct packet *p, int shift)
{
	u32 l4 = (u32)((int)p->l4 + shift), header = (u32)p->l4 - p->l3, size;

	if (p->kind != PACKET_IP || p->is_fragment || p->icmp_error || p->ip_length < header)
		return false;
	size = p->ip_length - header;
	if (l4 + size > length)
		return false;
	switch (p->protocol) {
	case PROTOCOL_TCP:
		return checksum_fill_sum(frame + l4, size, 16, p);
	case PROTOCOL_UDP:
		return checksum_fill_sum(frame + l4, size, 6, p);
	case PROTOCOL_SCTP:
		return checksum_fill_sctp(frame + l4, size);
	default:
		return false;
	}
}
