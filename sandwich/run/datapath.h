/* SPDX-License-Identifier: ISC */
/*
 * Which data path carries the frames: XDP in the driver, generic XDP, or libpcap; and what the
 * balancer does with the fast path while it runs.
 *
 * `datapath = auto` tries them in that order, and the log says why not the one before.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_DATAPATH_H
#define SANDWICH_RUN_DATAPATH_H

#include "sandwich/fastpath/fastpath.h"
#include "sandwich/run/balancer.h"

/*
 * Fulfils the configuration's wish: sets b->datapath, and b->fast unless that is "pcap". Programs
 * are on the ports then, and let everything pass. 0, or -errno and *WHY.
 */
int datapath_choose(struct balancer *b, fastpath_handler handler, char **why)
	__attribute__((warn_unused_result));

/* Opens port INDEX as the data path needs it. 0, or -errno and *WHY. */
int datapath_open_port(const struct balancer *b, u8 index, const char *interface,
		       struct port **out, char **why) __attribute__((warn_unused_result));

/* Lets frames through the engine: the ports are open, the tables filled. 0 or -errno. */
int datapath_start(struct balancer *b) __attribute__((warn_unused_result));
void datapath_stop(struct balancer *b);

/* Port INDEX is about to be closed; was opened again, and perhaps is another interface by now. */
void datapath_closing(struct balancer *b, u8 index);
void datapath_opened(struct balancer *b, u8 index);

/* Now and then: MTUs as they are, and `track = auto` by how much there is to do. */
void datapath_tick(struct balancer *b, u32 now);

#endif
