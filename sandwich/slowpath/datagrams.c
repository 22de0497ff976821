// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/datagrams.h"

#define DATAGRAM_MAX  64   /* fragments of one datagram */
#define DATAGRAMS_MAX 1024 /* and of all together */

/* RFC 791 and RFC 8200 4.5 name a datagram so; the protocol is left out, since only the first one
 * has it all. */
struct datagram {
	struct address src, dst;
	u32 identification, zone;
	GQueue held;
};

static guint datagram_hash(gconstpointer key)
{
	const struct datagram *d = key;
	u64 hash = hash_mix(d->src.word[0] ^ hash_mix(d->src.word[1] ^ d->zone));

	return (guint)hash_mix(hash ^ d->dst.word[0] ^
			       hash_mix(d->dst.word[1] ^ d->identification));
}

static gboolean datagram_same(gconstpointer a, gconstpointer b)
{
	const struct datagram *x = a, *y = b;

	return address_equal(&x->src, &y->src) && address_equal(&x->dst, &y->dst) &&
	       x->identification == y->identification && x->zone == y->zone;
}

static void datagram_key(struct datagram *key, const struct packet *p)
{
	core_zero(key, sizeof(*key));
	key->src = p->src;
	key->dst = p->dst;
	key->identification = p->fragment;
	key->zone = p->zone;
}

void datagrams_init(struct datagrams *d)
{
	core_zero(d, sizeof(*d));
	d->hold.frames_max = DATAGRAMS_MAX;
	d->hold.list_max = DATAGRAM_MAX;
	d->index = g_hash_table_new_full(datagram_hash, datagram_same, g_free, NULL);
}

unsigned int datagrams_fini(struct datagrams *d)
{
	unsigned int waiting = d->hold.frames;
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, d->index);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		struct datagram *datagram = key;

		g_queue_clear_full(&datagram->held, g_free);
	}
	g_hash_table_unref(d->index);
	return waiting;
}

bool datagrams_empty(const struct datagrams *d)
{
	return d->hold.frames == 0;
}

bool datagrams_hold(struct datagrams *d, const struct slow_frame *frame, u32 now)
{
	struct datagram key, *datagram;

	datagram_key(&key, &frame->work.packet);
	datagram = g_hash_table_lookup(d->index, &key);
	if (datagram)
		return hold_put(&d->hold, &datagram->held, frame, now);
	if (d->hold.frames >= d->hold.frames_max)
		return false;
	datagram = g_memdup2(&key, sizeof(key));
	g_queue_init(&datagram->held);
	g_hash_table_add(d->index, datagram);
	return hold_put(&d->hold, &datagram->held, frame, now);
}

void datagrams_take(struct datagrams *d, const struct packet *p, GQueue *out)
{
	struct datagram key, *datagram;
	struct held *held;

	datagram_key(&key, p);
	datagram = g_hash_table_lookup(d->index, &key);
	if (!datagram)
		return;
	while ((held = hold_take(&d->hold, &datagram->held)))
		g_queue_push_tail(out, held);
	g_hash_table_remove(d->index, datagram);
}

void datagrams_take_expired(struct datagrams *d, u32 now, GQueue *out)
{
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, d->index);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		struct datagram *datagram = key;
		struct held *held;

		while ((held = hold_take_expired(&d->hold, &datagram->held, now)))
			g_queue_push_tail(out, held);
		if (!datagram->held.length)
			g_hash_table_iter_remove(&iter);
	}
}
