// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/pump_state.h"

#include <unistd.h>

#include "sandwich/core/counters.h"

#define PUMP_BUDGET   64  /* frames from one port before the next has its turn */
#define PUMP_DOUBT_MS 100 /* how often a port that is down is asked after */

void pump_loop_put_port(struct pump *p, u8 index, struct port *port)
{
	p->ports[index] = port;
	p->fds[index].fd = port ? port_fd(port) : -1;
	p->fds[index].events = POLLIN;
	p->fds[index].revents = 0;
	p->doubtful &= (u8) ~(1u << index);
	core_store(&p->oversize, p->oversize & (u8) ~(1u << index));
}

/*
 * Does what the main thread has ordered; between two batches, so that nothing of the old port is
 * left.
 */
static void pump_loop_obey(struct pump *p)
{
	if (!core_load(&p->ordered))
		return;
	pump_loop_put_port(p, p->order_index, p->order_port);
	core_publish(&p->ordered, false);
	sem_post(&p->done);
}

/* Events that the main thread waits for; most are for tables only. */
static bool pump_loop_tells(const struct pump *p, u32 events)
{
	if (events & EVENT_ROUTER)
		return true;
	return events & EVENT_FIRST_FRAGMENT && core_load(&p->tables.settings->want_fragments);
}

static void pump_loop_up(struct pump *p, const struct work *w, const u8 *data, u32 captured)
{
	if (!slow_queue_push(p->queue, w, data, captured))
		count(&p->tables, COUNTER_SLOW_DROPPED);
}

static void pump_loop_count_from(struct counters *c, const struct work *w, u32 wire)
{
	pump_batch_count(&c->from_device[w->from].packets, 1);
	pump_batch_count(&c->from_device[w->from].bytes, wire);
	if (counters_passes(w->reason))
		pump_batch_count(&c->passed[w->from], 1);
}

/* Glued frames: this one is counted as too big, and the main thread sees to the next. */
static void pump_loop_oversize(struct pump *p, u8 port)
{
	u8 bit = (u8)(1u << port);

	if (core_load(&p->oversize) & bit)
		return;
	core_publish(&p->oversize, p->oversize | bit);
	slow_queue_signal(p->queue);
}

static void pump_loop_frame(void *user, const u8 *data, u32 captured, u32 wire)
{
	const struct packet_cursor cursor = {.data = data, .end = data + captured, .length = wire};
	struct pump *p = user;
	struct counters *c = p->tables.counters;
	struct work w;
	u8 action;

	core_zero(&w, sizeof(w));
	w.now = p->now;
	w.port = port_index(p->from);
	pump_batch_count(&c->rx[w.port], 1);
	pump_batch_count(&c->rx_bytes[w.port], wire);
	if (CORE_UNLIKELY(wire > p->from_max))
		pump_loop_oversize(p, w.port);
	decide(&p->tables, &cursor, &w);
	action = reason_action(w.reason);
	if (w.from)
		pump_loop_count_from(c, &w, wire);
	if (CORE_LIKELY(action == ACTION_SEND))
		pump_batch_add(p->batches[w.out_port], &p->tables, p->ports[w.out_port], &w, data,
			       captured, wire);
	else
		pump_batch_count(&c->reason[w.port][w.reason], 1);
	if (CORE_UNLIKELY((action != ACTION_SEND && action != ACTION_DROP) ||
			  pump_loop_tells(p, w.events)))
		pump_loop_up(p, &w, data, captured);
}

static void pump_loop_flush(struct pump *p)
{
	for (u8 i = 0; i < p->port_count; i++)
		pump_batch_flush(p->batches[i], &p->tables, p->ports[i]);
}

/* The interface has gone: hands off, until the main thread has another. */
static void pump_loop_lost(struct pump *p, u8 index)
{
	p->fds[index].fd = -1;
	p->doubtful &= (u8) ~(1u << index);
	__atomic_fetch_or(&p->lost, (u8)(1u << index), __ATOMIC_RELEASE);
	slow_queue_signal(p->queue);
}

/* A packet socket reports that its interface went down, but not that it then went away. */
static void pump_loop_doubt(struct pump *p)
{
	if (core_elapsed(p->now, p->doubted) < PUMP_DOUBT_MS)
		return;
	p->doubted = p->now;
	for (u8 i = 0; i < p->port_count; i++) {
		int err = p->doubtful >> i & 1 ? port_probe(p->ports[i]) : 0;

		if (err == -ENODEV)
			pump_loop_lost(p, i);
		else if (!err)
			p->doubtful &= (u8) ~(1u << i);
	}
}

static void pump_loop_receive(struct pump *p, u8 index)
{
	int n;

	if (p->fds[index].revents & POLLERR)
		p->doubtful |= (u8)(1u << index);
	p->from = p->ports[index];
	p->from_max = port_mtu(p->from) + 14 + 8;
	n = port_receive(p->from, PUMP_BUDGET, pump_loop_frame, p);
	pump_loop_flush(p);
	/* After the flush: what the main thread sends upon a first fragment must come behind it. */
	slow_queue_wake(p->queue);
	if (n < 0)
		pump_loop_lost(p, index);
}

static void pump_loop_hear(struct pump *p)
{
	u64 orders;
	ssize_t n = read(p->kick, &orders, sizeof(orders));

	(void)n; /* the orders themselves are in p */
}

void *pump_loop(void *arg)
{
	struct pump *p = arg;

	while (!core_load(&p->stop)) {
		if (poll(p->fds, p->port_count + 1u, p->doubtful ? PUMP_DOUBT_MS : -1) < 0)
			continue;
		if (p->fds[p->port_count].revents)
			pump_loop_hear(p);
		pump_loop_obey(p);
		p->now = memory_now();
		for (u8 i = 0; i < p->port_count; i++) {
			if (p->fds[i].revents)
				pump_loop_receive(p, i);
		}
		if (CORE_UNLIKELY(p->doubtful))
			pump_loop_doubt(p);
	}
	return NULL;
}
