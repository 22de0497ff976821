/* SPDX-License-Identifier: ISC */
/* JSON text made readable. Numbers stay as they were written: json-glib would
 * make 3.352 3.3519999999999999. */
#ifndef SANDWICH_CTL_PRETTY_H
#define SANDWICH_CTL_PRETTY_H

#include <stddef.h>
#include <stdio.h>

/* Prints the one JSON value at the beginning of TEXT, indented from DEPTH on. Gives what follows
 * it. */
const char *pretty_print(FILE *out, const char *text, int depth);

/* Prints the elements of the array that TEXT is, without its brackets; BEGUN: there were some
 * before. How many. */
size_t pretty_print_elements(FILE *out, const char *text, int begun);

#endif
