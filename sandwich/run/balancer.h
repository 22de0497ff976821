/* SPDX-License-Identifier: ISC */
/*
 * A running balancer: the parts, and who holds whom.
 *
 * The roles (ingress/, egress/) make one with balancer_run(). Control words read and change it; all
 * of that happens on the main thread, while the pump's data thread works on the tables.
 */
#ifndef SANDWICH_RUN_BALANCER_H
#define SANDWICH_RUN_BALANCER_H

#include <glib.h>
#include "conf/config.h"
#include "sandwich/core/tables.h"
#include "sandwich/health/health.h"
#include "sandwich/run/farm.h"
#include "sandwich/run/maintain.h"
#include "sandwich/slowpath/memory.h"
#include "sandwich/slowpath/port.h"
#include "sandwich/slowpath/pump.h"
#include "sandwich/slowpath/resolve.h"

struct adopt;
struct answer;
struct attach;
struct control;
struct follower;
struct fastpath;
struct links;
struct lost;
struct reload;
struct metrics;
struct routes;
struct silent;
struct sync;

struct balancer {
	char *config_path;
	struct config *config;
	const struct config_balancer *self;
	const char *datapath;	 /* "pcap", ... as taken */
	char *datapath_why;	 /* why not the one before, or NULL */
	struct fastpath *fast;	 /* NULL: the pump receives */
	struct adopt *adopt;	 /* while a start takes over what was left; else NULL */
	guint adopt_timer;
	u64 received;		 /* frames, when last looked at, */
	u32 rated;		 /* and when that was: ms */
	u32 sampled;		 /* ms: when sessions were last sampled */
	struct memory *memory;
	struct tables tables;	 /* the main thread's handle */
	struct port *ports[PORTS_MAX];
	u8 port_count;
	struct pump *pump;
	struct resolver *resolver;
	struct answer *answer;
	struct attach *attach;	 /* devices on this side: attach_macs() */
	struct routes *routes;
	struct links *links;	 /* news of interfaces; NULL: none */
	struct health *health;
	struct silent *silent;	 /* the silence detector; NULL: off */
	struct farm *farm;
	struct maintain maintain; /* .live[]: how full the tables are */
	struct follower *follower;
	struct control *control;
	struct metrics *metrics;
	struct lost *lost;
	struct sync *sync;	 /* the other balancers, and who is active */
	struct reload *reload;	 /* one that is under way, or NULL */
	u32 rows;		 /* the set of rank rows that the configuration wants */
	GMainLoop *loop;
	u64 started; /* µs of g_get_monotonic_time() */
	u8 *secret;
	size_t secret_length;
	guint timers[2];
	guint announcing;	 /* repeats after a takeover: its timer, 0: none */
	unsigned int announced;
	bool hand_over; /* SIGQUIT: the fast path is left to the next daemon */
};

/*
 * Opens ports, makes the parts and wires them to each other. On failure -errno, and *WHY (g_free()
 * it) says what to do; the balancer can be freed then as well.
 */
int balancer_start(struct balancer *b, char **why) __attribute__((warn_unused_result));

/*
 * Makes everything follow b->config, settings having been applied; ROWS: the set of rank rows it
 * wants. 0 or -errno.
 */
int balancer_configure(struct balancer *b, u32 rows) __attribute__((warn_unused_result));

/*
 * Starts to judge devices, from the state that they are in: 0 or -errno; and stops, as a standby
 * does.
 */
int balancer_start_health(struct balancer *b) __attribute__((warn_unused_result));
void balancer_stop_health(struct balancer *b);

/* Takes over CONFIG. balancer_stop() gives everything back, ports and sockets included. */
struct balancer *balancer_new(const char *config_path, struct config *config,
			      const struct config_balancer *self);
void balancer_stop(struct balancer *b);

/* Leaves the fast path running for the next daemon; the process is to end at once. */
void balancer_hand_over(struct balancer *b);

/*
 * Reads the file again and goes over to it, in one step: at once, or where the rank rows have to be
 * built, when a thread has done that. DONE is told then: 0, or -errno with every problem in
 * PROBLEMS (borrowed) and nothing changed. What comes while one is under way follows it, once.
 */
typedef void (*reload_done)(struct balancer *b, int error, GPtrArray *problems);
void balancer_reload(struct balancer *b, reload_done done);

/* Gives up a reload that is under way: nothing is told. */
void balancer_reload_stop(struct balancer *b);

/* Which sessions a filter names; empty members match all. */
struct session_filter {
	u8 device;		/* 0: any */
	bool by_client, by_server;
	struct address client, server;
	u8 client_length, server_length; /* prefix lengths, of 128 */
	u16 port;		/* of either end; host byte order; 0: any */
	u8 protocol;		/* with by_protocol */
	bool by_protocol;
	u8 origin;		/* with by_origin: enum session_origin */
	bool by_origin;
};

bool session_filter_match(const struct session_filter *filter, const struct slot *session);

/*
 * Forgets the sessions that FILTER names, and the pins that are left without any. How many
 * sessions.
 */
u32 balancer_flush(struct balancer *b, const struct session_filter *filter);

#endif
