/* SPDX-License-Identifier: ISC */
/*
 * A question to the daemon and its answer, which may be a table that nobody wants in memory at
 * once.
 *
 * answer_ask() reads small answers whole. Of a large table it reads the first rows, and
 * answer_more() the next ones.
 */
#ifndef SANDWICH_CTL_ANSWER_H
#define SANDWICH_CTL_ANSWER_H

#include <stdio.h>
#include "sandwich/ctl/ctl.h"

struct answer {
	JsonNode *result;    /* whole, or an array of the rows read last */
	char *text;          /* the same as it came */
	gint64 total, shown; /* of tables, once complete; -1: it is none */
	char *note;
	bool complete;
	bool raw; /* the rows of large tables as text only */
	FILE *in;
};

/* CTL_DONE and *OUT, or the reason is on stderr. answer_fini() in both cases. */
enum ctl_exit answer_ask(struct ctl *ctl, const char *words, struct answer *out);
enum ctl_exit answer_more(struct answer *a);
void answer_fini(struct answer *a);

/* The same, with a word for refusals instead of stderr: *WHY (g_free()) is set where CTL_DONE isn't
 * returned. */
enum ctl_exit answer_try(struct ctl *ctl, const char *words, struct answer *out, char **why);

#endif
