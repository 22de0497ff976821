// SPDX-License-Identifier: ISC
#include "sandwich/run/sweeper.h"

#include <glib.h>
#include <string.h>

#include "sandwich/core/sweep.h"
#include "sandwich/run/settings.h"
#include "sandwich/run/walker.h"
#include "sandwich/slowpath/memory.h"

struct sweeper {
	struct tables *tables;
	struct walker *walker;
	struct sweep sweep; /* the one under way, or the last one done */
	bool swept;         /* it is complete, and what it reckoned with still holds */
	bool again;         /* it is a second one */
	bool flipped;       /* a second one is due */
	u32 done_at;
	void (*done)(void *user, u32 now);
	void *user;
};

static void sweeper_visit(void *user, struct slot *s)
{
	struct sweeper *w = user;

	sweep_slot(w->tables, &w->sweep, s);
}

static void sweeper_end(void *user)
{
	struct sweeper *w = user;

	if (w->sweep.pinned)
		g_message("sweep%s: %u of %u conversations pinned where they are",
			  w->again ? " (again)" : "", w->sweep.pinned, w->sweep.walked);
	if (w->again) {
		w->again = false;
		return;
	}
	w->swept = true;
	w->done_at = memory_now();
	w->done(w->user, w->done_at);
}

struct sweeper *sweeper_new(struct tables *tables, void (*done)(void *user, u32 now), void *user)
{
	struct sweeper *w = g_new0(struct sweeper, 1);

	w->tables = tables;
	w->done = done;
	w->user = user;
	w->walker = walker_new(tables, TABLE_SESSIONS,
			       &(struct walker_ops){sweeper_visit, sweeper_end, w});
	return w;
}

void sweeper_free(struct sweeper *w)
{
	if (!w)
		return;
	walker_free(w->walker);
	g_free(w);
}

void sweeper_forget(struct sweeper *w)
{
	walker_stop(w->walker);
	w->flipped |= w->again;
	w->swept = w->again = false;
}

static void sweeper_start(struct sweeper *w, const struct device_set *pick, u32 rows, bool again,
			  u32 now)
{
	sweeper_forget(w);
	w->sweep.next = *tables_settings(w->tables);
	w->sweep.next.pick = *pick;
	for (unsigned int i = 0; i < G_N_ELEMENTS(pick->word); i++)
		w->sweep.next.up.word[i] |= pick->word[i]; /* those that return */
	w->sweep.next.rows = rows;
	settings_update_live(w->tables, &w->sweep.next);
	w->sweep.now = now;
	w->sweep.walked = w->sweep.pinned = 0;
	w->again = again;
	count(w->tables, COUNTER_SWEEPS);
	walker_start(w->walker);
}

bool sweeper_prepare(struct sweeper *w, const struct device_set *pick, u32 rows, u32 now)
{
	bool fitting =
		w->sweep.next.rows == rows && !memcmp(&w->sweep.next.pick, pick, sizeof(*pick));

	if (fitting && w->swept)
		return true;
	if (!fitting || w->again || !walker_is_running(w->walker))
		sweeper_start(w, pick, rows, false, now);
	return false;
}

u32 sweeper_done_at(const struct sweeper *w)
{
	return w->done_at;
}

void sweeper_flipped(struct sweeper *w)
{
	w->flipped = true;
}

void sweeper_settle(struct sweeper *w, u32 now)
{
	const struct settings *s = tables_settings(w->tables);

	if (w->flipped) {
		w->flipped = false;
		sweeper_start(w, &s->pick, s->rows, true, now);
	} else if (!w->again) {
		sweeper_forget(w); /* it grows old: the next change has one of its own */
	}
}
