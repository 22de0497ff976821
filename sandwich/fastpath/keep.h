/* SPDX-License-Identifier: ISC */
/*
 * What of the fast path is kept when the daemon ends, however it ends: a directory in the bpffs.
 *
 *   NAME-NETNS-HASH/    of one balancer, in one network namespace, of one sandwich
 *     port_IFINDEX      the link that holds the program on that interface
 *     native_IFINDEX    the program that was there before us and runs behind ours (behind.h)
 *     generic_IFINDEX   the same, where generic XDP ran it
 *     t3/               a set of tables: every map, by its name
 *     new4/             one that a daemon is still filling
 *
 * A daemon finds the last set its predecessor finished, makes one of its own (in which maps that
 * fit are the same maps), finishes it by a rename, and then removes the former. The lock on the
 * directory is held as long as the daemon lives, and goes with it. Whoever starts also removes what
 * was left in network namespaces that have none of its interfaces any more.
 *
 * Ownership: pins belong to the bpffs; struct keep holds descriptors. Thread: main.
 */
#ifndef SANDWICH_FASTPATH_KEEP_H
#define SANDWICH_FASTPATH_KEEP_H

#include <stdbool.h>

struct keep;

enum keep_pin {
	KEEP_LINK,
	KEEP_NATIVE,
	KEEP_GENERIC,
};

#define KEEP_PINS 3

struct keep_who {
	const char *sandwich; /* NULL: any */
	const char *balancer;
};

/*
 * The directory of a balancer, made where there is none, locked. 0, or -errno and *WHY (g_free()
 * it): -EBUSY: a daemon that has it runs; others: nothing can be kept.
 */
int keep_open(struct keep **out, const struct keep_who *who, char **why)
	__attribute__((warn_unused_result));

/* Lets go of it: pins stay, but a set that was not finished is removed. */
void keep_close(struct keep *k);

/* Descriptors of what the predecessor left, the caller's to close; -ENOENT: not there. */
bool keep_has_former(const struct keep *k);
int keep_former_map(const struct keep *k, const char *name) __attribute__((warn_unused_result));
int keep_pinned(const struct keep *k, enum keep_pin kind, int ifindex)
	__attribute__((warn_unused_result));

/* Pins a map in the new set, or what belongs to an interface. 0 or -errno. */
int keep_put_map(struct keep *k, int fd, const char *name) __attribute__((warn_unused_result));
int keep_pin(struct keep *k, enum keep_pin kind, int fd, int ifindex)
	__attribute__((warn_unused_result));
void keep_unpin(struct keep *k, enum keep_pin kind, int ifindex);

/* The new set is complete: from now on a successor finds it. 0 or -errno. */
int keep_finish(struct keep *k) __attribute__((warn_unused_result));

/* Removes the former set, and the links that WANTED does not name. */
void keep_tidy(struct keep *k, const int *wanted, unsigned int n);

/* How much was removed. */
struct keep_removed {
	unsigned int balancers, links, sets;
};

/* Removes everything, the directory included; links are detached at once. */
void keep_remove(struct keep *k, struct keep_removed *removed);

/*
 * Removes what dead daemons of WHO left in this network namespace. 0, or -EBUSY: one of them runs
 * (nothing of that is touched), else -errno; *WHY says so.
 */
int keep_remove_all(const struct keep_who *who, struct keep_removed *removed, char **why)
	__attribute__((warn_unused_result));

#endif
