/* SPDX-License-Identifier: ISC */
/*
 * What goes: datagrams of the caller's items, with what the link has to say in front, and the
 * link's own when there is nobody to ride with.
 */
#include <string.h>

#include "sync/link_state.h"

static struct record_ack link_ack(const struct link *l)
{
	return (struct record_ack){ .settled = l->in.gaps.settled,
				    .credit = l->in.gaps.settled + l->setup.credit };
}

/* Room in PATH's batch, with the head written; the number in it is put in by link_close(). */
static bool link_start(struct link *l, u8 path, struct record_writer *w)
{
	const bool probe = link_is_probe(l, path);
	struct record_head head = { .version = RECORD_VERSION, .path = path, .term = l->term,
				    .flags = probe ? RECORD_HEAD_PROBE : 0,
				    .echo = l->peer.challenge };
	u8 *datagram = l->setup.ops.room(l->setup.ops.user, path, l->setup.datagram);

	if (!datagram)
		return false;
	l->open = (struct link_open){ .datagram = datagram, .path = path, .probe = probe };
	*w = (struct record_writer){ .at = datagram + SEAL_HEADER,
				     .end = datagram + l->setup.datagram - SEAL_TAG };
	record_put_head(w, &head);
	return true;
}

/* In front: what the peer waits for. */
static void link_put_control(struct link *l, struct record_writer *w, bool ack)
{
	struct record_ack what = link_ack(l);

	if (l->in.known && ack)
		l->open.acks = record_put_ack(w, &what);
	l->open.givens = record_put_ranges(w, RECORD_GIVEN_UP, l->out.after, l->out.given,
					   l->out.givens);
	l->open.content = w->at;
}

static void link_controlled(struct link *l)
{
	struct link_memory *m = &l->out;

	if (l->open.acks) {
		l->in.ack_at = 0;
		l->in.unacked = 0;
	}
	m->givens -= l->open.givens;
	memmove(m->given, m->given + l->open.givens, m->givens * sizeof(m->given[0]));
	if (!m->givens)
		m->after = 0;
}

static void link_number(struct link *l, u64 number)
{
	u8 *at = l->open.datagram + SEAL_HEADER + RECORD_HEAD - 8;
	struct record_writer w = { .at = at, .end = at + 8 };

	record_put(&w, number, 8);
}

/* Seals what lies before END, and sends it. */
static void link_close(struct link *l, const u8 *end)
{
	u8 *datagram = l->open.datagram;
	size_t length = (size_t)(end - datagram) - SEAL_HEADER;

	length = seal_close_in_place(l->seal, datagram, length);
	l->counts.sent++;
	l->probes += l->open.probe;
	link_controlled(l);
	l->setup.ops.send(l->setup.ops.user, l->open.path, datagram, length);
	l->open.datagram = NULL;
}

u32 link_room(const struct link *l)
{
	return l->up ? link_memory_room(&l->out) : 0;
}

bool link_begin(struct link *l, bool reliable, struct record_writer *w, u64 now)
{
	l->now = now;
	l->open.datagram = NULL;
	if (!l->up || (reliable && !link_room(l)) || !link_start(l, l->path, w))
		return false;
	l->open.reliable = reliable;
	link_put_control(l, w, l->in.ack_at);
	return true;
}

u64 link_end(struct link *l, const struct record_writer *w, const u32 *words, u32 count, bool pad)
{
	u8 *end = w->at;
	u64 number = 0;

	if (!l->open.datagram || end == l->open.content || count > LINK_WORDS)
		return 0;
	if (pad) {
		memset(end, 0, record_room(w));
		end = w->end;
	}
	if (l->open.reliable) {
		number = link_memory_put(&l->out, words, count);
		link_number(l, number);
		l->counts.sent_reliable++;
	}
	link_close(l, end);
	return number;
}

static void link_put_own(struct link *l, struct record_writer *w)
{
	u64 held = l->now - l->peer.sent_heard;
	struct record_link own = {
		.challenge = l->challenge,
		.sent_us = l->now,
		.echo_us = held <= UINT32_MAX ? l->peer.sent_us : 0,
		.held_us = (u32)held,
		.last = l->out.sent,
		.floor = l->out.floor,
		.suites = (u16)seal_suites(),
		.heard = link_heard_paths(l),
		.probes = l->probes,
	};

	(void)record_put_link(w, &own);
}

void link_heartbeat(struct link *l, const u8 *items, size_t length, u64 now)
{
	struct record_writer w;

	l->now = now;
	for (u8 path = 0; path < l->setup.paths; path++) {
		if (!link_start(l, path, &w))
			continue;
		link_put_own(l, &w);
		link_put_control(l, &w, true);
		if (length && length <= record_room(&w)) {
			memcpy(w.at, items, length);
			w.at += length;
		}
		link_close(l, w.at);
	}
}

/* Gaps that are told now: those that ripened since the last time, or all of them once more. */
static u32 link_put_nack(struct link *l, struct record_writer *w, u64 limit)
{
	struct record_range missing[LINK_RANGES];
	struct link_receive *in = &l->in;
	bool again = l->now >= in->nack_at;
	u64 from = again ? 0 : in->nacked + 1, reached;
	u32 count = gaps_missing(&in->gaps, from, limit, missing, LINK_RANGES, &reached);
	u32 put = record_put_ranges(w, RECORD_NACK, 0, missing, count);

	if (put < count)
		reached = missing[put].first - 1;
	for (u32 i = 0; i < put; i++)
		for (u32 n = 0; n < missing[i].count; n++)
			l->counts.nacked += missing[i].first + n > in->nacked;
	if (reached > in->nacked)
		in->nacked = reached;
	if (again)
		in->nack_at = l->now + (l->rtt_us > LINK_NACK_US ? l->rtt_us : LINK_NACK_US);
	return put;
}

/* The highest number of the peer's that we know of. */
static u64 link_known(const struct link_receive *in)
{
	return in->told > in->gaps.newest ? in->told : in->gaps.newest;
}

/*
 * Paths reorder: a gap is one when later datagrams have passed over it, or time. The time is kept
 * for all that was known at one moment, not for each, so it is LINK_REORDER_US to twice that.
 * When to look again.
 */
static u64 link_ripen(struct link *l)
{
	struct link_receive *in = &l->in;
	u64 known = link_known(in);

	if (in->gaps.settled >= known) {
		in->ripe = in->ripening = known;
		in->since = l->now;
		return LINK_NEVER;
	}
	if (l->now - in->since >= LINK_REORDER_US) {
		in->ripe = in->ripening;
		in->ripening = known;
		in->since = l->now;
	}
	return in->ripe < known ? in->since + LINK_REORDER_US : LINK_NEVER;
}

static u64 link_limit(const struct link_receive *in)
{
	u64 passed = in->gaps.newest > LINK_REORDER ? in->gaps.newest - LINK_REORDER : 0;

	return passed > in->ripe ? passed : in->ripe;
}

static bool link_must_nack(const struct link *l, u64 limit)
{
	return l->in.gaps.settled < limit && (l->in.nacked < limit || l->now >= l->in.nack_at);
}

static bool link_must_ack(const struct link_receive *in, u64 now)
{
	return in->ack_at && (now >= in->ack_at || in->unacked >= LINK_ACK_EVERY);
}

/* One datagram of the link's own. False: it could not go, or had nothing to say. */
static bool link_say(struct link *l, u64 limit)
{
	struct record_writer w;
	u32 nacks = 0;

	if (!link_start(l, l->path, &w))
		return false;
	link_put_control(l, &w, true);
	if (link_must_nack(l, limit))
		nacks = link_put_nack(l, &w, limit);
	if (!nacks && !l->open.givens && !l->open.acks) {
		l->open.datagram = NULL;
		return false;
	}
	link_close(l, w.at);
	return nacks;
}

static u64 earlier(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* Sends what is due without anybody to ride with. When the next will be. */
u64 link_send_due(struct link *l)
{
	struct link_receive *in = &l->in;
	u64 due = LINK_NEVER, limit;

	if (!l->up || !in->known)
		return due;
	due = link_ripen(l);
	limit = link_limit(in);
	while (link_must_nack(l, limit) && link_say(l, limit))
		;
	if (link_must_ack(in, l->now) || l->out.givens)
		(void)link_say(l, limit);
	if (in->gaps.settled < limit)
		due = earlier(due, in->nack_at);
	if (in->ack_at)
		due = earlier(due, in->ack_at);
	/* what had no room in the batch is tried again, though not at once */
	return due > l->now ? due : l->now + 1000;
}
