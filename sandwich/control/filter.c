// SPDX-License-Identifier: ISC
#include "sandwich/control/filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sandwich/control/names.h"
#include "sandwich/core/route.h"
#include "sandwich/core/session.h"

#define FILTER_VALUE_MAX 128

void session_ends(const struct slot *s, const struct address **client,
		  const struct address **server, be16 *client_port, be16 *server_port)
{
	bool inside = s->state & SESSION_FROM_INSIDE;

	*client = inside ? &s->key.inside : &s->key.outside;
	*server = inside ? &s->key.outside : &s->key.inside;
	*client_port = inside ? s->key.inside_port : s->key.outside_port;
	*server_port = inside ? s->key.outside_port : s->key.inside_port;
}

static bool filter_in(const struct address *a, const struct address *prefix, u8 length)
{
	struct address masked = *a, wanted = *prefix;

	route_mask(&masked, length);
	route_mask(&wanted, length);
	return address_equal(&masked, &wanted);
}

bool session_filter_match(const struct session_filter *filter, const struct slot *session)
{
	const struct address *client, *server;
	be16 client_port, server_port, port = htons(filter->port);

	session_ends(session, &client, &server, &client_port, &server_port);
	if (filter->device && session->device != filter->device)
		return false;
	if (filter->by_protocol && session->key.protocol != filter->protocol)
		return false;
	if (filter->by_origin && session_origin(session->state) != filter->origin)
		return false;
	if (filter->port && client_port != port && server_port != port)
		return false;
	if (filter->by_client && !filter_in(client, &filter->client, filter->client_length))
		return false;
	return !filter->by_server || filter_in(server, &filter->server, filter->server_length);
}

/* A decimal number up to MAX and nothing else. 0 or -EINVAL. */
static int filter_number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (!g_ascii_isdigit(*text))
		return -EINVAL;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno || *end || *out > max ? -EINVAL : 0;
}

/* Reads the address itself into OUT and how long a prefix of it may be into *MAX. */
static int filter_host(const char *text, struct address *out, unsigned long *max)
{
	u8 bytes[16];
	be32 v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		address_from_v4(out, v4);
		*max = 32;
		return 0;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return -EINVAL;
	memcpy(out, bytes, sizeof(*out));
	*max = 128;
	return 0;
}

int filter_parse_address(const char *text, struct address *out, u8 *length)
{
	unsigned long max, bits;
	char host[FILTER_VALUE_MAX];
	char *slash;

	if (g_strlcpy(host, text, sizeof(host)) >= sizeof(host))
		return -EINVAL;
	slash = length ? strchr(host, '/') : NULL;
	if (slash)
		*slash = '\0';
	if (filter_host(host, out, &max))
		return -EINVAL;
	bits = max;
	if (slash && filter_number(slash + 1, max, &bits))
		return -EINVAL;
	if (length)
		*length = (u8)(128 - max + bits);
	return 0;
}

/* One parser for each key; they say what they want instead of VALUE. */
static int filter_device(struct session_filter *filter, struct farm *farm, const char *value)
{
	const struct farm_device *d = farm_find_name(farm, value);

	if (!d)
		return -ENOENT;
	filter->device = d->id;
	return 0;
}

static int filter_client(struct session_filter *filter, struct farm *farm, const char *value)
{
	(void)farm;
	filter->by_client = true;
	return filter_parse_address(value, &filter->client, &filter->client_length);
}

static int filter_server(struct session_filter *filter, struct farm *farm, const char *value)
{
	(void)farm;
	filter->by_server = true;
	return filter_parse_address(value, &filter->server, &filter->server_length);
}

static int filter_port(struct session_filter *filter, struct farm *farm, const char *value)
{
	unsigned long port;

	(void)farm;
	if (filter_number(value, 65535, &port) || !port)
		return -EINVAL;
	filter->port = (u16)port;
	return 0;
}

static int filter_protocol(struct session_filter *filter, struct farm *farm, const char *value)
{
	(void)farm;
	filter->by_protocol = true;
	return names_parse_protocol(value, &filter->protocol);
}

static int filter_origin(struct session_filter *filter, struct farm *farm, const char *value)
{
	(void)farm;
	filter->by_origin = true;
	return names_parse_origin(value, &filter->origin);
}

static const struct {
	const char *key; /* with its '=' */
	const char *wants;
	int (*parse)(struct session_filter *filter, struct farm *farm, const char *value);
} filters[] = {
	{"device=", "the name of a device", filter_device},
	{"client=", "an address or a prefix", filter_client},
	{"server=", "an address or a prefix", filter_server},
	{"port=", "1 to 65535", filter_port},
	{"protocol=", "tcp, udp, icmp, icmpv6, esp, gre, ... or a number", filter_protocol},
	{"origin=", "hash, learned, synced, pinned or expected", filter_origin},
};

bool filter_is(const char *text)
{
	return strchr(text, '=') != NULL;
}

int filter_parse(struct session_filter *filter, struct farm *farm, const char *text, char **why)
{
	int rc;

	for (gsize i = 0; i < G_N_ELEMENTS(filters); i++) {
		if (!g_str_has_prefix(text, filters[i].key))
			continue;
		rc = filters[i].parse(filter, farm, text + strlen(filters[i].key));
		if (rc == -ENOENT)
			*why = g_strdup_printf("no device is called '%s'; see show devices",
					       text + strlen(filters[i].key));
		else if (rc)
			*why = g_strdup_printf("'%s': %.*s is %s", text,
					       (int)strlen(filters[i].key) - 1, filters[i].key,
					       filters[i].wants);
		return rc;
	}
	*why = g_strdup_printf("'%s' is no filter: device= client= server= port= protocol= origin=",
			       text);
	return -EINVAL;
}
