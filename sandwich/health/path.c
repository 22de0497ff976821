/* SPDX-License-Identifier: ISC */
#include "sandwich/health/path.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include "sandwich/health/datagram.h"
#include "sandwich/health/message.h"
#include "sync/seal.h"

#define SEALED_MAX (MESSAGE_MAX + SEAL_OVERHEAD)
#define FRAME_MAX (DATAGRAM_HEADERS + SEALED_MAX)

#define INDEX_SLOTS 512 /* twice the devices: a walk is short */

/* Egress: how the last ask came, turned round; what is told unasked goes that way too. */
struct path_way {
	struct datagram back;
	u64 challenge; /* of who asked */
	u64 asked;     /* when it came; 0: never */
	u8 port;
};

struct path_device {
	u64 name; /* 0: none */
	struct path_way way;
};

struct path {
	struct path_setup setup; /* .health is not kept */
	struct path_ops ops;
	struct seal *seal;
	u8 *secret;
	size_t secret_length;
	struct mac farm_mac;
	u64 epoch;
	u64 challenge;	       /* ours: what is fresh echoes it */
	u64 partner_challenge; /* as last heard; 0: not yet */
	u64 next_ask, last_urge;
	bool urge_pending, same_epoch;
	unsigned int cursor;   /* the device whose record came last */
	u32 rtt;
	u64 sent, received, rejected;
	struct path_device devices[DEVICES_MAX];
	u8 index[INDEX_SLOTS]; /* ids by name, open addressing; 0: free */
};

const char *path_result_text(enum path_result result)
{
	static const char *const texts[PATH_RESULTS] = {
		"fresh", "a greeting", "not a heartbeat", "too short", "not sealed by a partner",
		"sealed with another secret, or forged",
		"seen before, or from before the sender's last start (was its clock set back?)",
		"malformed", "from our own side", "not from the device that it was sent through",
		"an answer to nothing asked lately",
	};

	return texts[result];
}

/* Addresses */

static bool side_address(const struct config_side *side, bool v4, struct address *out)
{
	for (guint i = 0; i < side->farm_addresses->len; i++) {
		const struct config_address *a =
			&g_array_index(side->farm_addresses, struct config_address, i);

		memcpy(out, &a->address, sizeof(*out));
		if (address_is_v4(out) == v4)
			return true;
	}
	return false;
}

int path_addresses(const struct config *config, enum config_side_id side, struct address *mine,
		   struct address *partner)
{
	const struct config_side *us = &config->side[side], *them = &config->side[!side];

	for (int v4 = 1; v4 >= 0; v4--)
		if (side_address(us, v4, mine) && side_address(them, v4, partner))
			return 0;
	return -EADDRNOTAVAIL;
}

/* Life */

/* Where in the index NAME is, or could be put. */
static u8 *path_slot(struct path *p, u64 name)
{
	u32 at = (u32)hash_mix(name) % INDEX_SLOTS;

	while (p->index[at] && p->devices[p->index[at]].name != name)
		at = (at + 1) % INDEX_SLOTS;
	return &p->index[at];
}

static void path_index(struct path *p)
{
	memset(p->index, 0, sizeof(p->index));
	for (int i = 1; i < DEVICES_MAX; i++)
		if (p->devices[i].name)
			*path_slot(p, p->devices[i].name) = (u8)i;
}

static void path_devices(struct path *p, const struct device *devices)
{
	for (int i = 1; i < DEVICES_MAX; i++) {
		struct path_device *d = &p->devices[i];

		if (d->name == devices[i].name_hash)
			continue;
		memset(d, 0, sizeof(*d));
		d->name = devices[i].name_hash;
	}
	path_index(p);
}

static void path_forget_secret(struct path *p)
{
	seal_free(p->seal);
	p->seal = NULL;
	if (p->secret)
		sodium_memzero(p->secret, p->secret_length);
	g_free(p->secret);
	p->secret = NULL;
}

/* A new secret is a new start: with it goes what was said under the old one. */
static int path_take_secret(struct path *p, const struct path_setup *setup)
{
	const struct health_setup *h = setup->health;
	struct seal *seal;
	int error;

	if (p->seal && p->setup.sender == setup->sender && p->secret_length == h->secret_length &&
	    !memcmp(p->secret, h->secret, h->secret_length))
		return 0;
	error = seal_new(&seal, h->secret, h->secret_length, "path", setup->sender);
	if (error)
		return error;
	path_forget_secret(p);
	p->seal = seal;
	p->secret = g_memdup2(h->secret, h->secret_length);
	p->secret_length = h->secret_length;
	p->partner_challenge = 0;
	do
		randombytes_buf(&p->challenge, sizeof(p->challenge));
	while (!p->challenge);
	return 0;
}

int path_reload(struct path *p, const struct path_setup *setup, u64 now)
{
	int error = path_take_secret(p, setup);

	if (error)
		return error;
	p->setup = *setup;
	p->setup.health = NULL;
	p->farm_mac = setup->health->farm_mac;
	p->epoch = setup->health->epoch;
	p->next_ask = MIN(p->next_ask, now + setup->interval);
	path_devices(p, setup->health->devices);
	return 0;
}

int path_new(struct path **out, const struct path_setup *setup, const struct path_ops *ops, u64 now)
{
	struct path *p = g_new0(struct path, 1);
	int error;

	p->ops = *ops;
	p->next_ask = now;
	p->same_epoch = true; /* nothing else was heard */
	error = path_reload(p, setup, now);
	if (error) {
		path_free(p);
		p = NULL;
	}
	*out = p;
	return error;
}

void path_free(struct path *p)
{
	if (!p)
		return;
	path_forget_secret(p);
	g_free(p);
}

/* Out */

static void path_record(struct path *p, u8 device, struct message *m)
{
	const struct health_ops *ops = p->ops.health;
	struct health_record *r = &m->record[m->records];

	if (!p->devices[device].name)
		return;
	memset(r, 0, sizeof(*r));
	ops->export_record(ops->user, device, r);
	r->name_hash = p->devices[device].name;
	m->records++;
}

/* The records of as many devices as fit; the next message goes on where this one stops. */
static void path_records(struct path *p, struct message *m)
{
	for (int i = 1; i < DEVICES_MAX && m->records < MESSAGE_RECORDS; i++) {
		p->cursor = p->cursor % (DEVICES_MAX - 1) + 1; /* 1 .. 255, round and round */
		path_record(p, (u8)p->cursor, m);
	}
}

static void path_send(struct path *p, u8 device, u8 port, struct datagram *d, struct message *m)
{
	const struct health_ops *ops = p->ops.health;
	u8 plain[MESSAGE_MAX], sealed[SEALED_MAX], frame[FRAME_MAX];

	m->side = p->setup.side;
	m->challenge = p->challenge;
	m->epoch = p->epoch;
	m->device = p->devices[device].name;
	path_records(p, m);
	d->payload = sealed;
	d->length = (u32)seal_close(p->seal, sealed, plain, message_encode(m, plain));
	p->sent++;
	ops->send(ops->user, port, frame, datagram_udp(d, frame));
}

static void path_ask(struct path *p, u8 device, u64 now)
{
	const struct health_ops *ops = p->ops.health;
	struct datagram d = { .mac_src = p->farm_mac, .src = p->setup.mine, .dst = p->setup.partner,
			      .sport = p->setup.udp_port, .dport = p->setup.udp_port };
	struct message m = { .type = MESSAGE_ASK, .echo = p->partner_challenge, .asked = now };
	u16 vlan = VLAN_KEEP;
	u8 port = 0;

	if (!ops->hop(ops->user, device, &d.mac_dst, &port, &vlan)) {
		p->ops.blind(p->ops.user, device, "its MAC is not known");
		return;
	}
	p->ops.blind(p->ops.user, device, NULL);
	datagram_tag(&d, vlan);
	path_send(p, device, port, &d, &m);
}

/* Egress asks nobody, but must know who can't be reached. */
static void path_look(struct path *p, u8 device, u64 now)
{
	const struct health_ops *ops = p->ops.health;
	struct mac mac;
	u16 vlan;
	u8 port;
	bool known = ops->hop(ops->user, device, &mac, &port, &vlan);

	(void)now;
	p->ops.blind(p->ops.user, device, known ? NULL : "its MAC is not known");
}

static void path_tell(struct path *p, u8 device, u64 now)
{
	const struct path_way *way = &p->devices[device].way;
	struct message m = { .type = MESSAGE_TELL, .echo = way->challenge };
	struct datagram d = way->back;

	if (way->asked && now - way->asked <= p->setup.limit)
		path_send(p, device, way->port, &d, &m);
}

static void path_each(struct path *p, void (*act)(struct path *p, u8 device, u64 now), u64 now)
{
	for (int i = 1; i < DEVICES_MAX; i++)
		if (p->devices[i].name)
			act(p, (u8)i, now);
}

static void path_urge_now(struct path *p, u64 now)
{
	p->urge_pending = false;
	p->last_urge = now;
	path_each(p, p->setup.side == CONFIG_INGRESS ? path_ask : path_tell, now);
}

u64 path_urge(struct path *p, u64 now)
{
	if (now - p->last_urge >= PATH_URGE_US)
		path_urge_now(p, now);
	else
		p->urge_pending = true;
	return p->urge_pending ? p->last_urge + PATH_URGE_US : p->next_ask;
}

u64 path_tick(struct path *p, u64 now)
{
	if (now >= p->next_ask) {
		p->next_ask += p->setup.interval;
		if (p->next_ask <= now)
			p->next_ask =
				now +
				p->setup.interval; /* late: what was missed is not made up for */
		path_each(p, p->setup.side == CONFIG_INGRESS ? path_ask : path_look, now);
	}
	if (p->urge_pending && now - p->last_urge >= PATH_URGE_US)
		path_urge_now(p, now);
	return p->urge_pending ? MIN(p->next_ask, p->last_urge + PATH_URGE_US) : p->next_ask;
}

/* In */

static void path_import(struct path *p, const struct message *m)
{
	const struct health_ops *ops = p->ops.health;

	p->same_epoch = m->epoch == p->epoch;
	for (unsigned int i = 0; i < m->records; i++)
		ops->import_record(ops->user, *path_slot(p, m->record[i].name_hash), &m->record[i]);
}

/* Turns the ask round: what it came with leads back through whatever the device made of it. */
static void path_answer(struct path *p, u8 port, u8 device, const struct datagram *ask,
			const struct message *question, u64 now)
{
	struct path_way *way = &p->devices[device].way;
	struct message m = {
		.type = MESSAGE_ANSWER, .echo = question->challenge, .asked = question->asked};
	struct datagram back = *ask;

	back.mac_dst = ask->mac_src;
	back.mac_src = p->farm_mac;
	back.src = ask->dst;
	back.dst = ask->src;
	back.sport = ask->dport;
	back.dport = ask->sport;
	*way = (struct path_way){
		.back = back, .challenge = question->challenge, .asked = now, .port = port};
	path_send(p, device, port, &back, &m);
}

static enum path_result path_asked(struct path *p, u8 port, u8 device, const struct datagram *d,
				   const struct message *m, u64 now)
{
	bool fresh = m->echo == p->challenge;

	if (fresh) {
		path_import(p, m);
		p->ops.heard(p->ops.user, device, 0, now);
	}
	path_answer(p, port, device, d, m, now); /* with what the import has changed */
	return fresh ? PATH_FRESH : PATH_GREETING;
}

static enum path_result path_answered(struct path *p, u8 device, const struct message *m, u64 now)
{
	bool answer = m->type == MESSAGE_ANSWER;

	if (m->echo != p->challenge)
		return PATH_STALE;
	if (answer && (m->asked > now || now - m->asked > p->setup.limit))
		return PATH_STALE;
	p->partner_challenge = m->challenge;
	path_import(p, m);
	if (answer) {
		p->rtt = (u32)MAX(now - m->asked, 1);
		p->ops.heard(p->ops.user, device, p->rtt, now);
	}
	return PATH_FRESH;
}

static enum path_result path_opened(struct path *p, const struct datagram *d, u8 device,
				    struct message *m)
{
	static const enum path_result results[SEAL_ERRORS] = {
		[SEAL_SHORT] = PATH_SHORT,   [SEAL_FOREIGN] = PATH_FOREIGN,
		[SEAL_FORGED] = PATH_FORGED, [SEAL_REPLAYED] = PATH_REPLAYED,
	};
	u8 plain[SEALED_MAX];
	enum seal_error error;
	size_t size;
	u32 sender;

	if (d->length > sizeof(plain))
		return PATH_FOREIGN;
	error = seal_open(p->seal, d->payload, d->length, plain, &size, &sender);
	if (error)
		return results[error];
	if (message_decode(m, plain, size))
		return PATH_MALFORMED;
	if (m->side == p->setup.side)
		return PATH_OWN_SIDE;
	if ((m->type == MESSAGE_ASK) != (p->setup.side == CONFIG_EGRESS))
		return PATH_MALFORMED; /* ingress asks, egress answers */
	return device && p->devices[device].name == m->device ? PATH_FRESH : PATH_MISROUTED;
}

static enum path_result path_take(struct path *p, u8 port, u8 device, const struct datagram *d,
				  u64 now)
{
	struct message m;
	enum path_result result = path_opened(p, d, device, &m);

	if (result != PATH_FRESH)
		return result;
	if (m.type == MESSAGE_ASK)
		return path_asked(p, port, device, d, &m, now);
	return path_answered(p, device, &m, now);
}

enum path_result path_input(struct path *p, u8 port, u8 device, const u8 *frame, u32 length,
			    u64 now)
{
	enum path_result result;
	struct datagram d;

	if (!datagram_read_udp(&d, frame, length) || d.dport != p->setup.udp_port)
		return PATH_OTHER;
	result = path_take(p, port, device, &d, now);
	if (result > PATH_OTHER)
		p->rejected++;
	else
		p->received++;
	return result;
}

void path_partner(const struct path *p, struct health_partner *out)
{
	out->same_epoch = p->same_epoch;
	out->rtt_us = p->rtt;
	out->sent = p->sent;
	out->received = p->received;
	out->rejected = p->rejected;
}
