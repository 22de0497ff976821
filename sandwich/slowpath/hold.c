// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/hold.h"

#include <string.h>

bool hold_return(struct hold *hold, GQueue *list, struct held *held)
{
	if (hold->frames >= hold->frames_max || list->length >= hold->list_max)
		return false;
	g_queue_push_tail(list, held);
	hold->frames++;
	return true;
}

bool hold_put(struct hold *hold, GQueue *list, const struct slow_frame *frame, u32 now)
{
	struct held *held;

	if (hold->frames >= hold->frames_max || list->length >= hold->list_max)
		return false;
	held = g_malloc(sizeof(*held) + frame->length);
	held->since = now;
	held->frame = *frame;
	held->frame.data = held->data;
	held->frame.work.held = true;
	memcpy(held->data, frame->data, frame->length);
	return hold_return(hold, list, held);
}

struct held *hold_take(struct hold *hold, GQueue *list)
{
	struct held *held = g_queue_pop_head(list);

	if (held)
		hold->frames--;
	return held;
}

struct held *hold_take_expired(struct hold *hold, GQueue *list, u32 now)
{
	const struct held *first = g_queue_peek_head(list);

	if (!first || core_elapsed(now, first->since) < HOLD_MS)
		return NULL;
	return hold_take(hold, list);
}
