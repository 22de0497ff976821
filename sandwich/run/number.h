/* SPDX-License-Identifier: ISC */
/*
 * Which device has which id: by name it keeps the one it had.
 *
 * Sessions and pins name devices by id. So those that are new get one that nobody had; only where
 * there are none left do they inherit. Pure. Thread: main.
 */
#ifndef SANDWICH_RUN_NUMBER_H
#define SANDWICH_RUN_NUMBER_H

#include "conf/config.h"
#include "sandwich/core/types.h"

/* HAD[id]: the hash of the name of who had it (settings_name_hash()), 0: nobody. */
void number_by_hash(struct config *config, const u64 had[DEVICES_MAX]);

#endif
