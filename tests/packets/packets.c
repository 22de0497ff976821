// SPDX-License-Identifier: ISC
/*
 * Runs packet fixtures through the engine in user space and, with -k, through the kernel's as well;
 * then frames made of them by chance.
 *
 *   packets [-k OBJECT] [-r FRAMES] [-s SEED] [-c CORPUS] FIXTURE...
 *
 * -c writes every frame of the fixtures into that folder, as seeds for tests/fuzz/fuzz_packet.
 * Exit: 0 all as expected, 1 not, 77 no BPF here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/packets/script.h"

struct options {
	const char *object, *corpus;
	unsigned long random;
	u64 seed;
};

static u64 chance(u64 *state)
{
	*state += 0x9e3779b97f4a7c15;
	return hash_mix(*state);
}

/* Changes a few bytes, mostly of the headers; sometimes cuts. Its MACs stay likely to be ours. */
static void mutate(struct frame *f, u64 *state)
{
	u32 n = (u32)chance(state) % 4, headers = f->length < 90 ? f->length : 90;

	for (; n > 0 && headers > 12; n--) {
		u64 r = chance(state);
		u32 at = r & 0x700 ? 12 + (u32)(r >> 32) % (headers - 12)
				   : (u32)(r >> 32) % f->length;

		f->bytes[at] = r & 0x800 ? (u8)r : (u8)(f->bytes[at] ^ 1 << (r & 7));
	}
	if (chance(state) % 16 == 0)
		f->length = (u32)chance(state) % f->length + 1;
}

/* Now and then the world changes too: a device dies or returns, time goes by. */
static u32 mutate_world(struct twin *tw, u64 *state)
{
	u64 r = chance(state);
	u8 id = 1 + (u8)(r >> 8) % 3;
	bool up = r >> 16 & 3, pick = r >> 18 & 3;

	if (r % 128 == 0)
		twin_each(tw, t) world_set(t, id, up, up && pick);
	return r % 64 == 1 ? (u32)(r >> 32) % 40000 : (u32)(r >> 32) % 8;
}

static const char *const worlds[] = {
	"affinity=pair",
	"affinity=client side=egress hosts heard=100",
	"affinity=flow hold on-down=reset quantum=100",
	"affinity=server last-hop uplink-vlan=keep farm-vlan=keep zoned on-move=keep",
	"affinity=pair side=egress hosts farm-vlan=7 any-mac on-down=drop",
};

#define WORLDS (sizeof(worlds) / sizeof(*worlds))

static int random_world(struct twin *tw, size_t world)
{
	char words[128];

	snprintf(words, sizeof(words), "%s", worlds[world]);
	if (script_world(tw, words))
		return -EINVAL;
	twin_each(tw, t) {
		world_local(t, "203.0.113.9", LOCAL_DEVICE | 2);
		world_local(t, "192.0.2.10", LOCAL_CLUSTER);
		world_route(t, "198.51.0.0", 16, 0, ROUTE_VIA, 2);
		world_route(t, "10.7.0.0", 16, 0, ROUTE_BLACKHOLE, 0);
	}
	return 0;
}

static bool random_frames(struct twin *tw, const struct samples *samples, unsigned long frames,
			  u64 seed)
{
	static struct frame f;
	u64 state = seed;
	u32 now = 5000;

	for (unsigned long n = 0; n < frames; n++) {
		const struct sample *from = &samples->at[chance(&state) % samples->count];
		struct work w = {.held = chance(&state) & 1};

		if (n % (frames / WORLDS + 1) == 0 &&
		    (!twin_compare(tw) || random_world(tw, n / (frames / WORLDS + 1))))
			return false;
		now += mutate_world(tw, &state);
		f = from->frame;
		mutate(&f, &state);
		w.now = now;
		w.port = chance(&state) % 8 ? from->port : (u8)(chance(&state) % 3);
		if (twin_decide(tw, &f, &w))
			continue;
		fprintf(stderr, "frame %lu of seed %llu\n", n, (unsigned long long)seed);
		return false;
	}
	return twin_compare(tw);
}

static void write_corpus(const struct samples *samples, const char *folder)
{
	char path[512];
	FILE *out;

	for (size_t i = 0; i < samples->count; i++) {
		snprintf(path, sizeof(path), "%s/frame-%03zu", folder, i);
		out = fopen(path, "w");
		if (!out)
			continue;
		fputc(samples->at[i].port, out);
		fwrite(samples->at[i].frame.bytes, 1, samples->at[i].frame.length, out);
		fclose(out);
	}
}

static int read_options(struct options *o, int argc, char **argv)
{
	int c;

	o->seed = (u64)time(NULL);
	while ((c = getopt(argc, argv, "k:r:s:c:")) != -1) {
		if (c == 'k')
			o->object = optarg;
		else if (c == 'r')
			o->random = strtoul(optarg, NULL, 10);
		else if (c == 's')
			o->seed = strtoull(optarg, NULL, 10);
		else if (c == 'c')
			o->corpus = optarg;
		else
			return -EINVAL;
	}
	return 0;
}

/* 0, 77 when there is no BPF here, or 1. */
static int open_kernel(struct kernel **k, const struct options *o)
{
	char why[700];
	int rc = o->object ? kernel_open(k, o->object, why, sizeof(why)) : 0;

	if (!rc) {
		if (o->object)
			printf("verifier: %u instructions walked\n", kernel_verified(*k));
		return 0;
	}
	if (rc == -EPERM || rc == -ENOSYS) {
		printf("SKIP: no BPF for this process (%s)\n", why);
		return 77;
	}
	fprintf(stderr, "%s: %s\n", o->object, why);
	return 1;
}

static int run_scripts(struct twin *tw, struct samples *samples, char **paths)
{
	int failed = 0;

	for (; *paths; paths++) {
		int rc = script_run(*paths, tw, samples);

		if (rc < 0)
			fprintf(stderr, "%s: %s\n", *paths, strerror(-rc));
		failed += rc < 0 ? 1 : rc;
	}
	return failed;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct samples samples = {0};
	struct kernel *kernel = NULL;
	struct twin tw;
	int rc, failed;

	if (read_options(&o, argc, argv))
		return 2;
	rc = open_kernel(&kernel, &o);
	if (rc)
		return rc;
	twin_open(&tw, kernel);
	failed = run_scripts(&tw, &samples, argv + optind);
	if (o.corpus)
		write_corpus(&samples, o.corpus);
	if (!failed && o.random && samples.count)
		failed = !random_frames(&tw, &samples, o.random, o.seed);
	printf("packets: %zu fixture frames, %llu decided, %llu by both machines, %d failed%s\n",
	       samples.count, (unsigned long long)tw.frames, (unsigned long long)tw.compared,
	       failed, o.random ? "" : " (no random frames)");
	twin_close(&tw);
	if (kernel)
		kernel_close(kernel);
	free(samples.at);
	return failed != 0;
}
