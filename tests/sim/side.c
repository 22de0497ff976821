// SPDX-License-Identifier: ISC
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandwich/core/sweep.h"

/* Short timers, so that much expires within a run; hosts hang up before that. */
static const u32 side_timeouts[TIMEOUTS] = {
	[TIMEOUT_TCP_SYN] = 5000,     [TIMEOUT_TCP_ESTABLISHED] = 60000,
	[TIMEOUT_TCP_CLOSING] = 8000, [TIMEOUT_TCP_CLOSED] = 2000,
	[TIMEOUT_TCP_RESET] = 2000,   [TIMEOUT_UDP] = 30000,
	[TIMEOUT_UDP_REPLIED] = 40000, [TIMEOUT_ICMP] = 30000,
	[TIMEOUT_OTHER] = 60000,      [TIMEOUT_INNER_HOST] = 120000,
	[TIMEOUT_FRAGMENT] = 3000,
};

static void side_addresses(struct sim *s, u8 side)
{
	struct tables *t = s->side[side].t;
	char text[64];

	for (u32 id = 1; id <= s->devices && s->mode == MODE_NAT; id++) {
		snprintf(text, sizeof(text), "10.%u.0.%u", 1 + side, 10 + id);
		world_local(t, text, LOCAL_DEVICE | id);
		snprintf(text, sizeof(text), "fd0%u::%u", 1 + side, 10 + id);
		world_local(t, text, LOCAL_DEVICE | id);
	}
	if (s->mode == MODE_VPN && side == SIDE_INGRESS)
		world_local(t, "192.0.2.10", LOCAL_CLUSTER);
	world_neighbour(t, 1, "192.0.2.254");
	world_route(t, "0.0.0.0", 0, 0, ROUTE_VIA, 1);
	world_route(t, "::", 0, 0, ROUTE_VIA, 1);
}

/* Building rows costs 10 ms: equal farms share them. */
static void side_rows(struct sim *s, struct tables *t)
{
	static struct rank_row built[SIM_DEVICES + 1][RANK_ROWS];
	static bool have[SIM_DEVICES + 1];
	u32 set = !t->settings->rows;

	if (!have[s->devices] || s->plant == PLANT_ASYMMETRIC_HASH) {
		world_rank(t);
		memcpy(built[s->devices], tables_row(t, set, 0), sizeof(built[0]));
		have[s->devices] = s->plant != PLANT_ASYMMETRIC_HASH;
		return;
	}
	memcpy(tables_row(t, set, 0), built[s->devices], sizeof(built[0]));
	t->settings->rows = set;
}

void side_open(struct sim *s, u8 side, u32 sessions)
{
	static const char *const names[] = {"fw-a", "fw-b", "fw-c", "fw-d", "fw-e"};
	struct half *b = &s->side[side];
	struct settings *cfg;

	world_open(&b->world, sessions, 2048, 256);
	b->t = &b->world.tables;
	world_settings(b->t, side, s->affinity);
	cfg = b->t->settings;
	memcpy(cfg->timeout, side_timeouts, sizeof(cfg->timeout));
	cfg->heard = SIM_HEARD_MS;
	cfg->learn_hosts = s->mode != MODE_FIREWALL && side == SIDE_EGRESS;
	cfg->hold_fragments = true;
	settings_secret(cfg, &(struct hash_key){s->seed * 2 + side, 0x89abcdef});
	if (s->plant == PLANT_ASYMMETRIC_HASH && side)
		cfg->placement.k0 ^= 1;
	for (u8 id = 1; id <= s->devices; id++)
		world_device(b->t, id, names[id - 1], 1);
	side_rows(s, b->t);
	side_addresses(s, side);
}

void side_close(struct half *b)
{
	world_close(&b->world);
}

/* One frame through the engine, counted as a data path counts it. FROM: the device it came from, 0:
 * a host. */
void side_decide(struct sim *s, u8 side, const struct segment *g, u8 port, u8 from, struct work *w)
{
	struct half *b = &s->side[side];
	struct mac src = port == PORT_UPLINK ? world_neighbour_mac(1) : world_device_mac(from);
	bool held = w->held;
	struct packet_cursor cursor;
	struct frame f;

	wire_frame(g, world_mac(port != PORT_UPLINK), src, &f);
	memset(w, 0, sizeof(*w));
	w->now = (u32)s->now;
	w->port = port;
	w->held = held;
	cursor = (struct packet_cursor){f.bytes, f.bytes + f.length, f.length};
	decide(b->t, &cursor, w);
	b->rx++;
	s->frames++;
	if (w->reason >= REASONS)
		sim_fail(s, "side %u: no such reason: %u", side, w->reason);
	else
		b->reason[w->reason]++;
}

/* What the settings will be after C. */
static void side_next(struct sim *s, u8 side, const struct change *c, struct settings *next)
{
	struct tables *t = s->side[side].t;

	*next = *t->settings;
	device_set_put(&next->up, c->device, c->up);
	device_set_put(&next->pick, c->device, c->pick);
	next->rows ^= c->weigh;
	world_live(t, next);
}

void side_sweep(struct sim *s, u8 side, const struct change *c)
{
	struct tables *t = s->side[side].t;
	struct sweep sweep = {.now = (u32)s->now};

	if (s->plant == PLANT_NO_SWEEP)
		return;
	if (c->step == CHANGE_AGAIN)
		sweep.next = *t->settings;
	else
		side_next(s, side, c, &sweep.next);
	for (u32 i = 0; i <= t->mask[TABLE_SESSIONS]; i++)
		sweep_slot(t, &sweep, &t->slots[TABLE_SESSIONS][i]);
}

void side_flip(struct sim *s, u8 side, const struct change *c)
{
	struct device_sim *d = &s->device[c->device];
	struct settings next;

	side_next(s, side, c, &next);
	if (c->up && !d->up[side])
		s->side[side].t->devices[c->device].since = (u32)s->now;
	*s->side[side].t->settings = next;
	d->up[side] = c->up;
	d->pick[side] = c->pick;
}

void side_expire(struct sim *s, u8 side)
{
	struct tables *t = s->side[side].t;

	for (u32 i = 0; i <= t->mask[TABLE_SESSIONS]; i++)
		sweep_expire(t, t->settings, &t->slots[TABLE_SESSIONS][i], (u32)s->now, true);
	for (u32 i = 0; i <= t->mask[TABLE_PINS]; i++)
		sweep_expire_pin(t, t->settings, &t->slots[TABLE_PINS][i], (u32)s->now);
}

/* What must hold of a side's tables at any time. */
void side_check(struct sim *s, u8 side)
{
	struct half *b = &s->side[side];
	u32 on[DEVICES_MAX] = {0};
	u64 sum = 0;

	for (u32 i = 0; i <= b->t->mask[TABLE_SESSIONS]; i++)
		if (slot_is_live(b->t->slots[TABLE_SESSIONS][i].version))
			on[b->t->slots[TABLE_SESSIONS][i].device]++;
	for (u32 id = 0; id < DEVICES_MAX; id++)
		if (on[id] != b->t->devices[id].sessions)
			sim_fail(s, "side %u: device %u has %u sessions and says %u", side, id,
				 on[id], b->t->devices[id].sessions);
	for (int r = 0; r < REASONS; r++)
		sum += b->reason[r];
	if (sum != b->rx)
		sim_fail(s, "side %u: rx is not the sum of its reasons", side);
	if (b->t->counters->counter[COUNTER_ASYMMETRIC_FLOWS])
		sim_fail(s, "side %u: asymmetric flows counted", side);
	if (s->mode == MODE_FIREWALL && !s->changed && world_live_slots(b->t, TABLE_PINS))
		sim_fail(s, "side %u: pins on a farm that never changed", side);
}
