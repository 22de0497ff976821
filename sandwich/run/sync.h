/* SPDX-License-Identifier: ISC */
/*
 * The balancer's end of state sync: the follower's thread, the links to all other balancers, and
 * the role (sync/PROTOCOL.md).
 *
 * The thread has the journal, the links, repair and the role machine. What it decides reaches the
 * main thread as calls in GLib's default context: on duty or not, a device's state, a neighbour's
 * MAC. What main knows reaches it by sync_changed(). A mutex lies between; it is held for a turn of
 * either, never while anybody waits.
 *
 * Thread: every function is the main thread's.
 */
#ifndef SANDWICH_RUN_SYNC_H
#define SANDWICH_RUN_SYNC_H

#include "conf/config.h"
#include "sandwich/run/follower.h"
#include "sync/link.h"
#include "sync/role.h"

struct balancer;
struct record_heard;
struct sync;

enum sync_relation { SYNC_PEER, SYNC_PARTNER };
enum sync_equal { SYNC_UNKNOWN, SYNC_EQUAL, SYNC_DIFFERS };

/* One other balancer. */
struct sync_other {
	const struct config_balancer *box;
	enum sync_relation relation;
	enum role_state role;
	enum sync_equal equal; /* its tables and ours, as last compared */
	u64 differing;	 /* entries, at the last count */
	u64 sessions;	 /* it has */
	u64 lag_us;	 /* age of the oldest change that it has not acknowledged */
	u64 repaired;	 /* entries that a comparison found, and records said anew for losses */
	u64 applied, stale, full; /* records of its */
	struct link_view link;
};

#define SYNC_OTHERS 3 /* a twin and two partners, at most */

struct sync_view {
	struct role_view role;
	unsigned int others;
	struct sync_other other[SYNC_OTHERS];
};

/* Opens the sockets. 0, or -errno with *WHY (g_free() it). */
int sync_new(struct sync **out, struct balancer *b, char **why)
	__attribute__((warn_unused_result));

/*
 * Whether nobody and nothing has to be waited for: no twin that may be active, no partner that may
 * have the sessions that we lack.
 */
bool sync_starts_on_duty(const struct sync *s);

/* Makes SETUP's thread ours; and, once there is a follower, all else. 0, or -errno with *WHY. */
void sync_follow(struct sync *s, struct follower_setup *setup);
int sync_start(struct sync *s, struct follower *f, char **why) __attribute__((warn_unused_result));

/* Hands over to the twin, if there is one that can take over. The follower still runs. */
void sync_leave(struct sync *s);

/* After the follower has ended. */
void sync_free(struct sync *s);

/* Devices, neighbours or ports are not as they were last told. */
void sync_changed(struct sync *s);

/* N devices, and what each has passed on to us: the partner's active balancer is told. */
void sync_heard(struct sync *s, const struct record_heard *heard, u32 n);

void sync_look(struct sync *s, struct sync_view *out);

/* An operator's words. 0, or -errno and *WHY (g_free() it). */
int sync_failover(struct sync *s, char **why) __attribute__((warn_unused_result));
int sync_resync(struct sync *s, char **why) __attribute__((warn_unused_result));
int sync_set_role(struct sync *s, bool active, char **why) __attribute__((warn_unused_result));

#endif
