// SPDX-License-Identifier: ISC
#include "sandwich/run/local.h"

#include <errno.h>

#include "sandwich/control/ports.h"
#include "sandwich/run/attach.h"
#include "sandwich/run/datapath.h"
#include "sandwich/run/settings.h"
#include "sandwich/slowpath/answer.h"
#include "sandwich/slowpath/routes.h"

static void local_add(GArray *out, const struct in6_addr *address, u8 length, bool farm,
		      bool cluster, u16 vlan)
{
	struct answer_address entry = {
		.address = settings_address(address),
		.length = length,
		.farm = farm,
		.cluster = cluster,
		.vlan = vlan,
	};

	g_array_append_val(out, entry);
}

static void local_add_floating(GArray *out, const GArray *addresses, bool farm, u16 vlan)
{
	for (guint i = 0; i < addresses->len; i++) {
		const struct config_address *a =
			&g_array_index(addresses, struct config_address, i);

		local_add(out, &a->address, a->length, farm, false, vlan);
	}
}

void local_configure(struct balancer *b)
{
	const struct config_side *side = &b->config->side[b->self->side];
	const u16 *vlan = b->tables.settings->vlan;
	GArray *addresses = g_array_new(FALSE, TRUE, sizeof(struct answer_address));

	local_add_floating(addresses, side->uplink_addresses, false, vlan[0]);
	local_add_floating(addresses, side->farm_addresses, true, vlan[1]);
	for (guint i = 0; i < side->cluster_addresses->len; i++)
		local_add(addresses, &g_array_index(side->cluster_addresses, struct in6_addr, i),
			  128, false, true, vlan[0]);
	answer_set(b->answer, (const struct answer_address *)(const void *)addresses->data,
		   addresses->len);
	g_array_unref(addresses);
}

/* Gives the port up; it is opened again as soon as its interface is there. */
static void local_close(struct balancer *b, u8 index)
{
	pump_replace_port(b->pump, index, NULL);
	datapath_closing(b, index);
	port_close(b->ports[index]);
	b->ports[index] = NULL;
	attach_report(b->attach);
}

static void local_open(struct balancer *b, u8 index)
{
	struct port *p;
	char *why = NULL;

	if (datapath_open_port(b, index, ports_name(b->self, index), &p, &why)) {
		g_free(why);
		return; /* not back yet */
	}
	g_message("port %s is back", port_name(p));
	b->ports[index] = p;
	pump_replace_port(b->pump, index, p);
	datapath_opened(b, index);
	if (index == PORT_UPLINK && routes_follow(b->routes, port_ifindex(p)))
		g_warning("port %s: the kernel's routes by it can't be read", port_name(p));
	answer_announce(b->answer);
	resolver_refresh_port(b->resolver, index, memory_now());
	attach_report(b->attach);
}

static void local_follow_carrier(struct balancer *b, u8 index, bool had)
{
	const struct port *p = b->ports[index];

	if (had == port_carrier(p))
		return;
	g_message("port %s: carrier %s", port_name(p), had ? "lost" : "back");
	if (!had)
		resolver_refresh_port(b->resolver, index, memory_now());
	attach_report(b->attach);
}

void local_check_port(struct balancer *b, u8 index)
{
	struct port *p = b->ports[index];
	bool had = p && port_carrier(p);

	switch (p ? port_refresh(p) : -ENODEV) {
	case -ENODEV:
		if (p) {
			g_warning("port %s is gone", port_name(p));
			local_close(b, index);
		}
		local_open(b, index);
		break;
	case -ESTALE: /* its MTU has grown beyond what it was opened for */
		local_close(b, index);
		local_open(b, index);
		break;
	default:
		local_follow_carrier(b, index, had);
	}
}
