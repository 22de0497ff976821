// SPDX-License-Identifier: ISC
/*
 * Frames for the bench: 64 bytes, each of a flow picked by a full-period generator, paced by a
 * token bucket.
 *
 * Run by the kernel's test-run with live frames on the generator's interface and redirected to it.
 * Pages come back as the last frame left them, so every byte is written.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "tests/bench/generator.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct generator);
} state SEC(".maps");

#define GENERATOR_BURST 64 /* frames */

/* True when it is time for another frame. */
static __always_inline int generator_may(struct generator *g)
{
	__u64 now, gap = g->gap;

	if (!gap)
		return 1;
	if (gap == GENERATOR_STOP)
		return 0;
	g->now = now = bpf_ktime_get_ns();
	if (g->next > now)
		return 0;
	if (now - g->next > gap * GENERATOR_BURST)
		g->next = now - gap * GENERATOR_BURST;
	g->next += gap;
	return 1;
}

SEC("xdp")
int generator_frame(struct xdp_md *ctx)
{
	void *frame = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct traffic_ends ends;
	struct generator *g;
	__u32 zero = 0, n, syn;

	g = bpf_map_lookup_elem(&state, &zero);
	if (!g)
		return XDP_ABORTED;
	if (!generator_may(g))
		return XDP_DROP;
	syn = g->traffic.syn;
	g->random = g->random * 6364136223846793005ull + 1442695040888963407ull;
	n = (__u32)((g->random >> 32) * g->flows >> 32);
	if (g->order == GENERATOR_SEQUENCE)
		n = g->sequence++;
	traffic_ends(&g->traffic, n, &ends);
	if (g->order == GENERATOR_FLOOD && g->sequence++ & 1) {
		ends.client = TRAFFIC_FLOOD | ((__u32)(g->random >> 20) & 0x0fffffff);
		syn = 1;
	}
	if (!traffic_write(frame, end, &g->traffic, n, &ends, syn))
		return XDP_ABORTED;
	if (g->stamped)
		traffic_stamp(frame, g->now);
	g->sent++;
	return bpf_redirect(g->ifindex, 0);
}

char license_text[] SEC("license") = "Dual BSD/GPL";
