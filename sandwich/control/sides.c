// SPDX-License-Identifier: ISC
#include "sandwich/control/sides.h"

#include "sandwich/core/route.h"
#include "sandwich/run/settings.h"

static bool sides_on_link(const struct config_side *side, const struct address *address)
{
	for (guint i = 0; i < side->uplink_addresses->len; i++) {
		const struct config_address *own =
			&g_array_index(side->uplink_addresses, struct config_address, i);
		struct address net = settings_address(&own->address), masked = *address;

		route_mask(&net, own->length);
		route_mask(&masked, own->length);
		if (address_equal(&net, &masked))
			return true;
	}
	return false;
}

bool sides_share(const struct config *config, const struct address *a, const struct address *b,
		 enum config_side_id *side)
{
	const struct config_side *out = &config->side[CONFIG_INGRESS],
				 *in = &config->side[CONFIG_EGRESS];
	bool both_out = sides_on_link(out, a) && sides_on_link(out, b);
	bool both_in = sides_on_link(in, a) && sides_on_link(in, b);

	*side = both_out ? CONFIG_INGRESS : CONFIG_EGRESS;
	return both_out ? !sides_on_link(in, a) && !sides_on_link(in, b)
			: both_in && !sides_on_link(out, a) && !sides_on_link(out, b);
}

int sides_compare(const struct config *config, const struct address *a, const struct address *b)
{
	const struct config_side *out = &config->side[CONFIG_INGRESS],
				 *in = &config->side[CONFIG_EGRESS];

	return sides_on_link(out, a) + sides_on_link(in, b) - sides_on_link(out, b) -
	       sides_on_link(in, a);
}
