/* SPDX-License-Identifier: ISC */
/*
 * State sync from within: shared by sync.c (life, the operator's words), sync_wire.c (links,
 * streams and roles, in the follower's thread), sync_fill.c (what is had from the other side before
 * duty), sync_paths.c (sockets) and sync_main.c (what the main thread tells and is told).
 */
#ifndef SANDWICH_RUN_SYNC_PARTS_H
#define SANDWICH_RUN_SYNC_PARTS_H

#include <glib.h>
#include <pthread.h>

#include "sandwich/run/balancer.h"
#include "sandwich/run/sync.h"
#include "sync/journal.h"
#include "sync/record_heard.h"
#include "sync/record_twin.h"
#include "sync/repair.h"
#include "sync/replicate.h"
#include "sync/socket.h"
#include "sync/store.h"

#define SYNC_NEIGHBOURS 1024 /* told to the twin, at most */
#define SYNC_LANS 2
#define SYNC_TELL_US 1000000 /* so often it is told anyway */
#define SYNC_TELL_TIMES 3    /* heartbeats that tell a change: one may be lost */

/* What the main thread knows and the twin should. */
struct sync_told {
	struct record_farm farm[DEVICES_MAX];
	u32 devices;
	struct record_neighbour neighbour[SYNC_NEIGHBOURS];
	u32 neighbours;
	bool ports_ok;
};

/* One other balancer. */
struct sync_lan;

struct sync_box {
	struct sync *sync;
	const struct config_balancer *conf;
	u32 number; /* its place in the file, from 1 */
	u8 place;   /* in sync.boxes, and in the store */
	enum sync_relation relation;
	u8 paths;   /* UDP paths to it; those of a twin over the LANs come behind */
	struct link *link;
	struct replicate *stream;
	struct repair *repair;
	enum role_state role; /* as it last said, like the next */
	u8 flags;
	struct record_census census;
	u32 handover_term;   /* HANDOVER that has come, and what is before it has not; 0: none */
	u64 handover_number;
	u64 behind_number;   /* once it has acknowledged this, */
	u64 behind_us;	     /* it is where we were then; 0: it has all */
	u64 lost_told;	     /* what came late is no longer lost, but a counter does not go back */
};

struct sync {
	struct balancer *b;
	struct follower_more more;
	pthread_mutex_t mutex; /* all below, once the thread runs */
	struct tables tables;  /* the follower's handle */
	struct journal *journal;
	struct store *store;
	struct sockets *sockets;
	struct sync_lan *lans[SYNC_LANS]; /* uplink and farm; NULL without a twin */
	int poll;      /* an epoll of all sockets, and of `bell` */
	int bell;      /* an eventfd: the main thread has news */
	u8 paths;      /* UDP paths of ours */
	u64 strangers; /* datagrams of nobody that is in the file */
	u8 frame[2048]; /* one that goes by a LAN, or came by one */
	struct role *role;
	struct sync_box boxes[SYNC_OTHERS];
	unsigned int count;
	u32 self;
	u32 term;     /* as the links tell it */
	bool alone;   /* no twin */
	bool active;
	bool equal; /* as standby: our tables were those of the active at the last comparison */
	struct sync_box *filler; /* active, but not on duty before we have its tables; or NULL */
	u64 fills_since;
	struct sync_told told;
	struct record_heard heard[DEVICES_MAX]; /* to be told to the partner, */
	u32 heard_count;			/* once */
	u32 tell;     /* heartbeats that still tell the twin */
	u64 tell_at;
	u64 told_at; /* µs: when what is told was collected */
};

/* Who the others are. */
void sync_list(struct sync *s);

/* Makes links, streams, repair and role for all other balancers. 0 or -errno, *WHY. */
int sync_wire(struct sync *s, char **why) __attribute__((warn_unused_result));
void sync_unwire(struct sync *s);

/* The follower's: a change of the journal; and whatever is due at NOW (µs). When to call again. */
void sync_change(void *user, const struct journal_change *change);
u64 sync_turn(struct sync *s, u64 now);

/* Sockets of all paths: 0 or -errno, *WHY. What has come goes to its link; what waits is sent. */
int sync_paths_open(struct sync *s, char **why) __attribute__((warn_unused_result));
void sync_paths_close(struct sync *s);
void sync_paths_receive(struct sync *s);
void sync_paths_flush(struct sync *s);
u8 *sync_paths_room(void *box, u8 path, size_t size); /* the link's ops of those names */
void sync_paths_send(void *box, u8 path, u8 *datagram, size_t length);
u8 sync_paths_count(const struct sync_box *box);

/*
 * We became active: whether that has to wait until empty tables are filled from a partner. Then
 * sync_fill_turn() puts us on duty; it says when to call it again.
 */
bool sync_fill_begin(struct sync *s, u64 now) __attribute__((warn_unused_result));
u64 sync_fill_turn(struct sync *s, u64 now);
void sync_fill_end(struct sync *s);

/* What the thread decides, carried to the main thread; any thread. */
void sync_main_duty(struct sync *s, bool active);
void sync_main_farm(struct sync *s, const struct record_farm *farm, u32 n);
void sync_main_neighbours(struct sync *s, const struct record_neighbour *neighbours, u32 n);

/* The partner's word of what devices pass on, there and here: sync_heard.c. */
void sync_heard_tell(struct sync *s, u64 now);
void sync_heard_take(struct sync_box *box, const struct link_item *item);

/* Main thread: what there is to tell. */
void sync_main_collect(struct balancer *b, struct sync_told *out);

#endif
