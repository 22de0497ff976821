/* SPDX-License-Identifier: ISC */
/* The TCP check: a connection is accepted. */
#include "sandwich/health/probe.h"

static void tcp_connected(struct probe *p)
{
	probe_end(p, NULL);
}

static void tcp_ask(struct check *c)
{
	probe_start(c, tcp_connected);
}

const struct check_kind check_tcp = { .ask = tcp_ask, .abandon = probe_abandon };
