/* SPDX-License-Identifier: ISC */
/*
 * The balancer's own addresses and ports: what the configuration says of them, and what becomes of
 * the interfaces.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_LOCAL_H
#define SANDWICH_RUN_LOCAL_H

#include "sandwich/run/balancer.h"

/* Gives the answerer the floating and cluster addresses of our side. */
void local_configure(struct balancer *b);

/* Looks whether a port's interface has changed: carrier, MTU, or gone and back. */
void local_check_port(struct balancer *b, u8 index);

#endif
