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
#include "sandwich/core/rewrite.h"
#include "sandwich/fastpath/checksum.bpf.h"
#include "sandwich/fastpath/defer.bpf.h"
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

int sandwich_rest(struct xdp_md *ctx);

/*
 * What the express leaves: a program of its own behind a tail call, so that neither has the other's
 * frames on its stack, nor its instructions before the verifier. The loader puts it in.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__array(values, int(void *));
} rest SEC(".maps") = {.values = {(void *)&sandwich_rest}};

/* Too large for the stack. */
struct scratch {
	struct work work;
	struct express_room express;
	struct defer defer;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

CORE_INLINE struct express_room *express_room(void)
{
	struct scratch *s = tables_at(&scratches, 0);

	return s ? &s->express : NULL;
}

CORE_INLINE struct defer *defer_here(void)
{
	struct scratch *s = tables_at(&scratches, 0);

	return s ? &s->defer : NULL;
}

struct fast_clock clock TABLE_VALUE(clock);

CORE_INLINE bool express_noted(void)
{
	return defer_noted((u32)core_load(&clock.jiffies));
}

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

/* settings_phase() of the clock, without a division for each frame. */
static __always_inline u32 sandwich_phase(u32 quantum)
{
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
	return length <= ports->port[w->out_port & (FAST_PORTS - 1)].mtu + 14 +
				 (rewrite_tags(w) ? 4 : 0);
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
	if (counters_passes(reason))
		c->passed[w->from]++;
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

/* Every other frame. Global, as sandwich_finish() is, so that the verifier looks at it once. */
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
	w->now = core_load(&clock.now); /* sandwich() asked */
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

/*
 * What the express has decided of it becomes so. FARM: the port on that side, by which it came or
 * goes. What CTX knows is asked of it again, since the stack is scarce.
 */
static __always_inline int sandwich_carry(struct xdp_md *ctx, struct tables *t,
					  const struct settings *cfg, const struct express *e,
					  const struct express_way *way, u32 farm)
{
	u8 *frame = (u8 *)(long)ctx->data, *end = (u8 *)(long)ctx->data_end;
	u32 out = e->inward ? farm : PORT_UPLINK, length = (u32)(end - frame);
	struct counters *c = tables_counters(t);

	if (!c || frame + EXPRESS_BYTES > end ||
	    length > ports.port[out & (FAST_PORTS - 1)].mtu + (e->tagged ? 18 : 14))
		return -1;
	if (e->due) {
		if (!express_touch(t, cfg, e, way, length, core_load(&clock.now)))
			return -1;
		express_stamp(t, e, core_load(&cfg->quantum), core_load(&clock.phase));
	}
	if (!e->inward)
		decide_hear(t, way->device, core_load(&clock.now));
	counters_plain(c, express_reason(e, way), farm, way->device, length);
	express_rewrite(cfg, frame, way->hop, e->inward);
	return (int)bpf_redirect_map(&exits, out, XDP_DROP);
}

/* The frame that changes nothing but times and counts (core/express.h). Negative: it is not one. */
static __always_inline int sandwich_express(struct xdp_md *ctx, u32 in, const bool inward)
{
	u8 *frame = (u8 *)(long)ctx->data;
	struct express e = {.end = (const u8 *)(long)ctx->data_end, .inward = inward};
	struct tables t = {0};
	const struct settings *cfg = tables_settings(&t);
	struct express_way way;
	u32 quantum;

	if (frame + EXPRESS_BYTES > e.end)
		return -1;
	e.length = (u32)(e.end - frame);
	e.checks = ports.port[in & (FAST_PORTS - 1)].local;
	if (!express_ethernet(cfg, frame, &e) || !express_parse(&t, cfg, &e))
		return -1;
	quantum = core_load(&cfg->quantum);
	e.due = express_is_due(&t, &e, quantum, quantum ? sandwich_phase(quantum) : 0);
	if (inward)
		express_inward(&t, cfg, &e, core_load(&clock.now), &way);
	else
		express_outward(&t, cfg, frame, &e, (u8)in, core_load(&clock.now), &way);
	if (!way.device || !(way.hop & HOP_VALID))
		return -1;
	return sandwich_carry(ctx, &t, cfg, &e, &way, inward ? hop_port(way.hop) : in);
}

SEC("xdp.frags")
int sandwich_rest(struct xdp_md *ctx)
{
	const struct fast_ports *p = &ports;
	u32 port = sandwich_port(p, ctx->ingress_ifindex);
	int verdict;

	if (port >= PORTS_MAX)
		return sandwich_pass_stranger(ctx, p);
	verdict = sandwich_decide(ctx, port);
	return verdict == XDP_PASS ? sandwich_pass(ctx, port) : verdict;
}

SEC("xdp.frags")
int sandwich(struct xdp_md *ctx)
{
	const struct fast_ports *p = &ports;
	u32 ifindex = ctx->ingress_ifindex, port;
	int verdict = -1;

	sandwich_tick(); /* once: what the express noted of a frame that it leaves holds */
	if (p->port[PORT_UPLINK].ifindex == ifindex) {
		verdict = sandwich_express(ctx, PORT_UPLINK, true);
	} else {
		port = sandwich_port(p, ifindex);
		if (port < PORTS_MAX)
			verdict = sandwich_express(ctx, port, false);
	}
	if (CORE_LIKELY(verdict >= 0))
		return verdict;
	bpf_tail_call(ctx, &rest, 0);
	return XDP_ABORTED;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
