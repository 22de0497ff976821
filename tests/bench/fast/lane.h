/* SPDX-License-Identifier: ISC */
/*
 * The lane that is measured: generator -> [port, program under test, port] -> sink, all on one
 * core, in three network namespaces that exist already.
 *
 *   gen: g0 --- u0 :mid: d0 --- s0 :end
 *
 * Inward frames are made at g0 and end at s0, outward ones the other way round.
 */
#ifndef TESTS_BENCH_FAST_LANE_H
#define TESTS_BENCH_FAST_LANE_H

#include "tests/bench/ends.h"
#include "tests/bench/fast/port.h"
#include "tests/bench/generate.h"

#define LANE_UPLINK "u0"
#define LANE_FARM   "d0"

enum lane_program { LANE_CEILING, LANE_PASS, LANE_LATENCY, LANE_PROGRAMS };

enum lane_sink { LANE_SINK, LANE_SINK_FLOOD, LANE_SINK_LATENCY };

struct lane_setup {
	const char *objects; /* folder of ends.bpf.o and generator.bpf.o */
	const char *netns;   /* "/run/netns/NAME-": gen, mid and end are behind it */
	int outward;
	enum lane_sink sink;
	int cpu;
};

struct lane {
	struct generate *generate;
	struct bpf_object *ends;
	const volatile struct ends_sink *sink;
	struct ends_latency *latency;
	int program[LANE_PROGRAMS];
	int links[2];
	char paths[3][128]; /* gen, mid, end */
	const char *in;	    /* the interface in mid by which frames come */
};

/*
 * Brings the caller into the namespace in the middle, where the port's program is its own affair.
 * 0, or -errno with a line on standard error.
 */
int lane_open(struct lane *l, const struct lane_setup *setup) __attribute__((warn_unused_result));
void lane_close(struct lane *l);

#endif
