/* SPDX-License-Identifier: ISC */
/*
 * The lane: decide() for the frame that nearly all frames are, in a fraction of the time.
 *
 * TCP or UDP in plain IPv4 or IPv6, with one tag or none, for our MAC, in one piece; its device is
 * up and its conversation where placement says. It is not another policy but a shorter way through
 * the same one: the steps are decide()'s own, on a struct work that no function is handed, so that
 * it never becomes memory: what is not looked at is not computed, and the rest lies in registers.
 *
 * lane_decide() changes nothing that decide() would not change again (a pin in use looks fresh), so
 * whatever is not so plain leaves the lane and is decided from the start. lane_commit() does what
 * decide() does on its way. The packet tests compare verdicts, tables, counters and events.
 */
#ifndef SANDWICH_CORE_LANE_H
#define SANDWICH_CORE_LANE_H

#include "sandwich/core/decide.h"

#define LANE_TCP_BYTES 14 /* up to the flags */
#define LANE_UDP_BYTES 4

CORE_INLINE bool lane_ports(struct packet *p, const u8 *l4, u32 bytes)
{
	if (p->protocol != PROTOCOL_TCP && p->protocol != PROTOCOL_UDP)
		return false;
	if (bytes < (p->protocol == PROTOCOL_TCP ? LANE_TCP_BYTES : LANE_UDP_BYTES))
		return false;
	p->sport = core_read(16, l4);
	p->dport = core_read(16, l4 + 2);
	p->ports_known = true;
	return true;
}

/* AT has 34 bytes that can be read, of LENGTH in the frame. */
CORE_INLINE bool lane_ipv4(struct packet *p, const u8 *at, u32 length)
{
	p->ip_length = core_swap16(core_read(16, at + 2));
	p->protocol = at[9];
	if (at[0] != 0x45 || p->ip_length < 20 || p->ip_length > length)
		return false;
	if (core_read(16, at + 6) & core_swap16(0x3fff))
		return false; /* a fragment */
	address_from_v4(&p->src, core_read(32, at + 12));
	address_from_v4(&p->dst, core_read(32, at + 16));
	p->l4 = p->l3 + 20;
	if (p->protocol == PROTOCOL_TCP)
		p->tcp_flags = at[33];
	return lane_ports(p, at + 20, p->ip_length - 20u);
}

CORE_INLINE bool lane_ipv6(struct packet *p, const u8 *at, const u8 *end, u32 length)
{
	u32 payload;

	if (at + 44 > end)
		return false;
	payload = core_swap16(core_read(16, at + 4));
	p->ip_length = (u16)(payload + 40);
	p->protocol = at[6];
	if (at[0] >> 4 != 6 || payload + 40 > length)
		return false;
	packet_address(&p->src, at + 8);
	packet_address(&p->dst, at + 24);
	p->l4 = p->l3 + 40;
	if (p->protocol == PROTOCOL_TCP) {
		if (at + 54 > end)
			return false;
		p->tcp_flags = at[53];
	}
	p->is_v6 = true;
	return lane_ports(p, at + 40, payload);
}

/* Up to the network header; returns that, or NULL. */
CORE_INLINE const u8 *lane_ethernet(struct packet *p, const struct packet_cursor *c)
{
	const u8 *at = c->data;

	if (at + 48 > c->end)
		return NULL;
	mac_copy(p->mac_dst.byte, at);
	mac_copy(p->mac_src.byte, at + 6);
	p->type = core_swap16(core_read(16, at + 12));
	p->kind = PACKET_IP;
	p->is_first = true;
	p->l3 = 14;
	if (CORE_LIKELY(!packet_is_tag(p->type)))
		return at + 14;
	if (at + 52 > c->end)
		return NULL;
	p->zone = core_swap16(core_read(16, at + 14)) & 0xfff;
	p->type = core_swap16(core_read(16, at + 16));
	p->tags = 1;
	p->l3 = 18;
	return at + 18;
}

/*
 * What the frame of LENGTH bytes that lane_decide() let through leaves behind in the tables. False:
 * its session is on another device, and nothing was done.
 */
CORE_INLINE bool lane_commit(struct tables *t, const struct settings *cfg, struct work *w,
			     u32 length, struct touch *touch)
{
	u8 *stamp;

	if (decide_is_due(t, cfg, w, &stamp)) {
		decide_touch(cfg, w, 0, length, touch);
		w->events |= touch_flow(tables_hand(t), touch);
		if (w->events & EVENT_ELSEWHERE)
			return false;
		decide_stamp(cfg, w, stamp);
	}
	if (w->from)
		decide_hear(t, w->from, w->now);
	return true;
}

/* Its device can be reached; what only an error, a fragment or a host's pin needs is left out. */
CORE_INLINE bool lane_inward(struct tables *t, const struct settings *cfg, struct work *w)
{
	w->device = w->place.device;
	if (w->place.displaced && cfg->on_down != DOWN_MOVE)
		return false;
	if (cfg->pool_lengths && w->place.why != PLACE_PIN)
		return false;
	w->reason = w->place.why == PLACE_HASH ? REASON_TO_DEVICE : REASON_TO_DEVICE_PINNED;
	return decide_to_device(t, cfg, w);
}

/* It came from the device that placement names, and that has nothing to teach. */
CORE_INLINE bool lane_outward(struct tables *t, const struct settings *cfg, struct work *w)
{
	w->device = w->from;
	if (w->place.device != w->from || w->place.revived || decide_unbound(cfg, w))
		return false;
	decide_next_hop(t, cfg, w, NULL);
	return w->reason == REASON_TO_UPLINK;
}

/*
 * Decides what lane_parse() has read. W started zeroed but for `now` and `port`; *TOUCH is room
 * until lane_commit().
 */
CORE_INLINE bool lane_decide(struct tables *t, const struct settings *cfg, struct work *w,
			     struct touch *touch)
{
	bool inward = w->port == PORT_UPLINK;
	u32 local;

	w->packet.to = w->packet.dst;
	if (cfg->last_hop || decide_owner(cfg, w))
		return false;
	local = local_find(t, cfg, &w->packet.to);
	if (local & LOCAL_OWN || (inward && local & LOCAL_DEVICE))
		return false;
	if (inward && cfg->learn_hosts && cfg->affinity != AFFINITY_CLIENT)
		return false;
	if (!inward)
		w->from = decide_speaker(t, cfg, w);
	if (!inward && !w->from)
		return false;
	decide_keys(cfg, w, cfg->affinity);
	if (cfg->tunnels && local_may(cfg, local_hash(&w->flow.inside)))
		return false; /* a cluster address, perhaps */
	place_quick(t, cfg, &w->key, flow_hash(&cfg->placement, &w->key), w->now, &w->place,
		    &touch->flow);
	return inward ? lane_inward(t, cfg, w) : lane_outward(t, cfg, w);
}

/*
 * Reads the frame if it may be one for the lane. P starts zeroed. False: it is decide()'s, as it is
 * whenever a later step says so.
 */
CORE_INLINE bool lane_parse(const struct packet_cursor *c, struct packet *p)
{
	const u8 *at = lane_ethernet(p, c);
	u32 length = c->length - p->l3;

	if (!at)
		return false;
	if (CORE_LIKELY(p->type == ETHERNET_IPV4))
		return lane_ipv4(p, at, length);
	return p->type == ETHERNET_IPV6 && lane_ipv6(p, at, c->end, length);
}

#endif
