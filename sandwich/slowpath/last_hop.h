/* SPDX-License-Identifier: ISC */
/*
 * last-hop: the uplink neighbours that frames came from, by MAC, numbered for the sessions.
 *
 * Hosts on the link get no number, since the way to them is their own address, but stand in the
 * table of source MACs too, so that the engine asks once. A number is used again when no session
 * has it any more.
 *
 * Thread: main.
 */
#ifndef SANDWICH_SLOWPATH_LAST_HOP_H
#define SANDWICH_SLOWPATH_LAST_HOP_H

#include <glib.h>
#include "sandwich/slowpath/hop.h"

struct last_hop_router {
	u64 key; /* mac_key(); 0: the number is free */
	struct mac mac;
};

struct last_hop {
	struct route_table *table;
	struct last_hop_router routers[HOP_FIRST]; /* 0 is nobody */
	GQueue hosts;                              /* u64 * keys without a number, oldest first */
	bool searched;                             /* last_searched says something */
	u32 last_searched;                         /* ms: when free numbers were last looked for */
};

void last_hop_init(struct last_hop *l, struct route_table *table);
void last_hop_fini(struct last_hop *l);

/* A frame came from a neighbour without a number. HOST: it speaks for itself. TAGGED: VLANs are
 * told apart. */
void last_hop_learn(struct last_hop *l, const struct packet *p, bool host, bool tagged, u32 now);

/* A daemon before us gave the neighbour of KEY that NUMBER (0: none, it is a host). */
void last_hop_adopt(struct last_hop *l, u64 key, u16 number, const struct mac *mac);

/* Tells the session of a frame which router it came from: its answer must not wait for the next. */
void last_hop_mark(struct last_hop *l, const struct work *w);

#endif
