/* SPDX-License-Identifier: ISC */
/*
 * User space's data path for one frame: what the pump does, with ports that keep what they send.
 *
 * decide(), the batch (rewriting, checksums, counters) and the tables' memory are the daemon's own.
 */
#ifndef TESTS_PACKETS_USER_H
#define TESTS_PACKETS_USER_H

#include "sandwich/slowpath/pump_batch.h"
#include "tests/packets/frame.h"
#include "tests/packets/world.h"

struct port {
	unsigned int mtu;
	u8 index;
	u32 sent;   /* frames */
	u32 length; /* of the last one */
	u8 bytes[FRAME_MAX + 8];
};

struct user {
	struct world world;
	struct pump_batch *batch;
	struct port port;
};

/* Aborts when there is no memory. */
void user_open(struct user *u, u32 sessions, u32 pins, u32 fragments, unsigned int mtu);
void user_close(struct user *u);

/*
 * One frame, of which LINEAR bytes can be read: W comes with now and port, and has the verdict
 * afterwards. u->port has what was sent, if anything.
 */
void user_frame(struct user *u, const u8 *frame, u32 length, u32 linear, struct work *w);

/*
 * What the daemon does with a frame that the fast path decided but could not forward: sends it by
 * PORT and counts that in T (pump_forward()).
 */
void user_forward(struct tables *t, struct port *port, const u8 *frame, u32 length,
		  const struct work *w);

#endif
