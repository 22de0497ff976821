// SPDX-License-Identifier: ISC
#include "tests/bench/fast/latency.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LATENCY_TURNS	6
#define LATENCY_SKIP_US 60000
#define LATENCY_TAKE_US 250000 /* a round of what track = auto samples */
#define LATENCY_BATCH	16

static double latency_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int latency_turn(const struct lane *l, struct port *p, int program, __u32 trial,
			struct latency *out)
{
	int err = port_put(p, program);
	double began;
	__u64 frames;

	if (err)
		return err;
	usleep(LATENCY_SKIP_US);
	began = latency_now();
	frames = l->sink->frames;
	__atomic_store_n(&l->latency->trial, trial, __ATOMIC_RELEASE);
	usleep(LATENCY_TAKE_US);
	__atomic_store_n(&l->latency->trial, ENDS_TRIALS, __ATOMIC_RELEASE); /* nobody's */
	out->pps += (double)(l->sink->frames - frames) / (latency_now() - began) / LATENCY_TURNS;
	return 0;
}

/* ns below which PART of the frames stayed. */
static double latency_quantile(const __u64 *bucket, double part)
{
	__u64 sum = 0, passed = 0;
	int i = 0;

	for (int b = 0; b < ENDS_BUCKETS; b++)
		sum += bucket[b];
	for (; i < ENDS_BUCKETS - 1; i++) {
		passed += bucket[i];
		if ((double)passed >= part * (double)sum)
			break;
	}
	return (i + 0.5) * (1 << ENDS_BUCKET_BITS);
}

int latency_run(const struct lane *l, struct port *p, const int programs[ENDS_TRIALS], int rate,
		struct latency out[ENDS_TRIALS])
{
	struct generator *g = generate_state(l->generate);
	int err = 0;

	memset(out, 0, sizeof(*out) * ENDS_TRIALS);
	memset(l->latency, 0, sizeof(*l->latency));
	l->latency->trial = ENDS_TRIALS;
	g->stamped = 1;
	generate_batch(l->generate, LATENCY_BATCH);
	generate_rate(l->generate, rate);
	for (int i = 0; i < LATENCY_TURNS * ENDS_TRIALS && !err; i++) {
		__u32 trial = (__u32)i % ENDS_TRIALS;

		err = latency_turn(l, p, programs[trial], trial, &out[trial]);
	}
	generate_rate(l->generate, 0);
	for (int i = 0; i < ENDS_TRIALS && !err; i++) {
		const __u64 *bucket = l->latency->bucket[i];

		err = out[i].pps > 0 ? 0 : -ENODATA;
		out[i].p50 = latency_quantile(bucket, 0.5);
		out[i].p99 = latency_quantile(bucket, 0.99);
		out[i].p999 = latency_quantile(bucket, 0.999);
	}
	return err;
}
