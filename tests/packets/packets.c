// SPDX-License-Identifier: ISC
/*
 * Runs packet fixtures through the engine in user space and, with -k, through the kernel's as well;
 * then frames made of them by chance.
 *
 *   packets [-k OBJECT] [-l] [-r FRAMES] [-s SEED] [-o CHUNK] [-c CORPUS] FIXTURE...
 *
 * -l: the program defers touches (fastpath/defer.bpf.h), and each frame waits until that is done.
 * -r: how many of those, from SEED (1); -o: only that chunk of them, as a failure tells it.
 * -c writes every frame of the fixtures into that folder, as seeds for tests/fuzz/fuzz_packet.
 * Exit: 0 all as expected, 1 not, 77 no BPF here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/packets/random.h"

struct options {
	const char *object, *corpus;
	bool late;
	struct random_plan random;
};

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

	o->random = (struct random_plan){.seed = 1, .only = -1};
	while ((c = getopt(argc, argv, "k:lr:s:o:c:")) != -1) {
		if (c == 'k')
			o->object = optarg;
		else if (c == 'l')
			o->late = true;
		else if (c == 'r')
			o->random.frames = strtoul(optarg, NULL, 10);
		else if (c == 's')
			o->random.seed = strtoull(optarg, NULL, 10);
		else if (c == 'o')
			o->random.only = strtol(optarg, NULL, 10);
		else if (c == 'c')
			o->corpus = optarg;
		else
			return -EINVAL;
	}
	return 0;
}

/* Linux 6.7: before, no timer stays on its CPU. */
static bool kernel_defers(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	return !uname(&name) && sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 7));
}

/* 0, 77 when there is no BPF here, or 1. */
static int open_kernel(struct kernel **k, const struct options *o)
{
	const struct kernel_setup setup = {.object = o->object,
					   .sessions = TWIN_SESSIONS,
					   .pins = TWIN_PINS,
					   .fragments = TWIN_FRAGMENTS,
					   .local = true};
	char why[700];
	int rc;

	if (o->late && !kernel_defers()) {
		printf("SKIP: nothing is deferred before Linux 6.7\n");
		return 77;
	}
	rc = o->object ? kernel_open(k, &setup, why, sizeof(why)) : 0;
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

static void report(const struct twin *tw, const struct samples *samples, int failed)
{
	printf("packets: %zu fixture frames, %llu decided, %llu by both machines (%llu sent, "
	       "%llu told to the daemon, %llu neither), %d failed\n",
	       samples->count, (unsigned long long)tw->frames, (unsigned long long)tw->compared,
	       (unsigned long long)tw->sent, (unsigned long long)tw->up,
	       (unsigned long long)tw->lone, failed);
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
	tw.late = o.late;
	failed = run_scripts(&tw, &samples, argv + optind);
	if (o.corpus)
		write_corpus(&samples, o.corpus);
	if (!failed && (o.random.frames || o.random.only >= 0) && samples.count)
		failed = !random_run(&tw, &samples, &o.random);
	report(&tw, &samples, failed);
	twin_close(&tw);
	if (kernel)
		kernel_close(kernel);
	free(samples.at);
	return failed != 0;
}
