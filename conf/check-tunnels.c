/* SPDX-License-Identifier: ISC */
/* Cross-checks of affinity = tunnel and of what belongs to it. */
#include <string.h>

#include "conf/checker.h"

static void check_mode(const struct checker *checker)
{
	const struct place affinity = {SECTION_SANDWICH, NULL, "affinity"};
	const struct place cluster = checker_side_key(CONFIG_INGRESS, "cluster-address");
	const struct config *config = checker->config;

	if (config->affinity != CONFIG_AFFINITY_TUNNEL)
		return;
	if (config->mode != CONFIG_MODE_VPN)
		checker_wrong(checker, &affinity,
			      "affinity = tunnel is for VPN gateways: write mode = vpn, or "
			      "affinity = pair");
	else if (!config->side[CONFIG_INGRESS].cluster_addresses->len &&
		 !checker_is_bad(checker, &cluster))
		checker_wrong(checker, &affinity,
			      "affinity = tunnel goes by what clients send to the cluster address: "
			      "write cluster-address = 192.0.2.10 in [side ingress]");
}

static bool same_id(const struct config_server_id *a, const struct config_server_id *b)
{
	return a->length == b->length && !memcmp(a->bytes, b->bytes, a->length);
}

/* A server id has the length that quic-lb says, and is one device's. */
static void check_server_id(const struct checker *checker, guint index)
{
	const struct config_quic_lb *quic = &checker->config->quic_lb;
	const GPtrArray *devices = checker->config->devices;
	const struct config_device *device = g_ptr_array_index(devices, index);
	const struct place place = {SECTION_DEVICE, device->name, "quic-server-id"};
	const struct place lb = {SECTION_SANDWICH, NULL, "quic-lb"};

	if (!device->quic_id.length || checker_is_bad(checker, &lb))
		return;
	if (!quic->length)
		checker_wrong(checker, &place,
			      "quic-server-id says nothing without [sandwich] quic-lb: write "
			      "quic-lb = 0/%u there",
			      device->quic_id.length);
	else if (device->quic_id.length != quic->length)
		checker_wrong(checker, &place,
			      "quic-server-id has %u bytes, by [sandwich] quic-lb they have %u",
			      device->quic_id.length, quic->length);
	for (guint i = 0; i < index; i++) {
		const struct config_device *other = g_ptr_array_index(devices, i);

		if (same_id(&other->quic_id, &device->quic_id))
			checker_wrong(checker, &place,
				      "quic-server-id is [device %s]'s too: give each its own",
				      other->name);
	}
}

void checker_tunnels(const struct checker *checker)
{
	check_mode(checker);
	for (guint i = 0; i < checker->config->devices->len; i++)
		check_server_id(checker, i);
}
