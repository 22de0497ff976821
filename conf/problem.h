/* SPDX-License-Identifier: ISC */
/*
 * Diagnostics: adding one, and finding the word that was probably meant.
 *
 * Ownership: the problem array of config.h owns what is added here. Thread: any, one at a time.
 */
#ifndef CONF_PROBLEM_H
#define CONF_PROBLEM_H

#include <glib.h>

/*
 * Add a problem of LINE (0: the file as a whole). The text is made safe to print on a terminal:
 * control characters become '?', and what is longer than any sane line is cut.
 */
void problem_add(GPtrArray *problems, int line, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Bring PROBLEMS into the order of the file. */
void problem_sort(GPtrArray *problems);

/* The one of WORDS (NULL-terminated) that WORD is a slip of, or NULL when none is near. */
const char *problem_nearest(const char *word, const char *const *words);

#endif
