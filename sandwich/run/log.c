// SPDX-License-Identifier: ISC
#include "sandwich/run/run.h"

#include <stdio.h>
#include <stdlib.h>

static int run_log_priority(GLogLevelFlags level)
{
	if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
		return 3;
	if (level & G_LOG_LEVEL_WARNING)
		return 4;
	return level & G_LOG_LEVEL_MESSAGE ? 5 : level & G_LOG_LEVEL_INFO ? 6 : 7;
}

static const char *run_log_text(const GLogField *fields, gsize n)
{
	for (gsize i = 0; i < n; i++)
		if (!g_strcmp0(fields[i].key, "MESSAGE"))
			return fields[i].value;
	return "";
}

static GLogWriterOutput run_log_write(GLogLevelFlags level, const GLogField *fields, gsize n,
				      gpointer user)
{
	const char *text = run_log_text(fields, n);
	int priority = run_log_priority(level);
	GDateTime *now;
	char *time;

	(void)user;
	if (priority > 5 && !getenv("G_MESSAGES_DEBUG"))
		return G_LOG_WRITER_HANDLED;
	if (getenv("JOURNAL_STREAM")) {
		fprintf(stderr, "<%d>%s\n", priority, text);
		return G_LOG_WRITER_HANDLED;
	}
	now = g_date_time_new_now_local();
	time = g_date_time_format(now, "%H:%M:%S");
	fprintf(stderr, "%s.%03d %s%s\n", time, g_date_time_get_microsecond(now) / 1000,
		priority <= 4 ? "warning: " : "", text);
	g_free(time);
	g_date_time_unref(now);
	return G_LOG_WRITER_HANDLED;
}

void run_log_init(void)
{
	g_log_set_writer_func(run_log_write, NULL, NULL);
}
