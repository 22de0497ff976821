/* SPDX-License-Identifier: ISC */
/*
 * One daemon for each interface: two would both answer, and both send every frame on.
 *
 * The lock is a Unix socket of an abstract name, "sandwich/" and the interface's index: such names
 * are one set for each network namespace, as the indices are, and go when their process does.
 *
 * Thread: main.
 */
#ifndef SANDWICH_SLOWPATH_PORT_LOCK_H
#define SANDWICH_SLOWPATH_PORT_LOCK_H

/*
 * Takes the interface IFINDEX, which *WHY calls NAME. A descriptor to close(), or -errno (-EBUSY:
 * another has it) and *WHY, to be freed with g_free().
 */
int port_lock_take(int ifindex, const char *name, char **why) __attribute__((warn_unused_result));

#endif
