/* SPDX-License-Identifier: ISC */
/*
 * sandwichctl: words to a daemon's control socket, answers to a person or, with -j, to a program.
 *
 * Thread: the only one.
 */
#ifndef SANDWICH_CTL_CTL_H
#define SANDWICH_CTL_CTL_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

/* Exit codes. */
enum ctl_exit { CTL_DONE, CTL_REFUSED, CTL_USAGE };

struct ctl {
	const char *socket; /* -s, NULL: find it */
	const char *name;   /* -n */
	bool json;          /* -j */
	char *path;         /* the socket found */
};

/* Finds the socket to talk to. CTL_DONE, or what is wrong has been said. */
enum ctl_exit ctl_find(struct ctl *ctl);

/* Words that take more than a question and an answer; ARGS follow the word, NULL at their end. */
enum ctl_exit ctl_drain(struct ctl *ctl, char **args);
enum ctl_exit ctl_top(struct ctl *ctl, char **args);
enum ctl_exit ctl_replay(struct ctl *ctl, char **args);

/* Asks and prints: every other word. */
enum ctl_exit ctl_ask(struct ctl *ctl, char **words);

/* Says on stderr what is wrong. */
enum ctl_exit ctl_fail(enum ctl_exit code, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
