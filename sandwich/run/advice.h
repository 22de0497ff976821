/* SPDX-License-Identifier: ISC */
/*
 * What a configuration or a machine is warned of, though the balancer runs with it.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_ADVICE_H
#define SANDWICH_RUN_ADVICE_H

#include "sandwich/run/balancer.h"

struct advice;

/* Warns of what is there at the start, and of what becomes of the ports later. */
struct advice *advice_new(struct balancer *b);
void advice_free(struct advice *a);

/* N ports and their MTUs (0: not known) that are not all the same: the same. */
char *advice_mtus(const char *const *names, const unsigned int *mtus, unsigned int n);

#endif
