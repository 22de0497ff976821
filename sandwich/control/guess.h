/* SPDX-License-Identifier: ISC */
/* "Did you mean ...?" Thread: any. */
#ifndef SANDWICH_CONTROL_GUESS_H
#define SANDWICH_CONTROL_GUESS_H

/* How many letters must be put in, left out or changed to make A into B (Levenshtein, 1965). */
unsigned int guess_distance(const char *a, const char *b);

#endif
