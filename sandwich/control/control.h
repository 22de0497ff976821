/* SPDX-License-Identifier: ISC */
/*
 * The control socket: a line of words in, one JSON document out.
 *
 *   {"status": "ok", "result": ...}
 *   {"status": "refused", "reason": "text that says what to do"}     exit code 1 of sandwichctl
 *   {"status": "usage", "reason": "..."}                            exit code 2
 *
 * The words are those of DESIGN 6. sandwichctl prints `result` with -j, and a table of it
 * otherwise. The socket is a file: who may talk is who may open it (mode 0660).
 *
 * Thread: main (GLib's default context). A client that doesn't read holds up nobody.
 */
#ifndef SANDWICH_CONTROL_CONTROL_H
#define SANDWICH_CONTROL_CONTROL_H

#include <json-glib/json-glib.h>
#include "sandwich/run/balancer.h"

struct control;

/*
 * Listens at PATH. A stale socket is replaced, a living one is -EADDRINUSE. *WHY (g_free()) says
 * what to do.
 */
int control_new(struct control **out, struct balancer *b, const char *path, char **why)
	__attribute__((warn_unused_result));
void control_free(struct control *c);

/*
 * Carries out one line of words (any LENGTH bytes, no NUL needed) and gives the response document,
 * which the caller frees. The seam for tests and fuzzing; never NULL.
 */
JsonNode *control_execute(struct balancer *b, const char *line, size_t length);

/* The Prometheus text of all metrics, g_free() it. */
char *metrics_text(struct balancer *b);

/* Serves metrics_text() at http://ADDRESS:PORT/metrics. */
int metrics_new(struct metrics **out, struct balancer *b, const char *where, char **why)
	__attribute__((warn_unused_result));
void metrics_free(struct metrics *m);

#endif
