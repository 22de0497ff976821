/* SPDX-License-Identifier: ISC */
/*
 * on-device-down = reset: tells the ends of a conversation that it is over, so that they reconnect
 * at once.
 *
 * Each balancer tells the end on its own uplink. TCP: a frame in hand is answered with a RST whose
 * sequence number is the one its sender expects (RFC 9293 3.10.7.1). An end that is silent is made
 * to speak first: a SYN inside its connection makes it send a challenge ACK (RFC 5961 4), and that
 * is answered with the RST. Others: ICMP or ICMPv6 "administratively prohibited" to the sender,
 * quoting its packet.
 *
 * Pure: frames are written into the caller's buffer, whole and with checksums. Thread: any.
 */
#ifndef SANDWICH_SLOWPATH_RESET_H
#define SANDWICH_SLOWPATH_RESET_H

#include "sandwich/slowpath/pump.h"

#define RESET_FRAME_MAX 1514

/*
 * The answer to the frame's sender: MACs and tags turned round, MINE as the source MAC.
 * ICMP_SOURCE: our address of that family. OUT has RESET_FRAME_MAX bytes. Its length, or 0 where no
 * answer is due (a RST, an ICMP error, a later fragment, something cut short).
 */
u32 reset_answer(const struct slow_frame *frame, const struct mac *mine,
		 const struct address *icmp_source, u8 *out);

/*
 * The SYN that makes the local end of a TCP session speak: a packet from its other end, Ethernet
 * header left blank (14 bytes; the caller routes it). TO_OUTSIDE: the outside end is to be asked,
 * else the inside. Length or 0.
 */
u32 reset_challenge(const struct flow *flow, bool to_outside, u8 *out);

#endif
