// SPDX-License-Identifier: ISC
/* sandwich-ingress: the balancer between the clients and the farm. */
#include "sandwich/run/run.h"

int main(int argc, char **argv)
{
	static const struct run_role role = {
		.program = "sandwich-ingress",
		.summary =
			"The balancer on the clients' side of a farm of firewalls or VPN gateways.",
		.side = CONFIG_INGRESS,
	};

	return run_main(&role, argc, argv);
}
