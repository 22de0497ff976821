/* SPDX-License-Identifier: ISC */
/*
 * What the files of the fast path share; nobody else includes it.
 */
#ifndef SANDWICH_FASTPATH_FASTPATH_STATE_H
#define SANDWICH_FASTPATH_FASTPATH_STATE_H

#include <glib.h>

#include "sandwich/fastpath/fastpath.h"
#include "sandwich/fastpath/former.h"
#include "sandwich/fastpath/keep.h"
#include "sandwich/fastpath/shared.h"

#define FASTPATH_MAPPINGS 32

/* How our program is on a port. */
struct fast_link {
	int fd;	     /* -1: it is not */
	int ifindex; /* of fd */
	bool former; /* it holds the former program still */
	bool made;   /* by us, and pinned */
};

struct fastpath {
	struct bpf_object *object;
	int program;
	int exits; /* the devmap */
	struct tables tables;
	struct counters *counters;
	unsigned int counter_count;
	struct fast_ports *ports;
	struct fast_notes *notes;
	struct fast_link link[FAST_PORTS];
	struct {
		void *at;
		size_t size;
	} mapping[FASTPATH_MAPPINGS];
	unsigned int mappings;
	struct ring_buffer *ring;
	GSource *source;
	unsigned int turn;
	fastpath_handler handler;
	void *user;
	struct keep *keep;     /* NULL: nothing is kept */
	struct former *former; /* NULL: nothing was left */
	struct layout layout;  /* ours */
	char *unkept;	       /* why nothing is kept */
	bool chain;	       /* as fastpath_setup has it */
	bool settled;	       /* our program is the one on the ports */
};

/* Maps SIZE bytes of a map for as long as the fast path lives. 0 or -errno. */
int fastpath_map_fd(struct fastpath *f, int fd, size_t size, void *member)
	__attribute__((warn_unused_result));

/* kept.c: finds what was left; before the load. 0, or -EBUSY with *WHY. */
int kept_find(struct fastpath *f, const struct fastpath_setup *setup, char **why)
	__attribute__((warn_unused_result));
/* Makes the object's maps those that were left, where they fit. 0 or -errno. */
int kept_share(struct fastpath *f) __attribute__((warn_unused_result));
/* Pins all of them, with their layout and the notes; after the load. 0 or -errno. */
int kept_pin(struct fastpath *f) __attribute__((warn_unused_result));
/* The interface that a port of the former program is; 0: none, or nobody knows. */
u32 kept_interface(const struct fastpath *f, u8 port);
/* Nothing is kept then, and WHY says so. */
void kept_give_up(struct fastpath *f, const char *why);

#endif
