/* SPDX-License-Identifier: ISC */
/* The HTTP check: GET by HTTP/1.0 (RFC 1945) is answered with 2xx or 3xx. The body is not read. */
#include "sandwich/health/probe.h"

#include <string.h>

#define STATUS_LENGTH 12 /* "HTTP/1.1 200" */

static void http_read(struct probe *p);

/* What the answer's first bytes say; NULL: all is well. */
static const char *http_verdict(const char *head)
{
	if (strncmp(head, "HTTP/1.", 7) || head[8] != ' ')
		return "the answer is not HTTP";
	for (int i = 9; i < STATUS_LENGTH; i++)
		if (!g_ascii_isdigit(head[i]))
			return "the answer is not HTTP";
	return head[9] == '2' || head[9] == '3' ? NULL : head + 9;
}

static void http_judge(struct probe *p)
{
	const char *verdict;
	char why[32];

	p->buffer[STATUS_LENGTH] = '\0';
	verdict = http_verdict(p->buffer);
	if (verdict == p->buffer + 9) {
		g_snprintf(why, sizeof(why), "status %s", verdict);
		verdict = why;
	}
	probe_end(p, verdict);
}

static void on_read(GObject *source, GAsyncResult *result, gpointer data)
{
	struct probe *p = data;
	GError *error = NULL;
	gssize got = g_input_stream_read_finish(G_INPUT_STREAM(source), result, &error);

	if (got > 0)
		p->filled += (gsize)got;
	if (got < 0)
		probe_end(p, error->message);
	else if (p->filled >= STATUS_LENGTH)
		http_judge(p);
	else if (got == 0)
		probe_end(p, "the answer ended before its status");
	else
		http_read(p);
	g_clear_error(&error);
}

static void http_read(struct probe *p)
{
	GInputStream *in = g_io_stream_get_input_stream(G_IO_STREAM(p->connection));

	g_input_stream_read_async(in, p->buffer + p->filled, STATUS_LENGTH - p->filled,
				  G_PRIORITY_DEFAULT, p->cancel, on_read, p);
}

static void on_written(GObject *source, GAsyncResult *result, gpointer data)
{
	struct probe *p = data;
	GError *error = NULL;

	if (!g_output_stream_write_all_finish(G_OUTPUT_STREAM(source), result, NULL, &error)) {
		probe_end(p, error->message);
		g_error_free(error);
		return;
	}
	p->filled = 0;
	http_read(p);
}

static void http_connected(struct probe *p)
{
	GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(p->connection));
	GSocketAddress *remote = g_socket_connection_get_remote_address(p->connection, NULL);
	char *host = remote ? g_socket_connectable_to_string(G_SOCKET_CONNECTABLE(remote))
			    : g_strdup("-");
	int length = g_snprintf(p->buffer, sizeof(p->buffer),
				"GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: sandwich\r\n\r\n",
				p->check->url_path ? p->check->url_path : "/", host);

	g_clear_object(&remote);
	g_free(host);
	if (length >= (int)sizeof(p->buffer))
		probe_end(p, "its path is too long");
	else
		g_output_stream_write_all_async(out, p->buffer, (gsize)length, G_PRIORITY_DEFAULT,
						p->cancel, on_written, p);
}

static void http_ask(struct check *c)
{
	probe_start(c, http_connected);
}

const struct check_kind check_http = { .ask = http_ask, .abandon = probe_abandon };
