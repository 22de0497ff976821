// SPDX-License-Identifier: ISC
/* A question, and its answer printed. */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "sandwich/ctl/answer.h"
#include "sandwich/ctl/pretty.h"
#include "sandwich/ctl/views.h"

#define ASK_FOLDER "/run/sandwich"
#define ASK_LIMIT  100 /* rows that a person is shown unasked */

static enum ctl_exit ctl_choose(struct ctl *ctl, const glob_t *found)
{
	GString *names;

	if (found->gl_pathc == 1) {
		ctl->path = g_strdup(found->gl_pathv[0]);
		return CTL_DONE;
	}
	if (!found->gl_pathc)
		return ctl_fail(CTL_REFUSED, "no balancer runs here: no socket in " ASK_FOLDER
					     " (-s SOCKET names another place)");
	names = g_string_new(NULL);
	for (size_t i = 0; i < found->gl_pathc; i++) {
		char *base = g_path_get_basename(found->gl_pathv[i]);

		g_string_append_printf(names, " %.*s", (int)(strlen(base) - strlen(".sock")), base);
		g_free(base);
	}
	ctl_fail(CTL_USAGE, "several balancers run here; say which with -n:%s", names->str);
	g_string_free(names, TRUE);
	return CTL_USAGE;
}

enum ctl_exit ctl_find(struct ctl *ctl)
{
	enum ctl_exit rc;
	glob_t found;

	if (ctl->path)
		return CTL_DONE;
	if (ctl->socket && ctl->name)
		return ctl_fail(CTL_USAGE, "-s or -n, not both");
	if (ctl->socket)
		ctl->path = g_strdup(ctl->socket);
	else if (ctl->name && strchr(ctl->name, '/'))
		return ctl_fail(CTL_USAGE, "-n takes a balancer's name; -s takes a socket");
	else if (ctl->name)
		ctl->path = g_strdup_printf(ASK_FOLDER "/%s.sock", ctl->name);
	if (ctl->path)
		return CTL_DONE;
	glob(ASK_FOLDER "/*.sock", 0, NULL, &found);
	rc = ctl_choose(ctl, &found);
	globfree(&found);
	return rc;
}

/* The line for the daemon; people get a limit on long tables unless they name one. */
static char *ask_line(const struct ctl *ctl, char **words)
{
	char *line = g_strjoinv(" ", words), *limited;
	bool table = g_str_has_prefix(line, "show sessions") || g_str_has_prefix(line, "show pins");

	if (ctl->json || !table || g_strv_contains((const char *const *)words, "limit"))
		return line;
	limited = g_strdup_printf("%s limit %d", line, ASK_LIMIT);
	g_free(line);
	return limited;
}

/* A table too large to hold, a part at a time. */
static enum ctl_exit ask_stream_json(struct answer *a)
{
	enum ctl_exit rc = CTL_DONE;
	size_t n;

	putchar('[');
	n = pretty_print_elements(stdout, a->text, 0);
	while (!rc && !a->complete) {
		rc = answer_more(a);
		if (!rc)
			n += pretty_print_elements(stdout, a->text, n > 0);
	}
	puts("\n]");
	return rc;
}

static enum ctl_exit ask_json(struct answer *a)
{
	if (!a->complete)
		return ask_stream_json(a);
	pretty_print(stdout, a->text, 0);
	putchar('\n');
	return CTL_DONE;
}

static void ask_flush(GString *out)
{
	fputs(out->str, stdout);
	g_string_truncate(out, 0);
}

static enum ctl_exit ask_table(struct answer *a, const struct column *columns, GString *out)
{
	struct table table = {.columns = columns};
	enum ctl_exit rc = CTL_DONE;

	table_print(&table, out, json_node_get_array(a->result));
	while (!rc && !a->complete) {
		ask_flush(out);
		rc = answer_more(a);
		if (!rc)
			table_print(&table, out, json_node_get_array(a->result));
	}
	ask_flush(out);
	if (a->total > a->shown)
		printf("(%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " shown; limit 0 shows all)\n",
		       a->shown, a->total);
	return rc;
}

static enum ctl_exit ask_human(struct answer *a, const char *line)
{
	const struct column *columns = views_columns(line);
	GString *out = g_string_new(NULL);
	enum ctl_exit rc = CTL_DONE;

	if (columns && JSON_NODE_HOLDS_ARRAY(a->result))
		rc = ask_table(a, columns, out);
	else
		views_print(out, line, a->result);
	if (a->note)
		g_string_append_printf(out, "note: %s\n", a->note);
	ask_flush(out);
	g_string_free(out, TRUE);
	return rc;
}

enum ctl_exit ctl_ask(struct ctl *ctl, char **words)
{
	enum ctl_exit rc = ctl_find(ctl);
	struct answer answer;
	char *line;

	if (rc)
		return rc;
	line = ask_line(ctl, words);
	if (strpbrk(line, "\r\n")) {
		g_free(line);
		return ctl_fail(CTL_USAGE, "a line break in the words");
	}
	rc = answer_ask(ctl, line, &answer);
	if (!rc)
		rc = ctl->json ? ask_json(&answer) : ask_human(&answer, line);
	answer_fini(&answer);
	g_free(line);
	return rc;
}
