// SPDX-License-Identifier: ISC
/* sandwich-egress: the balancer between the farm and the servers. */
#include "sandwich/run/run.h"

int main(int argc, char **argv)
{
	static const struct run_role role = {
		.program = "sandwich-egress",
		.summary =
			"The balancer on the servers' side of a farm of firewalls or VPN gateways.",
		.side = CONFIG_EGRESS,
	};

	return run_main(&role, argc, argv);
}
