// SPDX-License-Identifier: ISC
/* The Prometheus text (exposition format 0.0.4) of all that is counted. */
#include <string.h>

#include "sandwich/control/control.h"
#include "sandwich/control/detectors.h"
#include "sandwich/control/metrics_text.h"
#include "sandwich/control/names.h"
#include "sandwich/control/ports.h"
#include "sandwich/control/version.h"
#include "sandwich/run/follower.h"

void metrics_head(struct text *t, const char *name, const char *type, const char *help)
{
	g_string_append_printf(t->out, "# HELP sandwich_%s %s\n# TYPE sandwich_%s %s\n", name, help,
			       name, type);
}

void metrics_sample(struct text *t, const char *name, const char *labels, double value)
{
	g_string_append_printf(t->out, "sandwich_%s{balancer=\"%s\"%s} %.17g\n", name,
			       t->b->self->name, labels, value);
}

void metrics_label(struct text *t, const char *name, const char *label, const char *text,
		   double value)
{
	char *labels = g_strdup_printf(",%s=\"%s\"", label, text);

	metrics_sample(t, name, labels, value);
	g_free(labels);
}

static void metrics_ports(struct text *t, const char *name, const char *help, const u64 *values)
{
	metrics_head(t, name, "counter", help);
	for (u8 port = 0; port < ports_count(t->b->self); port++)
		metrics_label(t, name, "port", ports_name(t->b->self, port), (double)values[port]);
}

static void metrics_missed(struct text *t)
{
	metrics_head(t, "port_missed_frames_total", "counter",
		     "Frames the kernel dropped before they were read.");
	for (u8 port = 0; port < ports_count(t->b->self); port++)
		if (t->b->ports[port])
			metrics_label(t, "port_missed_frames_total", "port",
				      ports_name(t->b->self, port),
				      (double)port_missed(t->b->ports[port]));
}

static void metrics_reasons(struct text *t)
{
	metrics_head(t, "frames_total", "counter", "Received frames by what became of them.");
	for (u8 port = 0; port < ports_count(t->b->self); port++) {
		for (u8 reason = 0; reason < REASONS; reason++) {
			char *labels =
				g_strdup_printf(",port=\"%s\",reason=\"%s\"",
						ports_name(t->b->self, port), names_reason(reason));

			metrics_sample(t, "frames_total", labels,
				       (double)t->sum->reason[port][reason]);
			g_free(labels);
		}
	}
}

/* Their names differ by a reason or kind only: one metric with a label. */
static bool metrics_has_label(u8 counter)
{
	return counter == COUNTER_MOVED_DOWN || counter == COUNTER_MOVED_REBIND ||
	       counter == COUNTER_MOVED_ROAMED ||
	       (counter >= COUNTER_EVENTS_NEW && counter <= COUNTER_EVENTS_MOVED);
}

static void metrics_events(struct text *t)
{
	static const char *const kinds[] = {"new", "closed", "learned", "moved"};

	metrics_head(t, "events_total", "counter", "Events of the tables that were taken.");
	for (u8 i = 0; i < G_N_ELEMENTS(kinds); i++)
		metrics_label(t, "events_total", "kind", kinds[i],
			      (double)t->sum->counter[COUNTER_EVENTS_NEW + i]);
}

static void metrics_counters(struct text *t)
{
	for (u8 i = 0; i < COUNTERS; i++) {
		if (metrics_has_label(i))
			continue;
		metrics_head(t, names_counter(i), "counter", names_counter_text(i));
		metrics_sample(t, names_counter(i), "", (double)t->sum->counter[i]);
	}
	metrics_head(t, "moved_total", "counter", "Conversations moved to another device.");
	metrics_label(t, "moved_total", "reason", "down",
		      (double)t->sum->counter[COUNTER_MOVED_DOWN]);
	metrics_label(t, "moved_total", "reason", "rebind",
		      (double)t->sum->counter[COUNTER_MOVED_REBIND]);
	metrics_label(t, "moved_total", "reason", "roamed",
		      (double)t->sum->counter[COUNTER_MOVED_ROAMED]);
}

static double metrics_up(struct text *t, const struct farm_device *d)
{
	(void)t;
	return d->state == FARM_UP || d->state == FARM_DRAINING;
}

static double metrics_weight(struct text *t, const struct farm_device *d)
{
	(void)t;
	return d->weight;
}

static double metrics_device_sessions(struct text *t, const struct farm_device *d)
{
	return core_load(&tables_device(&t->b->tables, d->id)->sessions);
}

static double metrics_to_packets(struct text *t, const struct farm_device *d)
{
	return (double)t->sum->to_device[d->id].packets;
}

static double metrics_to_bytes(struct text *t, const struct farm_device *d)
{
	return (double)t->sum->to_device[d->id].bytes;
}

static double metrics_from_packets(struct text *t, const struct farm_device *d)
{
	return (double)t->sum->from_device[d->id].packets;
}

static double metrics_from_bytes(struct text *t, const struct farm_device *d)
{
	return (double)t->sum->from_device[d->id].bytes;
}

static const struct {
	const char *name, *type, *help;
	double (*value)(struct text *t, const struct farm_device *d);
} metrics_of_devices[] = {
	{"device_up", "gauge", "1 while the device carries traffic (up or draining).", metrics_up},
	{"device_weight", "gauge", "Its share of new conversations, relative to the others'.",
	 metrics_weight},
	{"device_sessions", "gauge", "Sessions recorded on the device.", metrics_device_sessions},
	{"to_device_frames_total", "counter", "Frames forwarded to the device.",
	 metrics_to_packets},
	{"to_device_bytes_total", "counter", "Bytes forwarded to the device.", metrics_to_bytes},
	{"from_device_frames_total", "counter", "Frames that came from the device.",
	 metrics_from_packets},
	{"from_device_bytes_total", "counter", "Bytes that came from the device.",
	 metrics_from_bytes},
};

static void metrics_devices(struct text *t)
{
	for (gsize i = 0; i < G_N_ELEMENTS(metrics_of_devices); i++) {
		metrics_head(t, metrics_of_devices[i].name, metrics_of_devices[i].type,
			     metrics_of_devices[i].help);
		for (unsigned int id = 1; id < DEVICES_MAX; id++) {
			const struct farm_device *d = farm_find(t->b->farm, (u8)id);

			if (d)
				metrics_label(t, metrics_of_devices[i].name, "device", d->name,
					      metrics_of_devices[i].value(t, d));
		}
	}
}

/* One sample for each state, 1 where the device is in it: the way such things are graphed. */
static void metrics_states(struct text *t)
{
	metrics_head(t, "device_state", "gauge", "1 for the state that the device is in.");
	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		const struct farm_device *d = farm_find(t->b->farm, (u8)id);

		for (int state = 0; d && state < FARM_STATES; state++) {
			char *labels = g_strdup_printf(",device=\"%s\",state=\"%s\"", d->name,
						       farm_state_name((enum farm_state)state));

			metrics_sample(t, "device_state", labels, (int)d->state == state);
			g_free(labels);
		}
	}
}

static void metrics_detectors(struct text *t)
{
	metrics_head(t, "device_check_ok", "gauge",
		     "1 while all checks of that kind find the device fit.");
	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		const struct farm_device *d = farm_find(t->b->farm, (u8)id);
		struct detectors detectors;

		if (d)
			detectors_look(t->b, d->id, &detectors);
		for (int i = 0; d && i < CONFIG_DETECTORS; i++) {
			char *labels = g_strdup_printf(",device=\"%s\",check=\"%s\"", d->name,
						       config_detector_name(i));

			if (detectors.there[i])
				metrics_sample(t, "device_check_ok", labels, detectors.view[i].ok);
			g_free(labels);
		}
	}
}

void metrics_one(struct text *t, const char *name, const char *type, const char *help,
		 double value)
{
	metrics_head(t, name, type, help);
	metrics_sample(t, name, "", value);
}

static void metrics_partner(struct text *t)
{
	struct health_partner p = {0};

	if (!t->b->health)
		return;
	health_partner(t->b->health, &p);
	metrics_one(t, "partner_reachable", "gauge", "1 while the other balancer is heard of.",
		    p.reachable);
	metrics_one(t, "partner_same_epoch", "gauge", "1 while both have the same device table.",
		    p.same_epoch);
	metrics_one(t, "partner_rtt_seconds", "gauge", "Last round trip to it through a device.",
		    p.rtt_us / 1e6);
	metrics_one(t, "heartbeats_sent_total", "counter", "Path heartbeats sent.", (double)p.sent);
	metrics_one(t, "heartbeats_received_total", "counter", "Path heartbeats taken.",
		    (double)p.received);
	metrics_one(t, "heartbeats_rejected_total", "counter",
		    "Path heartbeats not authentic, replayed or malformed.", (double)p.rejected);
}

static void metrics_followed(struct text *t)
{
	struct journal_counts counts;

	follower_counts(t->b->follower, &counts);
	metrics_one(t, "sessions_followed", "gauge", "Sessions that the follower knows of.",
		    (double)counts.entries[TABLE_SESSIONS]);
	metrics_one(t, "pins_followed", "gauge", "Pins that the follower knows of.",
		    (double)counts.entries[TABLE_PINS]);
}

static void metrics_general(struct text *t)
{
	struct balancer *b = t->b;
	char *labels =
		g_strdup_printf(",version=\"%s\",side=\"%s\",mode=\"%s\",datapath=\"%s\"",
				SANDWICH_VERSION, config_side_name(b->self->side),
				config_mode_name(b->config->mode), b->datapath ? b->datapath : "");

	metrics_head(t, "info", "gauge", "What runs here.");
	metrics_sample(t, "info", labels, 1);
	g_free(labels);
	metrics_one(t, "uptime_seconds", "gauge", "Since the daemon started.",
		    (double)((u64)g_get_monotonic_time() - b->started) / 1e6);
	metrics_one(t, "sessions", "gauge", "Sessions recorded.",
		    (double)ports_sessions(&b->tables));
	metrics_one(t, "session_slots", "gauge", "Size of the session table.",
		    (double)b->tables.mask[TABLE_SESSIONS] + 1);
}

char *metrics_text(struct balancer *b)
{
	struct counters *sum = g_new(struct counters, 1);
	struct text t = {.out = g_string_new(NULL), .b = b, .sum = sum};

	memory_sum(b->memory, sum);
	metrics_general(&t);
	metrics_ports(&t, "port_receive_frames_total", "Frames received.", sum->rx);
	metrics_ports(&t, "port_receive_bytes_total", "Bytes received.", sum->rx_bytes);
	metrics_ports(&t, "port_transmit_frames_total", "Frames sent.", sum->tx);
	metrics_ports(&t, "port_transmit_bytes_total", "Bytes sent.", sum->tx_bytes);
	metrics_missed(&t);
	metrics_reasons(&t);
	metrics_counters(&t);
	metrics_events(&t);
	metrics_followed(&t);
	metrics_devices(&t);
	metrics_states(&t);
	metrics_detectors(&t);
	metrics_partner(&t);
	metrics_sync(&t);
	g_free(sum);
	return g_string_free(t.out, FALSE);
}
