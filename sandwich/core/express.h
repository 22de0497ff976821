/* SPDX-License-Identifier: ISC */
/*
 * The express: the lane for the frame that changes nothing but a count.
 *
 * From the uplink to a device: TCP without SYN, FIN and RST, or UDP, in a whole packet of plain
 * headers; placed by its row, without a pin, and its row has touched its session of late. What it
 * reads are a dozen words, so it keeps them in registers and builds neither struct packet nor
 * struct flow. It changes nothing: what it does not take is the lane's (lane.h), or decide()'s.
 *
 * The steps are those of decide(), in the same order where that matters; the packet tests compare
 * what comes of them. A step returns false, or 0, where the frame is not for the express.
 */
#ifndef SANDWICH_CORE_EXPRESS_H
#define SANDWICH_CORE_EXPRESS_H

#include "sandwich/core/decide.h"

#define EXPRESS_BYTES 38 /* Ethernet with a tag, and IPv4 */

struct express {
	const u8 *at;	 /* the network header */
	const u8 *end;	 /* of the first buffer, in which all of the packet must be */
	u64 hash;	 /* of the affinity key */
	u32 length;	 /* of the frame in the first buffer, bytes */
	u32 zone;	 /* the tag's VLAN id */
	be16 type;
	bool tagged;
	bool checks;	 /* its checksum may have been left to hardware */
};

/* The first six of eight bytes, as they lie in memory. */
CORE_INLINE u64 express_six(u64 word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word << 16;
#else
	return word >> 16;
#endif
}

/* The MAC of ROLE, and two bytes more. */
CORE_INLINE u64 express_mac(const struct settings *cfg, u32 role)
{
	return core_read(64, (const u8 *)cfg + offsetof(struct settings, mac) +
				     role * sizeof(struct mac));
}

/* For us, and not from us; decide_owner(), as far as Ethernet goes. FRAME has EXPRESS_BYTES. */
CORE_INLINE bool express_ethernet(const struct settings *cfg, const u8 *frame, struct express *e)
{
	u64 mine = express_mac(cfg, 0);
	u16 vlan = cfg->vlan[0];

	if (express_six(core_read(64, frame) ^ mine) || frame[0] & 1)
		return false;
	if (!express_six(core_read(64, frame + 6) ^ mine) || cfg->standby || cfg->last_hop)
		return false;
	e->at = frame + 14;
	e->type = core_read(16, frame + 12);
	if (e->type == core_swap16(ETHERNET_VLAN)) {
		e->zone = core_swap16(core_read(16, frame + 14)) & 0xfff;
		e->type = core_read(16, frame + 16);
		e->at = frame + 18;
		e->tagged = true;
	}
	return vlan == VLAN_KEEP || vlan == e->zone;
}

/* Whether the sum of the pseudo header is all that FIELD holds: checksum_unfinished(). */
CORE_INLINE bool express_is_unfinished(be16 field, u64 sum, u8 protocol, u32 length)
{
	sum += (u64)core_swap16(protocol) + core_swap16(length);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return field == (u16)((sum & 0xffff) + (sum >> 16));
}

/*
 * A transport header that neither opens nor closes, and whose checksum is finished. LENGTH: of the
 * IP packet's payload; SUM: of the addresses.
 */
CORE_INLINE bool express_transport(const struct express *e, const u8 *l4, u8 protocol, u32 length,
				   u64 sum)
{
	if (protocol == PROTOCOL_UDP) {
		if (length < 8 || l4 + 8 > e->end)
			return false;
		return !e->checks ||
		       !express_is_unfinished(core_read(16, l4 + 6), sum, protocol, length);
	}
	if (protocol != PROTOCOL_TCP || length < 18 || l4 + 18 > e->end)
		return false;
	if (l4[13] & (TCP_SYN | TCP_FIN | TCP_RST))
		return false;
	return !e->checks || !express_is_unfinished(core_read(16, l4 + 16), sum, protocol, length);
}

/* Whether all of the IP packet, LENGTH bytes, lies in the first buffer. */
CORE_INLINE bool express_holds(const struct express *e, u32 length)
{
	return length + (e->tagged ? 18 : 14) <= e->length;
}

/* The key is one end's: that which the frame comes from, or else goes to. */
CORE_INLINE bool express_key_is_source(const struct settings *cfg)
{
	return (cfg->affinity == AFFINITY_CLIENT) == (cfg->side == SIDE_INGRESS);
}

/* The last word of a key, which has no ports: flow_tail(). */
CORE_INLINE u64 express_tail(const struct settings *cfg, const struct express *e)
{
	struct flow key = {.protocol = cfg->affinity};

	flow_zone(&key, cfg->zoned ? e->zone : 0);
	return flow_tail(&key);
}

/* The first byte of an IPv4 address that may be an end: address_is_martian(). */
CORE_INLINE bool express_is_end(u8 first)
{
	return first && first < 224 && first != 127;
}

CORE_INLINE bool express_ipv4(const struct settings *cfg, struct express *e)
{
	const u8 *at = e->at;
	be32 src = core_read(32, at + 12), dst = core_read(32, at + 16);
	u32 length = core_swap16(core_read(16, at + 2));
	u64 words = src < dst ? src | (u64)dst << 32 : dst | (u64)src << 32;
	struct address to;

	if (at[0] != 0x45 || length < 20 || core_read(16, at + 6) & core_swap16(0x3fff))
		return false;
	if (!express_holds(e, length) || !express_is_end(at[12]) || !express_is_end(at[16]) ||
	    !express_transport(e, at + 20, at[9], length - 20, (u64)src + dst))
		return false;
	address_from_v4(&to, dst);
	if (local_may(cfg, local_hash(&to)))
		return false;
	if (cfg->affinity != AFFINITY_PAIR)
		words = express_key_is_source(cfg) ? src : dst;
	e->hash = flow_hash_v4(&cfg->placement, words, express_tail(cfg, e));
	return true;
}

CORE_INLINE u64 express_sum(const struct address *a)
{
	return (a->word[0] >> 32) + (u32)a->word[0] + (a->word[1] >> 32) + (u32)a->word[1];
}

CORE_INLINE bool express_ipv6(const struct settings *cfg, struct express *e)
{
	const u8 *at = e->at;
	struct address src, dst, outside, inside;
	bool swap, pair = cfg->affinity == AFFINITY_PAIR;
	u32 length;

	if (at + 40 > e->end || at[0] >> 4 != 6)
		return false;
	length = core_swap16(core_read(16, at + 4));
	packet_address(&src, at + 8);
	packet_address(&dst, at + 24);
	if (!src.word[0] || !dst.word[0] || at[8] == 0xff || at[24] == 0xff)
		return false; /* some of these are no end */
	if (!express_holds(e, length + 40) ||
	    !express_transport(e, at + 40, at[6], length, express_sum(&src) + express_sum(&dst)) ||
	    local_may(cfg, local_hash(&dst)))
		return false;
	swap = pair ? address_less(&dst, &src) : !express_key_is_source(cfg);
	outside = address_either(swap, &dst, &src);
	inside.word[0] = !pair ? 0 : swap ? src.word[0] : dst.word[0];
	inside.word[1] = !pair ? 0 : swap ? src.word[1] : dst.word[1];
	e->hash = flow_hash_v6(&cfg->placement, &outside, &inside, express_tail(cfg, e));
	return true;
}

/* Whether one frame of many is to touch its session now. PHASE: settings_phase(). */
CORE_INLINE bool express_is_due(struct tables *t, u64 hash, u32 phase)
{
	u32 row = rank_row_of(hash);
	u8 *stamp = tables_stamp(t, row);

	return !stamp || core_load(stamp) != settings_tick(phase, row);
}

/* The device that carries it, by its row; 0 also where the row's own is not up and that matters. */
CORE_INLINE u8 express_device(struct tables *t, const struct settings *cfg, u64 hash)
{
	struct rank_row *row = tables_row(t, core_load(&cfg->rows), rank_row_of(hash));

	if (!row || pin_filter_has(t, cfg, hash))
		return 0;
	if (cfg->on_down != DOWN_MOVE && !device_set_has(&cfg->up, row->device[0]))
		return 0;
#pragma GCC unroll 4
	for (u8 i = 0; i < RANK_DEPTH; i++)
		if (row->device[i] && device_set_has(&cfg->pick, row->device[i]))
			return row->device[i];
	return 0;
}

/* The tag that a frame to D leaves with, if it stays as long as it came; else false. */
CORE_INLINE bool express_tag(const struct settings *cfg, const struct device *d,
			     const struct express *e)
{
	u16 vlan = d->vlan != VLAN_KEEP ? d->vlan : cfg->vlan[1];

	return vlan == VLAN_KEEP || (vlan == VLAN_NONE && !e->tagged);
}

/* The destination is HOP's, the source ROLE's: the frame's first twelve bytes. */
CORE_INLINE void express_rewrite(const struct settings *cfg, u8 *frame, hop_word hop, u32 role)
{
	u64 source = express_mac(cfg, role);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	u64 first = __builtin_bswap64(hop >> 16 << 16) | source << 48;
	u32 rest = (u32)(source >> 16);
#else
	u64 first = hop >> 16 << 16 | source >> 48;
	u32 rest = (u32)(source >> 16);
#endif

	core_write(64, frame, first);
	core_write(32, frame + 8, rest);
}

/* All but the Ethernet header; AT is behind that. */
CORE_INLINE bool express_parse(const struct settings *cfg, struct express *e)
{
	if (cfg->affinity == AFFINITY_FLOW ||
	    (cfg->learn_hosts && (cfg->affinity != AFFINITY_CLIENT || cfg->pool_lengths)))
		return false;
	if (CORE_LIKELY(e->type == core_swap16(ETHERNET_IPV4)))
		return express_ipv4(cfg, e);
	return e->type == core_swap16(ETHERNET_IPV6) && express_ipv6(cfg, e);
}

#endif
