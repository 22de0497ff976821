/* SPDX-License-Identifier: ISC */
/*
 * The prefixes there should be, and the engine's table kept equal to them.
 *
 * What the configuration and the kernel say is told anew as a whole (begin, add ..., end): what
 * stays is not touched, what is no longer told goes. Learned hosts come and go by themselves.
 * Thread: main.
 */
#ifndef SANDWICH_SLOWPATH_ROUTE_SET_H
#define SANDWICH_SLOWPATH_ROUTE_SET_H

#include <glib.h>
#include "sandwich/slowpath/hop.h"

struct route_entry {
	struct address prefix; /* masked */
	u32 zone;
	u8 length;
	u8 kind;         /* enum route_kind */
	struct hop *hop; /* ROUTE_VIA */
	const char *
		origin; /* "configured", "kernel", "on-link", "learned"; NULL: no way, by default */
	u32 round;      /* when it was last told */
};

struct route_set {
	struct route_table *table;
	GHashTable *entries; /* owns struct route_entry */
	u32 round;
	unsigned int refused; /* prefixes of this round the engine has no room for */
};

void route_set_init(struct route_set *set, struct route_table *table);
void route_set_fini(struct route_set *set);

void route_set_begin(struct route_set *set);
/*
 * What was told before in this round takes precedence. ROUTE's masked prefix and round are filled
 * in here.
 */
void route_set_add(struct route_set *set, const struct route_entry *route);
/* CHECK says which learned hosts stay. */
void route_set_end(struct route_set *set,
		   bool (*check)(void *user, const struct route_entry *learned), void *user);

/*
 * HOP, which has a number, stands as a host of its own in ZONE, unless an explicit route does or
 * there is no room.
 */
void route_set_learn(struct route_set *set, struct hop *hop, u32 zone);
void route_set_forget(struct route_set *set, struct hop *hop);

/* The longest prefix of less than BELOW bits that covers ADDRESS, or NULL. */
const struct route_entry *route_set_match(struct route_set *set, const struct address *address,
					  u32 zone, u8 below);

#endif
