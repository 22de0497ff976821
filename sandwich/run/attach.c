// SPDX-License-Identifier: ISC
#include "sandwich/run/attach.h"

#include <string.h>

#include "sandwich/run/settings.h"
#include "sandwich/slowpath/macs.h"

#define ATTACH_ENTRIES_MAX 8 /* addresses of one device that are followed */

/* One address of a device, and the MAC it was last seen at. */
struct attach_entry {
	struct attach_device *device;
	const struct resolve_entry *resolved;
	struct mac mac; /* registered as the device's; zero: none */
};

struct attach_device {
	u8 id;
	bool present; /* in the configuration */
	u16 vlan;
	u8 port;    /* PORTS_MAX: not fixed */
	bool fixed; /* MACs are given, or it is transparent: nothing to ask */
	struct attach_entry entry[ATTACH_ENTRIES_MAX];
	unsigned int entries;
	struct mac macs[ATTACH_ENTRIES_MAX]; /* fixed ones */
	unsigned int mac_count;
};

struct attach {
	struct tables *tables;
	struct resolver *resolver;
	struct attach_ops ops;
	struct attach_device devices[DEVICES_MAX];
};

struct attach *attach_new(struct tables *tables, struct resolver *resolver,
			  const struct attach_ops *ops)
{
	struct attach *a = g_new0(struct attach, 1);

	a->tables = tables;
	a->resolver = resolver;
	a->ops = *ops;
	return a;
}

void attach_free(struct attach *a)
{
	g_free(a);
}

static u64 attach_key(const struct attach_device *d, const struct mac *mac)
{
	u8 variant = MAC_ANYWHERE;

	if (d->vlan != VLAN_KEEP)
		variant = d->port < PORTS_MAX ? MAC_ON_VLAN_AND_PORT : MAC_ON_VLAN;
	else if (d->port < PORTS_MAX)
		variant = MAC_ON_PORT;
	return mac_key(mac, d->vlan, d->port, variant);
}

static void attach_register(struct attach *a, const struct attach_device *d, const struct mac *mac)
{
	if (macs_put(a->tables, attach_key(d, mac), MAC_OWNER_DEVICE | d->id))
		g_warning("no room for the MAC of device %u: its frames teach nothing", d->id);
}

/* The device's frames go to MAC from now on, all its flows included. */
static void attach_set_hop(struct attach *a, const struct attach_device *d, const struct mac *mac,
			   u8 port)
{
	core_publish(&tables_device(a->tables, d->id)->hop, hop_make(mac, port));
}

static bool attach_is_answering(const struct attach_device *d)
{
	if (d->fixed)
		return true;
	for (unsigned int i = 0; i < d->entries; i++) {
		const struct resolve_entry *e = d->entry[i].resolved;

		if (e->state == RESOLVE_REACHABLE || e->state == RESOLVE_STALE)
			return true;
	}
	return false;
}

/* The first address that answers is where frames go. */
static void attach_choose(struct attach *a, struct attach_device *d)
{
	for (unsigned int i = 0; i < d->entries; i++) {
		const struct resolve_entry *e = d->entry[i].resolved;

		if (e->state != RESOLVE_REACHABLE && e->state != RESOLVE_STALE)
			continue;
		attach_set_hop(a, d, &e->mac, e->port);
		return;
	}
}

static u8 attach_port_of(const struct attach *a, const struct attach_device *d)
{
	hop_word hop = a->tables->devices[d->id].hop;

	return hop & HOP_VALID ? hop_port(hop) : d->port < PORTS_MAX ? d->port : PORT_UPLINK + 1;
}

static void attach_tell(struct attach *a, const struct attach_device *d)
{
	a->ops.state(a->ops.user, d->id, attach_is_answering(d), attach_port_of(a, d));
}

/* True when another address of the device still uses MAC. */
static bool attach_shares(const struct attach_device *d, const struct attach_entry *but,
			  const struct mac *mac)
{
	for (unsigned int i = 0; i < d->entries; i++)
		if (&d->entry[i] != but && mac_equal(&d->entry[i].mac, mac))
			return true;
	return false;
}

/* The resolver has other wanters, whose users are theirs: ours lie within our own array. */
static bool attach_is_ours(const struct attach *a, const void *user)
{
	uintptr_t at = (uintptr_t)user, first = (uintptr_t)a->devices;

	return at >= first && at < first + sizeof(a->devices);
}

/* Forgets a former MAC, unless another device has it now. */
static void attach_unregister(struct attach *a, const struct attach_entry *e)
{
	u64 key = attach_key(e->device, &e->mac);

	if (!attach_shares(e->device, e, &e->mac) &&
	    mac_find_variant(a->tables, key) == (MAC_OWNER_DEVICE | e->device->id))
		macs_del(a->tables, key);
}

bool attach_resolved(struct attach *a, const struct resolve_entry *resolved)
{
	struct attach_entry *e = resolved->user;
	struct mac none = {{0}};

	if (!attach_is_ours(a, e))
		return false;
	if (!mac_equal(&e->mac, &resolved->mac) && !mac_equal(&resolved->mac, &none)) {
		if (!mac_equal(&e->mac, &none))
			attach_unregister(a, e);
		e->mac = resolved->mac;
		attach_register(a, e->device, &e->mac);
	}
	if (!e->device->fixed)
		attach_choose(a, e->device);
	attach_tell(a, e->device);
	return true;
}

void attach_doubt(struct attach *a, u8 device, u32 now)
{
	struct attach_device *d = &a->devices[device];

	for (unsigned int i = 0; i < d->entries; i++)
		resolver_doubt(a->resolver,
			       (struct resolve_entry *)(uintptr_t)d->entry[i].resolved, now);
}

void attach_report(struct attach *a)
{
	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		if (a->devices[id].present)
			attach_tell(a, &a->devices[id]);
}

static void attach_clear(struct attach *a, struct attach_device *d)
{
	for (unsigned int i = 0; i < d->entries; i++)
		resolver_drop(a->resolver, (struct resolve_entry *)(uintptr_t)d->entry[i].resolved);
	macs_del_owner(a->tables, MAC_OWNER_DEVICE | d->id);
	memset(d, 0, sizeof(*d));
}

/* The tag to ask with; on a trunk the devices' own network is the native one. */
static u16 attach_ask_vlan(const struct attach *a, const struct attach_device *d)
{
	u16 vlan = d->vlan == VLAN_KEEP ? a->tables->settings->vlan[1] : d->vlan;

	return vlan == VLAN_KEEP ? VLAN_NONE : vlan;
}

static void attach_addresses(struct attach *a, struct attach_device *d, const GArray *addresses,
			     u32 now)
{
	for (guint i = 0; i < addresses->len && i < ATTACH_ENTRIES_MAX; i++) {
		struct attach_entry *e = &d->entry[d->entries];
		struct resolve_target target = {
			.address = settings_address(&g_array_index(addresses, struct in6_addr, i)),
			.vlan = attach_ask_vlan(a, d),
			.port = d->port,
			.permanent = true,
		};

		e->device = d;
		e->resolved = resolver_want(a->resolver, &target, e, now);
		d->entries++;
	}
}

static void attach_fixed(struct attach *a, struct attach_device *d, const struct mac *macs,
			 unsigned int n)
{
	u8 port = d->port < PORTS_MAX ? d->port : PORT_UPLINK + 1;

	d->fixed = true;
	for (unsigned int i = 0; i < n; i++) {
		d->macs[d->mac_count++] = macs[i];
		attach_register(a, d, &macs[i]);
	}
	attach_set_hop(a, d, &macs[0], port);
}

/* The MACs that need no asking: those given, or the partner's behind a transparent device. */
static const struct mac *attach_given(const struct config *config, const struct config_device *conf,
				      enum config_side_id side, unsigned int *n)
{
	const struct config_attachment *at = &conf->at[side];
	const void *given = at->macs->data, *partner = &config->side[!side].farm_mac;

	*n = MIN(at->macs->len, ATTACH_ENTRIES_MAX);
	if (*n || at->addresses->len)
		return given;
	*n = 1;
	return partner;
}

static void attach_device(struct attach *a, const struct config *config,
			  const struct config_device *conf, enum config_side_id side, u32 now)
{
	const struct config_attachment *at = &conf->at[side];
	struct attach_device *d = &a->devices[conf->id];
	const struct mac *macs;
	unsigned int n;

	d->id = (u8)conf->id;
	d->present = true;
	d->vlan = at->vlan < 0 ? VLAN_KEEP : (u16)at->vlan;
	d->port = at->port ? a->ops.port(a->ops.user, at->port) : PORTS_MAX;
	attach_addresses(a, d, at->addresses, now);
	macs = attach_given(config, conf, side, &n);
	if (n)
		attach_fixed(a, d, macs, n);
}

static bool attach_same_addresses(const struct attach *a, const struct attach_device *d,
				  const GArray *addresses)
{
	if (d->entries != MIN(addresses->len, ATTACH_ENTRIES_MAX))
		return false;
	for (unsigned int i = 0; i < d->entries; i++) {
		const struct resolve_target *target = &d->entry[i].resolved->target;
		struct address address =
			settings_address(&g_array_index(addresses, struct in6_addr, i));

		if (!address_equal(&target->address, &address) ||
		    target->vlan != attach_ask_vlan(a, d))
			return false;
	}
	return true;
}

/* Whether what is known of the device still describes the configuration. */
static bool attach_is_same(const struct attach *a, const struct config *config,
			   const struct config_device *conf, enum config_side_id side)
{
	const struct config_attachment *at = &conf->at[side];
	const struct attach_device *d = &a->devices[conf->id];
	u8 port = at->port ? a->ops.port(a->ops.user, at->port) : PORTS_MAX;
	const struct mac *macs;
	unsigned int n;

	if (!d->present || d->port != port || d->vlan != (at->vlan < 0 ? VLAN_KEEP : (u16)at->vlan))
		return false;
	macs = attach_given(config, conf, side, &n);
	return d->mac_count == n && (!n || !memcmp(d->macs, macs, n * sizeof(*macs))) &&
	       attach_same_addresses(a, d, at->addresses);
}

void attach_configure(struct attach *a, const struct config *config, enum config_side_id side,
		      u32 now)
{
	bool known[DEVICES_MAX] = {false};

	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *conf = g_ptr_array_index(config->devices, i);

		known[conf->id] = attach_is_same(a, config, conf, side);
	}
	for (unsigned int id = 1; id < DEVICES_MAX; id++)
		if (a->devices[id].present && !known[id])
			attach_clear(a, &a->devices[id]);
	/* Only now: an address may have gone from one device to another. */
	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *conf = g_ptr_array_index(config->devices, i);

		if (!a->devices[conf->id].present)
			attach_device(a, config, conf, side, now);
	}
}

void attach_adopt(struct attach *a, u8 device, u32 now)
{
	struct attach_device *d = &a->devices[device];
	hop_word hop = a->tables->devices[device].hop;
	struct mac mac;

	if (!d->present || !(hop & HOP_VALID))
		return;
	hop_mac(hop, &mac);
	for (unsigned int i = 0; i < d->entries; i++)
		resolver_learn(a->resolver,
			       (struct resolve_entry *)(uintptr_t)d->entry[i].resolved, &mac,
			       hop_port(hop), now);
}

static bool attach_knows(const struct attach *a, u32 owner, u64 key)
{
	struct mac macs[2 * ATTACH_ENTRIES_MAX];
	unsigned int n = attach_macs(a, (u8)owner, macs, G_N_ELEMENTS(macs));

	for (unsigned int i = 0; i < n; i++)
		if (mac_value(&macs[i]) == key >> 16)
			return true;
	return false;
}

void attach_forget_strangers(struct attach *a)
{
	for (u32 i = 0; i < MACS_SLOTS; i++) {
		const struct mac_entry *e = tables_mac(a->tables, i);

		if (e->key > MAC_FREE && e->owner & MAC_OWNER_DEVICE &&
		    !attach_knows(a, e->owner, e->key))
			macs_del(a->tables, e->key);
	}
}

bool attach_hop(struct attach *a, u8 device, struct mac *mac, u8 *port, u16 *vlan)
{
	const struct attach_device *d = &a->devices[device];
	hop_word hop = a->tables->devices[device].hop;

	if (!d->present || !(hop & HOP_VALID))
		return false;
	hop_mac(hop, mac);
	*port = hop_port(hop);
	*vlan = d->vlan != VLAN_KEEP ? d->vlan : a->tables->settings->vlan[1];
	return true;
}

u8 attach_source(struct attach *a, const struct mac *mac, u32 zone, u8 port)
{
	u32 owner = mac_find(a->tables, mac, zone & 0xfff, port, a->tables->settings->mac_variants);

	return owner & MAC_OWNER_DEVICE ? (u8)owner : 0;
}

unsigned int attach_macs(const struct attach *a, u8 device, struct mac *out, unsigned int n)
{
	const struct attach_device *d = &a->devices[device];
	struct mac none = {{0}};
	unsigned int have = 0;

	for (unsigned int i = 0; i < d->mac_count && have < n; i++)
		out[have++] = d->macs[i];
	for (unsigned int i = 0; i < d->entries && have < n; i++) {
		bool known = mac_equal(&d->entry[i].mac, &none);

		for (unsigned int j = 0; j < have && !known; j++)
			known = mac_equal(&out[j], &d->entry[i].mac);
		if (!known)
			out[have++] = d->entry[i].mac;
	}
	return have;
}
