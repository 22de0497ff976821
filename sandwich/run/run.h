/* SPDX-License-Identifier: ISC */
/*
 * What the two programs share of main(): options, log, signals, privileges, readiness.
 */
#ifndef SANDWICH_RUN_RUN_H
#define SANDWICH_RUN_RUN_H

#include "conf/config.h"

/* What makes a program ingress or egress. */
struct run_role {
	const char *program; /* "sandwich-ingress" */
	const char *summary; /* one line for --help */
	enum config_side_id side;
};

/* The program. Exit status: 0 done, 1 refused (said on stderr), 2 usage. */
int run_main(const struct run_role *role, int argc, char **argv);

/*
 * Tells the service manager (sd_notify(3) protocol) STATE, as "READY=1"; nothing where there is
 * none.
 */
void run_notify(const char *state);

/* Asks for more than the usual share of the CPU, for all threads to come; says where it may not. */
void run_raise_priority(void);

/*
 * Gives up every capability that a running balancer needs no more: of this thread and of those it
 * starts later. 0 or -errno.
 */
int run_drop_privileges(void) __attribute__((warn_unused_result));

/* Log lines on stderr: with a time for people, with a priority for the journal. */
void run_log_init(void);

#endif
