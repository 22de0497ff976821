/* SPDX-License-Identifier: ISC */
/*
 * The kernel's frame generator as a thread: live frames of the test-run, one long run after the
 * other.
 *
 * Thread: its own, which no one else needs to know; the functions are for the one that opened it.
 */
#ifndef TESTS_BENCH_GENERATE_H
#define TESTS_BENCH_GENERATE_H

#include "tests/bench/generator.h"

struct generate;

/*
 * OBJECT: the compiled generator.bpf.c. NETNS: path of the interface's network namespace, or NULL
 * for the caller's. CPU: where it runs, and all that happens in its softirq. It stands still at
 * first. 0 or -errno.
 */
int generate_open(struct generate **out, const char *object, const char *netns,
		  const char *interface, int cpu) __attribute__((warn_unused_result));
void generate_close(struct generate *g);

/* What it makes. Shared with the running program: single words may change at any time. */
struct generator *generate_state(struct generate *g);

/* Frames a batch from the next start on: one lot goes through all of the lane before the next. */
void generate_batch(struct generate *g, int frames);

/* RATE in frames a second; 0: none, negative: as fast as it goes. */
void generate_rate(struct generate *g, long long rate);

/*
 * ns for which its thread has run so far, and for which it had to wait as others used the core.
 * Softirqs on its back count as running, unless the kernel accounts them apart
 * (CONFIG_IRQ_TIME_ACCOUNTING).
 */
__u64 generate_ran(const struct generate *g);
__u64 generate_waited(const struct generate *g);

/* "02:00:00:00:00:01" to six bytes; false when it is none. */
int generate_mac(__u8 *out, const char *text);

#endif
