/* SPDX-License-Identifier: ISC */
/* links: sync/link.c sync/link_send.c sync/link_memory.c sync/link_path.c sync/link_gaps.c */
/* links: sync/record_link.c sync/seal.c */
/*
 * Any bytes as datagrams, and as what a peer that knows the secret says, in any order, with our own
 * saying and the time between.
 *
 * The input is a list of steps: a byte that says what to do, a byte of length, and the bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/link.h"
#include "sync/record_link.h"
#include "sync/seal.h"

#define STEPS 64
#define SIZE 1500

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t secret[] = "secret";

struct stage {
	struct link *link;
	struct seal *peer;
	u64 now, challenge;
	u64 said; /* reliable numbers */
	u64 sum;
	u8 buffer[SIZE];
};

static u8 *on_room(void *user, u8 path, size_t size)
{
	struct stage *s = user;

	if (path > 1 || size > SIZE)
		abort();
	return s->buffer;
}

/* What we say is understood, and says our challenge. */
static void on_send(void *user, u8 path, u8 *datagram, size_t length)
{
	struct record_reader r;
	struct record_link says;
	struct stage *s = user;
	struct seal_opened d;
	struct record_head head;
	struct record_item item;

	(void)path;
	if (datagram != s->buffer || seal_open_in_place(s->peer, datagram, length, &d))
		abort();
	r = (struct record_reader){ .at = d.message, .end = d.message + d.size };
	if (!record_get_head(&r, &head) || head.version != RECORD_VERSION)
		abort();
	while (record_next(&r, &item))
		if (item.kind == RECORD_LINK && record_get_link(&item.content, &says))
			s->challenge = says.challenge;
		else if (item.content.bad)
			abort();
	if (r.bad)
		abort();
}

static void on_item(void *user, const struct link_item *item)
{
	struct stage *s = user;

	for (const u8 *at = item->content.at; at < item->content.end; at++)
		s->sum += *at; /* all of it can be read */
}

static void on_again(void *user, u64 number, const u32 *words, u32 count)
{
	struct stage *s = user;

	if (!number || number > s->said || count != 2 || words[0] != (u32)number || words[1] != 7)
		abort();
}

static void on_reset(void *user)
{
	(void)user;
}

static void on_up(void *user, bool up)
{
	(void)user, (void)up;
}

static void stage_open(struct stage *s)
{
	struct link_setup setup = {
		.secret = secret, .secret_length = sizeof(secret), .self = 1, .peer = 2,
		.paths = 2, .interval_us = 20000, .count = 3, .memory = 1024,
		.ops = { on_room, on_send, on_item, on_again, on_reset, on_up, s },
	};
	struct seal_link peer = { secret, sizeof(secret), "sync", 2, 1, 65536 };

	memset(s, 0, sizeof(*s));
	s->now = 1000000;
	if (link_new(&s->link, &setup, s->now) || seal_new_link(&s->peer, &peer))
		abort();
	link_heartbeat(s->link, NULL, 0, s->now); /* for the challenge */
}

/* BYTES as items of a message that echoes our challenge, of NUMBER. */
static void say(struct stage *s, const uint8_t *bytes, size_t length, u64 number)
{
	struct record_head head = { .version = RECORD_VERSION, .term = 3, .echo = s->challenge,
				    .number = number };
	u8 datagram[SIZE];
	struct record_writer w = { .at = datagram + SEAL_HEADER, .end = datagram + SIZE };

	record_put_head(&w, &head);
	memcpy(w.at, bytes, length);
	length = seal_close_in_place(s->peer, datagram, RECORD_HEAD + length);
	link_input(s->link, 0, datagram, length, s->now);
}

/* The peer's LINK, with whatever it says of numbers. */
static void introduce(struct stage *s, const uint8_t *bytes, size_t length)
{
	struct record_reader r = { .at = bytes, .end = bytes + length };
	struct record_link says = { .challenge = 9, .sent_us = s->now };
	u8 item[RECORD_ITEM + RECORD_LINK_SIZE];
	struct record_writer w = { .at = item, .end = item + sizeof(item) };

	says.suites = (u16)record_get(&r, 2);
	says.heard = (u8)record_get(&r, 1);
	says.floor = 1 + record_get(&r, 1);
	says.echo_us = record_get(&r, 8);
	says.held_us = (u32)record_get(&r, 4);
	says.last = says.floor - 1 + record_get(&r, 2);
	(void)record_put_link(&w, &says);
	say(s, item, sizeof(item), 0);
}

/* Something of ours. */
static void tell(struct stage *s, const uint8_t *bytes, size_t length)
{
	u32 words[2] = { (u32)s->said + 1, 7 };
	struct record_writer w;
	u64 number;

	if (!link_begin(s->link, true, &w, s->now))
		return;
	if (length > record_room(&w) - RECORD_ITEM)
		length = record_room(&w) - RECORD_ITEM;
	record_put(&w, (u64)RECORD_SESSIONS << 24 | length, RECORD_ITEM);
	memcpy(w.at, bytes, length);
	w.at += length;
	number = link_end(s->link, &w, words, 2, length & 1);
	if (number != s->said + 1)
		abort();
	s->said = number;
}

static void restart(struct stage *s)
{
	struct seal_link peer = { secret, sizeof(secret), "sync", 2, 1, 65536 };

	seal_free(s->peer);
	if (seal_new_link(&s->peer, &peer))
		abort();
}

static void step(struct stage *s, uint8_t what, const uint8_t *bytes, size_t length)
{
	u8 raw[256];

	switch (what & 7) {
	case 0:
		memcpy(raw, bytes, length);
		link_input(s->link, what >> 6, raw, length, s->now);
		break;
	case 1:
		say(s, bytes, length, what >> 3);
		break;
	case 2:
		introduce(s, bytes, length);
		break;
	case 3:
		tell(s, bytes, length);
		break;
	case 4:
		link_heartbeat(s->link, bytes, 0, s->now);
		break;
	case 5:
		s->now += (u64)length * 1000;
		(void)link_tick(s->link, s->now);
		break;
	case 6:
		say(s, bytes, length, 0);
		if (what == 0xfe)
			restart(s);
		break;
	default:
		link_term(s->link, what >> 6, what >> 3 & 7);
		(void)link_tick(s->link, s->now);
	}
}

static void check(const struct stage *s)
{
	struct link_view view;

	link_view(s->link, &view, s->now);
	if (view.acked > view.sent || view.sent != s->said || view.settled > view.newest ||
	    view.counts.received_reliable > view.counts.received)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stage stage;
	size_t at = 0;

	stage_open(&stage);
	for (int i = 0; i < STEPS && at + 2 <= size; i++) {
		size_t length = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;

		step(&stage, data[at], data + at + 2, length);
		check(&stage);
		at += 2 + length;
	}
	link_free(stage.link);
	seal_free(stage.peer);
	return 0;
}
