// SPDX-License-Identifier: ISC
#include "sandwich/run/sync.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sandwich/run/duty.h"
#include "sandwich/run/sync_parts.h"
#include "sync/journal_young.h"

#define SYNC_STOP_MS 600 /* how long a stop waits for the twin to take over */

static bool sync_has_twin(const struct balancer *b)
{
	const GPtrArray *all = b->config->balancers;

	for (guint i = 0; i < all->len; i++) {
		const struct config_balancer *box = g_ptr_array_index(all, i);

		if (box != b->self && box->side == b->self->side)
			return true;
	}
	return false;
}

/* --- the thread ----------------------------------------------------------------------------- */

static void sync_ring(struct sync *s)
{
	const u64 once = 1;

	if (write(s->bell, &once, sizeof(once)) < 0 && errno != EAGAIN)
		g_warning("sync: %s", g_strerror(errno));
}

static void sync_lock(void *user)
{
	struct sync *s = user;

	pthread_mutex_lock(&s->mutex);
}

static void sync_unlock(void *user)
{
	struct sync *s = user;

	pthread_mutex_unlock(&s->mutex);
}

static u64 sync_run(void *user)
{
	struct sync *s = user;
	u64 next;

	sync_paths_receive(s);
	next = sync_turn(s, (u64)g_get_monotonic_time());
	sync_paths_flush(s);
	return next;
}

void sync_follow(struct sync *s, struct follower_setup *setup)
{
	s->more = (struct follower_more){sync_lock, sync_unlock, sync_run, s->poll};
	setup->sink = sync_change;
	setup->more = &s->more;
	setup->user = s;
}

/* --- an operator's words -------------------------------------------------------------------- */

static const char *sync_failover_why(int error)
{
	switch (error) {
	case -EINVAL:
		return "this balancer is not active, or something else decides (role = external)";
	case -EALREADY:
		return "a handover is under way";
	case -ENOTCONN:
		return "no standby is heard of: show sync";
	case -ENETDOWN:
		return "the standby has a port without carrier: show role";
	case -EAGAIN:
		return "the standby's tables are not equal yet: show sync";
	default:
		return g_strerror(-error);
	}
}

int sync_failover(struct sync *s, char **why)
{
	int rc;

	if (s->alone) {
		*why = g_strdup("this side has no second balancer");
		return -ENOTCONN;
	}
	pthread_mutex_lock(&s->mutex);
	rc = role_failover(s->role, ROLE_BY_OPERATOR, (u64)g_get_monotonic_time());
	pthread_mutex_unlock(&s->mutex);
	sync_ring(s);
	if (rc)
		*why = g_strdup(sync_failover_why(rc));
	return rc;
}

int sync_resync(struct sync *s, char **why)
{
	if (!s->count) {
		*why = g_strdup("no other balancer has a sync address");
		return -ENOTCONN;
	}
	pthread_mutex_lock(&s->mutex);
	journal_rescan(s->journal);
	for (unsigned int i = 0; i < s->count; i++)
		repair_start(s->boxes[i].repair, (u64)g_get_monotonic_time());
	pthread_mutex_unlock(&s->mutex);
	sync_ring(s);
	return 0;
}

int sync_set_role(struct sync *s, bool active, char **why)
{
	int rc;

	pthread_mutex_lock(&s->mutex);
	rc = role_set_external(s->role, active, (u64)g_get_monotonic_time());
	pthread_mutex_unlock(&s->mutex);
	sync_ring(s);
	if (rc)
		*why = g_strdup("the twins decide themselves: write role = external in [sandwich] "
				"to have something else do it");
	return rc;
}

/* --- views ---------------------------------------------------------------------------------- */

static void sync_look_box(struct sync_box *box, struct sync_other *out, u64 now)
{
	struct replicate_counts counts;
	struct repair_view repair;

	replicate_read_counts(box->stream, &counts);
	repair_view(box->repair, &repair);
	link_view(box->link, &out->link, now);
	box->lost_told = MAX(box->lost_told, out->link.counts.lost);
	out->link.counts.lost = box->lost_told;
	out->box = box->conf;
	out->relation = box->relation;
	out->role = box->role;
	out->sessions = box->census.sessions;
	out->differing = repair.differing;
	out->repaired = repair.wanted + repair.removed + counts.repeated;
	out->lag_us = box->behind_us ? now - box->behind_us : 0;
	out->stale = counts.result[STORE_STALE];
	out->full = counts.result[STORE_FULL];
	out->applied =
		counts.result[STORE_APPLIED] + counts.result[STORE_SAME] + counts.received[2];
	if (repair.known)
		out->equal = repair.equal ? SYNC_EQUAL : SYNC_DIFFERS;
}

/* The active sees its twin's equality as the twin says it. */
static void sync_look_twin(const struct sync *s, struct sync_view *view)
{
	for (unsigned int i = 0; i < view->others; i++) {
		struct sync_other *o = &view->other[i];

		if (o->relation != SYNC_PEER || !s->active || !o->link.up)
			continue;
		for (u8 p = 0; p < view->role.peers; p++)
			if (!strcmp(view->role.peer[p].box->name, o->box->name))
				o->equal = view->role.peer[p].flags & ROLE_EQUAL ? SYNC_EQUAL
										 : SYNC_DIFFERS;
	}
}

void sync_look(struct sync *s, struct sync_view *out)
{
	const u64 now = (u64)g_get_monotonic_time();

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&s->mutex);
	role_look(s->role, &out->role, now);
	for (unsigned int i = 0; i < s->count; i++)
		sync_look_box(&s->boxes[i], &out->other[out->others++], now);
	sync_look_twin(s, out);
	pthread_mutex_unlock(&s->mutex);
}

/* --- the main thread's news ----------------------------------------------------------------- */

void sync_changed(struct sync *s)
{
	struct sync_told *now;
	bool news;

	if (!s || !s->role)
		return;
	now = g_new(struct sync_told, 1);
	sync_main_collect(s->b, now);
	pthread_mutex_lock(&s->mutex);
	news = memcmp(now, &s->told, sizeof(*now)) != 0;
	if (news) {
		s->told = *now;
		s->told_at = (u64)g_get_monotonic_time();
		s->tell = SYNC_TELL_TIMES;
	}
	pthread_mutex_unlock(&s->mutex);
	if (news)
		sync_ring(s);
	g_free(now);
}

/* --- life ----------------------------------------------------------------------------------- */

bool sync_starts_on_duty(const struct sync *s)
{
	return s->alone && (s->b->adopt || !s->count || s->b->config->mode != CONFIG_MODE_FIREWALL);
}

static u32 sync_number(const struct balancer *b)
{
	guint index = 0;

	(void)g_ptr_array_find(b->config->balancers, b->self, &index);
	return index + 1;
}

int sync_new(struct sync **out, struct balancer *b, char **why)
{
	struct sync *s = g_new0(struct sync, 1);
	int rc;

	s->b = b;
	s->poll = s->bell = -1;
	s->self = sync_number(b);
	s->alone = !sync_has_twin(b);
	s->told.ports_ok = true;
	pthread_mutex_init(&s->mutex, NULL);
	sync_list(s);
	rc = sync_paths_open(s, why);
	if (rc) {
		sync_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

int sync_start(struct sync *s, struct follower *f, char **why)
{
	int rc;

	s->journal = follower_journal(f);
	s->tables = *follower_tables(f);
	s->tables.events = NULL; /* what we write is told by us */
	rc = journal_after(s->journal, s->b->config->sync_after * 1000);
	if (!rc)
		rc = store_new(&s->store, &s->tables, s->journal);
	return rc ? rc : sync_wire(s, why);
}

static bool sync_is_active(struct sync *s)
{
	bool active;

	pthread_mutex_lock(&s->mutex);
	active = s->active;
	pthread_mutex_unlock(&s->mutex);
	return active;
}

static bool sync_hand_over(struct sync *s)
{
	int rc;

	pthread_mutex_lock(&s->mutex);
	rc = role_failover(s->role, ROLE_BY_STOP, (u64)g_get_monotonic_time());
	pthread_mutex_unlock(&s->mutex);
	sync_ring(s);
	return !rc;
}

void sync_leave(struct sync *s)
{
	const gint64 end = g_get_monotonic_time() + SYNC_STOP_MS * 1000;

	if (!s || !s->role)
		return;
	if (!s->alone && sync_is_active(s) && sync_hand_over(s))
		while (sync_is_active(s) && g_get_monotonic_time() < end)
			g_usleep(1000);
	pthread_mutex_lock(&s->mutex);
	role_leave(s->role, (u64)g_get_monotonic_time());
	sync_paths_flush(s);
	pthread_mutex_unlock(&s->mutex);
}

void sync_free(struct sync *s)
{
	if (!s)
		return;
	sync_unwire(s);
	store_free(s->store);
	sync_paths_close(s);
	pthread_mutex_destroy(&s->mutex);
	g_free(s);
}
