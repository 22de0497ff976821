/* SPDX-License-Identifier: ISC */
/*
 * Rows out of a slot table, some at a time: what show sessions and show pins share.
 *
 * Tables change while they are walked; a row is what its slot was when the walk came by. Thread:
 * main.
 */
#ifndef SANDWICH_CONTROL_ROWS_H
#define SANDWICH_CONTROL_ROWS_H

#include "sandwich/control/words.h"

struct slot_rows {
	struct rows rows; /* first */
	enum table_kind kind;
	u32 at;    /* next slot */
	u64 limit; /* rows to write; 0: all */
	u32 now;
	struct session_filter filter;
	bool (*match)(const struct session_filter *filter, const struct slot *slot);
	void (*write)(struct json *out, struct balancer *b, const struct slot *slot, u32 now);
};

/*
 * Reads filters and "limit N" from CALL's arguments and makes it answer with rows. 0 or an error of
 * words.h.
 */
int rows_start(struct call *call, const struct slot_rows *rows) __attribute__((warn_unused_result));

/* The `more` of such rows. */
bool rows_more(struct rows *base, struct balancer *b, struct json *out);

/* The device's name, or NULL. */
const char *rows_device(struct balancer *b, u8 device);

#endif
