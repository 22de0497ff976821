/* SPDX-License-Identifier: ISC */
/*
 * Placement: which device carries a key. A function of the pins, the hash and the liveness bits.
 */
#ifndef SANDWICH_CORE_PLACE_H
#define SANDWICH_CORE_PLACE_H

#include "sandwich/core/pin.h"
#include "sandwich/core/pool.h"
#include "sandwich/core/rank.h"

enum place_why {
	PLACE_NONE,  /* no device is up */
	PLACE_HASH,  /* the row's order */
	PLACE_PIN,   /* a pin of the affinity key */
	PLACE_HOST,  /* a pin of the inner host */
	PLACE_OWN,   /* the destination is the device itself */
	PLACE_SESSION, /* the session stayed where it was though the hash changed */
	PLACE_POOL,  /* the inner address is in the device's pool, and nothing more is known */
};

struct placement {
	u64 hash;   /* of the affinity key */
	u8 device;  /* 0: none */
	u8 why;	    /* enum place_why */
	u8 rank;    /* PLACE_HASH: 0 for the row's first device */
	u8 wanted;  /* the device that would carry it if everything were up */
	u8 pin;	    /* PLACE_PIN, PLACE_HOST: its enum pin_origin */
	bool revived; /* PLACE_PIN: its device went and came back since the pin was put */
	bool displaced; /* `wanted` is not up, so what was on it is elsewhere or gone */
};

/* It is up, and its drain, if any, is not over. */
CORE_INLINE bool place_carries(const struct settings *cfg, u8 device)
{
	return device_set_has(&cfg->up, device) && !device_set_has(&cfg->shut, device);
}

/* True when KEY has a pin to a device that carries it; one to another leaves its mark. */
CORE_INLINE bool place_by_pin(struct tables *t, const struct settings *cfg, const struct flow *key,
			      u64 hash, u32 now, struct placement *out)
{
	struct slot *pin = pin_find(t, cfg, key, hash, now);
	u8 device;

	if (CORE_LIKELY(!pin))
		return false;
	device = core_load(&pin->device);
	out->wanted = device;
	out->displaced = !place_carries(cfg, device);
	if (out->displaced)
		return false;
	out->device = device;
	out->why = PLACE_PIN;
	out->pin = core_load(&pin->state);
	out->revived = device_since(tables_device(t, device), core_load(&pin->created));
	return true;
}

CORE_INLINE void place_by_hash(struct tables *t, const struct settings *cfg, struct placement *out)
{
	u8 first;

	out->device = rank_pick(t, cfg, out->hash, &cfg->pick, &out->rank, &first);
	out->why = out->device ? PLACE_HASH : PLACE_NONE;
	if (out->displaced)
		return; /* its pin has said where it belongs */
	out->wanted = first;
	out->displaced = first && !device_set_has(&cfg->up, first);
}

/*
 * Places KEY, whose hash under settings.placement is HASH; *OUT starts zeroed. The key is looked at
 * only where there may be a pin, and then as a copy in *ROOM, so that it need not lie in memory.
 */
CORE_INLINE void place_quick(struct tables *t, const struct settings *cfg, const struct flow *key,
			     u64 hash, u32 now, struct placement *out, struct flow *room)
{
	out->hash = hash;
	if (CORE_UNLIKELY(pin_filter_has(t, cfg, hash))) {
		*room = *key;
		if (place_by_pin(t, cfg, room, hash, now, out))
			return;
	}
	place_by_hash(t, cfg, out);
}

/* Places KEY; *OUT starts zeroed. */
CORE_INLINE void place(struct tables *t, const struct settings *cfg, const struct flow *key,
		       u32 now, struct placement *out)
{
	out->hash = flow_hash_of(&cfg->placement, key);
	if (!place_by_pin(t, cfg, key, out->hash, now, out))
		place_by_hash(t, cfg, out);
}

/* The key and hash of the binding of a flow's outside address. */
CORE_INLINE u64 place_host_key(const struct settings *cfg, const struct flow *flow,
			       struct flow *key)
{
	affinity_host(key, &flow->outside, flow->zone,
		      cfg->affinity == AFFINITY_CLIENT ? AFFINITY_CLIENT : PIN_KIND_HOST);
	return flow_hash_of(&cfg->placement, key);
}

/* The same by the binding of the flow's inner host; what its pin says of others is kept in *OUT. */
CORE_INLINE bool place_by_host(struct tables *t, const struct settings *cfg,
			       const struct flow *flow, u32 now, struct placement *out)
{
	struct placement host;
	struct flow key;
	u64 hash;

	core_zero(&host, sizeof(host));
	hash = place_host_key(cfg, flow, &key);
	if (!place_by_pin(t, cfg, &key, hash, now, &host))
		return false;
	out->device = host.device;
	out->why = PLACE_HOST;
	out->pin = host.pin;
	return true;
}

/* By the pool that the flow's inner host is in; a pin to a device that is down goes before it. */
CORE_INLINE bool place_by_pool(struct tables *t, const struct settings *cfg,
			       const struct flow *flow, struct placement *out)
{
	u8 device = (u8)pool_find(tables_hand(t), &flow->outside);
	bool up = device && place_carries(cfg, device);

	if (device && !out->displaced) {
		out->wanted = device;
		out->displaced = !up;
	}
	if (!up)
		return false;
	out->device = device;
	out->why = PLACE_POOL;
	return true;
}

/*
 * Places a conversation away from the uplink: by its pin, else by its inner host's binding, else by
 * its inner host's pool, else by the hash. KEY is the affinity key of FLOW; *OUT starts zeroed.
 */
CORE_INLINE void place_flow(struct tables *t, const struct settings *cfg, const struct flow *flow,
			    const struct flow *key, u32 now, struct placement *out)
{
	out->hash = flow_hash_of(&cfg->placement, key);
	if (place_by_pin(t, cfg, key, out->hash, now, out))
		return;
	if (cfg->learn_hosts && cfg->affinity != AFFINITY_CLIENT &&
	    place_by_host(t, cfg, flow, now, out))
		return;
	if (CORE_UNLIKELY(core_load(&cfg->pool_lengths)) && place_by_pool(t, cfg, flow, out))
		return;
	place_by_hash(t, cfg, out);
}

#endif
