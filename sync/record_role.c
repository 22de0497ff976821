/* SPDX-License-Identifier: ISC */
/*
 * HEARTBEAT, in this order (sizes in bytes): role 1, flags 1, priority 2, term 4, active 4, pair 4,
 * sent at 8, number of votes 2, then votes: box 4, silent 2, role 1, flags 1, term 4.
 */
#include "sync/record_role.h"

#define RECORD_HEARTBEAT_SIZE 26
#define RECORD_VOTE_SIZE 12
#define RECORD_DEVICE_SIZE 15
#define RECORD_DEVICE_FLAGS (RECORD_DEVICE_FIT | RECORD_DEVICE_SWEPT | RECORD_DEVICE_UP)

bool record_put_device(struct record_writer *w, const struct record_device *device)
{
	if (!record_fits(w, RECORD_DEVICE_SIZE))
		return false;
	record_put(w, device->name, 8);
	record_put(w, device->place, 1);
	record_put(w, device->flags, 1);
	record_put(w, device->admin, 1);
	record_put(w, device->admin_version, 4);
	return true;
}

/* Flags of a later version are no reason to do without the rest. */
bool record_get_device(struct record_reader *r, struct record_device *out)
{
	if (r->at == r->end)
		return false;
	out->name = record_get(r, 8);
	out->place = (u8)record_get(r, 1);
	out->flags = (u8)record_get(r, 1) & RECORD_DEVICE_FLAGS;
	out->admin = (u8)record_get(r, 1);
	out->admin_version = (u32)record_get(r, 4);
	if (r->bad || !out->name || !out->place || out->admin >= RECORD_DEVICE_ADMINS)
		return record_fail(r);
	return true;
}

static void record_put_vote(struct record_writer *w, const struct role_vote *vote)
{
	record_put(w, vote->box, 4);
	record_put(w, vote->silent_ms, 2);
	record_put(w, vote->role, 1);
	record_put(w, vote->flags, 1);
	record_put(w, vote->term, 4);
}

static bool record_get_vote(struct record_reader *r, struct role_vote *out)
{
	out->box = (u32)record_get(r, 4);
	out->silent_ms = (u16)record_get(r, 2);
	out->role = (u8)record_get(r, 1);
	out->flags = (u8)record_get(r, 1);
	out->term = (u32)record_get(r, 4);
	return !r->bad && out->box && out->role < ROLE_STATES;
}

bool record_put_heartbeat(struct record_writer *w, const struct role_heartbeat *hb)
{
	u16 votes = hb->votes < ROLE_VOTES ? hb->votes : ROLE_VOTES;

	if (!record_fits(w, RECORD_HEARTBEAT_SIZE + (size_t)votes * RECORD_VOTE_SIZE))
		return false;
	record_put(w, hb->role, 1);
	record_put(w, hb->flags, 1);
	record_put(w, hb->priority, 2);
	record_put(w, hb->term, 4);
	record_put(w, hb->active, 4);
	record_put(w, hb->pair, 4);
	record_put(w, hb->sent_us, 8);
	record_put(w, votes, 2);
	for (u16 i = 0; i < votes; i++)
		record_put_vote(w, &hb->vote[i]);
	return true;
}

bool record_get_heartbeat(struct record_reader *r, struct role_heartbeat *out)
{
	u64 votes;

	*out = (struct role_heartbeat){ .role = (u8)record_get(r, 1) };
	out->flags = (u8)record_get(r, 1);
	out->priority = (u16)record_get(r, 2);
	out->term = (u32)record_get(r, 4);
	out->active = (u32)record_get(r, 4);
	out->pair = (u32)record_get(r, 4);
	out->sent_us = record_get(r, 8);
	votes = record_get(r, 2);
	if (r->bad || out->role >= ROLE_STATES || record_left(r) / RECORD_VOTE_SIZE < votes)
		return record_fail(r);
	out->votes = (u16)(votes < ROLE_VOTES ? votes : ROLE_VOTES);
	for (u16 i = 0; i < out->votes; i++)
		if (!record_get_vote(r, &out->vote[i]))
			return record_fail(r);
	return true;
}
