/* SPDX-License-Identifier: ISC */
/*
 * The echo check (RFC 792, RFC 4443 4): from our farm address and virtual MAC to the device's
 * address.
 */
#include "sandwich/health/check.h"

#include <string.h>

#define ECHO_PAYLOAD 16 /* the token, and the time it was sent */

static void icmp_ask(struct check *c)
{
	const struct health_ops *ops = c->owner->ops;
	u8 payload[ECHO_PAYLOAD], frame[DATAGRAM_HEADERS + ECHO_PAYLOAD];
	struct datagram d;
	u8 port;

	if (!check_way(c, &d, &port))
		return;
	d.sport = c->id;
	d.dport = ++c->sequence;
	d.payload = payload;
	d.length = sizeof(payload);
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
