// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/answer.h"

#include <glib.h>
#include <string.h>

#include "sandwich/slowpath/build.h"
#include "sandwich/slowpath/discovery.h"

struct answer {
	struct answer_ops ops;
	struct mac mac[2];
	u8 ports;
	bool mute;
	GArray *addresses; /* struct answer_address */
};

static const struct mac answer_broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
static const struct mac answer_all_nodes_mac = {{0x33, 0x33, 0, 0, 0, 1}};
static const u8 answer_all_nodes[16] = {0xff, 2, [15] = 1}; /* ff02::1 */

struct answer *answer_new(const struct answer_ops *ops, const struct mac mac[2], u8 ports)
{
	struct answer *a = g_new0(struct answer, 1);

	a->ops = *ops;
	a->mac[0] = mac[0];
	a->mac[1] = mac[1];
	a->ports = ports;
	a->addresses = g_array_new(FALSE, FALSE, sizeof(struct answer_address));
	return a;
}

void answer_free(struct answer *a)
{
	if (!a)
		return;
	g_array_unref(a->addresses);
	g_free(a);
}

static const struct answer_address *answer_at(const GArray *addresses, guint i)
{
	return &g_array_index(addresses, struct answer_address, i);
}

static bool answer_same(const struct answer_address *x, const struct answer_address *y)
{
	return address_equal(&x->address, &y->address) && x->farm == y->farm && x->vlan == y->vlan;
}

/*
 * RFC 5227 3: an ARP announcement is a request, which every host heeds; not all heed a reply nobody
 * asked for.
 */
static u32 answer_build_arp(const struct answer_address *mine, const struct mac *mac, u8 *out,
			    u32 size)
{
	struct build_arp arp = {.operation = BUILD_ARP_REQUEST,
				.sender_mac = *mac,
				.sender = mine->address,
				.target = mine->address};
	struct build_link link;

	build_link(&link, &answer_broadcast, mac, mine->vlan);
	return build_arp(out, size, &link, &arp);
}

/* RFC 4861 7.2.6. A cluster address is no router's: it belongs to the devices, and they forward. */
static u32 answer_build_nd(const struct answer_address *mine, const struct mac *mac, u8 *out,
			   u32 size)
{
	struct build_nd nd = {.src = mine->address,
			      .target = mine->address,
			      .link_option = true,
			      .flags = BUILD_NA_OVERRIDE | (mine->cluster ? 0 : BUILD_NA_ROUTER)};
	struct build_link link;

	memcpy(&nd.dst, answer_all_nodes, sizeof(nd.dst));
	build_link(&link, &answer_all_nodes_mac, mac, mine->vlan);
	return build_advertisement(out, size, &link, &nd);
}

static void answer_announce_one(struct answer *a, const struct answer_address *mine)
{
	const struct mac *mac = &a->mac[mine->farm];
	u8 first = mine->farm ? PORT_UPLINK + 1 : PORT_UPLINK;
	u8 end = mine->farm ? a->ports : PORT_UPLINK + 1;
	u8 frame[BUILD_NEIGHBOUR_MAX];
	u32 length;

	if (a->mute)
		return;
	length = address_is_v4(&mine->address) ? answer_build_arp(mine, mac, frame, sizeof(frame))
					       : answer_build_nd(mine, mac, frame, sizeof(frame));
	for (u8 port = first; length && port < end; port++)
		a->ops.send(a->ops.user, port, frame, length);
}

void answer_announce(struct answer *a)
{
	for (guint i = 0; i < a->addresses->len; i++)
		answer_announce_one(a, answer_at(a->addresses, i));
}

void answer_mute(struct answer *a, bool mute)
{
	a->mute = mute;
}

static bool answer_has(const GArray *addresses, const struct answer_address *wanted)
{
	for (guint i = 0; i < addresses->len; i++)
		if (answer_same(answer_at(addresses, i), wanted))
			return true;
	return false;
}

void answer_set(struct answer *a, const struct answer_address *addresses, unsigned int n)
{
	GArray *old = a->addresses;

	a->addresses = g_array_new(FALSE, FALSE, sizeof(struct answer_address));
	if (n)
		g_array_append_vals(a->addresses, addresses, n);
	for (guint i = 0; i < n; i++)
		if (!answer_has(old, answer_at(a->addresses, i)))
			answer_announce_one(a, answer_at(a->addresses, i));
	g_array_unref(old);
}

void answer_walk(struct answer *a, void (*visit)(void *user, const struct answer_address *address),
		 void *user)
{
	for (guint i = 0; i < a->addresses->len; i++)
		visit(user, answer_at(a->addresses, i));
}

static bool answer_covers(const struct answer_address *mine, const struct address *target)
{
	struct address x = mine->address, y = *target;

	route_mask(&x, mine->length);
	route_mask(&y, mine->length);
	return address_equal(&x, &y);
}

/*
 * How well MINE serves to speak to TARGET: 0 not at all; on-link ones before others, cluster
 * addresses last.
 */
static unsigned int answer_fitness(const struct answer_address *mine, bool farm,
				   const struct address *target)
{
	if (mine->farm != farm || address_is_v4(&mine->address) != address_is_v4(target))
		return 0;
	if (mine->cluster)
		return 1;
	return answer_covers(mine, target) ? 3u + mine->length : 2;
}

bool answer_source(struct answer *a, u8 port, const struct address *target, struct address *source)
{
	unsigned int best = 0;

	for (guint i = 0; i < a->addresses->len; i++) {
		const struct answer_address *mine = answer_at(a->addresses, i);
		unsigned int fitness = answer_fitness(mine, decide_role(port), target);

		if (fitness <= best)
			continue;
		best = fitness;
		*source = mine->address;
	}
	return best > 0;
}

/* The same rule as decide_vlan_ok(). */
static bool answer_on_vlan(const struct answer_address *mine, const struct packet *p)
{
	if (mine->vlan == VLAN_KEEP)
		return true;
	return mine->vlan == VLAN_NONE ? p->tags == 0 : p->zone == mine->vlan;
}

/* The address TARGET if it is answered for on that port and tag. */
static const struct answer_address *answer_find(struct answer *a, const struct slow_frame *frame,
						const struct address *target)
{
	for (guint i = 0; i < a->addresses->len; i++) {
		const struct answer_address *mine = answer_at(a->addresses, i);

		if (mine->farm == decide_role(frame->work.port) &&
		    address_equal(&mine->address, target) &&
		    answer_on_vlan(mine, &frame->work.packet))
			return mine;
	}
	return NULL;
}

static void answer_arp(struct answer *a, const struct slow_frame *frame, const struct discovery *d)
{
	const struct mac *mac = &a->mac[decide_role(frame->work.port)];
	struct build_arp arp = {.operation = BUILD_ARP_REPLY,
				.sender_mac = *mac,
				.sender = d->target,
				.target_mac = d->mac,
				.target = d->sender};
	u8 out[BUILD_NEIGHBOUR_MAX];
	struct build_link link;
	u32 length;

	build_link_answer(&link, frame->data, &frame->work.packet, mac);
	link.dst = d->mac;
	length = build_arp(out, sizeof(out), &link, &arp);
	if (length)
		a->ops.send(a->ops.user, frame->work.port, out, length);
}

/* RFC 4861 7.2.4: to whom asked, or to all nodes where it has no address yet. */
static void answer_nd(struct answer *a, const struct slow_frame *frame, const struct discovery *d,
		      bool router)
{
	const struct mac *mac = &a->mac[decide_role(frame->work.port)];
	struct build_nd nd = {.src = d->target,
			      .dst = d->sender,
			      .target = d->target,
			      .flags = BUILD_NA_OVERRIDE | (router ? BUILD_NA_ROUTER : 0),
			      .link_option = true};
	u8 out[BUILD_NEIGHBOUR_MAX];
	struct build_link link;
	u32 length;

	build_link_answer(&link, frame->data, &frame->work.packet, mac);
	if (discovery_is_probe(d)) {
		memcpy(&nd.dst, answer_all_nodes, sizeof(nd.dst));
		link.dst = answer_all_nodes_mac;
	} else {
		nd.flags |= BUILD_NA_SOLICITED;
		link.dst = d->has_mac ? d->mac : link.dst;
	}
	length = build_advertisement(out, sizeof(out), &link, &nd);
	if (length)
		a->ops.send(a->ops.user, frame->work.port, out, length);
}

/* Every question also tells of who asks, so the resolver hears it too. */
static void answer_neighbour(struct answer *a, const struct slow_frame *frame)
{
	const struct answer_address *mine;
	struct discovery d;

	if (!discovery_parse(frame->data, frame->length, &frame->work.packet, &d))
		return;
	mine = d.is_request && !a->mute ? answer_find(a, frame, &d.target) : NULL;
	if (mine && d.is_v6)
		answer_nd(a, frame, &d, !mine->cluster);
	else if (mine)
		answer_arp(a, frame, &d);
	a->ops.neighbour(a->ops.user, frame);
}

static bool answer_is_echo(const struct packet *p)
{
	return p->kind == PACKET_IP && !p->icmp_error && !p->is_fragment && p->ports_known &&
	       (p->is_v6 ? p->protocol == PROTOCOL_ICMPV6 && p->icmp_type == 128
			 : p->protocol == PROTOCOL_ICMP && p->icmp_type == 8);
}

/* RFC 1122 3.2.1.3, RFC 4291 2.5, 2.7: nobody is asked from there, so nothing is sent there. */
static bool answer_is_host(const struct address *a)
{
	u8 byte[16];

	memcpy(byte, a, sizeof(byte));
	if (address_is_v4(a))
		return byte[12] != 0 && byte[12] != 127 && byte[12] < 224;
	byte[15] &= 0xfe; /* :: and ::1 alike */
	return byte[0] != 0xff && memcmp(byte, (const u8[16]){0}, sizeof(byte));
}

/* Whether it is an address of ours, on whatever port: nothing comes from ourselves. */
static bool answer_is_own(struct answer *a, const struct address *address)
{
	for (guint i = 0; i < a->addresses->len; i++)
		if (address_equal(&answer_at(a->addresses, i)->address, address))
			return true;
	return false;
}

/*
 * What of the request's header the reply repeats: the traffic class, and DF so that paths are
 * probed both ways.
 */
static void answer_echo_ip(const struct slow_frame *frame, struct build_ip *ip)
{
	const struct packet *p = &frame->work.packet;
	const u8 *at = frame->data + p->l3;

	ip->src = p->dst;
	ip->dst = p->src;
	ip->traffic_class = p->is_v6 ? (u8)(packet_read16(at) >> 4) : at[1];
	ip->id = p->is_v6 ? 0 : packet_read16(at + 4);
	ip->dont_fragment = !p->is_v6 && at[6] & 0x40;
}

static void answer_echo(struct answer *a, const struct slow_frame *frame)
{
	const struct mac *mac = &a->mac[decide_role(frame->work.port)];
	const struct packet *p = &frame->work.packet;
	const u8 *at = frame->data + p->l4;
	struct build_echo echo;
	struct build_link link;
	u8 out[PORT_FRAME_MAX];
	struct build_ip ip;
	u32 length;

	if (!discovery_icmp_intact(frame->data, frame->length, p) || mac_is_group(&p->mac_src) ||
	    !answer_is_host(&p->src) || !answer_is_own(a, &p->dst) || answer_is_own(a, &p->src))
		return;
	echo.id = packet_read16(at + 4);
	echo.sequence = packet_read16(at + 6);
	echo.payload = at + 8;
	echo.length = p->l3 + (u32)p->ip_length - p->l4 - 8;
	build_link_answer(&link, frame->data, p, mac);
	answer_echo_ip(frame, &ip);
	length = build_echo_reply(out, sizeof(out), &link, &ip, &echo);
	if (length)
		a->ops.send(a->ops.user, frame->work.port, out, length);
}

void answer_input(struct answer *a, const struct slow_frame *frame)
{
	switch (frame->work.reason) {
	case REASON_LOCAL_ARP:
	case REASON_LOCAL_ND:
		answer_neighbour(a, frame);
		break;
	case REASON_LOCAL_IP:
		if (answer_is_echo(&frame->work.packet))
			answer_echo(a, frame);
		else
			a->ops.local(a->ops.user, frame);
		break;
	default:
		break;
	}
}
