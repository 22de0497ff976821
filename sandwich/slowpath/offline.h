/* SPDX-License-Identifier: ISC */
/*
 * Reading captures: pcap and pcapng, any link type, as Ethernet frames.
 *
 * pcap goes through libpcap. pcapng is read here, since libpcap refuses files whose interfaces
 * differ in their link type and does not say which interface a packet came by. Link layers other
 * than Ethernet (cooked, raw IP, loopback) get an Ethernet header made up; what can't be read is
 * given as such, never skipped in silence.
 *
 * Ownership: a frame's bytes are valid until the next call. Thread: any, one at a time.
 */
#ifndef SANDWICH_SLOWPATH_OFFLINE_H
#define SANDWICH_SLOWPATH_OFFLINE_H

#include "sandwich/core/types.h"

struct offline;

struct offline_frame {
	u64 time;              /* µs since 1970 */
	const u8 *data;        /* an Ethernet frame; NULL: its link type can't be read */
	u32 captured;          /* bytes at `data` */
	u32 length;            /* on the wire, with the Ethernet header that was made up */
	const char *interface; /* its name, or NULL */
	int link_type;         /* as the file says (tcpdump.org's LINKTYPE_...) */
	bool has_macs;         /* the source MAC is the sender's, not made up */
};

/* Opens PATH. 0, or -errno and *WHY (g_free() it). */
int offline_open(struct offline **out, const char *path, char **why)
	__attribute__((warn_unused_result));

/* The same from SIZE bytes (any, kept until offline_close()), for tests and fuzzing. pcapng only.
 */
int offline_open_bytes(struct offline **out, const u8 *bytes, size_t size, char **why)
	__attribute__((warn_unused_result));

/* 1 and *FRAME; 0 at the end; -EBADMSG where the file is damaged (offline_damage() says how), which
 * is an end too. */
int offline_next(struct offline *o, struct offline_frame *frame)
	__attribute__((warn_unused_result));
const char *offline_damage(const struct offline *o);

void offline_close(struct offline *o);

#endif
