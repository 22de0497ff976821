/* SPDX-License-Identifier: ISC */
/*
 * Pins: the exceptions to the hash.
 *
 * A pin says that everything of one affinity key (or one inner host) is on a device. A filter of
 * 64 KiB, which stays in the cache, says "no pin" for almost every frame. A pin lives as long as
 * a conversation of its key: using it and touching its sessions keep it fresh.
 */
#ifndef SANDWICH_CORE_PIN_H
#define SANDWICH_CORE_PIN_H

#include "sandwich/core/tables.h"

/* Why a pin is there; in slot.state. */
enum pin_origin {
	PIN_LEARNED,
	PIN_SWEPT,
	PIN_OPERATOR,
	PIN_SYNCED,
	PIN_EXPECTED,
	PIN_HOST,
	PIN_TUNNEL, /* tunnel_place.h */
	PIN_SHARED, /* an identifier that two devices use: it says nothing */
	PIN_ORIGINS
};

/*
 * Kinds of key besides the affinities; in flow.protocol. The identifiers of tunnels stand in the
 * address that is outside, and have no ports and no zone: their tunnel may move to another.
 */
enum pin_kind {
	PIN_KIND_HOST = 0xf0, /* an inner host where the affinity is not the client */
	PIN_KIND_PEER,	      /* a client's address and its UDP port */
	PIN_KIND_ADDRESS,     /* a client's address; its port is the protocol, enum tunnel_kind */
	PIN_KIND_IKE,	      /* the initiator's SPI */
	PIN_KIND_ESP,	      /* the SPI that the gateway chose */
	PIN_KIND_AH,
	PIN_KIND_WIREGUARD, /* the index that the gateway chose */
	PIN_KIND_OPENVPN,   /* the client's session id */
	PIN_KIND_DTLS,	    /* the connection id that the gateway chose */
	PIN_KINDS
};

/*
 * It says where a client's tunnel is, whether or not something goes through it now. What a tunnel's
 * identifiers are pinned by is the same again.
 */
CORE_INLINE bool pin_is_client(u8 origin, u8 kind)
{
	return origin == PIN_HOST || (origin == PIN_TUNNEL && kind == PIN_KIND_PEER);
}

#define PIN_USE_MS 1000	   /* how stale a pin in use may look */

CORE_INLINE bool pin_filter_has(struct tables *t, const struct settings *cfg, u64 hash)
{
	u32 bit = (u32)(hash >> 24) & (PIN_FILTER_BITS - 1);
	u64 *word = tables_filter(t, cfg->filter, bit >> 6);

	return word && core_load(word) >> (bit & 63) & 1;
}

/*
 * Sets the bit in both sets, so that a rebuild under way misses no pin. Never skipped where the bit
 * is set already: the atomic or is also the barrier between publishing the pin and looking here.
 */
CORE_INLINE void pin_filter_put(struct tables *t, u64 hash)
{
	u32 bit = (u32)(hash >> 24) & (PIN_FILTER_BITS - 1);

	for (u32 set = 0; set < PIN_FILTER_SETS; set++) {
		u64 *word = tables_filter(t, set, bit >> 6);

		if (word)
			(void)__sync_fetch_and_or(word, 1ull << (bit & 63));
	}
}

/* HASH is the key's under settings.placement. Keeps a pin that is used fresh. */
CORE_INLINE struct slot *pin_find(struct tables *t, const struct settings *cfg,
				  const struct flow *key, u64 hash, u32 now)
{
	struct slot *pin;

	if (CORE_LIKELY(!pin_filter_has(t, cfg, hash)))
		return NULL;
	pin = table_find(t, TABLE_PINS, key, hash);
	if (pin && core_elapsed(now, core_load(&pin->seen)) > PIN_USE_MS)
		core_store(&pin->seen, now);
	return pin;
}

/* A free slot of the window, claimed; *BEFORE is the version to publish from. */
CORE_INLINE struct slot *table_claim_free(struct tables *t, enum table_kind kind, u64 hash,
					  u32 *before)
{
	for (u32 i = 0; i < TABLE_WINDOW; i++) {
		struct slot *s = tables_slot(t, kind, (u32)hash + i);

		if (!s)
			return NULL;
		*before = core_load(&s->version);
		if (slot_is_free(*before) && slot_claim(s, *before))
			return s;
	}
	return NULL;
}

/*
 * The slot that is found for KEY, which was just put, or NULL; *COPY: another behind it, which is
 * at *VERSION and to be removed, or NULL.
 */
CORE_INLINE struct slot *table_first(struct tables *t, enum table_kind kind, const struct flow *key,
				     u64 hash, struct slot **copy, u32 *version)
{
	u32 places = table_seek_both(tables_hand(t), kind, key, hash);

	*copy = NULL;
	if (CORE_UNLIKELY(places >> 8)) {
		*copy = tables_slot(t, kind, (u32)hash + (places >> 8) - 1);
		*version = *copy ? core_load(&(*copy)->version) : SLOT_NEVER;
		if (*copy && !slot_holds(*copy, key))
			*copy = NULL;
	}
	return places ? tables_slot(t, kind, (u32)hash + (places & 255) - 1) : NULL;
}

/* Forgets a pin if it is still at VERSION. */
CORE_INLINE bool pin_remove(struct tables *t, struct slot *pin, u32 version)
{
	if (!slot_remove(pin, version))
		return false;
	tables_tell(t, TABLE_PINS, pin, EVENT_CHANGED);
	return true;
}

/* Pins KEY to DEVICE, or moves its pin there. False when the table has no room (counted). */
CORE_FN bool pin_put(struct tables *t, const struct flow *key, u64 hash, u8 device, u8 origin,
		     u32 now)
{
	u32 what = origin == PIN_LEARNED || origin == PIN_HOST || origin == PIN_TUNNEL
			   ? EVENT_LEARNED
			   : EVENT_CHANGED;
	struct slot *pin = table_find(t, TABLE_PINS, key, hash), *first, *copy;
	u32 before;

	if (pin) {
		core_store(&pin->device, device);
		core_store(&pin->state, origin);
		core_store(&pin->seen, now);
		core_store(&pin->created, now);
		tables_tell(t, TABLE_PINS, pin, what);
		return true;
	}
	pin = table_claim_free(t, TABLE_PINS, hash, &before);
	if (!pin) {
		count(t, COUNTER_PINS_FULL);
		return false;
	}
	slot_fill(pin, key, device, origin, now);
	slot_publish(pin, before);
	pin_filter_put(t, hash);
	count(t, COUNTER_PINS_NEW);
	tables_tell(t, TABLE_PINS, pin, what);
	first = table_first(t, TABLE_PINS, key, hash, &copy, &before);
	if (first && copy == pin) {
		core_store(&first->device, device);
		tables_tell(t, TABLE_PINS, first, what);
	}
	if (copy)
		pin_remove(t, copy, before);
	return true;
}

/*
 * The same as a function that the verifier walks once. WHERE: device << 8 | origin. 1: it is done.
 */
CORE_GLOBAL u32 pin_set(struct tables *t, const struct flow *key, u64 hash, u32 where, u32 now)
{
	tables_take(t);
	return key && pin_put(t, key, hash, (u8)(where >> 8), (u8)where, now);
}

#endif
