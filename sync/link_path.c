/* SPDX-License-Identifier: ISC */
/*
 * Ways to the peer: which are heard, which one data takes, how long a round trip is.
 *
 * A way can be cut in one direction alone; so each side tells by which it hears the other, and data
 * goes where it is heard.
 */
#include "sync/link_state.h"

u64 link_fall(const struct link *l)
{
	return l->setup.interval_us * l->setup.count + l->setup.interval_us / 4;
}

static bool link_hears(const struct link *l, u8 path)
{
	u64 heard = l->ways[path].heard;

	return heard && l->now - heard < link_fall(l);
}

u8 link_heard_paths(const struct link *l)
{
	u8 heard = 0;

	for (u8 i = 0; i < l->setup.paths; i++)
		heard |= (u8)(link_hears(l, i) << i);
	return heard;
}

/* The peer does not hear us by PATH, as far as we know: what goes there may well be for nothing. */
bool link_is_probe(const struct link *l, u8 path)
{
	return !l->up || !(l->peer.hears >> path & 1);
}

/* The first path that both hear each other by, else that we hear the peer by. */
static u8 link_choose(const struct link *l, u8 heard)
{
	u8 both = heard & l->peer.hears;
	u8 some = both ? both : heard;

	return some ? (u8)__builtin_ctz(some) : 0;
}

static void link_round_trip(struct link *l, const struct record_link *says)
{
	u64 rtt = l->now - says->echo_us;

	if (!says->echo_us || says->echo_us > l->now || rtt < says->held_us)
		return;
	rtt -= says->held_us;
	if (rtt > UINT32_MAX / 8)
		return;
	l->rtt_us = l->rtt_us ? (u32)((7 * (u64)l->rtt_us + rtt) / 8) : (u32)rtt;
	if (!l->rtt_us)
		l->rtt_us = 1; /* 0 says that it is not known */
}

/* A fresh message came by PATH; SAYS: its LINK, if it has one. */
void link_heard(struct link *l, u8 path, const struct record_link *says)
{
	l->ways[path].heard = l->now;
	if (!says || says->sent_us < l->peer.sent_us)
		return; /* paths differ in delay: what comes late is not how things are */
	l->peer.sent_us = says->sent_us;
	l->peer.sent_heard = l->now;
	l->peer.hears = says->heard;
	link_round_trip(l, says);
}

/* Judges which paths are heard, and whether any is. When the next may fall silent. */
u64 link_judge(struct link *l)
{
	u8 heard = link_heard_paths(l);
	u64 due = LINK_NEVER;
	bool up = heard;

	for (u8 i = 0; i < l->setup.paths; i++)
		if (heard >> i & 1 && l->ways[i].heard + link_fall(l) < due)
			due = l->ways[i].heard + link_fall(l);
	l->path = link_choose(l, heard);
	if (up != l->up) {
		l->up = up;
		l->setup.ops.up(l->setup.ops.user, up);
	}
	return due;
}
