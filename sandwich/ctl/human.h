/* SPDX-License-Identifier: ISC */
/* Numbers as people read them, and members of JSON objects that may not be there. */
#ifndef SANDWICH_CTL_HUMAN_H
#define SANDWICH_CTL_HUMAN_H

#include "sandwich/ctl/ctl.h"

void human_time(GString *out, double seconds); /* 0.2s 59s 4m03s 2h10m 3d04h */
void human_bytes(GString *out, double bytes);  /* 999 1.2K 3.4G: powers of 1024 */
void human_count(GString *out, double n);      /* 1234567 12.3M: powers of 1000 */

/* The member, or a value that stands for nothing. */
const char *human_string(JsonObject *row, const char *member); /* "" */
double human_double(JsonObject *row, const char *member);      /* -1 */
gint64 human_number(JsonObject *row, const char *member);      /* 0 */
JsonObject *human_object(JsonObject *row, const char *member); /* NULL */
bool human_true(JsonObject *row, const char *member);          /* false */
bool human_has(JsonObject *row, const char *member);           /* it is there and not null */

/* address:port, [address]:port, or the address alone where PORT is 0. */
void human_endpoint(GString *out, const char *address, gint64 port);

#endif
