// SPDX-License-Identifier: ISC
/* Metrics of the roles, and of state sync with each other balancer. */
#include "sandwich/control/metrics_text.h"

#include "sandwich/run/sync.h"

static const char *const metrics_roles[ROLE_STATES] = {"starting", "standby", "active", "leaving"};

static const char *const metrics_refusals[LINK_REFUSALS] = {
	[LINK_REFUSED_SHORT] = "short",	      [LINK_REFUSED_FOREIGN] = "foreign",
	[LINK_REFUSED_FORGED] = "forged",     [LINK_REFUSED_REPLAYED] = "replayed",
	[LINK_REFUSED_VERSION] = "version",   [LINK_REFUSED_MALFORMED] = "malformed",
	[LINK_REFUSED_ECHO] = "echo",	      [LINK_REFUSED_DEPOSED] = "deposed",
	[LINK_REFUSED_EARLY] = "early",	      [LINK_REFUSED_LATE] = "late",
};

static void metrics_role_counts(struct text *t, const struct role_counts *c)
{
	metrics_one(t, "role_takeovers_total", "counter",
		    "It became active because nobody else was.", (double)c->takeovers);
	metrics_one(t, "role_handovers_total", "counter",
		    "Planned handovers, to it and from it.", (double)c->handovers);
	metrics_one(t, "role_handovers_called_off_total", "counter",
		    "Handovers that the standby did not answer.", (double)c->called_off);
	metrics_one(t, "role_gave_way_total", "counter",
		    "Times that two were active and this one stepped back.",
		    (double)c->gave_way);
	metrics_one(t, "role_takeovers_vetoed_total", "counter",
		    "Takeovers held back since a partner hears the active one.",
		    (double)c->vetoed);
	metrics_one(t, "role_late_total", "counter",
		    "Times that the own loop stood still, so that nobody could be judged.",
		    (double)c->late);
}

static void metrics_role(struct text *t, const struct role_view *r)
{
	metrics_head(t, "role", "gauge", "1 for the role that the balancer has.");
	for (int role = 0; role < ROLE_STATES; role++)
		metrics_label(t, "role", "role", metrics_roles[role], (int)r->role == role);
	metrics_one(t, "on_duty", "gauge", "1 while it forwards and answers.",
		    !core_load(&t->b->tables.settings->standby));
	metrics_one(t, "role_term", "gauge",
		    "Number of the active's time in office, the highest that is known.", r->term);
	metrics_one(t, "role_equal", "gauge",
		    "1 while it is active, or its tables are those of the active.",
		    (r->flags & ROLE_EQUAL) != 0);
	metrics_one(t, "role_ports_ok", "gauge", "1 while uplink and farm have a carrier.",
		    (r->flags & ROLE_PORTS_OK) != 0);
	metrics_one(t, "role_since_seconds", "gauge", "How long it has had its role.",
		    (double)((u64)g_get_monotonic_time() - r->since_us) / 1e6);
	metrics_role_counts(t, &r->counts);
}

static double metrics_link_up(const struct sync_other *o)
{
	return o->link.up;
}

static double metrics_differing(const struct sync_other *o)
{
	return (double)o->differing;
}

static double metrics_lag(const struct sync_other *o)
{
	return (double)o->lag_us / 1e6;
}

static double metrics_rtt(const struct sync_other *o)
{
	return o->link.rtt_us / 1e6;
}

static double metrics_their_sessions(const struct sync_other *o)
{
	return (double)o->sessions;
}

static double metrics_sent(const struct sync_other *o)
{
	return (double)o->link.counts.sent;
}

static double metrics_received(const struct sync_other *o)
{
	return (double)o->link.counts.received;
}

static double metrics_lost(const struct sync_other *o)
{
	return (double)o->link.counts.lost;
}

static double metrics_reordered(const struct sync_other *o)
{
	return (double)o->link.counts.reordered;
}

static double metrics_duplicate(const struct sync_other *o)
{
	return (double)o->link.counts.duplicate;
}

static double metrics_retransmitted(const struct sync_other *o)
{
	return (double)o->link.counts.retransmitted;
}

static double metrics_given_up(const struct sync_other *o)
{
	return (double)o->link.counts.given_up;
}

static double metrics_restarts(const struct sync_other *o)
{
	return (double)o->link.counts.resets;
}

static double metrics_applied(const struct sync_other *o)
{
	return (double)o->applied;
}

static double metrics_stale(const struct sync_other *o)
{
	return (double)o->stale;
}

static double metrics_full(const struct sync_other *o)
{
	return (double)o->full;
}

static double metrics_repaired(const struct sync_other *o)
{
	return (double)o->repaired;
}

static const struct {
	const char *name, *type, *help;
	double (*value)(const struct sync_other *o);
} metrics_of_links[] = {
	{"sync_up", "gauge", "1 while the other balancer is heard by some path.", metrics_link_up},
	{"sync_differing_entries", "gauge", "Sessions and pins that differed at the last count.",
	 metrics_differing},
	{"sync_lag_seconds", "gauge", "Age of the oldest change that it has not acknowledged.",
	 metrics_lag},
	{"sync_rtt_seconds", "gauge", "Round trip to it.", metrics_rtt},
	{"sync_sessions", "gauge", "Sessions that it says it has.", metrics_their_sessions},
	{"sync_sent_total", "counter", "Datagrams sent to it.", metrics_sent},
	{"sync_received_total", "counter", "Authentic datagrams of it.", metrics_received},
	{"sync_lost_total", "counter",
	 "Datagrams of it that did not come, by a path that worked as far as it knew.",
	 metrics_lost},
	{"sync_reordered_total", "counter", "Datagrams of it that later ones overtook.",
	 metrics_reordered},
	{"sync_duplicate_total", "counter", "Datagrams of it that came twice.", metrics_duplicate},
	{"sync_retransmitted_total", "counter",
	 "Datagrams to it whose content was said again, as it was by then.",
	 metrics_retransmitted},
	{"sync_given_up_total", "counter", "Datagrams of it whose content it said again.",
	 metrics_given_up},
	{"sync_restarts_total", "counter", "Times that it was heard anew, the first one included.",
	 metrics_restarts},
	{"sync_applied_total", "counter", "Records of it that were taken.", metrics_applied},
	{"sync_stale_total", "counter", "Records of it that something later had overtaken.",
	 metrics_stale},
	{"sync_full_total", "counter", "Records of it that found no room in the table.",
	 metrics_full},
	{"sync_repaired_total", "counter",
	 "Entries that a comparison found different, or that were said again after a loss.",
	 metrics_repaired},
};

static void metrics_link(struct text *t, const char *name, const struct sync_other *o,
			 const char *more, double value)
{
	char *labels = g_strdup_printf(",peer=\"%s\",relation=\"%s\"%s", o->box->name,
				       o->relation == SYNC_PEER ? "peer" : "partner", more);

	metrics_sample(t, name, labels, value);
	g_free(labels);
}

/* Without a sample where nothing has been compared. */
static void metrics_equal(struct text *t, const struct sync_view *view)
{
	metrics_head(t, "sync_equal", "gauge",
		     "1 while its tables and ours are known to be equal.");
	for (unsigned int i = 0; i < view->others; i++)
		if (view->other[i].equal != SYNC_UNKNOWN)
			metrics_link(t, "sync_equal", &view->other[i], "",
				     view->other[i].equal == SYNC_EQUAL);
}

static void metrics_refused(struct text *t, const struct sync_view *view)
{
	metrics_head(t, "sync_refused_total", "counter",
		     "Datagrams that came as its, and were not taken, by why.");
	for (unsigned int i = 0; i < view->others; i++) {
		const struct sync_other *o = &view->other[i];

		for (int why = 0; why < LINK_REFUSALS; why++) {
			char *more = g_strdup_printf(",reason=\"%s\"", metrics_refusals[why]);

			metrics_link(t, "sync_refused_total", o, more,
				     (double)o->link.counts.refused[why]);
			g_free(more);
		}
	}
}

static void metrics_links(struct text *t, const struct sync_view *view)
{
	for (gsize i = 0; i < G_N_ELEMENTS(metrics_of_links); i++) {
		metrics_head(t, metrics_of_links[i].name, metrics_of_links[i].type,
			     metrics_of_links[i].help);
		for (unsigned int k = 0; k < view->others; k++)
			metrics_link(t, metrics_of_links[i].name, &view->other[k], "",
				     metrics_of_links[i].value(&view->other[k]));
	}
	metrics_equal(t, view);
	metrics_refused(t, view);
}

void metrics_sync(struct text *t)
{
	struct sync_view view;

	sync_look(t->b->sync, &view);
	metrics_role(t, &view.role);
	if (view.others)
		metrics_links(t, &view);
}
