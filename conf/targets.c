/* SPDX-License-Identifier: ISC */
/*
 * The active checks of [health]. A value is a list of groups parted by commas; a group is one or
 * more targets and, last, the pace they are asked at:
 *
 *	tcp = 10.1.0.11:500 10.1.0.12:500 200ms x 3, 22
 */
#include <string.h>

#include "conf/address.h"
#include "conf/units.h"
#include "conf/values.h"

#define CHECKS_MAX 1024
#define IKE_PORT   500 /* RFC 7296 2 */

static bool is_each(const struct config_check *check)
{
	return IN6_IS_ADDR_UNSPECIFIED(&check->address);
}

/* "on", or an address */
static bool take_host(const char *text, struct config_check *check)
{
	bool on;

	if (!units_bool(text, &on))
		return on;
	return !address_parse(text, &check->address) && address_is_host(&check->address);
}

/* "22" or ":22" for that port of every device, or ADDRESS:PORT */
static bool take_service(const char *text, struct config_check *check)
{
	uint64_t n;

	if (!units_number(text + (*text == ':'), &n)) {
		check->port = (uint16_t)n;
		return n && n <= UINT16_MAX;
	}
	return !address_endpoint_parse(text, &check->address, &check->port) && check->port &&
	       address_is_host(&check->address);
}

/* "on", an address, or as take_service() */
static bool take_gateway(const char *text, struct config_check *check)
{
	bool ok = take_host(text, check);

	if (ok)
		check->port = IKE_PORT;
	return ok || take_service(text, check);
}

/* ":80/health" for every device, or http://ADDRESS[:PORT]/PATH */
static bool take_url(const char *text, struct config_check *check)
{
	bool full = g_str_has_prefix(text, "http://");
	const char *host = full ? text + strlen("http://") : text;
	const char *path = strchr(host, '/');
	char *service;
	bool ok;

	if (!path || (!full && *host != ':') || (full && *host == ':'))
		return false;
	service = g_strndup(host, (gsize)(path - host));
	check->port = full ? 80 : 0;
	ok = full ? !address_endpoint_parse(service, &check->address, &check->port) &&
			     address_is_host(&check->address)
		  : take_service(service, check);
	g_free(service);
	if (ok)
		check->url_path = g_strdup(path);
	return ok;
}

/* What is quicker than 10 ms is the path heartbeat's job; a gateway pays for what IKE asks. */
static const struct {
	bool (*take)(const char *text, struct config_check *check);
	const char *advice;
	struct config_pace pace; /* the default */
	unsigned int min;	 /* ms between questions */
} targets[CONFIG_DETECTORS] = {
	[CONFIG_DETECT_ARP] = {take_host, "write on, or an address", {1000, 3}, 10},
	[CONFIG_DETECT_ICMP] = {take_host, "write on, or an address", {1000, 3}, 10},
	[CONFIG_DETECT_TCP] = {take_service, "write a port such as 22, or 10.1.0.11:22",
			       {1000, 3}, 10},
	[CONFIG_DETECT_HTTP] = {take_url, "write :80/health, or http://10.1.0.11:80/health",
				{1000, 3}, 10},
	[CONFIG_DETECT_IKE] = {take_gateway, "write on, a port such as 4500, or 10.1.0.11:500",
			       {2000, 3}, 100},
};

/* Does a pace begin with this word: digits, then a unit? */
static bool is_interval(const char *word)
{
	return g_ascii_isdigit(*word) && strpbrk(word, "msmhdx") && !strpbrk(word, ".:/");
}

static void add_target(const struct value *value, const char *word, const struct config_pace *pace)
{
	GPtrArray *checks = *(GPtrArray **)value->field;
	struct config_check *check = g_new0(struct config_check, 1);

	check->kind = (enum config_detector)value->key->min;
	check->pace = *pace;
	if (targets[check->kind].take(word, check)) {
		g_ptr_array_add(checks, check);
		return;
	}
	value_wrong(value, "'%.64s': %s", word, targets[check->kind].advice);
	g_free(check);
}

/* The pace from WORDS on; complains when it is none. */
static bool take_pace(const struct value *value, char **words, struct config_pace *pace)
{
	char *text = g_strjoinv(" ", words);
	bool ok = !units_pace(text, pace);

	if (!ok)
		value_wrong(value, "'%.64s': write an interval and a count, such as 1s x 3, last",
			    text);
	g_free(text);
	return ok && value_pace_ok(value, pace, targets[value->key->min].min);
}

static void parse_group(const struct value *value, const char *group)
{
	struct config_pace pace = targets[value->key->min].pace;
	char **words = value_items(group);
	guint n = 0;

	while (words[n] && !is_interval(words[n]))
		n++;
	if (!n)
		value_wrong(value, "no target: %s", targets[value->key->min].advice);
	else if (!words[n] || take_pace(value, words + n, &pace))
		for (guint i = 0; i < n; i++)
			add_target(value, words[i], &pace);
	g_strfreev(words);
}

static void parse_checks(const struct value *value)
{
	const GPtrArray *checks = *(GPtrArray *const *)value->field;
	char **groups = g_strsplit(value->text, ",", -1);

	if (!value_is_none(value->text))
		for (char **group = groups; *group && checks->len < CHECKS_MAX; group++)
			parse_group(value, g_strstrip(*group));
	if (checks->len >= CHECKS_MAX)
		value_wrong(value, "write fewer than %d checks", CHECKS_MAX);
	g_strfreev(groups);
}

static void print_target(const struct config_check *check, GString *out)
{
	bool http = check->kind == CONFIG_DETECT_HTTP;

	if (is_each(check) && check->port)
		g_string_append_printf(out, http ? ":%u" : "%u", check->port);
	else if (is_each(check))
		g_string_append(out, "on");
	else if (!check->port)
		address_print(out, &check->address);
	else {
		g_string_append(out, http ? "http://" : "");
		address_endpoint_print(out, &check->address, check->port);
	}
	g_string_append(out, check->url_path ? check->url_path : "");
}

static void print_checks(const struct key *key, const void *field, GString *out)
{
	const GPtrArray *checks = *(GPtrArray *const *)field;
	gsize begin = out->len;

	for (guint i = 0; i < checks->len; i++) {
		const struct config_check *check = g_ptr_array_index(checks, i);

		if (check->kind != key->min)
			continue;
		if (out->len > begin)
			g_string_append(out, ", ");
		print_target(check, out);
		g_string_append_c(out, ' ');
		units_pace_print(out, &check->pace);
	}
	if (out->len == begin)
		g_string_append(out, "off");
}

const struct value_kind value_checks = {parse_checks, print_checks};
