/* SPDX-License-Identifier: ISC */
/*
 * Tombstones: the deletions that something older may still come for.
 *
 * An id, and the sequence of the datagram that deleted it. They are forgotten in the order they
 * came as the link's watermark passes them, so there are as many as deletions are on their way.
 *
 * Thread: any, one at a time. Pure.
 */
#ifndef SYNC_TOMBS_H
#define SYNC_TOMBS_H

#include "sandwich/core/types.h"

struct tombs;

int tombs_new(struct tombs **out) __attribute__((warn_unused_result)); /* 0 or -ENOMEM */
void tombs_free(struct tombs *t);

/* Remembers that ID was deleted by SEQUENCE (not 0). 0 or -ENOMEM: it is not remembered. */
int tombs_put(struct tombs *t, u64 id, u64 sequence) __attribute__((warn_unused_result));

/* By which sequence ID was deleted; 0: not known of. */
u64 tombs_find(const struct tombs *t, u64 id);

/* Forgets those up to SEQUENCE. */
void tombs_pass(struct tombs *t, u64 sequence);

u32 tombs_count(const struct tombs *t);

#endif
