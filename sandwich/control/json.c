// SPDX-License-Identifier: ISC
#include "sandwich/control/json.h"

#include <string.h>

#include "sandwich/control/names.h"

static void json_escape(GString *out, const char *text)
{
	for (const char *at = text; *at; at++) {
		unsigned char c = (unsigned char)*at;

		if (c == '"' || c == '\\')
			g_string_append_printf(out, "\\%c", c);
		else if (c < 0x20)
			g_string_append_printf(out, "\\u%04x", c);
		else
			g_string_append_c(out, (char)c);
	}
}

static void json_quote(GString *out, const char *text)
{
	g_string_append_c(out, '"');
	if (g_utf8_validate(text, -1, NULL)) {
		json_escape(out, text);
	} else {
		char *valid = g_utf8_make_valid(text, -1);

		json_escape(out, valid);
		g_free(valid);
	}
	g_string_append_c(out, '"');
}

/* What goes before every value. */
static void json_key(struct json *j, const char *key)
{
	if (j->comma)
		g_string_append_c(j->text, ',');
	j->comma = true;
	if (!key)
		return;
	json_quote(j->text, key);
	g_string_append_c(j->text, ':');
}

void json_begin(struct json *j, const char *key, char bracket)
{
	json_key(j, key);
	/* A row a line: sandwichctl passes on tables that it need not hold. */
	if (!key && j->text->len)
		g_string_append_c(j->text, '\n');
	g_string_append_c(j->text, bracket);
	j->comma = false;
}

void json_end(struct json *j, char bracket)
{
	g_string_append_c(j->text, bracket == '{' ? '}' : ']');
	j->comma = true;
}

void json_string(struct json *j, const char *key, const char *value)
{
	json_key(j, key);
	if (value)
		json_quote(j->text, value);
	else
		g_string_append(j->text, "null");
}

void json_number(struct json *j, const char *key, u64 value)
{
	json_key(j, key);
	g_string_append_printf(j->text, "%" G_GUINT64_FORMAT, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	g_string_append(j->text, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
	json_string(j, key, NULL);
}

void json_literal(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	g_string_append(j->text, text);
}

void json_seconds(struct json *j, const char *key, u64 ms)
{
	json_key(j, key);
	g_string_append_printf(j->text, "%" G_GUINT64_FORMAT ".%03u", ms / 1000,
			       (unsigned)(ms % 1000));
}

void json_mac(struct json *j, const char *key, const struct mac *mac)
{
	char text[NAMES_MAC];

	names_mac(text, mac);
	json_string(j, key, text);
}

void json_address(struct json *j, const char *key, const struct address *address, u8 length)
{
	char text[NAMES_ADDRESS];

	names_address(text, address, length);
	json_string(j, key, text);
}
