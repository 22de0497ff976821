/* SPDX-License-Identifier: ISC */
/*
 * The follower: a thread that runs the journal (sync/journal.h), so that what changes in the tables
 * is told within half a millisecond.
 *
 * It looks, sleeps FOLLOWER_NAP_US, and looks again; when nothing has come for some naps, it waits
 * for the fast path's bell. Whoever follows the tables for others (sync) is its sink and works on
 * this thread. Without one, events are counted and the digests kept.
 *
 * Ownership: it owns the journal. Thread: made and freed by the main thread; the sink runs on the
 * follower's own.
 */
#ifndef SANDWICH_RUN_FOLLOWER_H
#define SANDWICH_RUN_FOLLOWER_H

#include "sandwich/slowpath/memory.h"
#include "sync/journal.h"

#define FOLLOWER_NAP_US 400
#define FOLLOWER_THREAD 2 /* its counters and its ring, of memory_tables() */

struct follower;

/* What else the thread does, with sync: all of it under its lock. */
struct follower_more {
	void (*lock)(void *user);
	void (*unlock)(void *user);
	/* After each look at the tables. When it wants to be called again: us, monotonic. */
	u64 (*turn)(void *user);
	int fd; /* readable when there is something to do sooner, not owned */
};

struct follower_setup {
	struct memory *memory; /* not owned */
	struct hash_key key;   /* the journal's */
	int bell;	       /* a BPF ring buffer (fastpath_bell()), not owned; -1: none */
	journal_sink sink;     /* on the follower's thread; NULL: nobody */
	const struct follower_more *more; /* copied; NULL: nothing */
	void *user;
};

/* 0 and *OUT, or -errno. It does nothing before follower_start(). */
int follower_new(struct follower **out, const struct follower_setup *setup)
	__attribute__((warn_unused_result));

/* 0 or -errno. All that is in the tables is told first. */
int follower_start(struct follower *f) __attribute__((warn_unused_result));

/* Ends the thread, within some tens of milliseconds. */
void follower_free(struct follower *f);

/* What it follows with; another thread may touch it under `more`'s lock alone. */
struct journal *follower_journal(struct follower *f);
struct tables *follower_tables(struct follower *f);

/* Has everything looked at again. */
void follower_rescan(struct follower *f);

/* F may be NULL: nothing was counted then. */
void follower_counts(const struct follower *f, struct journal_counts *out);

#endif
