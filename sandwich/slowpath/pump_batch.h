/* SPDX-License-Identifier: ISC */
/*
 * Frames on their way out of one port, sent many a system call.
 *
 * A frame's reason is counted when the kernel has taken it, since only then it is known. Thread:
 * data.
 */
#ifndef SANDWICH_SLOWPATH_PUMP_BATCH_H
#define SANDWICH_SLOWPATH_PUMP_BATCH_H

#include "sandwich/core/decide.h"
#include "sandwich/slowpath/port.h"

struct pump_batch;

int pump_batch_new(struct pump_batch **out) __attribute__((warn_unused_result));
void pump_batch_free(struct pump_batch *b);

/*
 * Adds a received frame as W says; one that the port can't send is counted TOO_BIG or SEND_FAILED
 * at once. CAPTURED bytes of WIRE are at hand. PORT may be NULL. A full batch is flushed.
 */
void pump_batch_add(struct pump_batch *b, struct tables *t, struct port *port, const struct work *w,
		    const u8 *data, u32 captured, u32 wire);

/* Sends what is there and counts it. */
void pump_batch_flush(struct pump_batch *b, struct tables *t, struct port *port);

/*
 * Writes what W makes of the frame to OUT (captured + 4 bytes). *LENGTH: how many bytes it came to.
 * True: a checksum was filled in.
 */
bool pump_batch_rewrite(u8 *out, u32 *length, const struct settings *cfg, const struct work *w,
			const u8 *data, u32 captured);

/* Whether PORT can send that many bytes: its MTU, the Ethernet header and the tags. */
bool pump_batch_fits(const struct port *port, const struct work *w, u32 length);

/* Adds to a counter that this thread alone writes. */
CORE_INLINE void pump_batch_count(u64 *counter, u64 n)
{
	core_store(counter, *counter + n);
}

#endif
