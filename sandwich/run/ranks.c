// SPDX-License-Identifier: ISC
#include "sandwich/run/ranks.h"

#include <string.h>
#include <sys/resource.h>

#include "sandwich/core/rank.h"
#include "sandwich/run/settings.h"

#define RANKS_NICE 10 /* the frames and the heartbeats go first */

struct ranks {
	struct rank_row *built; /* RANK_ROWS of them */
	struct hash_key key;
	struct rank_device devices[DEVICES_MAX];
	u32 n;
	void (*done)(void *user);
	void *user;
	GThread *thread;
	GSource *source; /* the thread's word to the main loop */
};

static unsigned int ranks_members(const struct config *config)
{
	unsigned int n = 0;

	for (guint i = 0; i < config->devices->len; i++)
		n += ((const struct config_device *)g_ptr_array_index(config->devices, i))->weight
		     > 0;
	return n;
}

bool ranks_same(const struct config *a, const struct config *b)
{
	if (ranks_members(a) != ranks_members(b))
		return false;
	for (guint i = 0; i < a->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(a->devices, i);
		const struct config_device *other = config_find_device(b, d->name);

		if (d->weight && (!other || other->weight != d->weight || other->id != d->id))
			return false;
	}
	return true;
}

static gboolean ranks_done(gpointer data)
{
	struct ranks *r = data;

	r->done(r->user); /* may free it */
	return G_SOURCE_REMOVE;
}

static gpointer ranks_build(gpointer data)
{
	struct ranks *r = data;

	(void)setpriority(PRIO_PROCESS, 0, RANKS_NICE); /* on Linux: of this thread */
	rank_build(r->built, &r->key, r->devices, r->n);
	g_source_attach(r->source, NULL);
	return NULL;
}

struct ranks *ranks_start(const struct tables *t, const struct config *config,
			void (*done)(void *user), void *user)
{
	struct ranks *r = g_new0(struct ranks, 1);

	r->built = g_new(struct rank_row, RANK_ROWS);
	r->key = t->settings->placement;
	r->n = settings_rank_devices(config, r->devices);
	r->done = done;
	r->user = user;
	r->source = g_idle_source_new();
	g_source_set_priority(r->source, G_PRIORITY_DEFAULT);
	g_source_set_callback(r->source, ranks_done, r, NULL);
	r->thread = g_thread_new("ranks", ranks_build, r);
	return r;
}

void ranks_free(struct ranks *r)
{
	if (!r)
		return;
	g_thread_join(r->thread);
	g_source_destroy(r->source);
	g_source_unref(r->source);
	g_free(r->built);
	g_free(r);
}

void ranks_swap(struct ranks *r, struct tables *t, u32 set)
{
	struct rank_row *there = tables_row(t, set, 0);
	struct rank_row *was = g_memdup2(there, sizeof(*there) * RANK_ROWS);

	memcpy(there, r->built, sizeof(*there) * RANK_ROWS);
	g_free(r->built);
	r->built = was;
}
