/* SPDX-License-Identifier: ISC */
/*
 * Fragments that came before their first one, kept by datagram.
 *
 * Thread: main.
 */
#ifndef SANDWICH_SLOWPATH_DATAGRAMS_H
#define SANDWICH_SLOWPATH_DATAGRAMS_H

#include "sandwich/slowpath/hold.h"

struct datagrams {
	struct hold hold;
	GHashTable *index; /* owns struct datagram */
};

void datagrams_init(struct datagrams *d);
/* Frees all. How many frames were still waiting. */
unsigned int datagrams_fini(struct datagrams *d);

bool datagrams_empty(const struct datagrams *d);

/* Keeps a copy of a later fragment. False when there is no room. */
bool datagrams_hold(struct datagrams *d, const struct slow_frame *frame, u32 now);

/* Moves the fragments of P's datagram, in order, to the end of OUT: struct held, the caller's. */
void datagrams_take(struct datagrams *d, const struct packet *p, GQueue *out);

/* The same with all that waited too long. */
void datagrams_take_expired(struct datagrams *d, u32 now, GQueue *out);

#endif
