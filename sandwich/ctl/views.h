/* SPDX-License-Identifier: ISC */
/* How each word's result looks to a person. */
#ifndef SANDWICH_CTL_VIEWS_H
#define SANDWICH_CTL_VIEWS_H

#include "sandwich/ctl/answer.h"
#include "sandwich/ctl/table.h"

/* The columns for an array that WORDS ("show devices") gives, or NULL. */
const struct column *views_columns(const char *words);

/* Appends what a person wants to read of a RESULT that is no table. */
void views_print(GString *out, const char *words, JsonNode *result);

#endif
