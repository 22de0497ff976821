// SPDX-License-Identifier: ISC
#include "sandwich/run/farm_twin.h"

#include <string.h>

#include "sandwich/run/farm_parts.h"
#include "sandwich/run/settings.h"
#include "sandwich/run/sweeper.h"

static enum farm_state farm_told_state(const struct farm_device *d, const struct farm_word *word)
{
	if (farm_is_disabled(d))
		return FARM_DISABLED;
	if (!word->up)
		return FARM_DOWN;
	return word->pick ? FARM_UP : FARM_DRAINING;
}

static void farm_told_drain(struct farm *f, struct farm_device *d, u32 deadline_ms, u32 now)
{
	bool drains = d->admin == ADMIN_DRAINING;

	if (drains)
		farm_drain_starts(f, d, now);
	d->drain_deadline = drains ? deadline_ms : 0;
}

void farm_told(struct farm *f, u8 device, const struct farm_word *word, u32 now)
{
	struct settings *s = tables_settings(f->tables);
	struct farm_device *d = f->devices[device];
	bool up = device_set_has(&s->up, device), pick = device_set_has(&s->pick, device);

	if (!d || !f->follows || word->admin >= ADMINS)
		return;
	d->judged = true;
	d->fit = word->fit;
	d->partner_fit = word->partner_fit;
	d->swept = d->partner_swept = word->up;
	d->admin = word->admin;
	d->admin_version = word->admin_version;
	farm_shut(f, device);
	farm_told_drain(f, d, word->deadline_ms, now);
	farm_say(&d->detected, word->fit ? "" : "the active twin finds it unfit");
	if (word->up && !up)
		core_store(&f->tables->devices[device].since, now ? now : 1);
	device_set_put(&s->up, device, word->up);
	device_set_put(&s->pick, device, word->up && word->pick);
	if (up != word->up || pick != word->pick)
		settings_update_live(f->tables, s);
	farm_enter(f, d, farm_told_state(d, word), now);
	farm_say(&d->why, farm_reason(f, d));
}

void farm_tell(const struct farm *f, u8 device, struct farm_word *out, u32 now)
{
	const struct settings *s = tables_settings(f->tables);
	const struct farm_device *d = f->devices[device];

	memset(out, 0, sizeof(*out));
	if (!d)
		return;
	out->fit = d->fit;
	out->partner_fit = d->partner_fit;
	out->up = device_set_has(&s->up, device);
	out->pick = device_set_has(&s->pick, device);
	out->admin = d->admin;
	out->admin_version = d->admin_version;
	if (d->drain_deadline && core_elapsed(now, d->drain_started) < d->drain_deadline)
		out->deadline_ms = d->drain_deadline - core_elapsed(now, d->drain_started);
}

void farm_follow(struct farm *f, bool follow, u32 now)
{
	if (f->follows == follow)
		return;
	f->follows = follow;
	core_store(&tables_settings(f->tables)->rows, f->rows); /* the twin has swept for them */
	sweeper_forget(f->sweeper);
	if (!follow)
		farm_evaluate(f, now);
}
