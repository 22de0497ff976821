/* SPDX-License-Identifier: ISC */
/*
 * One run of a program: without privileges, in a process group of its own, for a limited time.
 *
 * It has no capability and can get none; where we are root it is another user. Its output is read
 * for its last line and no more. When it ends, or its time is over, what is left of its group is
 * killed. Nothing here waits. Thread: main (GLib's default context).
 */
#ifndef SANDWICH_HEALTH_SCRIPT_RUN_H
#define SANDWICH_HEALTH_SCRIPT_RUN_H

#include <stdbool.h>
#include <sys/types.h>

struct script_run;

struct script_user {
	bool change; /* we are root: take these */
	uid_t uid;
	gid_t gid;
};

struct script_setup {
	char **argv, **envp;
	unsigned int timeout_ms;
	struct script_user as;
	/* It has ended. WHY: of a failure. The run is gone afterwards. */
	void (*done)(void *user, bool ok, const char *why);
	void *user;
};

/* Who runs programs when we are root: the user sandwich, else nobody. */
void script_user(struct script_user *out);

/* 0 and *OUT, or -errno and *WHY (g_free() it). done() is never called before this returns. */
int script_run(struct script_run **out, const struct script_setup *setup, char **why)
	__attribute__((warn_unused_result));

/* Kills it; done() is not called any more. */
void script_abandon(struct script_run *r);

#endif
