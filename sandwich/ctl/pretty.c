// SPDX-License-Identifier: ISC
#include "sandwich/ctl/pretty.h"

#include <string.h>

#define PRETTY_SPACE " \t\r\n"

static void pretty_indent(FILE *out, int depth)
{
	fprintf(out, "\n%*s", 2 * depth, "");
}

/* Behind the string that begins at TEXT. */
static const char *pretty_string_end(const char *text)
{
	const char *at = text + 1;

	while (*at && *at != '"')
		at += at[0] == '\\' && at[1] ? 2 : 1;
	return *at ? at + 1 : at;
}

static const char *pretty_scalar(FILE *out, const char *text)
{
	const char *end =
		*text == '"' ? pretty_string_end(text) : text + strcspn(text, ",]}" PRETTY_SPACE);

	fwrite(text, 1, (size_t)(end - text), out);
	return end;
}

/* "key": of an object's member. */
static const char *pretty_key(FILE *out, const char *text)
{
	text = pretty_scalar(out, text);
	text += strspn(text, ":" PRETTY_SPACE);
	fputs(": ", out);
	return text;
}

static const char *pretty_members(FILE *out, const char *text, int depth, char end)
{
	int n = 0;

	for (text += strspn(text, "," PRETTY_SPACE); *text && *text != end; n++) {
		if (n)
			fputc(',', out);
		pretty_indent(out, depth + 1);
		if (end == '}')
			text = pretty_key(out, text);
		text = pretty_print(out, text, depth + 1);
		text += strspn(text, "," PRETTY_SPACE);
	}
	if (n)
		pretty_indent(out, depth);
	return text;
}

const char *pretty_print(FILE *out, const char *text, int depth)
{
	char end;

	text += strspn(text, PRETTY_SPACE);
	if (*text != '{' && *text != '[')
		return pretty_scalar(out, text);
	end = *text == '{' ? '}' : ']';
	fputc(*text, out);
	text = pretty_members(out, text + 1, depth, end);
	fputc(end, out);
	return *text ? text + 1 : text;
}

size_t pretty_print_elements(FILE *out, const char *text, int begun)
{
	size_t n = 0;

	for (text += strspn(text, "[" PRETTY_SPACE); *text && *text != ']'; n++) {
		if (begun || n)
			fputc(',', out);
		pretty_indent(out, 1);
		text = pretty_print(out, text, 1);
		text += strspn(text, "," PRETTY_SPACE);
	}
	return n;
}
