/* SPDX-License-Identifier: ISC */
/*
 * A connection of the kernel's to a check's target, made without waiting.
 *
 * The kernel connects from its own address and MAC: it needs one on the farm. A probe outlives its
 * check until GIO has let go of it. Thread: main.
 */
#ifndef SANDWICH_HEALTH_PROBE_H
#define SANDWICH_HEALTH_PROBE_H

#include <gio/gio.h>
#include "sandwich/health/check.h"

#define PROBE_BUFFER 512

struct probe {
	struct check *check; /* NULL: abandoned */
	GCancellable *cancel;
	GSocketConnection *connection;
	void (*connected)(struct probe *p);
	char buffer[PROBE_BUFFER]; /* what is written, then what is read */
	gsize filled;
};

/* Connects; CONNECTED goes on, and every way ends in probe_end(). */
void probe_start(struct check *c, void (*connected)(struct probe *p));
void probe_abandon(struct check *c);

/* Ends it with a result; WHY NULL: it was a success. */
void probe_end(struct probe *p, const char *why);

#endif
