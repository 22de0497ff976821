/* SPDX-License-Identifier: ISC */
/*
 * What our reliable datagrams spoke of, until the peer has settled them. No datagram is sent that
 * has no place here, so that whatever the peer may ask for is known.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sync/link_state.h"

_Static_assert(LINK_CREDIT_MAX <= LINK_TOLD, "what is unacknowledged is remembered");
_Static_assert(LINK_TOLD <= GAPS_WINDOW, "the peer can keep what we may send");

static struct link_told *link_told(struct link_memory *m, u64 number)
{
	return &m->told[number % LINK_TOLD];
}

int link_memory_new(struct link_memory *m, u32 words)
{
	m->told = calloc(LINK_TOLD, sizeof(*m->told));
	m->words = calloc(words, sizeof(*m->words));
	m->mask = words - 1;
	if (!m->told || !m->words)
		return -ENOMEM;
	link_memory_reset(m);
	return 0;
}

void link_memory_free(struct link_memory *m)
{
	free(m->told);
	free(m->words);
}

/* For a peer that knows nothing of what was said: numbers go on, nothing of them is owed. */
void link_memory_reset(struct link_memory *m)
{
	m->acked = m->sent;
	m->floor = m->sent + 1;
	m->credit = m->sent + LINK_FIRST_CREDIT;
	m->window = LINK_FIRST_CREDIT;
	m->round = m->round_end = m->sent;
	m->round_lost = 0;
	m->opening = true;
	m->givens = 0;
	m->after = 0;
}

static u64 link_memory_words(const struct link_memory *m)
{
	if (m->acked == m->sent)
		return 0;
	return m->put - m->told[(m->acked + 1) % LINK_TOLD].start;
}

u32 link_memory_room(const struct link_memory *m)
{
	u64 words = (m->mask + 1 - link_memory_words(m)) / LINK_WORDS;
	u64 credit = m->credit > m->sent ? m->credit - m->sent : 0, unacked = m->sent - m->acked;
	u64 window = m->window > unacked ? m->window - unacked : 0;

	credit = window < credit ? window : credit;
	return (u32)(words < credit ? words : credit);
}

/*
 * What a path is given beyond what it carries is lost, and heartbeats with it. So once in a round
 * (until what had been sent is settled) the window grows if it was used, and shrinks if more than
 * a sixteenth was lost: chance alone, of some percent, costs nothing.
 */
static void link_memory_round(struct link_memory *m)
{
	u64 settled = m->acked - m->round;

	if (m->acked < m->round_end)
		return;
	if (m->round_lost > 4 + settled / 16) {
		m->window -= m->window / 4;
		m->opening = false;
	} else if (2 * settled >= m->window) {
		m->window += m->opening ? m->window : m->window / 16;
	}
	if (m->window < LINK_FIRST_CREDIT)
		m->window = LINK_FIRST_CREDIT;
	if (m->window > LINK_CREDIT_MAX)
		m->window = LINK_CREDIT_MAX;
	m->round = m->acked;
	m->round_end = m->sent;
	m->round_lost = 0;
}

/* The number of the datagram that speaks of them. */
u64 link_memory_put(struct link_memory *m, const u32 *words, u32 count)
{
	u64 number = ++m->sent;

	*link_told(m, number) = (struct link_told){ .start = m->put, .count = count };
	for (u32 i = 0; i < count; i++)
		m->words[(m->put + i) & m->mask] = words[i];
	m->put += count;
	return number;
}

/* False: it settles what was never sent. An old one, that came late, changes nothing. */
bool link_memory_ack(struct link_memory *m, const struct record_ack *ack)
{
	u64 most = ack->settled + LINK_CREDIT_MAX;

	if (ack->settled > m->sent)
		return false;
	if (ack->settled < m->acked)
		return true;
	m->acked = ack->settled;
	m->credit = ack->credit < most ? ack->credit : most;
	link_memory_round(m);
	return true;
}

/* Puts NUMBER on the list of those that are to be told; without room it is asked for again. */
static void link_memory_tell(struct link_memory *m, u64 number, u64 after)
{
	struct record_range *last = m->givens ? &m->given[m->givens - 1] : NULL;

	if (last && number == last->first + last->count && last->count < 65535) {
		last->count++;
	} else if (m->givens < LINK_RANGES && (!last || number > last->first)) {
		m->given[m->givens++] = (struct record_range){ .first = number, .count = 1 };
	} else {
		return;
	}
	if (after > m->after)
		m->after = after;
}

static void link_memory_give_up(struct link *l, u64 number)
{
	struct link_memory *m = &l->out;
	struct link_told *told = link_told(m, number);
	u32 words[LINK_WORDS];

	if (!told->given) {
		told->given = true;
		told->after = m->sent;
		for (u32 i = 0; i < told->count; i++)
			words[i] = m->words[(told->start + i) & m->mask];
		l->counts.retransmitted++;
		m->round_lost++;
		l->setup.ops.again(l->setup.ops.user, number, words, told->count);
	}
	link_memory_tell(m, number, told->after);
}

void link_memory_lacks(struct link *l, const struct record_range *range)
{
	u64 n = range->first > l->out.acked ? range->first : l->out.acked + 1;
	u64 end = range->first + range->count;

	for (; n < end && n <= l->out.sent; n++)
		link_memory_give_up(l, n);
}
