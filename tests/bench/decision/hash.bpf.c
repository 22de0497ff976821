// SPDX-License-Identifier: ISC
/*
 * The fast path's program with its sessions in one of the kernel's hash maps (HASH_MAP_TYPE, given
 * by the compiler's command line), and all else as it is: what the table of slots is measured
 * against.
 *
 * The text is the project's own. Two functions are replaced while it is read: the look-up, where it
 * asks for a session, and the recording of a new one. The kernel's map hashes by itself, so the
 * session's hash is not computed.
 */
#include <stdbool.h>

#define table_find table_find_slots
#define table_find_here table_find_here_slots
#define table_at_home table_at_home_slots
#include "sandwich/fastpath/tables.bpf.h"
#undef table_find
#undef table_find_here
#undef table_at_home
#define table_find_here table_find

struct {
	__uint(type, HASH_MAP_TYPE);
	__uint(max_entries, 1);
	__type(key, struct flow);
	__type(value, struct slot);
} hash_sessions SEC(".maps");

CORE_INLINE struct slot *table_find(struct tables *t, enum table_kind kind, const struct flow *key,
				    u64 hash)
{
	if (kind != TABLE_SESSIONS)
		return table_find_slots(t, kind, key, hash);
	return bpf_map_lookup_elem(&hash_sessions, key);
}

#define session_add session_add_slots
#include "sandwich/core/session.h"
#undef session_add

CORE_FN struct slot *session_add(struct tables *t, const struct flow *flow, u64 hash, u8 device,
				 u8 state, u32 now)
{
	struct slot fresh = {.version = SLOT_LIVE};

	(void)hash;
	slot_fill(&fresh, flow, device, state, now);
	if (bpf_map_update_elem(&hash_sessions, flow, &fresh, BPF_ANY)) {
		count(t, COUNTER_SESSIONS_FULL);
		return NULL;
	}
	session_device_count(t, device, 1);
	count(t, COUNTER_SESSIONS_NEW);
	return bpf_map_lookup_elem(&hash_sessions, flow);
}

#define session_hash(cfg, flow) ((void)(cfg), (void)(flow), 0)
#define flow_spread_words(key, word) ((void)(key), (void)(word), 0)

/* A helper takes its key from memory; the stack has no room, where the express asks. */
CORE_INLINE struct slot *hash_find(const struct flow *key);
#define table_at_home(t, kind, key, hash) hash_find(key)

#include "sandwich/fastpath/sandwich.bpf.c"

CORE_INLINE struct slot *hash_find(const struct flow *key)
{
	struct express_room *room = express_room();

	if (!room)
		return NULL;
	room->flow = *key;
	return bpf_map_lookup_elem(&hash_sessions, &room->flow);
}
