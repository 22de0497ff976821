/* SPDX-License-Identifier: ISC */
/* What a replay says, in JSON. Thread: any. */
#ifndef SANDWICH_CONTROL_REPLAY_JSON_H
#define SANDWICH_CONTROL_REPLAY_JSON_H

#include "sandwich/control/json.h"
#include "sandwich/control/replay.h"

/* One verdict as an element of an array. */
void replay_json_verdict(struct json *out, const struct replay_options *o,
			 const struct replay_verdict *v);

/* The members packets, reasons, conversations and counters of the object that is open. */
void replay_json_summary(struct json *out, struct replay *r, const struct replay_options *o);

/* The device's name, or NULL. */
const char *replay_device(const struct replay_options *o, u8 device);

/* What placed it: "hash", "pin", "host", "own address", "session", "none". */
const char *replay_why(u8 why);

/* The events' names, by their bit's number; NULL behind the last. */
const char *replay_event(unsigned int bit);

#endif
