/* SPDX-License-Identifier: ISC */
/*
 * The fast path as the daemon holds it: the XDP program, its maps, and the ring of frames that come
 * up.
 *
 * Order at start: fastpath_new() loads and maps, fastpath_attach() puts the program on the ports,
 * where it lets everything pass; the tables are filled; fastpath_enter() makes each port the
 * balancer's. A port on which a daemon before us left its program goes on with that one, and with
 * its tables, until fastpath_take_over() puts ours in its place.
 *
 * All is pinned (keep.h) and outlives the process, unless fastpath_free() is called after
 * fastpath_take_over(): that removes it.
 *
 * Ownership: it owns the maps, their mappings and the attachments. Thread: main.
 */
#ifndef SANDWICH_FASTPATH_FASTPATH_H
#define SANDWICH_FASTPATH_FASTPATH_H

#include "sandwich/core/decide.h"

struct fast_notes;
struct fastpath;
struct former;

enum fastpath_mode {
	FASTPATH_NATIVE,  /* in the driver */
	FASTPATH_GENERIC, /* behind it, on any interface */
};

/* A frame from the ring; WORK is what decide() made of it. Called in GLib's main context. */
typedef void (*fastpath_handler)(void *user, const struct work *work, const u8 *data, u32 length);

struct fastpath_setup {
	u32 sessions, pins, fragments; /* slots, powers of two */
	const char *sandwich, *balancer; /* whose pins; balancer NULL: nothing is kept */
	bool chain; /* a program that is on a port runs behind ours */
	fastpath_handler handler;
	void *user;
};

/*
 * 0 and *OUT, or -errno, and *WHY (g_free() it) says what the kernel refused; -EBUSY: a daemon of
 * that name runs.
 */
int fastpath_new(struct fastpath **out, const struct fastpath_setup *setup, char **why)
	__attribute__((warn_unused_result));
void fastpath_free(struct fastpath *f);

/*
 * The tables as they are mapped, and all the COUNT counters there are. OUT->events is the first of
 * as many event rings.
 */
void fastpath_tables(struct fastpath *f, struct tables *out, struct counters **counters,
		     unsigned int *count);

/* The descriptor of a BPF ring buffer that gets eight bytes when a reader of events is woken. */
int fastpath_bell(const struct fastpath *f);

/*
 * Puts the program on an interface as port INDEX, instead of where that port was before. 0 or
 * -errno with *WHY.
 */
int fastpath_attach(struct fastpath *f, u8 index, const char *interface, enum fastpath_mode mode,
		    char **why) __attribute__((warn_unused_result));
void fastpath_detach(struct fastpath *f, u8 index);

/*
 * Whether frames can be redirected out of an interface by MODE: a veth takes them only when its
 * other end polls. 0, -EOPNOTSUPP with *WHY, or 0 where the kernel (before 6.3) doesn't tell.
 */
int fastpath_takes(const char *interface, enum fastpath_mode mode, char **why)
	__attribute__((warn_unused_result));

/*
 * All ports are entered: ours is the program on them from now on, and what the former one used is
 * removed. 0 or -errno.
 */
int fastpath_take_over(struct fastpath *f) __attribute__((warn_unused_result));

/* From now on port INDEX is that interface, MTU bytes; IFINDEX 0: there is none. 0 or -errno. */
int fastpath_enter(struct fastpath *f, u8 index, int ifindex, unsigned int mtu)
	__attribute__((warn_unused_result));

#endif
