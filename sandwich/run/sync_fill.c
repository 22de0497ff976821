// SPDX-License-Identifier: ISC
/*
 * A box that becomes active with (almost) empty tables, since its whole side was down: the other
 * side still has the sessions and pins. Without them it would place by the hash alone what is
 * pinned elsewhere, and record it there; so it takes them over before it goes on duty.
 */
#include "sandwich/run/sync_parts.h"

#define SYNC_FILL_US 2000000 /* no longer: the partner may be broken */
#define SYNC_FILL_LOOK_US 5000

static u64 sync_fill_have(const struct sync *s)
{
	struct journal_counts counts;

	journal_read_counts(s->journal, &counts);
	return counts.entries[TABLE_SESSIONS];
}

/* Not half of what the other side has: the twin may have begun to fill us when it went. */
static bool sync_fill_lacks(const struct sync *s, const struct sync_box *from)
{
	return sync_fill_have(s) < (from->census.sessions + 1) / 2;
}

/* A partner that has what we lack. In vpn mode its keys are others. */
static bool sync_fill_source(const struct sync_box *box)
{
	struct link_view view;

	if (box->relation != SYNC_PARTNER || box->role != ROLE_ACTIVE)
		return false;
	if (box->sync->b->config->mode != CONFIG_MODE_FIREWALL)
		return false;
	link_view(box->link, &view, (u64)g_get_monotonic_time());
	return view.up;
}

static struct sync_box *sync_fill_find(struct sync *s)
{
	for (unsigned int i = 0; i < s->count; i++)
		if (sync_fill_source(&s->boxes[i]))
			return &s->boxes[i];
	return NULL;
}

bool sync_fill_begin(struct sync *s, u64 now)
{
	struct sync_box *from = sync_fill_find(s);

	s->filler = NULL;
	if (!from || s->equal)
		return false;
	repair_start(from->repair, now); /* it only adds */
	if (!sync_fill_lacks(s, from))
		return false;
	g_message("has %llu sessions, %s has %llu: takes them over first",
		  (unsigned long long)sync_fill_have(s), from->conf->name,
		  (unsigned long long)from->census.sessions);
	s->filler = from;
	s->fills_since = now;
	return true;
}

void sync_fill_end(struct sync *s)
{
	s->filler = NULL;
}

/* It may have begun in this very turn, whose time is that of its start. */
static u64 sync_fill_lasts(const struct sync *s, u64 now)
{
	return now > s->fills_since ? now - s->fills_since : 0;
}

static bool sync_fill_is_done(const struct sync *s)
{
	struct repair_view view;

	repair_view(s->filler->repair, &view);
	return view.phase == REPAIR_IDLE && !sync_fill_lacks(s, s->filler);
}

static void sync_fill_on_duty(struct sync *s, const char *how, u64 now)
{
	g_message("%s %s: %llu sessions after %llu ms", how, s->filler->conf->name,
		  (unsigned long long)sync_fill_have(s),
		  (unsigned long long)(sync_fill_lasts(s, now) / 1000));
	s->filler = NULL;
	sync_main_duty(s, true);
}

u64 sync_fill_turn(struct sync *s, u64 now)
{
	struct repair_view view;

	if (!s->filler)
		return LINK_NEVER;
	if (sync_fill_is_done(s)) {
		sync_fill_on_duty(s, "has all of", now);
		return LINK_NEVER;
	}
	if (!sync_fill_source(s->filler) || sync_fill_lasts(s, now) >= SYNC_FILL_US) {
		sync_fill_on_duty(s, "goes on duty without all of", now);
		return LINK_NEVER;
	}
	repair_view(s->filler->repair, &view);
	if (view.phase == REPAIR_IDLE)
		repair_start(s->filler->repair, now);
	return now + SYNC_FILL_LOOK_US;
}
