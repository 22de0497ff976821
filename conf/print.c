/* SPDX-License-Identifier: ISC */
/* The effective configuration, by the same tables that read it. */
#include "conf/config.h"
#include "conf/keys.h"

static void print_section(GString *out, enum section_id id, const char *name, const void *base)
{
	const struct section_kind *kind = &section_kinds[id];

	g_string_append_printf(out, "%s[%s%s%s]\n", out->len ? "\n" : "", kind->name,
			       name ? " " : "", name ? name : "");
	for (const struct key *key = kind->keys; key->name; key++) {
		g_string_append_printf(out, "%s = ", key->name);
		key->kind->print(key, (const char *)base + key->offset, out);
		g_string_append_c(out, '\n');
	}
}

char *config_print(const struct config *config)
{
	GString *out = g_string_new(NULL);

	print_section(out, SECTION_SANDWICH, NULL, config);
	print_section(out, SECTION_TIMEOUTS, NULL, config);
	for (enum config_side_id side = CONFIG_INGRESS; side < CONFIG_SIDES; side++)
		print_section(out, SECTION_SIDE, config_side_name(side), &config->side[side]);
	for (guint i = 0; i < config->balancers->len; i++) {
		const struct config_balancer *b = g_ptr_array_index(config->balancers, i);

		print_section(out, SECTION_BALANCER, b->name, b);
	}
	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);

		print_section(out, SECTION_DEVICE, d->name, d);
	}
	print_section(out, SECTION_HEALTH, NULL, &config->health);
	return g_string_free(out, FALSE);
}
