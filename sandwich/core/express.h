/* SPDX-License-Identifier: ISC */
/*
 * The express: decide() for the frame that nearly all frames are, in a fraction of the time.
 *
 * TCP or UDP in plain IPv4 or IPv6, in one piece, with one tag or none, for our MAC; its device is
 * up, it can be reached, and its conversation is where placement says, or is new. It is not another
 * policy but a shorter way through the same one, by the same steps, in the same order where that
 * matters; the packet tests compare verdicts, bytes, tables, counters and events. What it reads are
 * a few dozen words, so it keeps them in registers, and builds neither struct packet nor anything
 * else that a function could be handed: a call costs as much as ten of its loads. Only where a key
 * does not lie at home, or a record is to be made or to be changed, there is one.
 *
 * A step returns false, or 0, where the frame is decide()'s. Until the last one nothing was changed
 * then that decide() would not change again: a pin in use looks fresh.
 */
#ifndef SANDWICH_CORE_EXPRESS_H
#define SANDWICH_CORE_EXPRESS_H

#include "sandwich/core/decide.h"

#define EXPRESS_BYTES 38 /* Ethernet with a tag, and IPv4 */

/* For what functions have to be handed: all else is in registers. */
struct express_room {
	struct touch touch;
	struct flow flow;
};

#ifdef __bpf__
/* NULL: there is none, to the verifier's mind. */
CORE_INLINE struct express_room *express_room(void);
/* Where the next touch is noted, and: do it, now or soon. False: as express_touch(). */
CORE_INLINE struct express_room *express_note(void);
CORE_INLINE bool express_noted(void);
#else /* user space has decide() */
CORE_INLINE struct express_room *express_room(void)
{
	return NULL;
}

CORE_INLINE struct express_room *express_note(void)
{
	return NULL;
}

CORE_INLINE bool express_noted(void)
{
	return false;
}
#endif

struct express {
	const u8 *at;	 /* the network header */
	const u8 *end;	 /* of the first buffer, in which all of the packet must be */
	u64 hash;	 /* of the affinity key */
	u32 length;	 /* of the frame in the first buffer, bytes */
	u32 zone;	 /* the tag's VLAN id */
	u8 flags;	 /* TCP's */
	bool due;	 /* it touches its session as one of many: express_is_due() */
	be16 type;
	bool tagged;
	bool checks;	 /* its checksum may have been left to hardware */
	bool inward;	 /* from the uplink */
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
	u32 role = e->inward ? 0 : 1;
	u64 mine = express_mac(cfg, role);
	u16 vlan = cfg->vlan[role];

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
 * A transport header whose checksum is finished. LENGTH: of the IP packet's payload; SUM: of the
 * addresses.
 */
CORE_INLINE bool express_transport(struct express *e, const u8 *l4, u8 protocol, u32 length,
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
	e->flags = l4[13];
	return !e->checks || !express_is_unfinished(core_read(16, l4 + 16), sum, protocol, length);
}

/* Whether all of the IP packet, LENGTH bytes, lies in the first buffer. */
CORE_INLINE bool express_holds(const struct express *e, u32 length)
{
	return length + (e->tagged ? 18 : 14) <= e->length;
}

CORE_INLINE bool express_from_outside(const struct settings *cfg, const struct express *e)
{
	return (cfg->side == SIDE_INGRESS) == e->inward;
}

/* The key is one end's: that which the frame comes from, or else goes to. */
CORE_INLINE bool express_key_is_source(const struct settings *cfg, const struct express *e)
{
	return (cfg->affinity == AFFINITY_CLIENT) == express_from_outside(cfg, e);
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

/*
 * Whether the frame is not for the balancer itself, nor for a device (decide_is_local()), nor may
 * be a tunnel's (tunnel_read()).
 */
CORE_INLINE bool express_is_through(struct tables *t, const struct settings *cfg,
				    const struct express *e, const struct address *from,
				    const struct address *to)
{
	struct address inside = address_either(express_from_outside(cfg, e), to, from);
	struct express_room *room;
	u32 local;

	if (CORE_UNLIKELY(cfg->tunnels) && local_may(cfg, local_hash(&inside)))
		return false;
	if (CORE_LIKELY(!local_may(cfg, local_hash(to))))
		return true;
	room = express_room();
	if (!room)
		return false;
	room->flow.outside = *to;
	local = local_seek(tables_hand(t), &room->flow.outside);
	return !(local & LOCAL_OWN) && !(e->inward && local & LOCAL_DEVICE);
}

CORE_INLINE bool express_ipv4(struct tables *t, const struct settings *cfg, struct express *e)
{
	const u8 *at = e->at;
	be32 src = core_read(32, at + 12), dst = core_read(32, at + 16);
	u32 length = core_swap16(core_read(16, at + 2));
	u64 words = src < dst ? src | (u64)dst << 32 : dst | (u64)src << 32;
	struct address from, to;

	if (at[0] != 0x45 || length < 20 || core_read(16, at + 6) & core_swap16(0x3fff))
		return false;
	if (!express_holds(e, length) || !express_is_end(at[12]) || !express_is_end(at[16]) ||
	    !express_transport(e, at + 20, at[9], length - 20, (u64)src + dst))
		return false;
	address_from_v4(&from, src);
	address_from_v4(&to, dst);
	if (!express_is_through(t, cfg, e, &from, &to))
		return false;
	if (cfg->affinity != AFFINITY_PAIR)
		words = express_key_is_source(cfg, e) ? src : dst;
	e->hash = flow_hash_v4(&cfg->placement, words, express_tail(cfg, e));
	return true;
}

CORE_INLINE u64 express_sum(const struct address *a)
{
	return (a->word[0] >> 32) + (u32)a->word[0] + (a->word[1] >> 32) + (u32)a->word[1];
}

CORE_INLINE bool express_ipv6(struct tables *t, const struct settings *cfg, struct express *e)
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
	    !express_is_through(t, cfg, e, &src, &dst))
		return false;
	swap = pair ? address_less(&dst, &src) : !express_key_is_source(cfg, e);
	outside = address_either(swap, &dst, &src);
	inside.word[0] = !pair ? 0 : swap ? src.word[0] : dst.word[0];
	inside.word[1] = !pair ? 0 : swap ? src.word[1] : dst.word[1];
	e->hash = flow_hash_v6(&cfg->placement, &outside, &inside, express_tail(cfg, e));
	return true;
}

/* Whether the frame touches its session: decide_is_due(). PHASE: settings_phase(). */
CORE_INLINE bool express_is_due(struct tables *t, const struct express *e, u32 quantum, u32 phase)
{
	u32 row = rank_row_of(e->hash);
	u8 *stamp = tables_stamp(t, row);

	if (!quantum || e->flags & (TCP_SYN | TCP_FIN | TCP_RST))
		return true;
	return stamp && core_load(stamp) != settings_tick(phase, row);
}

/* That it has: decide_stamp(). */
CORE_INLINE void express_stamp(struct tables *t, const struct express *e, u32 quantum, u32 phase)
{
	u32 row = rank_row_of(e->hash);
	u8 *stamp = tables_stamp(t, row);

	if (stamp && quantum && !(e->flags & (TCP_SYN | TCP_FIN | TCP_RST)))
		core_store(stamp, settings_tick(phase, row));
}

/* Where it wants to go: as express_flow(). */
CORE_INLINE bool express_to(const struct express *e, struct address *to)
{
	if (e->type == core_swap16(ETHERNET_IPV4)) {
		if (e->at + 20 > e->end)
			return false;
		address_from_v4(to, core_read(32, e->at + 16));
		return true;
	}
	if (e->at + 40 > e->end)
		return false;
	packet_address(to, e->at + 24);
	return true;
}

/* The flow of what express_parse() has read; always, but the verifier wants to see it asked. */
CORE_INLINE bool express_flow(const struct settings *cfg, const struct express *e,
			      struct flow *flow)
{
	bool v4 = e->type == core_swap16(ETHERNET_IPV4), outside = express_from_outside(cfg, e);
	struct address src, dst;
	const u8 *at = e->at;
	be16 sport, dport;
	u8 protocol;

	if (v4 ? at + 28 > e->end : at + 48 > e->end)
		return false;
	if (v4) {
		address_from_v4(&src, core_read(32, at + 12));
		address_from_v4(&dst, core_read(32, at + 16));
	} else {
		packet_address(&src, at + 8);
		packet_address(&dst, at + 24);
	}
	protocol = v4 ? at[9] : at[6];
	sport = v4 ? core_read(16, at + 20) : core_read(16, at + 40);
	dport = v4 ? core_read(16, at + 22) : core_read(16, at + 42);
	flow->outside = address_either(outside, &src, &dst);
	flow->inside = address_either(outside, &dst, &src);
	((any_word *)flow)[HASH_WORDS - 1] =
		flow_last(outside ? sport : dport, outside ? dport : sport,
			  cfg->zoned ? e->zone : 0, protocol);
	return true;
}

/* affinity_key(), of whole words: a byte that was just stored delays a look at its word. */
CORE_INLINE void express_key(const struct settings *cfg, const struct express *e,
			     const struct flow *flow, struct flow *key)
{
	bool pair = cfg->affinity == AFFINITY_PAIR;
	bool swap = pair ? address_less(&flow->inside, &flow->outside)
			 : cfg->affinity == AFFINITY_SERVER;

	if (cfg->affinity == AFFINITY_FLOW) {
		*key = *flow;
		return;
	}
	key->outside = address_either(swap, &flow->inside, &flow->outside);
	key->inside.word[0] = !pair ? 0 : swap ? flow->outside.word[0] : flow->inside.word[0];
	key->inside.word[1] = !pair ? 0 : swap ? flow->outside.word[1] : flow->inside.word[1];
	((any_word *)key)[HASH_WORDS - 1] =
		flow_last(0, 0, cfg->zoned ? e->zone : 0, cfg->affinity);
}

/* The device that its row names; 0 also where the row's own is not up and that matters. */
CORE_INLINE u8 express_by_hash(struct tables *t, const struct settings *cfg, u64 hash)
{
	struct rank_row *row = tables_row(t, core_load(&cfg->rows), rank_row_of(hash));

	if (!row || (cfg->on_down != DOWN_MOVE && !device_set_has(&cfg->up, row->device[0])))
		return 0;
#pragma GCC unroll 4
	for (u8 i = 0; i < RANK_DEPTH; i++)
		if (row->device[i] && device_set_has(&cfg->pick, row->device[i]))
			return row->device[i];
	return 0;
}

/* The pin of KEY, or NULL. */
CORE_INLINE struct slot *express_pin(struct tables *t, const struct flow *key, u64 hash)
{
	struct slot *home = tables_slot(t, TABLE_PINS, (u32)hash);
	struct express_room *room;

	if (!home || core_load(&home->version) == SLOT_NEVER)
		return NULL;
	if (CORE_LIKELY(slot_holds(home, key)))
		return home;
	room = express_room();
	if (!room)
		return NULL;
	room->flow = *key;
	return table_find(t, TABLE_PINS, &room->flow, hash);
}

/* The same by its pin, if it has one: place_by_pin(). */
CORE_INLINE u8 express_by_pin(struct tables *t, const struct settings *cfg,
			      const struct express *e, u32 now, struct slot **pin)
{
	struct flow flow, key;
	struct slot *s;
	u8 device;

	if (!express_flow(cfg, e, &flow))
		return 0;
	express_key(cfg, e, &flow, &key);
	s = express_pin(t, &key, e->hash);
	if (!s)
		return express_by_hash(t, cfg, e->hash);
	device = core_load(&s->device);
	if (!place_carries(cfg, device))
		return 0;
	if (core_elapsed(now, core_load(&s->seen)) > PIN_USE_MS)
		core_store(&s->seen, now);
	*pin = s;
	return device;
}

/* The device that placement names; *PIN: the pin that does, NULL: its row. */
CORE_INLINE u8 express_device(struct tables *t, const struct settings *cfg,
			      const struct express *e, u32 now, struct slot **pin)
{
	*pin = NULL;
	if (CORE_UNLIKELY(pin_filter_has(t, cfg, e->hash)))
		return express_by_pin(t, cfg, e, now, pin);
	return express_by_hash(t, cfg, e->hash);
}

/* Whether it leaves by a port of ROLE as long as it came. OWN: its next hop's tag, or VLAN_KEEP. */
CORE_INLINE bool express_tag(const struct settings *cfg, const struct express *e, u16 own, u32 role)
{
	u16 vlan = own != VLAN_KEEP ? own : cfg->vlan[role];

	return vlan == VLAN_KEEP || (vlan == VLAN_NONE && !e->tagged);
}

/* Where a frame goes. */
struct express_way {
	hop_word hop;
	u8 device;   /* that carries it, or did; 0: the frame is decide()'s */
	struct slot *pin; /* that names the device; NULL: its row does */
};

CORE_INLINE u8 express_reason(const struct express *e, const struct express_way *way)
{
	if (!e->inward)
		return REASON_TO_UPLINK;
	return way->pin ? REASON_TO_DEVICE_PINNED : REASON_TO_DEVICE;
}

CORE_INLINE void express_inward(struct tables *t, const struct settings *cfg,
				const struct express *e, u32 now, struct express_way *way)
{
	const struct device *d;

	way->device = express_device(t, cfg, e, now, &way->pin);
	d = tables_device(t, way->device);
	way->hop = express_tag(cfg, e, d->vlan, 1) ? core_load(&d->hop) : 0;
	if (CORE_UNLIKELY(core_load(&cfg->pool_lengths)) && !way->pin)
		way->device = 0; /* a pool goes before the hash */
}

/* The device that FRAME came from: decide_speaker(). */
CORE_INLINE u8 express_speaker(struct tables *t, const struct settings *cfg, const u8 *frame,
			       const struct express *e, u8 port)
{
	u64 key = mac_key((const struct mac *)(frame + 6), 0, 0, MAC_ANYWHERE);
	struct mac_entry *entry = tables_mac(t, (u32)hash_mix(key));
	u32 owner = core_load(&entry->owner);
	struct express_room *room;
	struct mac *mac;

	if (CORE_UNLIKELY(cfg->mac_variants != 1 << MAC_ANYWHERE ||
			  core_load(&entry->key) != key)) {
		room = express_room();
		if (!room)
			return 0;
		mac = (struct mac *)&room->flow; /* bytes, which lie anywhere */
		mac_copy(mac->byte, frame + 6);
		owner = mac_find(tables_hand(t), mac, e->zone, port, cfg->mac_variants);
	}
	return owner & MAC_OWNER_DEVICE ? (u8)owner : 0;
}

/* The device has nothing to teach that PIN does not say: decide_unbound(). */
CORE_INLINE bool express_is_settled(struct tables *t, const struct settings *cfg,
				    const struct slot *pin, u8 device)
{
	u8 origin;

	if (!pin)
		return !cfg->learn_hosts;
	origin = core_load(&pin->state);
	if (cfg->learn_hosts && (origin == PIN_SWEPT || origin == PIN_LEARNED))
		return false; /* affinity is client then: express_parse() */
	return !device_since(tables_device(t, device), core_load(&pin->created));
}

/* The way to whom a route names; it has a MAC. */
CORE_INLINE void express_next_hop(struct tables *t, const struct settings *cfg,
				  const struct express *e, struct express_way *way)
{
	const struct neighbour *n;
	struct express_room *room = express_room();
	u32 route;

	if (!room || !express_to(e, &room->flow.outside))
		return;
	route = route_toward(tables_hand(t), &room->flow.outside,
			     cfg->vlan[0] == VLAN_KEEP ? e->zone : 0);
	n = tables_neighbour(t, route >> 8);
	if ((u8)route != ROUTE_VIA || !(route >> 8))
		return;
	way->hop = express_tag(cfg, e, n->vlan, 0) ? core_load(&n->hop) : 0;
}

CORE_INLINE void express_outward(struct tables *t, const struct settings *cfg, const u8 *frame,
				 const struct express *e, u8 port, u32 now,
				 struct express_way *way)
{
	u8 from = express_speaker(t, cfg, frame, e, port);

	way->hop = 0;
	way->device = from && express_device(t, cfg, e, now, &way->pin) == from ? from : 0;
	if (way->device && express_is_settled(t, cfg, way->pin, from))
		express_next_hop(t, cfg, e, way);
}

/* Notes TOUCH, which is done now or soon. */
CORE_INLINE bool express_later(const struct touch *touch, const struct flow *flow)
{
	struct express_room *note = express_note();

	if (!note)
		return false;
	note->touch = *touch;
	note->flow = *flow;
	return express_noted();
}

/*
 * Touches its session, or records it, now or soon; false: it is on another device, and nothing was
 * done. The last of the steps.
 */
CORE_INLINE bool express_touch(struct tables *t, const struct settings *cfg,
			       const struct express *e, const struct express_way *way,
			       u32 length, u32 now)
{
	struct touch touch = {.now = now,
			      .length = length,
			      .device = way->device,
			      .tcp_flags = e->flags,
			      .from_outside = express_from_outside(cfg, e),
			      .from_farm = !e->inward};
	bool defers = core_load(&cfg->defer);
	struct slot *home;
	struct flow flow;

	if (!express_flow(cfg, e, &flow))
		return false;
	touch.hash = flow_spread_words(&cfg->spread, (const any_word *)&flow);
	home = defers ? NULL : table_at_home(t, TABLE_SESSIONS, &flow, touch.hash);
	if (home && core_load(&home->device) == way->device && touch_quick(t, &touch, home))
		return true;
	touch.origin = way->pin ? session_pinned(core_load(&way->pin->state)) : ORIGIN_HASH;
	return express_later(&touch, &flow);
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

/* Its key is its flow. */
CORE_INLINE bool express_hash_flow(const struct settings *cfg, struct express *e)
{
	struct express_room *room = express_room();

	if (!room || !express_flow(cfg, e, &room->flow))
		return false;
	e->hash = flow_hash_of(&cfg->placement, &room->flow);
	return true;
}

/* All but the Ethernet header; AT is behind that. */
CORE_INLINE bool express_parse(struct tables *t, const struct settings *cfg, struct express *e)
{
	if (cfg->learn_hosts && cfg->affinity != AFFINITY_CLIENT)
		return false;
	if (CORE_LIKELY(e->type == core_swap16(ETHERNET_IPV4))) {
		if (!express_ipv4(t, cfg, e))
			return false;
	} else if (e->type != core_swap16(ETHERNET_IPV6) || !express_ipv6(t, cfg, e)) {
		return false;
	}
	return cfg->affinity != AFFINITY_FLOW || express_hash_flow(cfg, e);
}

#endif
