/* SPDX-License-Identifier: ISC */
/*
 * The script check: a program ends with status 0 in time.
 *
 * A run for each device, on each side. A bounded number runs at a time, the others wait their turn,
 * and waiting is no failure: how many checks there are is not the device's fault.
 */
#include "sandwich/health/check.h"

#include <arpa/inet.h>
#include <string.h>
#include "sandwich/health/script_file.h"
#include "sandwich/health/script_run.h"

static void script_start(struct check *c);

static void script_next(struct checks *owner)
{
	struct check *next;

	while (owner->running < CHECK_SCRIPTS && (next = g_queue_pop_head(owner->waiting)))
		script_start(next);
}

static void on_done(void *user, bool ok, const char *why)
{
	struct check *c = user;
	struct checks *owner = c->owner;

	c->script = NULL;
	owner->running--;
	check_done(c, ok, why, ok ? (u32)MAX((u64)g_get_monotonic_time() - c->asked, 1) : 0);
	script_next(owner);
}

static int script_begin(struct check *c, char **why)
{
	const struct script_setup setup = {
		.argv = c->argv,
		.envp = c->envp,
		.timeout_ms = c->timeout_ms,
		.as = c->owner->script_user,
		.done = on_done,
		.user = c,
	};
	int rc = script_file_check(c->argv[0], why);

	return rc ? rc : script_run(&c->script, &setup, why);
}

static void script_start(struct check *c)
{
	char *why = NULL;

	c->asked = (u64)g_get_monotonic_time(); /* its turn has come */
	if (script_begin(c, &why))
		check_done(c, false, why, 0);
	else
		c->owner->running++;
	g_free(why);
}

static void script_ask(struct check *c)
{
	if (c->owner->running < CHECK_SCRIPTS)
		script_start(c);
	else
		g_queue_push_tail(c->owner->waiting, c);
}

static void script_abandon_check(struct check *c)
{
	g_queue_remove(c->owner->waiting, c);
	if (!c->script)
		return;
	script_abandon(c->script);
	c->script = NULL;
	c->owner->running--;
}

const struct check_kind check_script = {
	.ask = script_ask,
	.abandon = script_abandon_check,
	.patient = true,
};

/* --- what it is told ------------------------------------------------------------------------ */

static char *addresses_text(const GArray *addresses)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < addresses->len; i++) {
		char text[INET6_ADDRSTRLEN];
		struct address a;

		memcpy(&a, &g_array_index(addresses, struct in6_addr, i), sizeof(a));
		check_address_text(&a, text);
		g_string_append_printf(out, "%s%s", i ? " " : "", text);
	}
	return g_string_free(out, FALSE);
}

static char **env_addresses(char **env, const char *name, const GArray *addresses)
{
	char *text = addresses_text(addresses);

	env = g_environ_setenv(env, name, text, TRUE);
	g_free(text);
	return env;
}

char **check_script_environment(const struct health_setup *setup, const struct config_device *d)
{
	enum config_side_id side = setup->self->side;
	char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char **env = g_environ_setenv(NULL, "PATH", path, TRUE), *own;

	env = g_environ_setenv(env, "LANG", "C.UTF-8", TRUE);
	env = g_environ_setenv(env, "SANDWICH_NAME", setup->config->name, TRUE);
	env = g_environ_setenv(env, "SANDWICH_BALANCER", setup->self->name, TRUE);
	env = g_environ_setenv(env, "SANDWICH_SIDE", config_side_name(side), TRUE);
	env = g_environ_setenv(env, "SANDWICH_DEVICE", d->name, TRUE);
	env = env_addresses(env, "SANDWICH_INGRESS_ADDRESSES", d->at[CONFIG_INGRESS].addresses);
	env = env_addresses(env, "SANDWICH_EGRESS_ADDRESSES", d->at[CONFIG_EGRESS].addresses);
	own = addresses_text(d->at[side].addresses);
	*strchrnul(own, ' ') = '\0';
	env = g_environ_setenv(env, "SANDWICH_ADDRESS", own, TRUE);
	g_free(own);
	return env;
}

bool check_scripts_valid(const struct config *config)
{
	bool valid = true;

	for (guint i = 0; i < config->health.checks->len; i++) {
		const struct config_check *c = g_ptr_array_index(config->health.checks, i);
		char *why;

		if (c->kind != CONFIG_DETECT_SCRIPT || !script_file_check(c->argv[0], &why))
			continue;
		g_warning("[health] script: %s", why);
		g_free(why);
		valid = false;
	}
	return valid;
}
