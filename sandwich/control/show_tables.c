// SPDX-License-Identifier: ISC
/* show neighbours, show addresses, show config. */
#include <errno.h>
#include <string.h>

#include "sandwich/control/ports.h"
#include "sandwich/control/words.h"
#include "sandwich/slowpath/answer.h"
#include "sandwich/slowpath/routes.h"

struct show {
	struct json *out;
	struct balancer *b;
	u32 now;
};

static void show_tag(struct json *out, u32 zone)
{
	char text[16];

	if (!zone) {
		json_null(out, "vlan");
		return;
	}
	if (zone >> 12)
		g_snprintf(text, sizeof(text), "%u.%u", zone >> 12, zone & 0xfff);
	else
		g_snprintf(text, sizeof(text), "%u", zone);
	json_string(out, "vlan", text);
}

/* A row for each route and uplink neighbour. What is on the link has a MAC for each of its hosts.
 */
static void show_route(const struct show *show, const struct routes_view *v)
{
	static const struct address none;
	bool net = !v->valid && v->origin && !strcmp(v->origin, "on-link");
	bool router = v->length == 128 && address_equal(&v->address, &none);

	json_begin(show->out, NULL, '{');
	if (router) /* last-hop knows it by its MAC alone */
		json_null(show->out, "address");
	else
		json_address(show->out, "address", &v->address, v->length);
	show_tag(show->out, v->zone);
	json_string(show->out, "origin", router ? "router" : v->origin);
	json_string(show->out, "state", v->valid ? "reachable" : net ? NULL : "unresolved");
	if (v->valid)
		json_mac(show->out, "mac", &v->mac);
	else
		json_null(show->out, "mac");
	json_string(show->out, "port", ports_name(show->b->self, PORT_UPLINK));
	json_null(show->out, "device");
	json_null(show->out, "answered");
	json_end(show->out, '{');
}

static void show_collect(void *user, const struct routes_view *v)
{
	g_array_append_val((GArray *)user, *v);
}

/* Nets before hosts, each in the order of their addresses. */
static gint show_route_order(gconstpointer a, gconstpointer b)
{
	const struct routes_view *x = a, *y = b;

	if ((x->length < 128) != (y->length < 128))
		return x->length < 128 ? -1 : 1;
	return memcmp(&x->address, &y->address, sizeof(x->address));
}

static void show_routes(const struct show *show)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct routes_view));

	routes_walk(show->b->routes, show_collect, all);
	g_array_sort(all, show_route_order);
	for (guint i = 0; i < all->len; i++)
		show_route(show, &g_array_index(all, struct routes_view, i));
	g_array_unref(all);
}

/* Which device of the configuration has the address on our side. */
static const char *show_owner(const struct balancer *b, const struct address *address)
{
	for (guint i = 0; i < b->config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(b->config->devices, i);
		const GArray *own = d->at[b->self->side].addresses;

		for (guint k = 0; k < own->len; k++)
			if (!memcmp(&g_array_index(own, struct in6_addr, k), address,
				    sizeof(*address)))
				return d->name;
	}
	return NULL;
}

static void show_resolved(void *user, const struct resolve_entry *e)
{
	static const char *const states[] = {"asking", "reachable", "stale", "failed"};
	struct show *show = user;

	if (!e->target.permanent)
		return; /* an uplink neighbour: routes_walk() has it */
	json_begin(show->out, NULL, '{');
	json_address(show->out, "address", &e->target.address, 128);
	show_tag(show->out, e->target.vlan);
	json_string(show->out, "origin", "device");
	json_string(show->out, "state", states[e->state & 3]);
	if (e->answered)
		json_mac(show->out, "mac", &e->mac);
	else
		json_null(show->out, "mac");
	json_string(show->out, "port", e->answered ? ports_name(show->b->self, e->port) : NULL);
	json_string(show->out, "device", show_owner(show->b, &e->target.address));
	if (e->answered)
		json_seconds(show->out, "answered", core_elapsed(show->now, e->answered));
	else
		json_null(show->out, "answered");
	json_end(show->out, '{');
}

int show_neighbours(struct call *call)
{
	struct show show = {.out = &call->out, .b = call->b, .now = memory_now()};

	json_begin(&call->out, NULL, '[');
	if (call->b->routes)
		show_routes(&show);
	if (call->b->resolver)
		resolver_walk(call->b->resolver, show_resolved, &show);
	json_end(&call->out, '[');
	return 0;
}

static void show_address(void *user, const struct answer_address *a)
{
	struct show *show = user;
	const struct settings *cfg = tables_settings(&show->b->tables);

	json_begin(show->out, NULL, '{');
	json_address(show->out, "address", &a->address, a->length);
	json_string(show->out, "port", a->farm ? "farm" : "uplink");
	json_string(show->out, "kind", a->cluster ? "cluster" : "floating");
	json_mac(show->out, "mac", &cfg->mac[a->farm]);
	show_tag(show->out, a->vlan == VLAN_KEEP ? 0 : a->vlan);
	json_end(show->out, '{');
}

int show_addresses(struct call *call)
{
	struct show show = {.out = &call->out, .b = call->b};

	json_begin(&call->out, NULL, '[');
	if (call->b->answer)
		answer_walk(call->b->answer, show_address, &show);
	json_end(&call->out, '[');
	return 0;
}

/* "key = value" of the effective configuration becomes a member of its section's object. */
static void show_config_line(struct json *out, char *line, bool *open)
{
	size_t length = strlen(line);
	char *equals = strstr(line, " = ");

	if (*line == '[' && length > 1) {
		if (*open)
			json_end(out, '{');
		line[length - 1] = '\0';
		json_begin(out, line + 1, '{');
		*open = true;
	} else if (equals && *open) {
		*equals = '\0';
		json_string(out, line, equals + 3);
	}
}

static void show_config_sections(struct json *out, const char *text)
{
	char **lines = g_strsplit(text, "\n", 0);
	bool open = false;

	json_begin(out, "sections", '{');
	for (char **line = lines; *line; line++)
		show_config_line(out, *line, &open);
	if (open)
		json_end(out, '{');
	json_end(out, '{');
	g_strfreev(lines);
}

int show_config(struct call *call)
{
	char *text = config_print(call->b->config);

	json_begin(&call->out, NULL, '{');
	json_string(&call->out, "path", call->b->config_path);
	json_string(&call->out, "balancer", call->b->self->name);
	show_config_sections(&call->out, text);
	json_string(&call->out, "text", text);
	json_end(&call->out, '{');
	g_free(text);
	return 0;
}
