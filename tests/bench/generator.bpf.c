// SPDX-License-Identifier: ISC
/*
 * Frames for the bench: 64 bytes of UDP, each of a flow picked by a full-period generator, paced by
 * a token bucket.
 *
 * Run by the kernel's test-run with live frames on the generator's interface and redirected to it.
 * Pages come back as the last frame left them, so every byte of the headers is written.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <linux/in.h>

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
	now = bpf_ktime_get_ns();
	if (g->next > now)
		return 0;
	if (now - g->next > gap * GENERATOR_BURST)
		g->next = now - gap * GENERATOR_BURST;
	g->next += gap;
	return 1;
}

/* Flow N's addresses and ports: 10.64.x.y to 10.128.x.y; sums are those of RFC 1071. */
static __always_inline void generator_write(struct generator *g, struct ethhdr *eth, __u32 n)
{
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	const __u16 *words = (void *)ip;
	__u32 sum = 0;

	__builtin_memcpy(eth->h_dest, g->to, ETH_ALEN);
	__builtin_memcpy(eth->h_source, g->from, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IP);
	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = bpf_htons(GENERATOR_FRAME - sizeof(*eth));
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = bpf_htonl(0x0a400000 | (n & 0x3fff));
	ip->daddr = bpf_htonl(0x0a800000 | (n >> 14 & 0x3fff));
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = (__u16) ~(sum + (sum >> 16));
	udp->source = bpf_htons(1024 + (n & 0x7fff));
	udp->dest = bpf_htons(9);
	udp->len = bpf_htons(GENERATOR_FRAME - sizeof(*eth) - sizeof(*ip));
	udp->check = 0;
}

SEC("xdp")
int generator_frame(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u32 zero = 0;
	struct generator *g = bpf_map_lookup_elem(&state, &zero);

	if (!g || (void *)eth + GENERATOR_FRAME > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (!generator_may(g))
		return XDP_DROP;
	g->flow = g->flow * 1664525 + 1013904223;
	generator_write(g, eth, (g->flow >> 4) % (g->flows ? g->flows : 1));
	g->sent++;
	return bpf_redirect(g->ifindex, 0);
}

char license_text[] SEC("license") = "Dual BSD/GPL";
