// SPDX-License-Identifier: ISC
/* show sessions, show pins: rows out of the slot tables. */
#include <arpa/inet.h>
#include <errno.h>

#include "sandwich/control/filter.h"
#include "sandwich/control/names.h"
#include "sandwich/control/rows.h"
#include "sandwich/core/session.h"

static u32 show_zone(const struct flow *flow)
{
	return (u32)flow->zone[0] << 16 | (u32)flow->zone[1] << 8 | flow->zone[2];
}

/* One tag, or two of them: outer.inner. Nothing where frames are untagged. */
static void show_vlan(struct json *out, const struct flow *flow)
{
	u32 zone = show_zone(flow);
	char text[16];

	if (!zone)
		return;
	if (zone >> 12)
		g_snprintf(text, sizeof(text), "%u.%u", zone >> 12, zone & 0xfff);
	else
		g_snprintf(text, sizeof(text), "%u", zone);
	json_string(out, "vlan", text);
}

static void show_session(struct json *out, struct balancer *b, const struct slot *s, u32 now)
{
	const struct address *client, *server;
	be16 client_port, server_port;
	char protocol[NAMES_PROTOCOL];

	session_ends(s, &client, &server, &client_port, &server_port);
	json_begin(out, NULL, '{');
	json_string(out, "protocol", names_protocol(protocol, s->key.protocol));
	json_address(out, "client", client, 128);
	json_number(out, "client_port", ntohs(client_port));
	json_address(out, "server", server, 128);
	json_number(out, "server_port", ntohs(server_port));
	json_string(out, "device", rows_device(b, s->device));
	json_string(out, "state", names_state(s->key.protocol, session_state(s->state)));
	json_string(out, "origin", names_origin(session_origin(s->state)));
	json_seconds(out, "age", core_elapsed(now, s->created));
	json_seconds(out, "idle", core_elapsed(now, s->seen));
	json_number(out, "packets", s->packets);
	json_number(out, "bytes", slot_bytes(s));
	json_bool(out, "asymmetric", s->state & SESSION_ASYMMETRIC);
	show_vlan(out, &s->key);
	json_end(out, '{');
}

int show_sessions(struct call *call)
{
	const struct slot_rows rows = {
		.rows.more = rows_more,
		.kind = TABLE_SESSIONS,
		.match = session_filter_match,
		.write = show_session,
	};

	return rows_start(call, &rows);
}

static const char *show_pin_kind(const struct slot *pin, u8 affinity)
{
	static const char *const kinds[] = {"pair", "client", "server", "flow"};
	static const char *const tunnels[PIN_KINDS - PIN_KIND_HOST] = {
		"host", "peer", "address", "ike", "esp", "ah", "wireguard", "openvpn", "dtls",
	};
	u8 kind = pin->key.protocol;

	if (affinity != AFFINITY_FLOW && kind >= PIN_KIND_HOST && kind < PIN_KINDS)
		return tunnels[kind - PIN_KIND_HOST];
	if (kind == PIN_KIND_HOST || pin->state == PIN_HOST)
		return "host";
	return kinds[affinity & 3];
}

/* How many bytes of the outside address are an identifier; 0: it is an address. */
static u8 show_pin_bytes(const struct settings *cfg, const struct slot *pin)
{
	switch (cfg->affinity == AFFINITY_FLOW ? 0 : pin->key.protocol) {
	case PIN_KIND_IKE:
	case PIN_KIND_OPENVPN:
		return 8;
	case PIN_KIND_ESP:
	case PIN_KIND_AH:
	case PIN_KIND_WIREGUARD:
		return 4;
	case PIN_KIND_DTLS:
		return cfg->dtls_cid;
	default:
		return 0;
	}
}

/* The key of a pin: an address, or a tunnel's identifier as it lies on the wire. */
static void show_pin_key(struct json *out, const struct settings *cfg, const struct slot *pin)
{
	u8 bytes = show_pin_bytes(cfg, pin);
	const u8 *id = (const u8 *)&pin->key.outside;
	char text[2 * sizeof(struct address) + 1] = "";

	for (u8 i = 0; i < bytes && i < sizeof(struct address); i++)
		g_snprintf(text + (size_t)2 * i, 3, "%02x", id[i]);
	if (bytes)
		json_null(out, "address");
	else
		json_address(out, "address", &pin->key.outside, 128);
	if (bytes)
		json_string(out, "id", text);
	if (pin->key.protocol == PIN_KIND_PEER && cfg->affinity != AFFINITY_FLOW)
		json_number(out, "port", ntohs(pin->key.outside_port));
}

static void show_pin(struct json *out, struct balancer *b, const struct slot *pin, u32 now)
{
	const struct settings *cfg = tables_settings(&b->tables);
	const struct address none = {{0, 0}};
	char protocol[NAMES_PROTOCOL];

	json_begin(out, NULL, '{');
	json_string(out, "kind", show_pin_kind(pin, cfg->affinity));
	show_pin_key(out, cfg, pin);
	if (address_equal(&pin->key.inside, &none))
		json_null(out, "other");
	else
		json_address(out, "other", &pin->key.inside, 128);
	if (cfg->affinity == AFFINITY_FLOW && pin->key.protocol != PIN_KIND_HOST) {
		json_string(out, "protocol", names_protocol(protocol, pin->key.protocol));
		json_number(out, "port", ntohs(pin->key.outside_port));
		json_number(out, "other_port", ntohs(pin->key.inside_port));
	}
	json_string(out, "device", rows_device(b, pin->device));
	json_string(out, "origin", names_pin(pin->state));
	json_seconds(out, "age", core_elapsed(now, pin->created));
	json_seconds(out, "idle", core_elapsed(now, pin->seen));
	show_vlan(out, &pin->key);
	json_end(out, '{');
}

static bool show_pin_match(const struct session_filter *filter, const struct slot *pin)
{
	return !filter->device || pin->device == filter->device;
}

int show_pins(struct call *call)
{
	const struct slot_rows rows = {
		.rows.more = rows_more,
		.kind = TABLE_PINS,
		.match = show_pin_match,
		.write = show_pin,
	};

	for (unsigned int i = 0; i < call->count; i++)
		if (filter_is(call->args[i]) && !g_str_has_prefix(call->args[i], "device="))
			return words_fail(call, -EINVAL, "show pins knows no filter but device=");
	return rows_start(call, &rows);
}
