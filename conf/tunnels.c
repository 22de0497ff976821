/* SPDX-License-Identifier: ISC */
/*
 * Which tunnels affinity = tunnel knows, and what it has to be told of QUIC's connection ids:
 *
 *	tunnels = ike wireguard wireguard:51821 openvpn l2tp
 *	quic-lb = 2/4
 *	quic-server-id = 0a0b0c0d
 */
#include <string.h>

#include "conf/problem.h"
#include "conf/units.h"
#include "conf/values.h"

static const struct {
	const char *word;
	uint16_t port; /* 0: its ports are fixed */
} kinds[CONFIG_TUNNEL_KINDS] = {
	[CONFIG_TUNNEL_IKE] = {"ike", 0},
	[CONFIG_TUNNEL_WIREGUARD] = {"wireguard", 51820},
	[CONFIG_TUNNEL_OPENVPN] = {"openvpn", 1194},
	[CONFIG_TUNNEL_L2TP] = {"l2tp", 0},
	[CONFIG_TUNNEL_QUIC] = {"quic", 443},
	[CONFIG_TUNNEL_DTLS] = {"dtls", 443},
};

/* WORD or WORD:PORT. 0 or -1. */
static int take_tunnel(const char *item, struct config_tunnel *out)
{
	const char *colon = strchr(item, ':');
	size_t length = colon ? (size_t)(colon - item) : strlen(item);
	uint64_t port;

	for (int i = 0; i < CONFIG_TUNNEL_KINDS; i++) {
		if (strlen(kinds[i].word) != length || strncmp(kinds[i].word, item, length))
			continue;
		*out = (struct config_tunnel){(enum config_tunnel_kind)i, kinds[i].port};
		if (!colon)
			return 0;
		if (!kinds[i].port || units_number(colon + 1, &port) || !port || port > UINT16_MAX)
			return -1;
		out->port = (uint16_t)port;
		return 0;
	}
	return -1;
}

/* One protocol at a port, and one entry of each; IKE's ports are 500 and 4500, L2TP's is 1701. */
static bool is_taken(const struct config_tunnels *all, const struct config_tunnel *tunnel)
{
	for (unsigned int i = 0; i < all->count; i++) {
		uint16_t port = all->of[i].port;

		if (port == tunnel->port && (port || all->of[i].kind == tunnel->kind))
			return true;
	}
	return tunnel->port == 500 || tunnel->port == 4500 || tunnel->port == 1701;
}

static void parse_tunnels(const struct value *value)
{
	struct config_tunnels all = {0};
	char **items = value_items(value->text);
	struct config_tunnel tunnel;

	if (!*items && !value_is_none(value->text))
		value_wrong(value, "write %s, or none", value->key->example);
	for (char **item = items; *item; item++) {
		if (take_tunnel(*item, &tunnel))
			value_wrong(value, "'%.64s' is no tunnel: write ike, wireguard[:PORT], "
					   "openvpn[:PORT], l2tp, quic[:PORT] or dtls[:PORT]",
				    *item);
		else if (is_taken(&all, &tunnel))
			value_wrong(value, "'%.64s': its port is another's already", *item);
		else if (all.count == CONFIG_TUNNELS_MAX)
			value_wrong(value, "write %d tunnels or fewer", CONFIG_TUNNELS_MAX);
		else
			all.of[all.count++] = tunnel;
	}
	g_strfreev(items);
	*(struct config_tunnels *)value->field = all;
}

static void print_tunnels(const struct key *key, const void *field, GString *out)
{
	const struct config_tunnels *all = field;

	(void)key;
	for (unsigned int i = 0; i < all->count; i++) {
		const struct config_tunnel *tunnel = &all->of[i];

		g_string_append_printf(out, "%s%s", i ? " " : "", kinds[tunnel->kind].word);
		if (tunnel->port != kinds[tunnel->kind].port)
			g_string_append_printf(out, ":%u", tunnel->port);
	}
	if (!all->count)
		g_string_append(out, "none");
}

const struct value_kind value_tunnels = {parse_tunnels, print_tunnels};

static void parse_quic_lb(const struct value *value)
{
	struct config_quic_lb *quic = value->field;
	char **parts = g_strsplit(value->text, "/", 0);
	uint64_t id = 0, length = 0;

	if (value_is_none(value->text))
		*quic = (struct config_quic_lb){0, 0};
	else if (g_strv_length(parts) != 2 || units_number(parts[0], &id) ||
		 units_number(parts[1], &length) || id > 6 || length < 1 ||
		 length > CONFIG_SERVER_ID_MAX)
		value_wrong(value, "write a config id from 0 to 6 and the bytes of a server id, 1 "
				   "to %d, such as %s",
			    CONFIG_SERVER_ID_MAX, value->key->example);
	else
		*quic = (struct config_quic_lb){(uint8_t)id, (uint8_t)length};
	g_strfreev(parts);
}

static void print_quic_lb(const struct key *key, const void *field, GString *out)
{
	const struct config_quic_lb *quic = field;

	(void)key;
	if (quic->length)
		g_string_append_printf(out, "%u/%u", quic->config, quic->length);
	else
		g_string_append(out, "none");
}

const struct value_kind value_quic_lb = {parse_quic_lb, print_quic_lb};

static void parse_server_id(const struct value *value)
{
	struct config_server_id id = {0}, *field = value->field;
	size_t length = strlen(value->text);

	if (value_is_none(value->text)) {
		*field = id;
		return;
	}
	if (length % 2 || length > 2 * CONFIG_SERVER_ID_MAX ||
	    strspn(value->text, G_CSET_DIGITS "abcdefABCDEF") != length) {
		value_wrong(value, "write 1 to %d bytes in hexadecimal, such as %s",
			    CONFIG_SERVER_ID_MAX, value->key->example);
		return;
	}
	id.length = (uint8_t)(length / 2);
	for (size_t i = 0; i < id.length; i++)
		id.bytes[i] = (uint8_t)(g_ascii_xdigit_value(value->text[2 * i]) << 4 |
					g_ascii_xdigit_value(value->text[2 * i + 1]));
	*field = id;
}

static void print_server_id(const struct key *key, const void *field, GString *out)
{
	const struct config_server_id *id = field;

	(void)key;
	for (unsigned int i = 0; i < id->length; i++)
		g_string_append_printf(out, "%02x", id->bytes[i]);
	if (!id->length)
		g_string_append(out, "none");
}

const struct value_kind value_server_id = {parse_server_id, print_server_id};
