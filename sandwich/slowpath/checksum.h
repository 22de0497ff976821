/* SPDX-License-Identifier: ISC */
/*
 * Checksums that a sender on the same machine has left to hardware.
 *
 * A frame from a local veth peer may carry in TCP's or UDP's checksum field no more than the folded
 * sum of the pseudo header (RFC 9293 3.1, RFC 768, RFC 8200 8.1), and SCTP's CRC may be zero.
 * Captured and sent again it would arrive broken, so it is completed. A finished checksum that
 * looks like it comes out the same.
 *
 * Pure. Thread: any.
 */
#ifndef SANDWICH_SLOWPATH_CHECKSUM_H
#define SANDWICH_SLOWPATH_CHECKSUM_H

#include "sandwich/core/packet.h"

/*
 * Completes the transport checksum of FRAME (LENGTH bytes) where it was left unfinished; true when
 * it did. PACKET: what packet_parse() made of it. SHIFT: by how many bytes its network header lies
 * further back than it did then.
 */
bool checksum_fill(u8 *frame, u32 length, const struct packet *packet, int shift);

#endif
