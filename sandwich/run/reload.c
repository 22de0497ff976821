// SPDX-License-Identifier: ISC
/*
 * Reload: a new configuration beside the old one, then one step over.
 *
 * What can't change while traffic flows (ports, table sizes, the names that keys are derived from)
 * is refused with a word on what to do. Devices keep their ids by name, so that no session has to
 * be touched.
 */
#include "sandwich/run/balancer.h"

#include <errno.h>
#include <string.h>

#include "sandwich/run/settings.h"

static void reload_refuse(GPtrArray *problems, const struct config_balancer *at, const char *what)
{
	struct config_problem *p = g_new0(struct config_problem, 1);

	p->line = at ? at->line : 0;
	p->text = g_strdup_printf("%s can't change while running; restart the daemon for it", what);
	g_ptr_array_add(problems, p);
}

static bool reload_same_strings(const GPtrArray *a, const GPtrArray *b)
{
	if (a->len != b->len)
		return false;
	for (guint i = 0; i < a->len; i++)
		if (strcmp(g_ptr_array_index(a, i), g_ptr_array_index(b, i)))
			return false;
	return true;
}

/* Names what may not change and does; true when nothing does. */
static bool reload_allowed(const struct balancer *b, const struct config *next, GPtrArray *problems)
{
	const struct config_balancer *self = config_find_balancer(next, b->self->name);
	const struct config *old = b->config;
	guint before = problems->len;

	if (!self) {
		reload_refuse(problems, NULL, "this balancer's section is gone; its name");
		return false;
	}
	if (self->side != b->self->side || strcmp(self->uplink, b->self->uplink) ||
	    !reload_same_strings(self->farm, b->self->farm))
		reload_refuse(problems, self, "side, uplink and farm ports");
	if (strcmp(self->control, b->self->control) || g_strcmp0(self->metrics, b->self->metrics))
		reload_refuse(problems, self, "control and metrics");
	if (self->datapath != b->self->datapath)
		reload_refuse(problems, self, "datapath");
	if (strcmp(next->name, old->name) || g_strcmp0(next->secret_file, old->secret_file))
		reload_refuse(problems, NULL, "[sandwich] name and secret-file");
	if (next->mode != old->mode || next->affinity != old->affinity)
		reload_refuse(problems, NULL, "[sandwich] mode and affinity");
	if (next->sessions != old->sessions || next->pins != old->pins)
		reload_refuse(problems, NULL, "[sandwich] sessions and pins");
	return problems->len == before;
}

/* Devices that stay keep their id; new ones get what is free. */
static void reload_number(const struct config *old, struct config *next)
{
	bool taken[DEVICES_MAX] = {true};
	unsigned int free_id = 1;

	for (guint i = 0; i < next->devices->len; i++) {
		struct config_device *d = g_ptr_array_index(next->devices, i);
		const struct config_device *was = config_find_device(old, d->name);

		d->id = was ? was->id : 0;
		taken[d->id] = true;
	}
	for (guint i = 0; i < next->devices->len; i++) {
		struct config_device *d = g_ptr_array_index(next->devices, i);

		while (!d->id && free_id < DEVICES_MAX) {
			if (!taken[free_id]) {
				d->id = free_id;
				taken[free_id] = true;
			}
			free_id++;
		}
	}
}

int balancer_reload(struct balancer *b, GPtrArray *problems)
{
	struct config *next, *old = b->config;
	int rc = config_read(b->config_path, &next, problems);

	if (rc)
		return rc;
	if (!reload_allowed(b, next, problems)) {
		config_free(next);
		return -EINVAL;
	}
	reload_number(old, next);
	b->config = next;
	b->self = config_find_balancer(next, b->self->name);
	rc = settings_apply(&b->tables, next, b->self, b->secret, b->secret_length);
	if (!rc)
		rc = balancer_configure(b, settings_build_rows(&b->tables, next));
	config_free(old);
	if (rc)
		g_warning("the new configuration is in force in part only: %s", g_strerror(-rc));
	else
		g_message("configuration read again from %s", b->config_path);
	return rc;
}
