// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/macs.h"

#include <errno.h>

/* The entry that holds KEY, or NULL. */
static struct mac_entry *macs_find(struct tables *t, u64 key)
{
	u64 hash = hash_mix(key);

	for (u32 i = 0; i < MACS_WINDOW; i++) {
		struct mac_entry *e = tables_mac(t, (u32)hash + i);

		if (e->key == key)
			return e;
		if (!e->key)
			return NULL;
	}
	return NULL;
}

static struct mac_entry *macs_room(struct tables *t, u64 key)
{
	u64 hash = hash_mix(key);

	for (u32 i = 0; i < MACS_WINDOW; i++) {
		struct mac_entry *e = tables_mac(t, (u32)hash + i);

		if (!e->key || e->key == MAC_FREE)
			return e;
	}
	return NULL;
}

static u8 macs_variant(u64 key)
{
	bool vlan = (key >> 4 & 0xfff) != MAC_ANY_VLAN, port = (key >> 1 & 7) != MAC_ANY_PORT;

	if (vlan)
		return port ? MAC_ON_VLAN_AND_PORT : MAC_ON_VLAN;
	return port ? MAC_ON_PORT : MAC_ANYWHERE;
}

int macs_put(struct tables *t, u64 key, u32 owner)
{
	struct mac_entry *e = macs_find(t, key);

	if (!e)
		e = macs_room(t, key);
	if (!e)
		return -ENOSPC;
	core_store(&e->owner, owner);
	core_publish(&e->key, key); /* the owner is there before the key can be found */
	t->settings->mac_variants |= (u8)(1u << macs_variant(key));
	return 0;
}

void macs_del(struct tables *t, u64 key)
{
	struct mac_entry *e = macs_find(t, key);

	if (e)
		core_publish(&e->key, (u64)MAC_FREE);
}

void macs_del_owner(struct tables *t, u32 owner)
{
	for (u32 i = 0; i < MACS_SLOTS; i++) {
		struct mac_entry *e = tables_mac(t, i);

		if (e->key > MAC_FREE && e->owner == owner)
			core_publish(&e->key, (u64)MAC_FREE);
	}
}
