/* links: sandwich/slowpath/reset.c sandwich/slowpath/build.c tests/packets/frame.c */
/* SPDX-License-Identifier: ISC */
/*
 * A silent end, played by Linux: the challenge makes it speak, and what it then hears resets it.
 * A veth pair in a network namespace of the test's own; the far end of the connection is the test.
 * Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandwich/slowpath/build.h"
#include "sandwich/slowpath/reset.h"
#include "tests/unit/frames.h"

#define WAIT_MS   2000
#define LOCAL_MAC 0x0c /* Linux's interface */
#define FAR_MAC   0x0d /* the router it sends to */
#define FAR_PORT  80

struct wire {
	int fd; /* a packet socket on the other end of the veth pair */
	struct address local, far;
	bool v6;
};

static const char set_up[] =
	"set -e; ip link add lx0 type veth peer name lx1; ip link set lx0 address "
	"02:00:00:00:00:0c;"
	"sysctl -qw net.ipv6.conf.lx0.accept_dad=0; ip link set lo up; ip link set lx1 up; ip link "
	"set lx0 up;"
	"ip addr add 192.0.2.1/24 dev lx0; ip addr add 2001:db8::1/64 dev lx0 nodad;"
	"ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:0d dev lx0;"
	"ip neigh add 2001:db8::fe lladdr 02:00:00:00:00:0d dev lx0;"
	"ip route add default via 192.0.2.254; ip route add default via 2001:db8::fe";

static int wire_open(void)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = core_swap16(3 /* all */)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, core_swap16(3));

	ll.sll_ifindex = (int)if_nametoindex("lx1");
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&ll, sizeof(ll)), 0);
	return fd;
}

static void wire_send(struct wire *w, u8 *data, u32 length)
{
	struct mac to = frames_mac(LOCAL_MAC), from = frames_mac(FAR_MAC);

	memcpy(data, &to, 6);
	memcpy(data + 6, &from, 6);
	assert_int_equal(send(w->fd, data, length, 0), length);
}

/* The next TCP frame that Linux sends with all of FLAGS. */
static bool wire_receive(struct wire *w, u8 flags, struct frame *out, struct packet *p)
{
	for (int waited = 0; waited < WAIT_MS; waited += 10) {
		struct pollfd ready = {.fd = w->fd, .events = POLLIN};
		ssize_t got = poll(&ready, 1, 10) > 0
				      ? recv(w->fd, out->bytes, sizeof(out->bytes), 0)
				      : 0;

		out->length = got > 0 ? (u32)got : 0;
		if (out->length && frames_parse(out->bytes, out->length, p) &&
		    p->kind == PACKET_IP && p->protocol == PROTOCOL_TCP &&
		    address_equal(&p->src, &w->local) && (p->tcp_flags & flags) == flags)
			return true;
	}
	return false;
}

/* The far end's part of the handshake. Gives the frame that completed it. */
static void wire_accept(struct wire *w, struct frame *last, struct packet *p)
{
	struct build_ip ip = {.src = w->far, .dst = w->local};
	struct build_tcp tcp = {.sport = FAR_PORT, .sequence = 1000, .flags = TCP_SYN | TCP_ACK};
	struct build_link link;
	u8 out[256];
	u32 length;

	assert_true(wire_receive(w, TCP_SYN, last, p));
	tcp.dport = core_swap16(p->sport);
	tcp.acknowledgement = core_swap32(packet_be32(last->bytes + p->l4 + 4)) + 1;
	memset(&link, 0, sizeof(link));
	length = build_tcp(out, sizeof(out), &link, &ip, &tcp);
	wire_send(w, out, length);
	assert_true(wire_receive(w, TCP_ACK, last, p));
}

static int local_connect(const struct wire *w)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = core_swap16(FAR_PORT)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = core_swap16(FAR_PORT)};
	int fd = socket(w->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(&v6.sin6_addr, &w->far, 16);
	memcpy(&v4.sin_addr, (const u8 *)&w->far + 12, 4);
	assert_true(fd >= 0);
	assert_int_equal(w->v6 ? connect(fd, (const struct sockaddr *)&v6, sizeof(v6))
			       : connect(fd, (const struct sockaddr *)&v4, sizeof(v4)),
			 -1);
	assert_int_equal(errno, EINPROGRESS);
	return fd;
}

/* What the application hears within a while: -errno, or 0. */
static int local_wait(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char byte;

	if (poll(&ready, 1, WAIT_MS) <= 0)
		return 0;
	return recv(fd, &byte, 1, 0) < 0 ? -errno : 0;
}

static void wire_challenge(struct wire *w, const struct packet *p, struct frame *answer,
			   struct packet *q)
{
	u8 out[RESET_FRAME_MAX];
	struct flow flow;
	u32 length;

	memset(&flow, 0, sizeof(flow));
	flow_from_packet(&flow, p, true, 0);
	length = reset_challenge(&flow, true, out);
	assert_true(length > 0);
	wire_send(w, out, length);
	assert_true(wire_receive(w, TCP_ACK, answer, q));
}

static void reset_by_challenge(struct wire *w)
{
	struct mac mine = frames_mac(FAR_MAC);
	struct slow_frame slow;
	u8 out[RESET_FRAME_MAX];
	struct packet p, q;
	struct frame f;
	u32 length;
	int fd;

	w->fd = wire_open();
	fd = local_connect(w);
	wire_accept(w, &f, &p);
	wire_challenge(w, &p, &f, &q);
	assert_int_equal(q.tcp_flags, TCP_ACK); /* RFC 5961 4.2, not a RST */
	slow = frames_slow(&f, PORT_UPLINK, REASON_RESET);
	length = reset_answer(&slow, &mine, NULL, out);
	assert_true(length > 0);
	wire_send(w, out, length);
	assert_int_equal(local_wait(fd), -ECONNRESET);
	close(fd);
	close(w->fd);
}

static void need_namespace(void)
{
	if (unshare(CLONE_NEWNET)) {
		print_message("SKIP: needs root for a network namespace of its own\n");
		skip();
	}
	if (system(set_up))
		fail_msg("%s", set_up);
}

static void test_v4(void **state)
{
	struct wire w = {.local = frames_address("192.0.2.1"),
			 .far = frames_address("198.51.100.7")};

	(void)state;
	need_namespace();
	reset_by_challenge(&w);
}

static void test_v6(void **state)
{
	struct wire w = {.local = frames_address("2001:db8::1"),
			 .far = frames_address("2600::7"),
			 .v6 = true};

	(void)state;
	need_namespace();
	reset_by_challenge(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_v4), cmocka_unit_test(test_v6)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
