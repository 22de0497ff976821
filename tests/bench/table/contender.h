/* SPDX-License-Identifier: ISC */
/*
 * A table of sessions in user space: what stands against what.
 *
 * All get the same 40-byte keys in the same order, and keep 64 bytes a session. Thread: one.
 */
#ifndef TESTS_BENCH_TABLE_CONTENDER_H
#define TESTS_BENCH_TABLE_CONTENDER_H

#include "sandwich/core/table.h"

struct contender {
	const char *name;
	/* Room for SESSIONS; NULL when there is none. */
	void *(*open)(u32 sessions);
	/* False when it finds no room. The key is not in it yet. */
	bool (*insert)(void *table, const struct flow *key);
	/* The session's slot, or NULL. */
	struct slot *(*find)(void *table, const struct flow *key);
	void (*close)(void *table);
};

extern const struct contender contender_sandwich, contender_glib, contender_dpdk;

#endif
