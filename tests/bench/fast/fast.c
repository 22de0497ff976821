// SPDX-License-Identifier: ISC
/*
 * One figure of the fast path: the program as the daemon loads it, on a live port, in turn with a
 * bare redirect.
 *
 *   fast --objects DIR --netns PREFIX [--what sandwich|pass|there]
 *        [--order random|sequence|flood] [--flows N] [--slots N] [--pins N] [--family 4|6]
 *        [--tag N] [--mode firewall|vpn] [--outward] [--to MAC] [--wall]
 *        [--measure QUANTUM:PAIRS:SKIP:TAKE]... [--latency RATE]...
 *
 * `pass` measures what the kernel does with frames that XDP lets through: a bridge, routing, an nft
 * hook, set up by the caller; `there`: the program that a daemon has put on the port. Each
 * --measure (the quantum of `track` in ms, pairs of slices, of each so many ms skipped and taken)
 * says what it found as a line of JSON. --wall: other cores work, too, so the lane's own time is
 * not what counts. --latency: how long frames take at RATE frames a second, through the program,
 * through the ceiling, and without a forwarder.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <glib.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandwich/fastpath/fastpath.h"
#include "sandwich/slowpath/memory.h"
#include "tests/bench/fast/fill.h"
#include "tests/bench/fast/latency.h"
#include "tests/bench/fast/listen.h"
#include "tests/bench/fast/slices.h"

#define FAST_CPU       0 /* generator, forwarder and sink */
#define FAST_OTHER_CPU 1 /* whoever looks on */
#define FAST_WARM_US   150000
#define FAST_MTU       1500
#define FAST_MEASURES  8
#define FAST_QUANTUM_MS 2000 /* as run/datapath.c has it under load */

enum fast_what { FAST_SANDWICH, FAST_PASS, FAST_THERE };

struct options {
	const char *objects, *netns, *to;
	enum generator_order order;
	enum fill_mode mode;
	enum fast_what what;
	bool outward, wall;
	u32 flows, slots, pins, family, tag;
	const char *measure[FAST_MEASURES];
	int measures;
	u32 rate[FAST_MEASURES];
	int rates;
};

struct fast {
	struct options options;
	struct lane lane;
	struct port port;
	struct fastpath *path;
	struct memory *memory;
	struct tables tables; /* the first thread's */
	struct listen *listen;
	struct traffic traffic;
};

enum { FAST_OUTWARD = 1, FAST_WALL };

static const struct option fast_options[] = {
	{"objects", required_argument, NULL, 'o'}, {"netns", required_argument, NULL, 'n'},
	{"what", required_argument, NULL, 'w'},	   {"order", required_argument, NULL, 'r'},
	{"flows", required_argument, NULL, 'f'},   {"slots", required_argument, NULL, 's'},
	{"pins", required_argument, NULL, 'p'},	   {"measure", required_argument, NULL, 'a'},
	{"family", required_argument, NULL, '6'},  {"tag", required_argument, NULL, 'v'},
	{"mode", required_argument, NULL, 'm'},	   {"outward", no_argument, NULL, FAST_OUTWARD},
	{"to", required_argument, NULL, 'd'},	   {"wall", no_argument, NULL, FAST_WALL},
	{"latency", required_argument, NULL, 'l'}, {NULL, 0, NULL, 0},
};

static enum generator_order fast_order(const char *word)
{
	if (!strcmp(word, "flood"))
		return GENERATOR_FLOOD;
	return strcmp(word, "sequence") ? GENERATOR_RANDOM : GENERATOR_SEQUENCE;
}

static enum fast_what fast_what(const char *word)
{
	if (!strcmp(word, "pass"))
		return FAST_PASS;
	return strcmp(word, "there") ? FAST_SANDWICH : FAST_THERE;
}

static u32 *fast_number(struct options *o, int letter)
{
	switch (letter) {
	case 'f':
		return &o->flows;
	case 's':
		return &o->slots;
	case 'p':
		return &o->pins;
	case '6':
		return &o->family;
	case 'v':
		return &o->tag;
	default:
		return NULL;
	}
}

static void fast_word(struct options *o, int letter, const char *word)
{
	switch (letter) {
	case 'o':
		o->objects = word;
		break;
	case 'n':
		o->netns = word;
		break;
	case 'd':
		o->to = word;
		break;
	case 'a':
		if (o->measures < FAST_MEASURES)
			o->measure[o->measures++] = word;
		break;
	case 'w':
		o->what = fast_what(word);
		break;
	case 'r':
		o->order = fast_order(word);
		break;
	case 'm':
		o->mode = strcmp(word, "vpn") ? FILL_FIREWALL : FILL_VPN;
		break;
	case 'l':
		if (o->rates < FAST_MEASURES)
			o->rate[o->rates++] = (u32)strtoul(word, NULL, 0);
		break;
	case FAST_WALL:
		o->wall = true;
		break;
	default:
		o->outward = true;
	}
}

static int fast_read(struct options *o, int argc, char **argv)
{
	int letter;

	*o = (struct options){.flows = 1024, .slots = 1 << 20, .pins = 1 << 17, .family = 4};
	while ((letter = getopt_long(argc, argv, "", fast_options, NULL)) != -1) {
		u32 *number = fast_number(o, letter);

		if (letter == '?')
			return -EINVAL;
		if (number)
			*number = (u32)strtoul(optarg, NULL, 0);
		else
			fast_word(o, letter, optarg);
	}
	return o->objects && o->netns && o->measures + o->rates && optind == argc ? 0 : -EINVAL;
}

/* Frames that are no plain forwarding have no place in a measurement. */
static void fast_handle(void *user, const struct work *work, const u8 *data, u32 length)
{
	(void)user;
	(void)work;
	(void)data;
	(void)length;
}

static int fast_tables(struct fast *f)
{
	struct tables t;
	struct counters *counters;
	unsigned int count;
	u32 refused = 0;
	int err;

	fastpath_tables(f->path, &t, &counters, &count);
	err = memory_adopt(&f->memory, &t, counters, count);
	if (err)
		return err;
	memory_tables(f->memory, 0, &f->tables);
	fill_settings(&f->tables, f->options.mode);
	f->tables.settings->defer = settings_defer(f->options.order == GENERATOR_RANDOM
							   ? f->options.flows : f->options.slots);
	if (f->options.order != GENERATOR_SEQUENCE)
		refused = fill_flows(&f->tables, &f->traffic, f->options.flows, f->options.mode);
	if (refused)
		fprintf(stderr, "fast: the engine does not forward %u of the flows\n", refused);
	if (!refused && f->options.order == GENERATOR_SEQUENCE)
		err = listen_open(&f->listen, &t, count, FAST_OTHER_CPU);
	return refused ? -EINVAL : err;
}

static int fast_enter(struct fast *f)
{
	static const char *const names[] = {LANE_UPLINK, LANE_FARM};
	int err = 0;

	for (u8 i = 0; i < 2 && !err; i++)
		err = fastpath_enter(f->path, i, (int)if_nametoindex(names[i]), FAST_MTU);
	return err;
}

/* As the daemon does: load, attach, fill, enter. */
static int fast_sandwich(struct fast *f)
{
	const struct fastpath_setup setup = {.sessions = f->options.slots,
					     .pins = f->options.pins,
					     .fragments = 1 << 12,
					     .handler = fast_handle};
	char *why = NULL;
	int err = fastpath_new(&f->path, &setup, &why);

	if (!err)
		err = fastpath_attach(f->path, 0, LANE_UPLINK, FASTPATH_NATIVE, &why);
	if (!err)
		err = fastpath_attach(f->path, 1, LANE_FARM, FASTPATH_NATIVE, &why);
	if (why)
		fprintf(stderr, "fast: %s\n", why);
	g_free(why);
	if (!err)
		err = fast_tables(f);
	return err ? err : fast_enter(f);
}

/* The kernel forwards; the port keeps the program that lets pass. */
static int fast_pass(struct fast *f)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	int fd = bpf_link_create(f->lane.program[LANE_PASS], (int)if_nametoindex(f->lane.in),
				 BPF_XDP, &opts);

	return fd < 0 ? fd : 0; /* it goes with the process */
}

static void fast_generator(struct fast *f)
{
	struct generator *g = generate_state(f->lane.generate);

	g->traffic = f->traffic;
	g->flows = f->options.flows;
	g->order = f->options.order;
}

static int fast_prepare(struct fast *f)
{
	struct options *o = &f->options;

	fill_traffic(&f->traffic, o->mode, o->outward);
	f->traffic.family = (u8)o->family;
	f->traffic.tag = (u16)o->tag;
	f->traffic.syn = o->order == GENERATOR_SEQUENCE;
	return o->to && !generate_mac(f->traffic.to, o->to) ? -EINVAL : 0;
}

static int fast_open(struct fast *f)
{
	struct lane_setup setup = {.objects = f->options.objects,
				   .netns = f->options.netns,
				   .outward = f->options.outward,
				   .cpu = FAST_CPU};
	int err = fast_prepare(f);

	if (f->options.rates)
		setup.sink = LANE_SINK_LATENCY;
	else if (f->options.order == GENERATOR_FLOOD)
		setup.sink = LANE_SINK_FLOOD;

	if (!err)
		err = lane_open(&f->lane, &setup);
	if (!err && f->options.what == FAST_SANDWICH)
		err = fast_sandwich(f);
	else if (!err && f->options.what == FAST_PASS)
		err = fast_pass(f);
	if (!err)
		err = port_find(&f->port, f->lane.in);
	if (!err)
		fast_generator(f);
	return err;
}

static void fast_print_counters(struct fast *f)
{
	struct counters *sum = g_new0(struct counters, 1);
	struct listen_count events;

	memory_sum(f->memory, sum);
	printf(", \"recorded\": %llu, \"full\": %llu, \"replaced\": %llu, \"slow\": %llu",
	       (unsigned long long)sum->counter[COUNTER_SESSIONS_NEW],
	       (unsigned long long)sum->counter[COUNTER_SESSIONS_FULL],
	       (unsigned long long)sum->counter[COUNTER_SESSIONS_REPLACED],
	       (unsigned long long)sum->counter[COUNTER_SLOW_DROPPED]);
	g_free(sum);
	if (!f->listen)
		return;
	listen_close(f->listen, &events);
	f->listen = NULL;
	printf(", \"events\": %llu, \"lost\": %llu, \"taken\": %llu, \"found\": %llu",
	       (unsigned long long)events.put, (unsigned long long)events.lost,
	       (unsigned long long)events.taken, (unsigned long long)events.found);
}

static int fast_measure(struct fast *f, const char *text)
{
	struct slices_setup setup = {.candidate = f->port.program,
				     .ceiling = f->lane.program[LANE_CEILING],
				     .wall = f->options.wall};
	unsigned int quantum;
	struct slices out;
	int err;

	if (sscanf(text, "%u:%d:%d:%d", &quantum, &setup.pairs, &setup.skip_ms, &setup.take_ms) !=
	    4)
		return -EINVAL;
	if (f->memory)
		core_store(&f->tables.settings->quantum, (u32)quantum);
	generate_rate(f->lane.generate, -1);
	usleep(FAST_WARM_US);
	err = slices_run(&f->lane, &f->port, &setup, &out);
	generate_rate(f->lane.generate, 0);
	if (err)
		return err;
	printf("{\"pps\": %.0f, \"ceiling\": %.0f, \"ratio\": %.4f, \"low\": %.4f, \"high\": %.4f, "
	       "\"known\": %.4f, \"known_ceiling\": %.4f",
	       out.pps, out.ceiling, out.ratio, out.low, out.high, out.known, out.known_ceiling);
	if (f->memory)
		fast_print_counters(f);
	puts("}");
	fflush(stdout);
	return 0;
}

static int fast_latency(struct fast *f, u32 rate)
{
	static const char *const names[ENDS_TRIALS] = {"candidate", "ceiling", "bare"};
	const int programs[ENDS_TRIALS] = {f->port.program, f->lane.program[LANE_CEILING],
					   f->lane.program[LANE_LATENCY]};
	struct latency out[ENDS_TRIALS];
	int err;

	if (f->memory)
		core_store(&f->tables.settings->quantum, (u32)FAST_QUANTUM_MS);
	err = latency_run(&f->lane, &f->port, programs, rate, out);
	for (int i = 0; i < ENDS_TRIALS && !err; i++)
		printf("%s\"%s\": {\"pps\": %.0f, \"p50\": %.0f, \"p99\": %.0f, \"p999\": %.0f}",
		       i ? ", " : "{", names[i], out[i].pps, out[i].p50, out[i].p99, out[i].p999);
	if (!err)
		puts("}");
	fflush(stdout);
	return err;
}

/* Who records flows by the frames that pass gets one of each first. */
static void fast_walk(struct fast *f)
{
	struct generator *g = generate_state(f->lane.generate);

	g->order = GENERATOR_SEQUENCE;
	generate_rate(f->lane.generate, -1);
	while (__atomic_load_n(&g->sent, __ATOMIC_RELAXED) < f->options.flows)
		usleep(1000);
	generate_rate(f->lane.generate, 0);
	g->order = f->options.order;
}

static int fast_measures(struct fast *f)
{
	int err = 0;

	if (f->options.what != FAST_SANDWICH)
		fast_walk(f);
	for (int i = 0; i < f->options.measures && !err; i++)
		err = fast_measure(f, f->options.measure[i]);
	for (int i = 0; i < f->options.rates && !err; i++)
		err = fast_latency(f, f->options.rate[i]);
	return err;
}

static void fast_close(struct fast *f)
{
	struct listen_count events;

	if (f->listen)
		listen_close(f->listen, &events);
	port_leave(&f->port);
	lane_close(&f->lane);
	memory_free(f->memory);
	fastpath_free(f->path);
}

int main(int argc, char **argv)
{
	struct fast f = {.port = {.program = -1}, .lane = {.links = {-1, -1}}};
	cpu_set_t set;
	int err;

	if (fast_read(&f.options, argc, argv)) {
		fprintf(stderr,
			"usage: fast --objects DIR --netns PREFIX --measure ... [OPTIONS]\n");
		return 2;
	}
	CPU_ZERO(&set);
	CPU_SET(FAST_OTHER_CPU, &set);
	sched_setaffinity(0, sizeof(set), &set);
	err = fast_open(&f);
	if (!err)
		err = fast_measures(&f);
	if (err)
		fprintf(stderr, "fast: %s\n", strerror(-err));
	fast_close(&f);
	return err ? 1 : 0;
}
