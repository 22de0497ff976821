/* SPDX-License-Identifier: ISC */
/*
 * The way up: frames from the data thread to the main thread, in order, in a fixed ring.
 *
 * All memory is taken at start. The file descriptor becomes readable when the writer has said so,
 * once a batch. Thread: one writer, one reader; each function says whose it is.
 */
#ifndef SANDWICH_SLOWPATH_SLOW_QUEUE_H
#define SANDWICH_SLOWPATH_SLOW_QUEUE_H

#include "sandwich/slowpath/pump.h"

struct slow_queue;

/* SLOTS: a power of two. 0 or -errno. */
int slow_queue_new(struct slow_queue **out, u32 slots) __attribute__((warn_unused_result));
void slow_queue_free(struct slow_queue *q);

/* Writer: copies the frame (at most PORT_FRAME_MAX bytes of it). False: the ring is full. */
bool slow_queue_push(struct slow_queue *q, const struct work *work, const u8 *data, u32 length);

/* Writer: tells the reader, if there is anything new to tell. */
void slow_queue_wake(struct slow_queue *q);

/* Either side: tells the reader, whether or not. */
void slow_queue_signal(struct slow_queue *q);

/* Reader: to poll for input; slow_queue_hear() makes it unreadable again. */
int slow_queue_fd(const struct slow_queue *q);
void slow_queue_hear(struct slow_queue *q);

/* Reader: the oldest frame, or NULL; it stays until it is popped. */
const struct slow_frame *slow_queue_peek(struct slow_queue *q);
void slow_queue_pop(struct slow_queue *q);

#endif
