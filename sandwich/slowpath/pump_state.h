/* SPDX-License-Identifier: ISC */
/*
 * What the two halves of the pump share: pump.c (main thread) and pump_loop.c (data thread).
 *
 * A field belongs to the thread that its comment names; what both touch is atomic.
 */
#ifndef SANDWICH_SLOWPATH_PUMP_STATE_H
#define SANDWICH_SLOWPATH_PUMP_STATE_H

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>

#include "sandwich/slowpath/pump.h"
#include "sandwich/slowpath/pump_batch.h"
#include "sandwich/slowpath/slow_queue.h"

struct pump {
	/* set before the thread starts */
	u8 port_count;
	struct slow_queue *queue;
	int kick; /* eventfd: the data thread has orders */
	/* the data thread's; PORTS is read by the main thread too, which alone orders changes */
	struct tables tables;
	struct port *ports[PORTS_MAX];
	struct pump_batch *batches[PORTS_MAX];
	struct pollfd fds[PORTS_MAX + 1]; /* the last one is `kick` */
	u32 now;                          /* ms: of this batch */
	struct port *from;                /* of this batch */
	u32 from_max;                     /* bytes: its largest frame, with two tags */
	u8 doubtful;                      /* bit set of ports that went down and may be gone */
	u32 doubted;                      /* ms: when they were last asked after */
	/* atomic */
	bool stop, ordered;
	u8 lost;     /* bit set of ports whose interface went away, for the main thread */
	u8 oversize; /* likewise, that super-frames came in by; stays until they are replaced */
	/* an order: valid while `ordered`; the main thread waits for `done` meanwhile */
	u8 order_index;
	struct port *order_port;
	sem_t done;
	/* the main thread's */
	struct tables main_tables;
	pthread_t thread;
	bool running;
	u8 refused; /* bit set of ports whose super-frames have been seen to */
	GSource *source;
	pump_handler handler;
	void *user;
	pump_lost_handler lost_handler;
	void *lost_user;
};

/* The data thread; ARG is the struct pump. */
void *pump_loop(void *arg);

/* Data thread, or the main thread while there is none: puts PORT (or NULL) in place INDEX. */
void pump_loop_put_port(struct pump *p, u8 index, struct port *port);

#endif
