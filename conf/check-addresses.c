/* SPDX-License-Identifier: ISC */
/* Cross-checks of the sides' addresses: each is one station's, each subnet is on one port. */
#include <string.h>

#include "conf/address.h"
#include "conf/checker.h"
#include "conf/problem.h"

/* A floating address, and the key it was written at. */
struct net {
	struct config_address address;
	enum config_side_id side;
	bool uplink;
};

static struct place net_key(const struct net *net)
{
	return checker_side_key(net->side, net->uplink ? "uplink-address" : "farm-address");
}

static char *prefix_text(const struct config_address *prefix)
{
	GString *text = g_string_new(NULL);

	address_prefix_print(text, prefix);
	return g_string_free(text, FALSE);
}

static char *address_text(const struct in6_addr *address)
{
	GString *text = g_string_new(NULL);

	address_print(text, address);
	return g_string_free(text, FALSE);
}

static void collect(GArray *nets, const GArray *addresses, enum config_side_id side, bool uplink)
{
	for (guint i = 0; i < addresses->len; i++) {
		struct net net = {g_array_index(addresses, struct config_address, i), side, uplink};

		g_array_append_val(nets, net);
	}
}

/*
 * May A and B share a subnet? The same port may have several addresses, and link-local ones are
 * the same everywhere. Bridges have one subnet on both sides. A VPN gateway parts the outside from
 * the inside, which need not know of each other.
 */
static bool may_share(const struct checker *checker, const struct net *a, const struct net *b)
{
	if (a->side == b->side && a->uplink == b->uplink)
		return true;
	if (IN6_IS_ADDR_LINKLOCAL(&a->address.address))
		return true;
	if (a->side == b->side)
		return false;
	return checker_is_transparent(checker) ||
	       (checker->config->mode == CONFIG_MODE_VPN && (a->uplink || b->uplink));
}

static void check_overlap(const struct checker *checker, const struct net *old,
			  const struct net *net)
{
	const struct place place = net_key(net), first = net_key(old);
	unsigned int length = MIN(old->address.length, net->address.length);
	char *a, *b;

	if (!address_same_net(&old->address.address, &net->address.address, length) ||
	    may_share(checker, old, net))
		return;
	a = prefix_text(&net->address);
	b = prefix_text(&old->address);
	checker_wrong(checker, &place,
		      "%s overlaps %s, the %s of [side %s]: give each port a subnet of its own", a,
		      b, first.key, first.name);
	g_free(a);
	g_free(b);
}

static void check_overlaps(const struct checker *checker)
{
	GArray *nets = g_array_new(FALSE, FALSE, sizeof(struct net));

	for (enum config_side_id side = CONFIG_INGRESS; side < CONFIG_SIDES; side++) {
		collect(nets, checker->config->side[side].uplink_addresses, side, true);
		collect(nets, checker->config->side[side].farm_addresses, side, false);
	}
	for (guint i = 0; i < nets->len; i++)
		for (guint j = 0; j < i; j++)
			check_overlap(checker, &g_array_index(nets, struct net, j),
				      &g_array_index(nets, struct net, i));
	g_array_unref(nets);
}

/* Note that ADDRESS is PLACE's; complain when it is another's. OWNERS: text -> struct place. */
static void claim(const struct checker *checker, GHashTable *owners, const struct in6_addr *address,
		  const struct place *place)
{
	char *text = address_text(address);
	const struct place *owner = g_hash_table_lookup(owners, text);

	if (!owner) {
		g_hash_table_insert(owners, text, g_memdup2(place, sizeof(*place)));
		return;
	}
	if (!IN6_IS_ADDR_LINKLOCAL(address))
		checker_wrong(checker, place,
			      "%s is already the %s of [%s %s]: give each its own address", text,
			      owner->key, section_kinds[owner->section].name, owner->name);
	g_free(text);
}

static void claim_prefixes(const struct checker *checker, GHashTable *owners,
			   const GArray *prefixes, const struct place *place)
{
	for (guint i = 0; i < prefixes->len; i++)
		claim(checker, owners, &g_array_index(prefixes, struct config_address, i).address,
		      place);
}

static void claim_all(const struct checker *checker, GHashTable *owners, const GArray *addresses,
		      const struct place *place)
{
	for (guint i = 0; i < addresses->len; i++)
		claim(checker, owners, &g_array_index(addresses, struct in6_addr, i), place);
}

static void claim_side(const struct checker *checker, GHashTable *owners, enum config_side_id id)
{
	const struct config_side *side = &checker->config->side[id];
	const struct place uplink = checker_side_key(id, "uplink-address");
	const struct place farm = checker_side_key(id, "farm-address");
	const struct place cluster = checker_side_key(id, "cluster-address");
	const struct place gateway = checker_side_key(id, "gateway");

	claim_prefixes(checker, owners, side->uplink_addresses, &uplink);
	claim_prefixes(checker, owners, side->farm_addresses, &farm);
	claim_all(checker, owners, side->cluster_addresses, &cluster);
	claim_all(checker, owners, side->gateways, &gateway);
}

static void check_duplicates(const struct checker *checker)
{
	GHashTable *owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	const GPtrArray *devices = checker->config->devices;

	for (enum config_side_id side = CONFIG_INGRESS; side < CONFIG_SIDES; side++)
		claim_side(checker, owners, side);
	for (guint i = 0; i < devices->len; i++) {
		const struct config_device *device = g_ptr_array_index(devices, i);

		for (enum config_side_id side = CONFIG_INGRESS; side < CONFIG_SIDES; side++) {
			const struct place place = checker_device_key(device, side);

			claim_all(checker, owners, device->at[side].addresses, &place);
		}
	}
	g_hash_table_unref(owners);
}

/* Is ADDRESS on the link that PREFIXES describe? */
static bool is_on_link(const GArray *prefixes, const struct in6_addr *address)
{
	bool found = IN6_IS_ADDR_LINKLOCAL(address);

	for (guint i = 0; i < prefixes->len && !found; i++) {
		const struct config_address *p = &g_array_index(prefixes, struct config_address, i);

		found = address_same_net(&p->address, address, p->length);
	}
	return found;
}

/* Complain of those of ADDRESSES, at PLACE, that are not on the link of PREFIXES, NAMED so. */
static void check_on_link(const struct checker *checker, const GArray *addresses,
			  const struct place *place, const GArray *prefixes,
			  const struct place *named)
{
	if (!prefixes->len || checker_is_bad(checker, named))
		return;
	for (guint i = 0; i < addresses->len; i++) {
		const struct in6_addr *address = &g_array_index(addresses, struct in6_addr, i);
		char *text = address_text(address);

		if (!is_on_link(prefixes, address))
			checker_wrong(checker, place,
				      "%s is in no subnet of [side %s]'s %s: write one that is, or "
				      "add an address in its subnet there",
				      text, named->name, named->key);
		g_free(text);
	}
}

static void check_device_links(const struct checker *checker)
{
	const GPtrArray *devices = checker->config->devices;

	for (guint i = 0; i < devices->len; i++) {
		const struct config_device *device = g_ptr_array_index(devices, i);

		for (enum config_side_id side = CONFIG_INGRESS; side < CONFIG_SIDES; side++) {
			const struct place place = checker_device_key(device, side);
			const struct place named = checker_side_key(side, "farm-address");

			check_on_link(checker, device->at[side].addresses, &place,
				      checker->config->side[side].farm_addresses, &named);
		}
	}
}

static void check_gateways(const struct checker *checker, enum config_side_id side)
{
	const struct place place = checker_side_key(side, "gateway");
	const struct place named = checker_side_key(side, "uplink-address");
	const GArray *gateways = checker->config->side[side].gateways;
	unsigned int v4 = 0;

	for (guint i = 0; i < gateways->len; i++)
		v4 += IN6_IS_ADDR_V4MAPPED(&g_array_index(gateways, struct in6_addr, i));
	if (v4 > 1 || gateways->len - v4 > 1)
		checker_wrong(checker, &place,
			      "%u %s gateways: write one for each family, or none and let the "
			      "kernel's routes tell",
			      v4 > 1 ? v4 : gateways->len - v4, v4 > 1 ? "IPv4" : "IPv6");
	check_on_link(checker, gateways, &place, checker->config->side[side].uplink_addresses,
		      &named);
}

static void check_cluster(const struct checker *checker, enum config_side_id side)
{
	const struct place place = checker_side_key(side, "cluster-address");
	const struct place mode = {SECTION_SANDWICH, NULL, "mode"};

	if (!checker->config->side[side].cluster_addresses->len)
		return;
	if (side != CONFIG_INGRESS)
		checker_wrong(checker, &place,
			      "clients connect to the cluster address from the ingress side: write "
			      "cluster-address in [side ingress]");
	else if (checker->config->mode != CONFIG_MODE_VPN && checker_is_there(checker, &mode) &&
		 !checker_is_bad(checker, &mode))
		checker_wrong(checker, &place,
			      "a cluster address needs mode = vpn in [sandwich]; in firewall mode "
			      "clients write to the servers themselves: leave it out");
}

void checker_addresses(const struct checker *checker)
{
	check_overlaps(checker);
	check_duplicates(checker);
	for (enum config_side_id side = CONFIG_INGRESS; side < CONFIG_SIDES; side++) {
		check_gateways(checker, side);
		check_cluster(checker, side);
	}
	check_device_links(checker);
}
