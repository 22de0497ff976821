// SPDX-License-Identifier: ISC
/*
 * The kernel's frame generator, driven from standard input.
 *
 *   generator OBJECT INTERFACE SOURCE-MAC DESTINATION-MAC CPU
 *
 * Words, a line each: "rate N" (frames a second; 0: stop; -1: as fast as it goes), "flows N", "to
 * MAC", "sent" (answered with the count since start). Each is answered with a line. The end of
 * input ends it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/bench/generator.h"

#define GENERATOR_BATCH 64

struct run {
	struct generator *state;
	int program, cpu;
	int stop;
};

static int run_mac(__u8 *b, const char *text)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &b[0], &b[1], &b[2], &b[3], &b[4],
		      &b[5]) == 6;
}

/* One long test-run after the other; a signal ends one. */
static void *run_frames(void *arg)
{
	struct run *r = arg;
	unsigned char frame[GENERATOR_FRAME] = {0};
	struct xdp_md context = {.data_end = sizeof(frame), .ingress_ifindex = r->state->ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1 << 30,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = GENERATOR_BATCH);
	cpu_set_t set;
	int err;

	CPU_ZERO(&set);
	CPU_SET(r->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&r->state->gap, __ATOMIC_RELAXED) == GENERATOR_STOP &&
		       !__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE))
			usleep(500); /* leaves the core to others between measurements */
		if (__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE))
			break;
		err = bpf_prog_test_run_opts(r->program, &options);
		if (err && err != -EINTR) {
			fprintf(stderr, "generator: test-run: %s\n", strerror(-err));
			exit(1);
		}
	}
	return NULL;
}

static void run_interrupted(int signal)
{
	(void)signal;
}

static void run_word(struct run *r, pthread_t thread, const char *line)
{
	long long n;

	if (sscanf(line, "rate %lld", &n) == 1) {
		r->state->next = 0;
		__atomic_store_n(&r->state->gap,
				 n < 0 ? 0
				 : n   ? 1000000000ull / (unsigned long long)n
				       : GENERATOR_STOP,
				 __ATOMIC_RELEASE);
		if (!n)
			pthread_kill(thread, SIGUSR1);
		puts("ok");
	} else if (sscanf(line, "flows %lld", &n) == 1) {
		r->state->flows = (__u32)n;
		puts("ok");
	} else if (!strncmp(line, "to ", 3)) {
		puts(run_mac(r->state->to, line + 3) ? "ok" : "what?");
	} else if (!strncmp(line, "sent", 4)) {
		printf("%llu\n",
		       (unsigned long long)__atomic_load_n(&r->state->sent, __ATOMIC_RELAXED));
	} else {
		puts("what?");
	}
	fflush(stdout);
}

static int run_open(struct run *r, const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	struct bpf_map *map;

	if (!object || bpf_object__load(object))
		return -EINVAL;
	program = bpf_object__find_program_by_name(object, "generator_frame");
	map = bpf_object__find_map_by_name(object, "state");
	if (!program || !map)
		return -EINVAL;
	r->program = bpf_program__fd(program);
	r->state = mmap(NULL, (size_t)getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED,
			bpf_map__fd(map), 0);
	return r->state == MAP_FAILED ? -errno : 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = run_interrupted};
	struct run r = {0};
	pthread_t thread;
	char line[80];

	if (argc != 6) {
		fprintf(stderr,
			"usage: generator OBJECT INTERFACE SOURCE-MAC DESTINATION-MAC CPU\n");
		return 2;
	}
	if (run_open(&r, argv[1]))
		return 1;
	r.cpu = atoi(argv[5]);
	r.state->ifindex = if_nametoindex(argv[2]);
	r.state->gap = GENERATOR_STOP;
	r.state->flows = 1;
	if (!r.state->ifindex || !run_mac(r.state->from, argv[3]) || !run_mac(r.state->to, argv[4]))
		return 2;
	sigaction(SIGUSR1, &action, NULL);
	if (pthread_create(&thread, NULL, run_frames, &r))
		return 1;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		run_word(&r, thread, line);
	__atomic_store_n(&r.stop, 1, __ATOMIC_RELEASE);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	return 0;
}
