// SPDX-License-Identifier: ISC
/*
 * On the receiving end of the generator's veth: a program of any kind makes it take redirected
 * frames.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
