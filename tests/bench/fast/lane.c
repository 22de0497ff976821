// SPDX-License-Identifier: ISC
#include "tests/bench/fast/lane.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const lane_roles[] = {"gen", "mid", "end"};

enum { LANE_GEN, LANE_MID, LANE_END };

static int lane_enter(const struct lane *l, int role)
{
	int fd = open(l->paths[role], O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

static int lane_load(struct lane *l, const char *objects)
{
	char path[256];
	int err, fd;

	snprintf(path, sizeof(path), "%s/ends.bpf.o", objects);
	l->ends = bpf_object__open_file(path, NULL);
	if (!l->ends)
		return -errno;
	err = bpf_object__load(l->ends);
	if (err)
		return err;
	fd = bpf_object__find_map_fd_by_name(l->ends, "sinks");
	l->sink = mmap(NULL, (size_t)getpagesize(), PROT_READ, MAP_SHARED, fd, 0);
	if (l->sink == MAP_FAILED)
		return -errno;
	fd = bpf_object__find_map_fd_by_name(l->ends, "latencies");
	l->latency = mmap(NULL, sizeof(*l->latency), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return l->latency == MAP_FAILED ? -errno : 0;
}

static int lane_program(const struct lane *l, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(l->ends, name));
}

/* The sink, in the driver: its NAPI then runs where the frame was sent. */
static int lane_sink(struct lane *l, int role, const char *interface, int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = 1u << 2 /* XDP_FLAGS_DRV_MODE */);
	int err = lane_enter(l, role), fd;

	if (err)
		return err;
	fd = bpf_link_create(program, (int)if_nametoindex(interface), BPF_XDP, &opts);
	if (fd < 0)
		return fd;
	l->links[role == LANE_END] = fd;
	return 0;
}

/* Where the ceiling sends to. */
static int lane_exit(const struct lane *l, const char *interface)
{
	int map = bpf_object__find_map_fd_by_name(l->ends, "out");
	__u32 zero = 0, ifindex;
	int err = lane_enter(l, LANE_MID);

	ifindex = if_nametoindex(interface);
	if (!err && bpf_map_update_elem(map, &zero, &ifindex, BPF_ANY))
		err = -errno;
	return err;
}

static int lane_build(struct lane *l, const struct lane_setup *setup)
{
	static const char *const sinks[] = {"sink", "sink_flood", "sink_latency"};
	int err = lane_load(l, setup->objects), program;
	char path[256];

	if (err)
		return err;
	program = lane_program(l, sinks[setup->sink]);
	l->program[LANE_CEILING] = lane_program(l, "ceiling");
	l->program[LANE_PASS] = lane_program(l, "pass");
	l->program[LANE_LATENCY] = lane_program(l, "sink_latency");
	err = lane_sink(l, LANE_GEN, "g0", program);
	if (!err)
		err = lane_sink(l, LANE_END, "s0", program);
	if (!err)
		err = lane_exit(l, setup->outward ? LANE_UPLINK : LANE_FARM);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/generator.bpf.o", setup->objects);
	return generate_open(&l->generate, path, l->paths[setup->outward ? LANE_END : LANE_GEN],
			     setup->outward ? "s0" : "g0", setup->cpu);
}

int lane_open(struct lane *l, const struct lane_setup *setup)
{
	int err;

	memset(l, 0, sizeof(*l));
	l->links[0] = l->links[1] = -1;
	l->in = setup->outward ? LANE_FARM : LANE_UPLINK;
	for (int i = 0; i < 3; i++)
		snprintf(l->paths[i], sizeof(l->paths[i]), "%s%s", setup->netns, lane_roles[i]);
	err = lane_build(l, setup);
	if (err) {
		fprintf(stderr, "lane: %s\n", strerror(-err));
		lane_close(l);
	}
	return err;
}

void lane_close(struct lane *l)
{
	generate_close(l->generate);
	for (int i = 0; i < 2; i++)
		if (l->links[i] >= 0)
			close(l->links[i]);
	bpf_object__close(l->ends);
	memset(l, 0, sizeof(*l));
	l->links[0] = l->links[1] = -1;
}
