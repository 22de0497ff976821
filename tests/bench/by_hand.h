/* SPDX-License-Identifier: ISC */
/*
 * The engine's tables filled in by hand, as the daemon would: one side, one device, one neighbour.
 * For the bench's harness and the pump's tests. Single thread.
 */
#ifndef TESTS_BENCH_BY_HAND_H
#define TESTS_BENCH_BY_HAND_H

#include <stdio.h>
#include <string.h>
#include "sandwich/core/decide.h"

struct by_hand {
	struct mac mine[2];   /* virtual MACs: uplink, farm */
	struct mac device;    /* device 1, on port 1 */
	struct mac neighbour; /* where everything outward goes */
	u16 vlan[2];
};

static inline bool by_hand_mac(struct mac *out, const char *text)
{
	u8 *b = out->byte;

	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &b[0], &b[1], &b[2], &b[3], &b[4],
		      &b[5]) == 6;
}

static inline void by_hand_settings(struct settings *cfg, const struct by_hand *h)
{
	static const u32 timeouts[TIMEOUTS] = {60000, 86400000, 120000, 10000, 10000, 30000,
					       180000, 30000, 600000, 3600000, 30000};

	cfg->placement = (struct hash_key){1, 2};
	cfg->secret = (struct hash_key){3, 4};
	cfg->side = SIDE_INGRESS;
	cfg->affinity = AFFINITY_PAIR;
	memcpy(cfg->mac, h->mine, sizeof(cfg->mac));
	memcpy(cfg->vlan, h->vlan, sizeof(cfg->vlan));
	memcpy(cfg->timeout, timeouts, sizeof(cfg->timeout));
	cfg->quantum = 100;
	cfg->mac_variants = 1 << MAC_ANYWHERE;
	cfg->ports = 2;
	device_set_put(&cfg->up, 1, true);
	device_set_put(&cfg->pick, 1, true);
	cfg->live[0] = 1;
	cfg->live_count = 1;
	cfg->route_length[0] = 0;
	cfg->route_lengths = 1;
	cfg->hold_fragments = true;
}

static inline void by_hand_device(struct tables *t, const struct by_hand *h)
{
	struct rank_device one = {.name_hash = 77, .weight = 1, .id = 1};
	u64 key = mac_key(&h->device, 0, 0, MAC_ANYWHERE);
	struct mac_entry *e = tables_mac(t, (u32)hash_mix(key));
	struct device *d = tables_device(t, 1);

	d->hop = hop_make(&h->device, 1);
	d->name_hash = one.name_hash;
	d->weight = 1;
	d->vlan = VLAN_KEEP;
	e->key = key;
	e->owner = MAC_OWNER_DEVICE | 1;
	rank_build(t->rows, &t->settings->placement, &one, 1);
}

/* Everything outward goes by neighbour 1. */
static inline void by_hand_route(struct tables *t, const struct by_hand *h)
{
	struct address any = {{0, 0}};
	u32 tag = route_tag(0, 0);
	struct route *r = tables_route(t, (u32)route_hash(&any, tag));
	struct neighbour *n = tables_neighbour(t, 1);

	n->hop = hop_make(&h->neighbour, PORT_UPLINK);
	n->vlan = VLAN_KEEP;
	r->tag = tag;
	r->kind = ROUTE_VIA;
	r->neighbour = 1;
}

static inline void by_hand_fill(struct tables *t, const struct by_hand *h)
{
	by_hand_settings(t->settings, h);
	by_hand_device(t, h);
	by_hand_route(t, h);
}

#endif
