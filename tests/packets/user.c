// SPDX-License-Identifier: ISC
#include "tests/packets/user.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sandwich/core/counters.h"
#include "sandwich/core/rewrite.h"

/* --- the ports of slowpath/port.h that the batch asks for ------------------------------------- */

unsigned int port_mtu(const struct port *p)
{
	return p->mtu;
}

int port_send_batch(struct port *p, struct mmsghdr *messages, unsigned int count)
{
	const struct iovec *part = messages[count - 1].msg_hdr.msg_iov;

	p->sent += count;
	p->length = (u32)part->iov_len;
	memcpy(p->bytes, part->iov_base, part->iov_len);
	return (int)count;
}

/* --- the pump ------------------------------------------------------------------------------- */

void user_open(struct user *u, u32 sessions, u32 pins, u32 fragments, unsigned int mtu)
{
	memset(u, 0, sizeof(*u));
	world_open(&u->world, sessions, pins, fragments);
	if (pump_batch_new(&u->batch))
		abort();
	u->port.mtu = mtu;
}

void user_close(struct user *u)
{
	pump_batch_free(u->batch);
	world_close(&u->world);
}

static void user_count(struct counters *c, const struct work *w, u32 length)
{
	c->rx[w->port]++;
	c->rx_bytes[w->port] += length;
	if (!w->from)
		return;
	c->from_device[w->from].packets++;
	c->from_device[w->from].bytes += length;
	c->passed[w->from] += counters_passes(w->reason);
}

void user_frame(struct user *u, const u8 *frame, u32 length, u32 linear, struct work *w)
{
	const struct packet_cursor cursor = {.data = frame, .end = frame + linear,
					     .length = length};
	struct tables *t = &u->world.tables;
	unsigned int mtu = u->port.mtu;

	u->port.sent = 0;
	decide(t, &cursor, w);
	user_count(t->counters, w, length);
	if (reason_action(w->reason) != ACTION_SEND) {
		t->counters->reason[w->port][w->reason]++;
		return;
	}
	if (w->out_vlan == VLAN_KEEP && w->packet.tags == 2)
		u->port.mtu -= 4; /* XDP sends no second tag beyond the MTU, packet sockets do */
	pump_batch_add(u->batch, t, &u->port, w, frame, length, length);
	u->port.mtu = mtu;
	pump_batch_flush(u->batch, t, &u->port);
}

void user_forward(struct tables *t, struct port *port, const u8 *frame, u32 length,
		  const struct work *w)
{
	struct counters *c = t->counters;

	if (pump_batch_rewrite(port->bytes, &port->length, t->settings, w, frame, length))
		count(t, COUNTER_CHECKSUMS_FILLED);
	port->sent = 1;
	c->tx[w->out_port]++;
	c->tx_bytes[w->out_port] += port->length;
	if (w->out_port == PORT_UPLINK)
		return;
	c->to_device[w->device].packets++;
	c->to_device[w->device].bytes += port->length;
}
