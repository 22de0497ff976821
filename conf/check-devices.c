/* SPDX-License-Identifier: ISC */
/* Cross-checks of the devices: each has an id, MACs and a place that no other has. */
#include <string.h>

#include "conf/address.h"
#include "conf/checker.h"
#include "conf/model.h"
#include "conf/problem.h"

static const struct config_device *device_at(const struct checker *checker, guint i)
{
	return g_ptr_array_index(checker->config->devices, i);
}

static unsigned int free_id(const struct checker *checker)
{
	bool used[MODEL_DEVICES_MAX + 2] = {true};
	unsigned int id = 0;

	for (guint i = 0; i < checker->config->devices->len; i++)
		used[device_at(checker, i)->id] = true;
	while (used[id])
		id++;
	return id;
}

static void check_ids(const struct checker *checker)
{
	const struct config_device *owners[MODEL_DEVICES_MAX + 1] = {0};

	for (guint i = 0; i < checker->config->devices->len; i++) {
		const struct config_device *device = device_at(checker, i);
		const struct place place = {SECTION_DEVICE, device->name, "id"};
		const struct config_device **owner = &owners[device->id];

		if (*owner)
			checker_wrong(checker, &place,
				      "[device %s] and [device %s] both have id %u%s: write id = "
				      "%u here",
				      (*owner)->name, device->name, device->id,
				      checker_is_there(checker, &place) ? "" : " (by position)",
				      free_id(checker));
		else
			*owner = device;
	}
}

/* A MAC in use on a side. */
struct station {
	struct config_mac mac;
	uint8_t side;
};

static guint station_hash(gconstpointer pointer)
{
	const struct station *station = pointer;
	guint hash = station->side;

	for (size_t i = 0; i < sizeof(station->mac.bytes); i++)
		hash = hash * 31 + station->mac.bytes[i];
	return hash;
}

static gboolean station_equal(gconstpointer a, gconstpointer b)
{
	return !memcmp(a, b, sizeof(struct station));
}

/* Note that MAC is PLACE's on SIDE; complain when it is another's. OWNERS: -> struct place. */
static bool claim_mac(const struct checker *checker, GHashTable *owners,
		      const struct station *station, const struct place *place)
{
	const struct place *owner = g_hash_table_lookup(owners, station);
	GString *text;

	if (!owner) {
		g_hash_table_insert(owners, g_memdup2(station, sizeof(*station)),
				    g_memdup2(place, sizeof(*place)));
		return true;
	}
	text = g_string_new(NULL);
	address_mac_print(text, &station->mac);
	checker_wrong(checker, place, "%s of '%s' is already the %s of [%s %s]: write another",
		      text->str, place->key, owner->key, section_kinds[owner->section].name,
		      owner->name);
	g_string_free(text, TRUE);
	return false;
}

/* Virtual MACs are ours wherever they are seen, so they are claimed on both sides. */
static void claim_virtual(const struct checker *checker, GHashTable *owners,
			  const struct config_mac *mac, const struct place *place)
{
	struct station station = {.mac = *mac, .side = CONFIG_INGRESS};

	if (!claim_mac(checker, owners, &station, place))
		return;
	station.side = CONFIG_EGRESS;
	claim_mac(checker, owners, &station, place);
}

/* A device on a stick may have one MAC on both sides. */
static void claim_device_macs(const struct checker *checker, GHashTable *owners,
			      const struct config_device *device, enum config_side_id side)
{
	const struct place place = checker_device_key(device, side);
	const GArray *macs = device->at[side].macs;

	for (guint i = 0; i < macs->len; i++) {
		const struct station station = {g_array_index(macs, struct config_mac, i),
						(uint8_t)side};

		claim_mac(checker, owners, &station, &place);
	}
}

static void check_macs(const struct checker *checker)
{
	GHashTable *owners = g_hash_table_new_full(station_hash, station_equal, g_free, g_free);

	for (enum config_side_id id = CONFIG_INGRESS; id < CONFIG_SIDES; id++) {
		const struct config_side *side = &checker->config->side[id];
		const struct place uplink = checker_side_key(id, "uplink-mac");
		const struct place farm = checker_side_key(id, "farm-mac");

		claim_virtual(checker, owners, &side->uplink_mac, &uplink);
		claim_virtual(checker, owners, &side->farm_mac, &farm);
	}
	for (guint i = 0; i < checker->config->devices->len; i++)
		for (enum config_side_id id = CONFIG_INGRESS; id < CONFIG_SIDES; id++)
			claim_device_macs(checker, owners, device_at(checker, i), id);
	g_hash_table_unref(owners);
}

static bool has_port(const struct config_balancer *balancer, const char *port)
{
	for (guint i = 0; i < balancer->farm->len; i++)
		if (!strcmp(g_ptr_array_index(balancer->farm, i), port))
			return true;
	return false;
}

/* port:NAME is a farm port of every balancer of that side. */
static void check_port(const struct checker *checker, const struct config_device *device,
		       enum config_side_id side)
{
	const struct place place = checker_device_key(device, side);
	const GPtrArray *balancers = checker->config->balancers;
	const char *port = device->at[side].port;

	for (guint i = 0; port && i < balancers->len; i++) {
		const struct config_balancer *balancer = g_ptr_array_index(balancers, i);
		const struct place farm = {SECTION_BALANCER, balancer->name, "farm"};

		if (balancer->side != side || has_port(balancer, port) ||
		    !checker_is_there(checker, &farm) || checker_is_bad(checker, &farm))
			continue;
		checker_wrong(checker, &place,
			      "port:%s is no farm port of [balancer %s]: write one that is, or add "
			      "it there",
			      port, balancer->name);
	}
}

/* A bridge is one on both sides. */
static void check_bridge(const struct checker *checker, const struct config_device *device)
{
	const struct config_attachment *at = device->at;
	enum config_side_id bare =
		checker_has_station(&at[CONFIG_INGRESS]) ? CONFIG_EGRESS : CONFIG_INGRESS;
	const struct place place = checker_device_key(device, bare);

	if (checker_has_station(&at[CONFIG_INGRESS]) == checker_has_station(&at[CONFIG_EGRESS]))
		return;
	if (!checker_is_there(checker, &place) || checker_is_bad(checker, &place))
		return;
	checker_wrong(checker, &place,
		      "[device %s] has an address or MAC on the other side and none here: write "
		      "one, or leave both sides without (a transparent device)",
		      device->name);
}

/* Without address and MAC, the port and the VLAN are all that tells devices apart. */
static bool are_alike(const struct config_attachment *a, const struct config_attachment *b)
{
	if (checker_has_station(a) || checker_has_station(b) || a->vlan != b->vlan)
		return false;
	return !a->port || !b->port || !strcmp(a->port, b->port);
}

static void check_alike(const struct checker *checker, guint index, enum config_side_id side)
{
	const struct config_device *device = device_at(checker, index);
	const struct place place = checker_device_key(device, side);

	if (!checker_is_there(checker, &place) || checker_is_bad(checker, &place))
		return;
	for (guint i = 0; i < index; i++) {
		const struct config_device *other = device_at(checker, i);
		const struct place others = checker_device_key(other, side);

		if (!are_alike(&device->at[side], &other->at[side]) ||
		    !checker_is_there(checker, &others) || checker_is_bad(checker, &others))
			continue;
		checker_wrong(checker, &place,
			      "nothing tells [device %s] from [device %s] here: give each its own "
			      "address, MAC, vlan:N or port:NAME",
			      device->name, other->name);
		return;
	}
}

/* --- inner pools ---------------------------------------------------------------------------- */

/* A pool, and whose it is. */
struct pool {
	struct config_address network;
	const struct config_device *device;
};

static void collect_pools(const struct checker *checker, GArray *pools)
{
	for (guint i = 0; i < checker->config->devices->len; i++) {
		const struct config_device *device = device_at(checker, i);

		for (guint k = 0; k < device->pools->len; k++) {
			struct pool pool = {
				g_array_index(device->pools, struct config_address, k), device};

			g_array_append_val(pools, pool);
		}
	}
}

/* By first address, the larger first: of all that overlap, neighbours do. */
static gint compare_pools(gconstpointer a, gconstpointer b)
{
	const struct pool *x = a, *y = b;
	int order = memcmp(&x->network.address, &y->network.address, sizeof(struct in6_addr));

	if (order || x->network.length != y->network.length)
		return order ? order : (int)x->network.length - (int)y->network.length;
	return x->device->line - y->device->line;
}

static void check_pool(const struct checker *checker, const struct pool *a, const struct pool *b)
{
	const struct pool *first = a->device->line <= b->device->line ? a : b;
	const struct pool *second = first == a ? b : a;
	const struct place place = {SECTION_DEVICE, second->device->name, "pool"};
	GString *text = g_string_new(NULL);

	address_prefix_print(text, &second->network);
	g_string_append(text, " overlaps ");
	address_prefix_print(text, &first->network);
	checker_wrong(checker, &place,
		      "%s of [device %s]: give each device networks of its own, once each",
		      text->str, first->device->name);
	g_string_free(text, TRUE);
}

/* The engine looks for one length after another. */
static void check_pool_lengths(const struct checker *checker, const GArray *pools)
{
	bool used[129] = {false};
	unsigned int lengths = 0;

	for (guint i = 0; i < pools->len; i++) {
		const struct pool *pool = &g_array_index(pools, struct pool, i);
		const struct place place = {SECTION_DEVICE, pool->device->name, "pool"};

		lengths += !used[pool->network.length];
		used[pool->network.length] = true;
		if (lengths <= CONFIG_POOL_LENGTHS && i < CONFIG_POOLS)
			continue;
		checker_wrong(checker, &place,
			      "more than %d pools, or more than %d different prefix lengths: "
			      "write fewer, larger ones",
			      CONFIG_POOLS, CONFIG_POOL_LENGTHS);
		return;
	}
}

static void check_pools(const struct checker *checker)
{
	GArray *pools = g_array_new(FALSE, FALSE, sizeof(struct pool));
	const struct place mode = {SECTION_SANDWICH, NULL, "mode"};

	collect_pools(checker, pools);
	if (pools->len && checker->config->mode != CONFIG_MODE_VPN &&
	    checker_is_there(checker, &mode) && !checker_is_bad(checker, &mode)) {
		const struct place place = {
			SECTION_DEVICE, g_array_index(pools, struct pool, 0).device->name, "pool"};

		checker_wrong(checker, &place,
			      "a pool needs mode = vpn in [sandwich]; in firewall mode the hash "
			      "says where a host's frames go: leave it out");
	}
	check_pool_lengths(checker, pools);
	g_array_sort(pools, compare_pools);
	for (guint i = 1; i < pools->len; i++) {
		const struct pool *a = &g_array_index(pools, struct pool, i - 1);
		const struct pool *b = &g_array_index(pools, struct pool, i);

		if (address_same_net(&a->network.address, &b->network.address, a->network.length))
			check_pool(checker, a, b);
	}
	g_array_unref(pools);
}

void checker_devices(const struct checker *checker)
{
	guint n = checker->config->devices->len;

	if (!n)
		problem_add(checker->problems, 0,
			    "no device: write [device fw1] with ingress = 10.1.0.11 and egress = "
			    "10.2.0.11");
	check_ids(checker);
	check_macs(checker);
	check_pools(checker);
	for (guint i = 0; i < n; i++) {
		check_bridge(checker, device_at(checker, i));
		for (enum config_side_id side = CONFIG_INGRESS; side < CONFIG_SIDES; side++) {
			check_port(checker, device_at(checker, i), side);
			check_alike(checker, i, side);
		}
	}
}
