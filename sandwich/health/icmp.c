/* SPDX-License-Identifier: ISC */
/*
 * The echo check (RFC 792, RFC 4443 4): from our farm address and virtual MAC to the device's
 * address.
 */
#include "sandwich/health/check.h"

#include <string.h>

#define ECHO_PAYLOAD 16 /* the token, and the time it was sent */

static bool prefix_covers(const struct config_address *prefix, const struct address *target)
{
	const u8 *a = prefix->address.s6_addr, *b = (const u8 *)target;
	u8 whole = prefix->length / 8, rest = prefix->length % 8;

	if (memcmp(a, b, whole))
		return false;
	return !rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* Ours in the target's subnet, else any of its family. */
static bool icmp_source(const struct check *c, struct address *out)
{
	const GArray *sources = c->owner->sources;
	bool found = false;

	for (guint i = 0; i < sources->len; i++) {
		const struct config_address *s = &g_array_index(sources, struct config_address, i);
		struct address a;

		memcpy(&a, &s->address, sizeof(a));
		if (address_is_v4(&a) != address_is_v4(&c->target))
			continue;
		if (found && !prefix_covers(s, &c->target))
			continue;
		*out = a;
		found = true;
		if (prefix_covers(s, &c->target))
			break;
	}
	return found;
}

static void icmp_ask(struct check *c)
{
	const struct health_ops *ops = c->owner->ops;
	u8 payload[ECHO_PAYLOAD], frame[DATAGRAM_HEADERS + ECHO_PAYLOAD];
	struct datagram d = {.mac_src = c->owner->farm_mac,
			     .dst = c->target,
			     .sport = c->id,
			     .dport = ++c->sequence,
			     .payload = payload,
			     .length = sizeof(payload)};
	u16 vlan;
	u8 port;

	if (!icmp_source(c, &d.src)) {
		check_done(c, false, "we have no farm address of its family", 0);
		return;
	}
	if (!ops->hop(ops->user, c->device, &d.mac_dst, &port, &vlan)) {
		check_done(c, false, "its MAC is not known", 0);
		return;
	}
	datagram_tag(&d, vlan);
	memcpy(payload, &c->token, 8);
	memcpy(payload + 8, &c->asked, 8);
	ops->send(ops->user, port, frame, datagram_echo(&d, frame));
}

bool check_icmp_reply(struct check *c, const struct datagram *d)
{
	u64 token, asked;

	if (d->sport != c->id || d->length < ECHO_PAYLOAD || !address_equal(&d->src, &c->target))
		return false;
	memcpy(&token, d->payload, 8);
	memcpy(&asked, d->payload + 8, 8);
	if (token != c->token || d->dport != c->sequence || asked != c->asked)
		return false;
	if (c->pending) /* the first of several copies */
		check_done(c, true, NULL, (u32)MAX((u64)g_get_monotonic_time() - asked, 1));
	return true;
}

const struct check_kind check_icmp = { .ask = icmp_ask };
