/* SPDX-License-Identifier: ISC */
/*
 * Is a device fit to carry traffic? Detectors ask, one place decides, and the partner is told.
 *
 * Every result of every detector passes through health_result(): rise and fall counts are kept
 * there, and nowhere else can a device become up or down. A detector whose results stop coming
 * counts as failing, so no state goes stale as "up". Nobody is judged while our own loop was late.
 *
 * The path detector is the in-band heartbeat: a sealed UDP datagram from ingress through each
 * device to egress and back. It carries what each side thinks of each device, so that both agree
 * within two intervals. Ingress starts it; egress answers. What is exchanged is given and taken
 * through the ops.
 *
 * Thread: main (GLib's default context drives the timers).
 */
#ifndef SANDWICH_HEALTH_HEALTH_H
#define SANDWICH_HEALTH_HEALTH_H

#include <glib.h>
#include "conf/config.h"
#include "sandwich/core/tables.h"

/* What one side tells the other about one device. */
struct health_record {
	u64 name_hash;	  /* which device: struct device.name_hash */
	bool fit;	  /* my detectors say it can carry traffic */
	bool swept;	  /* I have pinned what its return would move: it may be picked */
	bool up;	  /* I use it */
	u8 admin;	  /* enum health_admin */
	u32 admin_version; /* the higher wins: operator words travel to the other side */
};

enum health_admin {
	ADMIN_ENABLED,
	ADMIN_DRAINING,
	ADMIN_DISABLED,
	ADMIN_FLUSHED, /* draining, and its deadline is over: what was left has been forgotten */
	ADMINS
};

struct health_ops {
	/* Sends a frame by a farm port. */
	void (*send)(void *user, u8 port, const void *frame, size_t length);
	/* The device's way on this side: MAC, port, tag; false while it is not resolved. */
	bool (*hop)(void *user, u8 device, struct mac *mac, u8 *port, u16 *vlan);
	/* What to tell the partner of a device. */
	void (*export_record)(void *user, u8 device, struct health_record *out);
	/* What the partner says of one; DEVICE is 0 when it names one that we don't have. */
	void (*import_record)(void *user, u8 device, const struct health_record *record);
	/* The device has become fit (all detectors agree) or unfit (one fails). */
	void (*changed)(void *user, u8 device, bool fit, const char *why);
	/* The partner is heard of (through any device), or no longer. */
	void (*partner_changed)(void *user, bool reachable);
	void *user;
};

struct health;

/*
 * SECRET: the bytes of the secret file (LENGTH > 0 where path is on). EPOCH: fingerprint of the
 * device table; one that differs from the partner's is said in the log and in health_partner().
 * DEVICES: the device table, by id, name_hash 0 where there is none.
 */
struct health_setup {
	const struct config *config;
	const struct config_balancer *self;
	const struct health_ops *ops;
	const u8 *secret;
	size_t secret_length;
	u64 epoch;
	const struct device *devices;
	struct mac farm_mac; /* our virtual MAC there */
	const struct device_set *fit; /* who is, by a twin or a daemon before us; NULL: nobody */
};

int health_new(struct health **out, const struct health_setup *setup)
	__attribute__((warn_unused_result));
void health_free(struct health *h);

/*
 * A reload: other devices, paces or checks. What stays the same keeps its state and counts, by its
 * name where a device has got another id: nobody is told of that, so ask health_fit() afterwards.
 * Upon an error nothing has changed.
 */
int health_reload(struct health *h, const struct health_setup *setup)
	__attribute__((warn_unused_result));

/*
 * Results of detectors that live elsewhere: the resolver's for ARP and ND, the port's for link,
 * the counters' for silence.
 * They are events: one counts at once and holds until the next. Who tells them watches for silence.
 */
void health_result(struct health *h, u8 device, enum config_detector detector, bool ok,
		   const char *why);

/* Of such a detector, which is none any more: whatever it said. */
void health_forget(struct health *h, enum config_detector detector);

/*
 * UDP datagrams to the path port, and echo replies: whole frames, any bytes. DEVICE: whom its
 * source MAC names.
 */
void health_input(struct health *h, u8 port, u8 device, const u8 *frame, u32 length);

/* Says what has changed to the partner now instead of at the next interval. */
void health_urge(struct health *h);

/* How each detector sees a device, for show devices. Calls VISIT for each that is configured. */
struct health_view {
	enum config_detector detector;
	bool ok;
	const char *why;	/* the last failure's reason, or "" */
	unsigned int successes, failures; /* in a row */
	u32 rtt_us;		/* path and ICMP: last round trip; 0: none */
};
void health_walk(struct health *h, u8 device,
		 void (*visit)(void *user, const struct health_view *v), void *user);
bool health_fit(struct health *h, u8 device);

struct health_partner {
	bool reachable;
	bool same_epoch;
	u32 rtt_us;
	u64 sent, received, rejected; /* rejected: not authentic, replayed or malformed */
};
void health_partner(struct health *h, struct health_partner *out);

#endif
