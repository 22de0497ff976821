/* SPDX-License-Identifier: ISC */
#include "sandwich/health/message.h"

#include <errno.h>
#include <string.h>

#define RECORD_FIT 1
#define RECORD_SWEPT 2
#define RECORD_UP 4
#define RECORD_FLAGS (RECORD_FIT | RECORD_SWEPT | RECORD_UP)

static u8 *put8(u8 *at, u8 value)
{
	*at = value;
	return at + 1;
}

static u8 *put16(u8 *at, u16 value)
{
	return put8(put8(at, (u8)(value >> 8)), (u8)value);
}

static u8 *put32(u8 *at, u32 value)
{
	return put16(put16(at, (u16)(value >> 16)), (u16)value);
}

static u8 *put64(u8 *at, u64 value)
{
	return put32(put32(at, (u32)(value >> 32)), (u32)value);
}

static u64 get(const u8 **at, int bytes)
{
	u64 value = 0;

	while (bytes--)
		value = value << 8 | *(*at)++;
	return value;
}

static u8 *record_encode(u8 *at, const struct health_record *r)
{
	u8 flags =
		(r->fit ? RECORD_FIT : 0) | (r->swept ? RECORD_SWEPT : 0) | (r->up ? RECORD_UP : 0);

	at = put64(at, r->name_hash);
	at = put8(at, flags);
	at = put8(at, r->admin);
	at = put16(at, 0);
	return put32(at, r->admin_version);
}

size_t message_encode(const struct message *m, u8 *out)
{
	u8 *at = out;

	at = put8(at, (u8)m->type);
	at = put8(at, (u8)m->side);
	at = put16(at, (u16)m->records);
	at = put64(at, m->challenge);
	at = put64(at, m->echo);
	at = put64(at, m->epoch);
	at = put64(at, m->device);
	at = put64(at, m->asked);
	at = put64(at, 0);
	for (unsigned int i = 0; i < m->records; i++)
		at = record_encode(at, &m->record[i]);
	return (size_t)(at - out);
}

static int record_decode(struct health_record *r, const u8 **at)
{
	u8 flags;

	r->name_hash = get(at, 8);
	flags = (u8)get(at, 1);
	r->admin = (u8)get(at, 1);
	get(at, 2); /* room for what comes later */
	r->admin_version = (u32)get(at, 4);
	if (flags & ~RECORD_FLAGS || r->admin >= ADMINS || !r->name_hash)
		return -EBADMSG;
	r->fit = flags & RECORD_FIT;
	r->swept = flags & RECORD_SWEPT;
	r->up = flags & RECORD_UP;
	return 0;
}

static bool head_valid(const struct message *m, size_t length)
{
	return m->type >= MESSAGE_ASK && m->type <= MESSAGE_TELL && m->side < CONFIG_SIDES &&
	       m->challenge && m->records <= MESSAGE_RECORDS &&
	       length == MESSAGE_HEAD + (size_t)m->records * MESSAGE_RECORD;
}

int message_decode(struct message *m, const u8 *data, size_t length)
{
	const u8 *at = data;

	if (length < MESSAGE_HEAD)
		return -EBADMSG;
	m->type = (enum message_type)get(&at, 1);
	m->side = (enum config_side_id)get(&at, 1);
	m->records = (unsigned int)get(&at, 2);
	m->challenge = get(&at, 8);
	m->echo = get(&at, 8);
	m->epoch = get(&at, 8);
	m->device = get(&at, 8);
	m->asked = get(&at, 8);
	get(&at, 8); /* room for what comes later */
	if (!head_valid(m, length))
		return -EBADMSG;
	for (unsigned int i = 0; i < m->records; i++)
		if (record_decode(&m->record[i], &at))
			return -EBADMSG;
	return 0;
}
