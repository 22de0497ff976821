// SPDX-License-Identifier: ISC
/*
 * The way of a packet: balancer, device, balancer, host. Here is where a conversation is seen on a
 * device, so here the invariants are checked that are about single packets.
 *
 * A conversation's home is the device that a whole round trip went by. It may be seen elsewhere, or
 * dropped for want of state, only if that device was not up on some side since both its directions
 * were last seen at home (all conversations of one affinity key move together, also one that a
 * device kept while it was away); one without a home yet, only if the sides' tables were allowed to
 * differ since it began.
 */
#include "tests/sim/sim.h"

#include "sandwich/core/packet.h"


static struct talk *net_talk(struct sim *s, const struct segment *g)
{
	return g->talk < SIM_TALKS ? &s->talk[g->talk] : NULL;
}

static bool net_excused(const struct sim *s, const struct talk *k)
{
	u64 both = k->way[0] < k->way[1] ? k->way[0] : k->way[1];

	if (k->home)
		return s->device[k->home].disturbed >= both;
	return s->unsettled >= k->began;
}

/* It lost its home. TCP ends there: no other firewall knows it. */
static void net_uproot(struct sim *s, struct talk *k)
{
	k->home = k->heard = 0;
	k->began = s->now;
	k->moved = true;
	k->open &= k->protocol != PROTOCOL_TCP || s->mode == MODE_VPN;
	s->moves++;
}

static void net_lost(struct sim *s, const struct segment *g, u8 id, const char *why)
{
	struct talk *k = net_talk(s, g);

	s->lost++;
	if (!k)
		return;
	if (!net_excused(s, k) && !(k->moved && k->began == s->now))
		sim_fail(s, "talk %u (home %u, opener's by %u) lost at device %u: %s", g->talk,
			 k->home, k->heard, id, why);
	net_uproot(s, k);
}

/*
 * vpn: the client's tunnel is gone or may be, or the inside sends toward a tunnel of which it can't
 * know yet where it is.
 */
static bool net_unknowable(struct sim *s, u8 side, const struct talk *k)
{
	const struct client *c = k ? &s->client[k->who] : NULL;
	const struct device_sim *d = c ? &s->device[c->tunnel] : NULL;

	if (s->mode != MODE_VPN || !c)
		return false;
	return !d->alive || !d->tunnel[k->who] || d->disturbed >= c->used ||
	       (side == SIDE_EGRESS && !c->taught[k->v6]);
}

/* An answer before any question has come this way: the policy may drop it. */
static bool net_unasked(u8 side, const struct talk *k)
{
	return k && !k->home && !k->heard && side == (k->from_inside ? SIDE_INGRESS : SIDE_EGRESS);
}

/* A balancer sends a packet to a device. */
static void net_observe(struct sim *s, const struct segment *g, u8 id)
{
	struct talk *k = net_talk(s, g);

	if (!k || !k->home || k->home == id)
		return;
	if (!net_excused(s, k))
		sim_fail(s, "talk %u moved from device %u, which lives, to %u", g->talk, k->home,
			 id);
	net_uproot(s, k);
}

/* Arrived at SIDE: is it the opener's frame? */
static bool net_forth(u8 side, const struct talk *k)
{
	return side == (k->from_inside ? SIDE_INGRESS : SIDE_EGRESS);
}

static void net_arrived(struct sim *s, const struct segment *g, u8 id, u8 side)
{
	struct talk *k = net_talk(s, g);

	s->arrived++;
	s->by = id;
	s->received = *g;
	if (!k || g->error)
		return;
	if (net_forth(side, k)) {
		k->heard = id;
		k->seen = g->src;
		k->seen_port = g->sport;
	} else if (k->heard == id && !k->home) {
		k->home = id;
		k->way[0] = s->now;
		s->trips++;
	}
	if (k->home == id)
		k->when = k->way[!net_forth(side, k)] = s->now;
	if (s->client[k->who].tunnel == id)
		s->client[k->who].used = s->now;
	if (s->mode == MODE_VPN && side == SIDE_EGRESS)
		s->client[k->who].taught[k->v6] = true;
}

static void net_hold(struct sim *s, u8 side, const struct segment *g, u8 from)
{
	struct half *b = &s->side[side];

	if (b->held_count == SIM_HELD) {
		sim_fail(s, "side %u holds too much", side);
		return;
	}
	b->held_from[b->held_count] = from;
	b->held[b->held_count++] = *g;
}

static void net_outward(struct sim *s, u8 side, const struct segment *g, u8 id)
{
	struct work w = {0};

	side_decide(s, side, g, 1, id, &w);
	if (w.reason == REASON_HELD_FRAGMENT) {
		net_hold(s, side, g, id);
		return;
	}
	if (w.from != id || w.reason != REASON_TO_UPLINK)
		sim_fail(s, "side %u: from device %u, known as %u, reason %u", side, id, w.from,
			 w.reason);
	net_arrived(s, g, id, side);
}

static void net_inward(struct sim *s, u8 side, const struct segment *sent)
{
	struct segment g = *sent;
	struct talk *k = net_talk(s, &g);
	struct work w = {0};

	side_decide(s, side, &g, PORT_UPLINK, 0, &w);
	if (w.reason == REASON_HELD_FRAGMENT) {
		net_hold(s, side, &g, 0);
		return;
	}
	if (reason_action(w.reason) != ACTION_SEND) {
		net_lost(s, &g, 0, "not sent to a device");
		return;
	}
	if (net_unknowable(s, side, k) || net_unasked(side, k)) {
		if (s->device[w.device].alive && device_pass(s, w.device, side, &g) == PASS_ON)
			net_outward(s, !side, &g, w.device);
		s->by = w.device;
		return;
	}
	net_observe(s, &g, w.device);
	if (!s->device[w.device].alive)
		net_lost(s, &g, w.device, "dead");
	else if (device_pass(s, w.device, side, &g) == PASS_ON)
		net_outward(s, !side, &g, w.device);
	else if (!g.hello)
		net_lost(s, &g, w.device, "no state");
	s->by = w.device;
}

/* What was held goes on: its first part has come by, or never will. */
static void net_release(struct sim *s, u8 side)
{
	struct half *b = &s->side[side];
	u32 n = b->held_count;

	b->held_count = 0;
	for (u32 i = 0; i < n; i++) {
		struct segment g = b->held[i];

		if (b->held_from[i])
			net_outward(s, side, &g, b->held_from[i]);
		else
			net_inward(s, side, &g);
	}
}

u32 net_send(struct sim *s, u8 side, struct segment *g, u32 n)
{
	u64 lost_before = s->lost;

	s->arrived = 0;
	s->by = 0;
	for (u32 i = 0; i < n; i++)
		net_inward(s, side, &g[i]);
	net_release(s, side);
	net_release(s, !side);
	for (u8 b = 0; b < 2; b++) {
		if (s->side[b].held_count && s->lost == lost_before)
			sim_fail(s, "side %u holds fragments whose first part has come", b);
		s->side[b].held_count = 0;
	}
	if (s->arrived)
		g[0] = s->received;
	return s->arrived;
}
