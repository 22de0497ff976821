/* SPDX-License-Identifier: ISC */
/*
 * A sandwich with one device, d1, whose checks a test gives; and the health of its ingress.
 * Included by one test program at a time.
 */
#ifndef TESTS_UNIT_HEALTH_RIG_H
#define TESTS_UNIT_HEALTH_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/health/health.h"

/* MODE: firewall or vpn. CHECKS: lines of [health]. Fails the test where they are wrong. */
static inline struct config *health_config(const char *mode, const char *checks)
{
	char *text = g_strdup_printf(
		"[sandwich]\nname = t\nmode = %s\nsecret-file = /x\n"
		"[side ingress]\nuplink-address = 192.0.2.1/24\nfarm-address = 10.1.0.1/24\n"
		"[side egress]\nuplink-address = 10.9.0.1/16\nfarm-address = 10.2.0.1/24\n"
		"[balancer in-a]\nside = ingress\nuplink = eth0\nfarm = eth1\n"
		"[balancer out-a]\nside = egress\nuplink = eth0\nfarm = eth1\n"
		"[device d1]\ningress = 10.1.0.11\negress = 10.2.0.11\n"
		"[health]\npath = off\n%s", mode, checks);
	GPtrArray *problems = config_problems_new();
	struct config *config = NULL;

	if (config_parse(text, strlen(text), &config, problems))
		fail_msg("%s", ((struct config_problem *)g_ptr_array_index(problems, 0))->text);
	g_ptr_array_unref(problems);
	g_free(text);
	return config;
}

/* The health of CONFIG's first balancer. DEVICES and OPS live as long. */
static inline struct health *health_open(const struct config *config, struct device *devices,
					 const struct health_ops *ops)
{
	const struct health_setup setup = {.config = config,
					   .self = g_ptr_array_index(config->balancers, 0),
					   .ops = ops,
					   .devices = devices};
	struct health *health;

	devices[1].name_hash = 1;
	assert_int_equal(health_new(&health, &setup), 0);
	return health;
}

#endif
