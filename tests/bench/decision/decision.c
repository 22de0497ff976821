// SPDX-License-Identifier: ISC
/*
 * The decision alone, in the kernel's test-run: random flows, each frame touching its session, by
 * several builds of the same program in turn.
 *
 *   decision WRAPPER FLOWS ROUNDS OBJECT...
 *
 * Prints a line of JSON: for each object the ns a frame in the median of the rounds, without what
 * the wrapper takes, and the median of its ratios to the first object.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/bench/decision/decision.h"
#include "tests/bench/decision/variant.h"
#include "tests/bench/fast/fill.h"

#define DECISION_CPU	  0
#define DECISION_VARIANTS 4
#define DECISION_ROUNDS	  64
#define DECISION_FRAMES	  200000 /* a round */
#define DECISION_LATE_US  20000	 /* in which what was deferred is done */

struct bench {
	struct bpf_object *wrapper;
	int program, nothing, next;
	struct decision *state;
	struct variant variant[DECISION_VARIANTS];
	int variants, rounds;
	double ns[DECISION_VARIANTS + 1][DECISION_ROUNDS]; /* the last: the wrapper alone */
};

static int bench_wrapper(struct bench *b, const char *path)
{
	int err, fd;

	b->wrapper = bpf_object__open_file(path, NULL);
	if (!b->wrapper)
		return -errno;
	err = bpf_object__load(b->wrapper);
	if (err)
		return err;
	b->program = bpf_program__fd(bpf_object__find_program_by_name(b->wrapper, "wrapper"));
	b->nothing = bpf_program__fd(bpf_object__find_program_by_name(b->wrapper, "nothing"));
	b->next = bpf_object__find_map_fd_by_name(b->wrapper, "next");
	fd = bpf_object__find_map_fd_by_name(b->wrapper, "state");
	b->state = mmap(NULL, (size_t)getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return b->state == MAP_FAILED ? -errno : 0;
}

/* Runs PROGRAM for so many frames; *NS: for each. */
static int bench_run(struct bench *b, int program, u32 frames, double *ns)
{
	unsigned char frame[TRAFFIC_V4] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)frames);
	__u32 zero = 0;

	if (bpf_map_update_elem(b->next, &zero, &program, BPF_ANY))
		return -errno;
	if (bpf_prog_test_run_opts(b->program, &options))
		return -errno;
	*ns = options.duration;
	return options.retval == 4 /* XDP_REDIRECT */ ? 0 : -EPROTO;
}

/* Each flow once: they are recorded by the program itself. */
static int bench_fill(struct bench *b, struct variant *v, u32 flows)
{
	double ns;
	int err;

	b->state->in_order = 1;
	b->state->sequence = 0;
	err = bench_run(b, v->program, flows, &ns);
	b->state->in_order = 0;
	usleep(DECISION_LATE_US);
	if (!err && variant_counter(v, COUNTER_SESSIONS_NEW) < flows)
		err = -ENOSPC;
	return err;
}

static int bench_open(struct bench *b, char **objects, u32 flows)
{
	u32 slots = 1 << 10;
	int err = 0;

	while (slots < 2 * flows)
		slots *= 2;
	for (int i = 0; i < b->variants && !err; i++) {
		err = variant_open(&b->variant[i], objects[i], slots);
		if (!err)
			err = bench_fill(b, &b->variant[i], flows);
		if (err)
			fprintf(stderr, "decision: %s: %s\n", objects[i], strerror(-err));
	}
	return err;
}

/* Every other round in opposite order. */
static int bench_round(struct bench *b, int round)
{
	int err = bench_run(b, b->nothing, DECISION_FRAMES, &b->ns[DECISION_VARIANTS][round]);

	for (int i = 0; i < b->variants && !err; i++) {
		int which = round % 2 ? b->variants - 1 - i : i;

		err = bench_run(b, b->variant[which].program, DECISION_FRAMES,
				&b->ns[which][round]);
		b->ns[which][round] -= b->ns[DECISION_VARIANTS][round];
	}
	return err;
}

static int bench_compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double bench_median(const double *values, int n)
{
	double copy[DECISION_ROUNDS];

	memcpy(copy, values, sizeof(*copy) * (size_t)n);
	qsort(copy, (size_t)n, sizeof(*copy), bench_compare);
	return copy[n / 2];
}

/* `missed`: frames of the rounds whose session had been thrown out. */
static void bench_print(struct bench *b, u32 flows)
{
	double ratios[DECISION_ROUNDS];

	printf("{\"wrapper\": %.1f, \"variants\": [",
	       bench_median(b->ns[DECISION_VARIANTS], b->rounds));
	for (int i = 0; i < b->variants; i++) {
		u64 recorded = variant_counter(&b->variant[i], COUNTER_SESSIONS_NEW);

		for (int r = 0; r < b->rounds; r++)
			ratios[r] = b->ns[0][r] / b->ns[i][r];
		printf("%s{\"ns\": %.1f, \"ratio\": %.4f, \"missed\": %llu}", i ? ", " : "",
		       bench_median(b->ns[i], b->rounds), bench_median(ratios, b->rounds),
		       (unsigned long long)(recorded - flows));
	}
	puts("]}");
}

int main(int argc, char **argv)
{
	struct bench *b = calloc(1, sizeof(*b));
	u32 flows = argc > 2 ? (u32)strtoul(argv[2], NULL, 0) : 0;
	cpu_set_t set;
	int err;

	if (argc < 5 || argc > 4 + DECISION_VARIANTS || !b || !flows) {
		fprintf(stderr, "usage: decision WRAPPER FLOWS ROUNDS OBJECT...\n");
		return 2;
	}
	b->variants = argc - 4;
	b->rounds = atoi(argv[3]);
	b->rounds = b->rounds < 1 ? 1 : b->rounds > DECISION_ROUNDS ? DECISION_ROUNDS : b->rounds;
	CPU_ZERO(&set);
	CPU_SET(DECISION_CPU, &set);
	sched_setaffinity(0, sizeof(set), &set);
	err = bench_wrapper(b, argv[1]);
	if (!err) {
		b->state->flows = flows;
		fill_traffic(&b->state->traffic, FILL_FIREWALL, false);
		err = bench_open(b, argv + 4, flows);
	}
	for (int round = 0; round < b->rounds && !err; round++)
		err = bench_round(b, round);
	if (err)
		fprintf(stderr, "decision: %s\n", strerror(-err));
	else
		bench_print(b, flows);
	for (int i = 0; i < b->variants; i++)
		variant_close(&b->variant[i]);
	bpf_object__close(b->wrapper);
	free(b);
	return err ? 1 : 0;
}
