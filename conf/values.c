/* SPDX-License-Identifier: ISC */
/* Single values: words, numbers with units, names, paths. */
#include "conf/values.h"

#include <string.h>

#include "conf/problem.h"
#include "conf/units.h"

#define ECHO_MAX 64 /* characters of a value that a diagnostic repeats */

void value_wrong(const struct value *value, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	problem_add(value->problems, value->line, "%s = %.*s: %s", value->key->name, ECHO_MAX,
		    value->text, text);
	g_free(text);
}

bool value_is_none(const char *text)
{
	return !strcmp(text, "none") || !strcmp(text, "off");
}

static void set_string(const struct value *value, const char *text)
{
	char **field = value->field;

	g_free(*field);
	*field = g_strdup(text);
}

static void print_string(const struct key *key, const void *field, GString *out)
{
	const char *text = *(char *const *)field;

	(void)key;
	g_string_append(out, text ? text : "none");
}

static void parse_name(const struct value *value)
{
	if (keys_is_name(value->text))
		set_string(value, value->text);
	else
		value_wrong(value, "write 1 to 63 letters, digits, '-', '_' or '.', a letter or "
				   "digit first");
}

const struct value_kind value_name = {parse_name, print_string};

static void parse_file(const struct value *value)
{
	if (value_is_none(value->text))
		set_string(value, NULL);
	else if (*value->text == '/')
		set_string(value, value->text);
	else
		value_wrong(value, "write the whole path, such as %s", value->key->example);
}

const struct value_kind value_file = {parse_file, print_string};

static void parse_word(const struct value *value)
{
	const char *const *words = value->key->words;
	char *list;

	for (unsigned int i = 0; words[i]; i++) {
		if (strcmp(words[i], value->text))
			continue;
		*(unsigned int *)value->field = i;
		return;
	}
	list = g_strjoinv(" or ", (char **)(guintptr)words);
	value_wrong(value, "write %s", list);
	g_free(list);
}

static void print_word(const struct key *key, const void *field, GString *out)
{
	g_string_append(out, key->words[*(const unsigned int *)field]);
}

const struct value_kind value_word = {parse_word, print_word};

static void parse_bool(const struct value *value)
{
	if (units_bool(value->text, value->field))
		value_wrong(value, "write on or off");
}

static void print_bool(const struct key *key, const void *field, GString *out)
{
	(void)key;
	g_string_append(out, *(const bool *)field ? "on" : "off");
}

const struct value_kind value_bool = {parse_bool, print_bool};

static void parse_disabled(const struct value *value)
{
	bool disabled = !strcmp(value->text, "disabled");

	if (disabled || !strcmp(value->text, "enabled"))
		*(bool *)value->field = disabled;
	else
		value_wrong(value, "write enabled or disabled");
}

static void print_disabled(const struct key *key, const void *field, GString *out)
{
	(void)key;
	g_string_append(out, *(const bool *)field ? "disabled" : "enabled");
}

const struct value_kind value_disabled = {parse_disabled, print_disabled};

static void parse_number(const struct value *value)
{
	const struct key *key = value->key;
	uint64_t n;

	if (!units_number(value->text, &n) && n >= key->min && n <= key->max)
		*(unsigned int *)value->field = (unsigned int)n;
	else
		value_wrong(value, "write a number from %u to %u", (unsigned int)key->min,
			    (unsigned int)key->max);
}

static void print_number(const struct key *key, const void *field, GString *out)
{
	(void)key;
	g_string_append_printf(out, "%u", *(const unsigned int *)field);
}

const struct value_kind value_number = {parse_number, print_number};

/* A count in the key's range; complains otherwise. */
static bool take_count(const struct value *value, uint64_t *n)
{
	const struct key *key = value->key;
	GString *range;

	if (!units_count(value->text, n) && *n >= key->min && *n <= key->max)
		return true;
	range = g_string_new("write a number from ");
	units_count_print(range, key->min);
	g_string_append(range, " to ");
	units_count_print(range, key->max);
	value_wrong(value, "%s", range->str);
	g_string_free(range, TRUE);
	return false;
}

static void parse_count(const struct value *value)
{
	uint64_t n = 0;

	if (value_is_none(value->text) || !strcmp(value->text, "0") || take_count(value, &n))
		*(unsigned int *)value->field = (unsigned int)n;
}

static void print_count(const struct key *key, const void *field, GString *out)
{
	unsigned int n = *(const unsigned int *)field;

	(void)key;
	if (n)
		units_count_print(out, n);
	else
		g_string_append(out, "none");
}

const struct value_kind value_count = {parse_count, print_count};

static void parse_slots(const struct value *value)
{
	unsigned int slots = 1;
	uint64_t n;

	if (!take_count(value, &n))
		return;
	while (slots < n)
		slots <<= 1;
	*(unsigned int *)value->field = slots;
}

const struct value_kind value_slots = {parse_slots, print_count};

static void parse_seconds(const struct value *value)
{
	uint64_t ms, n;

	if (!units_number(value->text, &n))
		value_wrong(value, "no unit: write %.20ss, or use m, h or d", value->text);
	else if (units_duration(value->text, &ms))
		value_wrong(value, "write a duration such as 30s, 5m, 2h or 5d");
	else if (ms % 1000 || ms / 1000 < value->key->min || ms / 1000 > value->key->max)
		value_wrong(value, "write whole seconds, from %us to %s",
			    (unsigned int)value->key->min,
			    value->key->max == 3600 ? "1h" : "365d");
	else
		*(unsigned int *)value->field = (unsigned int)(ms / 1000);
}

static void print_seconds(const struct key *key, const void *field, GString *out)
{
	(void)key;
	units_duration_print(out, *(const unsigned int *)field * UINT64_C(1000));
}

const struct value_kind value_seconds = {parse_seconds, print_seconds};

bool value_pace_ok(const struct value *value, const struct config_pace *pace, guint64 min)
{
	if (pace->interval_ms < min || pace->interval_ms > 3600000)
		value_wrong(value, "write an interval from %ums to 1h", (unsigned int)min);
	else if (pace->count < 1 || pace->count > 100)
		value_wrong(value, "write a count from 1 to 100 behind the x");
	else
		return true;
	return false;
}

static void parse_pace(const struct value *value)
{
	struct config_pace pace = {0};

	if (value_is_none(value->text))
		*(struct config_pace *)value->field = pace;
	else if (units_pace(value->text, &pace))
		value_wrong(value, "write an interval and a count, such as 20ms x 3, or off");
	else if (value_pace_ok(value, &pace, value->key->min))
		*(struct config_pace *)value->field = pace;
}

static void print_pace(const struct key *key, const void *field, GString *out)
{
	const struct config_pace *pace = field;

	(void)key;
	if (pace->count)
		units_pace_print(out, pace);
	else
		g_string_append(out, "off");
}

const struct value_kind value_pace = {parse_pace, print_pace};

static void parse_port(const struct value *value)
{
	uint64_t n;

	if (!units_number(value->text, &n) && n && n <= UINT16_MAX)
		*(uint16_t *)value->field = (uint16_t)n;
	else
		value_wrong(value, "write a port from 1 to 65535");
}

static void print_port(const struct key *key, const void *field, GString *out)
{
	(void)key;
	g_string_append_printf(out, "%u", *(const uint16_t *)field);
}

const struct value_kind value_port = {parse_port, print_port};

static void parse_vlan(const struct value *value)
{
	int *vlan = value->field;
	uint64_t n;

	if (!strcmp(value->text, "keep"))
		*vlan = -1;
	else if (value_is_none(value->text))
		*vlan = 0;
	else if (!units_number(value->text, &n) && n >= 1 && n <= 4094)
		*vlan = (int)n;
	else
		value_wrong(value, "write a VLAN from 1 to 4094, none (untagged) or keep (as "
				   "frames come)");
}

static void print_vlan(const struct key *key, const void *field, GString *out)
{
	int vlan = *(const int *)field;

	(void)key;
	if (vlan > 0)
		g_string_append_printf(out, "%d", vlan);
	else
		g_string_append(out, vlan ? "keep" : "none");
}

const struct value_kind value_vlan = {parse_vlan, print_vlan};

static void parse_always(const struct value *value)
{
	bool on;

	if (units_bool(value->text, &on) || !on)
		value_wrong(value, "write on, or leave it out: carrier is always watched");
}

static void print_always(const struct key *key, const void *field, GString *out)
{
	(void)key, (void)field;
	g_string_append(out, "on");
}

const struct value_kind value_always = {parse_always, print_always};
