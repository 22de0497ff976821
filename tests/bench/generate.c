// SPDX-License-Identifier: ISC
#include "tests/bench/generate.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define GENERATE_BATCH 64 /* unless it is told otherwise */
#define GENERATE_IDLE_US 500 /* leaves the core to others between measurements */

struct generate {
	struct bpf_object *object;
	struct generator *state;
	const char *netns, *interface;
	pthread_t thread;
	int program, cpu, batch;
	int stop;
	int ready; /* 1, or -errno */
	int running;
	pid_t tid;
};

int generate_mac(__u8 *out, const char *text)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &out[0], &out[1], &out[2], &out[3],
		      &out[4], &out[5]) == 6;
}

/* A thread may be in a namespace of its own. */
static int generate_enter(const struct generate *g)
{
	int fd = g->netns ? open(g->netns, O_RDONLY | O_CLOEXEC) : -1, err = 0;
	cpu_set_t set;

	if (g->netns && (fd < 0 || setns(fd, CLONE_NEWNET)))
		err = -errno;
	if (fd >= 0)
		close(fd);
	CPU_ZERO(&set);
	CPU_SET(g->cpu, &set);
	if (!err)
		err = -pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	g->state->ifindex = if_nametoindex(g->interface);
	return !err && !g->state->ifindex ? -ENODEV : err;
}

static int generate_is_over(struct generate *g)
{
	return __atomic_load_n(&g->stop, __ATOMIC_ACQUIRE);
}

static void *generate_frames(void *arg)
{
	struct generate *g = arg;
	unsigned char frame[TRAFFIC_ROOM] = {0};
	struct xdp_md context = {0};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = 1 << 30,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	int err = generate_enter(g);

	g->tid = gettid();
	__atomic_store_n(&g->ready, err ? err : 1, __ATOMIC_RELEASE);
	context.ingress_ifindex = g->state->ifindex;
	while (!err && !generate_is_over(g)) {
		if (__atomic_load_n(&g->state->gap, __ATOMIC_RELAXED) == GENERATOR_STOP) {
			usleep(GENERATE_IDLE_US);
			continue;
		}
		options.batch_size = (__u32)g->batch;
		context.data_end = options.data_size_in = traffic_length(&g->state->traffic);
		err = bpf_prog_test_run_opts(g->program, &options);
		if (err == -EINTR)
			err = 0;
		if (err)
			fprintf(stderr, "generator: test-run: %s\n", strerror(-err));
	}
	return NULL;
}

static void generate_interrupted(int signal)
{
	(void)signal;
}

static int generate_load(struct generate *g, const char *path)
{
	struct bpf_program *program;
	struct bpf_map *map;
	int err;

	g->object = bpf_object__open_file(path, NULL);
	if (!g->object)
		return -errno;
	err = bpf_object__load(g->object);
	if (err)
		return err;
	program = bpf_object__find_program_by_name(g->object, "generator_frame");
	map = bpf_object__find_map_by_name(g->object, "state");
	if (!program || !map)
		return -ENOENT;
	g->program = bpf_program__fd(program);
	g->state = mmap(NULL, (size_t)getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED,
			bpf_map__fd(map), 0);
	if (g->state == MAP_FAILED)
		return -errno;
	*g->state = (struct generator){.gap = GENERATOR_STOP, .flows = 1};
	g->state->traffic = (struct traffic){.family = 4, .client_bits = 14};
	return 0;
}

static int generate_start(struct generate *g)
{
	struct sigaction action = {.sa_handler = generate_interrupted};
	int err;

	sigaction(SIGUSR1, &action, NULL);
	err = -pthread_create(&g->thread, NULL, generate_frames, g);
	if (err)
		return err;
	g->running = 1;
	while (!__atomic_load_n(&g->ready, __ATOMIC_ACQUIRE))
		usleep(100);
	return g->ready < 0 ? g->ready : 0;
}

int generate_open(struct generate **out, const char *object, const char *netns,
		  const char *interface, int cpu)
{
	struct generate *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return -ENOMEM;
	g->netns = netns;
	g->interface = interface;
	g->cpu = cpu;
	g->batch = GENERATE_BATCH;
	err = generate_load(g, object);
	if (!err)
		err = generate_start(g);
	if (err)
		generate_close(g);
	else
		*out = g;
	return err;
}

void generate_close(struct generate *g)
{
	if (!g)
		return;
	__atomic_store_n(&g->stop, 1, __ATOMIC_RELEASE);
	if (g->running) {
		pthread_kill(g->thread, SIGUSR1);
		pthread_join(g->thread, NULL);
	}
	bpf_object__close(g->object);
	free(g);
}

struct generator *generate_state(struct generate *g)
{
	return g->state;
}

void generate_batch(struct generate *g, int frames)
{
	g->batch = frames;
}

void generate_rate(struct generate *g, long long rate)
{
	unsigned long long gap = GENERATOR_STOP;

	if (rate)
		gap = rate < 0 ? 0 : 1000000000ull / (unsigned long long)rate;
	g->state->next = 0;
	__atomic_store_n(&g->state->gap, gap, __ATOMIC_RELEASE);
	if (!rate)
		pthread_kill(g->thread, SIGUSR1);
}

__u64 generate_ran(const struct generate *g)
{
	struct timespec ts = {0, 0};
	clockid_t clock;

	if (!pthread_getcpuclockid(g->thread, &clock))
		clock_gettime(clock, &ts);
	return (__u64)ts.tv_sec * 1000000000ull + (__u64)ts.tv_nsec;
}

__u64 generate_waited(const struct generate *g)
{
	unsigned long long ran, waited = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", (int)g->tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &ran, &waited) != 2)
		waited = 0;
	fclose(file);
	return waited;
}
