// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/routes_state.h"

static void routes_give_up(struct routes *r)
{
	count(r->tables, COUNTER_HELD_DROPPED);
}

/* RFC 1122 3.2.1.3: a subnet's own and its broadcast address are no host's. */
static bool routes_is_host(const struct address *address, u8 length)
{
	const u8 *byte = (const u8 *)address;
	struct address net = *address;
	u32 host, mask;

	if (!address_is_v4(address))
		return routes_is_forwardable(address) && (address->word[0] || address->word[1]);
	if (byte[12] == 0 || byte[12] == 127 || byte[12] >= 224)
		return false;
	if (length > 126 || length < ROUTES_V4)
		return true;
	route_mask(&net, length);
	mask = 0xffffffffu >> (length - ROUTES_V4);
	host = core_swap32(packet_be32(byte + 12)) & mask;
	return host != 0 && host != mask;
}

/* The hop that the packet's own destination leads to, made where it is on the link; NULL: there is
 * no way. */
static struct hop *routes_find_way(struct routes *r, const struct packet *p, u32 now)
{
	u32 zone = routes_zone(r, p);
	const struct route_entry *e;
	struct hop *hop;

	routes_open_zone(r, zone, now);
	e = route_set_match(&r->set, &p->to, zone, 129);
	if (!e || e->kind == ROUTE_BLACKHOLE)
		return NULL;
	if (e->kind == ROUTE_VIA)
		return e->hop;
	if (!routes_is_host(&p->to, e->length))
		return NULL;
	hop = routes_hop(r, &p->to, zone, now);
	if (!hop)
		return NULL;
	hop_add_zone(hop, zone);
	if (hop->valid && hop_number(&r->hops, hop))
		route_set_learn(&r->set, hop, zone); /* known in another zone already */
	return hop;
}

/* Whom a held frame waits for. */
static struct hop *routes_hop_of(struct routes *r, const struct work *w, u32 now)
{
	struct hop *hop = w->neighbour < NEIGHBOURS_MAX ? r->hops.by_number[w->neighbour] : NULL;

	return hop ? hop : routes_find_way(r, &w->packet, now);
}

/* Puts a frame that was held already back, behind whom the last verdict names; else it is given up.
 */
static void routes_hold_again(struct routes *r, struct held *held, const struct work *verdict,
			      u32 now)
{
	struct hop *hop = NULL;

	if (verdict->reason == REASON_HELD_NEIGHBOUR)
		hop = routes_hop_of(r, verdict, now);
	if (hop && hold_return(&r->hops.hold, &hop->held, held)) {
		held->frame.work = *verdict;
		held->frame.work.held = true;
		resolver_used(r->resolver, hop->entry, now);
		return;
	}
	routes_give_up(r);
	g_free(held);
}

void routes_retry(struct routes *r, GQueue *list, u32 now)
{
	struct held *held;

	while ((held = g_queue_pop_head(list))) {
		struct work verdict;

		core_zero(&verdict, sizeof(verdict));
		if (pump_retry(r->pump, &held->frame, &verdict))
			g_free(held);
		else
			routes_hold_again(r, held, &verdict, now);
	}
}

static void routes_hold_neighbour(struct routes *r, const struct slow_frame *frame, u32 now)
{
	struct hop *hop = routes_hop_of(r, &frame->work, now);
	struct work verdict;

	if (!hop) {
		routes_give_up(r);
		return;
	}
	hop->used = now;
	core_zero(&verdict, sizeof(verdict));
	if (hop->valid && !hop->held.length && pump_retry(r->pump, frame, &verdict))
		return; /* it has answered since the frame was looked at */
	if (!hold_put(&r->hops.hold, &hop->held, frame, now))
		routes_give_up(r);
	resolver_used(r->resolver, hop->entry, now);
}

/* There is no room to wait in: the fragment goes where its addresses lead. Degrade, don't drop. */
static void routes_place(struct routes *r, const struct slow_frame *frame, u32 now)
{
	struct slow_frame copy = *frame;
	struct work verdict;

	copy.work.held = true;
	core_zero(&verdict, sizeof(verdict));
	if (pump_retry(r->pump, &copy, &verdict))
		return;
	if (verdict.reason != REASON_HELD_NEIGHBOUR) {
		routes_give_up(r);
		return;
	}
	copy.work = verdict;
	routes_hold_neighbour(r, &copy, now);
}

static void routes_hold_fragment(struct routes *r, const struct slow_frame *frame, u32 now)
{
	struct packet p = frame->work.packet;
	GQueue list = G_QUEUE_INIT;
	u8 device;

	if (!datagrams_hold(&r->datagrams, frame, now)) {
		routes_place(r, frame, now);
		return;
	}
	if (fragment_recall(r->tables, r->tables->settings, &p, now, &device)) {
		datagrams_take(&r->datagrams, &p, &list); /* the first came since */
		routes_retry(r, &list, now);
	}
	pump_want_fragments(r->pump, !datagrams_empty(&r->datagrams));
}

void routes_hold(struct routes *r, const struct slow_frame *frame, u32 now)
{
	if (frame->work.reason == REASON_HELD_FRAGMENT)
		routes_hold_fragment(r, frame, now);
	else if (frame->work.events & EVENT_ROUTER)
		routes_place(r, frame, now); /* its router has just been learnt */
	else
		routes_hold_neighbour(r, frame, now);
}

void routes_first_fragment(struct routes *r, const struct slow_frame *frame, u32 now)
{
	GQueue list = G_QUEUE_INIT;

	datagrams_take(&r->datagrams, &frame->work.packet, &list);
	routes_retry(r, &list, now);
	pump_want_fragments(r->pump, !datagrams_empty(&r->datagrams));
}

void routes_learn_router(struct routes *r, const struct slow_frame *frame, u32 now)
{
	const struct packet *p = &frame->work.packet;
	const struct route_entry *e;
	u32 zone = routes_zone(r, p);

	if (p->kind != PACKET_IP || p->icmp_error)
		return; /* its addresses are those of the packet it quotes */
	routes_open_zone(r, zone, now);
	e = route_set_match(&r->set, &p->src, zone, 128);
	last_hop_learn(&r->last_hop, p, e && e->kind == ROUTE_ON_LINK, r->vlan == VLAN_KEEP, now);
	last_hop_mark(&r->last_hop, &frame->work);
}
