/* SPDX-License-Identifier: ISC */
/*
 * Two boxes, the link between them, and a network that loses, doubles, delays and reorders, under
 * a virtual clock. What each box has to say is a table of registers; the other keeps a copy.
 */
#ifndef SANDWICH_TESTS_LINK_RIG_H
#define SANDWICH_TESTS_LINK_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sync/link.h"
#include "sync/seal.h"

#define MS 1000ull
#define SECOND (1000 * MS)
#define REGISTERS 2000
#define RIG_PATHS 2
#define RIG_QUEUE 65536
#define RIG_SIZE 1500

struct net_datagram {
	u64 at, order; /* of two at the same time the first goes first */
	u8 path, to;
	size_t length;
	u8 bytes[RIG_SIZE];
};

/* A path in one direction. */
struct net_way {
	u32 loss, twice, late; /* of 1000 */
	u64 delay, jitter;     /* us */
	bool cut;
	u64 pace, queue; /* us a datagram, 0: none; us that it holds at most */
	u64 free_at;
	u64 dropped, doubled;
};

struct rig;

struct rig_box {
	struct rig *rig;
	u8 id;
	struct link *link;
	u32 mine[REGISTERS];	/* what it has to say */
	u32 theirs[REGISTERS];	/* what it was told */
	u64 version[REGISTERS]; /* number of the datagram that told it */
	bool dirty[REGISTERS];
	u32 queue[REGISTERS];
	u32 put, taken;
	u64 heartbeat_at, tick_at;
	u32 resets, ups, downs, heartbeats, again, stale, applied;
	u64 handover; /* number of the last HANDOVER that came */
	u8 buffer[RIG_SIZE];
};

struct rig {
	u64 now;
	u64 seed, order;
	struct net_datagram *heap[RIG_QUEUE];
	u32 queued;
	struct net_way way[2][RIG_PATHS]; /* by sender */
	struct rig_box box[2];
	u32 datagram; /* bytes */
};

static const u8 rig_secret[] = "what both boxes know";

static inline u32 rig_random(struct rig *rig, u32 below)
{
	rig->seed = rig->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)((rig->seed >> 33) % below);
}

static inline bool net_before(const struct net_datagram *a, const struct net_datagram *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static inline void heap_swap(struct rig *rig, u32 i, u32 k)
{
	struct net_datagram *d = rig->heap[i];

	rig->heap[i] = rig->heap[k];
	rig->heap[k] = d;
}

static inline void heap_put(struct rig *rig, struct net_datagram *d)
{
	u32 i = rig->queued++;

	assert_true(rig->queued < RIG_QUEUE);
	rig->heap[i] = d;
	while (i && net_before(rig->heap[i], rig->heap[(i - 1) / 2])) {
		heap_swap(rig, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

static inline struct net_datagram *heap_take(struct rig *rig)
{
	struct net_datagram *top = rig->heap[0];
	u32 i = 0, child;

	rig->heap[0] = rig->heap[--rig->queued];
	while ((child = 2 * i + 1) < rig->queued) {
		if (child + 1 < rig->queued && net_before(rig->heap[child + 1], rig->heap[child]))
			child++;
		if (net_before(rig->heap[i], rig->heap[child]))
			break;
		heap_swap(rig, i, child);
		i = child;
	}
	return top;
}

/* Whether a way of some bandwidth takes one more; *WAIT: when it has left. */
static inline bool net_paced(struct rig *rig, struct net_way *way, u64 *wait)
{
	u64 from = way->free_at > rig->now ? way->free_at : rig->now;

	*wait = 0;
	if (!way->pace)
		return true;
	if (from - rig->now > way->queue)
		return false;
	way->free_at = from + way->pace;
	*wait = way->free_at - rig->now;
	return true;
}

static inline void net_put(struct rig *rig, u8 from, u8 path, const u8 *bytes, size_t length,
			   u64 wait)
{
	struct net_way *way = &rig->way[from][path];
	struct net_datagram *d = malloc(sizeof(*d));

	assert_non_null(d);
	assert_true(length <= sizeof(d->bytes));
	d->at = rig->now + wait + way->delay;
	if (way->jitter)
		d->at += rig_random(rig, (u32)way->jitter);
	if (way->late && rig_random(rig, 1000) < way->late)
		d->at += 10 * way->delay;
	d->order = rig->order++;
	d->path = path;
	d->to = !from;
	d->length = length;
	memcpy(d->bytes, bytes, length);
	heap_put(rig, d);
}

static inline u8 *rig_room(void *user, u8 path, size_t size)
{
	struct rig_box *b = user;

	assert_true(path < RIG_PATHS && size <= sizeof(b->buffer));
	return b->buffer;
}

static inline void rig_send(void *user, u8 path, u8 *datagram, size_t length)
{
	struct rig_box *b = user;
	struct net_way *way = &b->rig->way[b->id][path];

	u64 wait = 0;

	assert_ptr_equal(datagram, b->buffer);
	assert_true(length <= b->rig->datagram);
	if (way->cut || (way->loss && rig_random(b->rig, 1000) < way->loss) ||
	    !net_paced(b->rig, way, &wait)) {
		way->dropped++;
		return;
	}
	net_put(b->rig, b->id, path, datagram, length, wait);
	if (way->twice && rig_random(b->rig, 1000) < way->twice) {
		way->doubled++;
		net_put(b->rig, b->id, path, datagram, length, wait);
	}
}

static inline void rig_dirty(struct rig_box *b, u32 index)
{
	if (b->dirty[index])
		return;
	b->dirty[index] = true;
	b->queue[b->put++ % REGISTERS] = index;
}

static inline void rig_apply(struct rig_box *b, u32 index, u32 value, u64 number)
{
	assert_true(index < REGISTERS);
	if (b->version[index] >= number) {
		b->stale++;
		return;
	}
	b->version[index] = number;
	b->theirs[index] = value;
	b->applied++;
}

static inline void rig_item(void *user, const struct link_item *item)
{
	struct record_reader r = item->content;
	struct rig_box *b = user;

	b->heartbeats += item->kind == RECORD_HEARTBEAT;
	if (item->kind == RECORD_HANDOVER)
		b->handover = item->number;
	while (item->kind == RECORD_SESSIONS && record_left(&r)) {
		u32 index = (u32)record_get(&r, 4), value = (u32)record_get(&r, 4);

		assert_false(r.bad);
		assert_true(item->number);
		rig_apply(b, index, value, item->number);
	}
}

static inline void rig_again(void *user, u64 number, const u32 *words, u32 count)
{
	struct rig_box *b = user;

	assert_true(number);
	b->again++;
	for (u32 i = 0; i < count; i++)
		rig_dirty(b, words[i]);
}

static inline void rig_reset(void *user)
{
	struct rig_box *b = user;

	b->resets++;
	b->handover = 0;
	memset(b->version, 0, sizeof(b->version));
	for (u32 i = 0; i < REGISTERS; i++)
		rig_dirty(b, i);
}

static inline void rig_up(void *user, bool up)
{
	struct rig_box *b = user;

	b->ups += up;
	b->downs += !up;
}

static inline void box_open(struct rig_box *b)
{
	struct link_setup setup = {
		.secret = rig_secret,
		.secret_length = sizeof(rig_secret),
		.self = b->id + 1u,
		.peer = 2u - b->id,
		.paths = RIG_PATHS,
		.interval_us = 20 * MS,
		.count = 3,
		.datagram = b->rig->datagram,
		.ops = { rig_room, rig_send, rig_item, rig_again, rig_reset, rig_up, b },
	};

	assert_int_equal(link_new(&b->link, &setup, b->rig->now), 0);
	b->tick_at = b->heartbeat_at = b->rig->now;
}

/* It starts again: MEMORY says whether it still has what it has to say. */
static inline void box_restart(struct rig_box *b, bool memory)
{
	link_free(b->link);
	memset(b->theirs, 0, sizeof(b->theirs));
	memset(b->version, 0, sizeof(b->version));
	if (!memory)
		memset(b->mine, 0, sizeof(b->mine));
	memset(b->dirty, 0, sizeof(b->dirty));
	b->put = b->taken = 0;
	b->handover = 0;
	box_open(b);
}

static inline void box_set(struct rig_box *b, u32 index, u32 value)
{
	b->mine[index] = value;
	rig_dirty(b, index);
}

/* One datagram of what is dirty; false: nothing could be said. */
static inline bool box_tell(struct rig_box *b)
{
	u32 words[LINK_WORDS], count = 0;
	struct record_writer w;
	u8 *item;

	if (b->put == b->taken || !link_begin(b->link, true, &w, b->rig->now))
		return false;
	item = record_open(&w, RECORD_SESSIONS, 0);
	while (b->taken != b->put && count < LINK_WORDS && record_room(&w) >= 8) {
		u32 index = b->queue[b->taken++ % REGISTERS];

		b->dirty[index] = false;
		record_put(&w, index, 4);
		record_put(&w, b->mine[index], 4);
		words[count++] = index;
	}
	record_close(&w, item);
	assert_true(link_end(b->link, &w, words, count, b->put != b->taken));
	return true;
}

static inline u64 box_hand_over(struct rig_box *b)
{
	struct record_writer w;
	u8 *item;

	if (!link_begin(b->link, true, &w, b->rig->now))
		return 0;
	item = record_open(&w, RECORD_HANDOVER, 0);
	record_put(&w, 7, 4);
	record_close(&w, item);
	return link_end(b->link, &w, NULL, 0, false);
}

static inline void box_run(struct rig_box *b)
{
	static const u8 heartbeat[] = { RECORD_HEARTBEAT, 0, 0, 2, 'h', 'b' };
	u64 now = b->rig->now;

	if (now >= b->heartbeat_at) {
		link_heartbeat(b->link, heartbeat, sizeof(heartbeat), now);
		b->heartbeat_at = now + 20 * MS;
	}
	if (now >= b->tick_at)
		b->tick_at = link_tick(b->link, now);
	while (box_tell(b))
		;
}

static inline void rig_deliver(struct rig *rig)
{
	struct net_datagram *d = heap_take(rig);
	struct rig_box *b = &rig->box[d->to];

	link_input(b->link, d->path, d->bytes, d->length, rig->now);
	b->tick_at = rig->now;
	free(d);
}

static inline u64 rig_next(const struct rig *rig, u64 end)
{
	u64 next = rig->queued && rig->heap[0]->at < end ? rig->heap[0]->at : end;

	for (int i = 0; i < 2; i++) {
		next = rig->box[i].tick_at < next ? rig->box[i].tick_at : next;
		next = rig->box[i].heartbeat_at < next ? rig->box[i].heartbeat_at : next;
	}
	return next > rig->now ? next : rig->now;
}

static inline void rig_run(struct rig *rig, u64 us)
{
	u64 end = rig->now + us;

	do {
		box_run(&rig->box[0]);
		box_run(&rig->box[1]);
		rig->now = rig_next(rig, end);
		while (rig->queued && rig->heap[0]->at <= rig->now)
			rig_deliver(rig);
	} while (rig->now < end);
	box_run(&rig->box[0]);
	box_run(&rig->box[1]);
}

static inline struct rig *rig_new(u64 seed)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig->now = SECOND;
	rig->seed = seed;
	rig->datagram = LINK_DATAGRAM;
	for (u8 i = 0; i < 2; i++) {
		for (int path = 0; path < RIG_PATHS; path++)
			rig->way[i][path] = (struct net_way){ .delay = 100 };
		rig->box[i].rig = rig;
		rig->box[i].id = i;
	}
	return rig;
}

static inline struct rig *rig_start(u64 seed)
{
	struct rig *rig = rig_new(seed);

	box_open(&rig->box[0]);
	box_open(&rig->box[1]);
	return rig;
}

static inline void rig_free(struct rig *rig)
{
	while (rig->queued)
		free(heap_take(rig));
	link_free(rig->box[0].link);
	link_free(rig->box[1].link);
	free(rig);
}

static inline struct link_view box_view(const struct rig_box *b)
{
	struct link_view view;

	link_view(b->link, &view, b->rig->now);
	return view;
}

/* What each has to say is what the other was told. */
static inline bool rig_equal(const struct rig *rig)
{
	return !memcmp(rig->box[0].mine, rig->box[1].theirs, sizeof(rig->box[0].mine)) &&
	       !memcmp(rig->box[1].mine, rig->box[0].theirs, sizeof(rig->box[1].mine));
}

#endif
