// SPDX-License-Identifier: ISC
/* What devices pass on, from each side's active balancer to the other's (HEARD). */
#include <string.h>

#include "sandwich/run/silent.h"
#include "sandwich/run/sync_parts.h"

struct sync_heard_word {
	struct balancer *b;
	u32 n;
	struct record_heard heard[DEVICES_MAX];
};

/* Main thread: the next heartbeat takes it along. */
void sync_heard(struct sync *s, const struct record_heard *heard, u32 n)
{
	if (!s || !s->role)
		return;
	pthread_mutex_lock(&s->mutex);
	memcpy(s->heard, heard, n * sizeof(*heard));
	s->heard_count = n;
	pthread_mutex_unlock(&s->mutex);
}

static u32 heard_put(const struct sync *s, struct record_writer *w, u32 at)
{
	u8 *item = record_open(w, RECORD_HEARD, 0);

	while (at < s->heard_count && record_put_heard(w, &s->heard[at]))
		at++;
	record_close(w, item);
	return at;
}

static void heard_tell_box(struct sync_box *box, u64 now)
{
	struct sync *s = box->sync;
	struct record_writer w;
	u32 at = 0;

	while (at < s->heard_count && link_begin(box->link, false, &w, now)) {
		at = heard_put(s, &w, at);
		link_end(box->link, &w, NULL, 0, false);
	}
}

/* Each word once: the next interval has another. */
void sync_heard_tell(struct sync *s, u64 now)
{
	for (unsigned int i = 0; s->active && i < s->count; i++)
		if (s->boxes[i].relation == SYNC_PARTNER)
			heard_tell_box(&s->boxes[i], now);
	s->heard_count = 0;
}

static gboolean heard_arrive(gpointer user)
{
	const struct sync_heard_word *word = user;

	if (word->b->sync)
		silent_told(word->b, word->heard, word->n);
	return G_SOURCE_REMOVE;
}

/* The active one's alone: the other sees nothing. */
void sync_heard_take(struct sync_box *box, const struct link_item *item)
{
	struct record_reader r = item->content;
	struct sync_heard_word *word;

	if (box->relation != SYNC_PARTNER || box->role != ROLE_ACTIVE)
		return;
	word = g_new0(struct sync_heard_word, 1);
	word->b = box->sync->b;
	while (word->n < DEVICES_MAX && record_get_heard(&r, &word->heard[word->n]))
		word->n++;
	if (r.bad)
		g_free(word);
	else
		g_main_context_invoke_full(NULL, G_PRIORITY_DEFAULT, heard_arrive, word, g_free);
}
