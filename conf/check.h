/* SPDX-License-Identifier: ISC */
/*
 * What is wrong with a model whose values have all been read: things missing, things that
 * contradict each other. The document tells the lines, and which values could not be read: what
 * would follow from those is not told.
 *
 * Thread: any, one at a time.
 */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "conf/config.h"

struct document;

void config_check(const struct config *config, const struct document *document,
		  GPtrArray *problems);

#endif
