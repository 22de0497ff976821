// SPDX-License-Identifier: ISC
/*
 * The programs around what is measured: the ceiling, the sinks, and one that lets pass.
 *
 * `ceiling` is a bare redirect without any look-up. It stands on the port in turn with what is
 * measured, and sends to the same devmap port.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "tests/bench/ends.h"
#include "tests/bench/traffic.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ends_sink);
} sinks SEC(".maps");

SEC("xdp.frags")
int ceiling(struct xdp_md *ctx)
{
	(void)ctx;
	return (int)bpf_redirect_map(&out, 0, XDP_DROP);
}

/* On the receiving end of a veth a program of any kind makes it take redirected frames. */
SEC("xdp.frags")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	struct ends_sink *s;
	__u32 zero = 0;

	(void)ctx;
	s = bpf_map_lookup_elem(&sinks, &zero);
	if (s)
		s->frames++;
	return XDP_DROP;
}

/* Tells a flood's frames from the others, by their protocol. */
SEC("xdp")
int sink_flood(struct xdp_md *ctx)
{
	const __u8 *frame = (void *)(long)ctx->data;
	struct ends_sink *s;
	__u32 zero = 0;

	s = bpf_map_lookup_elem(&sinks, &zero);
	if (!s || frame + TRAFFIC_V4 > (const __u8 *)(long)ctx->data_end)
		return XDP_DROP;
	s->frames++;
	s->known += frame[ETH_HLEN + 9] == IPPROTO_UDP;
	return XDP_DROP;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ends_latency);
} latencies SEC(".maps");

#define ENDS_SAMPLE 16 /* frames, of which one is looked at: the clock takes its time, too */

/* Takes the time of stamped frames. */
SEC("xdp.frags")
int sink_latency(struct xdp_md *ctx)
{
	const __u8 *frame = (void *)(long)ctx->data;
	struct ends_latency *l;
	struct ends_sink *s;
	__u32 zero = 0, trial;
	__u64 took;

	s = bpf_map_lookup_elem(&sinks, &zero);
	l = bpf_map_lookup_elem(&latencies, &zero);
	if (!s || !l || frame + TRAFFIC_V4 > (const __u8 *)(long)ctx->data_end)
		return XDP_DROP;
	if (s->frames++ % ENDS_SAMPLE)
		return XDP_DROP;
	took = (bpf_ktime_get_ns() - *(const __u64 *)(frame + TRAFFIC_STAMP)) >> ENDS_BUCKET_BITS;
	trial = l->trial;
	if (took >= ENDS_BUCKETS)
		took = ENDS_BUCKETS - 1;
	if (trial < ENDS_TRIALS)
		l->bucket[trial][took]++;
	return XDP_DROP;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
