// SPDX-License-Identifier: ISC
#include "sandwich/run/walker.h"

#include <glib.h>

#define WALKER_SLICE 16384 /* slots: about a millisecond of live ones */

struct walker {
	struct tables *tables;
	enum table_kind kind;
	struct walker_ops ops;
	u32 at;
	guint source; /* 0: not running */
};

struct walker *walker_new(struct tables *tables, enum table_kind kind, const struct walker_ops *ops)
{
	struct walker *w = g_new0(struct walker, 1);

	w->tables = tables;
	w->kind = kind;
	w->ops = *ops;
	return w;
}

void walker_free(struct walker *w)
{
	if (!w)
		return;
	walker_stop(w);
	g_free(w);
}

static gboolean walker_slice(gpointer user)
{
	struct walker *w = user;
	u32 slots = w->tables->mask[w->kind] + 1;
	u32 end = MIN(slots, w->at + WALKER_SLICE);

	for (; w->at < end; w->at++) {
		struct slot *s = &w->tables->slots[w->kind][w->at];

		if (slot_is_live(core_load(&s->version)))
			w->ops.visit(w->ops.user, s);
	}
	if (w->at < slots)
		return G_SOURCE_CONTINUE;
	w->source = 0;
	w->ops.done(w->ops.user);
	return G_SOURCE_REMOVE;
}

void walker_start(struct walker *w)
{
	w->at = 0;
	if (!w->source)
		w->source = g_idle_add_full(G_PRIORITY_DEFAULT, walker_slice, w, NULL);
}

void walker_stop(struct walker *w)
{
	if (w->source)
		g_source_remove(w->source);
	w->source = 0;
}

bool walker_is_running(const struct walker *w)
{
	return w->source != 0;
}
