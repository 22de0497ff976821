/* SPDX-License-Identifier: ISC */
/*
 * Two boxes with all that sync has but sockets: tables, journal, store, stream, repair and link,
 * under a virtual clock, with a network between them that loses, doubles and reorders.
 *
 * Box 0 is the active, unless a test says otherwise. Included by one test program each.
 */
#ifndef TESTS_UNIT_SYNC_RIG_H
#define TESTS_UNIT_SYNC_RIG_H

#include "sync/journal_young.h"
#include "sync/link.h"
#include "sync/repair.h"
#include "sync/replicate.h"
#include "tests/unit/store_rig.h"

#define MS 1000ull
#define SECOND 1000000ull
#define SYNC_SIZE 1500

struct flight {
	u64 at, order;
	u8 to;
	size_t length;
	u8 *bytes;
};

struct sync_rig;

struct node {
	struct sync_rig *rig;
	u8 number;
	struct box box;
	struct link *link;
	struct replicate *replicate;
	struct repair *repair;
	bool active;
	enum store_peer peer;
	u64 heartbeat_at;
	u8 buffer[SYNC_SIZE];
	u64 bytes_sent, datagrams_sent;
	u32 budget; /* events and slots a turn; 0: until nothing is left */
};

struct sync_rig {
	u64 now, seed, order;
	struct flight *heap; /* a binary heap by time */
	u32 queued, room;
	u32 loss, twice;     /* of 1000 */
	u64 delay, jitter;   /* us */
	bool cut;
	struct node node[2];
	u32 sessions, pins;
};

static inline u32 rig_dice(struct sync_rig *rig, u32 sides)
{
	rig->seed = rig->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)((rig->seed >> 33) % sides);
}

/* --- the network ------------------------------------------------------------------------------ */

static inline bool flight_before(const struct flight *a, const struct flight *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static inline void flight_swap(struct flight *a, struct flight *b)
{
	struct flight c = *a;

	*a = *b;
	*b = c;
}

static inline void net_put(struct sync_rig *rig, u8 to, const u8 *bytes, size_t length)
{
	struct flight f = {.at = rig->now + rig->delay + rig_dice(rig, (u32)rig->jitter + 1),
			   .order = rig->order++, .to = to, .length = length};
	u32 i = rig->queued++;

	f.bytes = malloc(length);
	assert_non_null(f.bytes);
	memcpy(f.bytes, bytes, length);
	if (rig->queued > rig->room) {
		rig->room = 2 * rig->queued;
		rig->heap = realloc(rig->heap, rig->room * sizeof(*rig->heap));
		assert_non_null(rig->heap);
	}
	rig->heap[i] = f;
	for (; i && flight_before(&rig->heap[i], &rig->heap[(i - 1) / 2]); i = (i - 1) / 2)
		flight_swap(&rig->heap[i], &rig->heap[(i - 1) / 2]);
}

static inline struct flight net_take(struct sync_rig *rig)
{
	struct flight top = rig->heap[0];
	u32 i = 0, child;

	rig->heap[0] = rig->heap[--rig->queued];
	while ((child = 2 * i + 1) < rig->queued) {
		if (child + 1 < rig->queued &&
		    flight_before(&rig->heap[child + 1], &rig->heap[child]))
			child++;
		if (flight_before(&rig->heap[i], &rig->heap[child]))
			break;
		flight_swap(&rig->heap[i], &rig->heap[child]);
		i = child;
	}
	return top;
}

/* --- a node ----------------------------------------------------------------------------------- */

static inline u8 *node_room(void *user, u8 path, size_t size)
{
	struct node *n = user;

	assert_true(!path && size <= sizeof(n->buffer));
	return n->buffer;
}

static inline void node_send(void *user, u8 path, u8 *datagram, size_t length)
{
	struct node *n = user;
	struct sync_rig *rig = n->rig;

	(void)path;
	n->bytes_sent += length;
	n->datagrams_sent++;
	if (rig->cut || rig_dice(rig, 1000) < rig->loss)
		return;
	net_put(rig, !n->number, datagram, length);
	if (rig_dice(rig, 1000) < rig->twice)
		net_put(rig, !n->number, datagram, length);
}

static inline u32 node_ms(const struct node *n)
{
	return (u32)(n->rig->now / MS) + 1000u * n->number; /* each has a clock of its own */
}

static inline void node_item(void *user, const struct link_item *item)
{
	struct node *n = user;

	if (!replicate_item(n->replicate, item, node_ms(n)))
		(void)repair_item(n->repair, item, n->rig->now);
}

static inline void node_again(void *user, u64 number, const u32 *words, u32 count)
{
	struct node *n = user;

	(void)number;
	replicate_again(n->replicate, words, count);
}

static inline void node_reset(void *user)
{
	struct node *n = user;

	replicate_reset(n->replicate);
	repair_reset(n->repair);
}

static inline void node_up(void *user, bool up)
{
	(void)user;
	(void)up;
}

static inline void node_changed(void *user, const struct journal_change *change)
{
	struct node *n = user;

	replicate_changed(n->replicate, change);
}

static inline u32 node_devices(void *user, struct record_device *out, u32 count, u64 *epoch)
{
	struct node *n = user;

	assert_true(count > RIG_DEVICES);
	*epoch = 1;
	for (u8 d = 1; d <= RIG_DEVICES; d++)
		out[d - 1] = (struct record_device){.name = n->box.own.devices[d].name_hash,
						    .place = d};
	return RIG_DEVICES;
}

static inline void node_open_sync(struct node *n)
{
	static const u8 secret[] = "what both boxes know";
	struct link_setup link = {
		.secret = secret, .secret_length = sizeof(secret), .self = n->number + 1u,
		.peer = 2u - n->number, .paths = 1, .interval_us = 20 * MS, .count = 3,
		.ops = {node_room, node_send, node_item, node_again, node_reset, node_up, n}};
	struct replicate_setup replicate = {
		.tables = &n->box.own, .journal = n->box.journal, .store = n->box.store,
		.link_number = 1, .peer = n->peer, .entries = true, .refresh_ms = 30000,
		.ops = {node_changed, node_devices, NULL, n}};
	struct repair_setup repair = {
		.tables = &n->box.own, .journal = n->box.journal, .store = n->box.store,
		.link_number = 1, .peer = n->peer, .key = 77};

	assert_int_equal(replicate_new(&n->replicate, &replicate), 0);
	repair.replicate = n->replicate;
	assert_int_equal(repair_new(&n->repair, &repair), 0);
	assert_int_equal(link_new(&n->link, &link, n->rig->now), 0);
	replicate_attach(n->replicate, n->link);
	repair_attach(n->repair, n->link);
	replicate_send_changes(n->replicate, n->active);
	n->heartbeat_at = n->rig->now;
}

static inline void node_close_sync(struct node *n)
{
	repair_free(n->repair);
	replicate_free(n->replicate);
	link_free(n->link);
}

static inline void node_journal(struct node *n)
{
	journal_clock(n->box.journal, node_ms(n));
	if (n->budget) {
		journal_turn(n->box.journal, n->budget, node_changed, n);
		return;
	}
	while (journal_turn(n->box.journal, 4096, node_changed, n))
		;
}

static inline void node_run(struct node *n)
{
	u64 now = n->rig->now;

	if (now >= n->heartbeat_at) {
		link_heartbeat(n->link, n->buffer, 0, now);
		n->heartbeat_at = now + 20 * MS;
	}
	node_journal(n);
	link_tick(n->link, now);
	replicate_turn(n->replicate, now, node_ms(n));
	repair_turn(n->repair, now);
}

/* --- both ------------------------------------------------------------------------------------- */

static inline void rig_open(struct sync_rig *rig, u64 seed, u32 sessions, u32 pins)
{
	memset(rig, 0, sizeof(*rig));
	rig->now = 100 * SECOND;
	rig->seed = seed;
	rig->delay = 100;
	rig->sessions = sessions;
	rig->pins = pins;
	for (u8 i = 0; i < 2; i++) {
		struct node *n = &rig->node[i];

		n->rig = rig;
		n->number = i;
		n->active = !i;
		box_open(&n->box, sessions, pins);
		node_open_sync(n);
	}
}

static inline void rig_close(struct sync_rig *rig)
{
	for (int i = 0; i < 2; i++) {
		node_close_sync(&rig->node[i]);
		box_close(&rig->node[i].box);
	}
	while (rig->queued)
		free(net_take(rig).bytes);
	free(rig->heap);
}

/* Steps of STEP us: what is due is delivered, then both take their turn. */
static inline void rig_run(struct sync_rig *rig, u64 us, u64 step)
{
	for (u64 end = rig->now + us; rig->now < end;) {
		rig->now += step;
		while (rig->queued && rig->heap[0].at <= rig->now) {
			struct flight f = net_take(rig);

			link_input(rig->node[f.to].link, 0, f.bytes, f.length, rig->now);
			free(f.bytes);
		}
		node_run(&rig->node[0]);
		node_run(&rig->node[1]);
	}
}

/* It starts again, with or without its tables. */
static inline void node_restart(struct node *n, bool memory)
{
	struct box old = n->box;

	node_close_sync(n);
	if (memory) {
		node_open_sync(n);
		return;
	}
	box_close(&old);
	box_open(&n->box, n->rig->sessions, n->rig->pins);
	node_open_sync(n);
}

/* As a daemon that is started on the tables which the one before has left. */
static inline void node_adopt(struct node *n)
{
	node_close_sync(n);
	store_free(n->box.store);
	journal_free(n->box.journal);
	box_follow(&n->box);
	node_open_sync(n);
}

/* What both must agree on, entry by entry, whatever slot it is in. */
static inline u32 node_missing(struct node *a, struct node *b, enum table_kind kind)
{
	u32 wrong = 0;

	for (u32 i = 0; i <= a->box.own.mask[kind]; i++) {
		struct slot *s = &a->box.own.slots[kind][i], *t;

		if (!slot_is_live(s->version))
			continue;
		t = box_find(&b->box, kind, &s->key);
		wrong += !t || t->device != s->device ||
			 (kind == TABLE_SESSIONS && (t->state ^ s->state) & 7);
	}
	return wrong;
}

static inline u32 rig_differences(struct sync_rig *rig)
{
	u32 wrong = 0;

	for (enum table_kind kind = 0; kind < 2; kind++)
		wrong += node_missing(&rig->node[0], &rig->node[1], kind) +
			 node_missing(&rig->node[1], &rig->node[0], kind);
	return wrong;
}

#endif
