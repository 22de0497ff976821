// SPDX-License-Identifier: ISC
#include "sandwich/ctl/table.h"

#include <string.h>

#include "sandwich/ctl/human.h"

static char *table_cell(const struct column *c, JsonObject *row)
{
	GString *out = g_string_new(NULL);
	JsonNode *node;

	if (c->cell) {
		c->cell(out, row, c->member);
	} else if (human_has(row, c->member)) {
		node = json_object_get_member(row, c->member);
		if (json_node_get_value_type(node) == G_TYPE_STRING)
			g_string_append(out, json_node_get_string(node));
		else
			g_string_append_printf(out, "%" G_GINT64_FORMAT,
					       human_number(row, c->member));
	}
	if (!out->len && *c->title)
		g_string_append_c(out, '-');
	return g_string_free(out, FALSE);
}

static void table_line(const struct table *t, GString *out, char **cells)
{
	size_t start = out->len;

	for (unsigned int i = 0; t->columns[i].title; i++) {
		glong pad = (glong)t->width[i] - g_utf8_strlen(cells[i], -1);

		if (i)
			g_string_append(out, "  ");
		if (t->columns[i].right)
			g_string_append_printf(out, "%*s", (int)MAX(pad, 0), "");
		g_string_append(out, cells[i]);
		if (!t->columns[i].right)
			g_string_append_printf(out, "%*s", (int)MAX(pad, 0), "");
	}
	while (out->len > start && out->str[out->len - 1] == ' ')
		g_string_truncate(out, out->len - 1);
	g_string_append_c(out, '\n');
}

static void table_widen(struct table *t, char **cells)
{
	for (unsigned int i = 0; t->columns[i].title; i++)
		t->width[i] = MAX(t->width[i], (size_t)g_utf8_strlen(cells[i], -1));
}

static char **table_row(const struct table *t, JsonObject *row)
{
	char **cells = g_new0(char *, TABLE_COLUMNS + 1);

	for (unsigned int i = 0; t->columns[i].title; i++)
		cells[i] = row ? table_cell(&t->columns[i], row) : g_strdup(t->columns[i].title);
	return cells;
}

void table_print(struct table *t, GString *out, JsonArray *rows)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);

	if (!t->begun)
		g_ptr_array_add(lines, table_row(t, NULL));
	t->begun = true;
	for (guint i = 0; i < json_array_get_length(rows); i++) {
		JsonNode *node = json_array_get_element(rows, i);

		if (JSON_NODE_HOLDS_OBJECT(node))
			g_ptr_array_add(lines, table_row(t, json_node_get_object(node)));
	}
	for (guint i = 0; i < lines->len; i++)
		table_widen(t, g_ptr_array_index(lines, i));
	for (guint i = 0; i < lines->len; i++)
		table_line(t, out, g_ptr_array_index(lines, i));
	g_ptr_array_unref(lines);
}
