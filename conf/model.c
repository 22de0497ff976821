/* SPDX-License-Identifier: ISC */
/* The life of a config and of its parts. */
#include "conf/model.h"

#include <string.h>

#include "conf/keys.h"

static void check_free(void *pointer)
{
	struct config_check *check = pointer;

	g_free(check->url_path);
	g_strfreev(check->argv);
	g_free(check);
}

static void balancer_free(void *pointer)
{
	struct config_balancer *balancer = pointer;

	g_ptr_array_unref(balancer->farm);
	g_ptr_array_unref(balancer->sync);
	g_free(balancer->name);
	g_free(balancer->uplink);
	g_free(balancer->control);
	g_free(balancer->metrics);
	g_free(balancer);
}

static void device_free(void *pointer)
{
	struct config_device *device = pointer;

	for (int side = 0; side < CONFIG_SIDES; side++) {
		g_array_unref(device->at[side].addresses);
		g_array_unref(device->at[side].macs);
		g_free(device->at[side].port);
	}
	g_array_unref(device->pools);
	g_free(device->name);
	g_free(device);
}

static void side_init(struct config_side *side)
{
	side->uplink_addresses = g_array_new(FALSE, TRUE, sizeof(struct config_address));
	side->farm_addresses = g_array_new(FALSE, TRUE, sizeof(struct config_address));
	side->cluster_addresses = g_array_new(FALSE, TRUE, sizeof(struct in6_addr));
	side->gateways = g_array_new(FALSE, TRUE, sizeof(struct in6_addr));
	keys_preset(&section_kinds[SECTION_SIDE], side);
}

static void side_fini(struct config_side *side)
{
	g_array_unref(side->uplink_addresses);
	g_array_unref(side->farm_addresses);
	g_array_unref(side->cluster_addresses);
	g_array_unref(side->gateways);
}

struct config *model_new(void)
{
	struct config *config = g_new0(struct config, 1);

	config->balancers = g_ptr_array_new_with_free_func(balancer_free);
	config->devices = g_ptr_array_new_with_free_func(device_free);
	config->health.checks = g_ptr_array_new_with_free_func(check_free);
	keys_preset(&section_kinds[SECTION_SANDWICH], config);
	keys_preset(&section_kinds[SECTION_TIMEOUTS], config);
	keys_preset(&section_kinds[SECTION_HEALTH], &config->health);
	for (int side = 0; side < CONFIG_SIDES; side++)
		side_init(&config->side[side]);
	return config;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (int side = 0; side < CONFIG_SIDES; side++)
		side_fini(&config->side[side]);
	g_ptr_array_unref(config->balancers);
	g_ptr_array_unref(config->devices);
	g_ptr_array_unref(config->health.checks);
	g_free(config->name);
	g_free(config->secret_file);
	g_free(config);
}

struct config_balancer *model_add_balancer(struct config *config, const char *name, int line)
{
	struct config_balancer *balancer = g_new0(struct config_balancer, 1);

	balancer->name = g_strdup(name);
	balancer->line = line;
	balancer->farm = g_ptr_array_new_with_free_func(g_free);
	balancer->sync = g_ptr_array_new_with_free_func(g_free);
	keys_preset(&section_kinds[SECTION_BALANCER], balancer);
	g_ptr_array_add(config->balancers, balancer);
	return balancer;
}

static void attachment_init(struct config_attachment *at)
{
	at->addresses = g_array_new(FALSE, TRUE, sizeof(struct in6_addr));
	at->macs = g_array_new(FALSE, TRUE, sizeof(struct config_mac));
	at->vlan = -1;
}

struct config_device *model_add_device(struct config *config, const char *name, int line)
{
	struct config_device *device = g_new0(struct config_device, 1);

	device->name = g_strdup(name);
	device->line = line;
	for (int side = 0; side < CONFIG_SIDES; side++)
		attachment_init(&device->at[side]);
	device->pools = g_array_new(FALSE, TRUE, sizeof(struct config_address));
	keys_preset(&section_kinds[SECTION_DEVICE], device);
	g_ptr_array_add(config->devices, device);
	return device;
}

const struct config_balancer *config_find_balancer(const struct config *config, const char *name)
{
	for (guint i = 0; i < config->balancers->len; i++) {
		const struct config_balancer *b = g_ptr_array_index(config->balancers, i);

		if (!strcmp(b->name, name))
			return b;
	}
	return NULL;
}

const struct config_device *config_find_device(const struct config *config, const char *name)
{
	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);

		if (!strcmp(d->name, name))
			return d;
	}
	return NULL;
}

const char *config_mode_name(enum config_mode mode)
{
	return config_mode_words[mode];
}

const char *config_affinity_name(enum config_affinity affinity)
{
	return config_affinity_words[affinity];
}

const char *config_detector_name(enum config_detector detector)
{
	return config_detector_words[detector];
}

const char *config_datapath_name(enum config_datapath datapath)
{
	return config_datapath_words[datapath];
}

const char *config_role_name(enum config_role role)
{
	return config_role_words[role];
}

const char *config_side_name(enum config_side_id side)
{
	return config_side_words[side];
}
