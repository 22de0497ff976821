/* SPDX-License-Identifier: ISC */
/* links: sync/socket.c */
/*
 * Sockets of the sync paths: what is put into a batch comes out at the other end, datagram by
 * datagram, whatever was segmented and joined on the way; and what can't be sent is told.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "sync/socket.h"

#define PORT 4850
#define V4 0
#define V6 1
#define FRAMES 2
#define MOST 2000

struct end {
	struct sockets *sockets;
	u32 count, frames;
	size_t length[MOST];
	u32 first[MOST]; /* its first four bytes */
	u8 path;
};

static void put_address(struct sockaddr_storage *out, int path, u16 port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (path == V4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	v6->sin6_addr = in6addr_loopback;
}

static void on_input(void *user, u8 path, u8 *datagram, size_t length)
{
	struct end *e = user;

	assert_true(e->count < MOST);
	e->path = path;
	e->length[e->count] = length;
	memcpy(&e->first[e->count], datagram, 4);
	for (size_t i = 4; i < length; i++)
		assert_int_equal(datagram[i], (u8)e->first[e->count]);
	e->count++;
	memset(datagram, 0xee, length); /* it may be written to */
}

static void on_frame(void *user, u32 peer, u8 path, const u8 *datagram, size_t length)
{
	struct end *e = user;

	assert_true(peer == 0 && path == FRAMES && length == 99 && datagram[0] == 42);
	e->frames++;
}

/* NUMBER: its port is PORT + NUMBER. Peers 0 and 1 are at PORT and PORT + 1. */
static int try_end(struct end *e, u16 number)
{
	struct socket_setup setup = { .paths = 3, .ops = { on_input, on_frame, e } };

	memset(e, 0, sizeof(*e));
	for (int path = V4; path <= V6; path++) {
		put_address(&setup.path[path].local, path, PORT + number);
		for (u16 peer = 0; peer < 2; peer++)
			put_address(&setup.path[path].remote[peer], path, PORT + peer);
	}
	setup.path[FRAMES].kind = SOCKET_FRAME;
	return socket_set_new(&e->sockets, &setup);
}

static void open_end(struct end *e, u16 number)
{
	assert_int_equal(try_end(e, number), 0);
}

static bool put(struct end *e, u32 peer, u8 path, size_t length, u32 first)
{
	u8 *at = socket_room(e->sockets, peer, path, length);

	if (!at)
		return false;
	memset(at, (u8)first, length);
	memcpy(at, &first, 4);
	socket_send(e->sockets, peer, path, length);
	return true;
}

static void receive(struct end *e, u8 path, u32 count)
{
	struct pollfd p = { .fd = socket_fd(e->sockets, path), .events = POLLIN };

	while (e->count < count && poll(&p, 1, 1000) == 1)
		(void)socket_receive(e->sockets, path, UINT32_MAX);
	assert_int_equal(e->count, count);
}

/* Sizes as a link makes them: rows of full ones, a shorter one now and then. */
static size_t size_of(u32 i)
{
	return i % 7 == 6 ? 100 + i % 50 : i % 50 == 49 ? 1000 : 1452;
}

static void test_batches(void **state)
{
	struct end a, b;
	struct socket_counts sent, got;

	(void)state;
	open_end(&a, 0);
	open_end(&b, 1);
	for (u8 path = V4; path <= V6; path++) {
		b.count = 0;
		for (u32 i = 0; i < 1000; i++)
			assert_true(put(&a, 1, path, size_of(i), i));
		assert_true(socket_flush(a.sockets));
		receive(&b, path, 1000);
		assert_int_equal(b.path, path);
		for (u32 i = 0; i < 1000; i++) {
			assert_int_equal(b.first[i], i);
			assert_int_equal(b.length[i], size_of(i));
		}
		socket_read_counts(a.sockets, path, &sent);
		socket_read_counts(b.sockets, path, &got);
		assert_true(sent.sent == 1000 && got.received == 1000);
		assert_int_equal(sent.failed + got.overflowed, 0);
		assert_true(sent.segments && sent.calls_out < 20);
		assert_true(got.buffer >= 1 << 20);
	}
	socket_set_free(a.sockets);
	socket_set_free(b.sockets);
}

/* One batch, two peers in turn: each gets its own. */
static void test_peers(void **state)
{
	struct end a, b, c;

	(void)state;
	open_end(&a, 2);
	open_end(&b, 0);
	open_end(&c, 1);
	for (u32 i = 0; i < 40; i++)
		assert_true(put(&a, i / 3 & 1, V4, 500, i));
	assert_true(socket_flush(a.sockets));
	receive(&b, V4, 21);
	receive(&c, V4, 19);
	for (u32 i = 0, k[2] = { 0, 0 }; i < 40; i++) {
		struct end *to = i / 3 & 1 ? &c : &b;

		assert_int_equal(to->first[k[i / 3 & 1]++], i);
	}
	assert_null(socket_room(a.sockets, 5, V4, 100)); /* it has no address there */
	assert_true(socket_room(a.sockets, 0, FRAMES, 100)[0] = 42);
	socket_send(a.sockets, 0, FRAMES, 99);
	assert_int_equal(a.frames, 1);
	assert_int_equal(socket_fd(a.sockets, FRAMES), -1);
	socket_set_free(a.sockets);
	socket_set_free(b.sockets);
	socket_set_free(c.sockets);
}

static void option(int fd, int level, int name, int expected)
{
	socklen_t size = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
	assert_int_equal(value, expected);
}

static void test_options(void **state)
{
	struct end a, b;

	(void)state;
	open_end(&a, 0);
	option(socket_fd(a.sockets, V4), IPPROTO_IP, IP_TOS, 0xc0);
	option(socket_fd(a.sockets, V4), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	option(socket_fd(a.sockets, V6), IPPROTO_IPV6, IPV6_TCLASS, 0xc0);
	option(socket_fd(a.sockets, V6), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	assert_int_equal(try_end(&b, 0), -EADDRINUSE);
	assert_null(b.sockets);
	socket_set_free(a.sockets);
}

static void set_mtu(int mtu)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_mtu = mtu };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFMTU, &request), 0);
	close(fd);
}

/* What is larger than the MTU is never cut into fragments: it fails, is counted, and nothing waits
 * behind it. */
static void test_too_large(void **state)
{
	struct socket_counts counts;
	struct end a, b;

	(void)state;
	open_end(&a, 0);
	open_end(&b, 1);
	set_mtu(1300);
	for (u32 i = 0; i < 30; i++)
		assert_true(put(&a, 1, V4, i % 10 == 9 ? 700 : 1452, i));
	for (u32 i = 30; i < 50; i++)
		assert_true(put(&a, 1, V4, 800, i));
	assert_true(socket_flush(a.sockets));
	receive(&b, V4, 23);
	for (u32 i = 0; i < 23; i++)
		assert_int_equal(b.first[i], i < 3 ? 9 + 10 * i : 27 + i);
	socket_read_counts(a.sockets, V4, &counts);
	assert_int_equal(counts.failed, 27);
	assert_int_equal(counts.sent, 23);
	set_mtu(65536);
	socket_set_free(a.sockets);
	socket_set_free(b.sockets);
}

/* A receiver that takes nothing: what its buffer can't hold is counted there. */
static void test_overflow(void **state)
{
	struct socket_counts sent, got;
	int small = 1 << 16;
	struct end a, b;

	(void)state;
	open_end(&a, 0);
	open_end(&b, 1);
	assert_int_equal(setsockopt(socket_fd(b.sockets, V4), SOL_SOCKET, SO_RCVBUF, &small,
				    sizeof(small)), 0);
	for (u32 i = 0; i < 1000; i++)
		assert_true(put(&a, 1, V4, 1452, i));
	assert_true(socket_flush(a.sockets));
	(void)socket_receive(b.sockets, V4, UINT32_MAX);
	assert_true(b.count > 10 && b.count < 990);
	assert_true(put(&a, 1, V4, 1452, 1000)); /* it brings the count along */
	assert_true(socket_flush(a.sockets));
	receive(&b, V4, b.count + 1);
	socket_read_counts(a.sockets, V4, &sent);
	socket_read_counts(b.sockets, V4, &got);
	assert_int_equal(sent.sent, 1001);
	assert_true(got.overflowed > 0);
	socket_set_free(a.sockets);
	socket_set_free(b.sockets);
}

/* A namespace of its own, with its loopback up. */
static bool enter(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd, error;

	if (geteuid() || unshare(CLONE_NEWNET))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	error = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return !error;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batches),	  cmocka_unit_test(test_peers),
		cmocka_unit_test(test_options),	  cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_overflow),
	};

	if (!enter()) {
		print_message("[  SKIPPED ] 5 test(s): needs root, for a network namespace\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
