// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/pump.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sandwich/slowpath/pump_state.h"

#define PUMP_QUEUE_SLOTS 512
#define PUMP_TURN 64 /* frames handled before other sources of the main loop have their turn */

static void pump_tell_lost(struct pump *p)
{
	u8 lost = __atomic_exchange_n(&p->lost, 0, __ATOMIC_ACQUIRE);

	for (u8 i = 0; i < p->port_count; i++) {
		if (lost >> i & 1 && p->lost_handler)
			p->lost_handler(p->lost_user, i);
	}
}

/* Once a port: where it can't be done, REASON_TOO_BIG goes on to tell. */
static void pump_refuse_super_frames(struct pump *p)
{
	u8 todo = core_load(&p->oversize) & (u8)~p->refused;

	for (u8 i = 0; i < p->port_count; i++) {
		if (todo >> i & 1 && p->ports[i])
			(void)port_refuse_super_frames(p->ports[i]);
	}
	p->refused |= todo;
}

/* The main thread's end of the slow queue. */
static gboolean pump_drain(gint fd, GIOCondition condition, gpointer user)
{
	const struct slow_frame *frame;
	struct pump *p = user;

	(void)fd;
	(void)condition;
	slow_queue_hear(p->queue);
	for (int i = 0; i < PUMP_TURN && (frame = slow_queue_peek(p->queue)); i++) {
		p->handler(p->user, frame);
		slow_queue_pop(p->queue);
	}
	if (slow_queue_peek(p->queue))
		slow_queue_signal(p->queue);
	pump_refuse_super_frames(p);
	pump_tell_lost(p);
	return G_SOURCE_CONTINUE;
}

static void pump_attach(struct pump *p)
{
	p->source = g_unix_fd_source_new(slow_queue_fd(p->queue), G_IO_IN);
	g_source_set_callback(p->source, G_SOURCE_FUNC(pump_drain), p, NULL);
	g_source_set_name(p->source, "slow queue");
	g_source_attach(p->source, NULL);
}

static int pump_init_ports(struct pump *p, struct port *const *ports)
{
	int err = 0;

	for (u8 i = 0; i < p->port_count && !err; i++) {
		pump_loop_put_port(p, i, ports[i]);
		err = pump_batch_new(&p->batches[i]);
	}
	p->fds[p->port_count].fd = p->kick;
	p->fds[p->port_count].events = POLLIN;
	return err;
}

static int pump_init(struct pump *p, struct memory *memory, struct port *const *ports)
{
	int err;

	memory_tables(memory, 0, &p->main_tables);
	memory_tables(memory, 1, &p->tables);
	p->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->kick < 0)
		return -errno;
	err = slow_queue_new(&p->queue, PUMP_QUEUE_SLOTS);
	if (!err)
		err = pump_init_ports(p, ports);
	return err;
}

int pump_new(struct pump **out, struct memory *memory, struct port *const *ports, u8 n,
	     pump_handler handler, void *user)
{
	struct pump *p;
	int err;

	if (n > PORTS_MAX)
		return -EINVAL;
	p = g_new0(struct pump, 1);
	p->port_count = n;
	p->kick = -1;
	p->handler = handler;
	p->user = user;
	sem_init(&p->done, 0, 0);
	err = pump_init(p, memory, ports);
	if (err) {
		pump_free(p);
		return err;
	}
	pump_attach(p);
	*out = p;
	return 0;
}

/* Signals are the main thread's affair. */
int pump_start(struct pump *p)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&p->thread, NULL, pump_loop, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return -err;
	pthread_setname_np(p->thread, "sandwich-pump");
	p->running = true;
	return 0;
}

static void pump_kick(struct pump *p)
{
	u64 one = 1;
	ssize_t n = write(p->kick, &one, sizeof(one));

	(void)n; /* see slow_queue_signal() */
}

static void pump_stop(struct pump *p)
{
	if (!p->running)
		return;
	core_publish(&p->stop, true);
	pump_kick(p);
	pthread_join(p->thread, NULL);
	p->running = false;
}

void pump_free(struct pump *p)
{
	if (!p)
		return;
	pump_stop(p);
	if (p->source) {
		g_source_destroy(p->source);
		g_source_unref(p->source);
	}
	for (u8 i = 0; i < p->port_count; i++)
		pump_batch_free(p->batches[i]);
	slow_queue_free(p->queue);
	if (p->kick >= 0)
		close(p->kick);
	sem_destroy(&p->done);
	g_free(p);
}

int pump_send(struct pump *p, u8 port, const void *frame, size_t length)
{
	struct counters *c = p->main_tables.counters;
	int err;

	if (port >= p->port_count || !p->ports[port])
		return -ENODEV;
	err = port_send(p->ports[port], frame, length);
	if (err)
		return err;
	pump_batch_count(&c->tx[port], 1);
	pump_batch_count(&c->tx_bytes[port], length);
	return 0;
}

/* True when the frame has left. */
static bool pump_retry_send(struct pump *p, const struct slow_frame *frame, const struct work *w)
{
	struct counters *c = p->main_tables.counters;
	struct port *port = p->ports[w->out_port];
	u8 out[PORT_FRAME_MAX + 4];
	u32 length;

	if (pump_batch_rewrite(out, &length, p->main_tables.settings, w, frame->data,
			       frame->length))
		count(&p->main_tables, COUNTER_CHECKSUMS_FILLED);
	if (!port || !pump_batch_fits(port, w, length))
		return false;
	if (pump_send(p, w->out_port, out, length))
		return false;
	if (w->out_port != PORT_UPLINK) {
		pump_batch_count(&c->to_device[w->device].packets, 1);
		pump_batch_count(&c->to_device[w->device].bytes, length);
	}
	return true;
}

static bool pump_retry_done(struct pump *p, const struct slow_frame *frame, const struct work *w)
{
	struct slow_frame again = {.work = *w, .length = frame->length, .data = frame->data};

	switch (reason_action(w->reason)) {
	case ACTION_SEND:
		return pump_retry_send(p, frame, w);
	case ACTION_LOCAL:
	case ACTION_RESET:
		p->handler(p->user, &again);
		return false;
	default:
		return false;
	}
}

bool pump_retry(struct pump *p, const struct slow_frame *frame, struct work *verdict)
{
	struct packet_cursor cursor = {
		.data = frame->data, .end = frame->data + frame->length, .length = frame->length};

	core_zero(verdict, sizeof(*verdict));
	verdict->now = memory_now();
	verdict->port = frame->work.port;
	verdict->held = true;
	verdict->recorded = frame->work.recorded ||
			    (frame->work.reason == REASON_HELD_NEIGHBOUR &&
			     !(frame->work.events & EVENT_ROUTER));
	decide(&p->main_tables, &cursor, verdict);
	if (reason_action(verdict->reason) == ACTION_HOLD)
		return false;
	if (pump_retry_done(p, frame, verdict))
		count(&p->main_tables, COUNTER_HELD_SENT);
	else
		count(&p->main_tables, COUNTER_HELD_DROPPED);
	return true;
}

void pump_forward(struct pump *p, const struct slow_frame *frame)
{
	if (frame->work.out_port >= p->port_count || !pump_retry_send(p, frame, &frame->work))
		count(&p->main_tables, COUNTER_SLOW_DROPPED);
}

void pump_want_fragments(struct pump *p, bool want)
{
	core_store(&p->main_tables.settings->want_fragments, want);
}

void pump_replace_port(struct pump *p, u8 index, struct port *port)
{
	p->refused &= (u8) ~(1u << index);
	if (!p->running) {
		pump_loop_put_port(p, index, port);
		return;
	}
	p->order_index = index;
	p->order_port = port;
	core_publish(&p->ordered, true);
	pump_kick(p);
	while (sem_wait(&p->done) < 0 && errno == EINTR)
		;
}

void pump_on_port_lost(struct pump *p, pump_lost_handler lost, void *user)
{
	p->lost_handler = lost;
	p->lost_user = user;
}
