// SPDX-License-Identifier: ISC
/* Which port a captured frame came by. */
#include <errno.h>
#include <string.h>

#include "sandwich/control/ports.h"
#include "sandwich/control/replay_parts.h"
#include "sandwich/control/sides.h"
#include "sandwich/core/tunnel.h"
#include "sandwich/slowpath/macs.h"

#define ARP_SENDER \
	8 /* offset of the sender's MAC in an ARP packet of Ethernet and IPv4 (RFC 826) */
#define ND_OPTIONS    24 /* offset of the options in NS and NA (RFC 4861 4.3, 4.4) */
#define ND_SOLICIT    135
#define ND_ADVERT     136
#define ND_TARGET_MAC 2 /* option: target link-layer address */

/* Two addresses that talk, in one order whoever speaks. */
struct pair {
	struct address low, high;
};

static void replay_pair(struct pair *out, const struct address *a, const struct address *b)
{
	bool less = address_less(a, b);

	out->low = less ? *a : *b;
	out->high = less ? *b : *a;
}

static guint replay_pair_hash(gconstpointer key)
{
	const struct pair *p = key;

	return (guint)hash_mix(local_hash(&p->low) + 3 * local_hash(&p->high));
}

static gboolean replay_pair_equal(gconstpointer a, gconstpointer b)
{
	const struct pair *x = a, *y = b;

	return address_equal(&x->low, &y->low) && address_equal(&x->high, &y->high);
}

void replay_ports_init(struct replay *r)
{
	r->copy = g_byte_array_new();
	r->openers = g_hash_table_new_full(replay_pair_hash, replay_pair_equal, g_free, g_free);
}

void replay_ports_fini(struct replay *r)
{
	g_byte_array_unref(r->copy);
	g_hash_table_unref(r->openers);
}

struct mac replay_made_up(unsigned int device)
{
	return (struct mac){{0x02, 0x73, 0x66, 0x61, 0x6b, (u8)device}};
}

int replay_put_mac(struct replay *r, const struct mac *mac, u8 device, int vlan)
{
	u8 variant = vlan >= 0 ? MAC_ON_VLAN : MAC_ANYWHERE;

	return macs_put(&r->tables, mac_key(mac, (u32)MAX(vlan, 0), 0, variant),
			MAC_OWNER_DEVICE | device);
}

/* ADDRESS has been seen to be at MAC: if it is a device's on our side, so is the MAC. */
static void replay_take(struct replay *r, const struct address *address, const struct mac *mac)
{
	const struct config *config = r->options.config;

	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);
		const struct config_attachment *at = &d->at[r->options.self->side];

		for (guint k = 0; k < at->addresses->len; k++)
			if (!memcmp(&g_array_index(at->addresses, struct in6_addr, k), address,
				    sizeof(*address)) &&
			    !mac_is_group(mac) && replay_put_mac(r, mac, (u8)d->id, at->vlan))
				return; /* too many in one place: its frames count as of unknown
					   source */
	}
}

static void replay_take_arp(struct replay *r, const struct packet_cursor *c, const struct packet *p)
{
	const u8 *at = packet_at(c, p->l3, 28);
	struct address sender;
	struct mac mac;

	if (!at || packet_read16(at) != 1 || packet_read16(at + 2) != ETHERNET_IPV4)
		return;
	memcpy(&mac, at + ARP_SENDER, sizeof(mac));
	address_from_v4(&sender, packet_be32(at + ARP_SENDER + 6));
	replay_take(r, &sender, &mac);
}

static void replay_take_nd(struct replay *r, const struct packet_cursor *c, const struct packet *p)
{
	const u8 *at = packet_at(c, p->l4, ND_OPTIONS),
		 *option = packet_at(c, p->l4 + ND_OPTIONS, 8);
	struct address about = p->src;
	struct mac mac = p->mac_src;

	if (!at)
		return;
	if (p->icmp_type == ND_ADVERT) {
		memcpy(&about, at + 8, sizeof(about));
		if (option && option[0] == ND_TARGET_MAC && option[1] == 1)
			memcpy(&mac, option + 2, sizeof(mac));
	}
	replay_take(r, &about, &mac);
}

/* False: not a frame whose headers can be read. */
static bool replay_parse(const struct offline_frame *frame, struct packet_cursor *c,
			 struct packet *p)
{
	u8 why;

	*c = (struct packet_cursor){
		.data = frame->data, .end = frame->data + frame->captured, .length = frame->length};
	memset(p, 0, sizeof(*p));
	return packet_parse(c, p, &why);
}

void replay_learn(struct replay *r, const struct offline_frame *frame)
{
	struct packet_cursor c;
	struct packet p;

	if (!frame->data || !frame->has_macs || !replay_parse(frame, &c, &p))
		return;
	if (p.kind == PACKET_ARP)
		replay_take_arp(r, &c, &p);
	else if (decide_is_nd(&p))
		replay_take_nd(r, &c, &p);
}

/* By its source MAC: ours, or a device's. False: it says nothing. */
static bool replay_port_by_mac(struct replay *r, const struct packet *p, u8 *port)
{
	const struct settings *cfg = tables_settings(&r->tables);

	if (mac_equal(&p->mac_src, &cfg->mac[0]))
		*port = PORT_UPLINK;
	else if (mac_equal(&p->mac_src, &cfg->mac[1]))
		*port = PORT_UPLINK + 1;
	else if (mac_find(&r->tables, &p->mac_src, p->zone & 0xfff, PORT_UPLINK + 1,
			  cfg->mac_variants) &
		 MAC_OWNER_DEVICE)
		*port = PORT_UPLINK + 1;
	else
		return false;
	return true;
}

/* The device that carries what P belongs to, seen as coming from the farm. */
static u8 replay_carrier(struct replay *r, const struct packet *p)
{
	const struct settings *cfg = tables_settings(&r->tables);
	struct placement placement = {0};
	struct flow flow, key;
	struct slot *s;

	flow_from_packet(&flow, p, cfg->side == SIDE_EGRESS, cfg->zoned ? p->zone : 0);
	s = table_find(&r->tables, TABLE_SESSIONS, &flow, session_hash(cfg, &flow));
	if (s)
		return s->device;
	tunnel_key(&r->tables, cfg, &flow, &key);
	place(&r->tables, cfg, &key, r->now, &placement);
	return placement.device;
}

/* Which of the two is on the uplink's side: by the uplinks' subnets, else who spoke first. */
static const struct address *replay_opener(struct replay *r, const struct packet *p)
{
	int side = sides_compare(r->options.config, &p->src, &p->dst);
	const struct address *opener;
	struct pair pair;

	if (side)
		return (side > 0) == (r->options.self->side == CONFIG_INGRESS) ? &p->src : &p->dst;
	replay_pair(&pair, &p->src, &p->dst);
	opener = g_hash_table_lookup(r->openers, &pair);
	if (opener)
		return opener;
	g_hash_table_insert(r->openers, g_memdup2(&pair, sizeof(pair)),
			    g_memdup2(&p->src, sizeof(p->src)));
	return &p->src;
}

/* Nothing but the addresses tells: what is not from the uplink's side comes from the device that
 * carries it. */
static u8 replay_port_by_opener(struct replay *r, const struct packet *p, u8 *as)
{
	if (address_equal(replay_opener(r, p), &p->src))
		return PORT_UPLINK;
	*as = replay_carrier(r, p);
	return PORT_UPLINK + 1;
}

u8 replay_port(struct replay *r, const struct offline_frame *frame, u8 *as)
{
	struct packet_cursor c;
	struct packet p;
	u8 port;

	if (r->options.port >= 0)
		return (u8)r->options.port;
	if (frame->interface && !ports_find(r->options.self, frame->interface, &port))
		return port;
	if (!replay_parse(frame, &c, &p))
		return PORT_UPLINK;
	if (frame->has_macs && replay_port_by_mac(r, &p, &port))
		return port;
	return p.kind == PACKET_IP ? replay_port_by_opener(r, &p, as) : PORT_UPLINK;
}
