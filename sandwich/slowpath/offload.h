/* SPDX-License-Identifier: ISC */
/*
 * The offloads of an interface that get in the way of forwarding frame by frame.
 *
 * GRO and LRO glue received frames together to ones larger than any port can send. TSO, GSO and
 * checksum offload on our own port make libpcap reserve 64 KiB for each frame, and let the kernel's
 * own frames leave half finished toward peers that capture, too. The other end of a veth may leave
 * segmentation to us. VLAN tags that the hardware strips are seen by a capture, but not by XDP.
 *
 * Ownership: struct offload is a value; it remembers what to put back. Thread: main.
 */
#ifndef SANDWICH_SLOWPATH_OFFLOAD_H
#define SANDWICH_SLOWPATH_OFFLOAD_H

#include <net/if.h>
#include "sandwich/core/types.h"

#define OFFLOAD_BLOCKS 8 /* of 32 features; kernels have some 64 */

struct offload {
	char interface[IFNAMSIZ];
	u32 blocks;                  /* how many of the next are in use */
	u32 touched[OFFLOAD_BLOCKS]; /* features that were turned off */
	u32 wanted[OFFLOAD_BLOCKS];  /* what was asked for of them before */
};

/*
 * Turns them off and remembers in *SAVED what was on. TAGS: the stripping of tags too. Returns 0,
 * also where the driver has none; else -errno (-EPERM, -ENODEV), and nothing is changed.
 */
int offload_disable(struct offload *saved, const char *interface, bool tags)
	__attribute__((warn_unused_result));

/* Puts back what was on. An interface that is gone meanwhile is no matter. */
void offload_restore(const struct offload *saved);

/*
 * Makes the other end of a veth segment its frames itself: the kernel takes no super-frames for a
 * veth with an XDP program, so one that passes everything is attached to ours. It is detached when
 * the descriptor that is returned is closed, or with the process. -errno: the driver has no XDP, or
 * another program is there.
 */
int offload_make_peer_segment(int ifindex) __attribute__((warn_unused_result));

#endif
