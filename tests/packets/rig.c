// SPDX-License-Identifier: ISC
#include "tests/packets/rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sandwich/core/place.h"

void rig_open(struct rig *r, u8 side, u8 affinity)
{
	*r = (struct rig){.now = 100000};
	world_open(&r->world, 4096, 1024, 256);
	r->t = &r->world.tables;
	r->cfg = r->t->settings;
	world_settings(r->t, side, affinity);
	world_device(r->t, 1, "a", 1);
	world_device(r->t, 2, "b", 1);
	world_device(r->t, 3, "c", 1);
	world_rank(r->t);
	world_neighbour(r->t, 1, "192.0.2.254");
	world_route(r->t, "0.0.0.0", 0, 0, ROUTE_VIA, 1);
	world_route(r->t, "::", 0, 0, ROUTE_VIA, 1);
}

void rig_close(struct rig *r)
{
	world_close(&r->world);
}

static u8 rig_send(struct rig *r, u8 port, struct mac src, const char *text)
{
	struct mac dst = world_mac(port != PORT_UPLINK);

	frame_make(&r->f, "eth %s", text);
	if (!(r->f.bytes[0] | r->f.bytes[5]))
		core_copy(r->f.bytes, &dst, 6);
	if (!(r->f.bytes[6] | r->f.bytes[11]))
		core_copy(r->f.bytes + 6, &src, 6);
	world_decide(r->t, r->f.bytes, r->f.length, port, r->now, &r->w);
	return r->w.reason;
}

u8 rig_inward(struct rig *r, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return rig_send(r, PORT_UPLINK, world_neighbour_mac(1), text);
}

u8 rig_outward(struct rig *r, u8 device, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return rig_send(r, 1, device ? world_device_mac(device) : world_neighbour_mac(99), text);
}

struct slot *rig_session(struct rig *r)
{
	return table_find(r->t, TABLE_SESSIONS, &r->w.flow, session_hash(r->cfg, &r->w.flow));
}

struct slot *rig_pin(struct rig *r)
{
	return table_find(r->t, TABLE_PINS, &r->w.key, flow_hash(&r->cfg->placement, &r->w.key));
}

u8 rig_client_on(struct rig *r, u8 device, u8 nth)
{
	for (u32 n = 1; n < 255; n++) {
		struct flow flow = {.outside_port = core_swap16(1000),
				    .inside_port = core_swap16(80),
				    .protocol = PROTOCOL_UDP},
			    key;
		struct placement p = {0};

		address_from_v4(&flow.outside, core_swap32(0xc6336400 | n));
		address_from_v4(&flow.inside, core_swap32(0xcb007109));
		affinity_key(&key, &flow, r->cfg->affinity);
		p.hash = flow_hash(&r->cfg->placement, &key);
		place_by_hash(r->t, r->cfg, &p);
		if (p.wanted == device && !nth--)
			return (u8)n;
	}
	abort();
}

u64 rig_counter(struct rig *r, enum counter what)
{
	return r->t->counters->counter[what];
}
