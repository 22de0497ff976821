// SPDX-License-Identifier: ISC
#include "sandwich/ctl/human.h"

#include <string.h>

void human_time(GString *out, double seconds)
{
	unsigned long s = (unsigned long)seconds;

	if (seconds < 0)
		g_string_append(out, "-");
	else if (seconds < 10)
		g_string_append_printf(out, "%.1fs", seconds);
	else if (s < 60)
		g_string_append_printf(out, "%lus", s);
	else if (s < 3600)
		g_string_append_printf(out, "%lum%02lus", s / 60, s % 60);
	else if (s < 86400)
		g_string_append_printf(out, "%luh%02lum", s / 3600, s % 3600 / 60);
	else
		g_string_append_printf(out, "%lud%02luh", s / 86400, s % 86400 / 3600);
}

/* VALUE in steps of STEP, with a letter, from FIRST on. */
static void human_scale(GString *out, double value, double first, double step)
{
	static const char letters[] = " KMGTPE";
	unsigned int i = 0;

	if (value < first) {
		g_string_append_printf(out, "%.0f", value);
		return;
	}
	while (value >= step && i < sizeof(letters) - 2) {
		value /= step;
		i++;
	}
	g_string_append_printf(out, value < 100 ? "%.1f%c" : "%.0f%c", value, letters[i]);
}

void human_bytes(GString *out, double bytes)
{
	human_scale(out, bytes, 1024, 1024);
}

void human_count(GString *out, double n)
{
	human_scale(out, n, 1e7, 1000);
}

bool human_true(JsonObject *row, const char *member)
{
	return json_object_get_boolean_member_with_default(row, member, FALSE);
}

bool human_has(JsonObject *row, const char *member)
{
	return row && json_object_has_member(row, member) &&
	       !json_object_get_null_member(row, member);
}

const char *human_string(JsonObject *row, const char *member)
{
	JsonNode *node = human_has(row, member) ? json_object_get_member(row, member) : NULL;

	if (!node || json_node_get_value_type(node) != G_TYPE_STRING)
		return "";
	return json_node_get_string(node);
}

double human_double(JsonObject *row, const char *member)
{
	return human_has(row, member) ? json_object_get_double_member_with_default(row, member, -1)
				      : -1;
}

gint64 human_number(JsonObject *row, const char *member)
{
	return human_has(row, member) ? json_object_get_int_member_with_default(row, member, 0) : 0;
}

JsonObject *human_object(JsonObject *row, const char *member)
{
	JsonNode *node = human_has(row, member) ? json_object_get_member(row, member) : NULL;

	return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

void human_endpoint(GString *out, const char *address, gint64 port)
{
	bool brackets = port && strchr(address, ':');

	g_string_append_printf(out, brackets ? "[%s]" : "%s", address);
	if (port)
		g_string_append_printf(out, ":%d", (int)port);
}
