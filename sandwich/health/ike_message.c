/* SPDX-License-Identifier: ISC */
#include "sandwich/health/ike_message.h"

#include <string.h>

#define HEADER 28 /* RFC 7296 3.1 */
#define AT_NEXT 16
#define AT_VERSION 17
#define AT_EXCHANGE 18
#define AT_FLAGS 19
#define AT_LENGTH 24
#define VERSION_2 0x20
#define EXCHANGE_SA_INIT 34
#define EXCHANGE_INFORMATIONAL 37
#define EXCHANGE_INFORMATIONAL_1 5 /* ISAKMP: RFC 2408 3.1 */
#define FLAG_INITIATOR 0x08
#define FLAG_RESPONSE 0x20
#define PAYLOAD_HEADER 4
#define PAYLOADS_MAX 32 /* of an answer: no daemon comes near it */

enum payload { PAYLOAD_NONE, PAYLOAD_SA = 33, PAYLOAD_KE = 34, PAYLOAD_NONCE = 40 };

enum transform_kind { ENCRYPTION = 1, PRF, INTEGRITY, GROUP };

#define KEY_LENGTH 0x800e /* the attribute, in its short form (RFC 7296 3.3.5) */
#define GROUP_ECP_256 19
#define GROUP_MODP_2048 14

struct transform {
	u8 kind; /* enum transform_kind; 0: the last was before */
	u16 id;
	u16 key_bits; /* 0: no attribute */
};

#define TRANSFORMS_MAX 8

/* RFC 7296 3.3.2, RFC 5282: AES-GCM-16 with and AES-CBC without built-in integrity. */
static const struct transform proposals[][TRANSFORMS_MAX] = {
	{{ENCRYPTION, 20, 256}, {ENCRYPTION, 20, 128}, {PRF, 5, 0}, {PRF, 6, 0},
	 {GROUP, GROUP_ECP_256, 0}, {GROUP, GROUP_MODP_2048, 0}},
	{{ENCRYPTION, 12, 256}, {ENCRYPTION, 12, 128}, {PRF, 5, 0}, {INTEGRITY, 12, 0},
	 {GROUP, GROUP_ECP_256, 0}, {GROUP, GROUP_MODP_2048, 0}},
};

#define PROPOSALS (sizeof(proposals) / sizeof(proposals[0]))

/*
 * A point of the curve P-256 that everybody knows the key of (RFC 5903 8.1): gateways check that it
 * is one, and nothing is ever encrypted with it.
 */
static const u8 public_value[64] = {
	0xda, 0xd0, 0xb6, 0x53, 0x94, 0x22, 0x1c, 0xf9, 0xb0, 0x51, 0xe1, 0xfe,
	0xca, 0x57, 0x87, 0xd0, 0x98, 0xdf, 0xe6, 0x37, 0xfc, 0x90, 0xb9, 0xef,
	0x94, 0x5d, 0x0c, 0x37, 0x72, 0x58, 0x11, 0x80, 0x52, 0x71, 0xa0, 0x46,
	0x1c, 0xdb, 0x82, 0x52, 0xd6, 0x1f, 0x1c, 0x45, 0x6f, 0xa3, 0xe5, 0x9a,
	0xb1, 0xf4, 0x5b, 0x33, 0xac, 0xcf, 0x5f, 0x58, 0x38, 0x9e, 0x05, 0x77,
	0xb8, 0x99, 0x0b, 0xb3,
};

static void write16(u8 *at, size_t value)
{
	at[0] = (u8)(value >> 8);
	at[1] = (u8)value;
}

static void write32(u8 *at, size_t value)
{
	write16(at, value >> 16);
	write16(at + 2, value);
}

static u32 read16(const u8 *at)
{
	return (u32)at[0] << 8 | at[1];
}

static u32 read32(const u8 *at)
{
	return read16(at) << 16 | read16(at + 2);
}

static u8 *write_transform(u8 *at, const struct transform *t, bool last)
{
	size_t length = t->key_bits ? 12 : 8;

	memset(at, 0, length);
	at[0] = last ? 0 : 3;
	write16(at + 2, length);
	at[4] = t->kind;
	write16(at + 6, t->id);
	if (t->key_bits) {
		write16(at + 8, KEY_LENGTH);
		write16(at + 10, t->key_bits);
	}
	return at + length;
}

static u8 *write_proposal(u8 *begin, size_t number)
{
	const struct transform *t = proposals[number];
	u8 *at = begin + 8;
	u8 count = 0;

	while (count < TRANSFORMS_MAX && t[count].kind)
		count++;
	for (u8 i = 0; i < count; i++)
		at = write_transform(at, &t[i], i + 1 == count);
	begin[0] = number + 1 == PROPOSALS ? 0 : 2;
	begin[1] = 0;
	write16(begin + 2, (size_t)(at - begin));
	begin[4] = (u8)(number + 1);
	begin[5] = 1; /* protocol: IKE */
	begin[6] = 0; /* SPI: in the header */
	begin[7] = count;
	return at;
}

static u8 *end_payload(u8 *begin, u8 *at, enum payload next)
{
	begin[0] = (u8)next;
	begin[1] = 0;
	write16(begin + 2, (size_t)(at - begin));
	return at;
}

static u8 *write_proposals(u8 *begin)
{
	u8 *at = begin + PAYLOAD_HEADER;

	for (size_t i = 0; i < PROPOSALS; i++)
		at = write_proposal(at, i);
	return end_payload(begin, at, PAYLOAD_KE);
}

static u8 *write_key(u8 *begin)
{
	u8 *at = begin + PAYLOAD_HEADER;

	write16(at, GROUP_ECP_256);
	write16(at + 2, 0);
	memcpy(at + 4, public_value, sizeof(public_value));
	return end_payload(begin, at + 4 + sizeof(public_value), PAYLOAD_NONCE);
}

static u8 *write_nonce(u8 *begin, const u8 *nonce)
{
	memcpy(begin + PAYLOAD_HEADER, nonce, IKE_NONCE);
	return end_payload(begin, begin + PAYLOAD_HEADER + IKE_NONCE, PAYLOAD_NONE);
}

size_t ike_request(const struct ike_identity *identity, bool marked, u8 *out)
{
	u8 *header = out + (marked ? IKE_MARKER : 0), *at;

	memset(out, 0, IKE_MARKER + HEADER); /* the responder's SPI and the message's id too */
	memcpy(header, identity->spi, IKE_SPI);
	header[AT_NEXT] = PAYLOAD_SA;
	header[AT_VERSION] = VERSION_2;
	header[AT_EXCHANGE] = EXCHANGE_SA_INIT;
	header[AT_FLAGS] = FLAG_INITIATOR;
	at = write_proposals(header + HEADER);
	at = write_key(at);
	at = write_nonce(at, identity->nonce);
	write32(header + AT_LENGTH, (size_t)(at - header));
	return (size_t)(at - out);
}

/* Payloads that follow each other to the very end. */
static bool payloads_are_sound(u8 next, const u8 *at, u32 left)
{
	for (int i = 0; i < PAYLOADS_MAX && next != PAYLOAD_NONE; i++) {
		u32 length = left < PAYLOAD_HEADER ? 0 : read16(at + 2);

		if (length < PAYLOAD_HEADER || length > left)
			return false;
		next = at[0];
		at += length;
		left -= length;
	}
	return next == PAYLOAD_NONE && !left;
}

/* Our own request that comes back is no answer. */
static bool is_response(const u8 *header)
{
	u8 exchange = header[AT_EXCHANGE];

	if (header[AT_VERSION] >> 4 == 1)
		return exchange == EXCHANGE_INFORMATIONAL_1;
	return header[AT_VERSION] >> 4 == 2 && header[AT_FLAGS] & FLAG_RESPONSE &&
	       (exchange == EXCHANGE_SA_INIT || exchange == EXCHANGE_INFORMATIONAL);
}

bool ike_answers(const struct ike_identity *identity, bool marked, const u8 *data, u32 length)
{
	static const u8 marker[IKE_MARKER];

	if (marked && (length < IKE_MARKER || memcmp(data, marker, IKE_MARKER)))
		return false;
	data += marked ? IKE_MARKER : 0;
	length -= marked ? IKE_MARKER : 0;
	if (length < HEADER || read32(data + AT_LENGTH) != length ||
	    memcmp(data, identity->spi, IKE_SPI))
		return false;
	return is_response(data) && data[AT_NEXT] != PAYLOAD_NONE &&
	       payloads_are_sound(data[AT_NEXT], data + HEADER, length - HEADER);
}
