// SPDX-License-Identifier: ISC
/* The main thread's side of sync: what it tells the twin, and what it does upon the twin's word. */
#include <string.h>

#include "sandwich/run/attach.h"
#include "sandwich/run/duty.h"
#include "sandwich/run/farm_twin.h"
#include "sandwich/run/sync_parts.h"

/* A word of the thread on its way. */
struct sync_word {
	struct balancer *b;
	bool active;
	u32 n;
	struct record_farm *farm;
	struct record_neighbour *neighbours;
};

static void sync_word_free(gpointer user)
{
	struct sync_word *word = user;

	g_free(word->farm);
	g_free(word->neighbours);
	g_free(word);
}

static void sync_word_send(struct sync *s, GSourceFunc run, struct sync_word *word)
{
	word->b = s->b;
	g_main_context_invoke_full(NULL, G_PRIORITY_HIGH, run, word, sync_word_free);
}

/* --- told by the thread --------------------------------------------------------------------- */

static gboolean sync_on_duty(gpointer user)
{
	const struct sync_word *word = user;

	if (word->b->sync)
		duty_set(word->b, word->active);
	return G_SOURCE_REMOVE;
}

void sync_main_duty(struct sync *s, bool active)
{
	struct sync_word *word = g_new0(struct sync_word, 1);

	word->active = active;
	sync_word_send(s, sync_on_duty, word);
}

static void sync_take_device(struct balancer *b, const struct record_farm *r, u32 now)
{
	const struct farm_word word = {
		.fit = r->flags & RECORD_FARM_FIT,
		.partner_fit = r->flags & RECORD_FARM_PARTNER_FIT,
		.up = r->flags & RECORD_FARM_UP,
		.pick = r->flags & RECORD_FARM_PICK,
		.admin = r->admin,
		.admin_version = r->admin_version,
		.deadline_ms = r->deadline_ms,
	};
	u8 device = tables_device_named(&b->tables, r->name);

	if (device)
		farm_told(b->farm, device, &word, now);
}

static gboolean sync_on_farm(gpointer user)
{
	const struct sync_word *word = user;

	if (!word->b->sync || duty_is_active(word->b))
		return G_SOURCE_REMOVE;
	for (u32 i = 0; i < word->n; i++)
		sync_take_device(word->b, &word->farm[i], memory_now());
	return G_SOURCE_REMOVE;
}

void sync_main_farm(struct sync *s, const struct record_farm *farm, u32 n)
{
	struct sync_word *word = g_new0(struct sync_word, 1);

	word->n = n;
	word->farm = g_memdup2(farm, n * sizeof(*farm));
	sync_word_send(s, sync_on_farm, word);
}

static void sync_take_neighbour(struct balancer *b, const struct record_neighbour *n, u32 now)
{
	struct resolve_entry *entry = resolver_find(b->resolver, &n->address, n->vlan);

	if (entry)
		resolver_told(b->resolver, entry, &n->mac, n->port, now);
}

static gboolean sync_on_neighbours(gpointer user)
{
	const struct sync_word *word = user;

	if (!word->b->sync || duty_is_active(word->b))
		return G_SOURCE_REMOVE;
	for (u32 i = 0; i < word->n; i++)
		sync_take_neighbour(word->b, &word->neighbours[i], memory_now());
	return G_SOURCE_REMOVE;
}

void sync_main_neighbours(struct sync *s, const struct record_neighbour *neighbours, u32 n)
{
	struct sync_word *word = g_new0(struct sync_word, 1);

	word->n = n;
	word->neighbours = g_memdup2(neighbours, n * sizeof(*neighbours));
	sync_word_send(s, sync_on_neighbours, word);
}

/* --- what there is to tell ------------------------------------------------------------------ */

struct sync_collecting {
	struct balancer *b;
	struct sync_told *out;
	u32 now;
};

static void sync_collect_device(void *user, struct farm_device *d)
{
	const struct sync_collecting *c = user;
	struct record_farm *r = &c->out->farm[c->out->devices];
	struct farm_word word;

	farm_tell(c->b->farm, d->id, &word, c->now);
	*r = (struct record_farm){
		.name = c->b->tables.devices[d->id].name_hash,
		.flags = (u8)((word.fit ? RECORD_FARM_FIT : 0) |
			      (word.partner_fit ? RECORD_FARM_PARTNER_FIT : 0) |
			      (word.up ? RECORD_FARM_UP : 0) |
			      (word.pick ? RECORD_FARM_PICK : 0)),
		.admin = word.admin,
		.admin_version = word.admin_version,
		.deadline_ms = word.deadline_ms,
	};
	c->out->devices += r->name != 0;
}

static void sync_collect_neighbour(void *user, const struct resolve_entry *e)
{
	const struct sync_collecting *c = user;

	if (c->out->neighbours == SYNC_NEIGHBOURS ||
	    (e->state != RESOLVE_REACHABLE && e->state != RESOLVE_STALE))
		return;
	c->out->neighbour[c->out->neighbours++] = (struct record_neighbour){
		.address = e->target.address,
		.vlan = e->target.vlan,
		.port = e->port,
		.mac = e->mac,
	};
}

/* Frames can come in, and go out by some farm port. */
static bool sync_ports_ok(const struct balancer *b)
{
	bool farm = false;

	for (u8 i = PORT_UPLINK + 1; i < b->port_count; i++)
		farm |= b->ports[i] && port_carrier(b->ports[i]);
	return farm && b->ports[PORT_UPLINK] && port_carrier(b->ports[PORT_UPLINK]);
}

void sync_main_collect(struct balancer *b, struct sync_told *out)
{
	struct sync_collecting c = {b, out, memory_now()};

	memset(out, 0, sizeof(*out));
	out->ports_ok = sync_ports_ok(b);
	if (!duty_is_active(b))
		return;
	farm_walk(b->farm, sync_collect_device, &c);
	resolver_walk(b->resolver, sync_collect_neighbour, &c);
}
