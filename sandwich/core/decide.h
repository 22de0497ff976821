/* SPDX-License-Identifier: ISC */
/*
 * decide(): what becomes of one frame. The only place where that is decided.
 *
 *   parse -> whose is it? -> inward:  place, session, the device's hop
 *                         -> outward: source device, learn, session, the next hop
 *
 * `inward` is from the uplink toward the farm, whichever side of the sandwich this is. The data
 * paths (sandwich/fastpath, sandwich/slowpath, replay) call it, do what the verdict says, and count
 * its reason. Time is an argument.
 */
#ifndef SANDWICH_CORE_DECIDE_H
#define SANDWICH_CORE_DECIDE_H

#include "sandwich/core/fragment.h"
#include "sandwich/core/route.h"
#include "sandwich/core/teach.h"
#include "sandwich/core/touch.h"
#include "sandwich/core/tunnel_place.h"
#include "sandwich/core/work.h"

CORE_INLINE u8 decide_role(u8 port)
{
	return port != PORT_UPLINK;
}

/* Neighbour solicitation and advertisement (RFC 4861): never forwarded. */
CORE_INLINE bool decide_is_nd(const struct packet *p)
{
	return p->kind == PACKET_IP && p->protocol == PROTOCOL_ICMPV6 && p->is_v6 && p->is_first &&
	       !p->icmp_error && (p->icmp_type == 135 || p->icmp_type == 136);
}

/* The VLAN this port works on; frames of others are somebody else's. */
CORE_INLINE bool decide_vlan_ok(const struct settings *cfg, const struct work *w)
{
	u16 vlan = cfg->vlan[decide_role(w->port)];

	if (vlan == VLAN_KEEP || cfg->any_mac)
		return true;
	return w->packet.zone == vlan; /* VID 0 is a priority, not a VLAN (802.1Q 9.6) */
}

/* Frames that need no placement: true when W->reason says how it ended. */
CORE_INLINE bool decide_owner(const struct settings *cfg, struct work *w)
{
	const struct packet *p = &w->packet;
	const struct mac *mine = &cfg->mac[decide_role(w->port)];

	if (mac_equal(&p->mac_src, mine))
		w->reason = REASON_OWN_FRAME;
	else if (!mac_is_group(&p->mac_dst) && !cfg->any_mac && !mac_equal(&p->mac_dst, mine))
		w->reason = REASON_NOT_OURS;
	else if (CORE_UNLIKELY(cfg->standby) && !mac_is_group(&p->mac_dst))
		w->reason = REASON_STANDBY;
	else if (p->kind == PACKET_ARP)
		w->reason = REASON_LOCAL_ARP;
	else if (decide_is_nd(p))
		w->reason = REASON_LOCAL_ND;
	else if (mac_is_group(&p->mac_dst))
		w->reason = REASON_GROUP;
	else if (p->kind != PACKET_IP)
		w->reason = REASON_NOT_IP;
	else if (!decide_vlan_ok(cfg, w))
		w->reason = REASON_NOT_OURS;
	else if (!p->icmp_error && (address_is_martian(&p->src) || address_is_martian(&p->dst)))
		w->reason = REASON_MARTIAN;
	else
		return false;
	return true;
}

/* Echo requests to a cluster address are answered here; all else to it belongs to the devices. */
CORE_INLINE bool decide_is_local(u32 local, const struct packet *p)
{
	if (local & LOCAL_OWN)
		return true;
	if (!(local & LOCAL_CLUSTER))
		return false;
	return !p->icmp_error && !p->is_fragment &&
	       p->protocol == (p->is_v6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP) &&
	       p->icmp_type == (p->is_v6 ? 128 : 8);
}

CORE_INLINE bool decide_from_outside(const struct settings *cfg, const struct work *w)
{
	return (cfg->side == SIDE_INGRESS) == (w->port == PORT_UPLINK);
}

CORE_INLINE void decide_keys(const struct settings *cfg, struct work *w, u8 affinity)
{
	flow_from_packet(&w->flow, &w->packet, decide_from_outside(cfg, w),
			 cfg->zoned ? w->packet.zone : 0);
	affinity_key(&w->key, &w->flow, affinity);
}

/*
 * Whether this frame touches its session: always when it opens or closes, else now and then. *STAMP
 * is where that is to be noted (decide_stamp()), or NULL.
 */
CORE_INLINE bool decide_is_due(struct tables *t, const struct settings *cfg, const struct work *w,
			       u8 **stamp)
{
	const struct packet *p = &w->packet;
	u32 quantum = core_load(&cfg->quantum), row;

	*stamp = NULL;
	if (p->icmp_error || !p->ports_known)
		return false; /* not a frame of the conversation, or not known of which */
	if (w->recorded)
		return false;
	if (!quantum || p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST))
		return true;
	row = rank_row_of(w->place.hash);
	*stamp = tables_stamp(t, row);
	return *stamp && core_load(*stamp) != settings_tick(settings_phase(w->now, quantum), row);
}

CORE_INLINE void decide_stamp(const struct settings *cfg, const struct work *w, u8 *stamp)
{
	u32 quantum = core_load(&cfg->quantum);

	if (stamp && quantum)
		core_store(stamp, settings_tick(settings_phase(w->now, quantum),
					      rank_row_of(w->place.hash)));
}

CORE_INLINE bool decide_touches(struct tables *t, const struct settings *cfg, const struct work *w)
{
	u8 *stamp;

	if (!decide_is_due(t, cfg, w, &stamp))
		return false;
	decide_stamp(cfg, w, stamp);
	return true;
}

CORE_INLINE u8 decide_origin(const struct work *w)
{
	if (w->events & EVENT_LEARNED)
		return ORIGIN_LEARNED;
	if (w->place.why == PLACE_HASH || w->place.why == PLACE_NONE)
		return ORIGIN_HASH;
	if (w->place.why == PLACE_POOL)
		return ORIGIN_POOL;
	if (w->place.why == PLACE_OWN) /* from a device itself, or to it */
		return w->from ? ORIGIN_LEARNED : ORIGIN_PINNED;
	return session_pinned(w->place.pin);
}

CORE_INLINE void decide_touch(const struct settings *cfg, const struct work *w, u64 hash,
			      u32 length, struct touch *touch)
{
	touch->hash = hash;
	touch->now = w->now;
	touch->length = length;
	touch->device = w->device;
	touch->origin = decide_origin(w);
	touch->tcp_flags = w->packet.tcp_flags;
	touch->from_outside = decide_from_outside(cfg, w);
	touch->from_farm = w->port != PORT_UPLINK;
}

/* Records the conversation on its device, or brings its record S up to date. The events it was. */
CORE_GLOBAL u32 decide_record(struct tables *t, const struct work *w, struct slot *s, u64 hash,
			      u32 length)
{
	const struct settings *cfg = tables_settings(t);
	struct touch touch;

	tables_take(t);
	if (!cfg || !w)
		return 0;
	decide_touch(cfg, w, hash, length, &touch);
	return s ? touch_update(t, &touch, &w->flow, s) : touch_new(t, &touch, &w->flow);
}

/* The record goes where the conversation is now. */
CORE_INLINE void decide_follow(struct tables *t, const struct settings *cfg, struct work *w,
			       struct slot *s)
{
	bool up = device_set_has(&cfg->up, core_load(&s->device));

	count(t, up ? COUNTER_MOVED_REBIND : COUNTER_MOVED_DOWN);
	session_move(t, s, &w->flow, w->device);
	core_store(&s->seen, w->now);
	w->events |= EVENT_MOVED;
}

/* The table changed under a living conversation that no sweep saw, or a pin came back to life: it
 * stays. */
CORE_INLINE bool decide_stays(struct tables *t, const struct settings *cfg, const struct work *w,
			      const struct slot *s)
{
	bool hashed = (w->place.why == PLACE_HASH && !(w->tunnel.said & SAYS_ROW)) ||
		      w->place.why == PLACE_POOL;

	return (hashed || w->place.revived) &&
	       place_carries(cfg, core_load(&s->device)) &&
	       session_state(core_load(&s->state)) != SESSION_MOVED && !learn_guessed(cfg, s) &&
	       !learn_stale(t, s) && !session_opens(w->packet.tcp_flags) &&
	       !session_expired(cfg, s, w->now);
}

/*
 * Whether a stateful device can be expected to refuse the frame as it knows nothing of its
 * conversation. A question in a datagram begins a new one there as well as anywhere, unless a
 * tunnel is what it is about.
 */
CORE_INLINE bool decide_is_refused(struct tables *t, const struct settings *cfg,
				   const struct work *w, u8 byte)
{
	bool from_opener = decide_from_outside(cfg, w) == !(byte & SESSION_FROM_INSIDE);
	u8 protocol = w->flow.protocol;

	if (cfg->learn_hosts || !from_opener ||
	    local_find(t, cfg, &w->packet.to) & LOCAL_CLUSTER)
		return true;
	return protocol != PROTOCOL_UDP && protocol != PROTOCOL_UDPLITE &&
	       protocol != PROTOCOL_ICMP && protocol != PROTOCOL_ICMPV6;
}

/*
 * The conversation's record says another device than placement. Which of them holds? One that
 * leaves a device which is down may find that the new one lets nothing of it through; it is marked,
 * so that it is not held there when its own device comes back.
 */
CORE_INLINE void decide_moved(struct tables *t, const struct settings *cfg, struct work *w,
			      struct slot *s, bool touches)
{
	u8 byte = core_load(&s->state), old = core_load(&s->device);

	if (old == w->device)
		return;
	if (!slot_holds(s, &w->flow))
		return; /* another's by now: what it says is of no meaning to this one */
	if (decide_stays(t, cfg, w, s)) {
		w->device = old;
		w->place.why = PLACE_SESSION;
		pin_put(t, &w->key, w->place.hash, old, PIN_SWEPT, w->now);
		return;
	}
	if (!touches)
		return; /* no frame of the conversation itself */
	if (session_is_open(byte) && decide_is_refused(t, cfg, w, byte))
		session_turn(t, s, &w->flow, byte, (u8)((byte & ~7) | SESSION_MOVED),
			     EVENT_CHANGED);
	decide_follow(t, cfg, w, s);
}

/* on-device-down = reset | drop: a conversation whose device is gone isn't moved in silence. */
CORE_INLINE bool decide_gone(struct tables *t, const struct settings *cfg, struct work *w,
			     struct slot *s)
{
	if (!s || cfg->on_down == DOWN_MOVE || device_set_has(&cfg->up, core_load(&s->device)))
		return false;
	if (session_opens(w->packet.tcp_flags))
		return false; /* opened anew: it may go elsewhere */
	if (cfg->on_down == DOWN_RESET && !w->packet.icmp_error) { /* no error about an error */
		w->reason = REASON_RESET;
		session_remove(t, s, core_load(&s->version));
	} else {
		w->reason = REASON_DEVICE_GONE;
	}
	return true;
}

CORE_INLINE void decide_place_inward(struct tables *t, const struct settings *cfg, struct work *w,
				     u32 local)
{
	if (CORE_UNLIKELY(w->tunnel.kind))
		tunnel_place(tables_hand(t), w);
	else
		place_flow(t, cfg, &w->flow, &w->key, w->now, &w->place);
	if (CORE_UNLIKELY(local & LOCAL_DEVICE)) {
		w->place.device = w->place.wanted = (u8)local;
		w->place.why = PLACE_OWN;
		w->place.displaced = false;
	}
	w->device = w->place.device;
}

/* Fills in where a frame for the device goes; false when the device can't be reached. */
CORE_INLINE bool decide_to_device(struct tables *t, const struct settings *cfg, struct work *w)
{
	struct device *d = tables_device(t, w->device);
	hop_word hop = d && w->device ? core_load(&d->hop) : 0;

	if (!(hop & HOP_VALID))
		return false;
	hop_mac(hop, &w->out_mac);
	w->out_port = hop_port(hop);
	w->out_vlan = d->vlan != VLAN_KEEP ? d->vlan : cfg->vlan[1];
	return true;
}

/* Which router brought it, for last-hop. */
CORE_INLINE void decide_router(struct tables *t, const struct settings *cfg, struct work *w,
			       struct slot *s)
{
	u32 owner = mac_find(tables_hand(t), &w->packet.mac_src, w->packet.zone & 0xfff, w->port,
			     cfg->mac_variants);

	if (!(owner & MAC_OWNER_ROUTER))
		w->events |= EVENT_ROUTER;
	else if (s && core_load(&s->router) != (u8)owner)
		core_store(&s->router, (u8)owner);
}

/*
 * last-hop: the first frame of an uplink neighbour waits until that has a number. Its answer could
 * overtake the learning otherwise, and go by the routes.
 */
CORE_INLINE bool decide_knows_router(struct tables *t, const struct settings *cfg, struct work *w)
{
	if (CORE_LIKELY(!cfg->last_hop) || w->held || !cfg->hold_fragments || cfg->any_mac)
		return true;
	if (mac_find(tables_hand(t), &w->packet.mac_src, w->packet.zone & 0xfff, w->port,
		     cfg->mac_variants) & MAC_OWNER_ROUTER)
		return true;
	w->events |= EVENT_ROUTER;
	w->reason = REASON_HELD_NEIGHBOUR;
	return false;
}

CORE_INLINE void decide_inward(struct tables *t, const struct settings *cfg, struct work *w,
			       u32 local, u32 length)
{
	bool touches, displaced;
	struct slot *s = NULL;
	u64 hash = 0;

	if (!decide_knows_router(t, cfg, w))
		return;
	decide_place_inward(t, cfg, w, local);
	displaced = w->place.displaced && cfg->on_down != DOWN_MOVE;
	touches = decide_touches(t, cfg, w);

	if (touches || displaced || cfg->last_hop) {
		hash = session_hash_of(cfg, &w->flow);
		s = table_find(t, TABLE_SESSIONS, &w->flow, hash);
	}
	if (displaced && decide_gone(t, cfg, w, s))
		return;
	if (s && w->device && w->place.why != PLACE_OWN)
		decide_moved(t, cfg, w, s, touches);
	if (CORE_UNLIKELY(w->tunnel.kind && w->packet.is_fragment && w->packet.is_first &&
			  !w->packet.icmp_error))
		fragment_place(t, cfg, &w->packet, w->device);
	w->reason = REASON_NO_DEVICE;
	if (!decide_to_device(t, cfg, w))
		return;
	w->reason = w->place.why == PLACE_HASH ? REASON_TO_DEVICE : REASON_TO_DEVICE_PINNED;
	if (touches)
		w->events |= decide_record(tables_hand(t), w, s, hash, length);
	if (cfg->last_hop)
		decide_router(t, cfg, w, s ? s : table_find(t, TABLE_SESSIONS, &w->flow, hash));
}

/* The device the frame came from, by its source MAC; 0: none that is configured. */
CORE_INLINE u8 decide_speaker(struct tables *t, const struct settings *cfg, const struct work *w)
{
	struct mac mac = w->packet.mac_src;
	u32 owner = mac_find(tables_hand(t), &mac, w->packet.zone & 0xfff, w->port,
			     cfg->mac_variants);

	return owner & MAC_OWNER_DEVICE ? (u8)owner : 0;
}

/* That the device has been heard of. */
CORE_INLINE void decide_hear(struct tables *t, u8 device, u32 now)
{
	struct device *d = tables_device(t, device);

	if (!d || core_load(&d->heard) == now)
		return;
	core_store(&d->heard, now);
	if (core_load(&d->since) && core_elapsed(now, core_load(&d->since)) > DEVICE_SINCE_MS)
		core_store(&d->since, 0);
}

CORE_INLINE u8 decide_source(struct tables *t, const struct settings *cfg, const struct work *w)
{
	u8 from = decide_speaker(t, cfg, w);

	if (from)
		decide_hear(t, from, w->now);
	else
		count(t, COUNTER_UNKNOWN_SOURCES);
	return from;
}

/* Fills in the way to the neighbour; false when its MAC isn't known. */
CORE_INLINE bool decide_to_neighbour(struct tables *t, const struct settings *cfg, struct work *w,
				     u16 index)
{
	struct neighbour *n = tables_neighbour(t, index);
	hop_word hop = n && index ? core_load(&n->hop) : 0;

	if (!(hop & HOP_VALID))
		return false;
	hop_mac(hop, &w->out_mac);
	w->out_port = PORT_UPLINK;
	w->out_vlan = n->vlan != VLAN_KEEP ? n->vlan : cfg->vlan[0];
	return true;
}

/* Away from the farm: the router it came from, or the longest prefix. */
CORE_INLINE void decide_next_hop(struct tables *t, const struct settings *cfg, struct work *w,
				 struct slot *s)
{
	u32 zone = cfg->vlan[0] == VLAN_KEEP ? w->packet.zone : 0;
	struct address to = w->packet.to;
	u32 route;
	u8 kind;

	w->reason = w->from ? REASON_TO_UPLINK : REASON_TO_UPLINK_UNKNOWN;
	if (cfg->last_hop && s && decide_to_neighbour(t, cfg, w, core_load(&s->router)))
		return;
	route = route_toward(tables_hand(t), &to, zone);
	kind = (u8)route;
	if (kind == ROUTE_VIA && decide_to_neighbour(t, cfg, w, (u16)(route >> 8)))
		return;
	w->reason = kind == ROUTE_BLACKHOLE ? REASON_NO_ROUTE : REASON_HELD_NEIGHBOUR;
	w->neighbour = kind == ROUTE_VIA ? (u16)(route >> 8) : 0;
}

/*
 * Placement and the frame name the same device, the record another. After a pin moved that is in
 * order. By the hash alone it means that a table changed under a conversation, and if its old
 * device lives, then it has used two. It goes on where the frame came from: the partner sends it
 * there.
 */
CORE_INLINE void decide_agree(struct tables *t, const struct settings *cfg, struct work *w,
			      struct slot *s)
{
	if (w->place.why == PLACE_HASH && device_is_live(t, cfg, core_load(&s->device), w->now) &&
	    session_state(core_load(&s->state)) != SESSION_MOVED && !learn_stale(t, s) &&
	    !session_opens(w->packet.tcp_flags) && !session_expired(cfg, s, w->now))
		learn_asymmetric(t, s, &w->flow);
	decide_follow(t, cfg, w, s);
}

/* No pin says yet where the frame's inner host is, or one that holds it for now. */
CORE_INLINE bool decide_unbound(const struct settings *cfg, const struct work *w)
{
	if (!cfg->learn_hosts || w->place.why != PLACE_PIN)
		return cfg->learn_hosts;
	return w->place.pin == PIN_SWEPT ||
	       (w->place.pin == PIN_LEARNED && cfg->affinity == AFFINITY_CLIENT);
}

/*
 * A device whose drain is over: what it sends is of before, and says nothing. Nor does it pass from
 * the cluster address: as long as a client hears from a gateway it does not leave, though what it
 * sends goes elsewhere.
 */
CORE_INLINE void decide_flushed(struct tables *t, const struct settings *cfg, struct work *w)
{
	if (local_find(t, cfg, &w->packet.src) & LOCAL_CLUSTER)
		w->reason = REASON_FLUSHED;
	else
		decide_next_hop(t, cfg, w, NULL);
}

CORE_INLINE void decide_outward(struct tables *t, const struct settings *cfg, struct work *w,
				u32 length)
{
	struct slot *s = NULL;
	bool touches, learns;
	u32 steps = 0;
	u64 hash = 0;

	w->from = decide_source(t, cfg, w);
	if (CORE_LIKELY(w->from)) {
		if (CORE_LIKELY(!w->tunnel.kind))
			place(t, cfg, &w->key, w->now, &w->place);
		if (CORE_UNLIKELY(device_set_has(&cfg->shut, w->from))) {
			decide_flushed(t, cfg, w);
			return;
		}
		if (CORE_UNLIKELY(w->tunnel.kind))
			tunnel_teach(tables_hand(t), w);
		learns = w->place.device != w->from || decide_unbound(cfg, w);
		if (w->place.revived && w->place.device == w->from)
			pin_put(t, &w->key, w->place.hash, w->from, w->place.pin, w->now);
		touches = decide_touches(t, cfg, w);
		if (learns || touches || cfg->last_hop)
			hash = session_hash_of(cfg, &w->flow);
		w->device = w->from;
		if (learns)
			steps = teach_at(tables_hand(t), w, hash);
		else if (touches || cfg->last_hop)
			steps = table_seek(tables_hand(t), TABLE_SESSIONS, &w->flow, hash);
		if (steps)
			s = tables_slot(t, TABLE_SESSIONS, (u32)hash + steps - 1);
		if (s && !learns && core_load(&s->device) != w->from &&
		    w->place.why != PLACE_OWN)
			decide_agree(t, cfg, w, s);
		if (touches && (w->device == w->from || s))
			w->events |= decide_record(tables_hand(t), w, s, hash, length);
	}
	decide_next_hop(t, cfg, w, s);
}

/*
 * Decides one frame that came in by W->port. Changes tables, never the frame. The verdict is in W;
 * W->reason says which of its fields are set (see struct work).
 */
CORE_INLINE void decide(struct tables *t, const struct packet_cursor *cursor, struct work *w)
{
	const struct settings *cfg = tables_settings(t);
	u32 local;

	w->reason = REASON_BAD_ETHERNET;
	if (!cfg || !packet_parse(cursor, &w->packet, &w->reason))
		return;
	if (decide_owner(cfg, w))
		return;
	local = local_find(t, cfg, &w->packet.to);
	if (decide_is_local(local, &w->packet)) {
		w->reason = REASON_LOCAL_IP;
		return;
	}
	if (!fragment_join(t, cfg, w, local))
		return;
	decide_keys(cfg, w, cfg->affinity);
	if (CORE_UNLIKELY(cfg->tunnels))
		tunnel_read(t, cfg, cursor, w, local);
	if (w->port == PORT_UPLINK)
		decide_inward(t, cfg, w, local, cursor->length);
	else
		decide_outward(t, cfg, w, cursor->length);
}

#endif
