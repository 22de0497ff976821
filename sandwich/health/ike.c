/* SPDX-License-Identifier: ISC */
/*
 * The IKE check: the gateway's IKE daemon answers an IKE_SA_INIT request, whatever it says.
 *
 * A gateway that likes the offer keeps a half-open SA, and forgets it in half a minute or so. The
 * same request sent again is a retransmission, to which it must say the same without beginning
 * anything (RFC 7296 2.1): so a check costs it one half-open SA at a time, however often we ask.
 * Now and then the request is made anew, lest an answer be one that somebody has recorded.
 */
#include "sandwich/health/check.h"

#include <sodium.h>

#define RENEW_US 60000000 /* longer than daemons keep what is half open */
#define PORTS_FIRST 49152 /* RFC 6335 6: ephemeral */

static bool ike_is_marked(const struct check *c)
{
	return c->port == IKE_NAT_PORT;
}

static u16 ike_source_port(const struct check *c)
{
	return (u16)(PORTS_FIRST | c->id);
}

/* Not while nothing answers: that is what retransmissions are for. */
static void ike_renew(struct check *c)
{
	if (c->renewed && (!c->answered || c->asked - c->renewed < RENEW_US))
		return;
	randombytes_buf(&c->ike, sizeof(c->ike));
	c->ike.spi[0] |= 1; /* zero is nobody's */
	c->renewed = c->asked;
	c->answered = false;
}

static void ike_ask(struct check *c)
{
	const struct health_ops *ops = c->owner->ops;
	u8 payload[IKE_REQUEST_MAX], frame[DATAGRAM_HEADERS + IKE_REQUEST_MAX];
	struct datagram d;
	u8 port;

	if (!check_way(c, &d, &port))
		return;
	ike_renew(c);
	d.sport = ike_source_port(c);
	d.dport = c->port;
	d.payload = payload;
	d.length = (u32)ike_request(&c->ike, ike_is_marked(c), payload);
	ops->send(ops->user, port, frame, datagram_udp(&d, frame));
}

bool check_ike_reply(struct check *c, const struct datagram *d)
{
	if (d->sport != c->port || d->dport != ike_source_port(c) ||
	    !address_equal(&d->src, &c->target) || !c->renewed ||
	    !ike_answers(&c->ike, ike_is_marked(c), d->payload, d->length))
		return false;
	c->answered = true;
	if (c->pending) /* the first of several copies */
		check_done(c, true, NULL, (u32)MAX((u64)g_get_monotonic_time() - c->asked, 1));
	return true;
}

const struct check_kind check_ike = { .ask = ike_ask };
