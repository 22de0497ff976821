// SPDX-License-Identifier: ISC
#include "tests/unit/routes_rig.h"

struct netlink rig_kernel;

int netlink_open(struct netlink **out, int ifindex, const struct netlink_ops *ops)
{
	assert_int_equal(ifindex, 7);
	rig_kernel.ops = *ops;
	*out = &rig_kernel;
	return 0;
}

void netlink_close(struct netlink *n)
{
	if (n)
		memset(n, 0, sizeof(*n));
}

bool pump_retry(struct pump *p, const struct slow_frame *frame, struct work *verdict)
{
	const struct settings *cfg = p->tables->settings;
	const struct packet *packet = &frame->work.packet;
	struct route *r = route_find(p->tables, cfg, &packet->to,
				     cfg->vlan[0] == VLAN_KEEP ? packet->zone : 0);
	hop_word hop =
		r && r->kind == ROUTE_VIA ? tables_neighbour(p->tables, r->neighbour)->hop : 0;

	*verdict = frame->work;
	p->retried++;
	if (hop & HOP_VALID) {
		hop_mac(hop, &p->mac);
		p->order[p->sent++ % RIG_SENT_MAX] = core_swap16(packet->sport);
		return true;
	}
	if (r && r->kind == ROUTE_BLACKHOLE)
		return true;
	verdict->reason = REASON_HELD_NEIGHBOUR;
	verdict->neighbour = r && r->kind == ROUTE_VIA ? r->neighbour : 0;
	return false;
}

void pump_want_fragments(struct pump *p, bool want)
{
	p->wants_fragments = want;
}

static void rig_send(void *user, u8 port, const void *frame, size_t length)
{
	frames_take(&((struct rig *)user)->asked, port, frame, length);
}

static bool rig_source(void *user, u8 port, const struct address *target, struct address *source,
		       struct mac *mac)
{
	(void)user;
	*source = frames_address(address_is_v4(target) ? "192.0.2.1" : "2001:db8::1");
	*mac = frames_mac(port ? 0xa1 : 0xa0);
	return true;
}

static void rig_changed(void *user, const struct resolve_entry *entry)
{
	struct rig *rig = user;

	routes_resolved(rig->routes, entry, rig->now);
}

void rig_open(struct rig *rig, int vlan)
{
	struct resolve_ops ops = {
		.send = rig_send, .source = rig_source, .changed = rig_changed, .user = rig};

	memset(rig, 0, sizeof(*rig));
	rig->now = memory_now(); /* what is configured is stamped with it */
	assert_int_equal(memory_new(&rig->memory, 1024, 1024, 1024), 0);
	memory_tables(rig->memory, 0, &rig->tables);
	rig->tables.settings->timeout[TIMEOUT_FRAGMENT] = 30000;
	rig->tables.settings->vlan[0] = vlan < 0 ? VLAN_KEEP : (u16)vlan;
	rig->resolver = resolver_new(&ops, 2);
	rig->pump.tables = &rig->tables;
	rig->side.uplink_addresses = g_array_new(FALSE, FALSE, sizeof(struct config_address));
	rig->side.gateways = g_array_new(FALSE, FALSE, sizeof(struct in6_addr));
	rig->side.uplink_vlan = vlan;
	assert_int_equal(routes_new(&rig->routes, &rig->tables, rig->resolver, &rig->pump, 7), 0);
}

void rig_close(struct rig *rig)
{
	routes_free(rig->routes);
	resolver_free(rig->resolver);
	memory_free(rig->memory);
	g_array_unref(rig->side.uplink_addresses);
	g_array_unref(rig->side.gateways);
}

void rig_address(struct rig *rig, const char *address, u8 length)
{
	struct config_address a = {.length = length};
	struct address value = frames_address(address);

	memcpy(&a.address, &value, sizeof(value));
	g_array_append_val(rig->side.uplink_addresses, a);
}

void rig_gateway(struct rig *rig, const char *address)
{
	struct address value = frames_address(address);

	g_array_append_vals(rig->side.gateways, &value, 1);
}

void rig_clear(struct rig *rig)
{
	g_array_set_size(rig->side.uplink_addresses, 0);
	g_array_set_size(rig->side.gateways, 0);
}

void rig_configure(struct rig *rig)
{
	assert_int_equal(routes_configure(rig->routes, &rig->side), 0);
}

static u32 rig_build_arp(u8 *out, u32 size, const struct build_link *link,
			 const struct address *who)
{
	struct build_arp arp = {.operation = BUILD_ARP_REPLY,
				.sender = *who,
				.sender_mac = link->src,
				.target = frames_address("192.0.2.1")};

	return build_arp(out, size, link, &arp);
}

static u32 rig_build_nd(u8 *out, u32 size, const struct build_link *link, const struct address *who)
{
	struct build_nd nd = {.src = *who,
			      .dst = frames_address("2001:db8::1"),
			      .target = *who,
			      .flags = BUILD_NA_SOLICITED | BUILD_NA_OVERRIDE,
			      .link_option = true};

	return build_advertisement(out, size, link, &nd);
}

void rig_answer(struct rig *rig, const char *address, u8 mac, u16 vlan)
{
	struct mac to = frames_mac(0xa0), from = frames_mac(mac);
	struct address who = frames_address(address);
	struct build_link link;
	u8 out[128];
	u32 length;

	build_link(&link, &to, &from, vlan);
	length = address_is_v4(&who) ? rig_build_arp(out, sizeof(out), &link, &who)
				     : rig_build_nd(out, sizeof(out), &link, &who);
	resolver_input(rig->resolver, PORT_UPLINK, out, length, rig->now);
}

struct route *rig_find(struct rig *rig, const char *destination, u32 zone)
{
	struct address to = frames_address(destination);

	return route_find(&rig->tables, rig->tables.settings, &to, zone);
}

bool rig_leads_to(struct rig *rig, const char *destination, u8 mac)
{
	const struct route *r = rig_find(rig, destination, 0);
	struct mac found, wanted = frames_mac(mac);
	hop_word hop;

	if (!r || r->kind != ROUTE_VIA || !r->neighbour)
		return false;
	hop = tables_neighbour(&rig->tables, r->neighbour)->hop;
	hop_mac(hop, &found);
	return hop & HOP_VALID && mac_equal(&found, &wanted) && hop_port(hop) == PORT_UPLINK;
}

void rig_hold_as(struct rig *rig, const char *words, u8 reason)
{
	struct slow_frame slow;
	struct route *r;
	struct frame f;

	frame_make(&f, "eth dst=02:00:00:00:00:a1 src=02:00:00:00:00:d1 %s", words);
	slow = frames_slow(&f, 1, reason);
	if (reason == REASON_HELD_NEIGHBOUR) {
		r = route_find(&rig->tables, rig->tables.settings, &slow.work.packet.to,
			       rig->tables.settings->vlan[0] == VLAN_KEEP ? slow.work.packet.zone
									  : 0);
		slow.work.neighbour = r && r->kind == ROUTE_VIA ? r->neighbour : 0;
	}
	routes_hold(rig->routes, &slow, rig->now);
}

void rig_hold(struct rig *rig, const char *words)
{
	rig_hold_as(rig, words, REASON_HELD_NEIGHBOUR);
}

void rig_pass(struct rig *rig, u32 ms)
{
	for (u32 end = rig->now + ms; rig->now != end; rig->now += 20) {
		resolver_tick(rig->resolver, rig->now);
		routes_tick(rig->routes, rig->now);
	}
}

u64 rig_count(struct rig *rig, enum counter counter)
{
	return rig->tables.counters->counter[counter];
}

void rig_routes(const struct netlink_route *routes, unsigned int n)
{
	rig_kernel.ops.routes(rig_kernel.ops.user, routes, n);
}
