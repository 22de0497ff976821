// SPDX-License-Identifier: ISC
#include "sandwich/run/maintain.h"

#include <string.h>

#include "sandwich/core/sweep.h"

void maintain_init(struct maintain *m, struct tables *tables)
{
	memset(m, 0, sizeof(*m));
	m->tables = tables;
}

/*
 * Builds the pin filter beside the one in force. A pin made meanwhile puts its bit into both sets
 * after it is in the table, so either the walk finds it or its bit comes after the clearing.
 */
static void maintain_filter(struct maintain *m)
{
	struct tables *t = m->tables;
	struct settings *cfg = tables_settings(t);
	u32 set = !cfg->filter;

	for (u32 i = 0; i < PIN_FILTER_WORDS; i++)
		core_store(tables_filter(t, set, i), (u64)0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u32 i = 0; i <= t->mask[TABLE_PINS]; i++) {
		struct slot *s = tables_slot(t, TABLE_PINS, i);

		if (slot_is_live(core_load(&s->version)))
			pin_filter_put(t, flow_hash(&cfg->placement, &s->key));
	}
	core_publish(&cfg->filter, set);
	m->dirty = false;
}

void maintain_rest(struct maintain *m)
{
	m->rests = true;
	m->anew = false;
}

void maintain_anew(struct maintain *m, u32 now)
{
	m->rests = false;
	m->anew = true;
	m->since = now;
}

/* What the twin saw last of it is not known here to the second. */
static void maintain_renew(struct maintain *m, struct slot *s, u32 now)
{
	if (m->anew && core_elapsed(now, core_load(&s->seen)) > core_elapsed(now, m->since))
		core_store(&s->seen, m->since);
}

static void maintain_judge(struct maintain *m, enum table_kind kind, struct slot *s, u32 now)
{
	const struct settings *cfg = tables_settings(m->tables);
	bool pins = m->live[TABLE_PINS] || m->counting[TABLE_PINS], gone = false;

	if (kind == TABLE_SESSIONS)
		gone = sweep_expire(m->tables, cfg, s, now, pins);
	else if (kind == TABLE_PINS)
		gone = sweep_expire_pin(m->tables, cfg, s, now);
	else if (core_elapsed(now, s->seen) > cfg->timeout[TIMEOUT_FRAGMENT])
		gone = slot_remove(s, core_load(&s->version));
	m->dirty |= gone && kind == TABLE_PINS;
	m->counting[kind] += !gone;
}

static void maintain_visit(struct maintain *m, enum table_kind kind, struct slot *s, u32 now)
{
	if (!slot_is_live(core_load(&s->version)))
		return;
	maintain_renew(m, s, now);
	if (m->rests)
		m->counting[kind]++;
	else
		maintain_judge(m, kind, s, now);
}

static void maintain_around(struct maintain *m, enum table_kind kind, u32 now)
{
	m->at[kind] = 0;
	m->live[kind] = m->counting[kind];
	m->counting[kind] = 0;
	m->anew &= kind != TABLE_SESSIONS || core_elapsed(now, m->since) < MAINTAIN_ROUND_MS;
	if (kind == TABLE_PINS && m->dirty)
		maintain_filter(m);
}

void maintain_tick(struct maintain *m, u32 now)
{
	for (enum table_kind kind = 0; kind < TABLES; kind++) {
		u32 slots = m->tables->mask[kind] + 1;
		u32 slice = slots / MAINTAIN_TICKS + 1;

		for (u32 i = 0; i < slice && m->at[kind] < slots; i++)
			maintain_visit(m, kind, tables_slot(m->tables, kind, m->at[kind]++), now);
		if (m->at[kind] >= slots)
			maintain_around(m, kind, now);
	}
}
