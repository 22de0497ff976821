// SPDX-License-Identifier: ISC
/* show devices: the farm as this balancer sees it. */
#include <errno.h>
#include <string.h>

#include "sandwich/control/detectors.h"
#include "sandwich/control/words.h"

/*
 * The MACs that a device is known by on our side: those learned or configured in the table of
 * sources.
 */
static void show_own_macs(struct json *out, struct balancer *b, u8 device)
{
	u64 seen[16];
	unsigned int n = 0;

	for (u32 i = 0; i < MACS_SLOTS; i++) {
		const struct mac_entry *e = tables_mac(&b->tables, i);
		u64 value = e->key >> 16;
		unsigned int k = 0;
		struct mac mac;

		if (!(e->key & 1) || e->owner != (MAC_OWNER_DEVICE | device))
			continue;
		while (k < n && seen[k] != value)
			k++;
		if (k < n || n == G_N_ELEMENTS(seen))
			continue; /* the same one on another port */
		seen[n++] = value;
		hop_mac(e->key, &mac);
		json_mac(out, NULL, &mac);
	}
}

/* The other side's are known here as far as the file fixes them. */
static void show_fixed_macs(struct json *out, const struct config_device *d,
			    enum config_side_id side)
{
	for (guint i = 0; d && i < d->at[side].macs->len; i++) {
		struct mac mac;

		memcpy(&mac, &g_array_index(d->at[side].macs, struct config_mac, i), sizeof(mac));
		json_mac(out, NULL, &mac);
	}
}

static void show_macs(struct json *out, struct balancer *b, const struct farm_device *d)
{
	static const char *const keys[CONFIG_SIDES] = {"ingress_mac", "egress_mac"};
	const struct config_device *config = config_find_device(b->config, d->name);

	for (enum config_side_id side = CONFIG_INGRESS; side < CONFIG_SIDES; side++) {
		json_begin(out, keys[side], '[');
		if (side == b->self->side)
			show_own_macs(out, b, d->id);
		else
			show_fixed_macs(out, config, side);
		json_end(out, '[');
	}
}

static void show_check(struct json *out, const struct health_view *v)
{
	json_begin(out, config_detector_name(v->detector), '{');
	json_bool(out, "ok", v->ok);
	json_string(out, "why", v->why ? v->why : "");
	json_number(out, "successes", v->successes);
	json_number(out, "failures", v->failures);
	json_number(out, "rtt_us", v->rtt_us);
	json_end(out, '{');
}

static void show_health(struct json *out, struct balancer *b, const struct farm_device *d)
{
	struct detectors detectors;

	detectors_look(b, d->id, &detectors);
	json_begin(out, "health", '{');
	for (int i = 0; i < CONFIG_DETECTORS; i++)
		if (detectors.there[i])
			show_check(out, &detectors.view[i]);
	json_end(out, '{');
}

static void show_drain(struct json *out, struct balancer *b, const struct farm_device *d, u32 now)
{
	u32 clients, left, elapsed;
	int eta;

	if (d->state != FARM_DRAINING) {
		json_null(out, "drain");
		return;
	}
	left = farm_left(b->farm, d, &clients);
	eta = farm_drain_eta(b->farm, d, left, now);
	elapsed = core_elapsed(now, d->drain_started);
	json_begin(out, "drain", '{');
	json_number(out, "left", left);
	json_number(out, "clients", clients);
	if (eta < 0)
		json_null(out, "eta");
	else
		json_number(out, "eta", (u64)eta);
	if (d->drain_deadline)
		json_seconds(out, "deadline",
			     d->drain_deadline > elapsed ? d->drain_deadline - elapsed : 0);
	else
		json_null(out, "deadline");
	json_bool(out, "limited", d->limited);
	json_end(out, '{');
}

/* What an operator wants of it; the state follows once both sides are ready. */
static const char *show_admin(const struct farm_device *d)
{
	if (d->disabled || d->admin == ADMIN_DISABLED)
		return "disabled";
	return d->admin == ADMIN_ENABLED ? "enabled" : "draining";
}

static void show_device(struct json *out, struct balancer *b, const struct farm_device *d,
			const struct counters *sum)
{
	const struct device_count *to = &sum->to_device[d->id], *from = &sum->from_device[d->id];
	u32 now = memory_now();

	json_begin(out, NULL, '{');
	json_string(out, "name", d->name);
	json_number(out, "id", d->id);
	json_string(out, "state", farm_state_name(d->state));
	json_string(out, "admin", show_admin(d));
	json_string(out, "why", d->why ? d->why : "");
	json_number(out, "weight", d->weight);
	json_number(out, "max_sessions", d->max_sessions);
	json_number(out, "sessions", core_load(&tables_device(&b->tables, d->id)->sessions));
	json_number(out, "packets", to->packets + from->packets);
	json_number(out, "bytes", to->bytes + from->bytes);
	json_seconds(out, "since", core_elapsed(now, d->changed));
	show_macs(out, b, d);
	show_health(out, b, d);
	show_drain(out, b, d, now);
	json_end(out, '{');
}

/* What stands beside the table: a side that goes on alone says so. */
static void show_partner(struct call *call)
{
	struct health_partner partner = {0};

	if (!call->b->health || !call->b->config->health.path.count)
		return;
	health_partner(call->b->health, &partner);
	if (!partner.reachable)
		call->note =
			g_strdup("the other balancer is not heard of: this side goes on alone");
	else if (!partner.same_epoch)
		call->note = g_strdup(
			"the other balancer has another device table: give both the same file");
}

int show_devices(struct call *call)
{
	struct balancer *b = call->b;
	struct counters *sum = g_new(struct counters, 1);

	memory_sum(b->memory, sum);
	json_begin(&call->out, NULL, '[');
	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		const struct farm_device *d = farm_find(b->farm, (u8)id);

		if (d)
			show_device(&call->out, b, d, sum);
	}
	json_end(&call->out, '[');
	show_partner(call);
	g_free(sum);
	return 0;
}
