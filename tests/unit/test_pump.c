/* links: sandwich/slowpath/pump.c sandwich/slowpath/pump_loop.c sandwich/slowpath/pump_batch.c */
/* links: sandwich/slowpath/slow_queue.c sandwich/slowpath/checksum.c sandwich/slowpath/port.c */
/* links: sandwich/slowpath/offload.c sandwich/slowpath/port_lock.c sandwich/slowpath/memory.c */
/* links: tests/packets/frame.c tests/packets/world.c */
/* SPDX-License-Identifier: ISC */
/* The pump: what goes in comes out as the table says, or is counted. */
#include "tests/unit/pump_rig.h"

struct forward_case {
	const char *in;  /* as it is sent */
	const char *out; /* as it must arrive at the other side */
	u8 from;         /* port */
	u8 reason;
	u16 vlan; /* tag of both sides */
};

static const struct forward_case forward_cases[] = {
	{INWARD V4 "udp 1000>53 pay=22", TO_DEVICE V4 "udp 1000>53 pay=22", 0, REASON_TO_DEVICE,
	 VLAN_KEEP},
	{INWARD V4 "udp 1000>53 pay=1 pad=17", TO_DEVICE V4 "udp 1000>53 pay=1 pad=17", 0,
	 REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD V6 "tcp 1000>80 flags=S", TO_DEVICE V6 "tcp 1000>80 flags=S", 0, REASON_TO_DEVICE,
	 VLAN_KEEP},
	{INWARD V4 "udp 1000>53 pay=1472", TO_DEVICE V4 "udp 1000>53 pay=1472", 0, REASON_TO_DEVICE,
	 VLAN_KEEP},
	{INWARD "vlan=7 " V4 "udp 1000>53 pay=22", TO_DEVICE "vlan=7 " V4 "udp 1000>53 pay=22", 0,
	 REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD "vlan=7 " V4 "udp 1000>53 pay=1472", TO_DEVICE "vlan=7 " V4 "udp 1000>53 pay=1472",
	 0, REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD "qinq=7 vlan=8 " V4 "udp 1000>53 pay=22",
	 TO_DEVICE "qinq=7 vlan=8 " V4 "udp 1000>53 pay=22", 0, REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD "qinq=7 vlan=8 " V4 "udp 1000>53 pay=1460",
	 TO_DEVICE "qinq=7 vlan=8 " V4 "udp 1000>53 pay=1460", 0, REASON_TO_DEVICE, VLAN_KEEP},
	{INWARD V4 "udp 1000>53 pay=1472", TO_DEVICE "vlan=9 " V4 "udp 1000>53 pay=1472", 0,
	 REASON_TO_DEVICE, 9},
	{OUTWARD "vlan=9 " V4 "udp 1000>53 pay=1472", TO_ROUTER V4 "udp 1000>53 pay=1472", 1,
	 REASON_TO_UPLINK, 9},
	{OUTWARD V4 "udp 53>1000 pay=22", TO_ROUTER V4 "udp 53>1000 pay=22", 1, REASON_TO_UPLINK,
	 VLAN_KEEP},
	{"eth dst=" FARM_MAC " src=02:00:00:00:ee:ee " V4 "udp 53>1000 pay=22",
	 TO_ROUTER V4 "udp 53>1000 pay=22", 1, REASON_TO_UPLINK_UNKNOWN, VLAN_KEEP},
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
	assert_int_equal(sum.passed[1], 20);
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

	core_store(&n->hop, 0);
	end_send_text(b->ends[1], OUTWARD V4 "udp 53>1000 pay=22");
	assert_true(bench_handled(b, 1));
	assert_int_equal(b->seen.reason, REASON_HELD_NEIGHBOUR);
	held = (struct slow_frame){
		.work = b->seen, .length = b->last.length, .data = b->last.bytes};
	assert_false(pump_retry(b->pump, &held, &verdict));
	core_store(&n->hop, hop);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
