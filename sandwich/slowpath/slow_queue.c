// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/slow_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct slow_entry {
	struct slow_frame frame;
	u8 data[PORT_FRAME_MAX];
};

/* Each side writes a cache line of its own. */
struct slow_queue {
	u32 mask;
	int fd;
	struct slow_entry *entries;
	u32 written __attribute__((aligned(64)));
	u32 told; /* `written` when the reader was last told */
	u32 read __attribute__((aligned(64)));
};

int slow_queue_new(struct slow_queue **out, u32 slots)
{
	struct slow_queue *q = aligned_alloc(64, sizeof(*q));
	int err = -ENOMEM;

	if (!q)
		return -ENOMEM;
	memset(q, 0, sizeof(*q));
	q->mask = slots - 1;
	q->fd = -1;
	q->entries = calloc(slots, sizeof(*q->entries));
	if (!q->entries)
		goto out;
	q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->fd < 0) {
		err = -errno;
		goto out;
	}
	*out = q;
	return 0;
out:
	slow_queue_free(q);
	return err;
}

void slow_queue_free(struct slow_queue *q)
{
	if (!q)
		return;
	if (q->fd >= 0)
		close(q->fd);
	free(q->entries);
	free(q);
}

bool slow_queue_push(struct slow_queue *q, const struct work *work, const u8 *data, u32 length)
{
	struct slow_entry *e = &q->entries[q->written & q->mask];

	if (q->written - core_load(&q->read) > q->mask)
		return false;
	e->frame.work = *work;
	e->frame.length = length < PORT_FRAME_MAX ? length : PORT_FRAME_MAX;
	e->frame.data = e->data;
	memcpy(e->data, data, e->frame.length);
	core_publish(&q->written, q->written + 1);
	return true;
}

void slow_queue_signal(struct slow_queue *q)
{
	u64 one = 1;
	ssize_t n = write(q->fd, &one, sizeof(one));

	(void)n; /* fails only when 2^64 - 2 calls went unheard: then it is readable anyway */
}

void slow_queue_wake(struct slow_queue *q)
{
	if (q->told == q->written)
		return;
	q->told = q->written;
	slow_queue_signal(q);
}

int slow_queue_fd(const struct slow_queue *q)
{
	return q->fd;
}

void slow_queue_hear(struct slow_queue *q)
{
	u64 count;
	ssize_t n = read(q->fd, &count, sizeof(count));

	(void)n; /* nothing there is as good */
}

const struct slow_frame *slow_queue_peek(struct slow_queue *q)
{
	if (q->read == core_load(&q->written))
		return NULL;
	return &q->entries[q->read & q->mask].frame;
}

void slow_queue_pop(struct slow_queue *q)
{
	core_publish(&q->read, q->read + 1);
}
