/* SPDX-License-Identifier: ISC */
/*
 * What a daemon tells its successor besides the engine's tables. Lies in a pinned map.
 */
#ifndef SANDWICH_FASTPATH_NOTES_H
#define SANDWICH_FASTPATH_NOTES_H

#include "sandwich/core/types.h"

struct fast_notes {
	u32 alive; /* ms of the engine's clock: when it last ran */
	u32 admin_version[DEVICES_MAX];
	u8 admin[DEVICES_MAX]; /* enum health_admin */
};

#endif
