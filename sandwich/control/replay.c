// SPDX-License-Identifier: ISC
#include "sandwich/control/replay.h"

#include <errno.h>
#include <string.h>

#include "sandwich/control/replay_parts.h"
#include "sandwich/core/sweep.h"
#include "sandwich/run/settings.h"
#include "sandwich/slowpath/macs.h"

#define REPLAY_SESSIONS_MAX \
	(1u << 18) /* slots: expiry walks them every ten seconds of the capture */
#define REPLAY_PINS      (1u << 16)
#define REPLAY_FRAGMENTS (1u << 12)
#define REPLAY_SWEEP_MS  10000
#define REPLAY_HELD_MAX  1024

/* A fragment that waits for its first. */
struct held {
	struct replay_verdict verdict;
	GBytes *frame;
};

/* Everything goes out by one made-up router. */
static void replay_routes(struct tables *t)
{
	struct settings *cfg = tables_settings(t);
	const struct mac router = {{0x02, 0x73, 0x72, 0x6f, 0x75, 0x74}};
	const struct address any = {{0, 0}};
	u32 tag = route_tag(0, 0);
	struct route *r = tables_route(t, (u32)route_hash(&any, tag));

	t->neighbours[1].hop = hop_make(&router, PORT_UPLINK);
	t->neighbours[1].vlan = VLAN_KEEP;
	*r = (struct route){.prefix = any, .tag = tag, .kind = ROUTE_VIA, .neighbour = 1};
	cfg->route_length[0] = 0;
	cfg->route_lengths = 1;
	if (cfg->vlan[0] == VLAN_KEEP)
		cfg->vlan[0] = VLAN_NONE; /* zones have routes of their own; any_mac checks no tags
					     anyway */
}

/* What replay does otherwise than a running balancer. */
static void replay_settings(struct settings *cfg)
{
	cfg->any_mac = true;
	cfg->hold_fragments = true;
	cfg->heard = 0; /* a capture of one port says nothing of who is silent */
	cfg->last_hop = false;
	cfg->quantum = 0;
}

/* The MACs that the file fixes, and one for each device that stands for those it doesn't. */
static int replay_macs(struct replay *r)
{
	const struct config *config = r->options.config;
	int rc = 0;

	for (guint i = 0; i < config->devices->len && !rc; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);
		const struct config_attachment *at = &d->at[r->options.self->side];
		struct mac mac = replay_made_up(d->id);

		rc = replay_put_mac(r, &mac, (u8)d->id, -1);
		for (guint k = 0; k < at->macs->len && !rc; k++) {
			memcpy(&mac, &g_array_index(at->macs, struct config_mac, k), sizeof(mac));
			rc = replay_put_mac(r, &mac, (u8)d->id, at->vlan);
		}
	}
	return rc;
}

static int replay_set_up(struct replay *r)
{
	const struct replay_options *o = &r->options;
	u32 sessions = MIN(o->config->sessions, REPLAY_SESSIONS_MAX);
	int rc = memory_new(&r->memory, sessions, REPLAY_PINS, REPLAY_FRAGMENTS);

	if (rc)
		return rc;
	memory_tables(r->memory, 0, &r->tables);
	rc = settings_from_config(&r->tables, o->config, o->self, o->secret, o->secret_length);
	if (rc)
		return rc;
	replay_settings(tables_settings(&r->tables));
	replay_routes(&r->tables);
	return replay_macs(r);
}

static void replay_free_held(gpointer data)
{
	struct held *h = data;

	g_bytes_unref(h->frame);
	g_free(h);
}

int replay_new(struct replay **out, const struct replay_options *options)
{
	struct replay *r = g_new0(struct replay, 1);
	int rc;

	r->options = *options;
	r->held = g_queue_new();
	r->order = g_ptr_array_new_with_free_func(g_free);
	replay_ports_init(r);
	replay_conversations_init(r);
	rc = replay_set_up(r);
	if (rc) {
		replay_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	g_queue_free_full(r->held, replay_free_held);
	replay_ports_fini(r);
	g_hash_table_unref(r->conversations);
	g_ptr_array_unref(r->order);
	memory_free(r->memory);
	g_free(r);
}

/* Forgets what is over, as the running balancer does. */
static void replay_sweep(struct replay *r, u32 now)
{
	struct tables *t = &r->tables;
	const struct settings *cfg = tables_settings(t);

	if (r->swept && core_elapsed(now, r->swept_at) < REPLAY_SWEEP_MS)
		return;
	r->swept = true;
	r->swept_at = now;
	if (!t->counters->counter[COUNTER_SESSIONS_NEW])
		return; /* nothing to walk: spare the memory */
	for (u32 i = 0; i <= t->mask[TABLE_SESSIONS]; i++)
		sweep_expire(t, cfg, tables_slot(t, TABLE_SESSIONS, i), now, true);
	for (u32 i = 0; i <= t->mask[TABLE_PINS]; i++)
		sweep_expire_pin(t, cfg, tables_slot(t, TABLE_PINS, i), now);
}

static void replay_count(struct replay *r, const struct replay_verdict *v)
{
	struct counters *c = tables_counters(&r->tables);
	const struct work *w = &v->work;
	struct device_count *device =
		w->port == PORT_UPLINK ? &c->to_device[v->crossed] : &c->from_device[v->crossed];

	if (!v->again) {
		c->rx[w->port]++;
		c->rx_bytes[w->port] += v->length;
		c->reason[w->port][w->reason]++;
	}
	if (reason_action(w->reason) != ACTION_SEND)
		return;
	c->tx[w->out_port]++;
	c->tx_bytes[w->out_port] += v->length;
	if (v->crossed) {
		device->packets++;
		device->bytes += v->length;
	}
}

/* Whether decide() got as far as placement: then the flow is known. */
static bool replay_is_placed(u8 reason)
{
	switch (reason) {
	case REASON_TO_DEVICE:
	case REASON_TO_DEVICE_PINNED:
	case REASON_TO_UPLINK:
	case REASON_TO_UPLINK_UNKNOWN:
	case REASON_HELD_NEIGHBOUR:
	case REASON_RESET:
	case REASON_NO_DEVICE:
	case REASON_DEVICE_GONE:
	case REASON_NO_ROUTE:
		return true;
	default:
		return false;
	}
}

static void replay_say(struct replay *r, struct replay_verdict *v)
{
	struct work *w = &v->work;

	v->placed = replay_is_placed(w->reason);
	if (w->port != PORT_UPLINK)
		v->crossed = w->from;
	else if (reason_action(w->reason) == ACTION_SEND)
		v->crossed = w->device;
	replay_count(r, v);
	if (v->placed)
		replay_converse(r, v);
	if (r->options.visit)
		r->options.visit(r->options.user, v);
}

static void replay_decide(struct replay *r, struct replay_verdict *v, const u8 *data, u32 captured)
{
	struct packet_cursor cursor = {.data = data, .end = data + captured, .length = v->length};
	struct work clean = {.now = v->work.now, .port = v->work.port, .held = v->work.held};

	v->work = clean;
	decide(&r->tables, &cursor, &v->work);
}

static void replay_hold(struct replay *r, const struct replay_verdict *v, const u8 *data,
			u32 captured)
{
	struct held *h;

	if (g_queue_get_length(r->held) >= REPLAY_HELD_MAX)
		replay_free_held(g_queue_pop_head(r->held));
	h = g_new0(struct held, 1);
	h->verdict = *v;
	h->frame = g_bytes_new(data, captured);
	g_queue_push_tail(r->held, h);
}

/* Tries the held fragments again; with LAST set they go on as they are. */
static void replay_retry(struct replay *r, u32 now, bool last)
{
	for (guint n = g_queue_get_length(r->held); n > 0; n--) {
		struct held *h = g_queue_pop_head(r->held);
		gsize size;
		const u8 *data = g_bytes_get_data(h->frame, &size);

		h->verdict.work.now = now;
		h->verdict.work.held = last;
		replay_decide(r, &h->verdict, data, (u32)size);
		if (h->verdict.work.reason == REASON_HELD_FRAGMENT) {
			g_queue_push_tail(r->held, h);
			continue;
		}
		h->verdict.again = true;
		count(&r->tables, COUNTER_HELD_SENT);
		replay_say(r, &h->verdict);
		replay_free_held(h);
	}
}

/* The frame as though from DEVICE, in a copy; or as it is. */
static const u8 *replay_dress(struct replay *r, const struct offline_frame *frame, u8 device)
{
	struct mac mac;

	if (!device)
		return frame->data;
	mac = replay_made_up(device);
	g_byte_array_set_size(r->copy, 0);
	g_byte_array_append(r->copy, frame->data, frame->captured);
	if (r->copy->len >= 12)
		memcpy(r->copy->data + 6, &mac, sizeof(mac));
	return r->copy->data;
}

void replay_frame(struct replay *r, const struct offline_frame *frame)
{
	struct replay_verdict v = {
		.number = ++r->packets, .time = frame->time, .length = frame->length};
	const u8 *data;
	u8 as = 0;

	v.work.now = r->now = (u32)(frame->time / 1000);
	replay_sweep(r, r->now);
	if (!frame->data) {
		v.work.reason = REASON_UNREADABLE;
		v.work.port = r->options.port < 0 ? PORT_UPLINK : (u8)r->options.port;
		replay_say(r, &v);
		return;
	}
	replay_learn(r, frame);
	v.work.port = replay_port(r, frame, &as);
	v.assumed = as != 0;
	data = replay_dress(r, frame, as);
	replay_decide(r, &v, data, frame->captured);
	replay_say(r, &v);
	if (v.work.reason == REASON_HELD_FRAGMENT)
		replay_hold(r, &v, data, frame->captured);
	if (v.work.events & EVENT_FIRST_FRAGMENT)
		replay_retry(r, r->now, false);
}

void replay_finish(struct replay *r)
{
	replay_retry(r, r->now, true);
}

u64 replay_packets(const struct replay *r)
{
	return r->packets;
}

const struct counters *replay_counters(const struct replay *r)
{
	return r->tables.counters;
}
