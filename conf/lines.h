/* SPDX-License-Identifier: ISC */
/*
 * The file as lines: sections, keys and values with their line numbers, before any value has been
 * read. GKeyFile knows no line numbers and merges sections that are there twice in silence, so
 * the same syntax is scanned here, with comments also behind a value.
 *
 * Ownership: a document owns its sections, they own their entries. Thread: any, one at a time.
 */
#ifndef CONF_LINES_H
#define CONF_LINES_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "conf/keys.h"

struct entry {
	const struct key *key;
	char *text;
	int line;
	bool bad; /* its value could not be used: what follows from it must not be judged */
};

struct section {
	const struct section_kind *kind;
	char *name; /* NULL where the kind has none */
	int line;
	GPtrArray *entries; /* struct entry, at most one for each key */
};

struct document {
	GPtrArray *sections;  /* struct section, in the file's order */
	GHashTable *by_title; /* "device fw1" -> struct section */
};

/* Scan TEXT (any bytes). What is no section, key or comment, unknown or there twice is told. */
struct document *document_scan(const char *text, size_t length, GPtrArray *problems);
void document_free(struct document *document);

/* The section (NAME: NULL where its kind has none), or NULL. */
const struct section *document_section(const struct document *document, enum section_id id,
				       const char *name);

/* The entry of KEY, or NULL; SECTION may be NULL. */
struct entry *section_entry(const struct section *section, const char *key);

#endif
