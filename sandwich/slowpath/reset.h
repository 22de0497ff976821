/* SPDX-License-Identifier: ISC */
/*
 * on-device-down = reset: tells both ends of a conversation that it is over, so that they reconnect at once.
 *
 * TCP: a RST to each end that both will accept (RFC 9293 3.5.2, RFC 5961: its sequence number is exactly the one
 * expected, taken from the frame in hand). Others: ICMP or ICMPv6 "administratively prohibited" to the sender.
 * Pure: a frame in, up to two frames out.
 */
#ifndef SANDWICH_SLOWPATH_RESET_H
#define SANDWICH_SLOWPATH_RESET_H

#include "sandwich/slowpath/pump.h"

#define RESET_FRAME_MAX 1514

struct reset_frame {
	u8 data[RESET_FRAME_MAX];
	u32 length;	/* 0: none */
	bool to_sender;	/* back by the port the frame came from, to its source MAC */
};

/*
 * Writes whole Ethernet frames; MACs and tags of the one to the other end are left for the caller to set (it goes
 * where the frame itself would have gone away from the farm: see pump_retry). How many of OUT were written: 0..2.
 */
int reset_build(const struct slow_frame *frame, const struct address *icmp_source, struct reset_frame out[2]);

#endif
