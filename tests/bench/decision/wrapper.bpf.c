// SPDX-License-Identifier: ISC
/*
 * Around the decision in the kernel's test-run: writes the frame of another flow into the buffer,
 * which is the same one each time, and goes on to the program under test by a tail call.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "tests/bench/decision/decision.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct decision);
} state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("xdp.frags")
int wrapper(struct xdp_md *ctx)
{
	void *frame = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct traffic_ends ends;
	__u32 zero = 0, n;
	struct decision *d;

	d = bpf_map_lookup_elem(&state, &zero);
	if (!d)
		return XDP_ABORTED;
	d->random = d->random * 6364136223846793005ull + 1442695040888963407ull;
	n = d->in_order ? d->sequence++ : (__u32)((d->random >> 32) * d->flows >> 32);
	traffic_ends(&d->traffic, n, &ends);
	if (!traffic_write(frame, end, &d->traffic, n, &ends, 0))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &next, 0);
	return XDP_ABORTED;
}

/* In place of a decision: what the wrapper costs by itself. */
SEC("xdp.frags")
int nothing(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_REDIRECT;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
