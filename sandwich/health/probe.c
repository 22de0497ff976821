/* SPDX-License-Identifier: ISC */
#include "sandwich/health/probe.h"

#include <string.h>

void probe_end(struct probe *p, const char *why)
{
	struct check *c = p->check;

	p->check = NULL;
	g_clear_object(&p->connection); /* closes it */
	g_clear_object(&p->cancel);
	g_free(p);
	if (!c)
		return;
	c->probe = NULL;
	check_done(c, !why, why, why ? 0 : (u32)MAX((u64)g_get_monotonic_time() - c->asked, 1));
}

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	struct probe *p = data;
	GError *error = NULL;

	p->connection = g_socket_client_connect_finish(G_SOCKET_CLIENT(source), result, &error);
	if (!p->connection)
		probe_end(p, error->message);
	else if (!p->check)
		probe_end(p, NULL);
	else
		p->connected(p);
	g_clear_error(&error);
}

static GSocketAddress *target_address(const struct check *c)
{
	bool v4 = address_is_v4(&c->target);
	const u8 *bytes = (const u8 *)&c->target + (v4 ? 12 : 0);
	GInetAddress *inet = g_inet_address_new_from_bytes(bytes, v4 ? G_SOCKET_FAMILY_IPV4
								     : G_SOCKET_FAMILY_IPV6);
	GSocketAddress *address = g_inet_socket_address_new(inet, c->port);

	g_object_unref(inet);
	return address;
}

void probe_start(struct check *c, void (*connected)(struct probe *p))
{
	struct probe *p = g_new0(struct probe, 1);
	GSocketAddress *address = target_address(c);
	GSocketClient *client = g_socket_client_new();

	p->check = c;
	p->connected = connected;
	p->cancel = g_cancellable_new();
	c->probe = p;
	g_socket_client_set_enable_proxy(client, FALSE);
	g_socket_client_connect_async(client, G_SOCKET_CONNECTABLE(address), p->cancel,
				      on_connected, p);
	g_object_unref(client);
	g_object_unref(address);
}

void probe_abandon(struct check *c)
{
	struct probe *p = c->probe;

	if (!p)
		return;
	c->probe = NULL;
	p->check = NULL;
	g_cancellable_cancel(p->cancel); /* GIO calls back, and that frees it */
}
