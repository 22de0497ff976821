// SPDX-License-Identifier: ISC
/* top: the devices and what goes through them, every second, until q or Ctrl-C. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "sandwich/ctl/answer.h"
#include "sandwich/ctl/human.h"
#include "sandwich/ctl/views.h"

#define TOP_SCREEN       "\033[?1049h\033[?25l" /* the other screen, no cursor */
#define TOP_LEAVE        "\033[?25h\033[?1049l"
#define TOP_HOME         "\033[H"
#define TOP_REST_OF_LINE "\033[K\n"
#define TOP_REST         "\033[J"

/* One look at the daemon. */
struct sample {
	JsonNode *devices, *counters;
	gint64 time; /* µs */
	char *why;   /* it failed */
};

static volatile sig_atomic_t top_ended;

static void top_signal(int signal)
{
	(void)signal;
	top_ended = 1;
}

static enum ctl_exit top_ask(struct ctl *ctl, const char *words, JsonNode **out, char **why)
{
	struct answer answer;
	enum ctl_exit rc = answer_try(ctl, words, &answer, why);

	if (!rc)
		*out = json_node_ref(answer.result);
	answer_fini(&answer);
	return rc;
}

static enum ctl_exit top_sample(struct ctl *ctl, struct sample *out)
{
	enum ctl_exit rc = top_ask(ctl, "show devices", &out->devices, &out->why);

	if (!rc)
		rc = top_ask(ctl, "show counters", &out->counters, &out->why);
	if (!rc &&
	    (!JSON_NODE_HOLDS_ARRAY(out->devices) || !JSON_NODE_HOLDS_OBJECT(out->counters))) {
		out->why = g_strdup("the daemon's answer is not what this version expects");
		rc = CTL_REFUSED;
	}
	out->time = g_get_monotonic_time();
	return rc;
}

static void top_sample_fini(struct sample *s)
{
	g_clear_pointer(&s->devices, json_node_unref);
	g_clear_pointer(&s->counters, json_node_unref);
}

static double top_rate(JsonObject *before, JsonObject *after, const char *member, double seconds)
{
	gint64 change = before ? human_number(after, member) - human_number(before, member) : 0;

	return change > 0 && seconds > 0 ? (double)change / seconds : 0;
}

static JsonObject *top_device(JsonNode *devices, const char *name)
{
	JsonArray *rows = json_node_get_array(devices);

	for (guint i = 0; i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);

		if (!strcmp(human_string(row, "name"), name))
			return row;
	}
	return NULL;
}

/* Adds the rates to the rows of AFTER: what the columns below print. */
static void top_add_rates(const struct sample *before, struct sample *after)
{
	JsonArray *rows = json_node_get_array(after->devices);
	double seconds = (double)(after->time - before->time) / 1e6;

	for (guint i = 0; i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);
		JsonObject *old = top_device(before->devices, human_string(row, "name"));

		json_object_set_double_member(row, "packets_per_second",
					      top_rate(old, row, "packets", seconds));
		json_object_set_double_member(row, "bits_per_second",
					      8 * top_rate(old, row, "bytes", seconds));
	}
}

static void top_cell_rate(GString *out, JsonObject *row, const char *member)
{
	human_count(out, human_double(row, member));
}

static void top_cell_bits(GString *out, JsonObject *row, const char *member)
{
	double bits = human_double(row, member);

	if (bits >= 1e9)
		g_string_append_printf(out, "%.2fG", bits / 1e9);
	else if (bits >= 1e6)
		g_string_append_printf(out, "%.1fM", bits / 1e6);
	else
		g_string_append_printf(out, "%.0fk", bits / 1e3);
}

static void top_cell_share(GString *out, JsonObject *row, const char *member)
{
	static const char bar[] = "####################";

	g_string_append_len(out, bar, (gssize)CLAMP(human_double(row, member) * 20, 0, 20));
}

static const struct column top_columns[] = {
	{"NAME", "name", false, NULL},
	{"STATE", "state", false, NULL},
	{"WEIGHT", "weight", true, NULL},
	{"SESSIONS", "sessions", true, NULL},
	{"PACKETS/S", "packets_per_second", true, top_cell_rate},
	{"BIT/S", "bits_per_second", true, top_cell_bits},
	{"SHARE", "share", false, top_cell_share},
	{"WHY", "why", false, NULL},
	{NULL, NULL, false, NULL},
};

/* Every device's part of the sessions. */
static void top_add_shares(struct sample *s)
{
	JsonArray *rows = json_node_get_array(s->devices);
	double all = 0;

	for (guint i = 0; i < json_array_get_length(rows); i++)
		all += (double)human_number(json_array_get_object_element(rows, i), "sessions");
	for (guint i = 0; i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);

		json_object_set_double_member(
			row, "share", all > 0 ? (double)human_number(row, "sessions") / all : 0);
	}
}

static const struct {
	const char *text, *counter;
} top_rates[] = {
	{"received", "rx_total"},
	{"sent", "tx_total"},
	{"new sessions", "sessions_new_total"},
	{"learned", "learned_total"},
	{"moved", "moved_down_total"},
};

static void top_render(GString *out, const struct sample *before, const struct sample *after)
{
	JsonObject *old = json_node_get_object(before->counters),
		   *now = json_node_get_object(after->counters);
	double seconds = (double)(after->time - before->time) / 1e6;
	struct table table = {.columns = top_columns};

	g_string_append_printf(out,
			       "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
			       " sessions, asymmetric %" G_GINT64_FORMAT ", partner %s\n",
			       human_number(now, "sessions"), human_number(now, "sessions_slots"),
			       human_number(now, "asymmetric_flows_total"),
			       human_number(now, "partner_reachable") ? "heard of"
								      : "not heard of");
	for (gsize i = 0; i < G_N_ELEMENTS(top_rates); i++) {
		g_string_append_printf(out, "%s%s ", i ? ", " : "", top_rates[i].text);
		human_count(out, top_rate(old, now, top_rates[i].counter, seconds));
		g_string_append(out, "/s");
	}
	g_string_append(out, "\n\n");
	table_print(&table, out, json_node_get_array(after->devices));
}

static void top_json(const struct sample *before, const struct sample *after)
{
	JsonObject *old = json_node_get_object(before->counters),
		   *now = json_node_get_object(after->counters);
	double seconds = (double)(after->time - before->time) / 1e6;
	JsonObject *all = json_object_new();
	JsonNode *node = json_node_new(JSON_NODE_OBJECT);
	char *text;

	json_object_set_double_member(all, "interval", seconds);
	json_object_set_int_member(all, "sessions", human_number(now, "sessions"));
	for (gsize i = 0; i < G_N_ELEMENTS(top_rates); i++) {
		char *name = g_strdup(top_rates[i].counter);

		name[strlen(name) - strlen("_total")] = '\0';
		json_object_set_double_member(all, name,
					      top_rate(old, now, top_rates[i].counter, seconds));
		g_free(name);
	}
	json_object_set_member(all, "devices", json_node_copy(after->devices));
	json_node_take_object(node, all);
	text = json_to_string(node, TRUE);
	puts(text);
	g_free(text);
	json_node_unref(node);
}

static void top_draw(const char *text)
{
	char **lines = g_strsplit(text, "\n", 0);

	fputs(TOP_HOME, stdout);
	for (char **line = lines; *line; line++)
		printf("%s" TOP_REST_OF_LINE, *line);
	fputs("q ends" TOP_REST_OF_LINE TOP_REST, stdout);
	fflush(stdout);
	g_strfreev(lines);
}

static void top_show(struct ctl *ctl, bool live, const struct sample *before, struct sample *after)
{
	GString *out = g_string_new(NULL);

	top_add_rates(before, after);
	top_add_shares(after);
	if (ctl->json)
		top_json(before, after);
	else
		top_render(out, before, after);
	if (live)
		top_draw(out->str);
	else
		fputs(out->str, stdout);
	g_string_free(out, TRUE);
}

/* Waits a second; true when it is time to end. */
static bool top_wait(bool live)
{
	struct pollfd in = {.fd = live ? STDIN_FILENO : -1, .events = POLLIN};
	gint64 until = g_get_monotonic_time() + 1000000, left;
	char key = 0;

	while (!top_ended && (left = until - g_get_monotonic_time()) > 0) {
		if (poll(&in, 1, (int)(left / 1000) + 1) <= 0)
			continue;
		if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q')
			return true;
	}
	return top_ended;
}

static enum ctl_exit top_loop(struct ctl *ctl, bool live, char **why)
{
	struct sample before = {0}, after = {0};
	enum ctl_exit rc = top_sample(ctl, &before);

	while (!rc && !top_wait(live)) {
		rc = top_sample(ctl, &after);
		if (!rc)
			top_show(ctl, live, &before, &after);
		top_sample_fini(&before);
		before = after;
		after = (struct sample){0};
		if (!live)
			break; /* not a terminal: one look */
	}
	*why = g_steal_pointer(&before.why);
	top_sample_fini(&before);
	return rc;
}

static void top_catch_signals(void)
{
	struct sigaction action = {.sa_handler = top_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* The same with the terminal set up for it, and put back. */
static enum ctl_exit top_live(struct ctl *ctl, const struct termios *was, char **why)
{
	struct termios raw = *was;
	enum ctl_exit rc;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs(TOP_SCREEN, stdout);
	rc = top_loop(ctl, true, why);
	fputs(TOP_LEAVE, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, was);
	return rc;
}

enum ctl_exit ctl_top(struct ctl *ctl, char **args)
{
	bool live = !ctl->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	struct termios was;
	enum ctl_exit rc;
	char *why = NULL;

	if (*args)
		return ctl_fail(CTL_USAGE, "top takes no arguments");
	rc = ctl_find(ctl);
	if (rc)
		return rc;
	top_catch_signals();
	live = live && !tcgetattr(STDIN_FILENO, &was);
	rc = live ? top_live(ctl, &was, &why) : top_loop(ctl, false, &why);
	if (why)
		ctl_fail(rc, "%s", why);
	g_free(why);
	return rc;
}
