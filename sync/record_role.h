/* SPDX-License-Identifier: ISC */
/*
 * Devices, heartbeats and the handing over of a role, as they go over the wire (PROTOCOL.md 4, 6).
 *
 * Pure. Puts return false, and write nothing, without room; gets return false at the end of the
 * item and where a record can't be (the reader is `bad` then).
 */
#ifndef SYNC_RECORD_ROLE_H
#define SYNC_RECORD_ROLE_H

#include "sync/record.h"
#include "sync/role.h"

/* DEVICES: 8 epoch (fingerprint of the sender's device table; record_put()), then these. */
#define RECORD_DEVICE_FIT 1   /* as in sync/PATH.md */
#define RECORD_DEVICE_SWEPT 2
#define RECORD_DEVICE_UP 4
#define RECORD_DEVICE_ADMINS 4 /* operator's words: enabled, draining, disabled, flushed */

/* 15 bytes. The list may go over several items and datagrams. */
struct record_device {
	u64 name;  /* its hash; never 0 */
	u8 place;  /* what session and pin records call it from now on; never 0 */
	u8 flags;  /* RECORD_DEVICE_... */
	u8 admin;  /* the operator's word */
	u32 admin_version; /* of the word: the higher holds */
};

bool record_put_device(struct record_writer *w, const struct record_device *device);
bool record_get_device(struct record_reader *r, struct record_device *out);

/* HEARTBEAT. Votes beyond ROLE_VOTES are not read. */
bool record_put_heartbeat(struct record_writer *w, const struct role_heartbeat *hb);
bool record_get_heartbeat(struct record_reader *r, struct role_heartbeat *out);

/* HANDOVER: 4 term that the receiver is to take over with (record_put(), record_get()). */

#endif
