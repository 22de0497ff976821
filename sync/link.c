/* SPDX-License-Identifier: ISC */
/*
 * What comes over a link, and when it is to be called next.
 *
 * A peer is taken for new when an authentic datagram has an incarnation that is newer than all
 * before; everything else that it says is believed only if it echoes our challenge, since the
 * replay window does not outlive a restart of ours.
 */
#include "sync/link.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "sync/link_state.h"

static void link_refuse(struct link *l, enum link_refusal why)
{
	l->counts.refused[why]++;
}

static bool link_sound(const struct link_setup *s)
{
	return s->paths && s->paths <= LINK_PATHS && s->interval_us && s->count &&
	       s->datagram >= 512 && s->datagram <= 65507 && s->credit &&
	       s->credit <= LINK_CREDIT_MAX && s->memory >= LINK_WORDS &&
	       !(s->memory & (s->memory - 1));
}

static int link_open_seal(struct link *l)
{
	struct seal_link link = {
		.secret = l->setup.secret,
		.length = l->setup.secret_length,
		.context = "sync",
		.sender = l->setup.self,
		.peer = l->setup.peer,
		.window = LINK_WINDOW,
	};

	l->setup.secret = NULL;
	return seal_new_link(&l->seal, &link);
}

static int link_prepare(struct link *l, u64 now)
{
	int error;

	if (!link_sound(&l->setup))
		return -EINVAL;
	error = link_open_seal(l);
	if (error)
		return error;
	do {
		randombytes_buf(&l->challenge, sizeof(l->challenge));
	} while (!l->challenge);
	l->now = now;
	return link_memory_new(&l->out, l->setup.memory);
}

int link_new(struct link **out, const struct link_setup *setup, u64 now)
{
	struct link *l = calloc(1, sizeof(*l));
	int error;

	*out = NULL;
	if (!l)
		return -ENOMEM;
	l->setup = *setup;
	l->setup.datagram = setup->datagram ? setup->datagram : LINK_DATAGRAM;
	l->setup.credit = setup->credit ? setup->credit : LINK_CREDIT;
	l->setup.memory = setup->memory ? setup->memory : 1 << 20;
	error = link_prepare(l, now);
	if (error) {
		link_free(l);
		return error;
	}
	*out = l;
	return 0;
}

void link_free(struct link *l)
{
	if (!l)
		return;
	seal_free(l->seal);
	link_memory_free(&l->out);
	free(l);
}

void link_term(struct link *l, u32 term, u32 least)
{
	l->term = term;
	l->least = least;
}

bool link_complete(const struct link *l, u64 number)
{
	return l->in.known && gaps_complete(&l->in.gaps, number);
}

/* LINK tells of PROBES before it: what is missing there, and was none, is lost. */
static void link_reckon(struct link_loss *loss, u64 probes)
{
	u64 missing = loss->newest - loss->first + 1 - loss->came, excused;

	if (!loss->introduced || probes < loss->probes_first)
		loss->probes_first = probes; /* the first may have been overtaken */
	loss->introduced = true;
	if (!loss->latest)
		return;
	excused = probes - loss->probes_first;
	excused = excused > loss->probes_came ? excused - loss->probes_came : 0;
	loss->lost = missing > excused ? missing - excused : 0;
}

static void link_count(struct link *l, const struct seal_opened *d)
{
	struct link_loss *loss = &l->loss;

	l->counts.received++;
	if (loss->incarnation != d->incarnation) {
		*loss = (struct link_loss){
			.incarnation = d->incarnation,
			.first = d->sequence,
			.newest = d->sequence,
			.came = 1,
			.latest = true,
			.before = loss->before + loss->lost,
		};
		return;
	}
	loss->came++;
	loss->latest = d->sequence > loss->newest;
	if (loss->latest) {
		loss->newest = d->sequence;
		return;
	}
	l->counts.reordered++;
	if (d->sequence < loss->first)
		loss->first = d->sequence;
}

static void link_reset(struct link *l, u64 incarnation)
{
	for (u8 i = 0; i < l->setup.paths; i++)
		l->ways[i].heard = 0;
	l->peer = (struct link_peer){ .incarnation = incarnation };
	l->in.known = false;
	l->rtt_us = 0;
	l->open.datagram = NULL;
	link_memory_reset(&l->out);
	seal_use(l->seal, SEAL_XCHACHA20);
	(void)link_judge(l);
	l->counts.resets++;
	l->setup.ops.reset(l->setup.ops.user);
}

static void link_first(struct link *l, u64 settled)
{
	struct link_receive *in = &l->in;

	gaps_reset(&in->gaps, settled);
	in->known = true;
	in->told = in->nacked = in->ripe = in->ripening = settled;
	in->since = in->nack_at = l->now;
	in->unacked = 0;
	in->ack_at = l->now + LINK_ACK_US; /* the peer waits for its credit */
}

static void link_introduced(struct link *l, const struct record_link *says)
{
	link_reckon(&l->loss, says->probes);
	l->peer.challenge = says->challenge;
	seal_use(l->seal, says->suites);
}

static void link_on_link(struct link *l, u8 path, const struct record_link *says)
{
	link_introduced(l, says);
	link_heard(l, path, says);
	if (!l->in.known)
		link_first(l, says->floor - 1);
	if (says->last > l->in.told && says->last <= l->in.gaps.settled + GAPS_WINDOW)
		l->in.told = says->last;
}

static void link_want_ack(struct link *l)
{
	if (!l->in.ack_at)
		l->in.ack_at = l->now + LINK_ACK_US;
}

static void link_on_nack(struct link *l, struct record_reader *r)
{
	u64 base = record_get(r, 8);
	struct record_range range;

	while (record_get_range(r, base, &range))
		link_memory_lacks(l, &range);
}

static void link_on_given_up(struct link *l, struct record_reader *r)
{
	u64 after = record_get(r, 8), base = record_get(r, 8);
	struct record_range range;
	u32 given;

	while (l->in.known && record_get_range(r, base, &range)) {
		given = gaps_give_up(&l->in.gaps, &range, after);
		l->counts.given_up += given;
		if (given)
			link_want_ack(l);
	}
}

/* The items that are the link's own. What can't be leaves the reader bad. */
static void link_own(struct link *l, u8 path, struct record_item *item)
{
	struct record_reader *r = &item->content;
	struct record_link says;
	struct record_ack ack;

	switch (item->kind) {
	case RECORD_LINK:
		if (record_get_link(r, &says))
			link_on_link(l, path, &says);
		return;
	case RECORD_ACK:
		if (record_get_ack(r, &ack) && !link_memory_ack(&l->out, &ack))
			(void)record_fail(r);
		return;
	case RECORD_NACK:
		link_on_nack(l, r);
		return;
	default:
		link_on_given_up(l, r);
	}
}

static bool link_is_own(u8 kind)
{
	return kind == RECORD_LINK || kind == RECORD_ACK || kind == RECORD_NACK ||
	       kind == RECORD_GIVEN_UP;
}

/* Whether a reliable datagram is to be read. */
static bool link_take(struct link *l, u64 number)
{
	enum gaps_taken taken = l->in.known ? gaps_take(&l->in.gaps, number) : GAPS_BEYOND;

	if (taken == GAPS_NEW) {
		l->counts.received_reliable++;
		l->in.unacked++;
		link_want_ack(l);
		return true;
	}
	link_refuse(l, taken == GAPS_OLD ? LINK_REFUSED_LATE : LINK_REFUSED_EARLY);
	return false;
}

static void link_deliver(struct link *l, u8 path, const struct record_head *head,
			 const struct record_item *item)
{
	struct link_item out = {
		.kind = item->kind,
		.flags = item->flags,
		.path = path,
		.term = head->term,
		.incarnation = l->peer.incarnation,
		.number = head->number,
		.content = item->content,
	};

	l->setup.ops.item(l->setup.ops.user, &out);
}

/* A message that echoes our challenge. Heartbeats count in whatever term. */
static void link_message(struct link *l, u8 path, const struct record_head *head,
			 struct record_reader *r)
{
	bool taken = !head->number || link_take(l, head->number), bad = false, deposed = false;
	struct record_item item;

	l->peer.fresh = true;
	link_heard(l, path, NULL);
	while (record_next(r, &item)) {
		bool old = head->term < l->least && item.kind != RECORD_HEARTBEAT;

		if (link_is_own(item.kind))
			link_own(l, path, &item);
		else if (taken && !old)
			link_deliver(l, path, head, &item);
		else
			deposed |= taken;
		bad |= item.content.bad;
	}
	if (deposed)
		link_refuse(l, LINK_REFUSED_DEPOSED);
	if (bad || r->bad)
		link_refuse(l, LINK_REFUSED_MALFORMED);
}

/* A message that does not: all it is good for is the challenge that we are to echo. */
static void link_stranger(struct link *l, struct record_reader *r)
{
	struct record_item item;
	struct record_link says;

	link_refuse(l, LINK_REFUSED_ECHO);
	while (record_next(r, &item))
		if (item.kind == RECORD_LINK && record_get_link(&item.content, &says))
			link_introduced(l, &says);
}

static void link_read(struct link *l, u8 path, struct record_reader *r)
{
	struct record_head head;

	if (!record_get_head(r, &head))
		link_refuse(l, LINK_REFUSED_MALFORMED);
	else if (head.version != RECORD_VERSION)
		link_refuse(l, LINK_REFUSED_VERSION);
	else if (head.echo != l->challenge)
		link_stranger(l, r);
	else
		link_message(l, path, &head, r);
	/* LINK tells of those before it: this one counts for the next */
	l->loss.probes_came += head.flags & RECORD_HEAD_PROBE;
}

static void link_opened(struct link *l, u8 path, const struct seal_opened *d)
{
	struct record_reader r = { .at = d->message, .end = d->message + d->size };

	link_count(l, d);
	if (d->incarnation != l->peer.incarnation)
		link_reset(l, d->incarnation);
	link_read(l, path, &r);
}

void link_input(struct link *l, u8 path, u8 *datagram, size_t length, u64 now)
{
	struct seal_opened d;

	l->now = now;
	if (path >= l->setup.paths)
		link_refuse(l, LINK_REFUSED_FOREIGN);
	else if (seal_open_in_place(l->seal, datagram, length, &d) == SEAL_OK)
		link_opened(l, path, &d);
}

/*
 * Nobody is judged by the time in which our own loop stood still: what has come meanwhile is to be
 * read first. A path that had been silent before stays so.
 */
static void link_late(struct link *l, u64 now)
{
	u64 interval = l->setup.interval_us, least = now + 2 * interval - link_fall(l);

	if (!l->due || now < l->due || now - l->due <= interval / 2 || now < link_fall(l))
		return;
	for (u8 i = 0; i < l->setup.paths; i++)
		if (l->ways[i].heard && l->ways[i].heard + link_fall(l) >= l->due &&
		    l->ways[i].heard < least)
			l->ways[i].heard = least;
}

u64 link_tick(struct link *l, u64 now)
{
	u64 silent, due;

	link_late(l, now);
	l->now = now;
	silent = link_judge(l);
	due = link_send_due(l);
	l->due = silent < due ? silent : due;
	return l->due;
}

static void link_read_counts(const struct link *l, struct link_counts *out)
{
	struct seal_counts sealed;

	seal_read_counts(l->seal, &sealed);
	*out = l->counts;
	out->lost = l->loss.before + l->loss.lost;
	out->duplicate = sealed.seen;
	out->refused[LINK_REFUSED_SHORT] += sealed.result[SEAL_SHORT];
	out->refused[LINK_REFUSED_FOREIGN] += sealed.result[SEAL_FOREIGN];
	out->refused[LINK_REFUSED_FORGED] += sealed.result[SEAL_FORGED];
	out->refused[LINK_REFUSED_REPLAYED] += sealed.result[SEAL_REPLAYED] - sealed.seen;
}

void link_view(const struct link *l, struct link_view *out, u64 now)
{
	*out = (struct link_view){
		.up = l->up,
		.path = l->path,
		.heard = link_heard_paths(l),
		.hears = l->peer.hears,
		.rtt_us = l->rtt_us,
		.incarnation = l->peer.incarnation,
		.sent = l->out.sent,
		.acked = l->out.acked,
		.credit = l->out.credit,
		.window = l->out.window,
		.settled = l->in.gaps.settled,
		.newest = l->in.gaps.newest,
		.heard_us = LINK_NEVER,
	};
	for (u8 i = 0; i < l->setup.paths; i++)
		if (l->ways[i].heard && now - l->ways[i].heard < out->heard_us)
			out->heard_us = now - l->ways[i].heard;
	link_read_counts(l, &out->counts);
}
