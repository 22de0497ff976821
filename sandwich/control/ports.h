/* SPDX-License-Identifier: ISC */
/* What show, metrics and replay share: a balancer's ports by name. Thread: main. */
#ifndef SANDWICH_CONTROL_PORTS_H
#define SANDWICH_CONTROL_PORTS_H

#include "conf/config.h"
#include "sandwich/core/tables.h"

/* The interface's name in the configuration; "?" where there is no such port. */
const char *ports_name(const struct config_balancer *self, u8 port);

/* The uplink and the farm ports together. */
u8 ports_count(const struct config_balancer *self);

/* The port of that name: 0, or -ENOENT. */
int ports_find(const struct config_balancer *self, const char *name, u8 *port)
	__attribute__((warn_unused_result));

/* Sessions recorded on all devices. */
u64 ports_sessions(struct tables *t);

#endif
