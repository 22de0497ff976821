/* SPDX-License-Identifier: ISC */
/*
 * Next hops: the uplink neighbours that routes lead to, their numbers in the engine's table, and
 * the frames that wait for each.
 *
 * A gateway has a number from the start, a host on the link when it has answered. Numbers
 * below HOP_FIRST belong to last-hop routers (struct slot has 8 bits for them). Thread: main.
 */
#ifndef SANDWICH_SLOWPATH_HOP_H
#define SANDWICH_SLOWPATH_HOP_H

#include <glib.h>
#include "sandwich/slowpath/hold.h"
#include "sandwich/slowpath/resolve.h"
#include "sandwich/slowpath/route_table.h"

#define HOP_FIRST 256
#define HOPS_MAX  (NEIGHBOURS_MAX - HOP_FIRST) /* of both kinds */

struct hop {
	struct address address;
	u16 vlan;                    /* the tag it is asked with; 0: none */
	u16 index;                   /* in the engine's table; 0: none */
	bool valid;                  /* its MAC is known */
	struct resolve_entry *entry; /* the resolver's; entry->user is the hop */
	GArray *zones;               /* u32: where it is wanted as a host of its own */
	GQueue held;                 /* struct held */
	u32 used;                    /* ms: last frame that was held for it */
	u32 failed;                  /* ms: when it last did not answer */
	const char *origin;          /* of the routes that need it; NULL: none do */
	u32 round;                   /* struct route_set: when one last did */
};

struct hops {
	struct route_table *table;
	struct resolver *resolver;
	struct hold hold;
	GHashTable *index; /* address and tag -> hop; owns them */
	struct hop *by_number[NEIGHBOURS_MAX];
	u16 next; /* where to look for a free number */
};

void hops_init(struct hops *hops, struct route_table *table, struct resolver *resolver);
/* Frees all; held frames are counted as given up. */
void hops_fini(struct hops *hops);

/* The hop of that address, if there is one. */
struct hop *hop_find(struct hops *hops, const struct address *address, u16 vlan);

/* The same, made and asked for where there is none. NULL: too many, all in use. */
struct hop *hop_want(struct hops *hops, const struct address *address, u16 vlan, u32 now);

/* Gives it a number in the engine's table if it has none. False: there is none left. */
bool hop_number(struct hops *hops, struct hop *hop);

/* HOP is a host on the link that a frame of ZONE goes to. */
void hop_add_zone(struct hop *hop, u32 zone);

/* Takes over what the resolver says: the engine sends there from now on, or no longer. */
void hop_update(struct hops *hops, struct hop *hop, u32 now);

void hop_free(struct hops *hops, struct hop *hop);

/*
 * Gives up on the frames that wait for HOP, or (EXPIRED_AT not NULL) on those that waited too long.
 */
void hop_give_up(struct hops *hops, struct hop *hop, const u32 *expired_at);

#endif
