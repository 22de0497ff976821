/* SPDX-License-Identifier: ISC */
/*
 * Packet fixtures: text that sets up a balancer, sends it frames and says what becomes of them.
 * tests/packets/README.md describes the words.
 */
#ifndef TESTS_PACKETS_SCRIPT_H
#define TESTS_PACKETS_SCRIPT_H

#include <stddef.h>
#include "tests/packets/twin.h"

/* A frame that a script sent, and by which port: raw material for mutation and fuzzing. */
struct sample {
	struct frame frame;
	u8 port;
};

struct samples {
	struct sample *at;
	size_t count, room;
};

void samples_add(struct samples *all, const struct frame *f, u8 port);

/* Runs the script at PATH. How many of its lines failed (each told on stderr), or -errno. */
int script_run(const char *path, struct twin *tw, struct samples *samples)
	__attribute__((warn_unused_result));

/* A balancer with three devices and a router, as `world` makes it. WORDS may be "". 0 or -EINVAL.
 */
int script_world(struct twin *tw, char *words) __attribute__((warn_unused_result));

#endif
