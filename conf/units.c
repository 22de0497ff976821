/* SPDX-License-Identifier: ISC */
/* Numbers with units: each unit table serves parser and printer alike. */
#include "conf/units.h"

#include <errno.h>
#include <string.h>

#include "conf/config.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first, so that the printer takes the first that divides. */
static const struct unit counts[] = {
	{"G", 1 << 30}, {"M", 1 << 20}, {"k", 1 << 10}, {"", 1}, {NULL, 0},
};

static const struct unit durations[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};

/* Read digits from *TEXT and move it behind them. */
static int take_number(const char **text, uint64_t *out)
{
	uint64_t n = 0;

	if (!g_ascii_isdigit(**text))
		return -EINVAL;
	for (; g_ascii_isdigit(**text); (*text)++) {
		if (n > (UINT64_MAX - 9) / 10)
			return -ERANGE;
		n = n * 10 + (uint64_t)(**text - '0');
	}
	*out = n;
	return 0;
}

static int take_unit(const char *text, const struct unit *units, uint64_t *out)
{
	uint64_t n;
	int rc = take_number(&text, &n);

	if (rc)
		return rc;
	for (; units->name; units++) {
		if (strcmp(text, units->name))
			continue;
		if (n > UINT64_MAX / units->factor)
			return -ERANGE;
		*out = n * units->factor;
		return 0;
	}
	return -EINVAL;
}

static void print_unit(GString *out, const struct unit *units, uint64_t value)
{
	while (units[1].name && (!value || value % units->factor))
		units++;
	g_string_append_printf(out, "%" G_GUINT64_FORMAT "%s", value / units->factor, units->name);
}

int units_number(const char *text, uint64_t *out)
{
	uint64_t n;
	int rc = take_number(&text, &n);

	if (rc)
		return rc;
	if (*text)
		return -EINVAL;
	*out = n;
	return 0;
}

int units_count(const char *text, uint64_t *out)
{
	return take_unit(text, counts, out);
}

void units_count_print(GString *out, uint64_t count)
{
	print_unit(out, counts, count);
}

int units_duration(const char *text, uint64_t *ms)
{
	return take_unit(text, durations, ms);
}

void units_duration_print(GString *out, uint64_t ms)
{
	if (!ms)
		g_string_append(out, "0s");
	else
		print_unit(out, durations, ms);
}

int units_pace(const char *text, struct config_pace *out)
{
	char **half = g_strsplit(text, "x", 2);
	uint64_t ms, count;
	int rc = -EINVAL;

	if (g_strv_length(half) != 2)
		goto out;
	rc = units_duration(g_strstrip(half[0]), &ms);
	if (!rc)
		rc = units_number(g_strstrip(half[1]), &count);
	if (!rc && (ms > UINT32_MAX || count > UINT32_MAX))
		rc = -ERANGE;
	if (!rc)
		*out = (struct config_pace){(unsigned int)ms, (unsigned int)count};
out:
	g_strfreev(half);
	return rc;
}

void units_pace_print(GString *out, const struct config_pace *pace)
{
	units_duration_print(out, pace->interval_ms);
	g_string_append_printf(out, " x %u", pace->count);
}

int units_bool(const char *text, bool *out)
{
	static const char *const on[] = {"on", "yes", "true", NULL};
	static const char *const off[] = {"off", "no", "false", NULL};

	if (!g_strv_contains(on, text) && !g_strv_contains(off, text))
		return -EINVAL;
	*out = g_strv_contains(on, text);
	return 0;
}
