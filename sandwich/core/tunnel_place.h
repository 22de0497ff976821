/* SPDX-License-Identifier: ISC */
/*
 * One tunnel, one device: where its frames go, and what is learned of it (affinity = tunnel).
 *
 * Devices teach (DESIGN, invariant 8). What one sends only into a tunnel that it has accepted pins
 * the peer there, the client's address and port; a flood of first messages makes no pin. An
 * identifier that comes from a pinned peer is pinned to the same device, and brings its peer along
 * when it comes from elsewhere: a client that roams, a NAT that forgets. All of them are ordinary
 * pins with keys of their own (pin.h): they expire, and are told to the twin.
 */
#ifndef SANDWICH_CORE_TUNNEL_PLACE_H
#define SANDWICH_CORE_TUNNEL_PLACE_H

#include "sandwich/core/tunnel.h"

#define TUNNEL_YOUNG_MS 10000	/* a peer's pin that a device has just put */
#define TUNNEL_INDEX_MS 180000	/* how long WireGuard uses an index: REJECT_AFTER_TIME */
#define TUNNEL_LEARNS_MAX 16	/* identifiers that one peer teaches in a second */

/* What the two pins of a frame say; NULL: there is none. */
struct tunnel_pins {
	struct slot *id, *peer;
	u64 id_hash;
};

CORE_INLINE bool tunnel_holds(const struct settings *cfg, const struct slot *pin)
{
	return pin && core_load(&pin->state) != PIN_SHARED &&
	       place_carries(cfg, core_load(&pin->device));
}

CORE_INLINE bool tunnel_pin(struct tables *t, const struct flow *key, u64 hash, u8 device, u32 now)
{
	return pin_set(tables_hand(t), key, hash, (u32)device << 8 | PIN_TUNNEL, now);
}

/* KEY is an identifier of two devices from now on. */
CORE_INLINE void tunnel_share(struct tables *t, const struct flow *key, u64 hash, u8 device,
			      u32 now)
{
	count(t, COUNTER_TUNNEL_CONFLICTS);
	pin_set(tables_hand(t), key, hash, (u32)device << 8 | PIN_SHARED, now);
}

/* The key of a device's word: the peer's, or the client's address where there is no port. */
CORE_INLINE void tunnel_base(const struct settings *cfg, struct work *w)
{
	if (w->tunnel.kind == TUNNEL_IPSEC)
		tunnel_address(&w->key, &w->flow, TUNNEL_IPSEC);
	else
		tunnel_peer(&w->key, &w->flow);
	w->place.hash = flow_hash_of(&cfg->placement, &w->key);
}

CORE_INLINE void tunnel_to(struct work *w, u8 device)
{
	w->place.device = w->place.wanted = device;
	w->place.why = PLACE_PIN;
	w->place.pin = PIN_TUNNEL;
	w->place.displaced = false;
}

/*
 * From a peer that nothing is known of, in the midst of a tunnel: where the newest of its address
 * is. That is it where a NAT has one client and forgot its port; behind a larger one it is a guess
 * as good as another.
 */
CORE_INLINE bool tunnel_to_address(struct tables *t, const struct settings *cfg, struct work *w)
{
	struct flow *key = &w->tunnel.id; /* its own has been looked up */
	struct slot *pin;

	if (!(w->tunnel.said & SAYS_LATER))
		return false;
	tunnel_address(key, &w->flow, w->tunnel.kind);
	pin = pin_find(t, cfg, key, flow_hash_of(&cfg->placement, key), w->now);
	if (!tunnel_holds(cfg, pin))
		return false;
	tunnel_to(w, core_load(&pin->device));
	return true;
}

/*
 * By no pin. What has an identifier from its first message on goes by the hash of that; plain IPsec
 * and DTLS by the client's address, as its TCP does.
 */
CORE_INLINE void tunnel_to_hash(struct tables *t, const struct settings *cfg, struct work *w,
				const struct tunnel_pins *pins)
{
	u8 kind = w->tunnel.kind;
	u64 hash = w->place.hash;

	if (pins->peer && !(w->tunnel.said & SAYS_FIRST)) {
		w->place.wanted = core_load(&pins->peer->device);
		w->place.displaced = true;
	}
	if (kind == TUNNEL_IPSEC || kind == TUNNEL_DTLS) {
		affinity_key(&w->key, &w->flow, cfg->affinity);
		w->place.displaced = false;
		place(t, cfg, &w->key, w->now, &w->place);
		return;
	}
	w->place.hash = w->tunnel.said & SAYS_ROW ? pins->id_hash : hash;
	place_by_hash(t, cfg, &w->place);
	w->place.hash = hash;
}

/*
 * Two devices chose the same identifier: its pin is older than the peer's, which a device put only
 * now. Of a client that roams the peer has no pin yet, or one from long ago.
 */
CORE_INLINE bool tunnel_collides(const struct tunnel_pins *pins, u32 now)
{
	u32 peer = core_load(&pins->peer->created), id = core_load(&pins->id->created);

	return core_load(&pins->peer->state) == PIN_TUNNEL &&
	       core_elapsed(now, peer) < TUNNEL_YOUNG_MS && (int32_t)(peer - id) > 0;
}

/* Both pins name devices that are up, and not the same. True: the identifier's holds. */
CORE_INLINE bool tunnel_id_wins(struct tables *t, struct work *w, const struct tunnel_pins *pins)
{
	struct device *d = tables_device(t, core_load(&pins->id->device));

	if (device_since(d, core_load(&pins->id->created)))
		return false; /* its tunnels ended when it went */
	if (!tunnel_collides(pins, w->now))
		return true;
	tunnel_share(t, &w->tunnel.id, pins->id_hash, core_load(&pins->id->device), w->now);
	return false;
}

/*
 * The newest tunnel of W's client's address is on DEVICE. Told with each new peer and not with each
 * frame: behind a large NAT it changes all the time. The key takes the place of the identifier's.
 */
CORE_INLINE void tunnel_newest(struct tables *t, const struct settings *cfg, struct work *w,
			       u8 device)
{
	if (w->tunnel.kind == TUNNEL_IPSEC)
		return; /* that is its base already */
	tunnel_address(&w->tunnel.id, &w->flow, w->tunnel.kind);
	tunnel_pin(t, &w->tunnel.id, flow_hash_of(&cfg->placement, &w->tunnel.id), device, w->now);
}

/* The identifier comes from a peer that was not known to be its device's; from now on it is. */
CORE_INLINE void tunnel_roam(struct tables *t, const struct settings *cfg, struct work *w)
{
	if (!tunnel_pin(t, &w->key, w->place.hash, w->place.device, w->now))
		return;
	count(t, COUNTER_TUNNEL_ROAMED);
	w->events |= EVENT_LEARNED;
	tunnel_newest(t, cfg, w, w->place.device);
}

/* A peer that sends ever new identifiers does not fill the table: its slot counts them. */
CORE_INLINE bool tunnel_may_teach(struct slot *peer, u32 now)
{
	u32 n = core_load(&peer->packets);

	if (core_elapsed(now, core_load(&peer->bytes_low)) >= 1000) {
		core_store(&peer->bytes_low, now);
		n = 0;
	}
	core_store(&peer->packets, n + 1);
	return n < TUNNEL_LEARNS_MAX;
}

/* An identifier without a pin, from a peer that a device has pinned, to the same device. */
CORE_INLINE void tunnel_learn(struct tables *t, const struct settings *cfg, struct work *w,
			      const struct tunnel_pins *pins)
{
	if (!(w->tunnel.said & SAYS_ID) || !tunnel_holds(cfg, pins->peer))
		return;
	if (core_load(&pins->peer->state) != PIN_TUNNEL ||
	    core_load(&pins->peer->device) != w->place.device)
		return;
	if (pins->id && core_load(&pins->id->state) == PIN_SHARED)
		return;
	if (tunnel_may_teach(pins->peer, w->now) &&
	    tunnel_pin(t, &w->tunnel.id, pins->id_hash, w->place.device, w->now))
		w->events |= EVENT_LEARNED;
}

CORE_INLINE void tunnel_by_pins(struct tables *t, const struct settings *cfg, struct work *w,
				const struct tunnel_pins *pins)
{
	bool id = tunnel_holds(cfg, pins->id), peer = tunnel_holds(cfg, pins->peer);
	u8 peer_device = peer ? core_load(&pins->peer->device) : 0;

	if (id && peer && core_load(&pins->id->device) != peer_device)
		id = tunnel_id_wins(t, w, pins);
	if (id) {
		tunnel_to(w, core_load(&pins->id->device));
		if (w->place.device != peer_device)
			tunnel_roam(t, cfg, w);
		return;
	}
	if (peer && !(w->tunnel.said & SAYS_FIRST)) {
		tunnel_to(w, peer_device);
		w->place.pin = core_load(&pins->peer->state);
		w->place.revived = device_since(tables_device(t, peer_device),
						core_load(&pins->peer->created));
		tunnel_learn(t, cfg, w, pins);
	} else if (pins->peer || !tunnel_to_address(t, cfg, w)) {
		tunnel_to_hash(t, cfg, w, pins);
		tunnel_learn(t, cfg, w, pins);
	}
}

/*
 * Places a frame from the uplink: with the first part of its packet; by its QUIC server id; by the
 * pin of its identifier; by its peer's; by a hash. Fills in W->place and W->key. Returns 0.
 */
CORE_GLOBAL u32 tunnel_place(struct tables *t, struct work *w)
{
	const struct settings *cfg = tables_settings(t);
	struct tunnel_pins pins = {0};

	tables_take(t);
	if (!cfg || !w)
		return 0;
	tunnel_say(cfg, w);
	tunnel_base(cfg, w);
	if (w->tunnel.device && place_carries(cfg, w->tunnel.device)) {
		tunnel_to(w, w->tunnel.device);
		return 0;
	}
	if (w->tunnel.said & SAYS_ID) {
		pins.id_hash = flow_hash_of(&cfg->placement, &w->tunnel.id);
		pins.id = pin_find(t, cfg, &w->tunnel.id, pins.id_hash, w->now);
	}
	pins.peer = pin_find(t, cfg, &w->key, w->place.hash, w->now);
	tunnel_by_pins(t, cfg, w, &pins);
	return 0;
}

/*
 * Pins KEY to the device that W came from; false: it was already. The newest word holds: who roams
 * is heard of by one gateway after the other.
 */
CORE_INLINE bool tunnel_bind(struct tables *t, const struct settings *cfg, struct work *w,
			     const struct flow *key, u64 hash)
{
	struct slot *pin = pin_find(t, cfg, key, hash, w->now);

	if (pin && core_load(&pin->device) == w->from && core_load(&pin->state) == PIN_TUNNEL &&
	    !device_since(tables_device(t, w->from), core_load(&pin->created)))
		return false;
	if (tunnel_pin(t, key, hash, w->from, w->now))
		w->events |= EVENT_LEARNED;
	return true;
}

/* Pins the identifier that a device tells of itself, unless another uses the same now. */
CORE_INLINE void tunnel_mine(struct tables *t, const struct settings *cfg, struct work *w)
{
	u64 hash = flow_hash_of(&cfg->placement, &w->tunnel.id);
	struct slot *pin = pin_find(t, cfg, &w->tunnel.id, hash, w->now);
	u8 other = pin ? core_load(&pin->device) : w->from;
	bool recent = pin && core_elapsed(w->now, core_load(&pin->created)) < TUNNEL_INDEX_MS;
	bool shared = pin && core_load(&pin->state) == PIN_SHARED;

	if (pin && (shared ? recent : other == w->from))
		return;
	if (pin && recent && tunnel_holds(cfg, pin)) {
		tunnel_share(t, &w->tunnel.id, hash, other, w->now);
		return;
	}
	tunnel_pin(t, &w->tunnel.id, hash, w->from, w->now);
}

/*
 * What a frame from the device W->from teaches. Fills in W->place and W->key: the frame's tunnel is
 * where it came from. Returns 0.
 */
CORE_GLOBAL u32 tunnel_teach(struct tables *t, struct work *w)
{
	const struct settings *cfg = tables_settings(t);
	u64 hash;

	tables_take(t);
	if (!cfg || !w)
		return 0;
	tunnel_say(cfg, w);
	tunnel_base(cfg, w);
	w->place.device = w->place.wanted = w->from;
	w->place.why = PLACE_OWN;
	if (w->tunnel.said & SAYS_MINE)
		tunnel_mine(t, cfg, w);
	if (!(w->tunnel.said & SAYS_PROOF))
		return 0;
	hash = w->place.hash;
	tunnel_to(w, w->from);
	if (tunnel_bind(t, cfg, w, &w->key, hash))
		tunnel_newest(t, cfg, w, w->from);
	return 0;
}

#endif
