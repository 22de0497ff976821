// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/pump_batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sandwich/core/rewrite.h"
#include "sandwich/slowpath/checksum.h"

#define PUMP_BATCH_FRAMES 64
#define PUMP_BATCH_BYTES \
	(192 << 10) /* packed, so that a batch of small frames stays in the cache */
#define PUMP_BATCH_ALIGN 64

/* What to count when the frame is gone. */
struct pump_batch_entry {
	u8 in_port, out_port, reason;
	u8 device; /* it was sent to; 0: none */
};

struct pump_batch {
	struct mmsghdr messages[PUMP_BATCH_FRAMES];
	struct iovec parts[PUMP_BATCH_FRAMES];
	struct pump_batch_entry entries[PUMP_BATCH_FRAMES];
	u32 frames, bytes;
	u8 data[PUMP_BATCH_BYTES] __attribute__((aligned(PUMP_BATCH_ALIGN)));
};

int pump_batch_new(struct pump_batch **out)
{
	struct pump_batch *b = aligned_alloc(PUMP_BATCH_ALIGN, sizeof(*b));

	if (!b)
		return -ENOMEM;
	memset(b, 0, offsetof(struct pump_batch, data));
	for (int i = 0; i < PUMP_BATCH_FRAMES; i++) {
		b->messages[i].msg_hdr.msg_iov = &b->parts[i];
		b->messages[i].msg_hdr.msg_iovlen = 1;
	}
	*out = b;
	return 0;
}

void pump_batch_free(struct pump_batch *b)
{
	free(b);
}

bool pump_batch_rewrite(u8 *out, u32 *length, const struct settings *cfg, const struct work *w,
			const u8 *data, u32 captured)
{
	u32 from = w->out_vlan == VLAN_KEEP ? 12 : w->packet.l3;
	int growth = rewrite_growth(w);
	u32 to = (u32)((int)from + growth);

	*length = (u32)((int)captured + growth);
	memcpy(out + to, data + from, captured - from);
	rewrite_frame(out, w, &cfg->mac[decide_role(w->out_port)]);
	return checksum_fill(out, *length, &w->packet, growth);
}

bool pump_batch_fits(const struct port *port, const struct work *w, u32 length)
{
	return length <= port_mtu(port) + 14 + 4 * rewrite_tags(w);
}

static void pump_batch_sent(struct tables *t, const struct pump_batch_entry *e, u32 length)
{
	struct counters *c = t->counters;

	pump_batch_count(&c->tx[e->out_port], 1);
	pump_batch_count(&c->tx_bytes[e->out_port], length);
	if (e->device) {
		pump_batch_count(&c->to_device[e->device].packets, 1);
		pump_batch_count(&c->to_device[e->device].bytes, length);
	}
	/* Last, so that whoever sees all of rx in the reasons sees the rest too. */
	pump_batch_count(&c->reason[e->in_port][e->reason], 1);
}

static void pump_batch_failed(struct tables *t, u8 in_port, int err)
{
	u8 reason = err == -EMSGSIZE ? REASON_TOO_BIG : REASON_SEND_FAILED;

	pump_batch_count(&t->counters->reason[in_port][reason], 1);
}

void pump_batch_flush(struct pump_batch *b, struct tables *t, struct port *port)
{
	u32 at = 0;

	while (at < b->frames) {
		int n = port ? port_send_batch(port, &b->messages[at], b->frames - at) : -ENODEV;

		if (n <= 0) /* the first of them is the one that can't be sent */
			pump_batch_failed(t, b->entries[at++].in_port, n);
		for (; n > 0; n--, at++)
			pump_batch_sent(t, &b->entries[at], (u32)b->parts[at].iov_len);
	}
	b->frames = 0;
	b->bytes = 0;
}

void pump_batch_add(struct pump_batch *b, struct tables *t, struct port *port, const struct work *w,
		    const u8 *data, u32 captured, u32 wire)
{
	u32 length = (u32)((int)wire + rewrite_growth(w));
	struct pump_batch_entry *e;
	struct iovec *part;

	if (!port) {
		pump_batch_failed(t, w->port, -ENODEV);
		return;
	}
	if (captured < wire || !pump_batch_fits(port, w, length)) {
		pump_batch_failed(t, w->port, -EMSGSIZE);
		return;
	}
	if (b->frames == PUMP_BATCH_FRAMES ||
	    b->bytes + captured + PUMP_BATCH_ALIGN > PUMP_BATCH_BYTES)
		pump_batch_flush(b, t, port);
	part = &b->parts[b->frames];
	part->iov_base = b->data + b->bytes;
	if (pump_batch_rewrite(part->iov_base, &length, t->settings, w, data, captured))
		count(t, COUNTER_CHECKSUMS_FILLED);
	part->iov_len = length;
	e = &b->entries[b->frames++];
	e->in_port = w->port;
	e->out_port = w->out_port;
	e->reason = w->reason;
	e->device = w->out_port == PORT_UPLINK ? 0 : w->device;
	b->bytes += (length + PUMP_BATCH_ALIGN - 1) & ~(PUMP_BATCH_ALIGN - 1u);
}
