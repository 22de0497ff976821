/* SPDX-License-Identifier: ISC */
/*
 * The data thread: frames in, decide(), frames out, batch by batch; and the way up to the main
 * thread.
 *
 * What is not plain forwarding (reasons whose action is LOCAL, HOLD or RESET, and events that
 * somebody waits for) is copied to the slow queue. The main thread's GLib loop takes it from there,
 * in order, and calls the handler. Every received frame is counted in exactly one reason by the
 * pump.
 *
 * Thread: everything but the data thread's own loop is called on the main thread.
 */
#ifndef SANDWICH_SLOWPATH_PUMP_H
#define SANDWICH_SLOWPATH_PUMP_H

#include <glib.h>
#include "sandwich/core/decide.h"
#include "sandwich/slowpath/memory.h"
#include "sandwich/slowpath/port.h"

/* A frame on its way up. WORK is what decide() made of it. */
struct slow_frame {
	struct work work;
	u32 length;
	const u8 *data;
};

typedef void (*pump_handler)(void *user, const struct slow_frame *frame);

struct pump;

/*
 * PORTS[i] has index i; the pump does not own them. Thread 1's counters of MEMORY are the data
 * thread's. HANDLER is called in GLib's default main context. 0 or -errno.
 */
int pump_new(struct pump **out, struct memory *memory, struct port *const *ports, u8 n,
	     pump_handler handler, void *user) __attribute__((warn_unused_result));

/*
 * Starts the data thread. Where the fast path receives there is none: the rest works without.
 */
int pump_start(struct pump *p) __attribute__((warn_unused_result));
void pump_free(struct pump *p); /* stops it first */

/* Sends a frame that the balancer made itself; counted in tx. 0 or -errno. */
int pump_send(struct pump *p, u8 port, const void *frame, size_t length);

/*
 * Runs a held frame through decide() again on the main thread (WORK.held set) and does what the
 * verdict says, without counting it as received twice. True: it was sent or dropped for good
 * (counted in held_sent_total or held_dropped_total); false: it must go on waiting.
 */
bool pump_retry(struct pump *p, const struct slow_frame *frame, struct work *verdict);

/*
 * Sends on a frame that the fast path has decided (and counted) but can't forward: a checksum was
 * left unfinished. Counted in tx, or in slow_dropped_total.
 */
void pump_forward(struct pump *p, const struct slow_frame *frame);

/*
 * Tells whoever receives (the data thread, or the fast path) that somebody waits for first
 * fragments (EVENT_FIRST_FRAGMENT).
 */
void pump_want_fragments(struct pump *p, bool want);

/*
 * A port's interface went away or came back: swaps port INDEX, between two batches. PORT may be
 * NULL: there is none for now. When it returns, the old port is no longer used and may be closed.
 */
void pump_replace_port(struct pump *p, u8 index, struct port *port);

/*
 * LOST is called (once each time) when the interface of port INDEX has gone. The pump has stopped
 * to read it by then; frames out of it are counted as SEND_FAILED until it is replaced.
 */
typedef void (*pump_lost_handler)(void *user, u8 index);
void pump_on_port_lost(struct pump *p, pump_lost_handler lost, void *user);

#endif
