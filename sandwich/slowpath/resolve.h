/* SPDX-License-Identifier: ISC */
/*
 * Addresses to MACs: ARP (RFC 826) and neighbour discovery (RFC 4861), asked from the virtual MAC.
 *
 * Devices are asked for again and again, so that one that changes its MAC is followed within a
 * second and one that falls silent is known to. Uplink neighbours are asked when a frame
 * waits for them, kept fresh while they are used, and forgotten when they don't answer.
 *
 * The resolver is sans-I/O: frames in, frames out through a callback, time as an argument.
 * Thread: main.
 */
#ifndef SANDWICH_SLOWPATH_RESOLVE_H
#define SANDWICH_SLOWPATH_RESOLVE_H

#include <stdbool.h>
#include "sandwich/core/settings.h"
#include "sandwich/core/device.h"

enum resolve_state { RESOLVE_ASKING, RESOLVE_REACHABLE, RESOLVE_STALE, RESOLVE_FAILED };

/* Whom to ask for, and from which of our addresses. */
struct resolve_target {
	struct address address; /* whose MAC is wanted */
	u16 vlan;               /* the tag to ask with; VLAN_NONE: untagged */
	u8 port;                /* the port to ask on; PORTS_MAX: all farm ports */
	bool permanent;         /* a device: asked every second; never forgotten */
};

struct resolve_entry {
	struct resolve_target target;
	enum resolve_state state;
	struct mac mac;
	u8 port;      /* where it answered */
	u32 changed;  /* ms: last change of state or MAC */
	u32 answered; /* ms: last answer */
	void *user;   /* the wanter's */
};

struct resolve_ops {
	/* Sends a frame by a port. */
	void (*send)(void *user, u8 port, const void *frame, size_t length);
	/* The address to ask from on that port toward TARGET; false: none of that family. */
	bool (*source)(void *user, u8 port, const struct address *target, struct address *source,
		       struct mac *mac);
	/* State, MAC or port of an entry has changed. */
	void (*changed)(void *user, const struct resolve_entry *entry);
	void *user;
};

struct resolver;

struct resolver *resolver_new(const struct resolve_ops *ops, u8 ports);
void resolver_free(struct resolver *r);

/* Starts to ask for TARGET, or finds the entry there is. Never NULL. */
struct resolve_entry *resolver_want(struct resolver *r, const struct resolve_target *target,
				    void *user, u32 now);
void resolver_drop(struct resolver *r, struct resolve_entry *entry);
struct resolve_entry *resolver_find(struct resolver *r, const struct address *address, u16 vlan);
void resolver_walk(struct resolver *r, void (*visit)(void *user, const struct resolve_entry *e),
		   void *user);

/* An ARP or ND frame (not a request for one of our addresses: see answer.h). Any bytes. */
void resolver_input(struct resolver *r, u8 port, const u8 *frame, u32 length, u32 now);

/* The kernel's neighbour table names a MAC: used where none is known, and verified by asking. */
void resolver_hint(struct resolver *r, struct resolve_entry *entry, const struct mac *mac, u32 now);

/* Our twin, which was active until now, knows the MAC: used as our own finding, verified soon. */
void resolver_told(struct resolver *r, struct resolve_entry *entry, const struct mac *mac, u8 port,
		   u32 now);
/* The same from who knows the PORT too. */
void resolver_learn(struct resolver *r, struct resolve_entry *entry, const struct mac *mac,
		    u8 port, u32 now);

/* An entry was used or its carrier went: keep it fresh, or ask at once. */
void resolver_used(struct resolver *r, struct resolve_entry *entry, u32 now);
/* Something else says that ENTRY's MAC may be wrong: all are asked, not that MAC alone. */
void resolver_doubt(struct resolver *r, struct resolve_entry *entry, u32 now);
void resolver_refresh_port(struct resolver *r, u8 port, u32 now);

/* Asks, ages and gives up. Returns in how many ms it wants to be called again (at most 1000). */
u32 resolver_tick(struct resolver *r, u32 now);

#endif
