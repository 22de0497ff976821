// SPDX-License-Identifier: ISC
#include "sandwich/run/number.h"

#include "sandwich/run/settings.h"

/* Gives devices without a number those that are not TAKEN. */
static void number_new(struct config *config, bool *taken)
{
	unsigned int free_id = 1;

	for (guint i = 0; i < config->devices->len; i++) {
		struct config_device *d = g_ptr_array_index(config->devices, i);

		for (; !d->id && free_id < DEVICES_MAX; free_id++) {
			if (taken[free_id])
				continue;
			d->id = free_id;
			taken[free_id] = true;
		}
	}
}

static unsigned int number_find(const u64 *had, u64 hash)
{
	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		if (had[id] == hash)
			return id;
	return 0;
}

void number_by_hash(struct config *config, const u64 had[DEVICES_MAX])
{
	bool taken[DEVICES_MAX] = {true}, kept[DEVICES_MAX] = {true};

	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		taken[id] = had[id] != 0;
	for (guint i = 0; i < config->devices->len; i++) {
		struct config_device *d = g_ptr_array_index(config->devices, i);

		d->id = number_find(had, settings_name_hash(d->name));
		kept[d->id] = true;
	}
	number_new(config, taken);
	for (guint i = 0; i < config->devices->len; i++)
		kept[((const struct config_device *)g_ptr_array_index(config->devices, i))->id] =
			true;
	number_new(config, kept);
}
