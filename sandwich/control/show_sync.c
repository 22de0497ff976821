// SPDX-License-Identifier: ISC
/* show sync, show role, failover, resync, role: the other balancers, and who is active. */
#include <errno.h>
#include <string.h>

#include "sandwich/control/words.h"
#include "sandwich/run/sync.h"

static const char *const sync_roles[ROLE_STATES] = {"starting", "standby", "active", "leaving"};

static const char *sync_role(enum role_state role)
{
	return role < ROLE_STATES ? sync_roles[role] : "?";
}

static u64 sync_refused(const struct link_counts *c)
{
	u64 sum = 0;

	for (int i = 0; i < LINK_REFUSALS; i++)
		sum += c->refused[i];
	return sum;
}

static void sync_equality(struct json *out, const struct sync_other *o)
{
	if (o->equal == SYNC_UNKNOWN)
		json_null(out, "digest_equal");
	else
		json_bool(out, "digest_equal", o->equal == SYNC_EQUAL);
	json_number(out, "differing", o->differing);
}

static void sync_link_counts(struct json *out, const struct link_counts *c)
{
	json_number(out, "sent", c->sent);
	json_number(out, "received", c->received);
	json_number(out, "lost", c->lost);
	json_number(out, "reordered", c->reordered);
	json_number(out, "duplicate", c->duplicate);
	json_number(out, "retransmitted", c->retransmitted);
	json_number(out, "given_up", c->given_up);
	json_number(out, "refused", sync_refused(c));
}

static void sync_row(struct json *out, const struct sync_other *o)
{
	const struct link_view *l = &o->link;
	const GPtrArray *paths = o->box->sync;

	json_begin(out, NULL, '{');
	json_string(out, "name", o->box->name);
	json_string(out, "side", config_side_name(o->box->side));
	json_string(out, "relation", o->relation == SYNC_PEER ? "peer" : "partner");
	json_string(out, "role", l->up ? sync_role(o->role) : "unknown");
	json_bool(out, "up", l->up);
	json_string(out, "path", l->up && l->path < paths->len ? paths->pdata[l->path] : NULL);
	json_number(out, "rtt_us", l->rtt_us);
	sync_equality(out, o);
	json_number(out, "sessions", o->sessions);
	json_number(out, "lag_us", o->lag_us);
	json_number(out, "repaired", o->repaired);
	json_number(out, "applied", o->applied);
	json_number(out, "stale", o->stale);
	json_number(out, "full", o->full);
	sync_link_counts(out, &l->counts);
	json_end(out, '{');
}

int show_sync(struct call *call)
{
	struct sync_view view;

	sync_look(call->b->sync, &view);
	json_begin(&call->out, NULL, '[');
	for (unsigned int i = 0; i < view.others; i++)
		sync_row(&call->out, &view.other[i]);
	json_end(&call->out, '[');
	return 0;
}

static void role_box_row(struct json *out, const struct role_peer_view *p)
{
	json_begin(out, NULL, '{');
	json_string(out, "name", p->box->name);
	json_string(out, "side", config_side_name(p->box->side));
	json_string(out, "role", p->alive ? sync_role(p->role) : "unknown");
	json_bool(out, "alive", p->alive);
	if (p->silent_us == UINT64_MAX)
		json_null(out, "silent_us");
	else
		json_number(out, "silent_us", p->silent_us);
	json_number(out, "term", p->term);
	json_bool(out, "equal", p->flags & ROLE_EQUAL);
	json_bool(out, "ports_ok", p->flags & ROLE_PORTS_OK);
	json_end(out, '{');
}

static void role_counts(struct json *out, const struct role_counts *c)
{
	json_number(out, "takeovers", c->takeovers);
	json_number(out, "handovers", c->handovers);
	json_number(out, "called_off", c->called_off);
	json_number(out, "gave_way", c->gave_way);
	json_number(out, "vetoed", c->vetoed);
}

static const char *role_active_name(const struct balancer *b, u32 number)
{
	const struct config_balancer *box;

	if (!number || number > b->config->balancers->len)
		return NULL;
	box = g_ptr_array_index(b->config->balancers, number - 1);
	return box->name;
}

int words_need_duty(struct call *call)
{
	struct sync_view view;
	const char *active;

	if (!core_load(&call->b->tables.settings->standby))
		return 0;
	sync_look(call->b->sync, &view);
	active = role_active_name(call->b, view.role.active);
	if (!active)
		return words_fail(call, -EPERM, "%s is not active, and nobody is heard of who is",
				  call->b->self->name);
	if (!strcmp(active, call->b->self->name))
		return words_fail(call, -EPERM, "%s is not on duty yet: show role", active);
	return words_fail(call, -EPERM, "%s is the standby: %s is active, ask it",
			  call->b->self->name, active);
}

int show_role(struct call *call)
{
	const struct config *config = call->b->config;
	struct json *out = &call->out;
	struct sync_view view;
	const struct role_view *r = &view.role;

	sync_look(call->b->sync, &view);
	json_begin(out, NULL, '{');
	json_string(out, "name", call->b->self->name);
	json_string(out, "side", config_side_name(call->b->self->side));
	json_string(out, "role", sync_role(r->role));
	json_bool(out, "on_duty", !core_load(&call->b->tables.settings->standby));
	json_string(out, "active", role_active_name(call->b, r->active));
	json_number(out, "term", r->term);
	json_seconds(out, "since", ((u64)g_get_monotonic_time() - r->since_us) / 1000);
	json_string(out, "why", r->why);
	json_string(out, "waits", r->waits);
	json_bool(out, "equal", r->flags & ROLE_EQUAL);
	json_bool(out, "ports_ok", r->flags & ROLE_PORTS_OK);
	json_number(out, "priority", call->b->self->priority);
	json_bool(out, "preempt", config->preempt);
	json_bool(out, "follow_partner", config->follow_partner);
	json_string(out, "decided_by", config->role == CONFIG_ROLE_EXTERNAL ? "external" : "twins");
	role_counts(out, &r->counts);
	json_begin(out, "boxes", '[');
	for (u8 i = 0; i < r->peers; i++)
		role_box_row(out, &r->peer[i]);
	json_end(out, '[');
	json_end(out, '{');
	return 0;
}

static int sync_done(struct call *call, int rc, char *why)
{
	if (rc) {
		words_fail(call, rc == -EINVAL ? -EPERM : rc, "%s", why ? why : g_strerror(-rc));
		g_free(why);
		return rc == -EINVAL ? -EPERM : rc;
	}
	return show_role(call);
}

int sync_word_failover(struct call *call)
{
	char *why = NULL;
	int rc = sync_failover(call->b->sync, &why);

	return sync_done(call, rc, why);
}

int sync_word_resync(struct call *call)
{
	char *why = NULL;
	int rc = sync_resync(call->b->sync, &why);

	if (rc)
		return sync_done(call, rc, why);
	return show_sync(call);
}

int sync_word_role(struct call *call)
{
	bool active = call->count == 1 && !strcmp(call->args[0], "active");
	char *why = NULL;
	int rc;

	if (call->count != 1 || (!active && strcmp(call->args[0], "standby")))
		return -EINVAL;
	rc = sync_set_role(call->b->sync, active, &why);
	return sync_done(call, rc, why);
}
