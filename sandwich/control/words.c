// SPDX-License-Identifier: ISC
#include "sandwich/control/words.h"

#include <errno.h>
#include <string.h>

#include "sandwich/control/control.h"
#include "sandwich/control/guess.h"
#include "sandwich/control/version.h"

#define FILTERS "[device=] [client=] [server=] [port=] [protocol=] [origin=]"

static const struct word words[] = {
	{"show devices", "", "every device: state, share, MACs, health", show_devices},
	{"show sessions", FILTERS " [limit N]", "who talks with whom through which device",
	 show_sessions},
	{"show pins", "[device=] [limit N]", "what is not where the hash would put it", show_pins},
	{"show neighbours", "", "next hops and devices: routes, MACs, who answers",
	 show_neighbours},
	{"show addresses", "", "the addresses that this balancer answers for", show_addresses},
	{"show counters", "", "everything that is counted, as one flat map", show_counters},
	{"show config", "", "the configuration in force, every default shown", show_config},
	{"show sync", "", "the other balancers: in reach, equal, what was lost and repaired",
	 show_sync},
	{"show role", "", "who is active on this side, and why", show_role},
	{"explain", "SRC DST [PROTO SPORT DPORT] [from=outside|inside]",
	 "which device carries a conversation, why, and which would be next", explain},
	{"drain", "DEVICE [--deadline TIME]",
	 "give a device nothing new; forget the rest after TIME", admin_drain},
	{"enable", "DEVICE", "end a drain, or let a disabled device carry traffic again",
	 admin_enable},
	{"disable", "DEVICE", "stop using a device at once", admin_disable},
	{"flush", FILTERS, "forget sessions, and the pins left without any", admin_flush},
	{"failover", "", "hand over to the standby, nothing being lost", sync_word_failover},
	{"resync", "", "compare all tables with the other balancers now, and repair what differs",
	 sync_word_resync},
	{"role", "active|standby", "with role = external: what the other program has decided",
	 sync_word_role},
	{"version", "", "what runs here, since when, and whether the partner is heard of",
	 words_version},
	{"help", "", "this list", words_help},
	{NULL, NULL, NULL, NULL},
};

const struct word *words_table(void)
{
	return words;
}

int words_fail(struct call *call, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_free(call->reason);
	call->reason = g_strdup_vprintf(format, args);
	va_end(args);
	return error;
}

int words_help(struct call *call)
{
	json_begin(&call->out, NULL, '[');
	for (const struct word *w = words; w->words; w++) {
		json_begin(&call->out, NULL, '{');
		json_string(&call->out, "words", w->words);
		json_string(&call->out, "arguments", w->args);
		json_string(&call->out, "text", w->text);
		json_end(&call->out, '{');
	}
	json_end(&call->out, '[');
	return 0;
}

static void words_partner(struct json *out, struct health *health)
{
	struct health_partner partner = {0};

	if (health)
		health_partner(health, &partner);
	json_begin(out, "partner", '{');
	json_bool(out, "reachable", partner.reachable);
	json_bool(out, "same_epoch", partner.same_epoch);
	json_number(out, "rtt_us", partner.rtt_us);
	json_number(out, "sent", partner.sent);
	json_number(out, "received", partner.received);
	json_number(out, "rejected", partner.rejected);
	json_end(out, '{');
}

int words_version(struct call *call)
{
	struct balancer *b = call->b;
	struct json *out = &call->out;

	json_begin(out, NULL, '{');
	json_string(out, "version", SANDWICH_VERSION);
	json_string(out, "sandwich", b->config->name);
	json_string(out, "balancer", b->self->name);
	json_string(out, "side", config_side_name(b->self->side));
	json_string(out, "mode", config_mode_name(b->config->mode));
	json_string(out, "affinity", config_affinity_name(b->config->affinity));
	json_string(out, "datapath", b->datapath);
	json_string(out, "config", b->config_path);
	json_seconds(out, "uptime", ((u64)g_get_monotonic_time() - b->started) / 1000);
	words_partner(out, b->health);
	json_end(out, '{');
	return 0;
}

/* How many of LINE's tokens the words of W are, or 0 where they differ. */
static unsigned int words_match(const struct word *w, char **line)
{
	char **parts = g_strsplit(w->words, " ", 0);
	unsigned int n = 0;

	while (parts[n] && line[n] && !strcmp(parts[n], line[n]))
		n++;
	if (parts[n])
		n = 0;
	g_strfreev(parts);
	return n;
}

static const struct word *words_find(char **line, unsigned int *used)
{
	for (const struct word *w = words; w->words; w++) {
		*used = words_match(w, line);
		if (*used)
			return w;
	}
	return NULL;
}

/* The known words most like LINE's first, g_free() them; NULL where none is near. */
static char *words_guess(char **line)
{
	unsigned int nearest = 3; /* more changes than that are no typing error */
	char *best = NULL;

	for (const struct word *w = words; w->words; w++) {
		char **known = g_strsplit(w->words, " ", 0);
		bool two = known[1] && line[1];
		char *typed = two ? g_strjoin(" ", line[0], line[1], NULL) : g_strdup(line[0]);
		const char *meant = two ? w->words : known[0];
		unsigned int distance = guess_distance(typed, meant);

		if (distance < nearest && distance * 2 <= strlen(meant)) {
			nearest = distance;
			g_free(best);
			best = g_strdup(meant);
		}
		g_free(typed);
		g_strfreev(known);
	}
	return best;
}

static int words_unknown(struct call *call)
{
	char *guess;
	int rc;

	if (!call->line[0])
		return words_fail(call, -EINVAL, "no words; help lists them");
	guess = words_guess(call->line);
	if (!strcmp(call->line[0], "show") && (!guess || !strcmp(guess, "show")))
		rc = words_fail(call, -EINVAL,
				"show what? devices, sessions, pins, neighbours, addresses, "
				"counters, config, sync, role");
	else if (guess)
		rc = words_fail(call, -EINVAL, "'%s%s%s' is not known; did you mean '%s'?",
				call->line[0], call->line[1] ? " " : "",
				call->line[1] ? call->line[1] : "", guess);
	else
		rc = words_fail(call, -EINVAL, "'%s' is not known; help lists the words",
				call->line[0]);
	g_free(guess);
	return rc;
}

/* Tokens of a line, without the empty ones; NULL when it isn't text. */
static char **words_split(const char *line, size_t length)
{
	char *text, **all, **to;

	if (length > WORDS_LINE_MAX || !g_utf8_validate(line, (gssize)length, NULL))
		return NULL;
	text = g_strndup(line, length);
	all = g_strsplit_set(text, " \t\r\n", 0);
	g_free(text);
	to = all;
	for (char **from = all; *from; from++) {
		if (**from)
			*to++ = *from;
		else
			g_free(*from);
	}
	*to = NULL;
	return all;
}

static int words_run(struct call *call, const char *line, size_t length)
{
	const struct word *word;
	unsigned int used = 0;
	int rc;

	call->line = words_split(line, length);
	if (!call->line)
		return words_fail(call, -EINVAL,
				  "a line of words is UTF-8 text of at most %d bytes",
				  WORDS_LINE_MAX);
	word = words_find(call->line, &used);
	if (!word)
		return words_unknown(call);
	call->args = call->line + used;
	call->count = g_strv_length(call->args);
	if (call->count && !*word->args)
		return words_fail(call, -EINVAL, "%s takes no arguments", word->words);
	rc = word->run(call);
	if (rc == -EINVAL && !call->reason)
		return words_fail(call, rc, "usage: %s %s", word->words, word->args);
	if (rc && !call->reason)
		return words_fail(call, rc, "%s: %s", word->words, g_strerror(-rc));
	return rc;
}

static void words_refuse(struct call *call, GString *response)
{
	struct json out = {.text = response};

	json_begin(&out, NULL, '{');
	json_string(&out, "status", call->error == -EINVAL ? "usage" : "refused");
	json_string(&out, "reason", call->reason);
	json_end(&out, '{');
	g_string_append_c(response, '\n');
}

/* What follows the result. */
static void words_close(struct call *call, GString *response)
{
	struct json out = {.text = response, .comma = true};

	if (call->rows) {
		json_number(&out, "total", call->rows->total);
		json_number(&out, "shown", call->rows->shown);
	}
	if (call->note)
		json_string(&out, "note", call->note);
	g_string_append(response, "}\n");
}

void words_begin(struct call *call, struct balancer *b, const char *line, size_t length,
		 GString *response)
{
	*call = (struct call){.b = b, .result = g_string_new(NULL)};
	call->out.text = call->result;
	call->error = words_run(call, line, length);
	if (call->error) {
		words_refuse(call, response);
		return;
	}
	g_string_append(response, "{\"status\":\"ok\",\"result\":");
	if (call->rows) {
		g_string_append_c(response, '[');
		return;
	}
	g_string_append_len(response, call->result->str, (gssize)call->result->len);
	words_close(call, response);
}

bool words_more(struct call *call, GString *response)
{
	bool more;

	if (call->error || !call->rows)
		return false;
	call->out.text = response;
	more = call->rows->more(call->rows, call->b, &call->out);
	if (!more) {
		g_string_append(response, "\n]");
		words_close(call, response);
	}
	return more;
}

void words_end(struct call *call)
{
	if (call->result)
		g_string_free(call->result, TRUE);
	g_free(call->rows);
	g_free(call->note);
	g_free(call->reason);
	g_strfreev(call->line);
}
