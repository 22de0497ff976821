// SPDX-License-Identifier: ISC
#include "sandwich/control/replay_json.h"

#include <arpa/inet.h>

#include "sandwich/control/names.h"
#include "sandwich/control/ports.h"

const char *replay_device(const struct replay_options *o, u8 device)
{
	for (guint i = 0; device && i < o->config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(o->config->devices, i);

		if (d->id == device)
			return d->name;
	}
	return NULL;
}

const char *replay_why(u8 why)
{
	static const char *const names[] = {"none", "hash",        "pin",
					    "host", "own address", "session"};

	return why < G_N_ELEMENTS(names) ? names[why] : "?";
}

const char *replay_event(unsigned int bit)
{
	static const char *const names[] = {"new",   "closed",         "learned",
					    "moved", "first fragment", "router"};

	return bit < G_N_ELEMENTS(names) ? names[bit] : NULL;
}

static void replay_json_events(struct json *out, u32 events)
{
	json_begin(out, "events", '[');
	for (unsigned int bit = 0; replay_event(bit); bit++)
		if (events >> bit & 1)
			json_string(out, NULL, replay_event(bit));
	json_end(out, '[');
}

static void replay_json_ends(struct json *out, const struct packet *p)
{
	char protocol[NAMES_PROTOCOL];

	json_string(out, "protocol", names_protocol(protocol, p->protocol));
	json_address(out, "source", &p->src, 128);
	json_number(out, "source_port", ntohs(p->sport));
	json_address(out, "destination", &p->dst, 128);
	json_number(out, "destination_port", ntohs(p->dport));
	json_bool(out, "icmp_error", p->icmp_error);
}

static void replay_json_time(struct json *out, u64 us)
{
	char *text = g_strdup_printf("%" G_GUINT64_FORMAT ".%06u", us / 1000000,
				     (unsigned int)(us % 1000000));

	json_literal(out, "time", text);
	g_free(text);
}

void replay_json_verdict(struct json *out, const struct replay_options *o,
			 const struct replay_verdict *v)
{
	const struct work *w = &v->work;
	bool ip = w->packet.kind == PACKET_IP && w->packet.l4;

	json_begin(out, NULL, '{');
	json_number(out, "number", v->number);
	replay_json_time(out, v->time);
	json_number(out, "length", v->length);
	json_string(out, "port", ports_name(o->self, w->port));
	json_string(out, "reason", names_reason(w->reason));
	if (ip)
		replay_json_ends(out, &w->packet);
	json_string(out, "device", replay_device(o, v->crossed));
	json_string(out, "why", v->placed && w->place.hash ? replay_why(w->place.why) : NULL);
	replay_json_events(out, w->events);
	json_bool(out, "assumed", v->assumed);
	json_bool(out, "again", v->again);
	json_end(out, '{');
}

struct walk {
	struct json *out;
	const struct replay_options *o;
};

static void replay_json_conversation(void *user, const struct replay_conversation *c)
{
	struct walk *walk = user;
	struct json *out = walk->out;
	char protocol[NAMES_PROTOCOL];

	json_begin(out, NULL, '{');
	json_string(out, "protocol", names_protocol(protocol, c->protocol));
	json_address(out, "client", &c->client, 128);
	json_number(out, "client_port", ntohs(c->client_port));
	json_address(out, "server", &c->server, 128);
	json_number(out, "server_port", ntohs(c->server_port));
	json_begin(out, "devices", '[');
	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		if (device_set_has(&c->devices, (u8)id))
			json_string(out, NULL, replay_device(walk->o, (u8)id));
	json_end(out, '[');
	json_number(out, "packets", c->packets);
	json_number(out, "bytes", c->bytes);
	json_end(out, '{');
}

static void replay_json_reasons(struct json *out, const struct counters *counters)
{
	json_begin(out, "reasons", '{');
	for (u8 reason = 0; reason < REASONS; reason++) {
		u64 n = 0;

		for (u8 port = 0; port < PORTS_MAX; port++)
			n += counters->reason[port][reason];
		if (n)
			json_number(out, names_reason(reason), n);
	}
	json_end(out, '{');
}

void replay_json_summary(struct json *out, struct replay *r, const struct replay_options *o)
{
	const struct counters *counters = replay_counters(r);
	struct walk walk = {.out = out, .o = o};

	json_number(out, "packets", replay_packets(r));
	replay_json_reasons(out, counters);
	json_begin(out, "conversations", '[');
	replay_walk(r, replay_json_conversation, &walk);
	json_end(out, '[');
	json_begin(out, "counters", '{');
	for (u8 i = 0; i < COUNTERS; i++)
		json_number(out, names_counter(i), counters->counter[i]);
	json_end(out, '{');
}
