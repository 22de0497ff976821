/* SPDX-License-Identifier: ISC */
/*
 * What the two halves of the store share: store.c (records, deletions) and store_room.c (room in a
 * full window). The follower's thread.
 */
#ifndef SYNC_STORE_STATE_H
#define SYNC_STORE_STATE_H

#include "sandwich/core/session.h"
#include "sync/store.h"
#include "sync/tombs.h"

#define STORE_KINDS 2 /* sessions and pins */

/* Who wrote a slot last: link 8, life of the link 8, sequence 48. 0: none did since the start. */
typedef u64 store_stamp;

struct store_source {
	enum store_peer peer;
	u8 life; /* counts the incarnations, so that an earlier one's stamps don't hold */
	struct tombs *tombs;
};

struct store {
	struct tables *tables;
	struct journal *journal;
	store_stamp *stamp[STORE_KINDS];
	struct store_source source[STORE_LINKS];
	struct store_counts counts;
};

/* How a key of that kind is hashed into its table: its id. */
static inline u64 store_hash(const struct store *s, enum table_kind kind, const struct flow *key)
{
	const struct settings *cfg = tables_settings(s->tables);

	return kind == TABLE_PINS ? flow_hash(&cfg->placement, key) : session_hash(cfg, key);
}

/*
 * Makes sure that a slot of the window at HASH is free, by moving others within theirs. Only where
 * no frame touches the table. False: there is no way.
 */
bool store_make_room(struct store *s, enum table_kind kind, u64 hash);

/* Whether a slot of the window is free as it is. */
bool store_has_room(struct store *s, enum table_kind kind, u64 hash);

#endif
