/* SPDX-License-Identifier: ISC */
/*
 * Writing JSON (RFC 8259) as text, straight into a string.
 *
 * Session tables have millions of rows: a tree of nodes for them (json-glib) costs some two
 * kilobytes and ten microseconds a row. What is written here is always complete and valid; members
 * have a KEY, elements of an array have NULL.
 *
 * Ownership: the struct borrows `text`. Thread: any.
 */
#ifndef SANDWICH_CONTROL_JSON_H
#define SANDWICH_CONTROL_JSON_H

#include <glib.h>
#include "sandwich/core/types.h"

struct json {
	GString *text;
	bool comma; /* the next member or element needs one before it */
};

/* BRACKET is '{' or '['; json_end() takes the same one. */
void json_begin(struct json *j, const char *key, char bracket);
void json_end(struct json *j, char bracket);

/* NULL becomes null; bytes that are no UTF-8 become U+FFFD. */
void json_string(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, u64 value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

/* TEXT as it is: a number that the caller has written. */
void json_literal(struct json *j, const char *key, const char *text);

/* Milliseconds, written in seconds: 1.234. */
void json_seconds(struct json *j, const char *key, u64 ms);

void json_mac(struct json *j, const char *key, const struct mac *mac);

/* An address; with LENGTH (of 128) below 128 as a prefix: "192.0.2.0/24". */
void json_address(struct json *j, const char *key, const struct address *address, u8 length);

#endif
