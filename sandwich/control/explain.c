// SPDX-License-Identifier: ISC
/*
 * explain: the engine's own placement, asked without a frame.
 *
 * SRC and DST are as their initiator writes them. Which of them is outside is known from a recorded
 * session; else from the addresses of the two uplinks in the configuration; else from a binding
 * that only one way round has; else SRC is outside. from=outside|inside has the last word.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "conf/units.h"
#include "sandwich/control/filter.h"
#include "sandwich/control/names.h"
#include "sandwich/control/rows.h"
#include "sandwich/control/sides.h"
#include "sandwich/core/decide.h"
#include "sandwich/run/settings.h"

enum explain_from { FROM_UNKNOWN, FROM_OUTSIDE, FROM_INSIDE };

struct question {
	struct address src, dst;
	be16 sport, dport;
	u8 protocol;
	bool by_flow; /* protocol and ports were given */
	bool no_id;   /* but for an echo's id, without which no session can be found */
	enum explain_from from;
};

enum explain_fate { FATE_FORWARD, FATE_RESET, FATE_DROP };

struct verdict {
	struct flow flow;
	struct flow key; /* of the affinity */
	struct placement place;
	struct slot *session; /* NULL: none recorded, or no ports given */
	struct slot *pin;
	bool unlearned; /* vpn mode, egress: whatever device brings it */
	bool one_side;	/* both ends are on one uplink: it does not cross the farm */
	enum config_side_id side; /* which one */
	enum explain_fate fate;	  /* of a frame of this conversation */
};

static bool explain_has_ports(u8 protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP ||
	       protocol == PROTOCOL_DCCP || protocol == PROTOCOL_UDPLITE;
}

static bool explain_has_id(u8 protocol)
{
	return protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6;
}

static int explain_port(struct call *call, const char *text, be16 *out)
{
	uint64_t port;

	if (units_number(text, &port) || port > 65535)
		return words_fail(call, -EINVAL, "'%s' is no port: 0 to 65535", text);
	*out = htons((u16)port);
	return 0;
}

/* The N arguments behind the addresses: PROTO [ID] or PROTO SPORT DPORT. */
static int explain_protocol(struct call *call, struct question *q, unsigned int n)
{
	char **args = call->args + 2;
	int rc;

	if (names_parse_protocol(args[0], &q->protocol))
		return words_fail(call, -EINVAL,
				  "'%s' is no protocol: tcp, udp, icmp, esp, ... or a number",
				  args[0]);
	q->by_flow = true;
	q->no_id = n == 1 && explain_has_id(q->protocol);
	if (explain_has_ports(q->protocol) && n != 3)
		return words_fail(call, -EINVAL, "%s needs both ports: SRC DST %s SPORT DPORT",
				  args[0], args[0]);
	if (n == 1)
		return 0;
	rc = explain_port(call, args[1], &q->sport);
	if (!rc && n == 3)
		rc = explain_port(call, args[2], &q->dport);
	if (n == 2 || explain_has_id(q->protocol))
		q->dport = q->sport; /* an echo's id stands on both sides */
	return rc;
}

/* Takes from=... off the end of the arguments. */
static int explain_from(struct call *call, struct question *q, unsigned int *n)
{
	const char *last = *n ? call->args[*n - 1] : "";

	if (!g_str_has_prefix(last, "from="))
		return 0;
	--*n;
	if (!strcmp(last, "from=outside"))
		q->from = FROM_OUTSIDE;
	else if (!strcmp(last, "from=inside"))
		q->from = FROM_INSIDE;
	else
		return words_fail(call, -EINVAL, "'%s': from is outside or inside", last);
	return 0;
}

static int explain_read(struct call *call, struct question *q)
{
	unsigned int n = call->count;
	int rc = explain_from(call, q, &n);

	if (rc)
		return rc;
	if (n < 2 || n > 5)
		return -EINVAL;
	for (int i = 0; i < 2; i++)
		if (filter_parse_address(call->args[i], i ? &q->dst : &q->src, NULL))
			return words_fail(call, -EINVAL, "'%s' is no address", call->args[i]);
	if (address_is_v4(&q->src) != address_is_v4(&q->dst))
		return words_fail(call, -EINVAL, "one address is IPv4, the other IPv6");
	if (n > 2)
		rc = explain_protocol(call, q, n - 2);
	if (!rc && !q->by_flow && call->b->config->affinity == CONFIG_AFFINITY_FLOW)
		return words_fail(call, -EINVAL,
				  "with affinity = flow the ports decide: give PROTO SPORT DPORT");
	if (!rc && q->no_id && call->b->config->affinity == CONFIG_AFFINITY_FLOW)
		return words_fail(call, -EINVAL,
				  "with affinity = flow an echo's id decides: give PROTO ID");
	return rc;
}

static void explain_flow(const struct question *q, bool from_outside, struct flow *flow)
{
	core_zero(flow, sizeof(*flow));
	flow->outside = from_outside ? q->src : q->dst;
	flow->inside = from_outside ? q->dst : q->src;
	flow->outside_port = from_outside ? q->sport : q->dport;
	flow->inside_port = from_outside ? q->dport : q->sport;
	flow->protocol = q->protocol;
}

static struct slot *explain_session(struct tables *t, const struct question *q, bool from_outside)
{
	const struct settings *cfg = tables_settings(t);
	struct flow flow;

	if (!q->by_flow || q->no_id)
		return NULL;
	explain_flow(q, from_outside, &flow);
	return table_find(t, TABLE_SESSIONS, &flow, session_hash(cfg, &flow));
}

static struct slot *explain_pin(struct tables *t, const struct flow *key, u32 now)
{
	const struct settings *cfg = tables_settings(t);

	return pin_find(t, cfg, key, flow_hash(&cfg->placement, key), now);
}

/* The key that placement goes by. Plain ESP's is its client's address, as far as that is known. */
static void explain_key(struct tables *t, const struct flow *flow, struct flow *key, u32 now)
{
	const struct settings *cfg = tables_settings(t);
	struct flow address;

	tunnel_key(t, cfg, flow, key);
	if (tunnel_of(t, cfg, flow) != TUNNEL_IPSEC)
		return;
	tunnel_address(&address, flow, TUNNEL_IPSEC);
	if (explain_pin(t, &address, now))
		*key = address;
}

/* The pin of the affinity key, else the binding of the host, as placement looks for them. */
static struct slot *explain_pins(struct tables *t, const struct flow *flow, u32 now)
{
	const struct settings *cfg = tables_settings(t);
	struct flow key;
	struct slot *pin;

	explain_key(t, flow, &key, now);
	pin = explain_pin(t, &key, now);
	if (pin || !cfg->learn_hosts || cfg->affinity == AFFINITY_CLIENT)
		return pin;
	place_host_key(cfg, flow, &key);
	return explain_pin(t, &key, now);
}

static bool explain_is_outside(struct balancer *b, const struct question *q, u32 now)
{
	const struct settings *cfg = tables_settings(&b->tables);
	int side = sides_compare(b->config, &q->src, &q->dst);
	struct flow flow;

	/* Of the cluster address, whose subnet is outside, the devices are the inside end. */
	if (local_find(&b->tables, cfg, &q->dst) & LOCAL_CLUSTER)
		side = cfg->side == SIDE_INGRESS ? 1 : -1;
	else if (local_find(&b->tables, cfg, &q->src) & LOCAL_CLUSTER)
		side = cfg->side == SIDE_INGRESS ? -1 : 1;
	if (q->from != FROM_UNKNOWN)
		return q->from == FROM_OUTSIDE;
	if (explain_session(&b->tables, q, true))
		return true;
	if (explain_session(&b->tables, q, false))
		return false;
	if (side)
		return side > 0;
	explain_flow(q, true, &flow);
	if (explain_pins(&b->tables, &flow, now))
		return true;
	explain_flow(q, false, &flow);
	return !explain_pins(&b->tables, &flow, now);
}

/* What decide() does for a frame from the uplink, with CFG in place of the settings in force. */
static void explain_place(struct tables *t, const struct settings *cfg, struct verdict *v,
			  const struct address *to, u32 now)
{
	u32 local = local_find(t, cfg, to);
	struct work w = {.now = now};

	place_flow(t, cfg, &v->flow, &v->key, now, &w.place);
	if (local & LOCAL_DEVICE) {
		w.place.device = (u8)local;
		w.place.why = PLACE_OWN;
		w.place.displaced = false;
	} else if (v->session && v->session->device != w.place.device &&
		   decide_stays(t, cfg, &w, v->session)) {
		w.place.device = v->session->device;
		w.place.why = PLACE_SESSION;
	}
	v->place = w.place;
}

/* on-device-down = reset | drop: the conversation of a device that is gone ends or waits there. */
static void explain_gone(const struct settings *cfg, struct verdict *v)
{
	v->fate = v->place.device || v->unlearned ? FATE_FORWARD : FATE_DROP;
	if (!v->session || !v->place.displaced || cfg->on_down == DOWN_MOVE ||
	    device_set_has(&cfg->up, v->session->device))
		return;
	v->place.device = v->session->device;
	v->place.why = PLACE_SESSION;
	v->fate = cfg->on_down == DOWN_RESET ? FATE_RESET : FATE_DROP;
}

/* Where it would be without DEVICE; 0: nowhere. */
static u8 explain_without(struct tables *t, const struct verdict *v, const struct address *to,
			  u8 device, u32 now)
{
	struct settings *cfg = g_memdup2(tables_settings(t), sizeof(*cfg));
	struct verdict next = *v;

	device_set_put(&cfg->up, device, false);
	device_set_put(&cfg->pick, device, false);
	settings_update_live(t, cfg);
	explain_place(t, cfg, &next, to, now);
	g_free(cfg);
	return next.place.device;
}

static const char *explain_why(const struct verdict *v)
{
	switch (v->place.why) {
	case PLACE_HASH:
		return "hash";
	case PLACE_PIN:
		return v->pin && v->pin->state == PIN_LEARNED ? "learned"
		       : v->pin && v->pin->state == PIN_HOST  ? "host"
		       : v->pin && v->pin->state == PIN_TUNNEL ? "tunnel"
							      : "pin";
	case PLACE_HOST:
		return "host";
	case PLACE_OWN:
		return "own address";
	case PLACE_SESSION:
		return "session";
	case PLACE_POOL:
		return "pool";
	default:
		return "none";
	}
}

static void explain_write_session(struct json *out, struct balancer *b, const struct slot *s,
				  u32 now)
{
	if (!s) {
		json_null(out, "session");
		return;
	}
	json_begin(out, "session", '{');
	json_string(out, "device", rows_device(b, s->device));
	json_string(out, "state", names_state(s->key.protocol, session_state(s->state)));
	json_string(out, "origin", names_origin(session_origin(s->state)));
	json_seconds(out, "age", core_elapsed(now, s->created));
	json_seconds(out, "idle", core_elapsed(now, s->seen));
	json_number(out, "packets", s->packets);
	json_number(out, "bytes", slot_bytes(s));
	json_end(out, '{');
}

static void explain_write_pin(struct json *out, struct balancer *b, const struct slot *pin, u32 now)
{
	if (!pin) {
		json_null(out, "pin");
		return;
	}
	json_begin(out, "pin", '{');
	json_string(out, "device", rows_device(b, pin->device));
	json_string(out, "origin", names_pin(pin->state));
	json_address(out, "address", &pin->key.outside, 128);
	json_seconds(out, "age", core_elapsed(now, pin->created));
	json_seconds(out, "idle", core_elapsed(now, pin->seen));
	json_end(out, '{');
}

static void explain_write_ends(struct json *out, const struct question *q, bool outside)
{
	char protocol[NAMES_PROTOCOL];

	json_address(out, "client", &q->src, 128);
	json_address(out, "server", &q->dst, 128);
	json_string(out, "protocol", q->by_flow ? names_protocol(protocol, q->protocol) : NULL);
	if (q->by_flow && !q->no_id) {
		json_number(out, "client_port", ntohs(q->sport));
		json_number(out, "server_port", ntohs(q->dport));
	} else {
		json_null(out, "client_port");
		json_null(out, "server_port");
	}
	json_string(out, "from", outside ? "outside" : "inside");
}

/* What the answer leaves out or takes for granted, for a person. */
static void explain_write_note(struct json *out, const struct question *q, const struct verdict *v)
{
	GString *note = g_string_new(NULL);

	if (v->one_side)
		g_string_append_printf(note,
				       "both are in the %s uplink's subnets: what they say to each "
				       "other does not cross the farm",
				       config_side_name(v->side));
	if (q->no_id)
		g_string_append_printf(note, "%ssession not asked: no id given",
				       note->len ? "; " : "");
	json_bool(out, "crosses", !v->one_side);
	json_string(out, "note", note->len ? note->str : NULL);
	g_string_free(note, TRUE);
}

static void explain_write(struct call *call, const struct question *q, bool outside,
			  const struct verdict *v, u32 now)
{
	static const char *const down[] = {"move", "reset", "drop"};
	static const char *const fates[] = {"forward", "reset", "drop"};
	struct balancer *b = call->b;
	struct json *out = &call->out;
	u8 next = 0;

	/* What is for the device itself goes nowhere else. */
	if (v->place.device && v->place.why != PLACE_OWN)
		next = explain_without(&b->tables, v, &q->dst, v->place.device, now);
	json_begin(out, NULL, '{');
	explain_write_ends(out, q, outside);
	json_string(out, "device", v->unlearned ? NULL : rows_device(b, v->place.device));
	json_string(out, "why", v->unlearned ? "to be learned" : explain_why(v));
	if (v->place.why == PLACE_HASH && !v->unlearned)
		json_number(out, "rank", v->place.rank);
	else
		json_null(out, "rank");
	json_string(out, "verdict", fates[v->fate]);
	explain_write_session(out, b, v->session, now);
	explain_write_pin(out, b, v->pin, now);
	json_string(out, "if_device_left", v->unlearned ? NULL : rows_device(b, next));
	json_string(out, "on_device_down", down[MIN(b->config->on_device_down, 2)]);
	explain_write_note(out, q, v);
	json_end(out, '{');
}

int explain(struct call *call)
{
	struct balancer *b = call->b;
	const struct settings *cfg = tables_settings(&b->tables);
	struct question q = {0};
	struct verdict v = {0};
	u32 now = memory_now();
	bool outside;
	int rc = explain_read(call, &q);

	if (rc)
		return rc;
	outside = explain_is_outside(b, &q, now);
	explain_flow(&q, outside, &v.flow);
	explain_key(&b->tables, &v.flow, &v.key, now);
	v.session = explain_session(&b->tables, &q, outside);
	v.pin = explain_pins(&b->tables, &v.flow, now);
	explain_place(&b->tables, cfg, &v, &q.dst, now);
	/* The device that brings it here decides, where no hash could agree. */
	v.unlearned = cfg->learn_hosts && outside && !v.session &&
		      (v.place.why == PLACE_HASH || v.place.why == PLACE_POOL);
	v.one_side = !v.session && sides_share(b->config, &q.src, &q.dst, &v.side);
	explain_gone(cfg, &v);
	explain_write(call, &q, outside, &v, now);
	return 0;
}
