/* SPDX-License-Identifier: ISC */
/*
 * Making the parts of the model, each with every preset of its section in place.
 *
 * Ownership: what is made belongs to the config it is added to. Thread: any, one at a time.
 */
#ifndef CONF_MODEL_H
#define CONF_MODEL_H

#include "conf/config.h"

#define MODEL_DEVICES_MAX 255

struct config *model_new(void);

/* NAME is copied, LINE is the section's. */
struct config_balancer *model_add_balancer(struct config *config, const char *name, int line);
struct config_device *model_add_device(struct config *config, const char *name, int line);

#endif
