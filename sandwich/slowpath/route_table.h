/* SPDX-License-Identifier: ISC */
/*
 * Writing the engine's routes and neighbours (core/route.h, core/device.h) while other threads read
 * them.
 *
 * A reader sees an entry before or after a change, and never misses a prefix that stays: entries
 * are written before the list of prefix lengths names their length, and lengths leave it only when
 * it is full.
 *
 * Thread: main, the tables' one writer.
 */
#ifndef SANDWICH_SLOWPATH_ROUTE_TABLE_H
#define SANDWICH_SLOWPATH_ROUTE_TABLE_H

#include "sandwich/core/route.h"

#define ROUTE_TABLE_LENGTHS 129

struct route_table {
	struct tables *tables;
	u32 count[ROUTE_TABLE_LENGTHS]; /* prefixes of each length */
};

struct route_value {
	u8 kind;       /* enum route_kind */
	u16 neighbour; /* ROUTE_VIA */
};

/* Empties the engine's table. */
void route_table_init(struct route_table *rt, struct tables *tables);

/*
 * Sets what lies behind a prefix (of LENGTH bits of 128; masked here). 0; -ENOSPC: too many
 * prefixes share a window, or too many lengths are in use; -EINVAL: no such length or zone.
 */
int route_table_put(struct route_table *rt, const struct address *prefix, u32 zone, u8 length,
		    const struct route_value *value) __attribute__((warn_unused_result));
void route_table_del(struct route_table *rt, const struct address *prefix, u32 zone, u8 length);

/* Where frames to neighbour INDEX go; MAC NULL: nowhere for now. */
void route_table_neighbour(struct route_table *rt, u16 index, const struct address *address,
			   const struct mac *mac);

#endif
