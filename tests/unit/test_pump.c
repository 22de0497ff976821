/* links: sandwich/slowpath/pump.c sandwich/slowpath/pump_loop.c sandwich/slowpath/pump_batch.c sandwich/slowpath/slow_queue.c sandwich/slowpath/checksum.c sandwich/slowpath/port.c sandwich/slowpath/offload.c sandwich/slowpath/memory.c tests/packets/frame.c tests/packets/world.c */
/* SPDX-License-Identifier: ISC */
/*
 * Ports and the pump on real interfaces: two veth pairs in a network namespace of the test's own. Needs root.
 */
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

#define WAIT_MS 2000 /* until a frame must be there */
#define QUIET_MS 60  /* in which none may come */

#define DEVICE "02:00:00:00:dd:01"
#define ROUTER "02:00:00:00:aa:01"
#define UPLINK_MAC "02:00:00:00:5a:00"
#define FARM_MAC "02:00:00:00:5a:01"
#define INWARD "eth dst=" UPLINK_MAC " src=" ROUTER " "
#define OUTWARD "eth dst=" FARM_MAC " src=" DEVICE " "

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

static void shell(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static int end_open(const char *interface)
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
static void end_tag(struct msghdr *m, struct frame *f)
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
static bool end_receive(int fd, struct frame *f, int ms)
{
	u8 control[128];
	struct sockaddr_ll from;
	struct iovec part = {f->bytes, sizeof(f->bytes)};
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	while (poll(&poll_fd, 1, ms) == 1) {
		struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part,
				   .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(fd, &m, 0);

		if (n < 0 || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		f->length = (u32)n;
		end_tag(&m, f);
		return true;
	}
	return false;
}

static void end_send(int fd, const struct frame *f)
{
	assert_int_equal(send(fd, f->bytes, f->length, 0), f->length);
}

static void end_send_text(int fd, const char *text)
{
	struct frame f;

	frame_make(&f, "%s", text);
	end_send(fd, &f);
}

static void bench_handle(void *user, const struct slow_frame *frame)
{
	struct bench *b = user;

	b->handled++;
	b->seen = frame->work;
	b->last.length = frame->length;
	memcpy(b->last.bytes, frame->data, frame->length);
}

static void bench_lost(void *user, u8 index)
{
	((struct bench *)user)->lost |= 1u << index;
}

static struct port *bench_port(const char *name, u8 index)
{
	struct port *port = NULL;
	char *why = NULL;

	if (port_open(&port, name, index, &why))
		fail_msg("%s", why);
	return port;
}

static void bench_tables(struct tables *t)
{
	world_settings(t, SIDE_INGRESS, AFFINITY_PAIR);
	world_device(t, 1, "fw1", 1);
	world_rank(t);
	world_neighbour(t, 1, "10.0.0.254");
	world_route(t, "::", 0, 0, ROUTE_VIA, 1);
}

static const char links_up[] = "ip link add u0 type veth peer name g0 && ip link add d0 type veth peer name s0 && "
			       "ip link set u0 up && ip link set g0 up && ip link set d0 up && ip link set s0 up";

static int bench_open(void **state)
{
	struct bench *b;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		return 0; /* each test says SKIP */
	b = calloc(1, sizeof(*b));
	shell("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
	shell(links_up);
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

static void bench_sum(const struct bench *b, struct counters *sum)
{
	memory_sum(b->world.memory, sum);
}

static u64 bench_reason(const struct bench *b, u8 port, u8 reason)
{
	struct counters sum;

	bench_sum(b, &sum);
	return sum.reason[port][reason];
}

static u64 bench_counter(const struct bench *b, u8 counter)
{
	struct counters sum;

	bench_sum(b, &sum);
	return sum.counter[counter];
}

/* Invariant 4, once the pump is at rest. */
static void bench_check_sums(const struct bench *b)
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

static int bench_close(void **state)
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

static struct bench *bench_of(void **state)
{
	if (!*state)
		skip(); /* no root, no namespaces */
	return *state;
}

/* Runs the main loop until the handler has been called N times in all, or in vain. */
static bool bench_handled_in(struct bench *b, u32 n, int ms)
{
	for (int i = 0; i < ms && b->handled < n; i++) {
		while (g_main_context_iteration(NULL, FALSE))
			;
		if (b->handled < n)
			usleep(1000);
	}
	return b->handled >= n;
}

static bool bench_handled(struct bench *b, u32 n)
{
	return bench_handled_in(b, n, WAIT_MS);
}

/* Waits until a port has received N frames. */
static void bench_received(const struct bench *b, u8 port, u64 n)
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

struct forward_case {
	const char *in;	 /* as it is sent */
	const char *out; /* as it must arrive at the other side */
	u8 from;	 /* port */
	u8 reason;
	u16 vlan;	 /* tag of both sides */
};

#define V4 "v4 10.1.2.3>10.4.5.6 "
#define V6 "v6 2001:db8::1>2001:db8::2 "
#define TO_DEVICE "eth dst=" DEVICE " src=" FARM_MAC " "
#define TO_ROUTER "eth dst=" ROUTER " src=" UPLINK_MAC " "

static const struct forward_case forward_cases[] = {
	{INWARD V4 "udp 1000>53 pay=22", TO_DEVICE V4 "udp 1000>53 pay=22", 0, REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD V4 "udp 1000>53 pay=1 pad=17", TO_DEVICE V4 "udp 1000>53 pay=1 pad=17", 0, REASON_TO_DEVICE,
	 VLAN_KEEP},
	{INWARD V6 "tcp 1000>80 flags=S", TO_DEVICE V6 "tcp 1000>80 flags=S", 0, REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD V4 "udp 1000>53 pay=1472", TO_DEVICE V4 "udp 1000>53 pay=1472", 0, REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD "vlan=7 " V4 "udp 1000>53 pay=22", TO_DEVICE "vlan=7 " V4 "udp 1000>53 pay=22", 0,
	 REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD "vlan=7 " V4 "udp 1000>53 pay=1472", TO_DEVICE "vlan=7 " V4 "udp 1000>53 pay=1472", 0,
	 REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD "qinq=7 vlan=8 " V4 "udp 1000>53 pay=22", TO_DEVICE "qinq=7 vlan=8 " V4 "udp 1000>53 pay=22", 0,
	 REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD "qinq=7 vlan=8 " V4 "udp 1000>53 pay=1460", TO_DEVICE "qinq=7 vlan=8 " V4 "udp 1000>53 pay=1460",
	 0, REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD V4 "udp 1000>53 pay=1472", TO_DEVICE "vlan=9 " V4 "udp 1000>53 pay=1472", 0, REASON_TO_DEVICE, 9},
	{OUTWARD "vlan=9 " V4 "udp 1000>53 pay=1472", TO_ROUTER V4 "udp 1000>53 pay=1472", 1, REASON_TO_UPLINK,
	 9},
	{OUTWARD V4 "udp 53>1000 pay=22", TO_ROUTER V4 "udp 53>1000 pay=22", 1, REASON_TO_UPLINK, VLAN_KEEP},
	{"eth dst=" FARM_MAC " src=02:00:00:00:ee:ee " V4 "udp 53>1000 pay=22", TO_ROUTER V4 "udp 53>1000 pay=22",
	 1, REASON_TO_UPLINK_UNKNOWN, VLAN_KEEP},
};

static void test_forwards(void **state)
{
	struct bench *b = bench_of(state);
	u64 sent[2] = {0, 0};

	for (size_t i = 0; i < G_N_ELEMENTS(forward_cases); i++) {
		const struct forward_case *c = &forward_cases[i];
		struct settings *cfg = b->world.tables.settings;
		u64 before = bench_reason(b, c->from, c->reason);
		struct frame want, got;

		cfg->vlan[0] = c->vlan == VLAN_KEEP ? VLAN_KEEP : VLAN_NONE;
		cfg->vlan[1] = c->vlan;
		frame_make(&want, "%s", c->out);
		end_send_text(b->ends[c->from], c->in);
		if (!end_receive(b->ends[!c->from], &got, WAIT_MS))
			fail_msg("did not come through: %s", c->in);
		assert_int_equal(got.length, want.length);
		assert_memory_equal(got.bytes, want.bytes, want.length);
		bench_received(b, c->from, ++sent[c->from]);
		assert_int_equal(bench_reason(b, c->from, c->reason), before + 1);
		assert_false(end_receive(b->ends[!c->from], &got, 0)); /* once only */
	}
}

/* What the pump sends by a port does not come in by it again. */
static void test_does_not_hear_itself(void **state)
{
	struct bench *b = bench_of(state);
	struct counters sum;
	struct frame got;

	b->world.tables.settings->vlan[0] = b->world.tables.settings->vlan[1] = VLAN_KEEP;
	for (int i = 0; i < 20; i++) {
		end_send_text(b->ends[0], forward_cases[0].in);
		assert_true(end_receive(b->ends[1], &got, WAIT_MS));
		end_send_text(b->ends[1], forward_cases[10].in);
		assert_true(end_receive(b->ends[0], &got, WAIT_MS));
	}
	assert_int_equal(pump_send(b->pump, 0, got.bytes, got.length), 0);
	assert_true(end_receive(b->ends[0], &got, WAIT_MS));
	bench_received(b, 0, 20);
	bench_received(b, 1, 20);
	bench_sum(b, &sum);
	assert_int_equal(sum.rx[0], 20);
	assert_int_equal(sum.rx[1], 20);
	assert_int_equal(sum.tx[0], 21);
	assert_int_equal(sum.tx[1], 20);
	assert_int_equal(sum.to_device[1].packets, 20);
	assert_int_equal(sum.from_device[1].packets, 20);
	assert_int_equal(sum.to_device[1].bytes, sum.tx_bytes[1]);
}

/* More than a batch at once: all come through, in order. */
static void test_keeps_order(void **state)
{
	struct bench *b = bench_of(state);
	struct frame f, got;

	for (u32 n = 0; n < 1000; n++) {
		frame_make(&f, INWARD V4 "id=%u udp 1000>53 pay=%u", n, n % 900);
		end_send(b->ends[0], &f);
		if (n % 100 != 99)
			continue;
		for (u32 m = n - 99; m <= n; m++) {
			assert_true(end_receive(b->ends[1], &got, WAIT_MS));
			assert_int_equal(got.bytes[18] << 8 | got.bytes[19], m);
		}
	}
}

static void test_too_big(void **state)
{
	struct bench *b = bench_of(state);
	struct frame got;

	shell("ip link set d0 mtu 1000");
	assert_int_equal(port_refresh(b->ports[1]), 0);
	assert_int_equal(port_mtu(b->ports[1]), 1000);
	end_send_text(b->ends[0], INWARD V4 "udp 1000>53 pay=972");
	assert_true(end_receive(b->ends[1], &got, WAIT_MS));
	end_send_text(b->ends[0], INWARD V4 "udp 1000>53 pay=973");
	bench_received(b, 0, 2);
	assert_int_equal(bench_reason(b, 0, REASON_TOO_BIG), 1);
	assert_false(end_receive(b->ends[1], &got, QUIET_MS));
}

/* The port's MTU has changed and nobody has told us: the kernel says so. */
static void test_too_big_for_the_kernel(void **state)
{
	struct bench *b = bench_of(state);

	shell("ip link set d0 mtu 1000");
	end_send_text(b->ends[0], INWARD V4 "udp 1000>53 pay=1400");
	bench_received(b, 0, 1);
	assert_int_equal(bench_reason(b, 0, REASON_TOO_BIG), 1);
}

static void test_send_failed(void **state)
{
	struct bench *b = bench_of(state);

	shell("ip link set d0 down");
	end_send_text(b->ends[0], INWARD V4 "udp 1000>53 pay=100");
	bench_received(b, 0, 1);
	assert_int_equal(bench_reason(b, 0, REASON_SEND_FAILED), 1);
}

static void test_hands_up(void **state)
{
	static const struct {
		const char *text;
		u8 reason;
	} cases[] = {
		{"eth dst=ff:ff:ff:ff:ff:ff src=" ROUTER " arp pad=46", REASON_LOCAL_ARP},
		{INWARD "v6 fe80::1>fe80::2 icmp6 type=135 pay=24", REASON_LOCAL_ND},
		{INWARD "v4 10.1.2.3>10.9.9.9 icmp type=8 id=1 pay=56", REASON_LOCAL_IP},
	};
	struct bench *b = bench_of(state);
	struct frame want;

	world_local(&b->world.tables, "10.9.9.9", LOCAL_OWN);
	for (u32 i = 0; i < G_N_ELEMENTS(cases); i++) {
		end_send_text(b->ends[0], cases[i].text);
		assert_true(bench_handled(b, i + 1));
		frame_make(&want, "%s", cases[i].text);
		assert_int_equal(b->seen.reason, cases[i].reason);
		assert_int_equal(b->seen.port, 0);
		assert_int_equal(b->last.length, want.length);
		assert_memory_equal(b->last.bytes, want.bytes, want.length);
	}
}

/* The main thread is away: frames are counted, and forwarding goes on. */
static void test_slow_path_overflows(void **state)
{
	struct bench *b = bench_of(state);
	struct frame got;

	for (u32 n = 1; n <= 600; n++) {
		end_send_text(b->ends[0], "eth dst=ff:ff:ff:ff:ff:ff src=" ROUTER " arp pad=46");
		if (n % 100 == 0)
			bench_received(b, 0, n);
	}
	assert_int_equal(bench_counter(b, COUNTER_SLOW_DROPPED), 600 - 512);
	end_send_text(b->ends[0], INWARD V4 "udp 1000>53 pay=100");
	assert_true(end_receive(b->ends[1], &got, WAIT_MS));
	assert_true(bench_handled(b, 512));
	assert_int_equal(bench_reason(b, 0, REASON_LOCAL_ARP), 600);
}

static void test_retry(void **state)
{
	struct bench *b = bench_of(state);
	struct neighbour *n = &b->world.tables.neighbours[1];
	hop_word hop = n->hop;
	struct slow_frame held;
	struct work verdict;
	struct frame got;

	n->hop = 0;
	end_send_text(b->ends[1], OUTWARD V4 "udp 53>1000 pay=22");
	assert_true(bench_handled(b, 1));
	assert_int_equal(b->seen.reason, REASON_HELD_NEIGHBOUR);
	held = (struct slow_frame){.work = b->seen, .length = b->last.length, .data = b->last.bytes};
	assert_false(pump_retry(b->pump, &held, &verdict));
	n->hop = hop;
	assert_true(pump_retry(b->pump, &held, &verdict));
	assert_int_equal(verdict.reason, REASON_TO_UPLINK);
	assert_true(end_receive(b->ends[0], &got, WAIT_MS));
	assert_int_equal(bench_counter(b, COUNTER_HELD_SENT), 1);
	held.length = 30; /* nothing can be made of it any more */
	assert_true(pump_retry(b->pump, &held, &verdict));
	assert_int_equal(bench_counter(b, COUNTER_HELD_DROPPED), 1);
}

static void test_first_fragments(void **state)
{
	struct bench *b = bench_of(state);
	struct frame got;

	end_send_text(b->ends[0], INWARD V4 "id=7 mf udp 1000>53 pay=96");
	assert_true(end_receive(b->ends[1], &got, WAIT_MS));
	assert_false(bench_handled_in(b, 1, QUIET_MS)); /* nobody waits for it */
	pump_want_fragments(b->pump, true);
	end_send_text(b->ends[0], INWARD V4 "id=8 mf udp 1000>53 pay=96");
	assert_true(bench_handled(b, 1));
	assert_true(b->seen.events & EVENT_FIRST_FRAGMENT);
	assert_true(end_receive(b->ends[1], &got, WAIT_MS)); /* and was forwarded as ever */
	assert_int_equal(bench_reason(b, 0, REASON_TO_DEVICE), 2);
}

/* A frame as a veth peer with checksum offload leaves it. */
static void test_completes_checksums(void **state)
{
	struct bench *b = bench_of(state);
	u32 sum = 0x0a01 + 0x0203 + 0x0a04 + 0x0506 + 17 + 30; /* the pseudo header of V4 */
	struct frame f, got;

	frame_make(&f, INWARD V4 "udp 1000>53 pay=22");
	f.bytes[40] = (u8)(sum >> 8);
	f.bytes[41] = (u8)sum;
	end_send(b->ends[0], &f);
	assert_true(end_receive(b->ends[1], &got, WAIT_MS));
	for (u32 i = 34; i < 64; i++)
		sum += i % 2 ? got.bytes[i] : (u32)got.bytes[i] << 8;
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	assert_int_equal(bench_counter(b, COUNTER_CHECKSUMS_FILLED), 1);
}

/* Whether frames come through once more; the kernel takes its time with a link that came up. */
static bool bench_crosses(struct bench *b)
{
	struct frame got;

	for (int ms = 0; ms < WAIT_MS; ms += QUIET_MS) {
		end_send_text(b->ends[0], INWARD V4 "udp 1000>53 pay=100");
		if (end_receive(b->ends[1], &got, QUIET_MS))
			return true;
	}
	return false;
}

/* A link that goes down and comes up again is the same port. */
static void test_link_flaps(void **state)
{
	struct bench *b = bench_of(state);

	for (int i = 0; i < 3; i++) {
		shell("ip link set u0 down");
		usleep(20000);
		assert_int_equal(port_refresh(b->ports[0]), 0);
		assert_false(port_carrier(b->ports[0]));
		shell("ip link set u0 up");
		assert_int_equal(port_refresh(b->ports[0]), 0);
		assert_true(bench_crosses(b));
	}
	bench_handled_in(b, 1, QUIET_MS);
	assert_int_equal(b->lost, 0);
}

static void test_interface_goes_and_returns(void **state)
{
	struct bench *b = bench_of(state);
	struct port *old = b->ports[1];
	struct frame got;

	/* down first, and gone a while later: libpcap notices the first only */
	shell("ip link set d0 down");
	usleep(20000);
	shell("ip link del d0");
	for (int i = 0; i < WAIT_MS && !b->lost; i++, usleep(1000))
		g_main_context_iteration(NULL, FALSE);
	assert_int_equal(b->lost, 1 << 1);
	end_send_text(b->ends[0], INWARD V4 "udp 1000>53 pay=100");
	bench_received(b, 0, 1);
	assert_int_equal(bench_reason(b, 0, REASON_SEND_FAILED), 1);
	pump_replace_port(b->pump, 1, NULL);
	port_close(old);
	assert_int_equal(pump_send(b->pump, 1, got.bytes, 60), -ENODEV);
	end_send_text(b->ends[0], INWARD V4 "udp 1000>53 pay=100");
	bench_received(b, 0, 2);
	assert_int_equal(bench_reason(b, 0, REASON_SEND_FAILED), 2);
	shell("ip link add d0 type veth peer name s0 && ip link set d0 up && ip link set s0 up");
	close(b->ends[1]);
	b->ends[1] = end_open("s0");
	b->ports[1] = bench_port("d0", 1);
	pump_replace_port(b->pump, 1, b->ports[1]);
	assert_true(bench_crosses(b));
	end_send_text(b->ends[1], OUTWARD V4 "udp 53>1000 pay=22");
	assert_true(end_receive(b->ends[0], &got, WAIT_MS));
}

static u32 offload_get(const char *interface, u32 command)
{
	struct ethtool_value value = {.cmd = command};
	struct ifreq ifr = {.ifr_data = (void *)&value};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", interface);
	assert_int_equal(ioctl(fd, SIOCETHTOOL, &ifr), 0);
	close(fd);
	return value.data;
}

static void test_offloads_are_put_back(void **state)
{
	struct bench *b = bench_of(state);
	struct port *port;
	struct ethtool_value on = {.cmd = ETHTOOL_SGRO, .data = 1};
	struct ifreq ifr = {.ifr_name = "t0", .ifr_data = (void *)&on};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)b;
	shell("ip link add t0 type veth peer name t1 && ip link set t0 up && ip link set t1 up");
	assert_int_equal(ioctl(fd, SIOCETHTOOL, &ifr), 0);
	close(fd);
	port = bench_port("t0", 0);
	assert_int_equal(offload_get("t0", ETHTOOL_GGRO), 0);
	assert_int_equal(offload_get("t0", ETHTOOL_GTSO), 0);
	assert_int_equal(offload_get("t0", ETHTOOL_GTXCSUM), 0);
	port_close(port);
	assert_int_equal(offload_get("t0", ETHTOOL_GGRO), 1);
	assert_int_equal(offload_get("t0", ETHTOOL_GTSO), 1);
	assert_int_equal(offload_get("t0", ETHTOOL_GTXCSUM), 1);
}

static void test_says_why_it_cant_open(void **state)
{
	static const struct {
		const char *name, *why;
		int err;
	} cases[] = {
		{"eth7", "no such interface 'eth7'; `ip link` lists them", -ENODEV},
		{"a-name-that-is-too-long", "no such interface 'a-name-that-is-too-long': "
					    "names have at most 15 characters", -ENODEV},
		{"lo", "interface 'lo' is down; `ip link set lo up`", -ENETDOWN},
	};

	bench_of(state);
	for (u32 i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct port *port = NULL;
		char *why = NULL;

		assert_int_equal(port_open(&port, cases[i].name, 0, &why), cases[i].err);
		assert_string_equal(why, cases[i].why);
		g_free(why);
	}
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(test_forwards),
		BENCH_TEST(test_does_not_hear_itself),
		BENCH_TEST(test_keeps_order),
		BENCH_TEST(test_too_big),
		BENCH_TEST(test_too_big_for_the_kernel),
		BENCH_TEST(test_send_failed),
		BENCH_TEST(test_hands_up),
		BENCH_TEST(test_slow_path_overflows),
		BENCH_TEST(test_retry),
		BENCH_TEST(test_first_fragments),
		BENCH_TEST(test_completes_checksums),
		BENCH_TEST(test_link_flaps),
		BENCH_TEST(test_interface_goes_and_returns),
		BENCH_TEST(test_offloads_are_put_back),
		BENCH_TEST(test_says_why_it_cant_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
