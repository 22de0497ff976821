/* SPDX-License-Identifier: ISC */
/*
 * The path heartbeat: sealed datagrams from ingress through each device to egress, and back.
 *
 * Sans-I/O: frames and the time in, frames and news out through callbacks. Who is fit is not judged
 * here: what is heard goes to heard(), and state.h judges silence. sync/PATH.md is the
 * specification.
 *
 * Time is microseconds of a monotonic clock. Randomness only in path_new(). Thread: main.
 */
#ifndef SANDWICH_HEALTH_PATH_H
#define SANDWICH_HEALTH_PATH_H

#include "sandwich/health/health.h"

#define PATH_URGE_US 1000 /* urged messages are that far apart */

struct path;

struct path_setup {
	const struct health_setup *health; /* devices, epoch, secret, MAC, ops; not kept */
	enum config_side_id side;
	u16 udp_port;	 /* host byte order */
	u64 interval;	 /* µs between asks */
	u64 limit;	 /* µs: an answer to an older ask says nothing */
	u32 sender;	 /* this balancer's number in the seal */
	struct address mine, partner; /* farm addresses, of one family */
};

struct path_ops {
	const struct health_ops *health; /* send, hop, export_record and import_record are called */
	/* A fresh message came through the device. RTT_US: 0 where it is not known. */
	void (*heard)(void *user, u8 device, u32 rtt_us, u64 now);
	/* The device's way is not known (WHY), or is (NULL). */
	void (*blind)(void *user, u8 device, const char *why);
	void *user;
};

/* What a frame was. The order is that of path_result_text(). */
enum path_result {
	PATH_FRESH,	/* authentic, and an answer to what we said */
	PATH_GREETING,	/* authentic, but perhaps recorded earlier: answered, not believed */
	PATH_OTHER,	/* not for the path port */
	PATH_SHORT,
	PATH_FOREIGN,
	PATH_FORGED,
	PATH_REPLAYED,
	PATH_MALFORMED,
	PATH_OWN_SIDE,
	PATH_MISROUTED, /* from another device than it was sent through */
	PATH_STALE,
	PATH_RESULTS
};

const char *path_result_text(enum path_result result);

/* Addresses of one family that both sides have on the farm, IPv4 first. -EADDRNOTAVAIL: none. */
int path_addresses(const struct config *config, enum config_side_id side, struct address *mine,
		   struct address *partner) __attribute__((warn_unused_result));

int path_new(struct path **out, const struct path_setup *setup, const struct path_ops *ops, u64 now)
	__attribute__((warn_unused_result));
void path_free(struct path *p);

/* Other devices, paces or addresses; with the same secret the conversation goes on. */
int path_reload(struct path *p, const struct path_setup *setup, u64 now)
	__attribute__((warn_unused_result));

/* Asks what is due. When it wants to be called again. */
u64 path_tick(struct path *p, u64 now);

/* A frame of any bytes, from DEVICE (0: from nobody that is configured) by PORT. */
enum path_result path_input(struct path *p, u8 port, u8 device, const u8 *frame, u32 length,
			    u64 now);

/* Says what has changed at once, or at the time returned. */
u64 path_urge(struct path *p, u64 now);

/* Fills in all but `reachable`. */
void path_partner(const struct path *p, struct health_partner *out);

#endif
