// SPDX-License-Identifier: ISC
/*
 * What keeping two tables equal costs: two processes, loopback in a network namespace of their own,
 * sockets, seals and all.
 *
 * Usage: sync [SESSIONS] [ROUNDS]. As root. One JSON object per line:
 *   fresh    a standby that starts empty beside SESSIONS: ms until it knows that it is equal
 *   updates  every session changes its state, ROUNDS times: updates a second of CPU at each end
 *            (making the changes is not counted), bytes an update, and by the clock (it is)
 *   repair   every hundredth session of the standby is lost or wrong: ms until it is equal
 * The sender's CPU time has the kernel's half of loopback in it, both directions.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandwich/core/session.h"
#include "sync/repair.h"
#include "sync/socket.h"
#include "tests/packets/world.h"

#define BENCH_PORT 4900
#define BENCH_CHUNK 20000 /* changes between turns: 10 ms at two million a second */
#define BENCH_INTERVAL_US 20000
#define BENCH_DEVICES 3
#define BENCH_WAIT_MS 30000 /* for anything; then it has failed */

/* What the two tell each other about themselves, beside the protocol. */
struct bench_shared {
	double cpu;	  /* s, of the standby */
	u64 applied;	  /* records */
	u32 equal, phase; /* of repair */
	u32 spoil;	  /* the standby is to lose entries; it sets 0 when done */
	u64 wanted, sent_bytes;
	struct socket_counts sockets;
	struct link_counts link;
};

struct bench {
	u8 number; /* 0: active */
	struct world world;
	struct tables own;
	struct event_ring *ring;
	struct journal *journal;
	struct store *store;
	struct replicate *replicate;
	struct repair *repair;
	struct link *link;
	struct sockets *sockets;
	struct bench_shared *shared;
	u32 sessions;
	u64 now_us, heartbeat_us, sent_bytes;
};

static double bench_cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static u64 bench_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000 + (u64)ts.tv_nsec / 1000;
}

static void bench_need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "sync: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- ops ------------------------------------------------------------------------------------ */

static u8 *bench_room(void *user, u8 path, size_t size)
{
	struct bench *b = user;

	return socket_room(b->sockets, 0, path, size);
}

static void bench_send(void *user, u8 path, u8 *datagram, size_t length)
{
	struct bench *b = user;

	(void)datagram;
	b->sent_bytes += length;
	socket_send(b->sockets, 0, path, length);
}

static void bench_item(void *user, const struct link_item *item)
{
	struct bench *b = user;

	if (!replicate_item(b->replicate, item, memory_now()))
		(void)repair_item(b->repair, item, b->now_us);
}

static void bench_again(void *user, u64 number, const u32 *words, u32 count)
{
	struct bench *b = user;

	(void)number;
	replicate_again(b->replicate, words, count);
}

static void bench_reset(void *user)
{
	struct bench *b = user;

	replicate_reset(b->replicate);
	repair_reset(b->repair);
}

static void bench_up(void *user, bool up)
{
	(void)user;
	(void)up;
}

static void bench_changed(void *user, const struct journal_change *change)
{
	struct bench *b = user;

	replicate_changed(b->replicate, change);
}

static u32 bench_devices(void *user, struct record_device *out, u32 count, u64 *epoch)
{
	struct bench *b = user;

	(void)count;
	*epoch = 1;
	for (u8 d = 1; d <= BENCH_DEVICES; d++)
		out[d - 1] = (struct record_device){.name = b->own.devices[d].name_hash,
						    .place = d};
	return BENCH_DEVICES;
}

static void bench_input(void *user, u8 path, u8 *datagram, size_t length)
{
	struct bench *b = user;

	link_input(b->link, path, datagram, length, b->now_us);
}

/* --- a box ---------------------------------------------------------------------------------- */

static void bench_tables(struct bench *b)
{
	static const char *const names[] = {"", "a", "b", "c"};
	struct journal_setup setup = {.tables = &b->own, .rings = &b->ring, .ring_count = 1,
				      .key = {3, 4}};
	u32 slots = 1024;

	while (slots < 2 * b->sessions)
		slots *= 2;
	world_open(&b->world, slots, 1024, 64);
	world_settings(&b->world.tables, SIDE_INGRESS, AFFINITY_PAIR);
	for (u8 d = 1; d <= BENCH_DEVICES; d++)
		world_device(&b->world.tables, d, names[d], 1);
	b->own = b->world.tables;
	b->own.events = NULL;
	b->ring = calloc(1, sizeof(*b->ring));
	bench_need(b->ring, "memory");
	b->world.tables.events = b->ring;
	bench_need(!journal_new(&b->journal, &setup), "journal");
	for (u8 d = 1; d <= BENCH_DEVICES; d++)
		journal_device(b->journal, d, b->own.devices[d].name_hash);
	bench_need(!store_new(&b->store, &b->own, b->journal), "store");
}

static void bench_address(struct sockaddr_storage *out, u8 number)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;

	in->sin_family = AF_INET;
	in->sin_port = htons(BENCH_PORT + number);
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static void bench_sync(struct bench *b)
{
	static const u8 secret[] = "what both boxes know";
	struct replicate_setup stream = {
		.tables = &b->own, .journal = b->journal, .store = b->store, .link_number = 1,
		.peer = STORE_TWIN, .entries = true, .refresh_ms = 30000,
		.ops = {bench_changed, bench_devices, NULL, b}};
	struct repair_setup repair = {.tables = &b->own, .journal = b->journal, .store = b->store,
				      .link_number = 1, .peer = STORE_TWIN, .key = 77};
	struct link_setup link = {
		.secret = secret, .secret_length = sizeof(secret), .self = b->number + 1u,
		.peer = 2u - b->number, .paths = 1, .interval_us = BENCH_INTERVAL_US, .count = 50,
		.ops = {bench_room, bench_send, bench_item, bench_again, bench_reset, bench_up, b}};
	struct socket_setup sockets = {.paths = 1, .ops = {.input = bench_input, .user = b}};

	bench_address(&sockets.path[0].local, b->number);
	bench_address(&sockets.path[0].remote[0], !b->number);
	bench_need(!replicate_new(&b->replicate, &stream), "stream");
	repair.replicate = b->replicate;
	bench_need(!repair_new(&b->repair, &repair), "repair");
	bench_need(!link_new(&b->link, &link, bench_us()), "link");
	bench_need(!socket_set_new(&b->sockets, &sockets), "socket");
	replicate_attach(b->replicate, b->link);
	repair_attach(b->repair, b->link);
	replicate_send_changes(b->replicate, !b->number);
}

/* A turn of all there is; when the next is due, in us from now. */
static u64 bench_turn(struct bench *b)
{
	u64 now = bench_us(), next, due;

	b->now_us = now;
	socket_receive(b->sockets, 0, 256);
	if (now >= b->heartbeat_us) {
		link_heartbeat(b->link, (const u8 *)"", 0, now);
		b->heartbeat_us = now + BENCH_INTERVAL_US;
	}
	while (journal_turn(b->journal, 4096, bench_changed, b) >= 4096)
		;
	next = link_tick(b->link, now);
	due = replicate_turn(b->replicate, now, memory_now());
	next = due < next ? due : next;
	due = repair_turn(b->repair, now);
	next = due < next ? due : next;
	next = b->heartbeat_us < next ? b->heartbeat_us : next;
	socket_flush(b->sockets);
	return next > now ? next - now : 0;
}

static void bench_wait(struct bench *b, u64 us)
{
	struct pollfd fd = {.fd = socket_fd(b->sockets, 0), .events = POLLIN};
	struct timespec wait = {.tv_nsec = (long)(us < 1000 ? us : 1000) * 1000};

	if (us)
		ppoll(&fd, 1, &wait, NULL);
}

/* --- the standby ---------------------------------------------------------------------------- */

static struct flow bench_flow(u32 n)
{
	struct flow f = {.protocol = PROTOCOL_TCP, .inside_port = core_swap16(443),
			 .outside_port = (be16)n};

	address_from_v4(&f.outside, core_swap32(0x0a000000 | n >> 4));
	address_from_v4(&f.inside, core_swap32(0xc0000201));
	return f;
}

static struct slot *bench_find(struct bench *b, u32 n)
{
	struct flow f = bench_flow(n);

	return table_find(&b->own, TABLE_SESSIONS, &f, session_hash(b->own.settings, &f));
}

/* As a fault would: the digests know. */
static void bench_spoil(struct bench *b)
{
	for (u32 n = 0; n < b->sessions; n += 100) {
		struct slot *s = bench_find(b, n);

		if (s && n % 200)
			session_remove(&b->world.tables, s, s->version);
		else if (s)
			session_mark(&b->world.tables, s, SESSION_RESET, EVENT_CHANGED);
	}
	while (journal_turn(b->journal, 4096, bench_changed, b))
		;
	b->shared->spoil = 0;
}

static void bench_tell(struct bench *b)
{
	struct bench_shared *s = b->shared;
	struct store_counts counts;
	struct repair_view view;
	struct link_view link;

	store_read_counts(b->store, &counts);
	repair_view(b->repair, &view);
	link_view(b->link, &link, bench_us());
	s->link = link.counts;
	socket_read_counts(b->sockets, 0, &s->sockets);
	s->cpu = bench_cpu();
	s->wanted = view.wanted;
	s->sent_bytes = b->sent_bytes;
	s->phase = view.phase;
	core_publish(&s->applied, counts.result[STORE_APPLIED]);
	core_publish(&s->equal, view.equal);
}

static void bench_standby(struct bench *b)
{
	b->number = 1;
	bench_tables(b);
	bench_sync(b);
	for (;;) {
		u64 next = bench_turn(b);

		if (core_load(&b->shared->spoil))
			bench_spoil(b);
		bench_tell(b);
		bench_wait(b, next);
	}
}

/* --- the active ----------------------------------------------------------------------------- */

static void bench_until(struct bench *b, bool (*done)(const struct bench *))
{
	u64 end = bench_us() + BENCH_WAIT_MS * 1000ull;

	while (!done(b)) {
		bench_wait(b, bench_turn(b));
		errno = ETIMEDOUT;
		bench_need(bench_us() < end, "the standby");
	}
}

static bool bench_is_equal(const struct bench *b)
{
	return core_load(&b->shared->equal);
}

static bool bench_is_spoiled(const struct bench *b)
{
	return !core_load(&b->shared->spoil);
}

static bool bench_differs(const struct bench *b)
{
	return !core_load(&b->shared->equal);
}

static bool bench_is_settled(const struct bench *b)
{
	struct replicate_counts counts;
	struct link_view view;

	replicate_read_counts(b->replicate, &counts);
	link_view(b->link, &view, 1);
	return !counts.waiting && view.acked >= view.sent;
}

static void bench_fresh(struct bench *b)
{
	double cpu = bench_cpu();
	u64 start = bench_us();

	bench_until(b, bench_is_equal);
	printf("{\"bench\": \"sync\", \"what\": \"fresh\", \"sessions\": %u, \"ms\": %.1f, "
	       "\"cpu_active_ms\": %.1f, \"cpu_standby_ms\": %.1f, \"bytes\": %llu}\n",
	       b->sessions, (double)(bench_us() - start) / 1000, (bench_cpu() - cpu) * 1e3,
	       b->shared->cpu * 1e3, (unsigned long long)(b->sent_bytes + b->shared->sent_bytes));
}

static double bench_change(struct bench *b, u32 from, u32 to, u8 state)
{
	double cpu = bench_cpu();

	for (u32 n = from; n < to; n++) {
		/* in no order, and none twice: a prime */
		struct slot *s = bench_find(b, (u32)(n * 611953ull % b->sessions));

		if (s)
			session_mark(&b->world.tables, s, state, EVENT_CHANGED);
	}
	return bench_cpu() - cpu;
}

static void bench_updates(struct bench *b, u32 rounds)
{
	u64 applied = b->shared->applied, bytes = b->sent_bytes, start = bench_us();
	double cpu = bench_cpu(), standby = b->shared->cpu, making = 0, wall, count;

	for (u32 round = 0; round < rounds; round++) {
		for (u32 n = 0; n < b->sessions; n += BENCH_CHUNK) {
			u32 to = n + BENCH_CHUNK < b->sessions ? n + BENCH_CHUNK : b->sessions;

			making += bench_change(b, n, to, (u8)(1 + round % 4));
			(void)bench_turn(b);
		}
		bench_until(b, bench_is_settled);
	}
	wall = (double)(bench_us() - start) * 1e-6;
	cpu = bench_cpu() - cpu - making;
	usleep(5000); /* until the standby has told */
	count = (double)(b->shared->applied - applied);
	printf("{\"bench\": \"sync\", \"what\": \"updates\", \"sessions\": %u, \"updates\": %.0f, "
	       "\"per_second\": %.0f, \"per_cpu_second_active\": %.0f, "
	       "\"per_cpu_second_standby\": %.0f, \"bytes\": %.1f, \"lost\": %llu, "
	       "\"segments\": %s}\n",
	       b->sessions, count, count / wall, count / cpu, count / (b->shared->cpu - standby),
	       (double)(b->sent_bytes - bytes) / count,
	       (unsigned long long)b->shared->link.lost,
	       b->shared->sockets.segments ? "true" : "false");
}

static void bench_repair(struct bench *b)
{
	u64 bytes, wanted = b->shared->wanted, start;
	double cpu, standby;

	bench_until(b, bench_is_equal);
	core_publish(&b->shared->spoil, 1u);
	bench_until(b, bench_is_spoiled);
	bench_until(b, bench_differs); /* the next mark says so */
	start = bench_us();
	cpu = bench_cpu();
	standby = b->shared->cpu;
	bytes = b->sent_bytes + b->shared->sent_bytes;
	bench_until(b, bench_is_equal);
	printf("{\"bench\": \"sync\", \"what\": \"repair\", \"sessions\": %u, \"wanted\": %llu, "
	       "\"ms\": %.1f, \"cpu_ms\": %.1f, \"bytes\": %llu}\n",
	       b->sessions, (unsigned long long)(b->shared->wanted - wanted),
	       (double)(bench_us() - start) / 1000,
	       (bench_cpu() - cpu + b->shared->cpu - standby) * 1e3,
	       (unsigned long long)(b->sent_bytes + b->shared->sent_bytes - bytes));
}

static void bench_active(struct bench *b, u32 rounds)
{
	bench_tables(b);
	for (u32 n = 0; n < b->sessions; n++) {
		struct flow f = bench_flow(n);

		(void)session_add(&b->own, &f, session_hash(b->own.settings, &f),
				  (u8)(1 + n % BENCH_DEVICES), SESSION_ESTABLISHED, memory_now());
	}
	bench_sync(b);
	while (journal_turn(b->journal, 65536, bench_changed, b))
		;
	replicate_send_changes(b->replicate, false); /* nothing waits: the standby has to ask */
	replicate_send_changes(b->replicate, true);
	bench_fresh(b);
	bench_updates(b, rounds);
	bench_repair(b);
}

/* A network of our own: nobody else's ports, and no harm done. */
static void bench_namespace(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	bench_need(!unshare(CLONE_NEWNET), "a network namespace (as root)");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	bench_need(fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &lo), "loopback");
	close(fd);
}

int main(int argc, char **argv)
{
	struct bench b = {.sessions = argc > 1 ? (u32)atoi(argv[1]) : 1000000};
	u32 rounds = argc > 2 ? (u32)atoi(argv[2]) : 4;
	pid_t standby;

	bench_namespace();
	b.shared = mmap(NULL, sizeof(*b.shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bench_need(b.shared != MAP_FAILED, "memory");
	standby = fork();
	bench_need(standby >= 0, "fork");
	if (!standby) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bench_standby(&b);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_active(&b, rounds);
	kill(standby, SIGKILL);
	waitpid(standby, NULL, 0);
	return 0;
}
