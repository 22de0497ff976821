// SPDX-License-Identifier: ISC
#include "sandwich/control/ports.h"

#include <errno.h>
#include <string.h>

const char *ports_name(const struct config_balancer *self, u8 port)
{
	if (port == PORT_UPLINK)
		return self->uplink;
	return port <= self->farm->len ? g_ptr_array_index(self->farm, port - 1u) : "?";
}

u8 ports_count(const struct config_balancer *self)
{
	return (u8)MIN(1 + self->farm->len, PORTS_MAX);
}

int ports_find(const struct config_balancer *self, const char *name, u8 *port)
{
	for (u8 i = 0; i < ports_count(self); i++) {
		if (strcmp(ports_name(self, i), name))
			continue;
		*port = i;
		return 0;
	}
	return -ENOENT;
}

u64 ports_sessions(struct tables *t)
{
	u64 sum = 0;

	for (unsigned int id = 0; id < DEVICES_MAX; id++)
		sum += core_load(&tables_device(t, (u8)id)->sessions);
	return sum;
}
