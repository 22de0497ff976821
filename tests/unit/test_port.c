/* links: sandwich/slowpath/pump.c sandwich/slowpath/pump_loop.c sandwich/slowpath/pump_batch.c */
/* links: sandwich/slowpath/slow_queue.c sandwich/slowpath/checksum.c sandwich/slowpath/port.c */
/* links: sandwich/slowpath/offload.c sandwich/slowpath/port_lock.c sandwich/slowpath/memory.c */
/* links: tests/packets/frame.c tests/packets/world.c */
/* SPDX-License-Identifier: ISC */
/* Ports: what may happen to an interface, and what a port does to it. */
#include "tests/unit/pump_rig.h"

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

/* One process at a time: a second would send every frame once more. */
static void test_one_daemon_each(void **state)
{
	struct bench *b = bench_of(state);
	struct port *first = NULL, *second = NULL;
	char *why = NULL;

	(void)b;
	shell("ip link add t4 type veth peer name t5 && ip link set t4 up && ip link set t5 up");
	assert_int_equal(port_open(&first, "t4", 0, &why), 0);
	assert_int_equal(port_open(&second, "t4", 0, &why), -EBUSY);
	assert_non_null(strstr(why, "port t4 is in use by another sandwich daemon (process "));
	g_clear_pointer(&why, g_free);
	assert_int_equal(port_open(&second, "t5", 1, &why), 0);
	port_close(second);
	port_close(first);
	assert_int_equal(port_open(&first, "t4", 0, &why), 0);
	port_close(first);
}

/* A TCP segment of 4000 bytes that the other end is to cut up, as a local stack would send it. */
static void end_send_super_frame(const char *interface)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET};
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					.hdr_len = 54,
					.gso_size = 1400,
					.csum_start = 34,
					.csum_offset = 16};
	struct iovec parts[2] = {{&header, sizeof(header)}};
	struct msghdr m = {
		.msg_name = &at, .msg_namelen = sizeof(at), .msg_iov = parts, .msg_iovlen = 2};
	int on = 1, fd = socket(AF_PACKET, SOCK_RAW, 0);
	u32 sum = 0x0a01 + 0x0203 + 0x0a04 + 0x0506 + 6 + 4020;
	struct frame f;

	at.sll_ifindex = (int)if_nametoindex(interface);
	frame_make(&f, INWARD V4 "tcp 1000>80 flags=A pay=4000");
	f.bytes[46] = 0x50; /* a header of five words */
	f.bytes[50] = (u8)(sum >> 8);
	f.bytes[51] = (u8)sum;
	parts[1] = (struct iovec){f.bytes, f.length};
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(sendmsg(fd, &m, 0), sizeof(header) + f.length);
	close(fd);
}

/* The sum over a TCP segment of V4 with its pseudo header: 0xffff when it is right. */
static u32 tcp_sum(const struct frame *f)
{
	u32 sum = 0x0a01 + 0x0203 + 0x0a04 + 0x0506 + 6 + f->length - 34;

	for (u32 i = 34; i < f->length; i++)
		sum += i % 2 ? f->bytes[i] : (u32)f->bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* One is lost and counted; by then the peer has been made to cut up the next. */
static void test_super_frames(void **state)
{
	static const u32 lengths[] = {1454, 1454, 1254};
	struct bench *b = bench_of(state);
	struct frame got;

	end_send_super_frame("g0");
	bench_received(b, 0, 1);
	assert_int_equal(bench_reason(b, 0, REASON_TOO_BIG), 1);
	for (int i = 0; i < WAIT_MS && offload_get("g0", ETHTOOL_GTSO); i++, usleep(1000))
		g_main_context_iteration(NULL, FALSE);
	assert_int_equal(offload_get("g0", ETHTOOL_GTSO), 0);
	end_send_super_frame("g0");
	for (u32 i = 0; i < G_N_ELEMENTS(lengths); i++) {
		assert_true(end_receive(b->ends[1], &got, WAIT_MS));
		assert_int_equal(got.length, lengths[i]);
		assert_int_equal(tcp_sum(&got), 0xffff);
	}
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
		{"a-name-that-is-too-long",
		 "no such interface 'a-name-that-is-too-long': "
		 "names have at most 15 characters",
		 -ENODEV},
		{"lo", "interface 'lo' is down; `ip link set lo up`", -ENETDOWN},
	};

	bench_of(state);
	for (u32 i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct port *port = NULL;
		char *why = NULL;

		assert_int_equal(port_open(&port, cases[i].name, 0, &why), cases[i].err);
		assert_string_equal(why, cases[i].why);
		g_clear_pointer(&why, g_free);
		assert_int_equal(port_open_sender(&port, cases[i].name, 0, &why), cases[i].err);
		assert_string_equal(why, cases[i].why);
		g_free(why);
	}
}

/* Where the fast path receives, a port only sends. */
static void test_sender(void **state)
{
	struct bench *b = bench_of(state);
	u8 frame[60] = {2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 8, 0x88, 0xb5};
	struct port *port = NULL;
	char *why = NULL;

	(void)b;
	shell("ip link add t2 type veth peer name t3 && ip link set t2 up && ip link set t3 up");
	assert_int_equal(port_open_sender(&port, "t2", 0, &why), 0);
	assert_int_equal(port_fd(port), -1);
	assert_int_equal(port_missed(port), 0);
	assert_int_equal(port_send(port, frame, sizeof(frame)), 0);
	assert_int_equal(port_refresh(port), 0);
	assert_int_equal(offload_get("t2", ETHTOOL_GTSO), 0);
	shell("ip link set t2 mtu 9000");
	assert_int_equal(port_refresh(port), 0); /* no ring that could be too small */
	assert_int_equal(port_mtu(port), 9000);
	port_close(port);
	assert_int_equal(offload_get("t2", ETHTOOL_GTSO), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(test_one_daemon_each),
		BENCH_TEST(test_super_frames),
		BENCH_TEST(test_link_flaps),
		BENCH_TEST(test_interface_goes_and_returns),
		BENCH_TEST(test_offloads_are_put_back),
		BENCH_TEST(test_says_why_it_cant_open),
		BENCH_TEST(test_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
