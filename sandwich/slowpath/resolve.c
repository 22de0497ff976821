// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/resolve.h"

#include <glib.h>
#include <string.h>

#include "sandwich/slowpath/build.h"
#include "sandwich/slowpath/discovery.h"

/*
 * A device is asked by unicast; where that stays unanswered, all are asked soon after, so that a
 * new MAC is known within PERMANENT_MS + RETRY_MS of the old one's falling silent: under a second.
 */
#define RESOLVE_RETRY_MS     200
#define RESOLVE_PERMANENT_MS 600
#define RESOLVE_FAILED_MS    1000  /* how often one is asked for that does not answer */
#define RESOLVE_FRESH_MS     30000 /* RFC 4861 10: REACHABLE_TIME */
#define RESOLVE_DOUBT_MS     1000  /* RFC 4861 10: RETRANS_TIMER, while its MAC is still used */
#define RESOLVE_TRIES        3
#define RESOLVE_TICK_MS      1000

struct resolve_item {
	struct resolve_entry entry; /* first: callers hold a pointer to it */
	u32 due;                    /* ms: when to ask next, or to let it go stale */
	u8 unanswered;              /* questions since the last answer */
	bool quiet;                 /* nothing to do until it is used */
	bool known;                 /* entry.mac says something */
	bool dropped;
};

struct resolver {
	struct resolve_ops ops;
	u8 ports;
	unsigned int walking; /* items may not be freed while they are walked */
	bool dropped;
	GPtrArray *items;
	GHashTable *index; /* struct resolve_target -> item; the items own both */
};

static const struct mac resolve_broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static bool resolve_farm(const struct resolve_target *t)
{
	return t->port != PORT_UPLINK;
}

static guint resolve_hash(gconstpointer key)
{
	const struct resolve_target *t = key;

	return (guint)hash_mix(t->address.word[0] ^ hash_mix(t->address.word[1] ^ t->vlan));
}

/* An address may stand on both sides of a transparent device: they are two targets. */
static gboolean resolve_same(gconstpointer a, gconstpointer b)
{
	const struct resolve_target *x = a, *y = b;

	return address_equal(&x->address, &y->address) && x->vlan == y->vlan &&
	       resolve_farm(x) == resolve_farm(y);
}

struct resolver *resolver_new(const struct resolve_ops *ops, u8 ports)
{
	struct resolver *r = g_new0(struct resolver, 1);

	r->ops = *ops;
	r->ports = ports;
	r->items = g_ptr_array_new_with_free_func(g_free);
	r->index = g_hash_table_new(resolve_hash, resolve_same);
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	g_hash_table_unref(r->index);
	g_ptr_array_unref(r->items);
	g_free(r);
}

static struct resolve_item *resolve_item(struct resolve_entry *entry)
{
	return (struct resolve_item *)entry;
}

static struct resolve_item *resolve_lookup(struct resolver *r, const struct address *address,
					   u16 vlan, u8 port)
{
	struct resolve_target key = {.address = *address, .vlan = vlan, .port = port};

	return g_hash_table_lookup(r->index, &key);
}

static void resolve_enter(struct resolver *r)
{
	r->walking++;
}

/* Frees what was dropped meanwhile, once nobody walks any more. */
static void resolve_leave(struct resolver *r)
{
	if (--r->walking || !r->dropped)
		return;
	r->dropped = false;
	for (guint i = r->items->len; i-- > 0;) {
		struct resolve_item *item = g_ptr_array_index(r->items, i);

		if (item->dropped)
			g_ptr_array_remove_index_fast(r->items, i);
	}
}

/* RFC 826 */
static u32 resolve_build_arp(const struct resolve_item *item, const struct address *source,
			     const struct mac *mac, bool unicast, u8 *out)
{
	const struct resolve_target *t = &item->entry.target;
	struct build_arp arp = {.operation = BUILD_ARP_REQUEST,
				.sender_mac = *mac,
				.sender = *source,
				.target = t->address};
	struct build_link link;

	build_link(&link, unicast ? &item->entry.mac : &resolve_broadcast, mac, t->vlan);
	return build_arp(out, BUILD_NEIGHBOUR_MAX, &link, &arp);
}

/* The solicited-node group of an address and its MAC (RFC 4291 2.7.1, RFC 2464 7). */
static void resolve_group(const struct address *address, struct address *group, struct mac *mac)
{
	u8 bytes[16] = {0xff, 2, [11] = 1, [12] = 0xff};

	memcpy(bytes + 13, (const u8 *)address + 13, 3);
	memcpy(group, bytes, sizeof(bytes));
	*mac = (struct mac){{0x33, 0x33, 0xff, bytes[13], bytes[14], bytes[15]}};
}

/* RFC 4861 4.3 */
static u32 resolve_build_nd(const struct resolve_item *item, const struct address *source,
			    const struct mac *mac, bool unicast, u8 *out)
{
	const struct resolve_target *t = &item->entry.target;
	struct build_nd nd = {.src = *source, .target = t->address, .link_option = true};
	struct build_link link;
	struct mac group;

	resolve_group(&t->address, &nd.dst, &group);
	if (unicast)
		nd.dst = t->address;
	build_link(&link, unicast ? &item->entry.mac : &group, mac, t->vlan);
	return build_solicitation(out, BUILD_NEIGHBOUR_MAX, &link, &nd);
}

static void resolve_ask_port(struct resolver *r, struct resolve_item *item, u8 port, bool unicast)
{
	u8 out[BUILD_NEIGHBOUR_MAX];
	struct address source;
	struct mac mac;
	u32 length;

	if (!r->ops.source(r->ops.user, port, &item->entry.target.address, &source, &mac))
		return;
	length = address_is_v4(&source) ? resolve_build_arp(item, &source, &mac, unicast, out)
					: resolve_build_nd(item, &source, &mac, unicast, out);
	if (length)
		r->ops.send(r->ops.user, port, out, length);
}

static bool resolve_valid(const struct resolve_item *item)
{
	return item->entry.state == RESOLVE_REACHABLE || item->entry.state == RESOLVE_STALE;
}

static void resolve_ask(struct resolver *r, struct resolve_item *item)
{
	bool unicast = resolve_valid(item) && !item->unanswered;
	u8 port = item->entry.target.port;

	if (item->unanswered < 255)
		item->unanswered++;
	if (port == PORTS_MAX && unicast)
		port = item->entry.port;
	if (port != PORTS_MAX) {
		resolve_ask_port(r, item, port, unicast);
		return;
	}
	for (port = PORT_UPLINK + 1; port < r->ports; port++)
		resolve_ask_port(r, item, port, false);
}

/* Tells the wanter; the item may be gone afterwards unless the caller has entered. */
static void resolve_changed(struct resolver *r, struct resolve_item *item, u32 now)
{
	item->entry.changed = now;
	r->ops.changed(r->ops.user, &item->entry);
}

static void resolve_state(struct resolver *r, struct resolve_item *item, enum resolve_state state,
			  u32 now)
{
	if (item->entry.state == state)
		return;
	item->entry.state = state;
	resolve_changed(r, item, now);
}

/* How long the question that was just put is waited for. */
static u32 resolve_wait(const struct resolve_item *item)
{
	if (item->entry.state == RESOLVE_FAILED)
		return RESOLVE_FAILED_MS;
	if (item->entry.target.permanent)
		return item->unanswered > 1 ? RESOLVE_PERMANENT_MS : RESOLVE_RETRY_MS;
	return resolve_valid(item) ? RESOLVE_DOUBT_MS : RESOLVE_RETRY_MS;
}

/* Asks, unless that was done often enough: then it has failed. */
static void resolve_due(struct resolver *r, struct resolve_item *item, u32 now)
{
	if (item->unanswered >= RESOLVE_TRIES && item->entry.state != RESOLVE_FAILED) {
		resolve_state(r, item, RESOLVE_FAILED, now);
		if (item->dropped)
			return;
		item->quiet = !item->entry.target.permanent;
	}
	if (item->quiet)
		return;
	if (item->entry.state == RESOLVE_REACHABLE && !item->entry.target.permanent)
		resolve_state(r, item, RESOLVE_STALE, now);
	if (item->dropped)
		return;
	resolve_ask(r, item);
	item->due = now + resolve_wait(item);
}

struct resolve_entry *resolver_want(struct resolver *r, const struct resolve_target *target,
				    void *user, u32 now)
{
	struct resolve_item *item = g_hash_table_lookup(r->index, target);

	if (item) {
		item->entry.target.permanent |= target->permanent;
		return &item->entry;
	}
	item = g_new0(struct resolve_item, 1);
	item->entry.target = *target;
	item->entry.port = target->port;
	item->entry.user = user;
	item->entry.changed = now;
	item->entry.state = RESOLVE_ASKING;
	g_ptr_array_add(r->items, item);
	g_hash_table_insert(r->index, &item->entry.target, item);
	resolve_ask(r, item);
	item->due = now + RESOLVE_RETRY_MS;
	return &item->entry;
}

void resolver_drop(struct resolver *r, struct resolve_entry *entry)
{
	struct resolve_item *item = resolve_item(entry);

	if (!item || item->dropped)
		return;
	item->dropped = true;
	r->dropped = true;
	g_hash_table_remove(r->index, &entry->target);
	resolve_enter(r);
	resolve_leave(r);
}

struct resolve_entry *resolver_find(struct resolver *r, const struct address *address, u16 vlan)
{
	struct resolve_item *item = resolve_lookup(r, address, vlan, PORT_UPLINK + 1);

	if (!item)
		item = resolve_lookup(r, address, vlan, PORT_UPLINK);
	return item ? &item->entry : NULL;
}

void resolver_walk(struct resolver *r, void (*visit)(void *user, const struct resolve_entry *e),
		   void *user)
{
	resolve_enter(r);
	for (guint i = 0; i < r->items->len; i++) {
		struct resolve_item *item = g_ptr_array_index(r->items, i);

		if (!item->dropped)
			visit(user, &item->entry);
	}
	resolve_leave(r);
}

/* Puts down who has answered; says whether anything is new by it. */
static bool resolve_learn(struct resolve_item *item, const struct mac *mac, u8 port)
{
	bool same = item->known && mac_equal(&item->entry.mac, mac) && item->entry.port == port;

	item->entry.mac = *mac;
	item->entry.port = port;
	item->known = true;
	return !same;
}

/* When to see after it again. */
static void resolve_rest(struct resolve_item *item, u32 now)
{
	item->unanswered = 0;
	item->quiet = false;
	item->due = now + (item->entry.target.permanent ? RESOLVE_PERMANENT_MS : RESOLVE_FRESH_MS);
}

static void resolve_confirm(struct resolver *r, struct resolve_item *item, const struct mac *mac,
			    u8 port, u32 now)
{
	bool news = resolve_learn(item, mac, port) || item->entry.state != RESOLVE_REACHABLE;

	item->entry.answered = now;
	item->entry.state = RESOLVE_REACHABLE;
	resolve_rest(item, now);
	if (news)
		resolve_changed(r, item, now);
}

/*
 * It was not an answer to us, yet it tells a MAC: that is used at once, and verified by asking. A
 * device that is known to be there is not made to look gone by it.
 */
static void resolve_hint(struct resolver *r, struct resolve_item *item, const struct mac *mac,
			 u8 port, u32 now)
{
	if (!resolve_learn(item, mac, port) && resolve_valid(item))
		return;
	if (item->entry.state != RESOLVE_REACHABLE || !item->entry.target.permanent)
		item->entry.state = RESOLVE_STALE;
	item->unanswered = 0;
	item->quiet = false;
	resolve_ask(r, item);
	item->due = now + resolve_wait(item);
	resolve_changed(r, item, now);
}

void resolver_hint(struct resolver *r, struct resolve_entry *entry, const struct mac *mac, u32 now)
{
	struct resolve_item *item = resolve_item(entry);

	if (resolve_valid(item) || entry->target.port == PORTS_MAX)
		return;
	resolve_enter(r);
	resolve_hint(r, item, mac, entry->target.port, now);
	resolve_leave(r);
}

void resolver_told(struct resolver *r, struct resolve_entry *entry, const struct mac *mac, u8 port,
		   u32 now)
{
	struct resolve_item *item = resolve_item(entry);

	if (port >= r->ports)
		return;
	resolve_enter(r);
	resolve_confirm(r, item, mac, port, now);
	resolve_leave(r);
}

void resolver_learn(struct resolver *r, struct resolve_entry *entry, const struct mac *mac,
		    u8 port, u32 now)
{
	struct resolve_item *item = resolve_item(entry);

	if (resolve_valid(item))
		return;
	resolve_enter(r);
	resolve_hint(r, item, mac, port, now);
	resolve_leave(r);
}

/* RFC 4861 7.2.5: without the override flag a MAC that is known is not replaced, but doubted. */
static bool resolve_overrides(const struct resolve_item *item, const struct discovery *d)
{
	return d->is_request || !d->has_mac || d->flags & DISCOVERY_OVERRIDE || !item->known ||
	       !resolve_valid(item) || mac_equal(&item->entry.mac, &d->mac);
}

static void resolve_take(struct resolver *r, struct resolve_item *item, const struct discovery *d,
			 u8 port, u32 now)
{
	const struct mac *mac = d->has_mac ? &d->mac : &item->entry.mac;

	if (!d->has_mac && !item->known)
		return; /* RFC 4861 7.2.5: nothing to go by */
	if (!resolve_overrides(item, d)) {
		item->due = now;
		return;
	}
	if (d->is_request || !(d->flags & DISCOVERY_SOLICITED))
		resolve_hint(r, item, mac, port, now);
	else
		resolve_confirm(r, item, mac, port, now);
}

/* Whether an answer by that port counts: a device is not believed from elsewhere. */
static bool resolve_port_ok(const struct resolver *r, const struct resolve_item *item, u8 port)
{
	u8 wanted = item->entry.target.port;

	return port < r->ports && (wanted == port || (wanted == PORTS_MAX && port != PORT_UPLINK));
}

void resolver_input(struct resolver *r, u8 port, const u8 *frame, u32 length, u32 now)
{
	struct packet_cursor cursor = {.data = frame, .end = frame + length, .length = length};
	struct resolve_item *item;
	struct packet packet;
	struct discovery d;
	u8 why;

	memset(&packet, 0, sizeof(packet));
	if (!packet_parse(&cursor, &packet, &why) || !discovery_parse(frame, length, &packet, &d) ||
	    discovery_is_probe(&d))
		return;
	item = resolve_lookup(r, discovery_subject(&d), d.vlan, port);
	if (!item || !resolve_port_ok(r, item, port))
		return;
	resolve_enter(r);
	resolve_take(r, item, &d, port, now);
	resolve_leave(r);
}

void resolver_used(struct resolver *r, struct resolve_entry *entry, u32 now)
{
	struct resolve_item *item = resolve_item(entry);
	bool again = entry->state == RESOLVE_FAILED &&
		     core_elapsed(now, entry->changed) >= RESOLVE_FAILED_MS;

	if (!again && !(entry->state == RESOLVE_STALE && !item->unanswered))
		return;
	item->quiet = false;
	if (again && !entry->target.permanent) {
		item->unanswered = 0;
		entry->state = RESOLVE_ASKING;
		entry->changed = now;
	}
	resolve_ask(r, item);
	item->due = now + resolve_wait(item);
}

void resolver_doubt(struct resolver *r, struct resolve_entry *entry, u32 now)
{
	struct resolve_item *item = resolve_item(entry);

	if (item->unanswered)
		return; /* all are being asked already */
	item->quiet = false;
	item->unanswered = 1;
	resolve_ask(r, item);
	item->due = now + resolve_wait(item);
}

void resolver_refresh_port(struct resolver *r, u8 port, u32 now)
{
	for (guint i = 0; i < r->items->len; i++) {
		struct resolve_item *item = g_ptr_array_index(r->items, i);

		if (item->entry.port == port && !item->dropped && !item->quiet)
			item->due = now;
	}
}

u32 resolver_tick(struct resolver *r, u32 now)
{
	u32 wait = RESOLVE_TICK_MS;

	resolve_enter(r);
	for (guint i = 0; i < r->items->len; i++) {
		struct resolve_item *item = g_ptr_array_index(r->items, i);

		if (!item->dropped && !item->quiet && (int32_t)(now - item->due) >= 0)
			resolve_due(r, item, now);
		if (!item->dropped && !item->quiet && core_elapsed(item->due, now) < wait)
			wait = core_elapsed(item->due, now);
	}
	resolve_leave(r);
	return wait;
}
