/* SPDX-License-Identifier: ISC */
/*
 * What each detector says of a device, where it may have several checks: the first that fails, else
 * the first. For show devices and the metrics. Thread: main.
 */
#ifndef SANDWICH_CONTROL_DETECTORS_H
#define SANDWICH_CONTROL_DETECTORS_H

#include "sandwich/run/balancer.h"

struct detectors {
	bool there[CONFIG_DETECTORS];
	struct health_view view[CONFIG_DETECTORS]; /* what it points to is health's */
};

static inline void detectors_add(void *user, const struct health_view *v)
{
	struct detectors *d = user;

	if (d->there[v->detector] && (v->ok || !d->view[v->detector].ok))
		return;
	d->there[v->detector] = true;
	d->view[v->detector] = *v;
}

static inline void detectors_look(const struct balancer *b, u8 device, struct detectors *out)
{
	*out = (struct detectors){{false}, {{.ok = false}}};
	if (b->health)
		health_walk(b->health, device, detectors_add, out);
}

#endif
