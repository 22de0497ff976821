// SPDX-License-Identifier: ISC
/* show counters: everything that is counted, in one flat map. */
#include <errno.h>

#include "sandwich/control/names.h"
#include "sandwich/control/ports.h"
#include "sandwich/control/words.h"
#include "sandwich/run/follower.h"

static void show_port_number(struct json *out, const char *what, const char *port, u64 value)
{
	char *key = g_strdup_printf("%s.%s", what, port);

	json_number(out, key, value);
	g_free(key);
}

static void show_port(struct json *out, struct balancer *b, const struct counters *sum, u8 port)
{
	const char *name = ports_name(b->self, port);

	show_port_number(out, "rx", name, sum->rx[port]);
	show_port_number(out, "rx_bytes", name, sum->rx_bytes[port]);
	show_port_number(out, "tx", name, sum->tx[port]);
	show_port_number(out, "tx_bytes", name, sum->tx_bytes[port]);
	if (b->ports[port])
		show_port_number(out, "missed", name, port_missed(b->ports[port]));
	for (u8 reason = 0; reason < REASONS; reason++)
		show_port_number(out, name, names_reason(reason), sum->reason[port][reason]);
}

/*
 * rx_total and reasons_total are equal while nothing is under way: anybody can check invariant 4.
 */
static void show_sums(struct json *out, const struct counters *sum)
{
	u64 rx = 0, tx = 0, reasons = 0;

	for (u8 port = 0; port < PORTS_MAX; port++) {
		rx += sum->rx[port];
		tx += sum->tx[port];
		for (u8 reason = 0; reason < REASONS; reason++)
			reasons += sum->reason[port][reason];
	}
	json_number(out, "rx_total", rx);
	json_number(out, "tx_total", tx);
	json_number(out, "reasons_total", reasons);
}

static void show_health(struct json *out, struct health *health)
{
	struct health_partner partner = {0};

	if (health)
		health_partner(health, &partner);
	json_number(out, "partner_reachable", partner.reachable);
	json_number(out, "partner_same_epoch", partner.same_epoch);
	json_number(out, "partner_rtt_us", partner.rtt_us);
	json_number(out, "heartbeats_sent_total", partner.sent);
	json_number(out, "heartbeats_received_total", partner.received);
	json_number(out, "heartbeats_rejected_total", partner.rejected);
}

static void show_followed(struct json *out, const struct follower *follower)
{
	struct journal_counts counts;

	follower_counts(follower, &counts);
	json_number(out, "sessions_followed", counts.entries[TABLE_SESSIONS]);
	json_number(out, "pins_followed", counts.entries[TABLE_PINS]);
}

int show_counters(struct call *call)
{
	struct counters *sum = g_new(struct counters, 1);
	struct balancer *b = call->b;
	struct json *out = &call->out;

	memory_sum(b->memory, sum);
	json_begin(out, NULL, '{');
	json_string(out, "datapath", b->datapath);
	json_string(out, "datapath_why", b->datapath_why ? b->datapath_why : "");
	for (u8 port = 0; port < ports_count(b->self); port++)
		show_port(out, b, sum, port);
	show_sums(out, sum);
	for (u8 i = 0; i < COUNTERS; i++)
		json_number(out, names_counter(i), sum->counter[i]);
	json_number(out, "sessions", ports_sessions(&b->tables));
	json_number(out, "sessions_slots", (u64)b->tables.mask[TABLE_SESSIONS] + 1);
	json_number(out, "pins_slots", (u64)b->tables.mask[TABLE_PINS] + 1);
	show_followed(out, b->follower);
	show_health(out, b->health);
	json_end(out, '{');
	g_free(sum);
	return 0;
}
