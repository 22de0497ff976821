/* SPDX-License-Identifier: ISC */
/*
 * The IKE messages of the liveness check: an IKE_SA_INIT request (RFC 7296 1.2), and whether what
 * came is an answer to it.
 *
 * The request offers what most gateways take, with a key exchange that is genuine and worth
 * nothing: the exchange never goes on. Pure, no ownership. Thread: any.
 */
#ifndef SANDWICH_HEALTH_IKE_MESSAGE_H
#define SANDWICH_HEALTH_IKE_MESSAGE_H

#include "sandwich/core/types.h"

#define IKE_SPI 8
#define IKE_NONCE 32
#define IKE_NAT_PORT 4500 /* there a marker comes before each message (RFC 3948 2.2) */
#define IKE_MARKER 4
#define IKE_REQUEST_MAX 320

/* What tells one request from another. Sent again unchanged it is a retransmission. */
struct ike_identity {
	u8 spi[IKE_SPI]; /* the initiator's; not all zero */
	u8 nonce[IKE_NONCE];
};

/* Writes the request, with a marker where MARKED, to OUT (IKE_REQUEST_MAX bytes). Its length. */
size_t ike_request(const struct ike_identity *identity, bool marked, u8 *out);

/*
 * Whether DATA, LENGTH bytes of anything, is a well-formed answer to IDENTITY's request, whatever
 * it says: a response of IKEv2 to IKE_SA_INIT, be it a refusal or a cookie, or an IKEv1 daemon's
 * notice that it knows no such version (RFC 2408 5.2, RFC 7296 2.5).
 */
bool ike_answers(const struct ike_identity *identity, bool marked, const u8 *data, u32 length);

#endif
