/* SPDX-License-Identifier: ISC */
/*
 * What a conversation is called: the flow, oriented by the sandwich, and the affinity key made of
 * it.
 *
 * A flow's ends are named by where they are, not by who spoke first: `outside` is beyond the
 * ingress balancer, `inside` beyond the egress balancer. Both balancers therefore give both
 * directions of a conversation the same 40 bytes.
 */
#ifndef SANDWICH_CORE_FLOW_H
#define SANDWICH_CORE_FLOW_H

#include "sandwich/core/hash.h"
#include "sandwich/core/packet.h"

enum affinity { AFFINITY_PAIR, AFFINITY_CLIENT, AFFINITY_SERVER, AFFINITY_FLOW };

struct flow {
	struct address outside, inside;
	be16 outside_port, inside_port; /* 0 where the protocol has none; an echo's id in both */
	u8 zone[3];			/* 24 bits, high byte first */
	u8 protocol;
};

_Static_assert(sizeof(struct flow) == 8 * HASH_WORDS, "a flow is five words, without holes");

CORE_INLINE bool flow_equal(const struct flow *a, const struct flow *b)
{
	const any_word *x = (const any_word *)a, *y = (const any_word *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]));
}

CORE_INLINE u64 flow_hash(const struct hash_key *key, const struct flow *flow)
{
	return hash_words(key, (const any_word *)flow);
}

CORE_INLINE void flow_zone(struct flow *flow, u32 zone)
{
	flow->zone[0] = (u8)(zone >> 16);
	flow->zone[1] = (u8)(zone >> 8);
	flow->zone[2] = (u8)zone;
}

/* The flow of a packet that travels away from the outside (FROM_OUTSIDE) or toward it. */
CORE_INLINE void flow_from_packet(struct flow *flow, const struct packet *p, bool from_outside,
				  u32 zone)
{
	flow->outside = from_outside ? p->src : p->dst;
	flow->inside = from_outside ? p->dst : p->src;
	flow->outside_port = from_outside ? p->sport : p->dport;
	flow->inside_port = from_outside ? p->dport : p->sport;
	flow->protocol = p->protocol;
	flow_zone(flow, zone);
}

/* The key of one address. `protocol` holds the kind, so that no two kinds of key are ever equal. */
CORE_INLINE void affinity_host(struct flow *key, const struct address *host, const u8 *zone,
			       u8 kind)
{
	core_zero(key, sizeof(*key));
	key->outside = *host;
	core_copy(key->zone, zone, 3);
	key->protocol = kind;
}

CORE_INLINE void affinity_key(struct flow *key, const struct flow *flow, u8 affinity)
{
	if (affinity == AFFINITY_FLOW) {
		*key = *flow;
		return;
	}
	if (affinity == AFFINITY_CLIENT || affinity == AFFINITY_SERVER) {
		affinity_host(key, affinity == AFFINITY_CLIENT ? &flow->outside : &flow->inside,
			      flow->zone, affinity);
		return;
	}
	affinity_host(key, &flow->outside, flow->zone, affinity);
	key->inside = flow->inside;
	if (address_less(&key->inside, &key->outside)) {
		key->outside = flow->inside;
		key->inside = flow->outside;
	}
}

#endif
