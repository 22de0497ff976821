// SPDX-License-Identifier: ISC
#include "sandwich/run/datapath.h"

#include <errno.h>

#include "sandwich/control/ports.h"
#include "sandwich/fastpath/keep.h"
#include "sandwich/fastpath/life.h"
#include "sandwich/slowpath/port.h"

#define DATAPATH_FRAGMENTS 4096

/*
 * track = auto: below the lower rate every frame touches its session. Above the upper one a hash
 * row touches one in DATAPATH_QUANTUM_MS, so that memory is waited for 33,000 times a second at
 * most, however many frames there are.
 */
#define DATAPATH_EXACT_RATE 100000 /* frames a second */
#define DATAPATH_SAMPLED_RATE 200000
#define DATAPATH_QUANTUM_MS 2000

/*
 * N sessions of a row that send alike are each touched once in N quanta, at random: in so many
 * times that, all but one of fifty have been. Timers are longer by it, up to an hour.
 */
#define DATAPATH_SLACK_TIMES 4
#define DATAPATH_SLACK_MS 3600000

/* In the order in which `auto` tries them. */
static const struct datapath_way {
	enum config_datapath wish;
	enum fastpath_mode mode;
} datapath_ways[] = {
	{CONFIG_DATAPATH_XDP, FASTPATH_NATIVE},
	{CONFIG_DATAPATH_XDP_GENERIC, FASTPATH_GENERIC},
};

static u8 datapath_ports(const struct balancer *b)
{
	return (u8)MIN(1 + b->self->farm->len, PORTS_MAX);
}

static int datapath_attach(struct balancer *b, enum fastpath_mode mode, char **why)
{
	int rc = 0;

	for (u8 i = 0; i < datapath_ports(b) && !rc; i++)
		rc = fastpath_attach(b->fast, i, ports_name(b->self, i), mode, why);
	if (!rc)
		return 0;
	for (u8 i = 0; i < datapath_ports(b); i++)
		fastpath_detach(b->fast, i);
	return rc;
}

/* Whether what is redirected arrives. Who asked for this way by name is told, but obeyed. */
static int datapath_judge(struct balancer *b, enum fastpath_mode mode, char **why)
{
	int rc = 0;

	for (u8 i = 0; i < datapath_ports(b) && !rc; i++)
		rc = fastpath_takes(ports_name(b->self, i), mode, why);
	if (rc && b->self->datapath != CONFIG_DATAPATH_AUTO) {
		g_warning("datapath %s: %s", b->datapath, *why);
		g_clear_pointer(why, g_free);
		rc = 0;
	}
	return rc;
}

static int datapath_try(struct balancer *b, const struct datapath_way *way, char **why)
{
	int rc = datapath_attach(b, way->mode, why);

	b->datapath = config_datapath_name(way->wish);
	if (!rc)
		rc = datapath_judge(b, way->mode, why);
	return rc;
}

static int datapath_load(struct balancer *b, fastpath_handler handler, char **why)
{
	const struct fastpath_setup setup = {
		.sessions = b->config->sessions,
		.pins = b->config->pins,
		.fragments = DATAPATH_FRAGMENTS,
		.sandwich = b->config->name,
		.balancer = b->self->name,
		.chain = b->self->xdp_chain,
		.handler = handler,
		.user = b,
	};

	return fastpath_new(&b->fast, &setup, why);
}

/* One was not taken, and the next will be: its last word is what `show counters` tells. */
static void datapath_pass_over(struct balancer *b, const char *name, char **why)
{
	if (!*why)
		return;
	g_message("datapath %s is not taken: %s", name, *why);
	g_free(b->datapath_why);
	b->datapath_why = g_strdup_printf("%s: %s", name, *why);
	g_clear_pointer(why, g_free);
}

/* The first way that goes; with `auto` there is always one more. */
static int datapath_choose_fast(struct balancer *b, char **why)
{
	bool any = b->self->datapath == CONFIG_DATAPATH_AUTO;
	int rc = -ENOTSUP;

	for (unsigned int i = 0; i < G_N_ELEMENTS(datapath_ways); i++) {
		if (!any && b->self->datapath != datapath_ways[i].wish)
			continue;
		rc = datapath_try(b, &datapath_ways[i], why);
		if (!rc || !any)
			break;
		datapath_pass_over(b, b->datapath, why);
	}
	return rc;
}

/* libpcap, which can't take over what a fast path left: that goes. */
static int datapath_fall_back(struct balancer *b, char **why)
{
	const struct keep_who who = {b->config->name, b->self->name};
	struct keep_removed removed = {0};
	int rc;

	datapath_pass_over(b, b->datapath ? b->datapath : "xdp", why);
	fastpath_free(b->fast);
	b->fast = NULL;
	b->datapath = "pcap";
	rc = keep_remove_all(&who, &removed, why);
	if (rc == -EBUSY)
		return rc;
	g_clear_pointer(why, g_free);
	if (removed.balancers)
		g_warning("the fast path that a former daemon left is removed, with its sessions");
	return 0;
}

int datapath_choose(struct balancer *b, fastpath_handler handler, char **why)
{
	enum config_datapath wish = b->self->datapath;
	char *reason;
	int rc;

	if (wish == CONFIG_DATAPATH_PCAP)
		return datapath_fall_back(b, why);
	rc = datapath_load(b, handler, why);
	if (rc == -EBUSY)
		return rc;
	if (!rc)
		rc = datapath_choose_fast(b, why);
	if (!rc) {
		if (fastpath_unkept(b->fast))
			g_warning("%s: it ends with this process, however that ends",
				  fastpath_unkept(b->fast));
		return 0;
	}
	if (wish == CONFIG_DATAPATH_AUTO)
		return datapath_fall_back(b, why);
	reason = *why;
	*why = g_strdup_printf("datapath = %s: %s", config_datapath_name(wish), reason);
	g_free(reason);
	return rc;
}

int datapath_open_port(const struct balancer *b, u8 index, const char *interface,
		       struct port **out, char **why)
{
	return b->fast ? port_open_sender(out, interface, index, why)
		       : port_open(out, interface, index, why);
}

static int datapath_enter(struct balancer *b, u8 index)
{
	const struct port *p = b->ports[index];

	if (!p)
		return 0;
	return fastpath_enter(b->fast, index, port_ifindex(p), port_mtu(p));
}

int datapath_start(struct balancer *b)
{
	int rc = 0;

	if (!b->fast)
		return pump_start(b->pump);
	for (u8 i = 0; i < b->port_count && !rc; i++)
		rc = datapath_enter(b, i);
	return rc ? rc : fastpath_take_over(b->fast);
}

void datapath_stop(struct balancer *b)
{
	for (u8 i = 0; i < datapath_ports(b); i++)
		datapath_closing(b, i);
}

static enum fastpath_mode datapath_mode(const struct balancer *b)
{
	return b->datapath == config_datapath_name(CONFIG_DATAPATH_XDP) ? FASTPATH_NATIVE
									: FASTPATH_GENERIC;
}

void datapath_closing(struct balancer *b, u8 index)
{
	if (b->fast)
		fastpath_detach(b->fast, index);
}

void datapath_opened(struct balancer *b, u8 index)
{
	char *why = NULL;
	int rc;

	if (!b->fast)
		return;
	rc = fastpath_attach(b->fast, index, port_name(b->ports[index]), datapath_mode(b), &why);
	if (!rc)
		rc = datapath_enter(b, index);
	if (rc)
		g_warning("port %s carries nothing until the daemon is started anew: %s",
			  port_name(b->ports[index]), why ? why : g_strerror(-rc));
	g_free(why);
}

/* It outlasts the sampling by its own length: what was sampled looks idle for that long. */
static void datapath_slack(struct balancer *b, u32 now)
{
	struct settings *s = b->tables.settings;
	const u64 live = b->maintain.live[TABLE_SESSIONS];
	const u64 slack = live * s->quantum * DATAPATH_SLACK_TIMES / RANK_ROWS;

	if (s->quantum) {
		b->sampled = now;
		core_store(&s->slack, (u32)MIN(slack, DATAPATH_SLACK_MS));
	} else if (core_elapsed(now, b->sampled) > s->slack) {
		core_store(&s->slack, 0u);
	}
}

/* Between the two rates it stays as it was. */
static void datapath_track(struct balancer *b, u32 now)
{
	u64 received = memory_received(b->memory);
	u32 ms = core_elapsed(now, b->rated);
	u64 rate = ms ? (received - b->received) * 1000 / ms : 0;
	u32 *quantum = &b->tables.settings->quantum;

	if (!ms)
		return;
	b->received = received;
	b->rated = now;
	if (b->config->track == CONFIG_TRACK_EVERY_FRAME || rate < DATAPATH_EXACT_RATE)
		core_store(quantum, 0u);
	else if (rate > DATAPATH_SAMPLED_RATE)
		core_store(quantum, (u32)DATAPATH_QUANTUM_MS);
	datapath_slack(b, now);
	core_store(&b->tables.settings->defer,
		   settings_defer(b->maintain.live[TABLE_SESSIONS]));
}

void datapath_tick(struct balancer *b, u32 now)
{
	if (!b->fast)
		return;
	for (u8 i = 0; i < b->port_count; i++)
		(void)datapath_enter(b, i);
	datapath_track(b, now);
}
