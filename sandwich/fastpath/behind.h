/* SPDX-License-Identifier: ISC */
/*
 * Another XDP program on our port: it runs behind ours, on what ours passes on to the kernel.
 *
 * By a tail call (the map `next`, by port number), since that takes nothing of the other program
 * but to be built for frames in several buffers ("xdp.frags"), as ours is. It was found on the
 * port, and gets it back when ours goes; or somebody put it into the map, and takes care of it.
 *
 * Thread: main.
 */
#ifndef SANDWICH_FASTPATH_BEHIND_H
#define SANDWICH_FASTPATH_BEHIND_H

#include "sandwich/fastpath/fastpath.h"

struct keep;

/*
 * Takes the program off the interface that is to be port INDEX, and puts it behind ours, where that
 * is wished and there is one. 0, or -errno and *WHY; behind_give_back() undoes what was done.
 */
int behind_take(struct fastpath *f, u8 index, const char *interface, enum fastpath_mode mode,
		char **why) __attribute__((warn_unused_result));

/* Port INDEX goes on with ours: so it does with what ran behind the former one there. */
void behind_inherit(struct fastpath *f, u8 index, int ifindex);

/* Ours has been taken off: whoever was there before has the interface again. */
void behind_give_back(struct keep *k, int ifindex);

#endif
