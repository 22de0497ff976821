/* SPDX-License-Identifier: ISC */
/*
 * What pinned tables look like, told by themselves: for each map its size, and the name, place and
 * size of each member of its values. Lies in a pinned map beside them, so that a newer program can
 * read what an older one left.
 *
 * The loader makes it from the type information (BTF) of the program that it loads: nobody has to
 * remember to write down what they changed. What no type tells (what a number stands for, which
 * hash places a key) is LAYOUT_MEANING, which is counted up by hand.
 *
 * Pure. What is read back was written by another version, or by anybody who may write there: it is
 * checked before it is used. Byte order: the host's.
 */
#ifndef SANDWICH_FASTPATH_LAYOUT_H
#define SANDWICH_FASTPATH_LAYOUT_H

#include "sandwich/core/types.h"

#define LAYOUT_MAGIC 0x5a4e4457u
#define LAYOUT_FORM 1u	  /* of this record */
#define LAYOUT_MEANING 2u /* of what the tables hold: hashes, states, numbers of reasons */

#define LAYOUT_MAPS 32
#define LAYOUT_FIELDS 512
#define LAYOUT_NAME 40
#define LAYOUT_ONE_VALUE 0x10000u /* in layout_map.type: all entries lie in one value */

struct layout_field {
	char name[LAYOUT_NAME]; /* "key.outside" */
	u32 offset, size;	/* bytes, in the map's value */
};

struct layout_map {
	char name[16]; /* as the kernel calls maps */
	u32 type;      /* enum bpf_map_type, and LAYOUT_ONE_VALUE */
	u32 value_size, entries;
	u32 first, fields; /* of layout.field */
};

struct layout {
	u32 magic, form, meaning;
	u32 maps, fields;
	struct layout_map map[LAYOUT_MAPS];
	struct layout_field field[LAYOUT_FIELDS];
};

void layout_init(struct layout *l);

/* Adds a map, and a member to the map added last. 0, or -ENOSPC, -ENAMETOOLONG. */
int layout_add_map(struct layout *l, const char *name, u32 type, u32 value_size, u32 entries)
	__attribute__((warn_unused_result));
int layout_add_field(struct layout *l, const char *name, u32 offset, u32 size)
	__attribute__((warn_unused_result));

/* Whether a record that was read can be used: 0, -EPROTO (not one), -EINVAL (not a sound one). */
int layout_check(const struct layout *l) __attribute__((warn_unused_result));

/* NULL where there is none. */
const struct layout_map *layout_map(const struct layout *l, const char *name);
const struct layout_field *layout_field(const struct layout *l, const struct layout_map *m,
					const char *name);

/* Whether both have the map, and it is the same to the last byte. */
bool layout_same(const struct layout *a, const struct layout *b, const char *name);

/* Bytes from one entry to the next in mapped memory: the kernel keeps values eight-byte aligned. */
size_t layout_stride(const struct layout_map *m);
/* All of it. */
size_t layout_bytes(const struct layout_map *m);

#endif
