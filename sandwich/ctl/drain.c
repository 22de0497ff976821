// SPDX-License-Identifier: ISC
/* drain DEVICE --wait: asks every second until the device is empty. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandwich/ctl/answer.h"
#include "sandwich/ctl/human.h"

/* One device's row of show devices, or NULL; a reference to it. */
static JsonObject *drain_row(struct ctl *ctl, const char *device, enum ctl_exit *rc)
{
	struct answer answer;
	JsonObject *found = NULL;
	JsonArray *rows;

	*rc = answer_ask(ctl, "show devices", &answer);
	rows = !*rc && JSON_NODE_HOLDS_ARRAY(answer.result) ? json_node_get_array(answer.result)
							    : NULL;
	for (guint i = 0; rows && !found && i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);

		if (!strcmp(human_string(row, "name"), device))
			found = json_object_ref(row);
	}
	answer_fini(&answer);
	if (!*rc && !found)
		*rc = ctl_fail(CTL_REFUSED, "%s is no longer in the configuration", device);
	return found;
}

static void drain_progress(JsonObject *row)
{
	JsonObject *drain = human_object(row, "drain");
	gint64 clients = drain ? human_number(drain, "clients") : 0;
	GString *line = g_string_new(NULL);
	bool live = isatty(STDOUT_FILENO);

	g_string_append_printf(line, "%s: %" G_GINT64_FORMAT " sessions",
			       human_string(row, "name"), human_number(row, "sessions"));
	if (clients)
		g_string_append_printf(line, " and %" G_GINT64_FORMAT " clients", clients);
	g_string_append(line, " left");
	if (drain && human_has(drain, "eta")) {
		g_string_append(line, ", about ");
		human_time(line, human_double(drain, "eta"));
	}
	printf(live ? "\r%-60s" : "%s\n", line->str);
	fflush(stdout);
	g_string_free(line, TRUE);
}

/* True while there is something to wait for; *RC is what came of it otherwise. */
static bool drain_goes_on(struct ctl *ctl, const char *device, enum ctl_exit *rc)
{
	JsonObject *row = drain_row(ctl, device, rc), *drain;
	const char *state;
	bool goes_on;

	if (!row)
		return false;
	state = human_string(row, "state");
	if (!ctl->json)
		drain_progress(row);
	/* It is still up until what is on it has been pinned; one that fails meanwhile is done
	 * with. */
	drain = human_object(row, "drain");
	goes_on = !strcmp(state, "up") ||
		  (!strcmp(state, "draining") && drain && human_number(drain, "left"));
	if (!strcmp(human_string(row, "admin"), "enabled")) {
		*rc = ctl_fail(CTL_REFUSED, "%s is not to be drained any more: somebody enabled it",
			       device);
		goes_on = false;
	}
	json_object_unref(row);
	return goes_on;
}

static enum ctl_exit drain_wait(struct ctl *ctl, const char *device)
{
	enum ctl_exit rc = CTL_DONE;

	while (drain_goes_on(ctl, device, &rc))
		sleep(1);
	if (!ctl->json && isatty(STDOUT_FILENO))
		putchar('\n');
	if (rc)
		return rc;
	printf(ctl->json ? "{\"device\": \"%s\", \"left\": 0}\n" : "%s is empty\n", device);
	return CTL_DONE;
}

/* Takes --wait out of ARGS. */
static bool drain_take_wait(char **args)
{
	bool wait = false;
	char **to = args;

	for (char **from = args; *from; from++) {
		if (!strcmp(*from, "--wait"))
			wait = true;
		else
			*to++ = *from;
	}
	*to = NULL;
	return wait;
}

enum ctl_exit ctl_drain(struct ctl *ctl, char **args)
{
	bool wait = drain_take_wait(args);
	struct answer answer;
	enum ctl_exit rc;
	char *line, *why;

	args--; /* the word itself stands before them */
	if (!wait)
		return ctl_ask(ctl, args);
	rc = ctl_find(ctl);
	if (rc)
		return rc;
	line = g_strjoinv(" ", args);
	rc = answer_try(ctl, line, &answer, &why);
	answer_fini(&answer);
	/* Draining already is no reason not to wait for it. */
	if (rc && !(why && strstr(why, "already")))
		ctl_fail(rc, "%s", why ? why : "refused");
	else
		rc = drain_wait(ctl, args[1]);
	g_free(line);
	g_free(why);
	return rc;
}
