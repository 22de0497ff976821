/* SPDX-License-Identifier: ISC */
/*
 * A pump on real interfaces: two veth pairs in a network namespace of the test's own. Needs root;
 * without it each test says SKIP.
 */
#ifndef TESTS_UNIT_PUMP_RIG_H
#define TESTS_UNIT_PUMP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandwich/slowpath/pump.h"
#include "tests/packets/frame.h"
#include "tests/packets/world.h"

#define WAIT_MS  2000 /* until a frame must be there */
#define QUIET_MS 60   /* in which none may come */

#define DEVICE     "02:00:00:00:dd:01"
#define ROUTER     "02:00:00:00:aa:01"
#define UPLINK_MAC "02:00:00:00:5a:00"
#define FARM_MAC   "02:00:00:00:5a:01"
#define INWARD     "eth dst=" UPLINK_MAC " src=" ROUTER " "
#define OUTWARD    "eth dst=" FARM_MAC " src=" DEVICE " "

/* ends[0] is the uplink's other end, ends[1] the farm's. */
struct bench {
	struct world world;
	struct port *ports[2];
	struct pump *pump;
	int ends[2];
	u32 handled, lost;
	struct work seen;
	struct frame last;
};

static inline void shell(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static inline int end_open(const char *interface)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int on = 1, room = 4 << 20, fd = socket(AF_PACKET, SOCK_RAW, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	at.sll_ifindex = (int)if_nametoindex(interface);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Puts back the tag that the kernel hands over beside the frame. */
static inline void end_tag(struct msghdr *m, struct frame *f)
{
	struct tpacket_auxdata aux;
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (!c || c->cmsg_type != PACKET_AUXDATA)
		return;
	memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return;
	memmove(f->bytes + 16, f->bytes + 12, f->length - 12);
	f->bytes[12] = (u8)(aux.tp_vlan_tpid >> 8);
	f->bytes[13] = (u8)aux.tp_vlan_tpid;
	f->bytes[14] = (u8)(aux.tp_vlan_tci >> 8);
	f->bytes[15] = (u8)aux.tp_vlan_tci;
	f->length += 4;
}

/* False: none came in time. Frames that the end itself sends don't count. */
static inline bool end_receive(int fd, struct frame *f, int ms)
{
	u8 control[128];
	struct sockaddr_ll from;
	struct iovec part = {f->bytes, sizeof(f->bytes)};
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	while (poll(&poll_fd, 1, ms) == 1) {
		struct msghdr m = {.msg_name = &from,
				   .msg_namelen = sizeof(from),
				   .msg_iov = &part,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(fd, &m, 0);

		if (n < 0 || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		f->length = (u32)n;
		end_tag(&m, f);
		return true;
	}
	return false;
}

static inline void end_send(int fd, const struct frame *f)
{
	assert_int_equal(send(fd, f->bytes, f->length, 0), f->length);
}

static inline void end_send_text(int fd, const char *text)
{
	struct frame f;

	frame_make(&f, "%s", text);
	end_send(fd, &f);
}

static inline void bench_handle(void *user, const struct slow_frame *frame)
{
	struct bench *b = user;

	b->handled++;
	b->seen = frame->work;
	b->last.length = frame->length;
	memcpy(b->last.bytes, frame->data, frame->length);
}

static inline void bench_lost(void *user, u8 index)
{
	((struct bench *)user)->lost |= 1u << index;
}

static inline struct port *bench_port(const char *name, u8 index)
{
	struct port *port = NULL;
	char *why = NULL;

	if (port_open(&port, name, index, &why))
		fail_msg("%s", why);
	return port;
}

static inline void bench_tables(struct tables *t)
{
	world_settings(t, SIDE_INGRESS, AFFINITY_PAIR);
	world_device(t, 1, "fw1", 1);
	world_rank(t);
	world_neighbour(t, 1, "10.0.0.254");
	world_route(t, "::", 0, 0, ROUTE_VIA, 1);
}

static inline int bench_open(void **state)
{
	struct bench *b;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		return 0; /* each test says SKIP */
	b = calloc(1, sizeof(*b));
	shell("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
	shell("ip link add u0 type veth peer name g0 && ip link add d0 type veth peer name s0");
	shell("ip link set u0 up && ip link set g0 up");
	shell("ip link set d0 up && ip link set s0 up");
	world_open(&b->world, 1 << 10, 1 << 8, 1 << 8);
	bench_tables(&b->world.tables);
	b->ports[0] = bench_port("u0", 0);
	b->ports[1] = bench_port("d0", 1);
	b->ends[0] = end_open("g0");
	b->ends[1] = end_open("s0");
	assert_int_equal(pump_new(&b->pump, b->world.memory, b->ports, 2, bench_handle, b), 0);
	pump_on_port_lost(b->pump, bench_lost, b);
	assert_int_equal(pump_start(b->pump), 0);
	*state = b;
	return 0;
}

static inline void bench_sum(const struct bench *b, struct counters *sum)
{
	memory_sum(b->world.memory, sum);
}

static inline u64 bench_reason(const struct bench *b, u8 port, u8 reason)
{
	struct counters sum;

	bench_sum(b, &sum);
	return sum.reason[port][reason];
}

static inline u64 bench_counter(const struct bench *b, u8 counter)
{
	struct counters sum;

	bench_sum(b, &sum);
	return sum.counter[counter];
}

/* Invariant 4, once the pump is at rest. */
static inline void bench_check_sums(const struct bench *b)
{
	struct counters sum;

	bench_sum(b, &sum);
	for (int port = 0; port < 2; port++) {
		u64 reasons = 0;

		for (int r = 0; r < REASONS; r++)
			reasons += sum.reason[port][r];
		assert_int_equal(sum.rx[port], reasons);
	}
}

static inline int bench_close(void **state)
{
	struct bench *b = *state;

	if (!b)
		return 0;
	pump_free(b->pump);
	bench_check_sums(b);
	port_close(b->ports[0]);
	port_close(b->ports[1]);
	close(b->ends[0]);
	close(b->ends[1]);
	world_close(&b->world);
	free(b);
	return 0;
}

static inline struct bench *bench_of(void **state)
{
	if (!*state)
		skip(); /* no root, no namespaces */
	return *state;
}

/* Runs the main loop until the handler has been called N times in all, or in vain. */
static inline bool bench_handled_in(struct bench *b, u32 n, int ms)
{
	for (int i = 0; i < ms && b->handled < n; i++) {
		while (g_main_context_iteration(NULL, FALSE))
			;
		if (b->handled < n)
			usleep(1000);
	}
	return b->handled >= n;
}

static inline bool bench_handled(struct bench *b, u32 n)
{
	return bench_handled_in(b, n, WAIT_MS);
}

/* Waits until a port has received N frames. */
static inline void bench_received(const struct bench *b, u8 port, u64 n)
{
	struct counters sum;
	u64 reasons;

	for (int i = 0; i < WAIT_MS; i++, usleep(1000)) {
		bench_sum(b, &sum);
		reasons = 0;
		for (int r = 0; r < REASONS; r++)
			reasons += sum.reason[port][r];
		if (sum.rx[port] >= n && reasons == sum.rx[port])
			return;
	}
	fail_msg("port %d has %llu of %llu frames", port, (unsigned long long)sum.rx[port],
		 (unsigned long long)n);
}

#define V4        "v4 10.1.2.3>10.4.5.6 "
#define V6        "v6 2001:db8::1>2001:db8::2 "
#define TO_DEVICE "eth dst=" DEVICE " src=" FARM_MAC " "
#define TO_ROUTER "eth dst=" ROUTER " src=" UPLINK_MAC " "

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

#endif
