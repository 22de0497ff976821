// SPDX-License-Identifier: ISC
#include "tests/bench/fast/fill.h"

#include <stdio.h>
#include <string.h>

#include "sandwich/slowpath/memory.h"
#include "tests/packets/world.h"

#define FILL_PAIR_BITS 14 /* clients, of which each has many servers */
#define FILL_VPN_BITS  20 /* each flow is another client */

static void fill_mac(__u8 *out, const struct mac *mac)
{
	memcpy(out, mac->byte, 6);
}

/* What the balancer's neighbours are; a default route and a network on the link, as everywhere. */
static void fill_routes(struct tables *t)
{
	world_neighbour(t, 1, "10.65.0.254");
	world_route(t, "10.65.0.254", 32, 0, ROUTE_VIA, 1);
	world_route(t, "10.65.0.0", 24, 0, ROUTE_ON_LINK, 0);
	world_route(t, "0.0.0.0", 0, 0, ROUTE_VIA, 1);
	world_route(t, "::", 0, 0, ROUTE_VIA, 1);
}

void fill_settings(struct tables *t, enum fill_mode mode)
{
	struct settings *cfg = t->settings;
	char text[32];

	world_settings(t, mode == FILL_VPN ? SIDE_EGRESS : SIDE_INGRESS,
		       mode == FILL_VPN ? AFFINITY_CLIENT : AFFINITY_PAIR);
	cfg->learn_hosts = mode == FILL_VPN;
	cfg->vlan[0] = cfg->vlan[1] = VLAN_KEEP;
	cfg->zoned = true;
	cfg->heard = 40;
	cfg->hold_fragments = true;
	for (u8 id = 1; id <= FILL_DEVICES; id++) {
		snprintf(text, sizeof(text), "device%u", id);
		world_device(t, id, text, 1);
		snprintf(text, sizeof(text), "10.66.0.%u", 10 + id);
		world_local(t, text, LOCAL_DEVICE | id);
	}
	world_rank(t);
	world_local(t, "10.65.0.1", LOCAL_OWN);
	world_local(t, "10.66.0.1", LOCAL_OWN);
	fill_routes(t);
}

void fill_traffic(struct traffic *out, enum fill_mode mode, bool outward)
{
	struct mac to = world_mac(outward), device = world_device_mac(1),
		   router = world_neighbour_mac(1);

	*out = (struct traffic){.family = 4};
	out->client_bits = mode == FILL_VPN ? FILL_VPN_BITS : FILL_PAIR_BITS;
	/* at egress clients are behind the devices, at ingress servers are */
	out->reverse = (mode == FILL_VPN) != outward;
	out->senders = outward ? FILL_DEVICES : 0;
	fill_mac(out->to, &to);
	fill_mac(out->from, outward ? &device : &router);
}

u32 fill_flows(struct tables *t, const struct traffic *traffic, u32 flows, enum fill_mode mode)
{
	u64 frame[TRAFFIC_ROOM / 8];
	struct traffic as = *traffic;
	struct traffic_ends ends;
	u32 refused = 0;
	struct work w;

	if (mode == FILL_VPN)
		fill_traffic(&as, mode, true);
	for (u32 n = 0; n < flows; n++) {
		traffic_ends(&as, n, &ends);
		if (!traffic_write(frame, (char *)frame + sizeof(frame), &as, n, &ends, as.syn))
			return flows;
		world_decide(t, frame, traffic_length(&as), mode == FILL_VPN, memory_now(), &w);
		refused += reason_action(w.reason) != ACTION_SEND;
	}
	return refused;
}
