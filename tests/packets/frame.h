/* SPDX-License-Identifier: ISC */
/*
 * Frames from words: what tests and fixtures write instead of hex.
 *
 *   eth [dst=MAC] [src=MAC]          first, if at all; zero MACs otherwise
 *   vlan=N  qinq=N                   a tag, outer first
 *   v4 A>B [ihl=WORDS] [id=N] [off=UNITS] [mf] [df] [len=N] [proto=N] [version=N]
 *   v6 A>B [len=N] [next=N] [version=N]
 *   hop  dstopt  route  mobility  [size=UNITS]   IPv6 extension headers; size in 8 bytes beyond the
 * first frag [id=N] [off=UNITS] [mf] tcp S>D [flags=SAFRPU]   udp S>D   udplite S>D   sctp S>D dccp
 * S>D icmp type=N [code=N] [id=N]      icmp6 the same; layers that follow are what it quotes esp ah
 * gre  ipip               eight bytes each arp  type=N                      another EtherType pay=N
 * payload pad=N                            bytes behind what the IP length says cut=N the frame
 * ends after N bytes hex=...                          bytes as they are
 *
 * Lengths and protocol numbers are filled in unless given. No checksums: the engine reads none.
 */
#ifndef TESTS_PACKETS_FRAME_H
#define TESTS_PACKETS_FRAME_H

#include "sandwich/core/types.h"

#define FRAME_MAX 9400

struct frame {
	u32 length;
	u8 bytes[FRAME_MAX];
};

/* Builds what TEXT says. 0, or -EINVAL with the word that is wrong in WHY (128 bytes). */
int frame_build(struct frame *out, const char *text, char *why) __attribute__((warn_unused_result));

/* As frame_build, for texts that are known to be right; aborts otherwise. */
void frame_make(struct frame *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

int frame_address(const char *text, struct address *out) __attribute__((warn_unused_result));
int frame_mac(const char *text, struct mac *out) __attribute__((warn_unused_result));

#endif
