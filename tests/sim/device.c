// SPDX-License-Identifier: ISC
/*
 * Devices that catch a wrong balancer: they drop what they did not see begin (tcp_loose = 0), take
 * new flows from the allowed side only, and start empty after a reboot.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandwich/core/packet.h"

#define SERVER_PORT_INSIDE 1000	 /* below: a service inside, opened from outside */
#define SERVER_PORT_OUTSIDE 2000 /* from here to 2999: a service outside, opened from inside */

static struct state *state_slot(struct device_sim *d, u64 hash, const struct state *want)
{
	for (u32 i = 0; i < SIM_STATES; i++) {
		struct state *st = &d->state[(hash + i) % SIM_STATES];

		if (!st->used)
			return st;
		if (st->protocol == want->protocol && st->sport == want->sport &&
		    st->dport == want->dport && address_equal(&st->src, &want->src) &&
		    address_equal(&st->dst, &want->dst))
			return st;
	}
	abort();
}

static struct state *state_find(struct device_sim *d, const struct address *src, u16 sport,
				const struct address *dst, u16 dport, u8 protocol)
{
	struct state want = {.src = *src, .dst = *dst, .sport = sport, .dport = dport,
			     .protocol = protocol};
	u64 hash = hash_mix(src->word[1] ^ hash_mix(dst->word[1] ^ (u64)sport << 16 ^ dport));

	return state_slot(d, hash, &want);
}

static struct address device_address(u8 id, u8 side, bool v4)
{
	char text[64];
	struct address a = {{0, 0}};

	snprintf(text, sizeof(text), v4 ? "10.%u.0.%u" : "fd0%u::%u", 1 + side, 10 + id);
	if (frame_address(text, &a))
		abort();
	return a;
}

/* A flow that the policy lets begin here: from the allowed side, and as flows begin. */
static bool device_may_open(const struct segment *g, bool from_inside)
{
	if (g->protocol == PROTOCOL_TCP && g->flags != TCP_SYN)
		return false;
	if (g->protocol == PROTOCOL_ICMP || g->protocol == PROTOCOL_ICMPV6)
		return !g->reply && from_inside == (g->sport >= SERVER_PORT_OUTSIDE);
	if (from_inside)
		return g->dport >= SERVER_PORT_OUTSIDE && g->dport < 3000;
	return g->dport < SERVER_PORT_INSIDE;
}

/* Another host's name on the far side: masquerading takes the device's address and a port of its
 * own. */
static void device_masquerade(struct sim *s, u8 id, u8 to_side, struct state *st, struct segment *g)
{
	if (s->mode != MODE_NAT)
		return;
	if (!st->port)
		st->port = s->device[id].next_port++;
	g->src = device_address(id, to_side, address_is_v4(&g->src));
	g->sport = st->port;
	if (g->protocol == PROTOCOL_ICMP || g->protocol == PROTOCOL_ICMPV6)
		g->dport = st->port;
}

/* A frame toward the opener of a masqueraded flow: which flow has that port? */
static struct state *device_unmasquerade(struct device_sim *d, const struct segment *g)
{
	for (u32 i = 0; i < SIM_STATES; i++) {
		struct state *st = &d->state[i];

		if (st->used && st->port == g->dport && st->protocol == g->protocol &&
		    address_equal(&st->dst, &g->src))
			return st;
	}
	return NULL;
}

/* The flow that a frame toward its opener belongs to. */
static struct state *device_answered(struct sim *s, struct device_sim *d, const struct segment *g)
{
	struct state *st;

	if (s->mode == MODE_NAT)
		return device_unmasquerade(d, g);
	st = state_find(d, &g->dst, g->dport, &g->src, g->sport, g->protocol);
	return st->used ? st : NULL;
}

static void device_restore(struct sim *s, const struct state *st, struct segment *g)
{
	if (s->mode != MODE_NAT)
		return;
	g->dst = st->src;
	g->dport = st->sport;
	if (g->protocol == PROTOCOL_ICMP || g->protocol == PROTOCOL_ICMPV6)
		g->sport = st->sport;
}

static enum pass device_forward(struct sim *s, u8 id, u8 to_side, struct state *st,
				struct segment *g)
{
	if (g->protocol == PROTOCOL_TCP && !st->answered && g->flags != TCP_SYN)
		return PASS_DROP; /* the SYN-ACK did not come this way */
	device_masquerade(s, id, to_side, st, g);
	return PASS_ON;
}

static enum pass device_filter(struct sim *s, u8 id, u8 from_side, struct segment *g)
{
	struct device_sim *d = &s->device[id];
	bool from_inside = from_side == SIDE_EGRESS;
	struct state *st = state_find(d, &g->src, g->sport, &g->dst, g->dport, g->protocol);

	if (st->used && st->from_inside == from_inside)
		return device_forward(s, id, !from_side, st, g);
	if (!st->used && device_may_open(g, from_inside) && !g->error) {
		*st = (struct state){.used = true, .src = g->src, .dst = g->dst, .sport = g->sport,
				     .dport = g->dport, .protocol = g->protocol,
				     .from_inside = from_inside};
		return device_forward(s, id, !from_side, st, g);
	}
	st = device_answered(s, d, g);
	if (!st || st->from_inside == from_inside)
		return PASS_DROP;
	st->answered |= !g->error;
	device_restore(s, st, g);
	return PASS_ON;
}

/* VPN: what comes sealed is opened, what goes to an inner host is sealed, if its tunnel is here. */
static enum pass device_gateway(struct sim *s, u8 id, u8 from_side, struct segment *g)
{
	struct talk *k = g->talk < SIM_TALKS ? &s->talk[g->talk] : NULL;
	u8 who = k ? k->who : (u8)g->id;

	if (g->hello) {
		s->device[id].tunnel[who] = true;
		return PASS_DROP; /* it ends here */
	}
	if (!s->device[id].tunnel[who])
		return PASS_DROP;
	if (from_side == SIDE_INGRESS) {
		g->src = g->inner_src;
		g->dst = g->inner_dst;
		g->protocol = g->inner_protocol;
		g->sealed = false;
		return PASS_ON;
	}
	g->inner_src = g->src;
	g->inner_dst = g->dst;
	g->inner_protocol = g->protocol;
	g->sealed = true;
	if (frame_address("192.0.2.10", &g->src))
		abort();
	g->dst = s->client[who].outer;
	g->protocol = PROTOCOL_ESP;
	return PASS_ON;
}

enum pass device_pass(struct sim *s, u8 id, u8 from_side, struct segment *g)
{
	if (s->mode == MODE_VPN)
		return device_gateway(s, id, from_side, g);
	if (g->talk >= SIM_TALKS)
		return PASS_ON; /* a flood: answered with cookies, no state kept */
	return device_filter(s, id, from_side, g);
}

void device_reboot(struct device_sim *d)
{
	memset(d->state, 0, SIM_STATES * sizeof(*d->state));
	memset(d->tunnel, 0, sizeof(d->tunnel));
}
