/* SPDX-License-Identifier: ISC */
/*
 * Writing the table of source MACs (core/device.h) while other threads read it.
 *
 * Thread: main, the table's one writer.
 */
#ifndef SANDWICH_SLOWPATH_MACS_H
#define SANDWICH_SLOWPATH_MACS_H

#include "sandwich/core/tables.h"

/*
 * KEY (mac_key()) belongs to OWNER (MAC_OWNER_... | number) from now on; settings.mac_variants
 * follows. 0, or -ENOSPC when too many MACs share a window.
 */
int macs_put(struct tables *t, u64 key, u32 owner) __attribute__((warn_unused_result));

/* Forgets KEY, if it is there. */
void macs_del(struct tables *t, u64 key);

/* Forgets all that OWNER has. */
void macs_del_owner(struct tables *t, u32 owner);

#endif
