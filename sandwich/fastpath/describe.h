/* SPDX-License-Identifier: ISC */
/*
 * Writes down the layout of a BPF object's maps, from its type information. Thread: main.
 */
#ifndef SANDWICH_FASTPATH_DESCRIBE_H
#define SANDWICH_FASTPATH_DESCRIBE_H

#include "sandwich/fastpath/layout.h"

struct bpf_object;

/* All maps but those of the program's own constants. 0, -ENOSPC, -ENAMETOOLONG. */
int describe(struct layout *l, struct bpf_object *object) __attribute__((warn_unused_result));

#endif
