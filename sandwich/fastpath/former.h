/* SPDX-License-Identifier: ISC */
/*
 * The tables that a daemon before us left, as it described them: read, never written.
 *
 * They may be another version's, and they may be in use: the program on the ports goes on working
 * on them until ours takes its place.
 *
 * Ownership: owns its mappings. Thread: main.
 */
#ifndef SANDWICH_FASTPATH_FORMER_H
#define SANDWICH_FASTPATH_FORMER_H

#include "sandwich/fastpath/layout.h"

struct keep;
struct former;

/* 0, or -ENOENT: there are none, -EPROTO or -EINVAL: nobody can read them, else -errno. */
int former_open(struct former **out, const struct keep *keep) __attribute__((warn_unused_result));
void former_free(struct former *f);

const struct layout *former_layout(const struct former *f);

/*
 * A member in all the values of a map: OUT->at is the first value's, the next is OUT->stride bytes
 * behind, and there are OUT->count. OUT->at NULL: there is no such map or member, or it is not of
 * SIZE bytes (0: any).
 */
struct former_column {
	const u8 *at;
	size_t stride;
	u32 count, size;
};

void former_column(struct former *f, const char *map, const char *field, u32 size,
		   struct former_column *out);

/* One of them, as a number of 1, 2, 4 or 8 bytes; 0 where there is none. */
u64 former_number(const struct former_column *c, u32 index);

/* Copies one of them to OUT, c->size bytes; zeroes SIZE bytes where there is none. */
void former_copy(const struct former_column *c, u32 index, void *out, u32 size);

#endif
