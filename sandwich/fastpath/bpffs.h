/* SPDX-License-Identifier: ISC */
/*
 * The file system that the fast path is kept in: a bpffs of our own.
 *
 * Each mount of a bpffs is another one, and it ends with its last mount. `ip netns exec` and
 * service managers give a process a mount namespace that ends with it; so the mount is made where
 * it lasts: in the mount namespace of PID 1, or the parent's where that can't be entered. From
 * there it is reached by its descriptor, whatever our own namespace shows.
 */
#ifndef SANDWICH_FASTPATH_BPFFS_H
#define SANDWICH_FASTPATH_BPFFS_H

#include <stdbool.h>

#define BPFFS_ROOT "/run/sandwich/bpf"
#define BPFFS_VARIABLE "SANDWICH_BPFFS" /* the environment's word on another place */

/* A descriptor of its root, mounted if it isn't yet and MAKE; or -errno (-ENOENT: not mounted). */
int bpffs_open(bool make) __attribute__((warn_unused_result));

#endif
