/* SPDX-License-Identifier: ISC */
/* links: sandwich/control/admin.c sandwich/control/control.c sandwich/control/explain.c
	  sandwich/control/filter.c sandwich/control/guess.c sandwich/control/json.c
	  sandwich/control/names.c sandwich/control/ports.c sandwich/control/rows.c
	  sandwich/control/show_counters.c sandwich/control/show_devices.c
	  sandwich/control/show_sessions.c sandwich/control/show_sync.c
	  sandwich/control/show_tables.c
	  sandwich/control/sides.c sandwich/control/words.c sandwich/run/settings.c
	  sandwich/slowpath/macs.c sandwich/slowpath/memory.c conf/address.c
	  conf/check-addresses.c conf/check-devices.c conf/check-tunnels.c
	  conf/check.c conf/keys.c conf/lines.c
	  conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c conf/scripts.c
	  conf/targets.c conf/tunnels.c
	  conf/units.c conf/values.c */
/*
 * Any bytes as a line of control words, to a balancer with a few sessions and pins: one JSON
 * document comes back, with a status that sandwichctl knows, and nothing is lost on the way.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/control_fakes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct balancer *fuzz_balancer(void)
{
	static struct balancer b;
	static const char *const clients[] = {"192.0.2.10", "192.0.2.11", "198.51.100.1"};

	if (b.config)
		return &b;
	fake_new(&b, "vpn", "client", "out-a");
	b.routes = (struct routes *)&b;
	b.resolver = (struct resolver *)&b;
	b.answer = (struct answer *)&b;
	for (u16 i = 0; i < 30; i++) {
		struct flow key, flow = {.outside = fake_address(clients[i % 3])};
		const struct settings *cfg = b.tables.settings;

		fake_session(&b, clients[i % 3], i, "10.9.0.80", 80, i % 2 ? 6 : 17, i % 3 + 1);
		affinity_key(&key, &flow, cfg->affinity);
		pin_put(&b.tables, &key, flow_hash(&cfg->placement, &key), i % 3 + 1, i % 6, 0);
	}
	return &b;
}

static bool known(const char *status)
{
	return !strcmp(status, "ok") || !strcmp(status, "refused") || !strcmp(status, "usage");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	JsonNode *node = control_execute(fuzz_balancer(), (const char *)data, size);
	JsonObject *o = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
	const char *status;

	if (!o)
		abort(); /* what was written was no JSON */
	status = json_object_get_string_member_with_default(o, "status", "");
	if (!known(status) || (!strcmp(status, "ok") && !json_object_has_member(o, "result")))
		abort();
	if (strcmp(status, "ok") && !*json_object_get_string_member_with_default(o, "reason", ""))
		abort();
	json_node_unref(node);
	return 0;
}
