/* SPDX-License-Identifier: ISC */
/*
 * What a session record costs on its way from one balancer to another, without table and journal:
 * encode, seal, send, over the loopback of a namespace of its own; receive, open, decode. One
 * thread does both ends in turn, so each part's time is its own.
 *
 * Usage: link [MILLIONS OF RECORDS]
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "sandwich/core/session.h"
#include "sync/link.h"
#include "sync/record_table.h"
#include "sync/seal.h"
#include "sync/socket.h"

#define SLOTS (1u << 20)
#define ROUND 512 /* datagrams */
#define NOW 100000000u
#define PORT 4850
#define TURNS 20
#define ROUNDS 2000 /* datagrams a turn */

struct end {
	struct bench *bench;
	u8 id;
	struct link *link;
	struct sockets *sockets;
	u64 records, check;
};

struct bench {
	struct slot *slots;
	u32 next;
	struct end end[2];
	u64 said;
};

static u64 clock_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* Of the processor, which others use as well. */
static u64 clock_ns(void)
{
	return clock_of(CLOCK_THREAD_CPUTIME_ID);
}

static u64 now_us(void)
{
	return clock_of(CLOCK_MONOTONIC) / 1000;
}

static __attribute__((noreturn)) void die(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-error));
	exit(1);
}

static struct slot *make_slots(void)
{
	struct slot *slots = calloc(SLOTS, sizeof(*slots));

	if (!slots)
		die("slots", -ENOMEM);
	for (u32 i = 0; i < SLOTS; i++) {
		struct slot *s = &slots[i];

		address_from_v4(&s->key.outside, i * 2654435761u);
		address_from_v4(&s->key.inside, ~i);
		s->key.outside_port = (u16)i;
		s->key.inside_port = 443;
		s->key.protocol = PROTOCOL_TCP;
		s->state = session_byte(SESSION_ESTABLISHED, ORIGIN_HASH, 0);
		s->device = (u8)(1 + i % 3);
		s->seen = s->created = NOW - (i & 1) * 30000;
	}
	return slots;
}

static u8 *on_room(void *user, u8 path, size_t size)
{
	struct end *e = user;

	return socket_room(e->sockets, !e->id, path, size);
}

static void on_send(void *user, u8 path, u8 *datagram, size_t length)
{
	struct end *e = user;

	(void)datagram;
	socket_send(e->sockets, !e->id, path, length);
}

static void on_item(void *user, const struct link_item *item)
{
	struct record_reader r = item->content;
	struct record_entry entry;
	struct end *e = user;

	while (item->kind == RECORD_SESSIONS && record_get_session(&r, &entry, NOW)) {
		e->records++;
		e->check += entry.slot.key.inside.word[1] ^ entry.slot.seen;
	}
}

static void on_again(void *user, u64 number, const u32 *words, u32 count)
{
	(void)user, (void)number, (void)words, (void)count;
}

static void on_reset(void *user)
{
	(void)user;
}

static void on_up(void *user, bool up)
{
	(void)user, (void)up;
}

static void on_input(void *user, u8 path, u8 *datagram, size_t length)
{
	struct end *e = user;

	link_input(e->link, path, datagram, length, now_us());
}

static void put_address(struct sockaddr_storage *out, u8 id)
{
	struct sockaddr_in *a = (struct sockaddr_in *)out;

	a->sin_family = AF_INET;
	a->sin_port = htons(PORT);
	a->sin_addr.s_addr = htonl(0x7f000001u + id);
}

static void open_end(struct bench *b, u8 id)
{
	struct end *e = &b->end[id];
	struct socket_setup sockets = { .paths = 1, .ops = { on_input, NULL, e } };
	struct link_setup link = {
		.secret = (const uint8_t *)"secret", .secret_length = 6, .self = 1u + id,
		.peer = 2u - id, .paths = 1, .interval_us = 20000, .count = 1000,
		.ops = { on_room, on_send, on_item, on_again, on_reset, on_up, e },
	};
	int error;

	e->bench = b;
	e->id = id;
	put_address(&sockets.path[0].local, id);
	put_address(&sockets.path[0].remote[!id], !id);
	error = socket_set_new(&e->sockets, &sockets);
	if (error)
		die("socket", error);
	error = link_new(&e->link, &link, now_us());
	if (error)
		die("link", error);
}

static void take(struct end *e)
{
	while (socket_receive(e->sockets, 0, UINT32_MAX))
		;
	(void)link_tick(e->link, now_us());
	(void)socket_flush(e->sockets);
}

static void meet(struct bench *b)
{
	for (int i = 0; i < 8; i++) {
		for (int k = 0; k < 2; k++)
			link_heartbeat(b->end[k].link, NULL, 0, now_us());
		for (int k = 0; k < 2; k++)
			(void)socket_flush(b->end[k].sockets);
		for (int k = 0; k < 2; k++)
			take(&b->end[k]);
		usleep(6000);
	}
}

static u32 fill(struct bench *b, struct record_writer *w, u32 *words)
{
	struct record_told told = { .now = NOW };
	u8 *item = record_open(w, RECORD_SESSIONS, 0);
	u32 count = 0;

	for (; count < LINK_WORDS; count++) {
		u32 index = b->next & (SLOTS - 1);

		told.place = b->slots[index].device;
		if (!record_put_session(w, &b->slots[index], &told))
			break;
		words[count] = index;
		b->next++;
	}
	record_close(w, item);
	return count;
}

static void tell(struct bench *b, u32 datagrams)
{
	struct end *e = &b->end[0];
	struct record_writer w;
	u32 words[LINK_WORDS];

	while (datagrams-- && link_begin(e->link, true, &w, now_us())) {
		u32 count = fill(b, &w, words);

		link_end(e->link, &w, words, count, true);
		b->said += count;
	}
	(void)socket_flush(e->sockets);
}

/* ns a record of one part alone, in memory: the least of several turns. */
static double encode(struct bench *b, struct record_writer *w, u8 *bytes)
{
	double least = 1e9, took;
	u32 words[LINK_WORDS];

	for (int turn = 0; turn < TURNS; turn++) {
		u64 start = clock_ns(), records = 0;

		for (u32 i = 0; i < ROUNDS; i++) {
			*w = (struct record_writer){ .at = bytes, .end = bytes + 1380 };
			records += fill(b, w, words);
		}
		took = (double)(clock_ns() - start) / (double)records;
		least = took < least ? took : least;
	}
	return least;
}

static double decode(const struct record_writer *w, const u8 *bytes, u64 *check)
{
	double least = 1e9, took;
	struct record_entry entry;

	for (int turn = 0; turn < TURNS; turn++) {
		u64 start = clock_ns(), records = 0;

		for (u32 i = 0; i < ROUNDS; i++) {
			struct record_reader r = { .at = bytes + RECORD_ITEM, .end = w->at };

			for (; record_get_session(&r, &entry, NOW); records++)
				*check += entry.slot.key.inside.word[1];
		}
		took = (double)(clock_ns() - start) / (double)records;
		least = took < least ? took : least;
	}
	return least;
}

static void parts(struct bench *b)
{
	struct record_writer w;
	double put, get;
	u8 bytes[1500];
	u64 check = 0;

	put = encode(b, &w, bytes);
	get = decode(&w, bytes, &check);
	printf("encode %.1f ns, decode %.1f ns a record; check %llx\n", put, get,
	       (unsigned long long)check);
}

static void seals(unsigned int suites, const char *name)
{
	struct seal_link a = { (const uint8_t *)"s", 1, "sync", 1, 2, 65536 }, z = a;
	u32 rounds = 200000;
	struct seal_opened opened;
	struct seal *from, *to;
	u8 *ring = calloc(256, 2048);
	u64 close = 0, open = 0, start;

	z.sender = 2;
	z.peer = 1;
	if (!ring || seal_new_link(&from, &a) || seal_new_link(&to, &z))
		die("seal", -ENOMEM);
	seal_use(from, suites);
	for (u32 i = 0; i < rounds; i += 256) {
		start = clock_ns();
		for (u32 k = 0; k < 256; k++)
			(void)seal_close_in_place(from, ring + k * 2048, 1408);
		close += clock_ns() - start;
		start = clock_ns();
		for (u32 k = 0; k < 256; k++)
			if (seal_open_in_place(to, ring + k * 2048, 1452, &opened))
				die("open", -EBADMSG);
		open += clock_ns() - start;
	}
	printf("%s: seal %.0f ns, open %.0f ns a datagram of 1,452 bytes\n", name,
	       (double)close / rounds, (double)open / rounds);
	seal_free(from);
	seal_free(to);
	free(ring);
}

static void stream(struct bench *b, u64 records)
{
	u64 send = 0, receive = 0, answer = 0;
	struct socket_counts counts;
	struct link_view view;

	while (b->said < records) {
		u64 a = clock_ns(), z;

		tell(b, ROUND);
		z = clock_ns();
		send += z - a;
		take(&b->end[1]);
		a = clock_ns();
		receive += a - z;
		take(&b->end[0]);
		answer += clock_ns() - a;
	}
	meet(b);
	socket_read_counts(b->end[0].sockets, 0, &counts);
	link_view(b->end[1].link, &view, now_us());
	printf("%llu records said, %llu heard; lost %llu datagrams; GSO %s, %.1f a call\n",
	       (unsigned long long)b->said, (unsigned long long)b->end[1].records,
	       (unsigned long long)view.counts.lost, counts.segments ? "on" : "off",
	       (double)counts.sent / (double)counts.calls_out);
	printf("encode+seal+send %.1f ns, receive+open+decode %.1f ns, acknowledgement %.1f ns a "
	       "record: %.2f M records/s through both ends on one core, %.2f sent, %.2f received\n",
	       (double)send / (double)b->said, (double)receive / (double)b->said,
	       (double)answer / (double)b->said,
	       1e3 * (double)b->said / (double)(send + receive + answer),
	       1e3 * (double)b->said / (double)send, 1e3 * (double)b->said / (double)receive);
}

/* A namespace of its own, with its loopback up: nothing else is on it. */
static void enter(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET))
		die("unshare", -errno);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		die("lo", -errno);
	close(fd);
}

int main(int argc, char **argv)
{
	u64 records = (u64)(argc > 1 ? atoi(argv[1]) : 10) * 1000000;
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		die("bench", -ENOMEM);
	enter();
	b->slots = make_slots();
	parts(b);
	seals(SEAL_XCHACHA20, "XChaCha20-Poly1305");
	if (seal_suites() & SEAL_AES256GCM)
		seals(SEAL_AES256GCM, "AES-256-GCM");
	open_end(b, 0);
	open_end(b, 1);
	meet(b);
	stream(b, records);
	return b->end[1].records == b->said ? 0 : 1;
}
