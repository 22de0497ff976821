// SPDX-License-Identifier: ISC
/*
 * The fast path: the engine at the driver's door (XDP), one program on all ports.
 *
 *   frame -> decide() -> SEND: rewrite, redirect to the other port
 *                     -> LOCAL, HOLD, RESET, and events somebody waits for: copied into the ring
 *                     -> SEND, but the checksum is unfinished: into the ring, sent from there
 *                     -> not for our virtual MAC: the kernel's, which sees it as if we weren't
 *                        here; through the program behind ours first, where there is one
 *
 * It is attached before the tables are filled; until the daemon has entered the port in `ports`,
 * everything passes. Whether a redirected frame could be sent is known only after the program has
 * ended: what the driver drops then stays counted as forwarded.
 */
#include "sandwich/fastpath/tables.bpf.h"
#include "sandwich/core/counters.h"
#include "sandwich/core/express.h"
#include "sandwich/core/lane.h"
#include "sandwich/core/rewrite.h"
#include "sandwich/fastpath/checksum.bpf.h"
#include "sandwich/fastpath/shared.h"

struct fast_ports ports TABLE_VALUE(ports);

/* Where redirected frames leave: port number -> interface. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, FAST_PORTS);
	__type(key, u32);
	__type(value, u32);
} exits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, FAST_RING_BYTES);
} ring SEC(".maps");

/* What runs behind ours on a port, by the port's number: a tail call, so its verdict holds. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, FAST_PORTS);
	__type(key, u32);
	__type(value, u32);
} next SEC(".maps");

/* Too large for the stack. */
struct scratch {
	struct work work;
	struct touch touch;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct fast_clock clock TABLE_VALUE(clock);

/*
 * The engine's clock. The coarse clock (5.11) is user space's memory_now() and costs 20 ns, jiffies
 * one: it is asked once a jiffy, since it can't have changed meanwhile. All CPUs keep it in one
 * place: what one reads while another writes is a jiffy old at most.
 */
static __always_inline void sandwich_tick(void)
{
	u64 jiffies = bpf_jiffies64();

	if (CORE_LIKELY(core_load(&clock.jiffies) == jiffies))
		return;
	core_store(&clock.now, (u32)(bpf_ktime_get_coarse_ns() / 1000000));
	core_store(&clock.quantum, 0u);
	core_publish(&clock.jiffies, jiffies);
}

static __always_inline u32 sandwich_now(void)
{
	sandwich_tick();
	return core_load(&clock.now);
}

/* settings_phase() of now, without a division for each frame. */
static __always_inline u32 sandwich_phase(u32 quantum)
{
	sandwich_tick();
	if (CORE_UNLIKELY(core_load(&clock.quantum) != quantum)) {
		core_store(&clock.phase, settings_phase(core_load(&clock.now), quantum));
		core_publish(&clock.quantum, quantum);
	}
	return core_load(&clock.phase);
}

/* The number of the port, or PORTS_MAX. */
static __always_inline u32 sandwich_port(const struct fast_ports *ports, u32 ifindex)
{
#pragma clang loop unroll(full)
	for (u32 i = 0; i < PORTS_MAX; i++)
		if (ports->port[i].ifindex == ifindex)
			return i;
	return PORTS_MAX;
}

/* The kernel drops without a word what is longer than MTU, Ethernet header and one tag. */
static __always_inline bool sandwich_fits(const struct fast_ports *ports, const struct work *w,
					  u32 length)
{
	u32 tags = w->out_vlan == VLAN_KEEP ? w->packet.tags : w->out_vlan != VLAN_NONE;

	return length <= ports->port[w->out_port & (FAST_PORTS - 1)].mtu + 14 + (tags ? 4 : 0);
}

/* Makes room for the tags, or takes them away, writes the Ethernet header, and off it goes. */
static __always_inline int sandwich_send(struct xdp_md *ctx, struct tables *t, struct work *w)
{
	const struct settings *cfg = tables_settings(t);
	int growth = rewrite_growth(w);
	u8 *frame;

	w->reason = REASON_SEND_FAILED;
	if (!cfg || (growth && bpf_xdp_adjust_head(ctx, -growth)))
		return XDP_DROP;
	frame = (u8 *)(long)ctx->data;
	if (frame + 18 > (u8 *)(long)ctx->data_end)
		return XDP_DROP;
	rewrite_frame(frame, w, &cfg->mac[decide_role(w->out_port)]);
	return (int)bpf_redirect_map(&exits, w->out_port, XDP_DROP); /* drop: no such port now */
}

static __always_inline void sandwich_count_sent(struct counters *c, const struct work *w,
						u32 length)
{
	struct device_count *device = &c->to_device[w->device];
	u32 port = w->out_port & (FAST_PORTS - 1);

	if (port >= PORTS_MAX)
		return;
	c->tx[port]++;
	c->tx_bytes[port] += length;
	if (port == PORT_UPLINK)
		return;
	device->packets++;
	device->bytes += length;
}

static __always_inline int sandwich_forward(struct xdp_md *ctx, struct tables *t, struct work *w,
					    const struct fast_ports *ports, u32 length)
{
	struct counters *c = tables_counters(t);
	u8 reason = w->reason;
	int action;

	length += (u32)rewrite_growth(w);
	if (!sandwich_fits(ports, w, length)) {
		w->reason = REASON_TOO_BIG;
		return XDP_DROP;
	}
	action = sandwich_send(ctx, t, w);
	if (action != XDP_REDIRECT || !c)
		return action;
	w->reason = reason;
	sandwich_count_sent(c, w, length);
	return action;
}

/* Copies the frame into a record of SIZE bytes; false when there is no room. */
static __always_inline bool sandwich_copy(struct xdp_md *ctx, const struct work *w, u32 length,
					  const u32 size)
{
	struct fast_frame *f = bpf_ringbuf_reserve(&ring, sizeof(*f) + size, 0);

	if (!f)
		return false;
	if (length < 1 || length > size || bpf_xdp_load_bytes(ctx, 0, f->data, length)) {
		bpf_ringbuf_discard(f, 0);
		return false;
	}
	f->length = length;
	f->spare = 0;
	f->work = *w;
	bpf_ringbuf_submit(f, 0);
	return true;
}

static __always_inline void sandwich_up(struct xdp_md *ctx, struct tables *t, const struct work *w,
					u32 length)
{
	bool done;

	core_opaque(length);
	if (length <= FAST_FRAME_SMALL)
		done = sandwich_copy(ctx, w, length, FAST_FRAME_SMALL);
	else if (length <= FAST_FRAME_MEDIUM)
		done = sandwich_copy(ctx, w, length, FAST_FRAME_MEDIUM);
	else
		done = sandwich_copy(ctx, w, length < FAST_FRAME_MAX ? length : FAST_FRAME_MAX,
				     FAST_FRAME_MAX);
	if (!done)
		count(t, COUNTER_SLOW_DROPPED);
}

static __always_inline bool sandwich_unfinished(struct xdp_md *ctx, const struct fast_ports *ports,
						const struct work *w)
{
	const struct packet_cursor cursor = {
		.data = (const u8 *)(long)ctx->data,
		.end = (const u8 *)(long)ctx->data_end,
	};

	if (!ports->port[w->port & (FAST_PORTS - 1)].local)
		return false;
	return checksum_unfinished(&cursor, &w->packet);
}

/* Whether the daemon is to see the frame. */
static __always_inline bool sandwich_wanted(struct tables *t, const struct work *w, u8 action)
{
	const struct settings *cfg = tables_settings(t);

	if (action != ACTION_SEND && action != ACTION_DROP)
		return true;
	if (w->events & (EVENT_ROUTER | FAST_EVENT_FORWARD))
		return true;
	return w->events & EVENT_FIRST_FRAGMENT && cfg && cfg->want_fragments;
}

/* What isn't forwarded: the kernel gets all but what is to our own MAC, or from it. */
static __always_inline int sandwich_leave(struct tables *t, const struct work *w)
{
	const struct settings *cfg = tables_settings(t);

	if (!cfg || w->reason == REASON_OWN_FRAME)
		return XDP_DROP;
	return mac_equal(&w->packet.mac_dst, &cfg->mac[decide_role(w->port)]) ? XDP_DROP : XDP_PASS;
}

static __always_inline void sandwich_count(struct tables *t, const struct work *w, u32 length)
{
	struct counters *c = tables_counters(t);
	u32 port = w->port, reason = w->reason;

	if (!c || port >= PORTS_MAX || reason >= REASONS)
		return;
	c->rx[port]++;
	c->rx_bytes[port] += length;
	c->reason[port][reason]++;
	if (!w->from)
		return;
	c->from_device[w->from].packets++;
	c->from_device[w->from].bytes += length;
}

/*
 * What becomes of the frame now that W says it. Global, so that the verifier looks at it once and
 * not behind each of the ways through decide().
 */
__attribute__((noinline)) int sandwich_finish(struct xdp_md *ctx, struct work *w)
{
	const struct fast_ports *p = &ports;
	u32 length = (u32)bpf_xdp_get_buff_len(ctx);
	struct tables t = {0};
	int verdict = XDP_DROP;
	u8 action;

	if (!p || !w)
		return XDP_ABORTED;
	action = reason_action(w->reason);
	/* what doesn't fit is refused here, as it is anyway */
	if (action == ACTION_SEND && sandwich_unfinished(ctx, p, w) &&
	    sandwich_fits(p, w, length + (u32)rewrite_growth(w)))
		w->events |= FAST_EVENT_FORWARD;
	if (CORE_UNLIKELY(sandwich_wanted(&t, w, action)))
		sandwich_up(ctx, &t, w, length);
	if (CORE_UNLIKELY(action != ACTION_SEND))
		verdict = sandwich_leave(&t, w);
	else if (CORE_LIKELY(!(w->events & FAST_EVENT_FORWARD)))
		verdict = sandwich_forward(ctx, &t, w, p, length);
	sandwich_count(&t, w, length);
	return verdict;
}

/*
 * The plain frame, from port to redirect (core/lane.h). Negative: it is not one, and nothing was
 * done.
 *
 * Global, as sandwich_decide() and sandwich_finish() are, so that the verifier looks at it once and
 * its stack is not theirs.
 */
__attribute__((noinline)) int sandwich_lane(struct xdp_md *ctx, u32 port)
{
	const struct packet_cursor c = {
		.data = (const u8 *)(long)ctx->data,
		.end = (const u8 *)(long)ctx->data_end,
		.length = (u32)((const u8 *)(long)ctx->data_end - (const u8 *)(long)ctx->data),
	};
	const struct fast_ports *p = &ports;
	u8 *frame = (u8 *)(long)ctx->data;
	struct tables t = {0};
	const struct settings *cfg = tables_settings(&t);
	struct counters *count;
	struct scratch *s = tables_at(&scratches, 0);
	struct work w = {0};

	if (!s)
		return -1;
	w.now = sandwich_now();
	w.port = (u8)port;
	if (!lane_parse(&c, &w.packet))
		return -1;
	if (p->port[port & (FAST_PORTS - 1)].local && checksum_unfinished(&c, &w.packet))
		return -1;
	if (!lane_decide(&t, cfg, &w, &s->touch) || rewrite_growth(&w) ||
	    !sandwich_fits(p, &w, c.length) || frame + 18 > (u8 *)(long)ctx->data_end ||
	    !lane_commit(&t, cfg, &w, c.length, &s->touch))
		return -1;
	rewrite_frame(frame, &w, &cfg->mac[decide_role(w.out_port)]);
	count = tables_counters(&t);
	if (count)
		counters_plain(count, &w, c.length);
	return (int)bpf_redirect_map(&exits, w.out_port, XDP_DROP);
}

/* Every other frame. */
__attribute__((noinline)) int sandwich_decide(struct xdp_md *ctx, u32 port)
{
	struct scratch *s = tables_at(&scratches, 0);
	struct packet_cursor cursor;
	struct tables t = {0};
	struct work *w;

	if (!s)
		return XDP_PASS;
	w = &s->work;
	core_zero(w, sizeof(*w));
	w->now = core_load(&clock.now); /* as it was in the lane, which may have used a pin */
	w->port = (u8)port;
	cursor.data = (const u8 *)(long)ctx->data;
	cursor.end = (const u8 *)(long)ctx->data_end;
	cursor.length = (u32)bpf_xdp_get_buff_len(ctx);
	decide(&t, &cursor, w);
	return sandwich_finish(ctx, w);
}

/* To the kernel, as it came. Doesn't return where there is a program behind ours. */
static __always_inline int sandwich_pass(struct xdp_md *ctx, u32 port)
{
	bpf_tail_call(ctx, &next, port);
	return XDP_PASS;
}

/* A port that the daemon hasn't entered (yet) is not ours, but whoever runs behind us is there. */
static __always_inline int sandwich_pass_stranger(struct xdp_md *ctx,
						  const struct fast_ports *ports)
{
	u32 port = FAST_PORTS;

#pragma clang loop unroll(full)
	for (u32 i = 0; i < PORTS_MAX; i++)
		if (ports->port[i].attached == ctx->ingress_ifindex)
			port = i;
	return sandwich_pass(ctx, port);
}

/* What the express has decided of it becomes so. */
static __always_inline int sandwich_carry(struct tables *t, const struct settings *cfg, u8 *frame,
					  const struct express *e, u8 id)
{
	const struct device *d = tables_device(t, id);
	hop_word hop = core_load(&d->hop);
	u32 port = hop_port(hop) & (FAST_PORTS - 1);
	struct device_count *n;
	struct counters *c;

	if (!(hop & HOP_VALID) || !express_tag(cfg, d, e) ||
	    e->length > ports.port[port].mtu + (e->tagged ? 18 : 14))
		return -1;
	c = tables_counters(t);
	if (!c)
		return -1;
	n = &c->plain[REASON_TO_DEVICE][port][id];
	n->packets++;
	n->bytes += e->length;
	express_rewrite(cfg, frame, hop, 1);
	return (int)bpf_redirect_map(&exits, hop_port(hop), XDP_DROP);
}

/* The frame that changes nothing but a count (core/express.h). Negative: it is not one. */
static __always_inline int sandwich_express(struct xdp_md *ctx)
{
	u8 *frame = (u8 *)(long)ctx->data;
	struct express e = {.end = (const u8 *)(long)ctx->data_end};
	struct tables t = {0};
	const struct settings *cfg = tables_settings(&t);
	u32 quantum = core_load(&cfg->quantum);
	u8 device;

	if (!quantum || frame + EXPRESS_BYTES > e.end)
		return -1;
	e.length = (u32)(e.end - frame);
	e.checks = ports.port[PORT_UPLINK].local;
	if (!express_ethernet(cfg, frame, &e) || !express_parse(cfg, &e) ||
	    express_is_due(&t, e.hash, sandwich_phase(quantum)))
		return -1;
	device = express_device(&t, cfg, e.hash);
	return device ? sandwich_carry(&t, cfg, frame, &e, device) : -1;
}

SEC("xdp.frags")
int sandwich(struct xdp_md *ctx)
{
	const struct fast_ports *p = &ports;
	u32 ifindex = ctx->ingress_ifindex, port;
	int verdict;

	if (p->port[PORT_UPLINK].ifindex == ifindex) {
		verdict = sandwich_express(ctx);
		if (CORE_LIKELY(verdict >= 0))
			return verdict;
	}
	port = sandwich_port(p, ifindex);
	if (port >= PORTS_MAX)
		return sandwich_pass_stranger(ctx, p);
	verdict = sandwich_lane(ctx, port);
	if (CORE_LIKELY(verdict >= 0))
		return verdict;
	verdict = sandwich_decide(ctx, port);
	return verdict == XDP_PASS ? sandwich_pass(ctx, port) : verdict;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
