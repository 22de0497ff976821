/* SPDX-License-Identifier: ISC */
/*
 * What the XDP program and the daemon say to each other besides the engine's tables.
 *
 * Lies in mapped memory, and in the ring of frames on their way up. Written once, read by both
 * compilations. Byte order: the host's.
 */
#ifndef SANDWICH_FASTPATH_SHARED_H
#define SANDWICH_FASTPATH_SHARED_H

#include "sandwich/core/decide.h"

#define FAST_RING_BYTES (4u << 20)
#define FAST_FRAME_SMALL 256
#define FAST_FRAME_MEDIUM 2048
#define FAST_FRAME_MAX (9216 + 14 + 8) /* a jumbo frame with two tags */

/* A port as the program knows it; `ifindex` 0: none, so its frames are the kernel's alone. */
struct fast_port {
	u32 ifindex;
	u32 mtu;
	u32 local; /* 1: senders on this machine may leave checksums to it unfinished */
	u32 attached; /* our program is on this interface, entered or not */
};

/* What time it is, from one jiffy to the next. */
struct fast_clock {
	u64 jiffies;
	u32 now;     /* ms */
	u32 quantum; /* of settings, when `phase` was computed; 0: it is not */
	u32 phase;   /* settings_phase() */
	u32 spare;
};

/* A touch that the program defers (defer.bpf.h) is done after so many µs, whatever else comes. */
#define FAST_DEFER_US 1000

/* In work.events, besides enum event: the frame was not forwarded, the daemon is to do it. */
#define FAST_EVENT_FORWARD 0x80000000u

#define FAST_PORTS 8 /* a power of two above PORTS_MAX: an index is masked, not judged */

struct fast_ports {
	struct fast_port port[FAST_PORTS];
};

_Static_assert(PORTS_MAX < FAST_PORTS, "the last one is nobody's");

/* A frame in the ring. The record has room for one of the three sizes above. */
struct fast_frame {
	u32 length; /* bytes of data */
	u32 spare;
	struct work work;
	u8 data[];
};

#endif
