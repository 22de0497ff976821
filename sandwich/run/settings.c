// SPDX-License-Identifier: ISC
#include "sandwich/run/settings.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "sandwich/core/pool.h"
#include "sandwich/core/rank.h"
#include "sandwich/slowpath/memory.h"

struct address settings_address(const struct in6_addr *in)
{
	struct address out;

	memcpy(&out, in, sizeof(out));
	return out;
}

u64 settings_name_hash(const char *name)
{
	u64 hash = 0;

	crypto_generichash((unsigned char *)&hash, sizeof(hash), (const unsigned char *)name,
			   strlen(name), (const unsigned char *)"device", 6);
	return hash ? hash : 1;
}

/* libsodium's BLAKE2b wants a key of 16 bytes or more; short ones go in as data. */
static void settings_derive(struct hash_key *key, const char *what, const char *name,
			    const u8 *secret, size_t length)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof(*key));
	crypto_generichash_update(&state, (const unsigned char *)what, strlen(what) + 1);
	crypto_generichash_update(&state, (const unsigned char *)name, strlen(name) + 1);
	crypto_generichash_update(&state, secret, length);
	crypto_generichash_final(&state, (unsigned char *)key, sizeof(*key));
}

static u64 settings_epoch(const struct config *config, const struct hash_key *key)
{
	u64 epoch = key->k0 ^ hash_mix((u64)config->affinity << 8 | config->mode);

	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);

		epoch +=
			hash_mix(settings_name_hash(d->name) ^ hash_mix(d->weight)); /* any order */
	}
	return epoch;
}

static u16 settings_vlan(int vlan)
{
	return vlan < 0 ? VLAN_KEEP : (u16)vlan;
}

bool settings_zoned(const struct config *config)
{
	for (int side = 0; side < CONFIG_SIDES; side++)
		if (config->side[side].uplink_vlan >= 0 || config->side[side].farm_vlan >= 0)
			return false;
	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);

		if (d->at[CONFIG_INGRESS].vlan >= 0 || d->at[CONFIG_EGRESS].vlan >= 0)
			return false;
	}
	return true;
}

static int settings_add_local(struct tables *t, const struct address *a, u32 kind)
{
	u64 hash = local_hash(a);

	for (u32 i = 0; i < LOCALS_WINDOW; i++) {
		struct local *e = tables_local(t, local_home(hash) + i);

		if (e->kind && !address_equal(&e->address, a))
			continue;
		e->address = *a;
		core_publish(&e->kind, kind);
		t->settings->local_filter[local_bit(hash) >> 6] |= 1ull << (local_bit(hash) & 63);
		return 0;
	}
	return -ENOSPC;
}

static int settings_add_locals(struct tables *t, const GArray *addresses, size_t stride, u32 kind)
{
	int rc = 0;

	for (guint i = 0; i < addresses->len && !rc; i++) {
		const void *at =
			addresses->data + i * stride; /* the address comes first in both kinds */
		struct address a = settings_address(at);

		rc = settings_add_local(t, &a, kind);
	}
	return rc;
}

static int settings_list_locals(struct tables *t, const struct config *config,
				enum config_side_id side)
{
	const struct config_side *own = &config->side[side];
	int rc = settings_add_locals(t, own->uplink_addresses, sizeof(struct config_address),
				     LOCAL_OWN);

	if (!rc)
		rc = settings_add_locals(t, own->farm_addresses, sizeof(struct config_address),
					 LOCAL_OWN);
	if (!rc)
		rc = settings_add_locals(t, own->cluster_addresses, sizeof(struct in6_addr),
					 LOCAL_CLUSTER);
	for (guint i = 0; i < config->devices->len && !rc; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);

		for (int s = 0; s < CONFIG_SIDES && !rc; s++)
			rc = settings_add_locals(t, d->at[s].addresses, sizeof(struct in6_addr),
						 LOCAL_DEVICE | d->id);
	}
	return rc;
}

/* The length is one of those that are looked for. */
static int settings_use_pool_length(struct settings *s, u8 length)
{
	u8 n = s->pool_lengths;

	if (memchr(s->pool_length, length, n))
		return 0;
	if (n == POOL_LENGTHS_MAX)
		return -ENOSPC;
	s->pool_length[n] = length;
	s->pool_lengths = (u8)(n + 1);
	return 0;
}

static int settings_add_pool(struct tables *t, const struct config_address *pool, u8 device)
{
	struct address first = settings_address(&pool->address), key;
	int rc = settings_use_pool_length(t->settings, (u8)pool->length);

	pool_key(&key, &first, pool->length);
	return rc ? rc : settings_add_local(t, &key, pool_kind(pool->length, device));
}

/* Egress alone is asked for inner addresses. */
static int settings_list_pools(struct tables *t, const struct config *config,
			       enum config_side_id side)
{
	int rc = 0;

	if (config->mode != CONFIG_MODE_VPN || side != CONFIG_EGRESS)
		return 0;
	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);

		for (guint k = 0; k < d->pools->len && !rc; k++)
			rc = settings_add_pool(
				t, &g_array_index(d->pools, struct config_address, k), (u8)d->id);
	}
	return rc;
}

/* Never more lengths than are there; a pool that changes may be missed by a frame meanwhile. */
static void settings_take_pool_lengths(struct settings *s, const struct settings *from)
{
	core_publish(&s->pool_lengths, MIN(s->pool_lengths, from->pool_lengths));
	for (u32 i = 0; i < from->pool_lengths; i++)
		core_store(&s->pool_length[i], from->pool_length[i]);
	core_publish(&s->pool_lengths, from->pool_lengths);
}

/* Puts the locals of FROM in force. While they change the filter lets both kinds through. */
static void settings_take_locals(struct tables *t, const struct tables *from)
{
	const struct local *fresh = from->locals;

	for (u32 i = 0; i < LOCAL_FILTER_WORDS; i++)
		core_store(&t->settings->local_filter[i], t->settings->local_filter[i] |
								  from->settings->local_filter[i]);
	for (u32 i = 0; i < LOCALS_SLOTS; i++) {
		if (!memcmp(&t->locals[i], &fresh[i], sizeof(fresh[i])))
			continue;
		t->locals[i].address = fresh[i].address;
		core_publish(&t->locals[i].kind, fresh[i].kind);
	}
	for (u32 i = 0; i < LOCAL_FILTER_WORDS; i++)
		core_store(&t->settings->local_filter[i], from->settings->local_filter[i]);
}

/* Made beside those in force, so that a reload leaves alone what stays, and all when it fails. */
static int settings_locals(struct tables *t, const struct config *config, enum config_side_id side)
{
	struct settings *settings = g_new0(struct settings, 1);
	struct local *locals = g_new0(struct local, LOCALS_SLOTS);
	struct tables beside = {.settings = settings, .locals = locals};
	int rc = settings_list_locals(&beside, config, side);

	if (!rc)
		rc = settings_list_pools(&beside, config, side);
	if (!rc) {
		settings_take_locals(t, &beside);
		settings_take_pool_lengths(t->settings, settings);
	}
	g_free(locals);
	g_free(settings);
	return rc;
}

static void settings_devices(struct tables *t, const struct config *config,
			     enum config_side_id side)
{
	bool known[DEVICES_MAX] = {false};

	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);
		struct device *entry = tables_device(t, (u8)d->id);

		known[d->id] = true;
		entry->vlan = settings_vlan(d->at[side].vlan);
		entry->weight = (u16)d->weight;
		core_publish(&entry->name_hash, settings_name_hash(d->name));
	}
	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		if (known[id])
			continue;
		core_publish(&t->devices[id].name_hash, 0);
		core_publish(&t->devices[id].hop, 0);
	}
}

/* Each configured word, and IKE's two ports, as an entry of what core looks through. */
static u8 settings_tunnel_ports(const struct config_tunnels *all, struct tunnel_port *out)
{
	static const struct {
		u8 kind;
		u16 port;
	} kinds[CONFIG_TUNNEL_KINDS] = {
		[CONFIG_TUNNEL_IKE] = {TUNNEL_IKE, 500},
		[CONFIG_TUNNEL_WIREGUARD] = {TUNNEL_WIREGUARD, 0},
		[CONFIG_TUNNEL_OPENVPN] = {TUNNEL_OPENVPN, 0},
		[CONFIG_TUNNEL_L2TP] = {TUNNEL_L2TP, 1701},
		[CONFIG_TUNNEL_QUIC] = {TUNNEL_QUIC, 0},
		[CONFIG_TUNNEL_DTLS] = {TUNNEL_DTLS, 0},
	};
	u8 n = 0;

	_Static_assert(CONFIG_TUNNELS_MAX < TUNNELS_MAX, "and one more for IKE's second port");
	for (unsigned int i = 0; i < all->count; i++) {
		const struct config_tunnel *tunnel = &all->of[i];
		u16 port = tunnel->port ? tunnel->port : kinds[tunnel->kind].port;

		out[n].port = htons(port);
		out[n++].kind = kinds[tunnel->kind].kind;
		if (tunnel->kind != CONFIG_TUNNEL_IKE)
			continue;
		out[n].port = htons(4500);
		out[n++].kind = TUNNEL_NATT;
	}
	return n;
}

/* As tunnel_say_quic() reads it from a frame. */
static u64 settings_server_id(const struct config_server_id *id)
{
	u64 out = 1;

	for (unsigned int i = 0; i < id->length; i++)
		out = out << 8 | id->bytes[i];
	return id->length ? out : 0;
}

/* Only ingress sees tunnels from outside. What is in force is never seen half written. */
static void settings_tunnels(struct settings *s, const struct config *config,
			     enum config_side_id side)
{
	struct tunnel_port ports[TUNNELS_MAX] = {0};
	u64 ids[DEVICES_MAX] = {0};
	u8 n = 0;

	if (config->affinity == CONFIG_AFFINITY_TUNNEL && side == CONFIG_INGRESS)
		n = settings_tunnel_ports(&config->tunnels, ports);
	if (memcmp(s->tunnel, ports, sizeof(ports)))
		memcpy(s->tunnel, ports, sizeof(ports));
	s->tunnels = n;
	s->dtls_cid = (u8)config->dtls_cid_length;
	s->quic_config = config->quic_lb.config;
	s->quic_length = config->quic_lb.length;
	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);

		ids[d->id] = settings_server_id(&d->quic_id);
	}
	for (u32 id = 0; id < DEVICES_MAX; id++)
		core_store(&s->quic_id[id], ids[id]);
}

static void settings_modes(struct settings *s, const struct config *config,
			   enum config_side_id side)
{
	const struct config_side *own = &config->side[side];

	s->side = side == CONFIG_INGRESS ? SIDE_INGRESS : SIDE_EGRESS;
	/* Beside its tunnels a client's address is what keeps all of it together. */
	s->affinity = config->affinity == CONFIG_AFFINITY_TUNNEL ? AFFINITY_CLIENT
								 : (u8)config->affinity;
	s->on_down = (u8)config->on_device_down;
	s->on_move = (u8)config->on_move;
	s->learn_hosts = config->mode == CONFIG_MODE_VPN && side == CONFIG_EGRESS;
	s->zoned = settings_zoned(config);
	s->last_hop = own->last_hop;
	s->vlan[0] = settings_vlan(own->uplink_vlan);
	s->vlan[1] = settings_vlan(own->farm_vlan);
	settings_tunnels(s, config, side);
	memcpy(&s->mac[0], &own->uplink_mac, 6);
	memcpy(&s->mac[1], &own->farm_mac, 6);
	s->heard = config->health.path.count ? 2 * config->health.path.interval_ms : 0;
	for (int i = 0; i < TIMEOUTS; i++)
		s->timeout[i] = config->timeout[i] * 1000;
}

/* Both twins' tables have a key in the same window (sync/store.h), if they have a secret. */
static void settings_tables_key(struct settings *s, const struct config *config,
				const u8 *secret, size_t secret_length)
{
	struct hash_key key;

	if (secret_length)
		settings_derive(&key, "tables", config->name, secret, secret_length);
	else
		randombytes_buf(&key, sizeof(key));
	settings_secret(s, &key);
}

int settings_apply(struct tables *t, const struct config *config,
		   const struct config_balancer *self, const u8 *secret, size_t secret_length)
{
	struct settings *s = t->settings;
	struct hash_key placement;
	int rc;

	_Static_assert(POOL_LENGTHS_MAX == CONFIG_POOL_LENGTHS, "what the check lets through");
	_Static_assert((int)TIMEOUTS == (int)CONFIG_TIMEOUTS, "one list of timers");
	_Static_assert((int)AFFINITY_FLOW == (int)CONFIG_AFFINITY_FLOW, "one list of affinities");
	rc = settings_locals(t, config, self->side);
	if (rc)
		return rc;
	settings_derive(&placement, "placement", config->name, secret, secret_length);
	if (memcmp(&placement, &s->placement, sizeof(placement)))
		s->placement = placement; /* at start: frames are hashed with it later */
	if (!s->secret.k0)
		settings_tables_key(s, config, secret, secret_length);
	settings_modes(s, config, self->side);
	s->ports = (u8)(1 + self->farm->len);
	s->epoch = settings_epoch(config, &s->placement);
	settings_devices(t, config, self->side);
	return 0;
}

void settings_journal_key(struct hash_key *key, const struct config *config, const u8 *secret,
			  size_t secret_length)
{
	settings_derive(key, "journal", config->name, secret, secret_length);
}

u32 settings_rank_devices(const struct config *config, struct rank_device *out)
{
	u32 n = 0;

	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);

		if (!d->weight)
			continue; /* known and probed, given nothing new */
		out[n++] = (struct rank_device){.name_hash = settings_name_hash(d->name),
						.weight = d->weight,
						.id = (u8)d->id};
	}
	return n;
}

u32 settings_build_rows(struct tables *t, const struct config *config)
{
	struct rank_device devices[DEVICES_MAX];
	u32 n = settings_rank_devices(config, devices), set = !t->settings->rows;

	rank_build(tables_row(t, set, 0), &t->settings->placement, devices, n);
	return set;
}

void settings_update_live(struct tables *t, struct settings *settings)
{
	u8 live[DEVICES_MAX], n = 0;

	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		unsigned int at = n;

		if (!device_set_has(&settings->pick, (u8)id))
			continue;
		for (; at > 0 && t->devices[live[at - 1]].name_hash > t->devices[id].name_hash;
		     at--)
			live[at] = live[at - 1];
		live[at] = (u8)id;
		n++;
	}
	/* A reader in between may see one list's member under the other's count: not beyond it. */
	if (n < settings->live_count)
		core_store(&settings->live_count, n);
	for (unsigned int i = 0; i < n; i++)
		core_store(&settings->live[i], live[i]);
	core_publish(&settings->live_count, n);
}

int settings_from_config(struct tables *t, const struct config *config,
			 const struct config_balancer *self, const u8 *secret, size_t secret_length)
{
	struct settings *s = t->settings;
	int rc = settings_apply(t, config, self, secret, secret_length);

	if (rc)
		return rc;
	s->rows = settings_build_rows(t, config);
	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);
		struct mac made_up = {{2, 0, 0, 0, 0, (u8)d->id}};

		if (d->disabled)
			continue;
		device_set_put(&s->up, (u8)d->id, true);
		device_set_put(&s->pick, (u8)d->id, true);
		t->devices[d->id].hop = hop_make(&made_up, PORT_UPLINK + 1);
	}
	settings_update_live(t, s);
	return 0;
}
