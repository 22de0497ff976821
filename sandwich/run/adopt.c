// SPDX-License-Identifier: ISC
#include "sandwich/run/adopt.h"

#include <string.h>

#include "sandwich/fastpath/carry.h"
#include "sandwich/fastpath/fastpath.h"
#include "sandwich/fastpath/life.h"
#include "sandwich/run/attach.h"
#include "sandwich/run/number.h"
#include "sandwich/run/settings.h"
#include "sandwich/slowpath/hop.h"
#include "sandwich/slowpath/macs.h"
#include "sandwich/slowpath/routes.h"

#define ADOPT_STALE_MS 10000 /* when a device's MAC that nobody answered for is forgotten */

struct adopt {
	struct former *former;
	bool known[DEVICES_MAX];    /* the former daemon had it, and so do we */
	u32 sessions[DEVICES_MAX];  /* how many its table told when it was read */
	u32 began, left;	    /* ms: when we looked, and when it was last alive */
	struct counters *counters;  /* of what is carried: no news */
	struct carry_counts carried[TABLES];
};

static struct former *adopt_former(const struct balancer *b)
{
	return b->fast ? fastpath_former(b->fast) : NULL;
}

/* --- before the settings are applied -------------------------------------------------------- */

static void adopt_number(struct balancer *b, struct adopt *a)
{
	struct former_column names;
	u64 had[DEVICES_MAX];

	former_column(a->former, "devices", "name_hash", 8, &names);
	for (unsigned int id = 0; id < DEVICES_MAX; id++)
		had[id] = id ? former_number(&names, id) : 0;
	number_by_hash(b->config, had);
	for (guint i = 0; i < b->config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(b->config->devices, i);

		a->known[d->id] = had[d->id] == settings_name_hash(d->name) && !d->disabled;
	}
}

/* Ports may stand in another order in the file now. 0: the way is no more. */
static hop_word adopt_hop(const struct balancer *b, hop_word hop)
{
	u8 port = hop & HOP_VALID ? fastpath_port_now(b->fast, hop_port(hop)) : PORTS_MAX;
	struct mac mac;

	if (port >= PORTS_MAX || port == PORT_UPLINK || hop_port(hop) == PORT_UPLINK)
		return 0;
	hop_mac(hop, &mac);
	return hop_make(&mac, port);
}

static void adopt_devices(struct balancer *b, struct adopt *a)
{
	struct former_column hop, heard, since, sessions;
	bool counted = fastpath_shares(b->fast, "sessions");

	former_column(a->former, "devices", "hop", 8, &hop);
	former_column(a->former, "devices", "heard", 4, &heard);
	former_column(a->former, "devices", "since", 4, &since);
	former_column(a->former, "devices", "sessions", 4, &sessions);
	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		struct device *d = &b->tables.devices[id];

		a->sessions[id] = (u32)former_number(&sessions, id);
		if (counted)
			core_add(&d->sessions, a->sessions[id]);
		if (!a->known[id])
			continue;
		core_store(&d->heard, (u32)former_number(&heard, id));
		core_store(&d->since, (u32)former_number(&since, id));
		core_publish(&d->hop, adopt_hop(b, former_number(&hop, id)));
	}
}

static void adopt_set(struct adopt *a, const char *field, struct device_set *out)
{
	struct former_column column;
	struct device_set was;

	former_column(a->former, "settings", field, sizeof(was), &column);
	former_copy(&column, 0, &was, sizeof(was));
	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		device_set_put(out, (u8)id, a->known[id] && device_set_has(&was, (u8)id));
}

static void adopt_settings(struct balancer *b, struct adopt *a)
{
	struct settings *s = b->tables.settings;
	struct hash_key secret = s->secret;
	struct former_column column;

	adopt_set(a, "up", &s->up);
	adopt_set(a, "pick", &s->pick);
	settings_update_live(&b->tables, s);
	former_column(a->former, "settings", "secret", sizeof(s->secret), &column);
	former_copy(&column, 0, &secret, sizeof(secret));
	settings_secret(s, &secret);
	former_column(a->former, "settings", "quantum", 4, &column);
	s->quantum = (u32)former_number(&column, 0);
	if (!fastpath_shares(b->fast, "filter"))
		return;
	former_column(a->former, "settings", "filter", 4, &column);
	s->filter = (u32)former_number(&column, 0);
}

static void adopt_macs(struct balancer *b, struct adopt *a)
{
	struct former_column keys, owners;

	former_column(a->former, "macs", "key", 8, &keys);
	former_column(a->former, "macs", "owner", 4, &owners);
	for (u32 i = 0; i < keys.count; i++) {
		u64 key = former_number(&keys, i);
		u32 owner = (u32)former_number(&owners, i);

		if (key > MAC_FREE && owner & MAC_OWNER_DEVICE && a->known[owner & 0xff] &&
		    macs_put(&b->tables, key, owner))
			break; /* it is full: the rest is learned again */
	}
}

void adopt_begin(struct balancer *b)
{
	struct former *former = adopt_former(b);
	struct former_column alive;
	struct adopt *a;

	if (!former)
		return;
	a = b->adopt = g_new0(struct adopt, 1);
	a->former = former;
	a->began = memory_now();
	former_column(former, "notes", "alive", 4, &alive);
	a->left = (u32)former_number(&alive, 0);
	adopt_number(b, a);
	adopt_settings(b, a);
	adopt_devices(b, a);
	adopt_macs(b, a);
}

/* --- tables --------------------------------------------------------------------------------- */

/* The rows that were in force, beside those that the configuration wants. */
static void adopt_rows(struct balancer *b, struct adopt *a)
{
	struct tables *t = &b->tables;
	size_t bytes = sizeof(struct rank_row) * RANK_ROWS;
	struct rank_row *was = tables_row(t, !b->rows, 0);
	struct former_column rows, set;

	former_column(a->former, "rows", "row", 0, &rows);
	former_column(a->former, "settings", "rows", 4, &set);
	if (!rows.at || rows.stride * rows.count != RANK_SETS * bytes)
		return;
	memcpy(was, rows.at + (former_number(&set, 0) ? bytes : 0), bytes);
	if (memcmp(was, tables_row(t, b->rows, 0), bytes))
		t->settings->rows = !b->rows;
}

static struct tables adopt_handle(const struct balancer *b, struct adopt *a)
{
	struct tables t = b->tables;

	if (!a->counters)
		a->counters = g_new0(struct counters, 1);
	t.counters = a->counters;
	t.events = NULL;
	return t;
}

static void adopt_carry(struct balancer *b, struct adopt *a, u32 recent_ms)
{
	struct tables t = adopt_handle(b, a);
	u32 now = memory_now();

	if (!fastpath_shares(b->fast, "pins"))
		carry(a->former, TABLE_PINS, &t, recent_ms, now, &a->carried[TABLE_PINS]);
	if (!fastpath_shares(b->fast, "sessions"))
		carry(a->former, TABLE_SESSIONS, &t, recent_ms, now, &a->carried[TABLE_SESSIONS]);
}

void adopt_tables(struct balancer *b)
{
	if (!b->adopt)
		return;
	adopt_rows(b, b->adopt);
	adopt_carry(b, b->adopt, UINT32_MAX);
	b->received = memory_received(b->memory);
	b->rated = memory_now();
}

/* --- the farm and the ways ------------------------------------------------------------------ */

void adopt_farm(struct balancer *b)
{
	struct farm_heritage h = {.admin = {0}};
	struct former_column column;

	if (!b->adopt)
		return;
	former_column(b->adopt->former, "notes", "admin", sizeof(h.admin), &column);
	former_copy(&column, 0, h.admin, sizeof(h.admin));
	former_column(b->adopt->former, "notes", "admin_version", sizeof(h.version), &column);
	former_copy(&column, 0, h.version, sizeof(h.version));
	memcpy(h.known, b->adopt->known, sizeof(h.known));
	farm_inherit(b->farm, &h);
}

/* Routers and hosts of the uplink: by their number, by the routes that lead to them. */
static void adopt_routers(struct balancer *b, struct adopt *a)
{
	struct former_column keys, owners, hops;

	former_column(a->former, "macs", "key", 8, &keys);
	former_column(a->former, "macs", "owner", 4, &owners);
	former_column(a->former, "neighbours", "hop", 8, &hops);
	for (u32 i = 0; i < keys.count; i++) {
		u64 key = former_number(&keys, i);
		u32 owner = (u32)former_number(&owners, i);
		u16 number = owner & 0xff;
		struct mac mac = {{0}};

		if (key <= MAC_FREE || !(owner & MAC_OWNER_ROUTER))
			continue;
		hop_mac(former_number(&hops, number), &mac);
		routes_adopt_router(b->routes, key, number, &mac);
	}
}

static void adopt_hosts(struct balancer *b, struct adopt *a)
{
	struct former_column prefix, tag, kind, neighbour, hops, address;
	u32 now = memory_now();

	former_column(a->former, "routes", "prefix", sizeof(struct address), &prefix);
	former_column(a->former, "routes", "tag", 4, &tag);
	former_column(a->former, "routes", "kind", 1, &kind);
	former_column(a->former, "routes", "neighbour", 2, &neighbour);
	former_column(a->former, "neighbours", "hop", 8, &hops);
	former_column(a->former, "neighbours", "address", sizeof(struct address), &address);
	for (u32 i = 0; i < kind.count; i++) {
		u32 word = (u32)former_number(&tag, i);
		u16 number = (u16)former_number(&neighbour, i);
		hop_word hop = former_number(&hops, number);
		struct address at;
		struct mac mac;

		if (former_number(&kind, i) != ROUTE_VIA || word == ~0u || !(hop & HOP_VALID))
			continue;
		former_copy(&address, number, &at, sizeof(at));
		hop_mac(hop, &mac);
		routes_adopt_hop(b->routes, &at, word >> 8, &mac, now);
	}
}

static void adopt_attached(struct balancer *b, struct adopt *a)
{
	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		if (a->known[id])
			attach_adopt(b->attach, (u8)id, memory_now());
}

void adopt_ways(struct balancer *b)
{
	if (!b->adopt)
		return;
	adopt_attached(b, b->adopt);
	adopt_routers(b, b->adopt);
	adopt_hosts(b, b->adopt);
}

/* --- the end -------------------------------------------------------------------------------- */

/* What the former program added to its own table after we had read it. */
static void adopt_count(struct balancer *b, struct adopt *a)
{
	struct former_column sessions;

	if (!fastpath_shares(b->fast, "sessions"))
		return;
	former_column(a->former, "devices", "sessions", 4, &sessions);
	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		core_add(&b->tables.devices[id].sessions,
			 (u32)former_number(&sessions, id) - a->sessions[id]);
}

static u32 adopt_live(struct tables *t, enum table_kind kind)
{
	u32 n = 0;

	for (u64 i = 0; i <= t->mask[kind]; i++)
		n += slot_is_live(core_load(&tables_slot(t, kind, (u32)i)->version));
	return n;
}

/* Another key places pins elsewhere: they are put where they are looked for. */
static void adopt_rekey(struct balancer *b, struct adopt *a)
{
	struct tables *t = &b->tables, handle = adopt_handle(b, a);
	struct former_column column;
	struct hash_key was;
	GArray *pins;

	former_column(a->former, "settings", "placement", sizeof(was), &column);
	former_copy(&column, 0, &was, sizeof(was));
	if (!fastpath_shares(b->fast, "pins") ||
	    !memcmp(&was, &t->settings->placement, sizeof(was)))
		return;
	g_message("the secret is another now: pins are placed by it, and so is what begins from "
		  "now on; the session table keeps its own key");
	pins = g_array_new(FALSE, FALSE, sizeof(struct slot));
	for (u64 i = 0; i <= t->mask[TABLE_PINS]; i++) {
		struct slot *s = tables_slot(t, TABLE_PINS, (u32)i), copy = *s;

		if (slot_remove(s, copy.version))
			g_array_append_val(pins, copy);
	}
	for (guint i = 0; i < pins->len; i++) {
		const struct slot *s = &g_array_index(pins, struct slot, i);

		(void)pin_put(&handle, &s->key, flow_hash(&t->settings->placement, &s->key),
			      s->device, s->state, s->seen);
	}
	g_array_unref(pins);
}

static void adopt_say(struct balancer *b, const struct adopt *a)
{
	const struct carry_counts *s = &a->carried[TABLE_SESSIONS], *p = &a->carried[TABLE_PINS];
	u32 replaced = (u32)a->counters->counter[COUNTER_SESSIONS_REPLACED];

	g_message("adopted %u sessions, %u pins, left %u.%03u s ago",
		  b->maintain.live[TABLE_SESSIONS], b->maintain.live[TABLE_PINS],
		  core_elapsed(a->began, a->left) / 1000, core_elapsed(a->began, a->left) % 1000);
	if (!fastpath_shares(b->fast, "sessions"))
		g_message("the session table has another layout now: %u sessions carried, %u found "
			  "no room", s->carried - MIN(replaced, s->carried), s->no_room + replaced);
	if (!fastpath_shares(b->fast, "pins"))
		g_message("the pin table has another layout now: %u pins carried, %u found no room",
			  p->carried, p->no_room);
	if (!fastpath_shares(b->fast, "counters"))
		g_message("counters have another layout now: they begin at 0");
}

static gboolean adopt_forget_macs(gpointer user)
{
	struct balancer *b = user;

	b->adopt_timer = 0;
	attach_forget_strangers(b->attach);
	return G_SOURCE_REMOVE;
}

void adopt_finish(struct balancer *b)
{
	struct adopt *a = b->adopt;

	if (!a)
		return;
	/* Both programs have been at work since: what they touched is touched up. */
	adopt_carry(b, a, core_elapsed(memory_now(), a->began) + 1000);
	adopt_count(b, a);
	adopt_handle(b, a);
	adopt_rekey(b, a);
	b->maintain.live[TABLE_SESSIONS] = adopt_live(&b->tables, TABLE_SESSIONS);
	b->maintain.live[TABLE_PINS] = adopt_live(&b->tables, TABLE_PINS);
	adopt_say(b, a);
	fastpath_forget_former(b->fast);
	adopt_give_up(b);
	b->adopt_timer = g_timeout_add(ADOPT_STALE_MS, adopt_forget_macs, b);
}

void adopt_give_up(struct balancer *b)
{
	if (b->adopt)
		g_free(b->adopt->counters);
	g_clear_pointer(&b->adopt, g_free);
}

/* --- notes ---------------------------------------------------------------------------------- */

static void adopt_note(void *user, struct farm_device *d)
{
	struct fast_notes *notes = user;

	notes->admin[d->id] = d->admin;
	notes->admin_version[d->id] = d->admin_version;
}

void adopt_tick(struct balancer *b, u32 now)
{
	struct fast_notes *notes = b->fast ? fastpath_notes(b->fast) : NULL;

	if (!notes)
		return;
	core_store(&notes->alive, now);
	farm_walk(b->farm, adopt_note, notes);
}
