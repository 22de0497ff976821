/* SPDX-License-Identifier: ISC */
/*
 * The heartbeat message: bytes to struct and back. sync/PATH.md is its specification.
 *
 * Pure, no ownership. Thread: any.
 */
#ifndef SANDWICH_HEALTH_MESSAGE_H
#define SANDWICH_HEALTH_MESSAGE_H

#include "sandwich/health/health.h"

#define MESSAGE_HEAD 52	   /* bytes before the records */
#define MESSAGE_RECORD 16  /* bytes of a record */
#define MESSAGE_RECORDS 64 /* records in a message at most, so that it fits any MTU of 1280 */
#define MESSAGE_MAX (MESSAGE_HEAD + MESSAGE_RECORD * MESSAGE_RECORDS)

enum message_type { MESSAGE_ASK = 1, MESSAGE_ANSWER, MESSAGE_TELL };

struct message {
	enum message_type type;
	enum config_side_id side; /* the sender's */
	u64 challenge;	/* the sender's, new at every start */
	u64 echo;	/* the receiver's challenge as the sender last heard it; 0: not yet */
	u64 epoch;	/* fingerprint of the sender's device table */
	u64 device;	/* name_hash of the device it is sent through */
	u64 asked;	/* the asking side's clock, µs: in an ask, and back in its answer */
	unsigned int records;
	struct health_record record[MESSAGE_RECORDS];
};

/* Writes M to OUT (MESSAGE_MAX bytes). How many bytes it became. */
size_t message_encode(const struct message *m, u8 *out);

/* Reads exactly LENGTH bytes, any of them. 0, or -EBADMSG. */
int message_decode(struct message *m, const u8 *data, size_t length)
	__attribute__((warn_unused_result));

#endif
