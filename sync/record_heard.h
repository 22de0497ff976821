/* SPDX-License-Identifier: ISC */
/*
 * HEARD (PROTOCOL.md 4): what a device has passed on to the sender's side, for the partner, which
 * can't see it and may be sending it frames in vain.
 *
 * Unreliable: a total, said anew in each interval of the detector. Pure. As record_twin.h.
 */
#ifndef SYNC_RECORD_HEARD_H
#define SYNC_RECORD_HEARD_H

#include "sync/record.h"

/* 13 bytes each. */
struct record_heard {
	u64 name;    /* the device's, its hash; never 0 */
	u32 passed;  /* frames, modulo 2^32 */
	bool silent; /* the sender finds it silent */
};

bool record_put_heard(struct record_writer *w, const struct record_heard *heard);
bool record_get_heard(struct record_reader *r, struct record_heard *out);

#endif
