// SPDX-License-Identifier: ISC
/* What is left on a device that drains, and when it will be empty. */
#include "sandwich/run/farm_parts.h"

#include "sandwich/core/pin.h"

static u32 farm_clients(const struct farm *f, const struct farm_device *d)
{
	struct tables *t = f->tables;
	u32 clients = 0;

	for (u32 i = 0; i <= t->mask[TABLE_PINS]; i++) {
		const struct slot *pin = tables_slot(t, TABLE_PINS, i);

		clients += slot_is_live(core_load(&pin->version)) && pin->device == d->id &&
			   pin_is_client(pin->state, pin->key.protocol);
	}
	return clients;
}

u32 farm_left(const struct farm *f, const struct farm_device *d, u32 *clients)
{
	*clients = farm_clients(f, d);
	return core_load(&f->tables->devices[d->id].sessions) + *clients;
}

void farm_drain_starts(const struct farm *f, struct farm_device *d, u32 now)
{
	u32 clients;

	d->drain_started = now;
	d->drain_left = farm_left(f, d, &clients);
}

int farm_drain_eta(const struct farm *f, const struct farm_device *d, u32 left, u32 now)
{
	u32 elapsed = core_elapsed(now, d->drain_started);

	(void)f;
	if (!left)
		return 0;
	if (left >= d->drain_left || elapsed < 1000)
		return -1;
	return (int)((u64)left * elapsed / (d->drain_left - left) / 1000);
}

void farm_shut(struct farm *f, u8 device)
{
	const struct farm_device *d = f->devices[device];

	device_set_put(&tables_settings(f->tables)->shut, device,
		       d && d->admin == ADMIN_FLUSHED);
}
