/* SPDX-License-Identifier: ISC */
/*
 * Tables filled by hand: the balancer that tests, fixtures and the simulation put frames through.
 *
 * The world_... functions work on any struct tables: of a memory of their own, or of BPF maps that
 * are mapped. A device N has the MAC 02:00:00:00:dd:N on farm port 1; a neighbour or router N has
 * 02:00:00:00:aa:N on the uplink.
 */
#ifndef TESTS_PACKETS_WORLD_H
#define TESTS_PACKETS_WORLD_H

#include "sandwich/core/decide.h"
#include "sandwich/slowpath/memory.h"

struct world {
	struct memory *memory;
	struct tables tables;
};

/* Slots are powers of two. Aborts when there is no memory: a test can't go on without. */
void world_open(struct world *w, u32 sessions, u32 pins, u32 fragments);
void world_close(struct world *w);

/*
 * Settings that work: keys, timers as in the man page, VLAN_NONE, every frame touches. No devices
 * yet.
 */
void world_settings(struct tables *t, u8 side, u8 affinity);

/* Adds a device that is up and picked, or changes its weight. world_rank() then builds the rows. */
void world_device(struct tables *t, u8 id, const char *name, u16 weight);
void world_rank(struct tables *t);
/* Liveness of a device; keeps settings.live[] true. */
void world_set(struct tables *t, u8 id, bool up, bool pick);

/* Sweeps the sessions, as before a device changes so: what would move is pinned. NOW in ms. */
void world_sweep(struct tables *t, u8 id, bool up, u32 now);

/* Fills in who is picked from: settings.live[] from settings.pick. */
void world_live(const struct tables *t, struct settings *cfg);

struct mac world_device_mac(u8 id);
struct mac world_neighbour_mac(u8 index);
struct mac world_mac(u8 role); /* the balancer's: 0 uplink, 1 farm */

void world_owner(struct tables *t, const struct mac *mac, u32 vlan, u8 port, u8 variant, u32 owner);
void world_neighbour(struct tables *t, u8 index, const char *address);
/* KIND is enum route_kind. NEIGHBOUR only for ROUTE_VIA. */
void world_route(struct tables *t, const char *prefix, u32 length, u32 zone, u8 kind,
		 u16 neighbour);
void world_local(struct tables *t, const char *address, u32 kind);
/* PREFIX/LENGTH, by its own family's length, is inner addresses of device ID. */
void world_pool(struct tables *t, const char *prefix, u32 length, u8 id);

/* Runs one frame through decide() at NOW by PORT; the work is zeroed first. */
void world_decide(struct tables *t, const void *frame, u32 length, u8 port, u32 now,
		  struct work *w);

/* How many slots of a table are in use. */
u32 world_live_slots(struct tables *t, enum table_kind kind);

#endif
