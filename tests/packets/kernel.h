/* SPDX-License-Identifier: ISC */
/*
 * The fast path's program in the kernel: sandwich/fastpath/sandwich.bpf.c as the daemon loads it,
 * its maps, and one frame a test-run (BPF_PROG_TEST_RUN) by one of its ports.
 *
 * Maps are found by name, sizes by their type information, so that one which is new does not
 * matter here. The ports are TAP interfaces in a network namespace that the process makes for
 * itself: nothing is sent by them, but the test-run and the devmap ask for interfaces that exist.
 *
 * Ownership: the kernel owns its maps and their mappings; kernel_tables() points into them.
 * Thread: kernel_run() from any, each pinned to a CPU; all else from one.
 */
#ifndef TESTS_PACKETS_KERNEL_H
#define TESTS_PACKETS_KERNEL_H

#include "sandwich/fastpath/shared.h"

#define KERNEL_FRAME_MIN 14 /* the test-run takes none that is shorter */
#define KERNEL_PORTS 3	    /* the uplink and two of the farm */
#define KERNEL_MTU 9216

struct kernel;

struct kernel_setup {
	const char *object;
	u32 sessions, pins, fragments; /* slots, powers of two */
	bool local; /* senders may leave checksums unfinished: the program looks out for those */
};

/* 0; -EPERM where this process or machine has no BPF; another -errno with what the verifier said in
 * WHY (SIZE bytes). */
int kernel_open(struct kernel **out, const struct kernel_setup *setup, char *why, size_t size)
	__attribute__((warn_unused_result));
void kernel_close(struct kernel *k);

/* Instructions that the verifier walked. */
unsigned int kernel_verified(const struct kernel *k);

/* All tables; counters and events: those of the first thread. */
struct tables *kernel_tables(struct kernel *k);
/* The threads' counters, and from COUNTERS_THREADS on the CPUs'; *COUNT of them, and of rings. */
struct counters *kernel_counters(struct kernel *k, unsigned int *count);

/* A frame on its way through the program. */
struct kernel_run {
	const u8 *frame;
	u32 length;
	u32 linear; /* bytes in its first buffer; 0: as many as there is room for */
	u8 port;
	u8 *out;    /* room for FRAME_MAX + 8 bytes: the frame as the program left it; or NULL */
	u32 out_length;
	int action; /* XDP_... */
};

/* 0, or -errno of the test-run. */
int kernel_run(struct kernel *k, struct kernel_run *run) __attribute__((warn_unused_result));

/* What time it was for the last frame (ms). */
u32 kernel_clock(const struct kernel *k);

/* How many records the ring had, and the last of them; valid until the next call. */
unsigned int kernel_up(struct kernel *k, const struct fast_frame **last);

#endif
