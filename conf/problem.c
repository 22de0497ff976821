/* SPDX-License-Identifier: ISC */
/* Diagnostics of the config reader: a growing list, and "did you mean". */
#include "conf/problem.h"

#include <string.h>

#include "conf/config.h"

#define TEXT_MAX 400 /* characters of one diagnostic; a pasted novel is not worth echoing */
#define WORD_MAX 32  /* longer than every word of the file, so nothing longer is a slip of one */

/* By line, the file as a whole last. The sort is stable: one line's stay in the order found. */
static gint compare(gconstpointer a, gconstpointer b)
{
	unsigned int left = (unsigned int)(*(struct config_problem *const *)a)->line - 1;
	unsigned int right = (unsigned int)(*(struct config_problem *const *)b)->line - 1;

	return (left > right) - (left < right);
}

void problem_sort(GPtrArray *problems)
{
	g_ptr_array_sort(problems, compare);
}

static void problem_free(void *pointer)
{
	struct config_problem *problem = pointer;

	g_free(problem->text);
	g_free(problem);
}

GPtrArray *config_problems_new(void)
{
	return g_ptr_array_new_with_free_func(problem_free);
}

/* Cut TEXT to TEXT_MAX characters and blank its control characters, in place. */
static void make_printable(char *text)
{
	size_t n = 0;
	char *c;

	for (c = text; *c && n < TEXT_MAX; c = g_utf8_next_char(c), n++) {
		gunichar u = g_utf8_get_char(c);

		if (u < 0x80 && g_unichar_iscntrl(u))
			*c = '?';
	}
	*c = '\0';
}

void problem_add(GPtrArray *problems, int line, const char *format, ...)
{
	struct config_problem *problem = g_new0(struct config_problem, 1);
	va_list args;
	char *text;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);

	problem->line = line;
	problem->text = g_utf8_make_valid(text, -1);
	make_printable(problem->text);
	g_free(text);
	g_ptr_array_add(problems, problem);
}

/* Edits (insert, delete, replace, swap of neighbours) from A to B; both at most WORD_MAX long. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int d[WORD_MAX + 1][WORD_MAX + 1];
	size_t m = strlen(a), n = strlen(b);

	for (size_t i = 0; i <= m; i++)
		d[i][0] = (unsigned int)i;
	for (size_t j = 0; j <= n; j++)
		d[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= m; i++) {
		for (size_t j = 1; j <= n; j++) {
			unsigned int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			best = MIN(best, MIN(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	}
	return d[m][n];
}

const char *problem_nearest(const char *word, const char *const *words)
{
	unsigned int best = MAX(1, (unsigned int)strlen(word) / 3) + 1;
	const char *nearest = NULL;

	if (strlen(word) > WORD_MAX)
		return NULL;
	for (; *words; words++) {
		unsigned int d = distance(word, *words);

		/* A slip keeps most of the word: "x" is not a slip of "id". */
		if (d < best && d < strlen(*words) && d < strlen(word)) {
			best = d;
			nearest = *words;
		}
	}
	return nearest;
}
