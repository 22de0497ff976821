/* SPDX-License-Identifier: ISC */
/*
 * The lines of the Prometheus text. Names are without "sandwich_", and never change once released.
 *
 * Thread: main.
 */
#ifndef SANDWICH_CONTROL_METRICS_TEXT_H
#define SANDWICH_CONTROL_METRICS_TEXT_H

#include "sandwich/run/balancer.h"

struct text {
	GString *out;
	struct balancer *b;
	const struct counters *sum;
};

/* TYPE is "counter" or "gauge"; HELP one line. */
void metrics_head(struct text *t, const char *name, const char *type, const char *help);

/*
 * One sample; LABELS is what follows the balancer's, "" or ",port=\"eth0\"". Names need no escaping
 * (conf).
 */
void metrics_sample(struct text *t, const char *name, const char *labels, double value);

/* One sample with one label more. */
void metrics_label(struct text *t, const char *name, const char *label, const char *text,
		   double value);

/* Head and only sample. */
void metrics_one(struct text *t, const char *name, const char *type, const char *help,
		 double value);

/* Roles, and the links to all other balancers. */
void metrics_sync(struct text *t);

#endif
