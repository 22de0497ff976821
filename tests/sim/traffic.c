// SPDX-License-Identifier: ISC
/*
 * Hosts: they open conversations from both sides, use them, send fragments in any order and errors
 * about what they got, close, reset or forget them. A TCP connection dies with its first loss, UDP
 * goes on.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandwich/core/packet.h"

#define IDLE_MS 15000 /* after which a host hangs up: before any timer here runs out */

static u8 opener_side(const struct talk *k)
{
	return k->from_inside ? SIDE_EGRESS : SIDE_INGRESS;
}

static struct address address_of(const char *format, u32 n)
{
	struct address a = {{0, 0}};
	char text[64];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), format, n);
#pragma GCC diagnostic pop
	if (frame_address(text, &a))
		abort();
	return a;
}

/* What the conversation's opener (FORTH) or the other end sends. */
static struct segment segment_of(struct sim *s, const struct talk *k, bool forth, u8 flags)
{
	bool nat = s->mode == MODE_NAT && !forth;
	bool icmp = k->protocol == PROTOCOL_ICMP || k->protocol == PROTOCOL_ICMPV6;
	struct segment g = {.protocol = k->protocol, .flags = flags, .talk = (u16)(k - s->talk)};

	g.src = forth ? k->client : k->server;
	g.dst = forth ? k->server : nat ? k->seen : k->client;
	g.sport = forth ? k->cport : k->sport;
	g.dport = forth ? k->sport : nat ? k->seen_port : k->cport;
	g.reply = icmp && !forth;
	if (icmp && !forth)
		g.sport = g.dport;
	return g;
}

/* In vpn mode what a client sends goes through its tunnel. */
static void seal(struct sim *s, const struct talk *k, struct segment *g)
{
	g->inner_src = g->src;
	g->inner_dst = g->dst;
	g->inner_protocol = g->protocol;
	g->src = s->client[k->who].outer;
	g->dst = address_of("192.0.2.%u", 10);
	g->protocol = PROTOCOL_ESP;
	g->sealed = true;
}

/* Opens CLIENT's tunnel, wherever the ingress sends it. True: it has one now. */
static bool tunnel_open(struct sim *s, u8 who)
{
	struct client *c = &s->client[who];
	struct segment g = {.src = c->outer, .dst = address_of("192.0.2.%u", 10), .hello = true,
			    .protocol = PROTOCOL_UDP, .sport = 500, .dport = 500, .talk = SIM_TALKS,
			    .id = who};

	net_send(s, SIDE_INGRESS, &g, 1);
	if (!s->by || !s->device[s->by].alive)
		return false;
	if (c->tunnel != s->by) {
		c->taught[0] = c->taught[1] = false;
		s->device[c->tunnel].tunnel[who] = false; /* it is told, or finds out */
	}
	c->tunnel = s->by;
	c->used = s->now;
	return true;
}

static bool send_once(struct sim *s, struct talk *k, bool forth, struct segment *g, u32 n)
{
	u8 side = forth ? opener_side(k) : !opener_side(k);

	if (s->mode == MODE_VPN && side == SIDE_INGRESS)
		for (u32 i = 0; i < n; i++)
			seal(s, k, &g[i]);
	return net_send(s, side, g, n) == n;
}

/* One packet of a conversation. True: it arrived. */
static bool say(struct sim *s, struct talk *k, bool forth, u8 flags)
{
	struct segment g = segment_of(s, k, forth, flags);

	return send_once(s, k, forth, &g, 1);
}

/* vpn: a loss makes the client look for its gateway again; the inner conversation goes on. */
static bool say_again(struct sim *s, struct talk *k, bool forth, u8 flags)
{
	if (say(s, k, forth, flags))
		return true;
	if (s->mode != MODE_VPN || !tunnel_open(s, k->who))
		return false;
	if (!s->client[k->who].taught[k->v6] && opener_side(k) == SIDE_EGRESS)
		say(s, k, false, TCP_ACK); /* a keepalive within: now the inside knows the way */
	return say(s, k, forth, flags);
}

static void hang_up(struct talk *k)
{
	k->open = false;
}

/* A loss ends TCP; of UDP only what was said is lost. */
static void missed(struct talk *k)
{
	if (k->protocol == PROTOCOL_TCP)
		hang_up(k);
}

static void exchange(struct sim *s, struct talk *k)
{
	bool forth = sim_chance(s, 3) > 0;
	bool icmp = k->protocol == PROTOCOL_ICMP || k->protocol == PROTOCOL_ICMPV6;

	if (icmp || !k->home)
		forth = true;
	if (!say_again(s, k, forth, TCP_ACK) || !say_again(s, k, !forth, TCP_ACK))
		missed(k);
}

/* A datagram of three parts, in any order. */
static void datagram(struct sim *s, struct talk *k)
{
	bool forth = sim_chance(s, 2), parts_first = sim_chance(s, 2);
	struct segment g[3], swap;
	u16 id = s->next_id++;

	if (!k->home)
		return;
	for (u32 i = 0; i < 3; i++) {
		g[i] = segment_of(s, k, forth, 0);
		g[i].id = id;
		g[i].offset = (u16)(i * 3);
		g[i].more = i < 2;
	}
	for (u32 i = 2; i > 0; i--) {
		u32 j = parts_first ? 0 : (u32)sim_chance(s, i + 1);

		swap = g[i];
		g[i] = g[j];
		g[j] = swap;
	}
	send_once(s, k, forth, g, 3);
}

/* A router beyond one end says that the other end's packet was too big. */
static void error_about(struct sim *s, struct talk *k)
{
	bool forth = sim_chance(s, 2);
	struct segment g = segment_of(s, k, forth, 0);

	if (!k->home)
		return;
	g.error = true;
	if (g.reply) /* an echo's error is about the echo */
		return;
	send_once(s, k, forth, &g, 1);
}

static void close_talk(struct sim *s, struct talk *k)
{
	if (k->protocol == PROTOCOL_TCP && sim_chance(s, 3)) {
		if (sim_chance(s, 4)) {
			if (say(s, k, true, TCP_FIN | TCP_ACK) &&
			    say(s, k, false, TCP_FIN | TCP_ACK))
				say(s, k, true, TCP_ACK);
		} else {
			say(s, k, sim_chance(s, 2), TCP_RST | TCP_ACK);
		}
	}
	hang_up(k);
}

static void open_ends(struct sim *s, struct talk *k)
{
	u32 who = (u32)sim_chance(s, SIM_CLIENTS), server = (u32)sim_chance(s, 6);
	const struct client *c = &s->client[who];
	bool v6 = k->v6;

	k->who = (u8)who;
	if (s->mode == MODE_VPN) {
		k->client = v6 ? c->inner6 : c->inner;
		k->server = address_of(v6 ? "fd09::%u" : "10.9.0.%u", 1 + server);
	} else if (k->from_inside) {
		k->client = address_of(v6 ? "fd09::%u" : "10.9.0.%u", 20 + who);
		k->server = address_of(v6 ? "2001:db8:2::%u" : "203.0.113.%u", 1 + server);
	} else {
		k->client = address_of(v6 ? "2001:db8::%u" : "198.51.100.%u", 1 + who);
		k->server = address_of(v6 ? "fd09::%u" : "10.9.0.%u", 1 + server);
	}
	if (s->mode == MODE_VPN && k->from_inside) {
		struct address swap = k->client;

		k->client = k->server;
		k->server = swap;
	}
}

static void open_ports(struct sim *s, struct talk *k)
{
	static const u8 kinds[] = {PROTOCOL_TCP, PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_UDP,
				   PROTOCOL_ICMP};
	u16 fresh = s->next_port++;

	k->protocol = kinds[sim_chance(s, 5)];
	k->cport = (u16)(10000 + fresh % 50000);
	k->sport = (u16)(k->from_inside ? 2000 + sim_chance(s, 20) : 1 + sim_chance(s, 20));
	if (k->protocol != PROTOCOL_ICMP)
		return;
	k->protocol = k->v6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP;
	k->cport = k->sport = (u16)(k->from_inside ? 2000 + fresh % 60000 : 1 + fresh % 1999);
}

/* Opens a conversation; TCP with its three frames. */
static void open_talk(struct sim *s, struct talk *k)
{
	*k = (struct talk){.open = true, .began = s->now, .when = s->now};
	k->from_inside = sim_chance(s, 3) == 0;
	k->v6 = sim_chance(s, 3) == 0;
	open_ends(s, k);
	open_ports(s, k);
	if (s->mode == MODE_VPN && !s->client[k->who].tunnel && !tunnel_open(s, k->who)) {
		hang_up(k);
		return;
	}
	if (s->mode == MODE_VPN && k->from_inside && !s->client[k->who].taught[k->v6]) {
		hang_up(k);
		return;
	}
	if (!say_again(s, k, true, TCP_SYN) || !say_again(s, k, false, TCP_SYN | TCP_ACK) ||
	    (k->protocol == PROTOCOL_TCP && !say_again(s, k, true, TCP_ACK)))
		hang_up(k);
}

/* SYNs from anywhere that nobody will ever answer. */
static void flood(struct sim *s)
{
	for (u32 i = 0; i < 40; i++) {
		struct segment g = {.protocol = PROTOCOL_TCP, .flags = TCP_SYN, .dport = 80,
				    .talk = SIM_TALKS};
		u32 random = (u32)sim_chance(s, 1u << 30);

		address_from_v4(&g.src, core_swap32(0x40000000u | random));
		g.sport = (u16)random;
		g.dst = address_of("10.9.0.%u", 1);
		net_send(s, SIDE_INGRESS, &g, 1);
	}
}

void traffic_step(struct sim *s)
{
	for (u32 n = 0; n < 8; n++) {
		struct talk *k = &s->talk[sim_chance(s, SIM_TALKS)];
		u64 what = sim_chance(s, 16);

		if (!k->open)
			open_talk(s, k);
		else if (what < 11)
			exchange(s, k);
		else if (what < 13 && k->protocol == PROTOCOL_UDP)
			datagram(s, k);
		else if (what < 15)
			error_about(s, k);
		else
			close_talk(s, k);
	}
	for (u32 i = 0; i < SIM_TALKS; i++)
		if (s->talk[i].open && s->now - s->talk[i].when > IDLE_MS)
			hang_up(&s->talk[i]);
	if (s->flood)
		flood(s);
}

void traffic_close_all(struct sim *s)
{
	for (u32 i = 0; i < SIM_TALKS; i++)
		if (s->talk[i].open)
			close_talk(s, &s->talk[i]);
}
