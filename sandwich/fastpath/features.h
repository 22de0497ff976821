/* SPDX-License-Identifier: ISC */
/*
 * What drivers do that matters to XDP. Thread: main.
 */
#ifndef SANDWICH_FASTPATH_FEATURES_H
#define SANDWICH_FASTPATH_FEATURES_H

#include <stdbool.h>

/* Whether frames may come from senders on the same machine, with checksums left to hardware. */
bool features_is_local(const char *interface);

#endif
