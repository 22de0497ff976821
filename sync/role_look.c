/* SPDX-License-Identifier: ISC */
/* What `show role` tells. */
#include "sync/role_state.h"

#include <string.h>

static void role_look_at(const struct role *r, const struct role_peer *p,
			 struct role_peer_view *out, u64 now)
{
	out->box = p->box;
	out->alive = role_is_alive(r, p, now);
	out->silent_us = p->heard ? now - p->heard : UINT64_MAX;
	out->role = p->hb.role < ROLE_STATES ? (enum role_state)p->hb.role : ROLE_STARTING;
	out->term = p->hb.term;
	out->flags = p->hb.flags;
}

u32 role_term(const struct role *r)
{
	return r->state == ROLE_ACTIVE ? r->term : r->known;
}

void role_look(const struct role *r, struct role_view *out, u64 now)
{
	memset(out, 0, sizeof(*out));
	out->role = r->state;
	out->term = role_term(r);
	out->active = r->active;
	out->since_us = r->since;
	out->flags = r->flags | (r->offer.to ? ROLE_HANDS_OVER : 0);
	memcpy(out->why, r->why, sizeof(out->why));
	memcpy(out->waits, r->waits, sizeof(out->waits));
	out->counts = r->counts;
	for (u8 i = 0; i < r->config.boxes; i++)
		if (r->peer[i].box != r->self)
			role_look_at(r, &r->peer[i], &out->peer[out->peers++], now);
}
