/* SPDX-License-Identifier: ISC */
/* links: tests/packets/world.c tests/packets/frame.c sandwich/slowpath/memory.c */
/*
 * Any bytes as a frame on any port of a balancer with sessions, pins, bindings and routes: decide()
 * ends in a reason whose verdict makes sense, and leaves the frame and the tables' sums as they
 * must be.
 *
 * The first byte is the port and which balancer; the rest is the frame. Seeds: the packet fixtures.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sandwich/core/rewrite.h"
#include "tests/packets/frame.h"
#include "tests/packets/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORLDS 8

struct fuzzed {
	struct world world[WORLDS];
	bool ready;
	u32 now;
	u64 frames;
};

static void fill(struct tables *t, u8 side, u8 affinity)
{
	static const char *const names[] = {"a", "b", "c"};
	struct mac router = world_neighbour_mac(2);

	world_settings(t, side, affinity);
	for (u8 id = 1; id <= 3; id++)
		world_device(t, id, names[id - 1], id);
	world_rank(t);
	world_neighbour(t, 1, "192.0.2.254");
	world_neighbour(t, 2, "192.0.2.253");
	world_owner(t, &router, 0, 0, MAC_ANYWHERE, MAC_OWNER_ROUTER | 2);
	world_owner(t, &router, 7, 1, MAC_ON_VLAN_AND_PORT, MAC_OWNER_DEVICE | 3);
	world_route(t, "0.0.0.0", 0, 0, ROUTE_VIA, 1);
	world_route(t, "10.0.0.0", 8, 0, ROUTE_ON_LINK, 0);
	world_route(t, "::", 0, 0, ROUTE_VIA, 2);
	world_local(t, "192.0.2.10", LOCAL_CLUSTER);
	world_local(t, "192.0.2.1", LOCAL_OWN);
	world_local(t, "10.2.0.11", LOCAL_DEVICE | 1);
	t->settings->any_mac = true; /* or most frames would be somebody else's */
}

/* affinity = tunnel, each protocol at its port. */
static void fill_tunnels(struct settings *cfg)
{
	static const struct {
		u16 port;
		u8 kind;
	} all[] = {{500, TUNNEL_IKE},	   {4500, TUNNEL_NATT}, {51820, TUNNEL_WIREGUARD},
		   {1194, TUNNEL_OPENVPN}, {443, TUNNEL_QUIC},	{4433, TUNNEL_DTLS}};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		cfg->tunnel[cfg->tunnels++] = (struct tunnel_port){
			.port = core_swap16(all[i].port), .kind = all[i].kind};
	cfg->dtls_cid = 16;
	cfg->quic_length = 7;
	cfg->quic_id[2] = 1ull << 56;
}

static void set_up(struct fuzzed *z)
{
	static const u8 affinity[WORLDS] = {AFFINITY_PAIR, AFFINITY_CLIENT, AFFINITY_FLOW,
					    AFFINITY_SERVER, AFFINITY_CLIENT, AFFINITY_CLIENT,
					    AFFINITY_CLIENT, AFFINITY_PAIR};

	for (u8 i = 0; i < WORLDS; i++) {
		struct settings *cfg;

		world_open(&z->world[i], 256, 64, 64);
		fill(&z->world[i].tables, i & 1, affinity[i]);
		cfg = z->world[i].tables.settings;
		cfg->learn_hosts = i & 1;
		cfg->last_hop = i >= 2;
		cfg->hold_fragments = i == 2;
		cfg->on_down = i % 3;
		cfg->zoned = i == 3;
		cfg->vlan[0] = cfg->vlan[1] = i == 3 ? VLAN_KEEP : i & 3;
		if (i == 4 || i == 6)
			fill_tunnels(cfg);
	}
	z->ready = true;
	z->now = 1000;
}

static void demand(bool right)
{
	if (!right)
		abort();
}

/* What every verdict holds to. */
static void check(struct tables *t, const struct work *w, size_t size)
{
	demand(w->reason < REASONS);
	if (w->packet.kind == PACKET_IP && w->reason != REASON_BAD_IP &&
	    w->reason != REASON_BAD_ETHERNET)
		demand(w->packet.l4 >= w->packet.l3 && w->packet.l3 <= size);
	if (reason_action(w->reason) != ACTION_SEND)
		return;
	demand(w->out_port < t->settings->ports);
	demand((w->out_port == PORT_UPLINK) == (w->port != PORT_UPLINK));
	demand(mac_value(&w->out_mac) != 0);
	demand((int)size + rewrite_growth(w) >= 14);
	if (w->port == PORT_UPLINK)
		demand(w->device >= 1 && w->device <= 3);
}

/* Now and then: the sessions that the devices are said to have are those in the table. */
static void check_sums(struct tables *t)
{
	u32 sum = 0;

	for (u32 id = 0; id < DEVICES_MAX; id++)
		sum += t->devices[id].sessions;
	demand(sum == world_live_slots(t, TABLE_SESSIONS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzzed z;
	struct tables *t;
	struct work w;
	u8 *frame;

	if (size < 1 || size > FRAME_MAX)
		return 0;
	if (!z.ready)
		set_up(&z);
	t = &z.world[data[0] >> 3 & (WORLDS - 1)].tables;
	z.now += data[0] >> 5;
	if (data[0] >> 5 == 7) {
		u8 id = 1 + data[0] % 3;
		bool up = !device_set_has(&t->settings->up, id);

		world_set(t, id, up, up);
	}
	frame = malloc(size > 1 ? size - 1 : 1); /* exactly: ASan sees a byte beyond */
	memcpy(frame, data + 1, size - 1);
	world_decide(t, frame, (u32)size - 1, data[0] & 7, z.now, &w);
	demand(!memcmp(frame, data + 1, size - 1));
	check(t, &w, size - 1);
	free(frame);
	if (++z.frames % 256 == 0)
		check_sums(t);
	return 0;
}
