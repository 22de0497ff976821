// SPDX-License-Identifier: ISC
#include "sandwich/run/balancer.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "sandwich/control/control.h"
#include "sandwich/fastpath/shared.h"
#include "sandwich/control/ports.h"
#include "sandwich/run/adopt.h"
#include "sandwich/run/attach.h"
#include "sandwich/run/datapath.h"
#include "sandwich/run/follower.h"
#include "sandwich/run/duty.h"
#include "sandwich/run/local.h"
#include "sandwich/run/lost.h"
#include "sandwich/run/run.h"
#include "sandwich/run/secret.h"
#include "sandwich/run/settings.h"
#include "sandwich/run/silent.h"
#include "sandwich/run/sync.h"
#include "sandwich/slowpath/answer.h"
#include "sandwich/slowpath/links.h"
#include "sandwich/slowpath/routes.h"

#define BALANCER_FRAGMENTS 4096 /* slots */
#define BALANCER_TICK_MS 100

struct balancer *balancer_new(const char *config_path, struct config *config,
			      const struct config_balancer *self)
{
	struct balancer *b = g_new0(struct balancer, 1);

	b->config_path = g_strdup(config_path);
	b->config = config;
	b->self = self;
	b->started = (u64)g_get_monotonic_time();
	b->loop = g_main_loop_new(NULL, FALSE);
	return b;
}

/* --- between the parts ---------------------------------------------------------------------- */

static void balancer_send(void *user, u8 port, const void *frame, size_t length)
{
	struct balancer *b = user;

	if (duty_is_active(b)) /* the virtual MACs are the twin's otherwise */
		pump_send(b->pump, port, frame, length); /* a failure is counted there */
}

static void balancer_neighbour(void *user, const struct slow_frame *frame)
{
	struct balancer *b = user;

	resolver_input(b->resolver, frame->work.port, frame->data, frame->length, memory_now());
}

static void balancer_local(void *user, const struct slow_frame *frame)
{
	struct balancer *b = user;
	const struct packet *p = &frame->work.packet;
	u8 device = 0;

	if (frame->work.port != PORT_UPLINK)
		device = attach_source(b->attach, &p->mac_src, p->zone, frame->work.port);
	if (device) /* heartbeats are signs of life too, where a device has nothing else to carry */
		core_store(&b->tables.devices[device].heard, frame->work.now);
	if (b->health)
		health_input(b->health, frame->work.port, device, frame->data, frame->length);
}

static bool balancer_source(void *user, u8 port, const struct address *target,
			    struct address *source, struct mac *mac)
{
	struct balancer *b = user;

	*mac = b->tables.settings->mac[port != PORT_UPLINK];
	return answer_source(b->answer, port, target, source);
}

static void balancer_resolved(void *user, const struct resolve_entry *entry)
{
	struct balancer *b = user;

	if (!attach_resolved(b->attach, entry))
		routes_resolved(b->routes, entry, memory_now());
}

static void balancer_attached(void *user, u8 device, bool answers, u8 port)
{
	struct balancer *b = user;
	bool carrier = port < b->port_count && b->ports[port] && port_carrier(b->ports[port]);

	if (!b->health)
		return;
	health_result(b->health, device, CONFIG_DETECT_ARP, answers,
		      answers ? "" : "does not answer ARP or ND");
	health_result(b->health, device, CONFIG_DETECT_LINK, carrier,
		      carrier ? "" : "its port has no carrier");
}

static u8 balancer_port(void *user, const char *name)
{
	struct balancer *b = user;

	for (u8 i = PORT_UPLINK + 1; i < b->port_count; i++)
		if (!strcmp(ports_name(b->self, i), name))
			return i;
	return PORTS_MAX;
}

static bool balancer_hop(void *user, u8 device, struct mac *mac, u8 *port, u16 *vlan)
{
	struct balancer *b = user;

	return attach_hop(b->attach, device, mac, port, vlan);
}

static void balancer_export(void *user, u8 device, struct health_record *out)
{
	struct balancer *b = user;

	farm_export(b->farm, device, out);
}

static void balancer_import(void *user, u8 device, const struct health_record *record)
{
	struct balancer *b = user;

	if (device)
		farm_partner_record(b->farm, device, record, memory_now());
}

static void balancer_fit(void *user, u8 device, bool fit, const char *why)
{
	struct balancer *b = user;

	farm_fit(b->farm, device, fit, why, memory_now());
}

static void balancer_partner(void *user, bool reachable)
{
	struct balancer *b = user;

	farm_partner(b->farm, reachable, memory_now());
}

static void balancer_urge(void *user)
{
	struct balancer *b = user;

	if (b->health)
		health_urge(b->health);
	if (b->sync)
		sync_changed(b->sync);
	adopt_tick(b, memory_now()); /* an operator's word holds, whatever becomes of us now */
}

static void balancer_lost(void *user, u8 device)
{
	struct balancer *b = user;

	attach_doubt(b->attach, device, memory_now());
	if (b->config->on_device_down == CONFIG_DOWN_RESET)
		lost_challenge(b, device);
}

static void balancer_flush_device(void *user, u8 device)
{
	struct session_filter filter = {.device = device};

	balancer_flush(user, &filter);
}

/* What the data thread, or the fast path, sends up. */
static void balancer_slow(void *user, const struct slow_frame *frame)
{
	struct balancer *b = user;
	u32 now = memory_now();

	if (frame->work.events & EVENT_FIRST_FRAGMENT)
		routes_first_fragment(b->routes, frame, now);
	if (frame->work.events & EVENT_ROUTER)
		routes_learn_router(b->routes, frame, now);
	switch (reason_action(frame->work.reason)) {
	case ACTION_LOCAL:
		answer_input(b->answer, frame);
		break;
	case ACTION_HOLD:
		routes_hold(b->routes, frame, now);
		break;
	case ACTION_RESET:
		lost_reset(b, frame);
		break;
	default:
		break; /* only its events were of interest */
	}
}

static void balancer_fast_frame(void *user, const struct work *work, const u8 *data, u32 length)
{
	const struct slow_frame frame = {.work = *work, .length = length, .data = data};
	struct balancer *b = user;

	if (work->events & FAST_EVENT_FORWARD)
		pump_forward(b->pump, &frame);
	balancer_slow(user, &frame);
}

/* --- time ----------------------------------------------------------------------------------- */

static gboolean balancer_maintain(gpointer user)
{
	struct balancer *b = user;

	maintain_tick(&b->maintain, memory_now());
	return G_SOURCE_CONTINUE;
}

/* At once upon news, so that a carrier's loss costs no time; now and then anyway. */
static void balancer_check_ports(void *user)
{
	struct balancer *b = user;

	for (u8 i = 0; i < b->port_count; i++)
		local_check_port(b, i);
	sync_changed(b->sync);
}

static gboolean balancer_tick(gpointer user)
{
	struct balancer *b = user;
	u32 now = memory_now();

	balancer_check_ports(b);
	if (duty_is_active(b))
		resolver_tick(b->resolver, now);
	routes_tick(b->routes, now);
	attach_report(b->attach);
	farm_tick(b->farm, now);
	datapath_tick(b, now);
	sync_changed(b->sync);
	adopt_tick(b, now);
	return G_SOURCE_CONTINUE;
}

/* --- start ---------------------------------------------------------------------------------- */

static int balancer_open_ports(struct balancer *b, char **why)
{
	const struct config_balancer *self = b->self;
	int rc = datapath_open_port(b, PORT_UPLINK, self->uplink, &b->ports[PORT_UPLINK], why);

	if (rc)
		return rc;
	b->port_count = 1;
	for (guint i = 0; i < self->farm->len && b->port_count < PORTS_MAX; i++) {
		rc = datapath_open_port(b, b->port_count, g_ptr_array_index(self->farm, i),
					&b->ports[b->port_count], why);
		if (rc)
			return rc;
		b->port_count++;
	}
	return 0;
}

static int balancer_memory(struct balancer *b)
{
	struct counters *counters;
	struct tables tables;
	unsigned int n;

	if (!b->fast)
		return memory_new(&b->memory, b->config->sessions, b->config->pins,
				  BALANCER_FRAGMENTS);
	fastpath_tables(b->fast, &tables, &counters, &n);
	return memory_adopt(&b->memory, &tables, counters, n);
}

static int balancer_tables(struct balancer *b, char **why)
{
	int rc = balancer_memory(b);

	if (rc) {
		*why = g_strdup_printf("no memory for %u sessions (%u MiB); set `sessions` lower",
				       b->config->sessions, b->config->sessions >> 14);
		return rc;
	}
	memory_tables(b->memory, 0, &b->tables);
	b->tables.settings->hold_fragments = true;
	maintain_init(&b->maintain, &b->tables);
	adopt_begin(b);
	rc = settings_apply(&b->tables, b->config, b->self, b->secret, b->secret_length);
	if (rc)
		*why = g_strdup("too many addresses in the configuration");
	else
		b->rows = b->tables.settings->rows =
			settings_build_rows(&b->tables, b->config);
	if (!rc)
		adopt_tables(b);
	return rc;
}

static void balancer_wire(struct balancer *b)
{
	const struct answer_ops answer = {balancer_send, balancer_neighbour, balancer_local, b};
	const struct resolve_ops resolve = {balancer_send, balancer_source, balancer_resolved, b};
	const struct attach_ops attach = {balancer_attached, balancer_port, b};
	const struct farm_ops farm = {balancer_urge, balancer_lost, balancer_flush_device, b};

	b->answer = answer_new(&answer, b->tables.settings->mac, b->port_count);
	b->resolver = resolver_new(&resolve, b->port_count);
	b->attach = attach_new(&b->tables, b->resolver, &attach);
	b->farm = farm_new(&b->tables, &farm);
	adopt_farm(b);
}

static struct health_ops balancer_health_ops(struct balancer *b)
{
	return (struct health_ops){
		.send = balancer_send,
		.hop = balancer_hop,
		.export_record = balancer_export,
		.import_record = balancer_import,
		.changed = balancer_fit,
		.partner_changed = balancer_partner,
		.user = b,
	};
}

static int balancer_setup_health(struct balancer *b, const struct device_set *fit)
{
	const struct health_ops ops = balancer_health_ops(b);
	struct health_setup setup = {
		.fit = fit,
		.config = b->config,
		.self = b->self,
		.ops = &ops,
		.secret = b->secret,
		.secret_length = b->secret_length,
		.epoch = b->tables.settings->epoch,
		.devices = b->tables.devices,
		.farm_mac = b->tables.settings->mac[1],
	};

	return b->health ? health_reload(b->health, &setup) : health_new(&b->health, &setup);
}

int balancer_start_health(struct balancer *b)
{
	const struct device_set fit = tables_settings(&b->tables)->up;

	return b->health ? 0 : balancer_setup_health(b, &fit);
}

void balancer_stop_health(struct balancer *b)
{
	health_free(b->health);
	b->health = NULL;
}

/* Everything that follows the configuration, at start and upon reload. */
int balancer_configure(struct balancer *b, u32 rows)
{
	u32 now = memory_now();
	int rc;

	local_configure(b);
	rc = routes_configure(b->routes, &b->config->side[b->self->side]);
	farm_configure(b->farm, b->config, rows, now);
	if (!rc && duty_is_active(b))
		rc = balancer_setup_health(b, b->adopt ? &b->tables.settings->up : NULL);
	attach_configure(b->attach, b->config, b->self->side, now);
	silent_configure(b);
	return rc;
}

static int balancer_start_data(struct balancer *b, char **why)
{
	int rc = pump_new(&b->pump, b->memory, b->ports, b->port_count, balancer_slow, b);

	if (!rc)
		rc = routes_new(&b->routes, &b->tables, b->resolver, b->pump,
				port_ifindex(b->ports[PORT_UPLINK]));
	if (!rc)
		rc = balancer_configure(b, b->rows);
	if (!rc)
		adopt_ways(b);
	if (rc && !*why)
		*why = g_strdup_printf("can't start the data path: %s", g_strerror(-rc));
	return rc;
}

static int balancer_setup_follower(struct balancer *b, char **why)
{
	struct follower_setup setup = {
		.memory = b->memory,
		.bell = b->fast ? fastpath_bell(b->fast) : -1,
	};
	int rc;

	settings_journal_key(&setup.key, b->config, b->secret, b->secret_length);
	sync_follow(b->sync, &setup);
	rc = follower_new(&b->follower, &setup);
	if (!rc)
		rc = sync_start(b->sync, b->follower, why);
	if (rc && !*why)
		*why = g_strdup_printf("can't follow the tables: %s", g_strerror(-rc));
	return rc;
}

static int balancer_start_control(struct balancer *b, char **why)
{
	int rc = control_new(&b->control, b, b->self->control, why);

	if (!rc && b->self->metrics)
		rc = metrics_new(&b->metrics, b, b->self->metrics, why);
	return rc;
}

/* Capabilities belong to a thread: the one that reads strangers' frames must start without. */
static int balancer_run_data(struct balancer *b, char **why)
{
	int rc;

	if (run_drop_privileges())
		g_warning("can't give up capabilities; going on with all of them");
	rc = datapath_start(b);
	if (!rc)
		rc = follower_start(b->follower);
	if (rc)
		*why = g_strdup_printf("can't start the data path: %s", g_strerror(-rc));
	return rc;
}

int balancer_start(struct balancer *b, char **why)
{
	int rc;

	*why = NULL;
	rc = datapath_choose(b, balancer_fast_frame, why);
	if (!rc)
		rc = secret_read(b->config->secret_file, &b->secret, &b->secret_length, why);
	if (!rc)
		rc = balancer_tables(b, why);
	if (!rc)
		rc = balancer_open_ports(b, why);
	if (rc)
		return rc;
	balancer_wire(b);
	rc = sync_new(&b->sync, b, why);
	if (rc)
		return rc;
	duty_init(b, sync_starts_on_duty(b->sync));
	rc = balancer_start_data(b, why);
	if (!rc)
		rc = balancer_setup_follower(b, why);
	if (!rc)
		rc = balancer_start_control(b, why);
	if (!rc)
		rc = balancer_run_data(b, why);
	if (rc)
		return rc;
	adopt_finish(b);
	answer_announce(b->answer); /* a standby says nothing */
	if (links_open(&b->links, balancer_check_ports, b))
		g_warning("no news of interfaces: they are looked at each %u ms",
			  BALANCER_TICK_MS);
	b->timers[0] = g_timeout_add(MAINTAIN_TICK_MS, balancer_maintain, b);
	b->timers[1] = g_timeout_add(BALANCER_TICK_MS, balancer_tick, b);
	return 0;
}

void balancer_hand_over(struct balancer *b)
{
	adopt_tick(b, memory_now());
	metrics_free(b->metrics);
	control_free(b->control);
}

void balancer_stop(struct balancer *b)
{
	struct sync *sync = b->sync;

	sync_leave(sync); /* first of all: the twin takes over while we still forward */
	b->sync = NULL;	  /* what the thread says from now on comes too late */
	follower_free(b->follower);
	b->follower = NULL;
	sync_free(sync);
	for (unsigned int i = 0; i < G_N_ELEMENTS(b->timers); i++)
		if (b->timers[i])
			g_source_remove(b->timers[i]);
	duty_stop(b);
	links_close(b->links);
	if (b->adopt_timer)
		g_source_remove(b->adopt_timer);
	datapath_stop(b);
	metrics_free(b->metrics);
	control_free(b->control);
	lost_stop(b);
	balancer_reload_stop(b);
	pump_free(b->pump);
	routes_free(b->routes);
	silent_free(b->silent);
	health_free(b->health);
	attach_free(b->attach);
	farm_free(b->farm);
	resolver_free(b->resolver);
	answer_free(b->answer);
	for (u8 i = 0; i < b->port_count; i++)
		port_close(b->ports[i]);
	memory_free(b->memory);
	fastpath_free(b->fast);
	if (b->secret)
		explicit_bzero(b->secret, b->secret_length);
	g_free(b->secret);
	config_free(b->config);
	g_main_loop_unref(b->loop);
	adopt_give_up(b);
	g_free(b->datapath_why);
	g_free(b->config_path);
	g_free(b);
}
