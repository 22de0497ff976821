// SPDX-License-Identifier: ISC
/*
 * http://ADDRESS:PORT/metrics. libmicrohttpd without a thread of its own: its epoll descriptor and
 * its timeout are sources of GLib's main loop, so metrics_text() runs where everything else does.
 */
#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <microhttpd.h>
#include <string.h>

#include "conf/address.h"
#include "sandwich/control/control.h"

#define METRICS_CONNECTIONS 16
#define METRICS_TIMEOUT_S   10
#define METRICS_TYPE        "text/plain; version=0.0.4; charset=utf-8"

struct metrics {
	struct balancer *b;
	struct MHD_Daemon *daemon;
	guint watch, timer;
};

static enum MHD_Result metrics_queue(struct MHD_Connection *connection, unsigned int status,
				     char *text, const char *type)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc = MHD_NO;

	if (response) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
		rc = MHD_queue_response(connection, status, response);
		MHD_destroy_response(response);
	}
	g_free(text);
	return rc;
}

static enum MHD_Result metrics_request(void *user, struct MHD_Connection *connection,
				       const char *url, const char *method, const char *version,
				       const char *upload, size_t *upload_size, void **state)
{
	static const char begun = 0;
	struct metrics *m = user;

	(void)version;
	(void)upload;
	if (!*state) {
		*state = (void *)(uintptr_t)&begun; /* called again once the headers are complete */
		return MHD_YES;
	}
	*upload_size = 0;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return metrics_queue(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				     g_strdup("GET only\n"), "text/plain");
	if (strcmp(url, "/metrics"))
		return metrics_queue(connection, MHD_HTTP_NOT_FOUND, g_strdup("see /metrics\n"),
				     "text/plain");
	return metrics_queue(connection, MHD_HTTP_OK, metrics_text(m->b), METRICS_TYPE);
}

static gboolean metrics_timeout(gpointer user);

/* Lets the daemon work, and asks when it wants to be called though nothing has come. */
static void metrics_run(struct metrics *m)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(m->daemon);
	if (m->timer)
		g_source_remove(m->timer);
	m->timer = 0;
	if (MHD_get_timeout(m->daemon, &ms) == MHD_YES)
		m->timer = g_timeout_add((guint)MIN(ms + 1, 60000), metrics_timeout, m);
}

static gboolean metrics_timeout(gpointer user)
{
	struct metrics *m = user;

	m->timer = 0; /* it removes itself */
	metrics_run(m);
	return G_SOURCE_REMOVE;
}

static gboolean metrics_ready(gint fd, GIOCondition condition, gpointer user)
{
	(void)fd;
	(void)condition;
	metrics_run(user);
	return G_SOURCE_CONTINUE;
}

/* ADDRESS:PORT as the file writes it, for bind(2). 0 or -EINVAL. */
static int metrics_where(const char *where, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct in6_addr address;
	uint16_t port = 0;

	memset(out, 0, sizeof(*out));
	if (address_endpoint_parse(where, &address, &port))
		return -EINVAL;
	if (IN6_IS_ADDR_V4MAPPED(&address)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, address.s6_addr + 12, 4);
	} else {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		v6->sin6_addr = address;
	}
	return 0;
}

static struct MHD_Daemon *metrics_listen(struct metrics *m, const struct sockaddr_storage *at)
{
	unsigned int flags = MHD_USE_EPOLL | (at->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0);

	return MHD_start_daemon(flags, 0, NULL, NULL, metrics_request, m, MHD_OPTION_SOCK_ADDR, at,
				MHD_OPTION_CONNECTION_LIMIT, METRICS_CONNECTIONS,
				MHD_OPTION_CONNECTION_TIMEOUT, METRICS_TIMEOUT_S,
				MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
}

int metrics_new(struct metrics **out, struct balancer *b, const char *where, char **why)
{
	const union MHD_DaemonInfo *info;
	struct sockaddr_storage at;
	struct metrics *m;

	if (metrics_where(where, &at)) {
		*why = g_strdup_printf("metrics = %s: no address and port", where);
		return -EINVAL;
	}
	m = g_new0(struct metrics, 1);
	m->b = b;
	errno = 0;
	m->daemon = metrics_listen(m, &at);
	info = m->daemon ? MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		int error = errno ? errno : EIO;

		*why = g_strdup_printf("metrics = %s: can't listen there: %s", where,
				       g_strerror(error));
		metrics_free(m);
		return -error;
	}
	m->watch = g_unix_fd_add(info->epoll_fd, G_IO_IN, metrics_ready, m);
	*out = m;
	return 0;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	if (m->watch)
		g_source_remove(m->watch);
	if (m->timer)
		g_source_remove(m->timer);
	if (m->daemon)
		MHD_stop_daemon(m->daemon);
	g_free(m);
}
