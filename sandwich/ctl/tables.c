// SPDX-License-Identifier: ISC
/* The columns of the tables. */
#include <string.h>

#include "sandwich/ctl/human.h"
#include "sandwich/ctl/views.h"

static void cell_count(GString *out, JsonObject *row, const char *member)
{
	human_count(out, (double)human_number(row, member));
}

static void cell_bytes(GString *out, JsonObject *row, const char *member)
{
	human_bytes(out, (double)human_number(row, member));
}

static void cell_time(GString *out, JsonObject *row, const char *member)
{
	human_time(out, human_double(row, member));
}

/* MEMBER is "client" or "server"; its port stands beside it. */
static void cell_endpoint(GString *out, JsonObject *row, const char *member)
{
	char *port = g_strconcat(member, "_port", NULL);

	human_endpoint(out, human_string(row, member), human_number(row, port));
	g_free(port);
}

static void cell_mac(GString *out, JsonObject *row, const char *member)
{
	JsonArray *macs = human_has(row, member) ? json_object_get_array_member(row, member) : NULL;
	guint n = macs ? json_array_get_length(macs) : 0;

	g_string_append(out, n ? json_array_get_string_element(macs, 0) : "-");
	if (n > 1)
		g_string_append_printf(out, "+%u", n - 1);
}

/* Ours as resolved, and the other side's as far as the file fixes them. */
static void cell_macs(GString *out, JsonObject *row, const char *member)
{
	cell_mac(out, row, member);
	g_string_append_c(out, '/');
	cell_mac(out, row, "egress_mac");
}

static void cell_failing(JsonObject *health, const char *detector, JsonNode *node, gpointer user)
{
	JsonObject *check = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
	GString *out = user;

	(void)health;
	if (!check || json_object_get_boolean_member_with_default(check, "ok", FALSE))
		return;
	g_string_append_printf(out, "%s%s", out->len ? " " : "", detector);
}

static void cell_rtt(GString *out, JsonObject *health)
{
	JsonObject *path = human_object(health, "path");
	gint64 us = human_number(path ? path : human_object(health, "icmp"), "rtt_us");

	g_string_append(out, "ok");
	if (us)
		g_string_append_printf(out, us < 10000 ? " %.2fms" : " %.0fms", (double)us / 1000);
}

/* What fails, or how quickly it answers. */
static void cell_health(GString *out, JsonObject *row, const char *member)
{
	JsonObject *health = human_object(row, member);
	GString *failing = g_string_new(NULL);

	if (health)
		json_object_foreach_member(health, cell_failing, failing);
	if (failing->len)
		g_string_append_printf(out, "no %s", failing->str);
	else if (health && json_object_get_size(health))
		cell_rtt(out, health);
	g_string_free(failing, TRUE);
}

/* Why it is not up, or what is left of a drain. */
static void cell_remark(GString *out, JsonObject *row, const char *member)
{
	JsonObject *drain = human_object(row, "drain");

	g_string_append(out, human_string(row, member));
	if (!drain)
		return;
	g_string_append_printf(out, "%s%" G_GINT64_FORMAT " left", out->len ? ", " : "",
			       human_number(drain, "left"));
	if (human_has(drain, "eta")) {
		g_string_append(out, ", about ");
		human_time(out, human_double(drain, "eta"));
	}
	if (human_has(drain, "deadline")) {
		g_string_append(out, ", flushed in ");
		human_time(out, human_double(drain, "deadline"));
	}
}

static void cell_asymmetric(GString *out, JsonObject *row, const char *member)
{
	g_string_append(out, human_string(row, "state"));
	if (json_object_get_boolean_member_with_default(row, member, FALSE))
		g_string_append(out, "!");
}

static void cell_pair(GString *out, JsonObject *row, const char *member)
{
	if (human_has(row, "id")) {
		g_string_append(out, human_string(row, "id"));
		return;
	}
	human_endpoint(out, human_string(row, member), human_number(row, "port"));
	if (!human_has(row, "other"))
		return;
	g_string_append(out, " ");
	human_endpoint(out, human_string(row, "other"), human_number(row, "other_port"));
}

static void cell_us(GString *out, JsonObject *row, const char *member)
{
	double us = (double)human_number(row, member);

	if (us < 1000000)
		g_string_append_printf(out, us < 10000 ? "%.2fms" : "%.0fms", us / 1000);
	else
		human_time(out, us / 1000000);
}

/* Whether tables are equal; how many entries differed when they were last compared. */
static void cell_equal(GString *out, JsonObject *row, const char *member)
{
	gint64 differing = human_number(row, "differing");

	if (!human_has(row, member))
		g_string_append(out, "not compared");
	else if (json_object_get_boolean_member_with_default(row, member, FALSE))
		g_string_append(out, "equal");
	else if (differing)
		g_string_append_printf(out, "%" G_GINT64_FORMAT " differ", differing);
	else
		g_string_append(out, "differ");
}

static const struct column devices[] = {
	{"NAME", "name", false, NULL},
	{"STATE", "state", false, NULL},
	{"WEIGHT", "weight", true, NULL},
	{"SESSIONS", "sessions", true, cell_count},
	{"PACKETS", "packets", true, cell_count},
	{"BYTES", "bytes", true, cell_bytes},
	{"MAC (INGRESS/EGRESS)", "ingress_mac", false, cell_macs},
	{"HEALTH", "health", false, cell_health},
	{"", "why", false, cell_remark},
	{NULL, NULL, false, NULL},
};

static const struct column sessions[] = {
	{"PROTO", "protocol", false, NULL},
	{"CLIENT", "client", false, cell_endpoint},
	{"SERVER", "server", false, cell_endpoint},
	{"DEVICE", "device", false, NULL},
	{"STATE", "asymmetric", false, cell_asymmetric},
	{"ORIGIN", "origin", false, NULL},
	{"AGE", "age", true, cell_time},
	{"IDLE", "idle", true, cell_time},
	{"PACKETS", "packets", true, cell_count},
	{"BYTES", "bytes", true, cell_bytes},
	{NULL, NULL, false, NULL},
};

static const struct column pins[] = {
	{"KIND", "kind", false, NULL},     {"WHAT", "address", false, cell_pair},
	{"DEVICE", "device", false, NULL}, {"ORIGIN", "origin", false, NULL},
	{"AGE", "age", true, cell_time},   {"IDLE", "idle", true, cell_time},
	{NULL, NULL, false, NULL},
};

static const struct column neighbours[] = {
	{"ADDRESS", "address", false, NULL}, {"VLAN", "vlan", true, NULL},
	{"ORIGIN", "origin", false, NULL},   {"STATE", "state", false, NULL},
	{"MAC", "mac", false, NULL},         {"PORT", "port", false, NULL},
	{"DEVICE", "device", false, NULL},   {"ANSWERED", "answered", true, cell_time},
	{NULL, NULL, false, NULL},
};

static const struct column addresses[] = {
	{"ADDRESS", "address", false, NULL}, {"PORT", "port", false, NULL},
	{"KIND", "kind", false, NULL},       {"VLAN", "vlan", true, NULL},
	{"MAC", "mac", false, NULL},         {NULL, NULL, false, NULL},
};

static const struct column syncs[] = {
	{"NAME", "name", false, NULL},	     {"SIDE", "side", false, NULL},
	{"ROLE", "role", false, NULL},	     {"TABLES", "digest_equal", false, cell_equal},
	{"SESSIONS", "sessions", true, cell_count}, {"LAG", "lag_us", true, cell_us},
	{"RTT", "rtt_us", true, cell_us},    {"SENT", "sent", true, cell_count},
	{"RECEIVED", "received", true, cell_count}, {"LOST", "lost", true, cell_count},
	{"REPAIRED", "repaired", true, cell_count}, {"REFUSED", "refused", true, cell_count},
	{"PATH", "path", false, NULL},	     {NULL, NULL, false, NULL},
};

static const struct {
	const char *words;
	const struct column *columns;
} tables[] = {
	{"show devices", devices},       {"show sessions", sessions},   {"show pins", pins},
	{"show neighbours", neighbours}, {"show addresses", addresses}, {"show sync", syncs},
	{"resync", syncs},
};

const struct column *views_columns(const char *words)
{
	for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
		if (g_str_has_prefix(words, tables[i].words))
			return tables[i].columns;
	return NULL;
}
