/* SPDX-License-Identifier: ISC */
/*
 * Active checks of [health]: ARP, ICMP, TCP and HTTP, a file each. This is what they share.
 *
 * A check asks once an interval; what has not answered when the next is due has failed. Every
 * answer goes to the check's tracker through check_done(). TCP and HTTP use sockets of the kernel,
 * which therefore needs an address of its own on the farm; ICMP and ARP speak from the balancer's
 * addresses.
 *
 * Ownership: struct checks owns its checks, not the engine. Thread: main.
 */
#ifndef SANDWICH_HEALTH_CHECK_H
#define SANDWICH_HEALTH_CHECK_H

#include "sandwich/health/datagram.h"
#include "sandwich/health/engine.h"

struct check;

struct check_kind {
	/* Asks; check_done() is called at once or later. */
	void (*ask)(struct check *c);
	/* Forgets what was asked: check_done() is not called any more. May be NULL. */
	void (*abandon)(struct check *c);
};

extern const struct check_kind check_arp, check_icmp, check_tcp, check_http;

struct checks {
	struct engine *engine;
	const struct health_ops *ops;
	struct mac farm_mac;
	GArray *sources;   /* struct config_address: our own on the farm */
	GPtrArray *list;   /* struct check */
	u16 next_id;
};

struct check {
	struct checks *owner;
	const struct check_kind *kind;
	struct tracker *tracker;
	u8 device;
	struct address target;
	u16 port;	 /* host byte order */
	char *url_path;
	u32 interval_ms;
	guint timer;
	u64 due, asked;	 /* µs */
	bool pending;
	void *probe;	 /* TCP and HTTP: what is under way */
	u16 id, sequence; /* ICMP */
	u64 token;
};

/* Every check's address is a device's. False, and a warning in the log, when one is nobody's. */
bool checks_valid(const struct config *config);

/* Never NULL. Adds the trackers of SETUP's checks to the engine's state. OPS must live as long. */
struct checks *checks_new(struct engine *engine, const struct health_setup *setup,
			  const struct health_ops *ops, u64 now);
void checks_free(struct checks *c);

/* An echo reply, perhaps to one of us. True: it was. */
bool checks_input(struct checks *c, u8 device, const u8 *frame, u32 length);

/* The answer to what was asked. WHY: of a failure. RTT_US: 0 where it says nothing. */
void check_done(struct check *c, bool ok, const char *why, u32 rtt_us);

/* ICMP: takes the reply if it is to what C asked last. */
bool check_icmp_reply(struct check *c, const struct datagram *d);

#endif
