// SPDX-License-Identifier: ISC
#include "sandwich/control/guess.h"

#include <glib.h>
#include <string.h>

#define GUESS_MAX 64 /* letters; longer words are unlike anything */

unsigned int guess_distance(const char *a, const char *b)
{
	unsigned int row[GUESS_MAX + 1];
	size_t length = strlen(b);

	if (length > GUESS_MAX || strlen(a) > GUESS_MAX)
		return G_MAXUINT;
	for (unsigned int i = 0; i <= length; i++)
		row[i] = i;
	for (unsigned int i = 0; a[i]; i++) {
		unsigned int corner = row[0];

		row[0] = i + 1;
		for (size_t k = 0; k < length; k++) {
			unsigned int change = corner + (a[i] != b[k]);

			corner = row[k + 1];
			row[k + 1] = MIN(change, MIN(row[k], row[k + 1]) + 1);
		}
	}
	return row[length];
}
