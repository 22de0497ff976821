/* SPDX-License-Identifier: ISC */
/*
 * From the configuration to what the engine is told (core/settings.h).
 *
 * The device table becomes rank rows, the addresses become locals, and the shared secret the
 * placement key, so that both sides compute the same without talking.
 *
 * Thread: main.
 */
#ifndef SANDWICH_RUN_SETTINGS_H
#define SANDWICH_RUN_SETTINGS_H

#include "conf/config.h"
#include "sandwich/core/tables.h"

/* The wire identity of a device: a hash of its name, never 0. */
u64 settings_name_hash(const char *name);

/*
 * Everything but liveness and rank rows: mode, affinity, timers, MACs, VLANs, local addresses, the
 * device entries' names, weights and tags, placement key and epoch. SECRET may be empty. Safe while
 * the data thread runs. 0, or -ENOSPC (too many addresses) and nothing is changed.
 */
int settings_apply(struct tables *t, const struct config *config,
		   const struct config_balancer *self, const u8 *secret, size_t secret_length)
	__attribute__((warn_unused_result));

/* The key of the journal's ids and digests, of CONFIG's name and the secret. */
void settings_journal_key(struct hash_key *key, const struct config *config, const u8 *secret,
			  size_t secret_length);

/* Whether the VLAN tag is part of the keys: only where both sides see the same one. */
bool settings_zoned(const struct config *config);

/* Who is ranked: all devices with a weight. OUT has room for DEVICES_MAX; how many. */
struct rank_device;
u32 settings_rank_devices(const struct config *config, struct rank_device *out);

/*
 * Builds the rank rows of CONFIG into the set that is not in force, and gives its number. It takes
 * some 5 ms for each device: for a start, and see run/ranks.h.
 */
u32 settings_build_rows(struct tables *t, const struct config *config);

/*
 * Puts the members of settings.pick into settings.live[], by name hash, the same order on both
 * sides.
 */
void settings_update_live(struct tables *t, struct settings *settings);

/*
 * For replay and benches: settings_apply(), rows in force, every device that is not disabled up
 * and reachable by a made-up hop.
 */
int settings_from_config(struct tables *t, const struct config *config,
			 const struct config_balancer *self, const u8 *secret, size_t secret_length)
	__attribute__((warn_unused_result));

/* The address in the engine's form. */
struct address settings_address(const struct in6_addr *in);

#endif
