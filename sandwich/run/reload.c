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

#include "sandwich/run/number.h"
#include "sandwich/run/ranks.h"
#include "sandwich/run/secret.h"
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

/* The placement key comes of it. A file that has become unreadable matters at the next start. */
static bool reload_same_secret(const struct balancer *b)
{
	size_t length;
	char *why;
	u8 *secret;
	bool same;

	if (secret_read(b->config->secret_file, &secret, &length, &why)) {
		g_warning("%s; until then no daemon can start with it", why);
		g_free(why);
		return true;
	}
	same = length == b->secret_length && !memcmp(secret, b->secret, length);
	secret_free(secret, length);
	return same;
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
	if (self->xdp_chain != b->self->xdp_chain)
		reload_refuse(problems, self, "xdp-chain");
	if (strcmp(next->name, old->name) || g_strcmp0(next->secret_file, old->secret_file))
		reload_refuse(problems, NULL, "[sandwich] name and secret-file");
	else if (old->secret_file && !reload_same_secret(b))
		reload_refuse(problems, NULL, "what is in the secret-file");
	if (next->mode != old->mode || next->affinity != old->affinity)
		reload_refuse(problems, NULL, "[sandwich] mode and affinity");
	if (next->sessions != old->sessions || next->pins != old->pins)
		reload_refuse(problems, NULL, "[sandwich] sessions and pins");
	if (settings_zoned(next) != settings_zoned(old))
		reload_refuse(problems, NULL,
			      "whether all VLAN tags are kept (uplink-vlan, farm-vlan, vlan:)");
	return problems->len == before;
}

/* Devices that stay keep their id. */
static void reload_number(const struct config *old, struct config *next)
{
	u64 had[DEVICES_MAX] = {0};

	for (guint i = 0; i < old->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(old->devices, i);

		had[d->id] = settings_name_hash(d->name);
	}
	number_by_hash(next, had);
}

/* --- going over ----------------------------------------------------------------------------- */

struct reload {
	struct balancer *b;
	reload_done done;
	GPtrArray *problems;
	struct config *next; /* NULL once it is in force */
	struct ranks *rows;   /* NULL: they stay as they are */
	bool again;	     /* asked for meanwhile */
};

/* Goes over to CONFIG and the set ROWS; on failure perhaps in part. */
static int reload_take(struct balancer *b, struct config *config, u32 rows)
{
	const struct config_balancer *self = config_find_balancer(config, b->self->name);
	int rc = settings_apply(&b->tables, config, self, b->secret, b->secret_length);

	if (rc)
		return rc;
	b->config = config;
	b->self = self;
	b->rows = rows;
	return balancer_configure(b, rows);
}

static void reload_failed(GPtrArray *problems, int error)
{
	struct config_problem *p = g_new0(struct config_problem, 1);

	p->text = g_strdup_printf("it can't be put in force: %s", g_strerror(-error));
	g_ptr_array_add(problems, p);
}

/* To R's configuration, all of it or nothing. */
static int reload_go(struct reload *r)
{
	struct balancer *b = r->b;
	struct config *old = b->config;
	u32 before = b->rows, set = !b->tables.settings->rows;
	int rc;

	if (r->rows)
		ranks_swap(r->rows, &b->tables, set);
	rc = reload_take(b, r->next, r->rows ? set : before);
	if (!rc) {
		r->next = NULL;
		config_free(old);
		g_message("configuration read again from %s", b->config_path);
		return 0;
	}
	reload_failed(r->problems, rc);
	if (r->rows)
		ranks_swap(r->rows, &b->tables, set);
	if (reload_take(b, old, before))
		g_critical("the former configuration is in force in part only: restart the daemon");
	return rc;
}

static void reload_free(struct reload *r)
{
	ranks_free(r->rows);
	config_free(r->next);
	g_ptr_array_unref(r->problems);
	g_free(r);
}

static void reload_end(struct reload *r, int error)
{
	struct balancer *b = r->b;
	reload_done done = r->done;
	bool again = r->again;

	b->reload = NULL;
	done(b, error, r->problems);
	reload_free(r);
	if (again && !b->reload)
		balancer_reload(b, done);
}

static void reload_built(void *user)
{
	struct reload *r = user;

	reload_end(r, reload_go(r));
}

/* Reads the file; whether it can be gone over to. */
static int reload_read(struct reload *r)
{
	const struct config *old = r->b->config;
	int rc = config_read(r->b->config_path, &r->next, r->problems);

	if (rc)
		return rc;
	if (!reload_allowed(r->b, r->next, r->problems))
		return -EINVAL;
	reload_number(old, r->next);
	return 0;
}

void balancer_reload(struct balancer *b, reload_done done)
{
	struct reload *r = b->reload;
	int rc;

	if (r) {
		r->again = true;
		return;
	}
	r = b->reload = g_new0(struct reload, 1);
	r->b = b;
	r->done = done;
	r->problems = config_problems_new();
	rc = reload_read(r);
	if (!rc && !ranks_same(b->config, r->next))
		r->rows = ranks_start(&b->tables, r->next, reload_built, r);
	else
		reload_end(r, rc ? rc : reload_go(r));
}

void balancer_reload_stop(struct balancer *b)
{
	if (b->reload)
		reload_free(b->reload);
	b->reload = NULL;
}
