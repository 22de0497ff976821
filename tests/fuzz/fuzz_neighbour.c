/* SPDX-License-Identifier: ISC */
/* links: sandwich/slowpath/answer.c sandwich/slowpath/resolve.c sandwich/slowpath/reset.c */
/* links: sandwich/slowpath/build.c sandwich/slowpath/discovery.c sandwich/slowpath/routes.c */
/* links: sandwich/slowpath/routes_plan.c sandwich/slowpath/routes_held.c */
/* links: sandwich/slowpath/route_set.c sandwich/slowpath/route_table.c sandwich/slowpath/hop.c */
/* links: sandwich/slowpath/hold.c sandwich/slowpath/datagrams.c sandwich/slowpath/last_hop.c */
/* links: sandwich/slowpath/macs.c sandwich/slowpath/memory.c tests/packets/frame.c */
/*
 * Any bytes as frames that the slow path answers, resolves by, holds, or resets; what it sends must
 * be whole.
 *
 * The input is a list of steps: a byte that says what to do, a byte of length, and the bytes: a
 * frame. Its ICMP checksum is put right unless the step says otherwise, since chance does not find
 * it.
 */
#include <stdlib.h>
#include <string.h>

#include "sandwich/slowpath/answer.h"
#include "sandwich/slowpath/netlink.h"
#include "sandwich/slowpath/reset.h"
#include "sandwich/slowpath/routes.h"
#include "tests/unit/frames.h"

#define STEPS 64
#define PORTS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pump {
	unsigned int calls;
};

struct netlink {
	int unused;
};

struct world {
	struct memory *memory; /* kept between inputs */
	struct tables tables;
	struct answer *answer;
	struct resolver *resolver;
	struct routes *routes;
	struct pump pump;
	struct netlink_ops kernel;
	struct config_side side;
	u32 now;
};

static struct world world;

int netlink_open(struct netlink **out, int ifindex, const struct netlink_ops *ops)
{
	static struct netlink netlink;

	(void)ifindex;
	world.kernel = *ops;
	*out = &netlink;
	return 0;
}

void netlink_close(struct netlink *n)
{
	(void)n;
}

/* Sent, dropped, waiting for a neighbour, and waiting for one that isn't there. */
bool pump_retry(struct pump *p, const struct slow_frame *frame, struct work *verdict)
{
	*verdict = frame->work;
	verdict->reason = REASON_HELD_NEIGHBOUR;
	verdict->neighbour = p->calls++ % 5 == 4 ? 4095 : 0;
	return p->calls % 3 == 0;
}

void pump_want_fragments(struct pump *p, bool want)
{
	(void)p;
	(void)want;
}

/* What leaves can be read again, and comes from a station. */
static void world_send(void *user, u8 port, const void *frame, size_t length)
{
	struct packet p;

	(void)user;
	if (port >= PORTS || length > PORT_FRAME_MAX || !frames_parse(frame, (u32)length, &p) ||
	    mac_is_group(&p.mac_src) || p.kind == PACKET_OTHER ||
	    (p.kind == PACKET_IP && !frames_intact(frame, &p)))
		abort();
}

static void world_neighbour(void *user, const struct slow_frame *frame)
{
	(void)user;
	resolver_input(world.resolver, frame->work.port, frame->data, frame->length, world.now);
}

static void world_local(void *user, const struct slow_frame *frame)
{
	(void)user;
	(void)frame;
}

static bool world_source(void *user, u8 port, const struct address *target, struct address *source,
			 struct mac *mac)
{
	(void)user;
	*mac = frames_mac(port ? 0xa1 : 0xa0);
	return answer_source(world.answer, port, target, source);
}

static void world_changed(void *user, const struct resolve_entry *entry)
{
	(void)user;
	routes_resolved(world.routes, entry, world.now);
}

static void world_addresses(void)
{
	struct answer_address addresses[] = {
		{.address = frames_address("192.0.2.1"), .length = 120, .vlan = VLAN_KEEP},
		{.address = frames_address("2001:db8::1"), .length = 64, .vlan = VLAN_KEEP},
		{.address = frames_address("10.1.0.1"),
		 .length = 120,
		 .farm = true,
		 .vlan = VLAN_NONE},
		{.address = frames_address("fd00::1"),
		 .length = 64,
		 .farm = true,
		 .vlan = VLAN_NONE},
		{.address = frames_address("192.0.2.10"),
		 .length = 128,
		 .cluster = true,
		 .vlan = VLAN_KEEP},
	};

	answer_set(world.answer, addresses, 5);
}

static void world_targets(void)
{
	static const char *const who[] = {"10.1.0.9", "fd00::9", "192.0.2.254", "fe80::fe"};

	for (int i = 0; i < 4; i++) {
		struct resolve_target target = {.address = frames_address(who[i]),
						.permanent = i < 2,
						.port = i == 0 ? PORTS_MAX : i == 1};

		resolver_want(world.resolver, &target, NULL, world.now);
	}
}

static void world_configure(bool tagged)
{
	struct address gateway = frames_address("192.0.2.254"),
		       on_link = frames_address("192.0.2.1");
	struct config_address prefix = {.length = 120};

	memcpy(&prefix.address, &on_link, sizeof(on_link));
	world.side.uplink_vlan = tagged ? -1 : 0;
	world.tables.settings->vlan[0] = tagged ? VLAN_KEEP : VLAN_NONE;
	world.side.uplink_addresses = g_array_new(FALSE, FALSE, sizeof(struct config_address));
	world.side.gateways = g_array_new(FALSE, FALSE, sizeof(struct in6_addr));
	g_array_append_val(world.side.uplink_addresses, prefix);
	g_array_append_vals(world.side.gateways, &gateway, 1);
	if (routes_configure(world.routes, &world.side))
		abort();
}

static void world_open(bool tagged)
{
	struct resolve_ops resolve = {
		.send = world_send, .source = world_source, .changed = world_changed};
	struct answer_ops answer = {
		.send = world_send, .neighbour = world_neighbour, .local = world_local};
	struct mac mac[2] = {frames_mac(0xa0), frames_mac(0xa1)};

	if (!world.memory && memory_new(&world.memory, 1024, 1024, 1024))
		abort();
	memory_tables(world.memory, 0, &world.tables);
	world.tables.settings->timeout[TIMEOUT_FRAGMENT] = 30000;
	world.answer = answer_new(&answer, mac, PORTS);
	world.resolver = resolver_new(&resolve, PORTS);
	if (routes_new(&world.routes, &world.tables, world.resolver, &world.pump, 1))
		abort();
	world_addresses();
	world_configure(tagged);
	world_targets();
}

static void world_close(void)
{
	routes_free(world.routes);
	resolver_free(world.resolver);
	answer_free(world.answer);
	g_array_unref(world.side.uplink_addresses);
	g_array_unref(world.side.gateways);
}

static void seal_icmp(u8 *frame, u32 length, const struct packet *p)
{
	if (p->kind == PACKET_IP && p->l4 + 4u <= p->l3 + (u32)p->ip_length &&
	    p->l3 + (u32)p->ip_length <= length) {
		frames_write16(frame + p->l4 + 2, 0);
		frames_write16(frame + p->l4 + 2, (u16)~frames_transport_sum(frame, p));
	}
}

static void reset(const struct slow_frame *slow)
{
	struct address source = frames_address(slow->work.packet.is_v6 ? "fd00::1" : "10.1.0.1");
	struct mac mine = frames_mac(0xa1);
	u8 out[RESET_FRAME_MAX];
	struct flow flow;
	u32 length;

	length = reset_answer(slow, &mine, &source, out);
	if (length)
		world_send(NULL, 0, out, length);
	memset(&flow, 0, sizeof(flow));
	flow_from_packet(&flow, &slow->work.packet, true, 0);
	length = reset_challenge(&flow, slow->length & 1, out);
	if (length)
		world_send(NULL, 0, out, length);
}

static void step_slow(struct slow_frame *slow, u8 what)
{
	static const u8 reasons[] = {REASON_LOCAL_ARP, REASON_LOCAL_ND, REASON_LOCAL_IP,
				     REASON_HELD_NEIGHBOUR, REASON_HELD_FRAGMENT};

	slow->work.reason = reasons[what < 5 ? what : 0];
	if (what < 3)
		answer_input(world.answer, slow);
	else if (what < 5)
		routes_hold(world.routes, slow, world.now);
	else if (what == 5)
		routes_first_fragment(world.routes, slow, world.now);
	else if (what == 6)
		routes_learn_router(world.routes, slow, world.now);
	else if (slow->work.packet.kind == PACKET_IP)
		reset(slow);
}

static void step_frame(u8 what, u8 *frame, u32 length)
{
	struct slow_frame slow;

	memset(&slow, 0, sizeof(slow));
	if (what & 0x40)
		resolver_input(world.resolver, what >> 4 & 3, frame, length, world.now);
	if (!frames_parse(frame, length, &slow.work.packet))
		return;
	if (!(what & 0x80) && (slow.work.packet.protocol == PROTOCOL_ICMP ||
			       slow.work.packet.protocol == PROTOCOL_ICMPV6))
		seal_icmp(frame, length, &slow.work.packet);
	slow.data = frame;
	slow.length = length;
	slow.work.port = (what >> 4 & 3) % PORTS;
	step_slow(&slow, what & 7);
}

static void step_time(u32 ms)
{
	world.now += ms * 16;
	resolver_tick(world.resolver, world.now);
	routes_tick(world.routes, world.now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u8 *copy;

	if (!size)
		return 0;
	world_open(data[0] & 1);
	data++, size--;
	for (int i = 0; i < STEPS && size >= 2; i++) {
		u8 what = data[0];
		u32 length = data[1];

		data += 2, size -= 2;
		if (what & 8) {
			step_time(length);
			continue;
		}
		if (length > size)
			length = (u32)size;
		copy = malloc(length + 1); /* of its own, so that a byte too far is seen */
		memcpy(copy, data, length);
		copy = realloc(copy, length ? length : 1);
		step_frame(what, copy, length);
		free(copy);
		data += length, size -= length;
	}
	world_close();
	return 0;
}
