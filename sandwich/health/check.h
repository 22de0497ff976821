/* SPDX-License-Identifier: ISC */
/*
 * Active checks of [health]: ARP, ICMP, TCP, HTTP, IKE and programs, a file each. This is what
 * they share.
 *
 * A check asks once an interval; what has not answered when the next is due has failed. Every
 * answer goes to the check's tracker through check_done(). TCP and HTTP use sockets of the kernel,
 * which therefore needs an address of its own on the farm; ICMP, ARP and IKE speak from the
 * balancer's addresses.
 *
 * Ownership: struct checks owns its checks, not the engine. Thread: main.
 */
#ifndef SANDWICH_HEALTH_CHECK_H
#define SANDWICH_HEALTH_CHECK_H

#include "sandwich/health/datagram.h"
#include "sandwich/health/engine.h"
#include "sandwich/health/ike_message.h"
#include "sandwich/health/script_run.h"

#define CHECK_SCRIPTS 16 /* programs that run at a time */

struct check;

struct check_kind {
	/* Asks; check_done() is called at once or later. */
	void (*ask)(struct check *c);
	/* Forgets what was asked: check_done() is not called any more. May be NULL. */
	void (*abandon)(struct check *c);
	bool patient; /* check_done() always comes: it is waited for, and then asked anew */
};

extern const struct check_kind check_arp, check_icmp, check_tcp, check_http, check_ike,
	check_script;

struct checks {
	struct engine *engine;
	const struct health_ops *ops;
	struct mac farm_mac;
	GArray *sources;   /* struct config_address: our own on the farm */
	GPtrArray *list;   /* struct check */
	u16 next_id;
	struct script_user script_user;
	unsigned int running; /* programs */
	GQueue *waiting;      /* struct check: their turn comes */
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
	u16 id, sequence; /* ICMP; IKE: its source port comes of the id */
	u64 token;
	struct ike_identity ike;
	u64 renewed;	 /* µs: when that was made; 0: not yet */
	bool answered;	 /* since then */
	char **argv, **envp; /* script */
	unsigned int timeout_ms;
	struct script_run *script; /* what runs, or NULL */
};

/*
 * Every check's address is a device's, and every program may be run. False, and a warning in the
 * log, when one is nobody's or may not.
 */
bool checks_valid(const struct config *config);

/* Never NULL. Adds the trackers of SETUP's checks to the engine's state. OPS must live as long. */
struct checks *checks_new(struct engine *engine, const struct health_setup *setup,
			  const struct health_ops *ops, u64 now);
void checks_free(struct checks *c);

/* An echo reply or a datagram, perhaps to one of us. True: it was. */
bool checks_input(struct checks *c, u8 device, const u8 *frame, u32 length);

/* The answer to what was asked. WHY: of a failure. RTT_US: 0 where it says nothing. */
void check_done(struct check *c, bool ok, const char *why, u32 rtt_us);

/*
 * The way to the target: addresses, MACs and tags of D, and the port. False: there is none, and
 * check_done() has been told.
 */
bool check_way(struct check *c, struct datagram *d, u8 *port);

/* Takes the reply if it is to what C asked last. */
bool check_icmp_reply(struct check *c, const struct datagram *d);
bool check_ike_reply(struct check *c, const struct datagram *d);

/* Programs: whether all may be run, and what a run for D is told; g_strfreev() it. */
bool check_scripts_valid(const struct config *config);
char **check_script_environment(const struct health_setup *setup, const struct config_device *d);

/* OUT: INET6_ADDRSTRLEN bytes. */
void check_address_text(const struct address *a, char *out);

#endif
