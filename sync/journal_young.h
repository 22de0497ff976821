/* SPDX-License-Identifier: ISC */
/*
 * sync-after: a session that is younger is not told, and one that ends before never is (PROTOCOL
 * 4, short flows).
 *
 * What is held back is in no shadow: no digest counts it, and nobody is told of its end either. It
 * comes of age without an event: each slot that holds such a session hangs in a wheel of time, by a
 * link of four bytes a slot. So any number can wait, and each is looked at once it is due.
 *
 * Thread: the follower's, as for journal.h.
 */
#ifndef SYNC_JOURNAL_YOUNG_H
#define SYNC_JOURNAL_YOUNG_H

#include "sync/journal.h"

/* The tables' time (ms), before each turn. Without journal_after() nobody asks for it. */
void journal_clock(struct journal *j, u32 now);

/*
 * Sessions are held back until they are AFTER_MS old, once journal_hold() says so; 0: never, at no
 * cost. Once for each journal. 0 or -ENOMEM.
 */
int journal_after(struct journal *j, u32 after_ms) __attribute__((warn_unused_result));

/*
 * Whether to hold back from now on. Who isn't active does not: what is left of the sessions of its
 * own time is to be in its digests, where the active finds it. Turned off, all that was held back
 * is told by a scan.
 */
void journal_hold(struct journal *j, bool on);

/* How many slots wait for their sessions to come of age. */
u32 journal_held(const struct journal *j);

#endif
