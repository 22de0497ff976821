// SPDX-License-Identifier: ISC
#include "sandwich/ctl/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_WHOLE     (1u << 20) /* bytes up to which an answer is read whole */
#define ANSWER_ROWS      4096       /* rows of a larger one at a time */
#define ANSWER_TIMEOUT_S 5 /* without a byte from the daemon */
#define ANSWER_HEAD      "{\"status\":\"ok\",\"result\":"
#define ANSWER_TABLE     ANSWER_HEAD "[\n"

static int answer_connect(const char *path)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = ANSWER_TIMEOUT_S};
	int fd, error;

	if (g_strlcpy(where.sun_path, path, sizeof(where.sun_path)) >= sizeof(where.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&where, sizeof(where)))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static char *answer_silence(const struct ctl *ctl)
{
	return g_strdup_printf("%s: no answer within %d seconds; is the daemon stuck?", ctl->path,
			       ANSWER_TIMEOUT_S);
}

/* Connects and writes the words; the answer can be read from *OUT then. */
static enum ctl_exit answer_open(struct ctl *ctl, const char *words, FILE **out, char **why)
{
	char *line = g_strdup_printf("%s\n", words);
	int fd = answer_connect(ctl->path);
	ssize_t sent = fd < 0 ? -1 : send(fd, line, strlen(line), MSG_NOSIGNAL);
	int error = errno;

	g_free(line);
	if (fd < 0 && (fd == -ECONNREFUSED || fd == -ENOENT))
		*why = g_strdup_printf("no daemon answers at %s; is it running?", ctl->path);
	else if (fd == -EAGAIN)
		*why = answer_silence(ctl);
	else if (fd < 0)
		*why = g_strdup_printf("%s: %s", ctl->path, g_strerror(-fd));
	else if (sent < 0 && error != EPIPE) /* it has closed, and may have said why */
		*why = g_strdup_printf("%s: %s", ctl->path, g_strerror(error));
	if (*why) {
		if (fd >= 0)
			close(fd);
		return CTL_REFUSED;
	}
	shutdown(fd, SHUT_WR);
	*out = fdopen(fd, "r");
	return CTL_DONE;
}

/*
 * Appends lines until the answer ends or TEXT has SIZE bytes. True: it ended. errno is EAGAIN where
 * the daemon fell silent instead.
 */
static bool answer_read(FILE *in, GString *text, size_t size)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n = 0;

	errno = 0;
	while (text->len < size && (n = getline(&line, &room, in)) > 0)
		g_string_append_len(text, line, n);
	free(line);
	return n < 0;
}

/* Why the answer's end has not come. */
static enum ctl_exit answer_cut(int error)
{
	if (error == EAGAIN)
		return ctl_fail(CTL_REFUSED, "no more of the answer within %d seconds",
				ANSWER_TIMEOUT_S);
	return ctl_fail(CTL_REFUSED, "the daemon's answer was cut short");
}

static enum ctl_exit answer_status(JsonObject *root, char **why)
{
	const char *status = json_object_get_string_member_with_default(root, "status", "");

	if (!strcmp(status, "ok"))
		return CTL_DONE;
	*why = g_strdup(json_object_get_string_member_with_default(root, "reason",
								   "refused without a reason"));
	return strcmp(status, "usage") ? CTL_REFUSED : CTL_USAGE;
}

static void answer_tail(struct answer *a, JsonObject *root)
{
	a->total = json_object_get_int_member_with_default(root, "total", -1);
	a->shown = json_object_get_int_member_with_default(root, "shown", -1);
	a->note = g_strdup(json_object_get_string_member_with_default(root, "note", NULL));
	a->complete = true;
}

static enum ctl_exit answer_parse(struct answer *a, const char *text, char **why)
{
	JsonNode *node = json_from_string(text, NULL);
	enum ctl_exit rc = CTL_REFUSED;

	if (!node || !JSON_NODE_HOLDS_OBJECT(node)) {
		*why = g_strdup("the daemon's answer was cut short or is no JSON");
	} else {
		rc = answer_status(json_node_get_object(node), why);
		answer_tail(a, json_node_get_object(node));
		if (!rc)
			a->result = json_object_dup_member(json_node_get_object(node), "result");
		if (!rc && (!a->result || !g_str_has_prefix(text, ANSWER_HEAD))) {
			*why = g_strdup("the daemon's answer is not what this version expects");
			rc = CTL_REFUSED;
		}
		if (!rc)
			a->text = g_strdup(text + strlen(ANSWER_HEAD));
	}
	if (node)
		json_node_unref(node);
	return rc;
}

/* A row's line, without the commas around it. */
static void answer_row(GString *rows, char *line)
{
	g_strstrip(line);
	while (*line == ',')
		line++;
	if (g_str_has_suffix(line, ","))
		line[strlen(line) - 1] = '\0';
	if (!*line)
		return;
	if (rows->len > 1)
		g_string_append_c(rows, ',');
	g_string_append(rows, line);
}

/* Makes the rows in ROWS ("[...") the result. */
static enum ctl_exit answer_batch(struct answer *a, GString *rows)
{
	g_clear_pointer(&a->result, json_node_unref);
	g_free(a->text);
	g_string_append_c(rows, ']');
	a->text = g_strdup(rows->str);
	if (a->raw)
		return CTL_DONE;
	a->result = json_from_string(rows->str, NULL);
	if (a->result)
		return CTL_DONE;
	return ctl_fail(CTL_REFUSED, "the daemon's answer is no JSON");
}

static void answer_last(struct answer *a, const char *line)
{
	char *text = g_strconcat("{\"rows\":[", line, NULL);
	JsonNode *node = json_from_string(text, NULL);

	if (node && JSON_NODE_HOLDS_OBJECT(node))
		answer_tail(a, json_node_get_object(node));
	if (node)
		json_node_unref(node);
	g_free(text);
}

enum ctl_exit answer_more(struct answer *a)
{
	GString *rows = g_string_new("[");
	enum ctl_exit rc = CTL_DONE;
	char *line = NULL;
	size_t room = 0;

	errno = 0;
	for (int n = 0; n < ANSWER_ROWS && !a->complete && !rc; n++) {
		if (getline(&line, &room, a->in) <= 0)
			rc = answer_cut(errno);
		else if (*line == ']')
			answer_last(a, line);
		else
			answer_row(rows, line);
	}
	free(line);
	if (!rc)
		rc = answer_batch(a, rows);
	g_string_free(rows, TRUE);
	return rc;
}

/* TEXT is the beginning of a large table, as far as its last complete line. */
static enum ctl_exit answer_first(struct answer *a, GString *text)
{
	GString *rows = g_string_new("[");
	char **lines = g_strsplit(text->str + strlen(ANSWER_TABLE), "\n", 0);
	enum ctl_exit rc;

	for (char **line = lines; *line; line++)
		answer_row(rows, *line);
	rc = answer_batch(a, rows);
	g_strfreev(lines);
	g_string_free(rows, TRUE);
	return rc;
}

enum ctl_exit answer_try(struct ctl *ctl, const char *words, struct answer *out, char **why)
{
	GString *text = g_string_new(NULL);
	enum ctl_exit rc;
	bool whole;

	*out = (struct answer){.total = -1, .shown = -1, .raw = ctl->json};
	*why = NULL;
	rc = answer_open(ctl, words, &out->in, why);
	if (!rc) {
		whole = answer_read(out->in, text, ANSWER_WHOLE);
		if (!whole && !g_str_has_prefix(text->str, ANSWER_TABLE))
			whole = answer_read(out->in, text, G_MAXINT32);
		if (whole && errno == EAGAIN) {
			*why = answer_silence(ctl);
			rc = CTL_REFUSED;
		} else {
			rc = whole ? answer_parse(out, text->str, why) : answer_first(out, text);
		}
	}
	g_string_free(text, TRUE);
	return rc;
}

enum ctl_exit answer_ask(struct ctl *ctl, const char *words, struct answer *out)
{
	char *why;
	enum ctl_exit rc = answer_try(ctl, words, out, &why);

	if (why)
		ctl_fail(rc, "%s", why);
	g_free(why);
	return rc;
}

void answer_fini(struct answer *a)
{
	g_clear_pointer(&a->result, json_node_unref);
	g_clear_pointer(&a->note, g_free);
	g_clear_pointer(&a->text, g_free);
	if (a->in)
		fclose(a->in);
	a->in = NULL;
}
