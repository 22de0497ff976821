// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/carry.h"

#include <string.h>

#include "sandwich/core/sweep.h"
#include "sandwich/fastpath/former.h"

/* Members of struct slot, by the names that they have in a layout. */
static const struct carry_member {
	const char *name;
	u32 offset, size;
} carry_members[] = {
	{"version", offsetof(struct slot, version), 4},
	{"seen", offsetof(struct slot, seen), 4},
	{"key.outside", offsetof(struct slot, key.outside), 16},
	{"key.inside", offsetof(struct slot, key.inside), 16},
	{"key.outside_port", offsetof(struct slot, key.outside_port), 2},
	{"key.inside_port", offsetof(struct slot, key.inside_port), 2},
	{"key.zone", offsetof(struct slot, key.zone), 3},
	{"key.protocol", offsetof(struct slot, key.protocol), 1},
	{"created", offsetof(struct slot, created), 4},
	{"packets", offsetof(struct slot, packets), 4},
	{"bytes_low", offsetof(struct slot, bytes_low), 4},
	{"bytes_high", offsetof(struct slot, bytes_high), 1},
	{"device", offsetof(struct slot, device), 1},
	{"state", offsetof(struct slot, state), 1},
	{"router", offsetof(struct slot, router), 1},
};

#define CARRY_MEMBERS (sizeof(carry_members) / sizeof(carry_members[0]))
#define CARRY_VERSION 0 /* the first of them */

struct carrier {
	struct tables *t;
	const struct settings *cfg;
	struct former_column column[CARRY_MEMBERS];
	u32 recent_ms, now;
	struct carry_counts *counts;
};

/* False when it holds nothing, or changes while it is read. */
static bool carry_read(const struct carrier *c, u32 index, struct slot *out)
{
	u32 version = (u32)former_number(&c->column[CARRY_VERSION], index);

	if (!slot_is_live(version))
		return false;
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < CARRY_MEMBERS; i++)
		former_copy(&c->column[i], index, (u8 *)out + carry_members[i].offset,
			    carry_members[i].size);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return (u32)former_number(&c->column[CARRY_VERSION], index) == version;
}

static void carry_history(struct slot *to, const struct slot *from)
{
	core_store(&to->seen, from->seen);
	core_store(&to->created, from->created);
	core_store(&to->packets, from->packets);
	core_store(&to->bytes_low, from->bytes_low);
	core_store(&to->bytes_high, from->bytes_high);
	core_store(&to->router, from->router);
	core_store(&to->state, from->state);
}

static void carry_session(struct carrier *c, const struct slot *from)
{
	u64 hash = session_hash(c->cfg, &from->key);
	struct slot *to = table_find(c->t, TABLE_SESSIONS, &from->key, hash);

	if (to && core_elapsed(to->seen, from->seen))
		return; /* ours has seen it since */
	if (to) {
		session_move(c->t, to, &from->key, from->device);
		carry_history(to, from);
		return;
	}
	to = session_add(c->t, &from->key, hash, from->device, from->state, from->seen);
	if (!to) {
		c->counts->no_room++;
		return;
	}
	c->counts->carried++;
	carry_history(to, from);
}

static void carry_pin(struct carrier *c, const struct slot *from)
{
	u64 hash = flow_hash(&c->cfg->placement, &from->key);
	struct slot *to = table_find(c->t, TABLE_PINS, &from->key, hash);
	bool known = to != NULL;

	if (!pin_put(c->t, &from->key, hash, from->device, from->state, from->seen)) {
		c->counts->no_room++;
		return;
	}
	c->counts->carried += !known;
	to = table_find(c->t, TABLE_PINS, &from->key, hash);
	if (to)
		core_store(&to->created, from->created);
}

/* Whether the walk that expires would have taken it by now. */
static bool carry_is_over(const struct carrier *c, enum table_kind kind, const struct slot *s)
{
	u32 limit = sweep_pin_limit(c->cfg, s);

	if (kind == TABLE_SESSIONS)
		return session_expired(c->cfg, s, c->now);
	return s->state != PIN_OPERATOR && core_elapsed(c->now, s->seen) > limit;
}

void carry(struct former *former, enum table_kind kind, struct tables *t, u32 recent_ms, u32 now,
	   struct carry_counts *counts)
{
	const char *map = kind == TABLE_SESSIONS ? "sessions" : "pins";
	struct carrier c = {.t = t, .cfg = tables_settings(t), .recent_ms = recent_ms, .now = now,
			    .counts = counts};
	struct slot s;

	for (size_t i = 0; i < CARRY_MEMBERS; i++)
		former_column(former, map, carry_members[i].name, carry_members[i].size,
			      &c.column[i]);
	for (u32 i = 0; i < c.column[CARRY_VERSION].count; i++) {
		if (!carry_read(&c, i, &s) || core_elapsed(now, s.seen) > recent_ms ||
		    !s.device || carry_is_over(&c, kind, &s))
			continue;
		if (kind == TABLE_SESSIONS)
			carry_session(&c, &s);
		else
			carry_pin(&c, &s);
	}
}
