/* SPDX-License-Identifier: ISC */
/*
 * Sessions: what is known of each conversation. The wire does not wait for them (DESIGN 4).
 *
 * One entry for both directions. TCP is followed well enough to choose a timer, not to judge:
 * judging is the firewalls' job. A full window never refuses a frame: the session goes unrecorded,
 * or takes the place of one that never got an answer.
 */
#ifndef SANDWICH_CORE_SESSION_H
#define SANDWICH_CORE_SESSION_H

#include "sandwich/core/pin.h"

enum session_state {
	SESSION_NEW,	       /* one direction seen; TCP: SYN */
	SESSION_OPENING,       /* TCP: SYN and SYN-ACK seen */
	SESSION_ESTABLISHED,   /* both directions seen */
	SESSION_FIN_OUTSIDE,   /* the outside has finished sending */
	SESSION_FIN_INSIDE,
	SESSION_CLOSED,	       /* both have */
	SESSION_RESET,
	SESSION_MOVED, /* its device went down; the new one has let nothing through yet */
	SESSION_STATES
};

enum session_origin {
	ORIGIN_HASH,
	ORIGIN_LEARNED,
	ORIGIN_SYNCED,
	ORIGIN_PINNED,
	ORIGIN_EXPECTED,
	ORIGIN_POOL,
	ORIGINS
};

/* slot.state of a session: state in bits 0-2, origin in 3-5, and two flags. */
#define SESSION_FROM_INSIDE 0x40 /* the inside spoke first */
#define SESSION_ASYMMETRIC 0x80	 /* counted as such already */

/* The origin of what a pin placed. PIN: its enum pin_origin. */
CORE_INLINE u8 session_pinned(u8 pin)
{
	switch (pin) {
	case PIN_LEARNED:
	case PIN_HOST:
		return ORIGIN_LEARNED;
	case PIN_SYNCED:
		return ORIGIN_SYNCED;
	case PIN_EXPECTED:
		return ORIGIN_EXPECTED;
	default:
		return ORIGIN_PINNED;
	}
}

CORE_INLINE u8 session_state(u8 byte)
{
	return byte & 7;
}

CORE_INLINE u8 session_origin(u8 byte)
{
	return byte >> 3 & 7;
}

CORE_INLINE u8 session_byte(u8 state, u8 origin, u8 flags)
{
	return (u8)(state | origin << 3 | flags);
}

CORE_INLINE u8 session_timeout_tcp(u8 state)
{
	switch (state) {
	case SESSION_NEW:
	case SESSION_OPENING:
		return TIMEOUT_TCP_SYN;
	case SESSION_ESTABLISHED:
		return TIMEOUT_TCP_ESTABLISHED;
	case SESSION_CLOSED:
		return TIMEOUT_TCP_CLOSED;
	case SESSION_RESET:
		return TIMEOUT_TCP_RESET;
	default:
		return TIMEOUT_TCP_CLOSING;
	}
}

/* Which timer a session runs on. */
CORE_INLINE u8 session_timer(u8 protocol, u8 state)
{
	switch (protocol) {
	case PROTOCOL_TCP:
		return session_timeout_tcp(state);
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
		return state == SESSION_NEW ? TIMEOUT_UDP : TIMEOUT_UDP_REPLIED;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return TIMEOUT_ICMP;
	default:
		return TIMEOUT_OTHER;
	}
}

CORE_INLINE bool session_expired(const struct settings *cfg, const struct slot *s, u32 now)
{
	u8 timer = core_forget(session_timer(core_load(&s->key.protocol),
					     session_state(core_load(&s->state))));

	if (timer >= TIMEOUTS)
		return false;
	return core_elapsed(now, core_load(&s->seen)) >
	       cfg->timeout[timer] + core_load(&cfg->slack);
}

/* A bare SYN: this frame opens the conversation anew. */
CORE_INLINE bool session_opens(u8 tcp_flags)
{
	return (tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

CORE_INLINE u8 session_fin(u8 state, bool from_outside)
{
	u8 mine = from_outside ? SESSION_FIN_OUTSIDE : SESSION_FIN_INSIDE;
	u8 other = from_outside ? SESSION_FIN_INSIDE : SESSION_FIN_OUTSIDE;

	if (state == other || state == SESSION_CLOSED)
		return SESSION_CLOSED;
	return mine;
}

CORE_INLINE u8 session_next_tcp(u8 state, u8 flags, bool from_outside, bool from_opener)
{
	if (flags & TCP_RST)
		return SESSION_RESET;
	if (session_opens(flags))
		return state == SESSION_ESTABLISHED || state == SESSION_OPENING
			       ? state : SESSION_NEW;
	/*
	 * What is still on its way after a RST revives nothing. Where the RST was forged, the
	 * conversation's frames keep the record from expiring.
	 */
	if (state == SESSION_MOVED || state == SESSION_RESET)
		return state;
	if (flags & TCP_SYN)
		return state == SESSION_NEW && !from_opener ? SESSION_OPENING : state;
	if (flags & TCP_FIN)
		return session_fin(state, from_outside);
	if (state == SESSION_OPENING)
		return SESSION_ESTABLISHED;
	/* no SYN-ACK was seen, yet the other end sends data: it is established */
	return state == SESSION_NEW && !from_opener ? SESSION_ESTABLISHED : state;
}

/* A moved conversation goes on once its new device has let a frame of it through. */
CORE_INLINE u8 session_settle(u8 byte, bool from_farm)
{
	if (session_state(byte) != SESSION_MOVED || !from_farm)
		return byte;
	return (u8)((byte & ~7) | SESSION_ESTABLISHED);
}

/* Both ends have been heard, and neither has said that it is over. */
CORE_INLINE bool session_is_open(u8 byte)
{
	u8 state = session_state(byte);

	return state >= SESSION_OPENING && state <= SESSION_FIN_INSIDE;
}

CORE_INLINE bool session_is_closed(u8 state)
{
	return state == SESSION_CLOSED || state == SESSION_RESET;
}

/* The state after a frame from that direction. */
CORE_INLINE u8 session_next(u8 byte, u8 protocol, u8 tcp_flags, bool from_outside)
{
	bool from_opener = from_outside == !(byte & SESSION_FROM_INSIDE);
	u8 state = session_state(byte);

	if (protocol != PROTOCOL_TCP && state == SESSION_MOVED)
		return state;
	if (protocol == PROTOCOL_TCP)
		return session_next_tcp(state, tcp_flags, from_outside, from_opener);
	return from_opener ? state : SESSION_ESTABLISHED;
}

/*
 * Whether session_next() has nothing to say for sure, of all states that last and of all frames
 * that neither open nor close.
 */
CORE_INLINE bool session_is_steady(u8 byte, u8 tcp_flags, bool from_outside)
{
	bool from_opener = from_outside == !(byte & SESSION_FROM_INSIDE);
	u8 state = session_state(byte);

	return !(tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)) &&
	       (state == SESSION_ESTABLISHED || (state == SESSION_NEW && from_opener));
}

/* The state byte of a session first seen with this frame. */
CORE_INLINE u8 session_first(u8 protocol, u8 tcp_flags, bool from_outside, u8 origin)
{
	bool answer = (tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
	u8 flags = from_outside == answer ? SESSION_FROM_INSIDE : 0;

	if (protocol != PROTOCOL_TCP)
		return session_byte(SESSION_NEW, origin, flags);
	if (tcp_flags & TCP_RST)
		return session_byte(SESSION_RESET, origin, flags);
	if (tcp_flags & TCP_SYN)
		return session_byte(answer ? SESSION_OPENING : SESSION_NEW, origin, flags);
	return session_byte(tcp_flags & TCP_FIN ? session_fin(SESSION_ESTABLISHED, from_outside)
						: SESSION_ESTABLISHED,
			    origin, flags);
}

/* Sessions lie by a hash of their own: what shares an affinity key must not share a window. */
CORE_INLINE u64 session_hash(const struct settings *cfg, const struct flow *flow)
{
	return flow_spread(&cfg->spread, flow);
}

/* The same by a call; 0 for no flow. */
CORE_GLOBAL u64 session_hash_of(const struct settings *cfg, const struct flow *flow)
{
	return cfg && flow ? session_hash(cfg, flow) : 0;
}

CORE_INLINE void session_device_count(struct tables *t, u8 device, int change)
{
	struct device *d = tables_device(t, device);

	if (d)
		core_add(&d->sessions, (u32)change);
}

/* Gives the session another state, and says what happened (see tables_tell()). */
CORE_INLINE void session_mark(struct tables *t, struct slot *s, u8 byte, u32 what)
{
	core_store(&s->state, byte);
	tables_tell(t, TABLE_SESSIONS, s, what);
}

/*
 * The same, if it is FLOW's still and its state WAS that: since it was found another CPU may have
 * given the slot to another, or have changed it. True: done, and told.
 */
CORE_INLINE bool session_turn(struct tables *t, struct slot *s, const struct flow *flow, u8 was,
			      u8 byte, u32 what)
{
	u32 version = core_load(&s->version);
	bool same;

	if (!slot_is_live(version) || !slot_hold(s, version))
		return false;
	same = slot_is(s, flow) && core_load(&s->state) == was;
	if (same)
		core_store(&s->state, byte);
	slot_unhold(s, version);
	if (same)
		tables_tell(t, TABLE_SESSIONS, s, what);
	return same;
}

/* Forgets a session at VERSION and takes it off its device's count. */
CORE_INLINE bool session_remove(struct tables *t, struct slot *s, u32 version)
{
	u8 device;

	if (!slot_is_live(version) || !slot_claim(s, version))
		return false;
	device = core_load(&s->device);
	slot_release(s, version);
	session_device_count(t, device, -1);
	tables_tell(t, TABLE_SESSIONS, s, EVENT_CHANGED);
	return true;
}

/* In a full window: the one that expired, else the oldest that never got an answer. */
CORE_INLINE struct slot *session_victim(struct tables *t, const struct settings *cfg, u64 hash,
					u32 now, u32 *before)
{
	struct slot *victim = NULL;
	u32 age = 0;

	for (u32 i = 0; i < TABLE_WINDOW; i++) {
		struct slot *s = tables_slot(t, TABLE_SESSIONS, (u32)hash + i);
		u32 version = s ? core_load(&s->version) : SLOT_BUSY;
		bool expired;
		u32 idle;

		if (!slot_is_live(version))
			continue;
		expired = session_expired(cfg, s, now);
		if (session_state(core_load(&s->state)) != SESSION_NEW && !expired)
			continue;
		idle = core_elapsed(now, core_load(&s->seen)) |
		       (expired ? 0x80000000u : 0); /* these first */
		if (victim && idle <= age)
			continue;
		victim = s;
		age = idle;
		*before = version;
	}
	return victim;
}

CORE_INLINE struct slot *session_claim(struct tables *t, const struct settings *cfg, u64 hash,
				       u32 now, u32 *before)
{
	struct slot *s = table_claim_free(t, TABLE_SESSIONS, hash, before);

	if (s)
		return s;
	s = session_victim(t, cfg, hash, now, before);
	if (!s || !slot_claim(s, *before))
		return NULL;
	session_device_count(t, core_load(&s->device), -1);
	count(t, COUNTER_SESSIONS_REPLACED);
	return s;
}

/* Records a conversation that is not in the table. NULL when there is no room (counted). */
CORE_INLINE struct slot *session_add(struct tables *t, const struct flow *flow, u64 hash, u8 device,
				 u8 state, u32 now)
{
	const struct settings *cfg = tables_settings(t);
	struct slot *s, *first, *copy;
	u32 before;

	if (!cfg)
		return NULL;
	core_prefetch(tables_slot(t, TABLE_SESSIONS, (u32)hash + 1)); /* for table_first() */
	s = session_claim(t, cfg, hash, now, &before);
	if (!s) {
		count(t, COUNTER_SESSIONS_FULL);
		return NULL;
	}
	slot_fill(s, flow, device, state, now);
	slot_publish(s, before);
	session_device_count(t, device, 1);
	count(t, COUNTER_SESSIONS_NEW);
	tables_tell(t, TABLE_SESSIONS, s, EVENT_NEW);
	first = table_first(t, TABLE_SESSIONS, flow, hash, &copy, &before);
	if (copy)
		session_remove(t, copy, before);
	return first ? first : s;
}

/*
 * Puts the session of FLOW on another device; not while another CPU is changing it, nor when its
 * slot is another's by now.
 */
CORE_INLINE void session_move(struct tables *t, struct slot *s, const struct flow *flow, u8 device)
{
	u32 version = core_load(&s->version);
	bool same;
	u8 old;

	if (core_load(&s->device) == device || !slot_is_live(version) || !slot_hold(s, version))
		return;
	same = slot_is(s, flow);
	old = core_load(&s->device);
	if (same)
		core_store(&s->device, device);
	slot_unhold(s, version);
	if (!same)
		return;
	session_device_count(t, old, -1);
	session_device_count(t, device, 1);
	tables_tell(t, TABLE_SESSIONS, s, EVENT_MOVED);
}

#endif
