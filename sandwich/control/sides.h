/* SPDX-License-Identifier: ISC */
/* Which of two addresses is outside, as far as the configuration tells. Thread: any. */
#ifndef SANDWICH_CONTROL_SIDES_H
#define SANDWICH_CONTROL_SIDES_H

#include "conf/config.h"
#include "sandwich/core/types.h"

/*
 * By the subnets of the two uplinks: above 0 where A is outside and B inside, below 0 where it is
 * the other way round, 0 where the configuration does not say.
 */
int sides_compare(const struct config *config, const struct address *a, const struct address *b);

/*
 * Whether both are on the uplink of the same side and of that alone, so that what they say to each
 * other does not cross the farm; *SIDE says which.
 */
bool sides_share(const struct config *config, const struct address *a, const struct address *b,
		 enum config_side_id *side);

#endif
