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

/* Ports, zone and protocol: the last word, as it lies in memory on a little-endian machine. */
CORE_INLINE u64 flow_tail(const struct flow *flow)
{
	return (u64)flow->outside_port | (u64)flow->inside_port << 16 | (u64)flow->zone[0] << 32 |
	       (u64)flow->zone[1] << 40 | (u64)flow->zone[2] << 48 | (u64)flow->protocol << 56;
}

CORE_INLINE u32 flow_zone_of(const struct flow *flow)
{
	return (u32)flow->zone[0] << 16 | (u32)flow->zone[1] << 8 | flow->zone[2];
}

/* The last word of the flow of that, as it lies in memory. */
CORE_INLINE u64 flow_last(be16 outside_port, be16 inside_port, u32 zone, u8 protocol)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (u64)outside_port | (u64)inside_port << 16 |
	       (u64)core_swap32(zone << 8 | protocol) << 32;
#else
	return (u64)outside_port << 48 | (u64)inside_port << 32 | zone << 8 | protocol;
#endif
}

/* Both addresses are IPv4; the key of one host has nothing inside. */
CORE_INLINE bool flow_is_v4(const struct flow *flow)
{
	return address_is_v4(&flow->outside) &&
	       (address_is_v4(&flow->inside) || !(flow->inside.word[0] | flow->inside.word[1]));
}

/*
 * The hash of all of a flow or key: of its addresses (8 bytes of IPv4, else 32), its ports if it
 * has any, its zone and protocol. What is the same in all keys of a kind is left out, since each
 * word hashed costs as much as a look at a table. The length keeps the forms apart.
 */
CORE_INLINE u64 flow_hash(const struct hash_key *key, const struct flow *flow)
{
	u64 tail = flow_tail(flow);
	u32 length = 8;
	struct hash_state s;

	hash_begin(&s, key);
	if (flow_is_v4(flow)) {
		hash_add(&s, address_v4(&flow->outside) | (u64)address_v4(&flow->inside) << 32);
	} else {
		hash_add(&s, flow->outside.word[0]);
		hash_add(&s, flow->outside.word[1]);
		hash_add(&s, flow->inside.word[0]);
		hash_add(&s, flow->inside.word[1]);
		length = 32;
	}
	if (!(u32)tail)
		return hash_end(&s, tail >> 32, length + 4);
	hash_add(&s, tail);
	return hash_end(&s, 0, length + 8);
}

/* The same of a key without ports. WORDS: both IPv4 addresses; TAIL: flow_tail(). */
CORE_INLINE u64 flow_hash_v4(const struct hash_key *key, u64 words, u64 tail)
{
	struct hash_state s;

	hash_begin(&s, key);
	hash_add(&s, words);
	return hash_end(&s, tail >> 32, 8 + 4);
}

CORE_INLINE u64 flow_hash_v6(const struct hash_key *key, const struct address *outside,
			     const struct address *inside, u64 tail)
{
	struct hash_state s;

	hash_begin(&s, key);
	hash_add(&s, outside->word[0]);
	hash_add(&s, outside->word[1]);
	hash_add(&s, inside->word[0]);
	hash_add(&s, inside->word[1]);
	return hash_end(&s, tail >> 32, 32 + 4);
}

/* What flow_spread() goes by: two words for each of a flow's, all of them secret. */
struct flow_key {
	u64 word[2 * HASH_WORDS];
};

/* Makes OUT of a shorter secret, the same on all machines. */
CORE_INLINE void flow_key_init(struct flow_key *out, const struct hash_key *secret)
{
	for (u32 i = 0; i < 2 * HASH_WORDS; i++) {
		struct hash_state s;

		hash_begin(&s, secret);
		out->word[i] = hash_end(&s, i, 1);
	}
}

/*
 * A third of flow_hash()'s time: "multilinear HM" of Lemire and Kaser, "Strongly universal string
 * hashing is fast" (2014), over the flow's ten halves of words. Who does not know the key can't
 * choose flows that meet, unlike with multiplications by what everybody knows; but it hides nothing
 * from who sees the results, which nobody outside does. Halves are taken in the order of numbers,
 * so that neighbours differ in the lowest bits, where the multiplication makes most of it.
 * WORD: the flow as it lies in memory.
 */
CORE_INLINE u64 flow_spread_words(const struct flow_key *key, const any_word *word)
{
	u64 sum = 0;

#pragma GCC unroll 5
	for (int i = 0; i < HASH_WORDS; i++)
		sum += ((core_swap64(word[i]) & 0xffffffff) + key->word[2 * i]) *
		       ((core_swap64(word[i]) >> 32) + key->word[2 * i + 1]);
	return hash_mix(sum);
}

CORE_INLINE u64 flow_spread(const struct flow_key *key, const struct flow *flow)
{
	const any_word word[HASH_WORDS] = {flow->outside.word[0], flow->outside.word[1],
					   flow->inside.word[0], flow->inside.word[1],
					   flow_last(flow->outside_port, flow->inside_port,
						     flow_zone_of(flow), flow->protocol)};

	return flow_spread_words(key, word);
}

/* flow_hash() as a function, where the time of a call does not matter; 0 for no key or flow. */
CORE_GLOBAL u64 flow_hash_of(const struct hash_key *key, const struct flow *flow)
{
	return key && flow ? flow_hash(key, flow) : 0;
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
	flow->outside = address_either(from_outside, &p->src, &p->dst);
	flow->inside = address_either(from_outside, &p->dst, &p->src);
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
	key->zone[0] = zone[0];
	key->zone[1] = zone[1];
	key->zone[2] = zone[2];
	key->protocol = kind;
}

CORE_INLINE void affinity_key(struct flow *key, const struct flow *flow, u8 affinity)
{
	struct address host = address_either(affinity != AFFINITY_SERVER, &flow->outside,
					     &flow->inside);
	bool swap = address_less(&flow->inside, &flow->outside);

	if (affinity == AFFINITY_FLOW) {
		*key = *flow;
		return;
	}
	affinity_host(key, &host, flow->zone, affinity);
	if (affinity == AFFINITY_CLIENT || affinity == AFFINITY_SERVER)
		return;
	key->outside = address_either(swap, &flow->inside, &flow->outside);
	key->inside = address_either(swap, &flow->outside, &flow->inside);
}

#endif
