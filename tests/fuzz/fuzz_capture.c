/* SPDX-License-Identifier: ISC */
/* links: sandwich/control/json.c sandwich/control/names.c sandwich/control/ports.c
	  sandwich/control/replay.c sandwich/control/replay_flows.c
	  sandwich/control/replay_json.c sandwich/control/replay_ports.c
	  sandwich/control/sides.c sandwich/run/settings.c sandwich/slowpath/macs.c
	  sandwich/slowpath/memory.c sandwich/slowpath/offline.c
	  sandwich/slowpath/offline_link.c sandwich/slowpath/offline_pcapng.c conf/address.c
	  conf/check-addresses.c conf/check-devices.c conf/check-tunnels.c
	  conf/check.c conf/keys.c conf/lines.c
	  conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c conf/scripts.c
	  conf/targets.c conf/tunnels.c
	  conf/units.c conf/values.c */
/*
 * Any bytes as a pcapng file, replayed: every packet ends in one reason, and what is said is JSON.
 * The first byte chooses the balancer; a section header is put before the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-glib/json-glib.h>

#include "sandwich/control/replay_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fuzz_config[] = "[sandwich]\n"
				  "name = f\n"
				  "mode = %s\n"
				  "affinity = %s\n"
				  "sessions = 1k\n"
				  "secret-file = /s\n"
				  "[side ingress]\n"
				  "uplink-address = 192.0.2.1/24\n"
				  "farm-address = 10.1.0.1/24 2001:db8:1::1/64\n"
				  "[side egress]\n"
				  "uplink-address = 10.9.0.1/16\n"
				  "farm-address = 10.2.0.1/24\n"
				  "[balancer a]\n"
				  "side = ingress\n"
				  "uplink = u\n"
				  "farm = f\n"
				  "[balancer b]\n"
				  "side = egress\n"
				  "uplink = u\n"
				  "farm = f\n"
				  "[device d]\n"
				  "ingress = 10.1.0.11 2001:db8:1::11\n"
				  "egress = 10.2.0.11\n"
				  "[device e]\n"
				  "ingress = 02:00:00:00:00:02\n"
				  "egress = 02:00:00:00:00:12\n";

/* One interface of Ethernet behind a section header; the input goes on from there. */
static const u8 fuzz_head[] = {
	0x0a, 0x0d, 0x0d, 0x0a, 28,   0,    0,    0,    0x4d, 0x3c, 0x2b, 0x1a, 1,  0, 0, 0,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 28,   0,    0,    0,    1,  0, 0, 0,
	20,   0,    0,    0,    1,    0,    0,    0,    0,    0,    0,    0,    20, 0, 0, 0};

struct fuzz {
	struct replay_options options;
	struct json out;
	u64 visited;
};

static struct config *fuzz_read(const char *mode, const char *affinity)
{
	char *text = g_strdup_printf(fuzz_config, mode, affinity);
	GPtrArray *problems = config_problems_new();
	struct config *config;

	if (config_parse(text, strlen(text), &config, problems))
		abort();
	g_ptr_array_unref(problems);
	g_free(text);
	return config;
}

static void fuzz_visit(void *user, const struct replay_verdict *v)
{
	struct fuzz *f = user;

	f->visited += !v->again;
	replay_json_verdict(&f->out, &f->options, v);
}

static void fuzz_check(struct fuzz *f, struct replay *r)
{
	const struct counters *c = replay_counters(r);
	u64 reasons = 0;
	JsonNode *node;

	for (int port = 0; port < PORTS_MAX; port++)
		for (int reason = 0; reason < REASONS; reason++)
			reasons += c->reason[port][reason];
	if (reasons != replay_packets(r) || f->visited != reasons)
		abort(); /* invariant 4 */
	json_end(&f->out, '[');
	replay_json_summary(&f->out, r, &f->options);
	json_end(&f->out, '{');
	node = json_from_string(f->out.text->str, NULL);
	if (!node)
		abort();
	json_node_unref(node);
}

static void fuzz_replay(struct fuzz *f, struct offline *o)
{
	struct offline_frame frame;
	struct replay *r;

	if (replay_new(&r, &f->options))
		abort();
	json_begin(&f->out, NULL, '{');
	json_begin(&f->out, "verdicts", '[');
	while (offline_next(o, &frame) == 1)
		replay_frame(r, &frame);
	replay_finish(r);
	fuzz_check(f, r);
	replay_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config *configs[2];
	struct fuzz f = {.out.text = g_string_new(NULL)};
	GByteArray *file = g_byte_array_new();
	u8 choice = size ? data[0] : 0;
	struct offline *o;
	char *why = NULL;

	if (!configs[0]) {
		configs[0] = fuzz_read("firewall", "flow");
		configs[1] = fuzz_read("vpn", "client");
	}
	f.options.config = configs[choice & 1];
	f.options.self = config_find_balancer(f.options.config, choice & 2 ? "a" : "b");
	f.options.port = choice & 4 ? REPLAY_PORT_INFERRED : choice >> 3 & 1;
	f.options.visit = fuzz_visit;
	f.options.user = &f;
	g_byte_array_append(file, fuzz_head, sizeof(fuzz_head));
	if (size)
		g_byte_array_append(file, data + 1, (guint)size - 1);
	if (offline_open_bytes(&o, file->data, file->len, &why))
		abort();
	fuzz_replay(&f, o);
	offline_close(o);
	g_byte_array_unref(file);
	g_string_free(f.out.text, TRUE);
	return 0;
}
