/* SPDX-License-Identifier: ISC */
/*
 * Numbers with units, as the config file writes them: 20ms, 5d, 64k, 20ms x 3, on.
 *
 * The parsers return 0, or -EINVAL (not such a thing) or -ERANGE (too large to hold), and leave
 * their result alone then. The printers append what the parsers read back as the same value.
 * No state. Thread: any.
 */
#ifndef CONF_UNITS_H
#define CONF_UNITS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct config_pace;

/* Decimal digits and nothing else. */
int units_number(const char *text, uint64_t *out) __attribute__((warn_unused_result));

/* Digits, then k (1024), M (1024 k), G or nothing. */
int units_count(const char *text, uint64_t *out) __attribute__((warn_unused_result));
void units_count_print(GString *out, uint64_t count);

/* Digits, then ms, s, m, h or d; the result is in milliseconds. */
int units_duration(const char *text, uint64_t *ms) __attribute__((warn_unused_result));
void units_duration_print(GString *out, uint64_t ms);

/* "20ms x 3"; the spaces may be left out. */
int units_pace(const char *text, struct config_pace *out) __attribute__((warn_unused_result));
void units_pace_print(GString *out, const struct config_pace *pace);

/* on, yes, true; off, no, false. */
int units_bool(const char *text, bool *out) __attribute__((warn_unused_result));

#endif
