// SPDX-License-Identifier: ISC
/* Results that are no tables. */
#include "sandwich/ctl/views.h"

#include <string.h>

#include "sandwich/ctl/human.h"

static void view_json(GString *out, JsonNode *result)
{
	char *text = json_to_string(result, TRUE);

	g_string_append_printf(out, "%s\n", text);
	g_free(text);
}

static void view_age(GString *out, JsonObject *o)
{
	human_time(out, human_double(o, "age"));
	g_string_append(out, " old, idle ");
	human_time(out, human_double(o, "idle"));
}

static void view_explain_why(GString *out, JsonObject *o)
{
	static const char *const choices[] = {"its first choice", "its second choice",
					      "its third choice", "its fourth choice",
					      "its four first choices are not available"};
	const char *why = human_string(o, "why"), *verdict = human_string(o, "verdict");

	if (!strcmp(why, "session") && !strcmp(verdict, "drop"))
		g_string_append_printf(out, "session: dropped until %s is back",
				       human_string(o, "device"));
	else if (!strcmp(why, "session") && !strcmp(verdict, "reset"))
		g_string_append_printf(out, "session: reset, as %s is down",
				       human_string(o, "device"));
	else if (!strcmp(why, "hash"))
		g_string_append_printf(out, "hash, rank %d: %s", (int)human_number(o, "rank"),
				       choices[CLAMP(human_number(o, "rank"), 0, 4)]);
	else if (!strcmp(why, "to be learned"))
		g_string_append(out, "to be learned from the device that brings its first frame");
	else if (!strcmp(why, "session"))
		g_string_append(out, "session: it stays where it is recorded");
	else if (!strcmp(why, "own address"))
		g_string_append(out, "the destination is the device itself");
	else if (!strcmp(why, "none"))
		g_string_append(out, "no device may be picked");
	else
		g_string_append(out, why);
}

static void view_explain_records(GString *out, JsonObject *o)
{
	JsonObject *session = human_object(o, "session"), *pin = human_object(o, "pin");

	g_string_append(out, "session  ");
	if (session) {
		g_string_append_printf(out, "%s on %s, ", human_string(session, "state"),
				       human_string(session, "device"));
		view_age(out, session);
	} else if (!human_has(o, "protocol")) {
		g_string_append(out, "not asked: no ports given");
	} else {
		g_string_append(out, human_has(o, "client_port") ? "none recorded"
								 : "not asked: no id given");
	}
	g_string_append(out, "\npin      ");
	if (pin) {
		g_string_append_printf(out, "%s on %s (%s), ", human_string(pin, "address"),
				       human_string(pin, "device"), human_string(pin, "origin"));
		view_age(out, pin);
	} else {
		g_string_append(out, "none");
	}
	g_string_append_c(out, '\n');
}

static void view_explain_next(GString *out, JsonObject *o)
{
	const char *device = human_string(o, "device"), *next = human_string(o, "if_device_left");
	const char *down = human_string(o, "on_device_down");

	if (!*device)
		return;
	if (!strcmp(human_string(o, "why"), "session") &&
	    strcmp(human_string(o, "verdict"), "forward")) {
		g_string_append_printf(out, "opened anew: %s\n", *next ? next : "nowhere");
		return;
	}
	g_string_append_printf(out, "if %s left: %s", device, *next ? next : "nowhere");
	if (!strcmp(down, "reset"))
		g_string_append(out, ", once both ends have been told to connect anew");
	else if (!strcmp(down, "drop"))
		g_string_append(out, ", but only when opened anew");
	g_string_append_c(out, '\n');
}

static void view_explain(GString *out, JsonNode *result)
{
	JsonObject *o = json_node_get_object(result);
	const char *device = human_string(o, "device");

	human_endpoint(out, human_string(o, "client"), human_number(o, "client_port"));
	g_string_append(out, " to ");
	human_endpoint(out, human_string(o, "server"), human_number(o, "server_port"));
	g_string_append_printf(out, "%s%s, opened from the %s\n",
			       human_has(o, "protocol") ? " " : "", human_string(o, "protocol"),
			       human_string(o, "from"));
	g_string_append_printf(out, "device   %s\nwhy      ", *device ? device : "none");
	view_explain_why(out, o);
	g_string_append_c(out, '\n');
	view_explain_records(out, o);
	view_explain_next(out, o);
	if (!json_object_get_boolean_member_with_default(o, "crosses", TRUE))
		g_string_append_printf(out, "note     %s\n", human_string(o, "note"));
}

/* What is 0 is left out, but for the figures that prove something by being it. */
static bool view_counts(const char *name, gint64 value)
{
	return value || !strcmp(name, "asymmetric_flows_total") || !strcmp(name, "rx_total") ||
	       !strcmp(name, "reasons_total") || !strcmp(name, "partner_reachable");
}

static void view_counters(GString *out, JsonNode *result)
{
	JsonObject *o = json_node_get_object(result);
	GList *names = json_object_get_members(o);
	int width = 0, zero = 0;

	for (GList *at = names; at; at = at->next)
		width = MAX(width, (int)strlen(at->data));
	g_string_append_printf(out, "%-*s  %20s\n", width, "datapath", human_string(o, "datapath"));
	for (GList *at = names; at; at = at->next) {
		const char *name = at->data;

		if (!strcmp(name, "datapath"))
			continue;
		if (view_counts(name, human_number(o, name)))
			g_string_append_printf(out, "%-*s  %20" G_GINT64_FORMAT "\n", width, name,
					       human_number(o, name));
		else
			zero++;
	}
	if (zero)
		g_string_append_printf(out, "(%d more are 0)\n", zero);
	g_list_free(names);
}

static void view_config(GString *out, JsonNode *result)
{
	g_string_append(out, human_string(json_node_get_object(result), "text"));
}

static void view_eta(GString *out, JsonObject *o)
{
	gint64 clients = human_number(o, "clients");

	g_string_append_printf(out, ", %" G_GINT64_FORMAT " sessions",
			       human_number(o, "left") - clients);
	if (clients)
		g_string_append_printf(out, " and %" G_GINT64_FORMAT " clients", clients);
	g_string_append(out, " left");
	if (!human_has(o, "eta"))
		return;
	g_string_append(out, ", about ");
	human_time(out, human_double(o, "eta"));
}

static void view_state(GString *out, JsonObject *o)
{
	const char *why = human_string(o, "why"), *state = human_string(o, "state");

	g_string_append_printf(out, "%s: %s", human_string(o, "device"), state);
	if (*why && strcmp(why, state))
		g_string_append_printf(out, " (%s)", why);
}

/* A device that is up begins to drain as soon as what is on it has been pinned there. */
static void view_drain(GString *out, JsonNode *result)
{
	JsonObject *o = json_node_get_object(result);
	const char *state = human_string(o, "state");

	if (strcmp(state, "up") && strcmp(state, "draining")) {
		view_state(out, o);
	} else {
		g_string_append_printf(out, "%s: draining", human_string(o, "device"));
		view_eta(out, o);
	}
	g_string_append_c(out, '\n');
}

/* It is up again once both sides are ready. */
static void view_enable(GString *out, JsonNode *result)
{
	JsonObject *o = json_node_get_object(result);
	const char *state = human_string(o, "state");

	if (!strcmp(state, "draining") || !strcmp(state, "disabled"))
		g_string_append_printf(out, "%s: enabled, up as soon as both sides are ready",
				       human_string(o, "device"));
	else
		view_state(out, o);
	g_string_append_c(out, '\n');
}

static void view_disable(GString *out, JsonNode *result)
{
	view_state(out, json_node_get_object(result));
	g_string_append_c(out, '\n');
}

static void view_flush(GString *out, JsonNode *result)
{
	gint64 n = human_number(json_node_get_object(result), "flushed");

	g_string_append_printf(out, "%" G_GINT64_FORMAT " session%s forgotten\n", n,
			       n == 1 ? "" : "s");
}

static void view_partner(GString *out, JsonObject *partner)
{
	gint64 us = human_number(partner, "rtt_us");

	if (!partner || !json_object_get_boolean_member_with_default(partner, "reachable", FALSE)) {
		g_string_append(out, "not heard of\n");
		return;
	}
	g_string_append(out, "heard of");
	if (us)
		g_string_append_printf(out, ", round trip %.2fms", (double)us / 1000);
	if (!json_object_get_boolean_member_with_default(partner, "same_epoch", FALSE))
		g_string_append(out, ", but it has another device table");
	g_string_append_c(out, '\n');
}

static void view_version(GString *out, JsonNode *result)
{
	JsonObject *o = json_node_get_object(result);

	g_string_append_printf(
		out, "sandwich %s: balancer %s (%s) of %s, %s mode, affinity %s, datapath %s\nup ",
		human_string(o, "version"), human_string(o, "balancer"), human_string(o, "side"),
		human_string(o, "sandwich"), human_string(o, "mode"), human_string(o, "affinity"),
		human_string(o, "datapath"));
	human_time(out, human_double(o, "uptime"));
	g_string_append_printf(out, ", configuration %s\npartner ", human_string(o, "config"));
	view_partner(out, human_object(o, "partner"));
}

static void view_role_box(GString *out, JsonObject *box)
{
	double silent = human_double(box, "silent_us");

	g_string_append_printf(out, "  %-16s %-8s %-9s", human_string(box, "name"),
			       human_string(box, "side"), human_string(box, "role"));
	if (!human_has(box, "silent_us")) {
		g_string_append(out, "never heard of\n");
		return;
	}
	g_string_append_printf(out, "heard %.0fms ago%s%s\n", silent / 1000,
			       human_true(box, "ports_ok") ? "" : ", a port is down",
			       human_true(box, "equal") ? ", equal" : "");
}

static void view_role(GString *out, JsonNode *result)
{
	JsonObject *o = json_node_get_object(result);
	JsonArray *boxes = json_object_get_array_member(o, "boxes");

	g_string_append_printf(out, "%s: %s for ", human_string(o, "name"),
			       human_string(o, "role"));
	human_time(out, human_double(o, "since"));
	g_string_append_printf(out, ", term %" G_GINT64_FORMAT "%s%s\n", human_number(o, "term"),
			       *human_string(o, "why") ? ": " : "", human_string(o, "why"));
	if (strcmp(human_string(o, "active"), human_string(o, "name")))
		g_string_append_printf(out, "active is %s, our tables are %s\n",
				       *human_string(o, "active") ? human_string(o, "active")
								  : "nobody that is heard of",
				       human_true(o, "equal") ? "equal" : "not known to be equal");
	if (!human_true(o, "on_duty") && !strcmp(human_string(o, "role"), "active"))
		g_string_append(out, "not on duty yet: takes over sessions from the other side\n");
	if (!human_true(o, "ports_ok"))
		g_string_append(out, "a port of ours is down\n");
	if (*human_string(o, "waits"))
		g_string_append_printf(out, "waits: %s\n", human_string(o, "waits"));
	for (guint i = 0; i < json_array_get_length(boxes); i++)
		view_role_box(out, json_array_get_object_element(boxes, i));
}

static void view_help(GString *out, JsonNode *result)
{
	JsonArray *rows = json_node_get_array(result);

	for (guint i = 0; i < json_array_get_length(rows); i++) {
		JsonObject *o = json_array_get_object_element(rows, i);
		const char *args = human_string(o, "arguments");

		g_string_append_printf(out, "%s%s%s\n        %s\n", human_string(o, "words"),
				       *args ? " " : "", args, human_string(o, "text"));
	}
}

static const struct {
	const char *words;
	JsonNodeType type;
	void (*print)(GString *out, JsonNode *result);
} views[] = {
	{"explain", JSON_NODE_OBJECT, view_explain},
	{"show counters", JSON_NODE_OBJECT, view_counters},
	{"show config", JSON_NODE_OBJECT, view_config},
	{"drain", JSON_NODE_OBJECT, view_drain},
	{"enable", JSON_NODE_OBJECT, view_enable},
	{"disable", JSON_NODE_OBJECT, view_disable},
	{"flush", JSON_NODE_OBJECT, view_flush},
	{"show role", JSON_NODE_OBJECT, view_role},
	{"failover", JSON_NODE_OBJECT, view_role},
	{"role", JSON_NODE_OBJECT, view_role},
	{"version", JSON_NODE_OBJECT, view_version},
	{"help", JSON_NODE_ARRAY, view_help},
};

void views_print(GString *out, const char *words, JsonNode *result)
{
	for (gsize i = 0; i < G_N_ELEMENTS(views); i++) {
		if (!g_str_has_prefix(words, views[i].words) ||
		    json_node_get_node_type(result) != views[i].type)
			continue;
		views[i].print(out, result);
		return;
	}
	view_json(out, result);
}
