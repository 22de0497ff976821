// SPDX-License-Identifier: ISC
/*
 * The engine on the kernel's BPF machine: core/ compiled for it, one frame a run.
 *
 * It decides and rewrites as the user-space data path does, and leaves the verdict in `verdicts`,
 * where the tests read it after the kernel's test-run. It is the seed of the fast path's program.
 */
#include "sandwich/fastpath/tables.bpf.h"
#include "sandwich/core/rewrite.h"

/* What user space says of the frame, and gets back. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct work);
} verdicts SEC(".maps");

SEC("xdp")
int decide_frame(struct xdp_md *ctx)
{
	struct packet_cursor cursor = {
		.data = (const u8 *)(long)ctx->data,
		.end = (const u8 *)(long)ctx->data_end,
	};
	struct work *w = tables_at(&verdicts, 0);
	struct tables t = {0};

	if (!w)
		return XDP_ABORTED;
	cursor.length = (u32)(cursor.end - cursor.data);
	decide(&t, &cursor, w);
	return reason_action(w->reason) == ACTION_SEND ? XDP_TX : XDP_PASS;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
