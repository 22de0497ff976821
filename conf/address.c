/* SPDX-License-Identifier: ISC */
/* Addresses, prefixes, endpoints and MACs: text to binary and back. */
#include "conf/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "conf/config.h"
#include "conf/units.h"

#define V4_LENGTH 96 /* bits that say "IPv4-mapped" */

static struct in6_addr map_v4(struct in_addr v4)
{
	struct in6_addr mapped = {0};

	mapped.s6_addr[10] = mapped.s6_addr[11] = 0xff;
	memcpy(&mapped.s6_addr[12], &v4, sizeof(v4));
	return mapped;
}

int address_parse(const char *text, struct in6_addr *out)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*out = map_v4(v4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1 || IN6_IS_ADDR_V4MAPPED(&v6))
		return -EINVAL;
	*out = v6;
	return 0;
}

void address_print(GString *out, const struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_V4MAPPED(address))
		inet_ntop(AF_INET, &address->s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, address, text, sizeof(text));
	g_string_append(out, text);
}

int address_prefix_parse(const char *text, struct config_address *out)
{
	char **half = g_strsplit(text, "/", 2);
	struct in6_addr address;
	unsigned int base;
	uint64_t length;
	int rc = -EINVAL;

	if (g_strv_length(half) != 2 || address_parse(half[0], &address))
		goto out;
	base = IN6_IS_ADDR_V4MAPPED(&address) ? V4_LENGTH : 0;
	if (units_number(half[1], &length) || !length || length > 128 - base)
		goto out;
	*out = (struct config_address){address, (uint8_t)(base + length)};
	rc = 0;
out:
	g_strfreev(half);
	return rc;
}

void address_prefix_print(GString *out, const struct config_address *prefix)
{
	unsigned int base = IN6_IS_ADDR_V4MAPPED(&prefix->address) ? V4_LENGTH : 0;

	address_print(out, &prefix->address);
	g_string_append_printf(out, "/%u", prefix->length - base);
}

/* Where the port of TEXT begins (behind its ':'), or NULL; cuts TEXT before it, and its brackets.
 */
static char *split_port(char **text)
{
	char *colon = strrchr(*text, ':');

	if (**text == '[') {
		char *end = strchr(*text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return NULL;
		colon = end[1] ? end + 1 : NULL;
		*end = '\0';
		(*text)++;
	} else if (!colon || colon != strchr(*text, ':')) {
		return NULL; /* none, or an IPv6 address without brackets */
	}
	if (colon)
		*colon++ = '\0';
	return colon;
}

int address_endpoint_parse(const char *text, struct in6_addr *out, uint16_t *port)
{
	char *copy = g_strdup(text), *host = copy, *port_text = split_port(&host);
	uint64_t n = *port;
	struct in6_addr address;
	int rc = -EINVAL;

	if (address_parse(host, &address))
		goto out;
	if (port_text && (units_number(port_text, &n) || !n || n > UINT16_MAX))
		goto out;
	*out = address;
	*port = (uint16_t)n;
	rc = 0;
out:
	g_free(copy);
	return rc;
}

void address_endpoint_print(GString *out, const struct in6_addr *address, uint16_t port)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(address);

	if (!v4)
		g_string_append_c(out, '[');
	address_print(out, address);
	g_string_append_printf(out, v4 ? ":%u" : "]:%u", port);
}

int address_mac_parse(const char *text, struct config_mac *out)
{
	struct config_mac mac;

	if (strlen(text) != 17)
		return -EINVAL;
	for (int i = 0; i < 6; i++, text += 3) {
		if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]))
			return -EINVAL;
		if (text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac.bytes[i] = (uint8_t)(g_ascii_xdigit_value(text[0]) << 4 |
					 g_ascii_xdigit_value(text[1]));
	}
	*out = mac;
	return 0;
}

void address_mac_print(GString *out, const struct config_mac *mac)
{
	const uint8_t *b = mac->bytes;

	g_string_append_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
			       b[5]);
}

bool address_is_host(const struct in6_addr *address)
{
	const uint8_t *b = address->s6_addr;

	if (!IN6_IS_ADDR_V4MAPPED(address))
		return !IN6_IS_ADDR_UNSPECIFIED(address) && !IN6_IS_ADDR_LOOPBACK(address) &&
		       !IN6_IS_ADDR_MULTICAST(address);
	/* 0/8 is "this network", 127/8 loopback, 224/4 multicast, then broadcast. */
	return b[12] && b[12] != 127 && (b[12] & 0xf0) != 0xe0 &&
	       (b[12] & b[13] & b[14] & b[15]) != 0xff;
}

bool address_same_net(const struct in6_addr *a, const struct in6_addr *b, unsigned int length)
{
	unsigned int bytes = length / 8, bits = length % 8;

	if (memcmp(a, b, bytes))
		return false;
	return !bits || !((a->s6_addr[bytes] ^ b->s6_addr[bytes]) >> (8 - bits));
}

void address_network(struct config_address *prefix)
{
	for (unsigned int bit = prefix->length; bit < 128; bit++)
		prefix->address.s6_addr[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
}
