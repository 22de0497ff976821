/* SPDX-License-Identifier: ISC */
/* From bytes to sections and entries. */
#include "conf/lines.h"

#include <string.h>

#include "conf/config.h"
#include "conf/problem.h"

/* Where the scan stands. */
struct scan {
	struct document *document;
	GPtrArray *problems;
	struct section *section; /* that lines belong to; NULL: to one that was refused, or none */
	struct section *orphan;  /* a repeated section: its keys are judged, then forgotten */
	bool begun;              /* a header was seen */
	int line;
};

static void entry_free(void *pointer)
{
	struct entry *entry = pointer;

	g_free(entry->text);
	g_free(entry);
}

static void section_free(void *pointer)
{
	struct section *section = pointer;

	g_ptr_array_unref(section->entries);
	g_free(section->name);
	g_free(section);
}

static struct section *section_new(const struct section_kind *kind, const char *name, int line)
{
	struct section *section = g_new0(struct section, 1);

	section->kind = kind;
	section->name = g_strdup(name);
	section->line = line;
	section->entries = g_ptr_array_new_with_free_func(entry_free);
	return section;
}

static char *title(const struct section_kind *kind, const char *name)
{
	return name ? g_strdup_printf("%s %s", kind->name, name) : g_strdup(kind->name);
}

static struct document *document_new(void)
{
	struct document *document = g_new0(struct document, 1);

	document->sections = g_ptr_array_new_with_free_func(section_free);
	document->by_title = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return document;
}

void document_free(struct document *document)
{
	g_hash_table_unref(document->by_title);
	g_ptr_array_unref(document->sections);
	g_free(document);
}

const struct section *document_section(const struct document *document, enum section_id id,
				       const char *name)
{
	char *wanted = title(&section_kinds[id], name);
	const struct section *section = g_hash_table_lookup(document->by_title, wanted);

	g_free(wanted);
	return section;
}

struct entry *section_entry(const struct section *section, const char *key)
{
	for (guint i = 0; section && i < section->entries->len; i++) {
		struct entry *entry = g_ptr_array_index(section->entries, i);

		if (!strcmp(entry->key->name, key))
			return entry;
	}
	return NULL;
}

/* Cut a comment: a '#' at the beginning or behind a space. */
static void cut_comment(char *line)
{
	for (char *c = line; *c; c++) {
		if (*c != '#' || (c > line && !g_ascii_isspace(c[-1])))
			continue;
		*c = '\0';
		return;
	}
}

static void unknown_section(struct scan *scan, const char *word)
{
	const char *words[SECTIONS + 1] = {0};
	const char *near;

	for (int i = 0; i < SECTIONS; i++)
		words[i] = section_kinds[i].name;
	near = problem_nearest(word, words);
	if (near)
		problem_add(scan->problems, scan->line,
			    "unknown section '%.64s', did you mean '%s'?", word, near);
	else
		problem_add(scan->problems, scan->line,
			    "unknown section '%.64s': the sections are [sandwich], [timeouts], "
			    "[side ingress], [side egress], [balancer NAME], [device NAME] and "
			    "[health]",
			    word);
}

/* Is NAME (NULL: none) what a section of KIND is called? */
static bool name_ok(struct scan *scan, const struct section_kind *kind, const char *name)
{
	if (!kind->named && name)
		problem_add(scan->problems, scan->line, "[%s] takes no name: write [%s]",
			    kind->name, kind->name);
	else if (kind->named && !name)
		problem_add(scan->problems, scan->line, "[%s] needs a name: write %s", kind->name,
			    kind->example);
	else if (kind->names && !g_strv_contains(kind->names, name))
		problem_add(scan->problems, scan->line, "[%s %.64s]: write %s", kind->name, name,
			    kind->example);
	else if (name && !keys_is_name(name))
		problem_add(scan->problems, scan->line,
			    "'%.64s' is no name: write 1 to 63 letters, digits, '-', '_' or '.', a "
			    "letter or digit first",
			    name);
	else
		return true;
	return false;
}

/* Add a section, or make it an orphan when it is there already. */
static void enter_section(struct scan *scan, const struct section_kind *kind, const char *name)
{
	struct section *section = section_new(kind, name, scan->line);
	char *key = title(kind, name);
	const struct section *first = g_hash_table_lookup(scan->document->by_title, key);

	scan->section = section;
	if (first) {
		problem_add(scan->problems, scan->line, "[%s] is already on line %d: %s", key,
			    first->line,
			    kind->named && !kind->names ? "give one of them another name"
							: "write it once, with all its keys");
		scan->orphan = section;
		g_free(key);
		return;
	}
	g_ptr_array_add(scan->document->sections, section);
	g_hash_table_insert(scan->document->by_title, key, section);
}

/* TEXT is what stands between the brackets. */
static void scan_title(struct scan *scan, char *text)
{
	const struct section_kind *kind;
	char *name = g_strstrip(text);

	while (*name && !g_ascii_isspace(*name))
		name++;
	if (*name)
		*name++ = '\0';
	name = *name ? g_strstrip(name) : NULL;
	kind = keys_find_section(text);
	if (!kind)
		unknown_section(scan, text);
	else if (name_ok(scan, kind, name))
		enter_section(scan, kind, name);
}

static void scan_header(struct scan *scan, char *line)
{
	size_t length = strlen(line);

	scan->begun = true;
	scan->section = NULL;
	g_clear_pointer(&scan->orphan, section_free);
	if (line[length - 1] != ']') {
		problem_add(scan->problems, scan->line, "expected ']' at the end of '%.64s'", line);
		return;
	}
	line[length - 1] = '\0';
	scan_title(scan, g_strchug(line + 1));
}

/* The section kind that has a key of that name, or NULL. */
static const struct section_kind *home_of(const char *name)
{
	for (int i = 0; i < SECTIONS; i++)
		if (keys_find(&section_kinds[i], name))
			return &section_kinds[i];
	return NULL;
}

static void unknown_key(struct scan *scan, const char *name)
{
	const struct section_kind *kind = scan->section->kind;
	const char *near = keys_nearest(kind, name);
	const struct section_kind *home = home_of(name);
	char *list = keys_list(kind);

	if (home)
		problem_add(scan->problems, scan->line,
			    "'%s' does not belong in [%s]: write it in %s", name, kind->name,
			    home->example);
	else if (near)
		problem_add(scan->problems, scan->line, "unknown key '%.64s', did you mean '%s'?",
			    name, near);
	else
		problem_add(scan->problems, scan->line, "unknown key '%.64s': [%s] has %s", name,
			    kind->name, list);
	g_free(list);
}

static void add_entry(struct scan *scan, const char *name, const char *text)
{
	const struct key *key = keys_find(scan->section->kind, name);
	const struct entry *first = section_entry(scan->section, name);
	struct entry *entry;

	if (!key) {
		unknown_key(scan, name);
		return;
	}
	if (first) {
		problem_add(scan->problems, scan->line,
			    "'%s' is already on line %d: write it once, with all its values", name,
			    first->line);
		return;
	}
	entry = g_new0(struct entry, 1);
	entry->key = key;
	entry->text = g_strdup(text);
	entry->line = scan->line;
	g_ptr_array_add(scan->section->entries, entry);
}

static void scan_entry(struct scan *scan, char *line)
{
	char *equals = strchr(line, '=');

	if (!scan->begun) {
		problem_add(scan->problems, scan->line,
			    "'%.64s' stands before the first section: write [sandwich] above it",
			    line);
		scan->begun = true;
		return;
	}
	if (!equals || equals == line) {
		problem_add(scan->problems, scan->line,
			    "'%.64s' is no 'key = value', [section] or # comment", line);
		return;
	}
	if (!scan->section)
		return;
	*equals = '\0';
	add_entry(scan, g_strchomp(line), g_strchug(equals + 1));
}

/* One line without its newline; changed in place. */
static void scan_line(struct scan *scan, char *line, size_t length)
{
	if (!g_utf8_validate(line, (gssize)length, NULL)) {
		problem_add(scan->problems, scan->line, "not text: write UTF-8 without zero bytes");
		return;
	}
	cut_comment(line);
	g_strstrip(line);
	if (*line == '[')
		scan_header(scan, line);
	else if (*line)
		scan_entry(scan, line);
}

struct document *document_scan(const char *text, size_t length, GPtrArray *problems)
{
	struct scan scan = {.document = document_new(), .problems = problems};
	const char *end = text + length;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);
		char *line = g_malloc0(n + 1);

		memcpy(line, text, n);
		scan.line++;
		scan_line(&scan, line, n);
		g_free(line);
		text += n + (newline != NULL);
	}
	g_clear_pointer(&scan.orphan, section_free);
	return scan.document;
}
