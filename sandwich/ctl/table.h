/* SPDX-License-Identifier: ISC */
/*
 * Rows of JSON objects as aligned columns. Widths grow with what comes: a table that is printed in
 * several parts keeps its header and its columns.
 */
#ifndef SANDWICH_CTL_TABLE_H
#define SANDWICH_CTL_TABLE_H

#include "sandwich/ctl/ctl.h"

#define TABLE_COLUMNS 16

struct column {
	const char *title;
	const char *member;
	bool right; /* numbers */
	/* Appends the cell; NULL: the member as it is. */
	void (*cell)(GString *out, JsonObject *row, const char *member);
};

struct table {
	const struct column *columns; /* the last has no title */
	size_t width[TABLE_COLUMNS];
	bool begun;
};

/* Prints the rows of ARRAY, the header before the first ones. */
void table_print(struct table *t, GString *out, JsonArray *rows);

#endif
