/* SPDX-License-Identifier: ISC */
/*
 * A session record, in this order (sizes in bytes): flags 1, protocol 1, state and origin 1, device
 * 1 or 8, both addresses 4 + 4 or 16 + 16, ports 2 + 2, zone 0 or 3, router 0 or 1, idle and age 0
 * or 2 + 4, packets and bytes 0 or 4 + 6.
 *
 * A pin record: flags 1, kind 1, origin 1, device 1 or 8, outside address 4 or 16, inside address
 * 0, 4 or 16, ports 0 or 2 + 2, zone 0 or 3, idle 0 or 2.
 *
 * The flags say how long a record is, so its room is looked at once and not at every field: this is
 * where millions of records a second go through.
 */
#include "sync/record_table.h"

#include <string.h>

#include "sandwich/core/session.h"

#define RECORD_IPV6 0x01
#define RECORD_ZONE 0x02
#define RECORD_FROM_INSIDE 0x04 /* sessions */
#define RECORD_PORTS 0x04	/* pins */
#define RECORD_ROUTER 0x08	/* sessions */
#define RECORD_INSIDE 0x08	/* pins: two addresses */
#define RECORD_COUNTERS 0x10	/* sessions */
#define RECORD_NAME 0x20
#define RECORD_AGES 0x40 /* else 0: it began just now */
#define RECORD_FLAGS_SESSION 0x7f
#define RECORD_FLAGS_PIN 0x6f

#define RECORD_IDLE_MAX 65535
#define RECORD_BYTES_MAX 0xffffffffffffull
#define RECORD_SLOT_BYTES_MAX 0xffffffffffull /* what a slot holds */

/* Where 4 bytes of IPv4 lie in a mapped address. */
#define RECORD_V4 12

/* BYTES is 1, 2, 4, 6 or 8, and known when this is compiled: then it is a store or two. */
CORE_INLINE u8 *record_store(u8 *at, u64 value, size_t bytes)
{
	be16 two = core_swap16(bytes == 6 ? value >> 32 : value);
	be32 four = core_swap32(bytes == 8 ? value >> 32 : value);
	be32 low = core_swap32(value);

	if (bytes == 1)
		*at = (u8)value;
	else if (bytes == 2)
		memcpy(at, &two, 2);
	else if (bytes == 6)
		memcpy(memcpy(at, &two, 2) + 2, &low, 4);
	else
		memcpy(at, &four, 4);
	if (bytes == 8)
		memcpy(at + 4, &low, 4);
	return at + bytes;
}

CORE_INLINE u64 record_load2(const u8 *at)
{
	be16 value;

	memcpy(&value, at, 2);
	return core_swap16(value);
}

CORE_INLINE u64 record_load4(const u8 *at)
{
	be32 value;

	memcpy(&value, at, 4);
	return core_swap32(value);
}

CORE_INLINE const u8 *record_load(const u8 *at, u64 *value, size_t bytes)
{
	if (bytes == 1)
		*value = *at;
	else if (bytes == 2)
		*value = record_load2(at);
	else if (bytes == 6)
		*value = record_load2(at) << 32 | record_load4(at + 2);
	else
		*value = record_load4(at);
	if (bytes == 8)
		*value = *value << 32 | record_load4(at + 4);
	return at + bytes;
}

CORE_INLINE u8 *record_store_address(u8 *at, const struct address *a, u8 flags)
{
	if (flags & RECORD_IPV6) {
		memcpy(at, a, 16);
		return at + 16;
	}
	memcpy(at, (const u8 *)a + RECORD_V4, 4);
	return at + 4;
}

CORE_INLINE const u8 *record_load_address(const u8 *at, struct address *a, u8 flags)
{
	be32 v4;

	if (flags & RECORD_IPV6) {
		memcpy(a, at, 16);
		return at + 16;
	}
	memcpy(&v4, at, 4);
	address_from_v4(a, v4);
	return at + 4;
}

CORE_INLINE u8 *record_store_device(u8 *at, const struct record_told *told)
{
	if (told->name)
		return record_store(at, told->name, 8);
	return record_store(at, told->place, 1);
}

CORE_INLINE const u8 *record_load_device(const u8 *at, struct record_entry *out, u8 flags)
{
	u64 value;

	if (!(flags & RECORD_NAME)) {
		out->place = *at;
		return at + 1;
	}
	at = record_load(at, &value, 8);
	out->name = value;
	return at;
}

/* Flags that both kinds of record have. */
CORE_INLINE u8 record_flags(const struct slot *s, const struct record_told *told, bool v4)
{
	bool zone = s->key.zone[0] | s->key.zone[1] | s->key.zone[2];

	return (u8)((v4 ? 0 : RECORD_IPV6) | (zone ? RECORD_ZONE : 0) |
		    (told->name ? RECORD_NAME : 0));
}

CORE_INLINE u32 record_seconds(u32 now, u32 then)
{
	return core_elapsed(now, then) / 1000;
}

CORE_INLINE u32 record_idle(u32 now, u32 seen)
{
	u32 idle = record_seconds(now, seen);

	return idle < RECORD_IDLE_MAX ? idle : RECORD_IDLE_MAX;
}

/* Milliseconds modulo 2^32 end after 49 days, and half of that is the future. */
CORE_INLINE u32 record_then(u32 now, u64 seconds)
{
	return now - (u32)(seconds < 0x80000000u / 1000 ? seconds * 1000 : 0x80000000u);
}

CORE_INLINE size_t record_size_session(u8 flags)
{
	return 3 + (flags & RECORD_NAME ? 8 : 1) + (flags & RECORD_IPV6 ? 32 : 8) + 4 +
	       (flags & RECORD_ZONE ? 3 : 0) + (flags & RECORD_ROUTER ? 1 : 0) +
	       (flags & RECORD_AGES ? 6 : 0) + (flags & RECORD_COUNTERS ? 10 : 0);
}

CORE_INLINE size_t record_size_pin(u8 flags)
{
	size_t address = flags & RECORD_IPV6 ? 16 : 4;

	return 3 + (flags & RECORD_NAME ? 8 : 1) + address + (flags & RECORD_INSIDE ? address : 0) +
	       (flags & RECORD_PORTS ? 4 : 0) + (flags & RECORD_ZONE ? 3 : 0) +
	       (flags & RECORD_AGES ? 2 : 0);
}

bool record_put_session(struct record_writer *w, const struct slot *s,
			const struct record_told *told)
{
	u32 idle = record_idle(told->now, s->seen), age = record_seconds(told->now, s->created);
	bool v4 = address_is_v4(&s->key.outside) && address_is_v4(&s->key.inside);
	u8 flags = record_flags(s, told, v4), *at = w->at;

	flags |= s->state & SESSION_FROM_INSIDE ? RECORD_FROM_INSIDE : 0;
	flags |= told->router && s->router ? RECORD_ROUTER : 0;
	flags |= told->counters ? RECORD_COUNTERS : 0;
	flags |= idle | age ? RECORD_AGES : 0;
	if (!record_fits(w, record_size_session(flags)))
		return false;
	*at++ = flags;
	*at++ = s->key.protocol;
	*at++ = (u8)(session_state(s->state) | session_origin(s->state) << 4);
	at = record_store_device(at, told);
	at = record_store_address(at, &s->key.outside, flags);
	at = record_store_address(at, &s->key.inside, flags);
	memcpy(at, &s->key.outside_port, 4);
	at += 4;
	if (flags & RECORD_ZONE) {
		memcpy(at, s->key.zone, 3);
		at += 3;
	}
	if (flags & RECORD_ROUTER)
		*at++ = s->router;
	if (flags & RECORD_AGES)
		at = record_store(record_store(at, idle, 2), age, 4);
	if (flags & RECORD_COUNTERS)
		at = record_store(record_store(at, s->packets, 4), slot_bytes(s), 6);
	w->at = at;
	return true;
}

/* How many bytes the record has whose flags are next, by SIZE; NULL: not that many, or not
 * flags. */
CORE_INLINE const u8 *record_check(struct record_reader *r, u8 known, size_t (*size)(u8))
{
	const u8 *at = r->at;

	if (at == r->end)
		return NULL;
	if ((*at & ~known) || record_left(r) < size(*at)) {
		(void)record_fail(r);
		return NULL;
	}
	r->at += size(*at);
	return at;
}

/* What a table can't hold as it stands is made as large as it goes. */
CORE_INLINE const u8 *record_load_counters(const u8 *at, struct slot *s)
{
	u64 packets, bytes;

	at = record_load(at, &packets, 4);
	at = record_load(at, &bytes, 6);
	if (bytes > RECORD_SLOT_BYTES_MAX)
		bytes = RECORD_SLOT_BYTES_MAX;
	s->packets = (u32)packets;
	s->bytes_low = (u32)bytes;
	s->bytes_high = (u8)(bytes >> 32);
	return at;
}

CORE_INLINE const u8 *record_load_zone(const u8 *at, struct flow *key)
{
	memcpy(key->zone, at, 3);
	return at + 3;
}

/* Behind the addresses and ports. */
CORE_INLINE void record_load_rest(const u8 *at, struct record_entry *out, u8 flags, u32 now)
{
	struct slot *s = &out->slot;
	u64 idle = 0, age = 0;

	if (flags & RECORD_ZONE)
		at = record_load_zone(at, &s->key);
	if (flags & RECORD_ROUTER)
		s->router = *at++;
	if (flags & RECORD_AGES)
		at = record_load(record_load(at, &idle, 2), &age, 4);
	if (flags & RECORD_COUNTERS)
		(void)record_load_counters(at, s);
	out->counters = flags & RECORD_COUNTERS;
	s->seen = record_then(now, idle);
	s->created = record_then(now, age);
}

bool record_get_session(struct record_reader *r, struct record_entry *out, u32 now)
{
	const u8 *at = record_check(r, RECORD_FLAGS_SESSION, record_size_session);
	struct slot *s = &out->slot;
	u8 flags, state;

	if (!at)
		return false;
	memset(out, 0, sizeof(*out));
	flags = *at++;
	s->key.protocol = *at++;
	state = *at++;
	if ((state & 15) >= SESSION_STATES || state >> 4 >= ORIGINS)
		return record_fail(r);
	s->state = session_byte(state & 15, state >> 4,
				flags & RECORD_FROM_INSIDE ? SESSION_FROM_INSIDE : 0);
	at = record_load_device(at, out, flags);
	at = record_load_address(at, &s->key.outside, flags);
	at = record_load_address(at, &s->key.inside, flags);
	memcpy(&s->key.outside_port, at, 4);
	record_load_rest(at + 4, out, flags, now);
	return true;
}

bool record_put_pin(struct record_writer *w, const struct slot *s, const struct record_told *told)
{
	const struct flow *key = &s->key;
	bool inside = key->inside.word[0] | key->inside.word[1];
	bool v4 = address_is_v4(&key->outside) && (!inside || address_is_v4(&key->inside));
	u8 flags = record_flags(s, told, v4), *at = w->at;
	u32 idle = record_idle(told->now, s->seen);

	flags |= inside ? RECORD_INSIDE : 0;
	flags |= key->outside_port | key->inside_port ? RECORD_PORTS : 0;
	flags |= idle ? RECORD_AGES : 0;
	if (!record_fits(w, record_size_pin(flags)))
		return false;
	*at++ = flags;
	*at++ = key->protocol;
	*at++ = s->state;
	at = record_store_device(at, told);
	at = record_store_address(at, &key->outside, flags);
	if (inside)
		at = record_store_address(at, &key->inside, flags);
	if (flags & RECORD_PORTS) {
		memcpy(at, &key->outside_port, 4);
		at += 4;
	}
	if (flags & RECORD_ZONE) {
		memcpy(at, key->zone, 3);
		at += 3;
	}
	if (idle)
		at = record_store(at, idle, 2);
	w->at = at;
	return true;
}

bool record_get_pin(struct record_reader *r, struct record_entry *out, u32 now)
{
	const u8 *at = record_check(r, RECORD_FLAGS_PIN, record_size_pin);
	struct slot *s = &out->slot;
	u64 idle = 0;
	u8 flags;

	if (!at)
		return false;
	memset(out, 0, sizeof(*out));
	flags = *at++;
	s->key.protocol = *at++;
	s->state = *at++;
	if (s->state >= PIN_ORIGINS)
		return record_fail(r);
	at = record_load_device(at, out, flags);
	at = record_load_address(at, &s->key.outside, flags);
	if (flags & RECORD_INSIDE)
		at = record_load_address(at, &s->key.inside, flags);
	if (flags & RECORD_PORTS) {
		memcpy(&s->key.outside_port, at, 4);
		at += 4;
	}
	if (flags & RECORD_ZONE)
		at = record_load_zone(at, &s->key);
	if (flags & RECORD_AGES)
		(void)record_load(at, &idle, 2);
	s->seen = s->created = record_then(now, idle);
	return true;
}

bool record_put_refresh(struct record_writer *w, const struct record_refresh *refresh, u32 now)
{
	u64 bytes = refresh->bytes < RECORD_BYTES_MAX ? refresh->bytes : RECORD_BYTES_MAX;

	if (!record_fits(w, 24))
		return false;
	record_put(w, refresh->id, 8);
	record_put(w, record_idle(now, refresh->seen), 2);
	record_put(w, record_seconds(now, refresh->created), 4);
	record_put(w, refresh->packets, 4);
	record_put(w, bytes, 6);
	return true;
}

bool record_get_refresh(struct record_reader *r, struct record_refresh *out, u32 now)
{
	if (r->at == r->end)
		return false;
	out->id = record_get(r, 8);
	out->seen = record_then(now, record_get(r, 2));
	out->created = record_then(now, record_get(r, 4));
	out->packets = (u32)record_get(r, 4);
	out->bytes = record_get(r, 6);
	return !r->bad;
}
