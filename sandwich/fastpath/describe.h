/* SPDX-License-Identifier: ISC */
/*
 * Writes down the layout of a BPF object's maps, from its type information. Thread: main.
 */
#ifndef SANDWICH_FASTPATH_DESCRIBE_H
#define SANDWICH_FASTPATH_DESCRIBE_H

#include "sandwich/fastpath/layout.h"

struct bpf_map;
struct bpf_object;

/*
 * What a map of the engine's tables is called, or NULL: it is none. The section that holds a
 * variable is a map, too, called as the variable is.
 */
const char *describe_name(const struct bpf_map *map);

/* The map of that name, or NULL. */
struct bpf_map *describe_find(const struct bpf_object *object, const char *name);

/* All maps but those of the program's own constants. 0, -ENOSPC, -ENAMETOOLONG. */
int describe(struct layout *l, struct bpf_object *object) __attribute__((warn_unused_result));

#endif
