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

/* Makes room for the tags, or takes them away, and writes the Ethernet header. */
static __always_inline int decide_rewrite(struct xdp_md *ctx, struct tables *t, struct work *w)
{
	const struct settings *cfg = tables_settings(t);
	int growth = rewrite_growth(w);
	u8 *frame;

	if (!cfg || (growth && bpf_xdp_adjust_head(ctx, -growth)))
		return XDP_ABORTED;
	frame = (u8 *)(long)ctx->data;
	if (frame + 18 > (u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	rewrite_frame(frame, w, &cfg->mac[decide_role(w->out_port)]);
	return XDP_TX;
}

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
	if (reason_action(w->reason) != ACTION_SEND)
		return XDP_PASS;
	return decide_rewrite(ctx, &t, w);
}

char license_text[] SEC("license") = "Dual BSD/GPL";
