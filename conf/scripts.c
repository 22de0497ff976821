/* SPDX-License-Identifier: ISC */
/*
 * The checks of [health] that are programs. A value is a list of groups parted by commas; a group
 * is an absolute path, arguments, and last a pace and the time that each run has:
 *
 *	script = /etc/sandwich/check-wireguard wg0 5s x 3 2s
 */
#include <string.h>

#include "conf/units.h"
#include "conf/values.h"

#define SCRIPTS_MAX  64
#define MIN_INTERVAL 100 /* ms: each run is a process */
#define PACE_WORDS   4	 /* "5s x 3 2s" */

static const struct config_pace default_pace = {5000, 3};

/* "5s x 3", or that and a time behind it. */
static bool take_times(const char *text, struct config_check *check)
{
	char *last = strrchr(text, ' ');
	uint64_t ms = 0;
	char *front;
	bool ok;

	check->timeout_ms = 0;
	if (!units_pace(text, &check->pace))
		return true;
	if (!last || units_duration(last + 1, &ms) || ms > UINT32_MAX)
		return false;
	front = g_strndup(text, (gsize)(last - text));
	ok = !units_pace(front, &check->pace);
	g_free(front);
	check->timeout_ms = (unsigned int)ms;
	return ok;
}

/* How many words at the end say when it runs: the most that do, behind the path. */
static guint take_tail(char **words, guint n, struct config_check *check)
{
	for (guint tail = MIN(PACE_WORDS, n - 1); tail; tail--) {
		char *text = g_strjoinv(" ", words + n - tail);
		bool ok = take_times(text, check);

		g_free(text);
		if (ok)
			return tail;
	}
	check->pace = default_pace;
	check->timeout_ms = 0;
	return 0;
}

static bool script_ok(const struct value *value, struct config_check *check)
{
	if (*check->argv[0] != '/') {
		value_wrong(value, "'%.64s': write the program's absolute path, such as "
			    "/etc/sandwich/check 5s x 3", check->argv[0]);
		return false;
	}
	if (!value_pace_ok(value, &check->pace, MIN_INTERVAL))
		return false;
	if (!check->timeout_ms)
		check->timeout_ms = check->pace.interval_ms;
	if (check->timeout_ms >= MIN_INTERVAL / 2 && check->timeout_ms <= check->pace.interval_ms)
		return true;
	value_wrong(value, "each run's time, behind the pace, is from %dms to the interval",
		    MIN_INTERVAL / 2);
	return false;
}

static void parse_group(const struct value *value, const char *group)
{
	GPtrArray *checks = *(GPtrArray **)value->field;
	struct config_check *check;
	char **words = value_items(group);
	guint n = g_strv_length(words);

	if (!n) {
		value_wrong(value, "no program: write an absolute path, such as "
			    "/etc/sandwich/check");
		g_strfreev(words);
		return;
	}
	check = g_new0(struct config_check, 1);
	check->kind = CONFIG_DETECT_SCRIPT;
	for (guint left = n - take_tail(words, n, check); n > left; n--)
		g_clear_pointer(&words[n - 1], g_free);
	check->argv = words;
	if (script_ok(value, check)) {
		g_ptr_array_add(checks, check);
		return;
	}
	g_strfreev(check->argv);
	g_free(check);
}

static void parse_scripts(const struct value *value)
{
	char **groups = g_strsplit(value->text, ",", -1);

	if (value_is_none(value->text))
		goto out;
	if (g_strv_length(groups) > SCRIPTS_MAX)
		value_wrong(value, "write at most %d programs", SCRIPTS_MAX);
	else
		for (char **group = groups; *group; group++)
			parse_group(value, g_strstrip(*group));
out:
	g_strfreev(groups);
}

static void print_scripts(const struct key *key, const void *field, GString *out)
{
	const GPtrArray *checks = *(GPtrArray *const *)field;
	gsize begin = out->len;

	(void)key;
	for (guint i = 0; i < checks->len; i++) {
		const struct config_check *check = g_ptr_array_index(checks, i);

		if (check->kind != CONFIG_DETECT_SCRIPT)
			continue;
		g_string_append(out, out->len > begin ? ", " : "");
		for (char **word = check->argv; *word; word++)
			g_string_append_printf(out, "%s ", *word);
		units_pace_print(out, &check->pace);
		g_string_append_c(out, ' ');
		units_duration_print(out, check->timeout_ms);
	}
	if (out->len == begin)
		g_string_append(out, "off");
}

const struct value_kind value_scripts = {parse_scripts, print_scripts};
