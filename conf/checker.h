/* SPDX-License-Identifier: ISC */
/*
 * What the three files of the cross-checks share: the model, the document it came from, and the
 * way from a key to the line that a diagnostic names.
 *
 * Ownership: a checker borrows everything. Thread: any, one at a time.
 */
#ifndef CONF_CHECKER_H
#define CONF_CHECKER_H

#include "conf/config.h"
#include "conf/lines.h"

struct checker {
	const struct config *config;
	const struct document *document;
	GPtrArray *problems;
};

/* A key of a section of the file. NAME is NULL where the section has none. */
struct place {
	enum section_id section;
	const char *name;
	const char *key;
};

/* The key's line, else its section's, else 0. */
int checker_line(const struct checker *checker, const struct place *place);

/* Was the value there and of no use? What depends on it is not judged then. */
bool checker_is_bad(const struct checker *checker, const struct place *place);

/* Is the key in the file? */
bool checker_is_there(const struct checker *checker, const struct place *place);

void checker_wrong(const struct checker *checker, const struct place *place, const char *format,
		   ...) G_GNUC_PRINTF(3, 4);

struct place checker_side_key(enum config_side_id side, const char *key);
struct place checker_device_key(const struct config_device *device, enum config_side_id side);

/* No device has an address or a MAC of its own: bridges, which share one subnet. */
bool checker_is_transparent(const struct checker *checker);
bool checker_has_station(const struct config_attachment *at);

/* check-addresses.c, check-devices.c and check-tunnels.c */
void checker_addresses(const struct checker *checker);
void checker_devices(const struct checker *checker);
void checker_tunnels(const struct checker *checker);

#endif
