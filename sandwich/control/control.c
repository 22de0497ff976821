// SPDX-License-Identifier: ISC
/*
 * The control socket's server. One line a connection: the document ends where the connection does.
 */
#include "sandwich/control/control.h"

#include <errno.h>
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sandwich/control/words.h"

#define CONTROL_CLIENTS_MAX 32
#define CONTROL_TIMEOUT_S   30 /* for a client that neither writes its line nor reads its answer */
#define CONTROL_CHUNK       (64 << 10) /* bytes made before they are written */
#define CONTROL_SLICES      8          /* and at most so many of words_more() */

struct client {
	struct control *control;
	GSocketConnection *connection;
	GString *line;   /* as far as it has come */
	GString *output; /* being written */
	struct call call;
	bool begun; /* `call` is in use */
	bool more;  /* and not complete */
	char buffer[512];
};

struct control {
	struct balancer *b;
	GSocketService *service;
	GCancellable *cancel; /* ends all that is under way */
	char *path;
	unsigned int clients;
	bool gone; /* freed as soon as the last client is */
};

static void control_unref(struct control *c)
{
	if (c->clients || !c->gone)
		return;
	g_object_unref(c->cancel);
	g_free(c->path);
	g_free(c);
}

static void client_free(struct client *client)
{
	struct control *c = client->control;

	g_io_stream_close(G_IO_STREAM(client->connection), NULL, NULL);
	g_object_unref(client->connection);
	if (client->begun)
		words_end(&client->call);
	g_string_free(client->line, TRUE);
	g_string_free(client->output, TRUE);
	g_free(client);
	c->clients--;
	control_unref(c);
}

/* Makes the next part of the answer: about a millisecond of work, then others have their turn. */
static void client_fill(struct client *client)
{
	for (int i = 0; i < CONTROL_SLICES && client->more && client->output->len < CONTROL_CHUNK;
	     i++)
		client->more = words_more(&client->call, client->output);
	if (client->more && !client->output->len)
		g_string_append_c(client->output, '\n'); /* white space keeps it going */
}

static void client_write(struct client *client);

static void client_wrote(GObject *source, GAsyncResult *result, gpointer user)
{
	struct client *client = user;
	bool ok = g_output_stream_write_all_finish(G_OUTPUT_STREAM(source), result, NULL, NULL);

	if (!ok || client->control->gone || !client->more) {
		client_free(client);
		return;
	}
	g_string_truncate(client->output, 0);
	client_fill(client);
	client_write(client);
}

static void client_write(struct client *client)
{
	GOutputStream *stream = g_io_stream_get_output_stream(G_IO_STREAM(client->connection));

	g_output_stream_write_all_async(stream, client->output->str, client->output->len,
					G_PRIORITY_DEFAULT, client->control->cancel, client_wrote,
					client);
}

static void client_answer(struct client *client)
{
	char *end = memchr(client->line->str, '\n', client->line->len);
	size_t length = end ? (size_t)(end - client->line->str) : client->line->len;

	client->begun = true;
	words_begin(&client->call, client->control->b, client->line->str, length, client->output);
	client->more = client->call.rows && !client->call.error;
	client_fill(client);
	client_write(client);
}

static void client_read(struct client *client);

static void client_got(GObject *source, GAsyncResult *result, gpointer user)
{
	struct client *client = user;
	gssize n = g_input_stream_read_finish(G_INPUT_STREAM(source), result, NULL);

	if (n < 0 || client->control->gone || (!n && !client->line->len)) {
		client_free(client);
		return;
	}
	g_string_append_len(client->line, client->buffer, n);
	if (!n || memchr(client->buffer, '\n', (size_t)n) || client->line->len > WORDS_LINE_MAX)
		client_answer(client);
	else
		client_read(client);
}

static void client_read(struct client *client)
{
	GInputStream *stream = g_io_stream_get_input_stream(G_IO_STREAM(client->connection));

	g_input_stream_read_async(stream, client->buffer, sizeof(client->buffer),
				  G_PRIORITY_DEFAULT, client->control->cancel, client_got, client);
}

/* One client too many: told so, as far as that fits the socket, and closed. */
static void control_refuse(GSocketConnection *connection)
{
	static const char text[] =
		"{\"status\":\"refused\",\"reason\":\"too many clients are connected\"}\n";
	int fd = g_socket_get_fd(g_socket_connection_get_socket(connection));

	if (send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		g_debug("control: nobody left to refuse");
}

static gboolean control_incoming(GSocketService *service, GSocketConnection *connection,
				 GObject *source, gpointer user)
{
	struct control *c = user;
	struct client *client;

	(void)service;
	(void)source;
	if (c->clients >= CONTROL_CLIENTS_MAX) {
		control_refuse(connection);
		return TRUE; /* closed by who holds the last reference */
	}
	client = g_new0(struct client, 1);
	client->control = c;
	client->connection = g_object_ref(connection);
	client->line = g_string_new(NULL);
	client->output = g_string_new(NULL);
	g_socket_set_timeout(g_socket_connection_get_socket(connection), CONTROL_TIMEOUT_S);
	c->clients++;
	client_read(client);
	return TRUE;
}

static int control_fail(char **why, int error, const char *path, const char *what)
{
	*why = g_strdup_printf("%s: %s%s%s", path, what, error ? ": " : "",
			       error ? g_strerror(error) : "");
	return error ? -error : -EINVAL;
}

/* Removes a socket that nobody answers at. 0, -EADDRINUSE, or another -errno. */
static int control_clear(const char *path, const struct sockaddr_un *where, char **why)
{
	struct stat st;
	int fd, rc = 0;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : control_fail(why, errno, path, "can't look at it");
	if (!S_ISSOCK(st.st_mode))
		return control_fail(why, EEXIST, path,
				    "there is a file that is no socket; remove it");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return control_fail(why, errno, path, "no socket to be had");
	if (!connect(fd, (const struct sockaddr *)where, sizeof(*where)) || errno == EAGAIN)
		rc = control_fail(why, EADDRINUSE, path,
				  "another daemon answers there; stop it first");
	else if (unlink(path) && errno != ENOENT)
		rc = control_fail(why, errno, path, "can't remove the old socket");
	close(fd);
	return rc;
}

/* A bound and listening socket at PATH, mode 0660 before anybody can connect; or -errno. */
static int control_listen(const char *path, char **why)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	char *folder;
	int fd, rc;

	if (g_strlcpy(where.sun_path, path, sizeof(where.sun_path)) >= sizeof(where.sun_path))
		return control_fail(why, ENAMETOOLONG, path, "too long for a socket");
	folder = g_path_get_dirname(path);
	(void)mkdir(folder, 0755); /* the last level alone: a mistyped path is not made */
	g_free(folder);
	rc = control_clear(path, &where, why);
	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return control_fail(why, errno, path, "no socket to be had");
	if (!bind(fd, (struct sockaddr *)&where, sizeof(where)) && !chmod(path, 0660) &&
	    !listen(fd, 16))
		return fd;
	rc = control_fail(why, errno, path, "can't listen there");
	close(fd);
	return rc;
}

int control_new(struct control **out, struct balancer *b, const char *path, char **why)
{
	struct control *c;
	GSocket *socket;
	int fd = control_listen(path, why);

	if (fd < 0)
		return fd;
	socket = g_socket_new_from_fd(fd, NULL);
	if (!socket) {
		close(fd);
		return control_fail(why, EIO, path, "can't use the socket");
	}
	c = g_new0(struct control, 1);
	c->b = b;
	c->path = g_strdup(path);
	c->cancel = g_cancellable_new();
	c->service = g_socket_service_new();
	g_socket_listener_add_socket(G_SOCKET_LISTENER(c->service), socket, NULL, NULL);
	g_object_unref(socket);
	g_signal_connect(c->service, "incoming", G_CALLBACK(control_incoming), c);
	g_socket_service_start(c->service);
	*out = c;
	return 0;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	g_socket_service_stop(c->service);
	g_socket_listener_close(G_SOCKET_LISTENER(c->service));
	g_signal_handlers_disconnect_by_data(c->service, c);
	g_object_unref(c->service);
	unlink(c->path);
	c->gone = true;
	g_cancellable_cancel(c->cancel);
	control_unref(c);
}

JsonNode *control_execute(struct balancer *b, const char *line, size_t length)
{
	GString *response = g_string_new(NULL);
	struct call call;
	JsonNode *node;

	words_begin(&call, b, line, length, response);
	while (words_more(&call, response))
		;
	words_end(&call);
	node = json_from_string(response->str, NULL);
	g_string_free(response, TRUE);
	return node ? node : json_node_new(JSON_NODE_NULL);
}
