/* SPDX-License-Identifier: ISC */
/*
 * What a frame to or from a cluster address says of its tunnel (affinity = tunnel).
 *
 * Read are identifiers that stand in clear: IKE's initiator SPI, the SPI of ESP and AH, WireGuard's
 * receiver index, OpenVPN's session id, connection ids of DTLS and QUIC. Nothing here looks at a
 * table but settings; what follows from it is tunnel_place.h's. Positions count from the first byte
 * behind the UDP header, or of ESP and AH themselves.
 */
#ifndef SANDWICH_CORE_TUNNEL_H
#define SANDWICH_CORE_TUNNEL_H

#include "sandwich/core/work.h"

enum tunnel_said {
	SAYS_ID = 1,	/* tunnel.id is its identifier */
	SAYS_FIRST = 2, /* of a beginning that its identifier alone placed: no peer's pin */
	SAYS_ROW = 4,	/* without a pin the hash of its identifier places it, no session */
	SAYS_PROOF = 8, /* a device sends such only into a tunnel that it has accepted */
	SAYS_MINE = 16, /* the identifier is the sending device's own, or its tunnel is */
	SAYS_LATER = 32, /* no tunnel begins with such a frame */
};

/* RFC 7296 3.1: the header, and what is made of its exchange type and flags. */
#define IKE_HEADER 20 /* up to the flags */
#define IKE_RESPONSE 0x20
#define IKE_MAIN 2 /* RFC 2408 3.1 */
#define IKE_AGGRESSIVE 4
#define IKE_SA_INIT 34
#define IKE_AUTH 35
#define IKE_SESSION_RESUME 38 /* RFC 5723 */
#define IKE_INTERMEDIATE 43   /* RFC 9242 */

#define WIREGUARD_INITIATION 1
#define WIREGUARD_RESPONSE 2
#define WIREGUARD_COOKIE 3
#define WIREGUARD_DATA 4

/* Opcodes of ssl_pkt.h in OpenVPN. */
#define OPENVPN_RESET_CLIENT_V1 1
#define OPENVPN_SOFT_RESET 3
#define OPENVPN_CONTROL 4
#define OPENVPN_ACK 5
#define OPENVPN_DATA_V1 6
#define OPENVPN_RESET_CLIENT_V2 7
#define OPENVPN_DATA_V2 9
#define OPENVPN_RESET_CLIENT_V3 10
#define OPENVPN_CONTROL_WKC 11 /* the client's third, with its wrapped key */

#define DTLS_APPLICATION 23
#define DTLS_CID 25    /* RFC 9146 */
#define DTLS_CID_AT 11 /* behind type, version, epoch and sequence number */
#define DTLS_CID_MAX 16

#define QUIC_V2 0x6b3343cfu /* RFC 9369, which numbers its types anew */
#define QUIC_SERVER_MAX 7

/* The key of a client's address and its port. */
CORE_INLINE void tunnel_peer(struct flow *key, const struct flow *flow)
{
	affinity_host(key, &flow->outside, flow->zone, PIN_KIND_PEER);
	key->outside_port = flow->outside_port;
}

/*
 * The key under which a client's address has the device of its newest tunnel; protocols that belong
 * together share it. For what tells nothing else, and where no NAT is, or one with a single client.
 */
CORE_INLINE void tunnel_address(struct flow *key, const struct flow *flow, u8 kind)
{
	affinity_host(key, &flow->outside, flow->zone, PIN_KIND_ADDRESS);
	key->outside_port = kind == TUNNEL_NATT || kind == TUNNEL_IPSEC ? TUNNEL_IKE : kind;
}

CORE_INLINE void tunnel_id(struct tunnel *f, u8 kind, u64 id)
{
	core_zero(&f->id, sizeof(f->id));
	f->id.outside.word[0] = id;
	f->id.protocol = kind;
	f->said |= SAYS_ID;
}

/* Which of settings.tunnel[] a flow of the cluster address belongs to: enum tunnel_kind. */
CORE_GLOBAL u32 tunnel_kind(struct tables *t, u32 port, u8 protocol)
{
	const struct settings *cfg = tables_settings(t);

	tables_take(t);
	if (!cfg || !cfg->tunnels)
		return TUNNEL_NONE;
	if (protocol == PROTOCOL_ESP || protocol == PROTOCOL_AH)
		return TUNNEL_IPSEC;
	if (protocol != PROTOCOL_UDP)
		return TUNNEL_NONE;
	for (u32 i = 0; i < TUNNELS_MAX; i++) {
		u8 kind = cfg->tunnel[i].kind;

		if (!kind || cfg->tunnel[i].port != (be16)port)
			continue;
		if (kind == TUNNEL_L2TP || (kind == TUNNEL_DTLS && !cfg->dtls_cid))
			return TUNNEL_NONE; /* by the client's address, as its TCP is */
		return kind;
	}
	return TUNNEL_NONE;
}

/*
 * The kind of tunnel that a conversation is of, FLOW as tunnel_read() sees it; TUNNEL_NONE where it
 * is not the cluster address's.
 */
CORE_INLINE u8 tunnel_of(struct tables *t, const struct settings *cfg, const struct flow *flow)
{
	if (CORE_LIKELY(!cfg->tunnels) || !(local_find(t, cfg, &flow->inside) & LOCAL_CLUSTER))
		return TUNNEL_NONE;
	return (u8)tunnel_kind(tables_hand(t), flow->inside_port, flow->protocol);
}

/*
 * The key of a conversation of which there is only its record: its peer's, where it has one.
 * Otherwise that of settings.affinity.
 */
CORE_INLINE void tunnel_key(struct tables *t, const struct settings *cfg, const struct flow *flow,
			    struct flow *key)
{
	u8 kind = tunnel_of(t, cfg, flow);

	if (kind && kind != TUNNEL_IPSEC && kind != TUNNEL_DTLS)
		tunnel_peer(key, flow);
	else
		affinity_key(key, flow, cfg->affinity);
}

/* Copies the payload's first bytes. Bytes behind the packet's own end are none of it. */
CORE_FN void tunnel_copy(const struct packet_cursor *c, const struct packet *p, struct tunnel *f)
{
	u32 offset = p->l4 + (f->kind == TUNNEL_IPSEC ? 0u : 8u);
	u32 end = (u32)p->l3 + p->ip_length, i;

	f->length = offset < end ? (u16)(end - offset) : 0;
	for (i = 0; i < TUNNEL_BYTES; i++) {
		const u8 *at = packet_at(c, offset + i, 1);

		if (offset + i >= end || !at)
			break;
		f->byte[i] = *at;
	}
	f->known = (u8)i;
}

/* Fills in W->tunnel as far as the frame itself says it; LOCAL is what its destination is. */
CORE_INLINE void tunnel_read(struct tables *t, const struct settings *cfg,
			     const struct packet_cursor *c, struct work *w, u32 local)
{
	bool inward = w->port == PORT_UPLINK;
	struct packet *p = &w->packet;

	if (!inward)
		local = p->icmp_error ? 0 : local_find(t, cfg, &p->src);
	if (!(local & LOCAL_CLUSTER))
		return;
	w->tunnel.kind = (u8)tunnel_kind(tables_hand(t), w->flow.inside_port, w->flow.protocol);
	if (w->tunnel.kind && p->is_first && !p->icmp_error)
		tunnel_copy(c, p, &w->tunnel);
}

/* IKEv1's first phase, too, begins without a responder's SPI, which it calls cookie. */
CORE_INLINE bool tunnel_ike_begins(u8 version, u8 exchange)
{
	if (version == 1)
		return exchange == IKE_MAIN || exchange == IKE_AGGRESSIVE;
	return exchange == IKE_SA_INIT || exchange == IKE_AUTH || exchange == IKE_SESSION_RESUME ||
	       exchange == IKE_INTERMEDIATE;
}

/* An answer that a device does not give to whoever asks; version 1 has no flag for answers. */
CORE_INLINE bool tunnel_ike_proves(u8 version, u8 exchange, u8 flags)
{
	if (version == 1)
		return exchange != IKE_MAIN && exchange != IKE_AGGRESSIVE;
	return flags & IKE_RESPONSE && exchange != IKE_SA_INIT && exchange != IKE_SESSION_RESUME;
}

CORE_INLINE void tunnel_say_ike(struct tunnel *f, const u8 *at, bool inward)
{
	u8 version = at[17] >> 4, exchange = at[18], flags = at[19];
	bool answered = core_read(64, at + 8) != 0;

	tunnel_id(f, PIN_KIND_IKE, core_read(64, at));
	f->said |= SAYS_ROW;
	if (!tunnel_ike_begins(version, exchange))
		f->said |= SAYS_LATER;
	else if (answered)
		f->said |= SAYS_FIRST;
	if (inward)
		return;
	if (answered ? tunnel_ike_proves(version, exchange, flags) : false)
		f->said |= SAYS_PROOF;
	else if (!answered && !(flags & IKE_RESPONSE))
		f->said |= SAYS_PROOF | SAYS_MINE; /* it is the device that begins */
}

/* RFC 3948 2: four zero bytes before IKE, else ESP, whose SPI is never zero; or one byte. */
CORE_INLINE void tunnel_say_natt(struct tunnel *f, bool inward)
{
	if (f->known >= 4 + IKE_HEADER && !core_read(32, f->byte)) {
		tunnel_say_ike(f, f->byte + 4, inward);
		return;
	}
	f->said |= SAYS_LATER;
	if (f->known >= 8) {
		if (inward)
			tunnel_id(f, PIN_KIND_ESP, core_read(32, f->byte));
		else
			f->said |= SAYS_PROOF;
	}
}

/* https://www.wireguard.com/protocol/: a message names its receiver by the index that it chose. */
CORE_INLINE void tunnel_say_wireguard(struct tunnel *f, bool inward)
{
	u8 type = f->byte[0];

	if (f->known < 12)
		return;
	f->said |= type != WIREGUARD_INITIATION ? SAYS_LATER : 0;
	if (inward && (type == WIREGUARD_COOKIE || type == WIREGUARD_DATA))
		tunnel_id(f, PIN_KIND_WIREGUARD, core_read(32, f->byte + 4));
	else if (inward && type == WIREGUARD_RESPONSE)
		tunnel_id(f, PIN_KIND_WIREGUARD, core_read(32, f->byte + 8));
	if (inward || type == WIREGUARD_COOKIE)
		return;
	f->said |= SAYS_PROOF;
	if (type == WIREGUARD_DATA)
		return;
	tunnel_id(f, PIN_KIND_WIREGUARD, core_read(32, f->byte + 4));
	f->said |= SAYS_MINE;
}

CORE_INLINE void tunnel_say_openvpn(struct tunnel *f, bool inward)
{
	u8 opcode = f->byte[0] >> 3;
	bool later = opcode == OPENVPN_SOFT_RESET || opcode == OPENVPN_CONTROL ||
		     opcode == OPENVPN_ACK;
	bool data = opcode == OPENVPN_DATA_V1 || opcode == OPENVPN_DATA_V2;
	bool begins = opcode == OPENVPN_RESET_CLIENT_V1 || opcode == OPENVPN_RESET_CLIENT_V2 ||
		      opcode == OPENVPN_RESET_CLIENT_V3 || opcode == OPENVPN_CONTROL_WKC;

	if (f->known < 9)
		return;
	if (data || opcode == OPENVPN_SOFT_RESET || (later && f->byte[0] & 7))
		f->said |= SAYS_LATER; /* key 0 is the first; others never are it again */
	if (!inward && (later || data))
		f->said |= SAYS_PROOF;
	if (!inward || !(later || begins))
		return;
	tunnel_id(f, PIN_KIND_OPENVPN, core_read(64, f->byte + 1));
	f->said |= SAYS_ROW;
}

CORE_INLINE void tunnel_say_dtls(struct tunnel *f, u8 length, bool inward)
{
	bool unified = (f->byte[0] & 0xe0) == 0x20; /* RFC 9147 4 */
	bool cid = unified ? f->byte[0] & 0x10 : f->byte[0] == DTLS_CID;
	u32 at = unified ? 1 : DTLS_CID_AT;
	u8 *id = (u8 *)&f->id.outside;

	if (f->known < DTLS_CID_AT + DTLS_CID_MAX)
		return;
	if (!inward && (unified || cid || f->byte[0] == DTLS_APPLICATION))
		f->said |= SAYS_PROOF;
	if (!inward || !cid)
		return;
	tunnel_id(f, PIN_KIND_DTLS, 0);
	for (u32 i = 0; i < DTLS_CID_MAX; i++)
		if (i < length)
			id[i] = f->byte[(at + i) & (TUNNEL_BYTES - 1)];
}

/* Where the id that a server chose begins; 0: there is none, or the client may have made it up. */
CORE_INLINE u32 tunnel_quic_id(const struct tunnel *f)
{
	u32 version = core_swap32(core_read(32, f->byte + 1)), type = f->byte[0] >> 4 & 3;

	if (!(f->byte[0] & 0x80))
		return 1;
	if (version == 1)
		return type == 2 ? 6 : 0; /* Handshake; RFC 9000 17.2 */
	return version == QUIC_V2 && type == 3 ? 6 : 0;
}

/* QUIC-LB without encryption: config id in the three highest bits, then the server id. */
CORE_INLINE void tunnel_say_quic(struct tunnel *f, const struct settings *cfg)
{
	u32 at = tunnel_quic_id(f);
	u64 id = 1;

	if (!at || !cfg->quic_length || f->known < 6 + 1 + QUIC_SERVER_MAX ||
	    f->byte[at & (TUNNEL_BYTES - 1)] >> 5 != cfg->quic_config)
		return;
	for (u32 i = 1; i <= QUIC_SERVER_MAX; i++)
		if (i <= cfg->quic_length)
			id = id << 8 | f->byte[(at + i) & (TUNNEL_BYTES - 1)];
	for (u32 d = 1; d < DEVICES_MAX; d++)
		if (cfg->quic_id[d] == id)
			f->device = (u8)d;
}

CORE_INLINE void tunnel_say_ipsec(struct tunnel *f, u8 protocol, bool inward)
{
	bool esp = protocol == PROTOCOL_ESP;

	f->said |= SAYS_LATER;
	if (!inward)
		f->said |= SAYS_PROOF;
	else if (f->known >= 8)
		tunnel_id(f, esp ? PIN_KIND_ESP : PIN_KIND_AH,
			  core_read(32, f->byte + (esp ? 0 : 4)));
}

/* Fills in what the bytes that tunnel_read() took say. */
CORE_INLINE void tunnel_say(const struct settings *cfg, struct work *w)
{
	bool inward = w->port == PORT_UPLINK;
	struct tunnel *f = &w->tunnel;

	switch (f->kind) {
	case TUNNEL_IKE:
		if (f->known >= IKE_HEADER)
			tunnel_say_ike(f, f->byte, inward);
		break;
	case TUNNEL_NATT:
		tunnel_say_natt(f, inward);
		break;
	case TUNNEL_WIREGUARD:
		tunnel_say_wireguard(f, inward);
		break;
	case TUNNEL_OPENVPN:
		tunnel_say_openvpn(f, inward);
		break;
	case TUNNEL_QUIC:
		if (inward)
			tunnel_say_quic(f, cfg);
		break;
	case TUNNEL_DTLS:
		tunnel_say_dtls(f, cfg->dtls_cid, inward);
		break;
	default:
		tunnel_say_ipsec(f, w->flow.protocol, inward);
	}
}

#endif
