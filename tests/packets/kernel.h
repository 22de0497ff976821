/* SPDX-License-Identifier: ISC */
/*
 * The engine in the kernel: sandwich/fastpath/decide.bpf.c, its maps, one frame a test-run.
 *
 * Ownership: the kernel owns its maps and their mappings; kernel_tables() points into them.
 */
#ifndef TESTS_PACKETS_KERNEL_H
#define TESTS_PACKETS_KERNEL_H

#include "sandwich/core/decide.h"

#define KERNEL_FRAME_MIN 14
#define KERNEL_FRAME_MAX 3300 /* the kernel's test-run takes one page without fragments */

struct kernel;

/* Loads OBJECT. 0; -EPERM where this process or machine has no BPF; another -errno with what the
 * verifier said in WHY (SIZE bytes). */
int kernel_open(struct kernel **out, const char *object, char *why, size_t size)
	__attribute__((warn_unused_result));
void kernel_close(struct kernel *k);

/* Instructions that the verifier walked. */
unsigned int kernel_verified(const struct kernel *k);

/* All tables but the counters, which are per CPU: see kernel_counters(). */
struct tables *kernel_tables(struct kernel *k);
void kernel_counters(struct kernel *k, struct counters *sum);
void kernel_clear_counters(struct kernel *k);

/* The first of *COUNT rings of events. */
struct event_ring *kernel_events(struct kernel *k, unsigned int *count);

/*
 * One frame: W comes with now, port and held, and has the verdict afterwards. OUT (LENGTH bytes, at
 * least KERNEL_FRAME_MAX) is the frame as it was left. 0, or -errno of the test-run.
 */
int kernel_run(struct kernel *k, const u8 *frame, u32 size, struct work *w, u8 *out, u32 *length)
	__attribute__((warn_unused_result));

#endif
