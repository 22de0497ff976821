// SPDX-License-Identifier: ISC
#include "sync/record_twin.h"

#define FARM_BYTES 18
#define FARM_FLAGS 15
#define FARM_ADMINS 4
#define NEIGHBOUR_BYTES 26
#define CENSUS_BYTES 8

/* At the end: no more, and nothing wrong with that. */
static bool twin_left(struct record_reader *r, size_t bytes)
{
	if (r->at == r->end)
		return false;
	r->bad |= record_left(r) < bytes;
	return !r->bad;
}

static void twin_put_mac(struct record_writer *w, const struct mac *mac)
{
	record_put(w, mac_value(mac), sizeof(mac->byte));
}

static void twin_get_mac(struct record_reader *r, struct mac *mac)
{
	u64 value = record_get(r, sizeof(mac->byte));

	for (size_t i = sizeof(mac->byte); i--; value >>= 8)
		mac->byte[i] = (u8)value;
}

bool record_put_farm(struct record_writer *w, const struct record_farm *farm)
{
	if (!record_fits(w, FARM_BYTES))
		return false;
	record_put(w, farm->name, 8);
	record_put(w, farm->flags, 1);
	record_put(w, farm->admin, 1);
	record_put(w, farm->admin_version, 4);
	record_put(w, farm->deadline_ms, 4);
	return true;
}

bool record_get_farm(struct record_reader *r, struct record_farm *out)
{
	if (!twin_left(r, FARM_BYTES))
		return false;
	out->name = record_get(r, 8);
	out->flags = (u8)record_get(r, 1) & FARM_FLAGS;
	out->admin = (u8)record_get(r, 1);
	out->admin_version = (u32)record_get(r, 4);
	out->deadline_ms = (u32)record_get(r, 4);
	r->bad |= !out->name || out->admin >= FARM_ADMINS;
	return !r->bad;
}

bool record_put_neighbour(struct record_writer *w, const struct record_neighbour *neighbour)
{
	const u8 *address = (const u8 *)&neighbour->address;

	if (!record_fits(w, NEIGHBOUR_BYTES))
		return false;
	for (size_t i = 0; i < sizeof(neighbour->address); i++)
		record_put(w, address[i], 1);
	record_put(w, neighbour->vlan, 2);
	record_put(w, neighbour->port, 1);
	record_put(w, neighbour->router, 1);
	twin_put_mac(w, &neighbour->mac);
	return true;
}

bool record_get_neighbour(struct record_reader *r, struct record_neighbour *out)
{
	u8 *address = (u8 *)&out->address;

	if (!twin_left(r, NEIGHBOUR_BYTES))
		return false;
	for (size_t i = 0; i < sizeof(out->address); i++)
		address[i] = (u8)record_get(r, 1);
	out->vlan = (u16)record_get(r, 2);
	out->port = (u8)record_get(r, 1);
	out->router = (u8)record_get(r, 1);
	twin_get_mac(r, &out->mac);
	return true;
}

bool record_put_census(struct record_writer *w, const struct record_census *census)
{
	if (!record_fits(w, CENSUS_BYTES))
		return false;
	record_put(w, census->sessions, 4);
	record_put(w, census->pins, 4);
	return true;
}

bool record_get_census(struct record_reader *r, struct record_census *out)
{
	if (!twin_left(r, CENSUS_BYTES))
		return false;
	out->sessions = (u32)record_get(r, 4);
	out->pins = (u32)record_get(r, 4);
	return true;
}
