// SPDX-License-Identifier: ISC
/* links: tests/packets/rig.c tests/packets/world.c tests/packets/frame.c */
/* links: sandwich/slowpath/memory.c */
/* Tunnels: what floods, sweeps, time and devices that come and go make of their pins. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandwich/core/sweep.h"
#include "tests/packets/rig.h"

#define CLUSTER "192.0.2.10"
#define NAT "198.51.100.9" /* all clients are behind it */
#define CLIENTS 60

/* An IKE message of client N behind port 4500's marker: exchange and flags are hexadecimal. */
#define IKE_4500(exchange, flags)                                                                  \
	"hex=00000000a1a1a1a1a1a1%04xb1b1b1b1b1b1b1b12e20" exchange flags "0000000100000000"
#define IKE_AUTH_ASKED IKE_4500("23", "08")
#define IKE_AUTH_ANSWERED IKE_4500("23", "20")

static int tunnel_setup(void **state)
{
	static const struct tunnel_port ports[] = {
		{0, TUNNEL_IKE, 0}, {0, TUNNEL_NATT, 0}, {0, TUNNEL_WIREGUARD, 0}};
	struct rig *r = calloc(1, sizeof(*r));

	rig_open(r, SIDE_INGRESS, AFFINITY_CLIENT);
	memcpy(r->cfg->tunnel, ports, sizeof(ports));
	r->cfg->tunnel[0].port = htons(500);
	r->cfg->tunnel[1].port = htons(4500);
	r->cfg->tunnel[2].port = htons(51820);
	r->cfg->tunnels = 3;
	r->cfg->timeout[TIMEOUT_INNER_HOST] = 300000;
	world_local(r->t, CLUSTER, LOCAL_CLUSTER);
	*state = r;
	return 0;
}

static int tunnel_teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

static u32 live_pins(struct rig *r)
{
	return world_live_slots(r->t, TABLE_PINS);
}

/* Client N's first authenticated message, the device's answer, and one ESP packet; its device. */
static u8 connect_client(struct rig *r, u32 n)
{
	u8 device;

	rig_inward(r, "v4 " NAT ">" CLUSTER " udp %u>4500 " IKE_AUTH_ASKED, 2000 + n, n);
	device = r->w.device;
	rig_outward(r, device, "v4 " CLUSTER ">" NAT " udp 4500>%u " IKE_AUTH_ANSWERED, 2000 + n,
		    n);
	rig_inward(r, "v4 " NAT ">" CLUSTER " udp %u>4500 hex=c1c1%04x0000000100000000", 2000 + n,
		   n + 1);
	assert_int_equal(r->w.device, device);
	return device;
}

/* ESP of client N from PORT. */
static u8 send_esp(struct rig *r, u32 n, u32 port)
{
	rig_inward(r, "v4 " NAT ">" CLUSTER " udp %u>4500 hex=c1c1%04x0000000200000000", port,
		   n + 1);
	return r->w.device;
}

static void test_first_messages_make_no_pins(void **state)
{
	struct rig *r = *state;
	u32 on[4] = {0};

	for (u32 n = 0; n < 500; n++) {
		rig_inward(r, "v4 198.51.%u.%u>" CLUSTER " udp 500>500 "
			   "hex=%08x00000000000000000000000021202208000000000000000000",
			   n / 250, 1 + n % 250, n + 1);
		on[r->w.device]++;
		rig_outward(r, r->w.device, "v4 " CLUSTER ">198.51.%u.%u udp 500>500 "
			    "hex=%08x00000000b1b1b1b1b1b1b1b121202220000000000000000000",
			    n / 250, 1 + n % 250, n + 1);
	}
	assert_int_equal(live_pins(r), 0);
	assert_int_equal(rig_counter(r, COUNTER_LEARNED), 0);
	for (u8 device = 1; device <= 3; device++)
		assert_in_range(on[device], 100, 250);
}

/* A peer that has a tunnel does not fill the table with identifiers that it makes up. */
static void test_one_peer_teaches_slowly(void **state)
{
	struct rig *r = *state;
	u32 before;

	connect_client(r, 1);
	before = live_pins(r);
	for (u32 n = 0; n < 300; n++)
		send_esp(r, 100 + n, 2001);
	assert_in_range(live_pins(r) - before, 8, TUNNEL_LEARNS_MAX);
	r->now += 1001;
	before = live_pins(r);
	send_esp(r, 1000, 2001);
	assert_int_equal(live_pins(r), before + 1);
}

static void sweep_for(struct rig *r, u8 device, bool up)
{
	world_sweep(r->t, device, up, r->now);
	world_set(r->t, device, up, up);
}

/* A device that joins takes no tunnel, and the NAT's address as such is pinned nowhere. */
static void test_a_change_moves_no_tunnel(void **state)
{
	struct rig *r = *state;
	u8 where[CLIENTS], used = 0;
	struct flow key = {0};
	struct address nat;

	world_set(r->t, 3, false, false);
	for (u32 n = 0; n < CLIENTS; n++) {
		where[n] = connect_client(r, n);
		used |= (u8)(1 << where[n]);
	}
	assert_int_equal(used, 1 << 1 | 1 << 2);
	sweep_for(r, 3, true);
	for (u32 n = 0; n < CLIENTS; n++) {
		assert_int_equal(send_esp(r, n, 2000 + n), where[n]);
		rig_inward(r, "v4 " NAT ">" CLUSTER " udp %u>4500 hex=ff", 2000 + n);
		assert_int_equal(r->w.device, where[n]);
	}
	assert_int_equal(rig_counter(r, COUNTER_ASYMMETRIC_FLOWS), 0);
	assert_int_equal(frame_address(NAT, &nat), 0);
	affinity_host(&key, &nat, key.zone, AFFINITY_CLIENT);
	assert_null(table_find(r->t, TABLE_PINS, &key, flow_hash(&r->cfg->placement, &key)));
}

/* Its tunnels ended when it went: what was known before it came back is older than a peer's pin. */
static void test_a_device_that_comes_back_has_no_tunnels(void **state)
{
	struct rig *r = *state;
	u8 old = connect_client(r, 1), other;

	world_set(r->t, old, false, false);
	r->now += 1000;
	rig_inward(r, "v4 " NAT ">" CLUSTER " udp 2001>4500 " IKE_AUTH_ASKED, 7);
	other = r->w.device;
	assert_int_not_equal(other, old);
	rig_outward(r, other, "v4 " CLUSTER ">" NAT " udp 4500>2001 " IKE_AUTH_ANSWERED, 7);
	r->now += 20000;
	world_set(r->t, old, true, true);
	r->t->devices[old].since = r->now;
	assert_int_equal(send_esp(r, 1, 2001), other);
	assert_int_equal(rig_counter(r, COUNTER_TUNNEL_ROAMED), 0);
	assert_int_equal(rig_counter(r, COUNTER_ASYMMETRIC_FLOWS), 0);
}

/* Two gateways chose one SPI: the one that was first loses nothing, since its peer is known. */
static void test_one_spi_of_two_devices(void **state)
{
	struct rig *r = *state;
	u8 first = connect_client(r, 1), second = first % 3 + 1;

	r->now += 60000;
	rig_outward(r, second, "v4 " CLUSTER ">" NAT " udp 4500>3000 " IKE_AUTH_ANSWERED, 9);
	r->now += 100;
	assert_int_equal(send_esp(r, 1, 3000), second);
	assert_int_equal(rig_counter(r, COUNTER_TUNNEL_CONFLICTS), 1);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(send_esp(r, 1, 2001), first);
		assert_int_equal(send_esp(r, 1, 3000), second);
	}
	assert_int_equal(rig_counter(r, COUNTER_TUNNEL_CONFLICTS), 1);
	assert_int_equal(rig_counter(r, COUNTER_TUNNEL_ROAMED), 0);
}

/* How many pins are left after all timers have run, MS from now. */
static u32 pins_after(struct rig *r, u32 ms)
{
	for (u32 i = 0; i <= r->t->mask[TABLE_PINS]; i++)
		sweep_expire_pin(r->t, r->cfg, &r->t->slots[TABLE_PINS][i], r->now + ms);
	return live_pins(r);
}

/* Peer, address and ESP's SPI go first; IKE's stays for as long as its control channel may rest. */
static void test_pins_expire(void **state)
{
	struct rig *r = *state;
	u8 device = connect_client(r, 1);

	r->now += 10;
	rig_inward(r, "v4 " NAT ">" CLUSTER " udp 2001>4500 " IKE_4500("25", "08"), 1);
	assert_int_equal(live_pins(r), 4);
	assert_int_equal(pins_after(r, 299000), 4);
	assert_int_equal(pins_after(r, 301000), 1);
	r->now += 3600000;
	rig_inward(r, "v4 203.0.113.7>" CLUSTER " udp 9>4500 " IKE_4500("25", "08"), 1);
	assert_int_equal(r->w.device, device);
	assert_int_equal(r->w.place.why, PLACE_PIN);
	assert_int_equal(pins_after(r, 16 * 300000 + 1000), 0);
}

/* on-device-down = drop: a tunnel whose device is down waits for it; a new one does not. */
static void test_down_and_drop(void **state)
{
	struct rig *r = *state;
	u8 device = connect_client(r, 1);

	r->cfg->on_down = DOWN_DROP;
	world_set(r->t, device, false, false);
	rig_inward(r, "v4 " NAT ">" CLUSTER " udp 2001>4500 hex=ff");
	assert_int_equal(r->w.reason, REASON_DEVICE_GONE);
	rig_inward(r, "v4 " NAT ">" CLUSTER " udp 2777>500 "
		   "hex=a1a1a1a1a1a1000200000000000000002120220800000000000000000000");
	assert_int_equal(r->w.reason, REASON_TO_DEVICE);
	world_set(r->t, device, true, true);
	rig_inward(r, "v4 " NAT ">" CLUSTER " udp 2001>4500 hex=ff");
	assert_int_equal(r->w.device, device);
}

/* Without affinity = tunnel, and to other addresses, all of it goes by the client's address. */
static void test_nothing_of_it_elsewhere(void **state)
{
	struct rig *r = *state;
	u8 device;

	r->cfg->tunnels = 0;
	device = connect_client(r, 1);
	for (u32 n = 2; n < CLIENTS; n++)
		assert_int_equal(connect_client(r, n), device);
	assert_int_equal(live_pins(r), 0);
	r->cfg->tunnels = 3;
	for (u32 n = 0; n < CLIENTS; n++) {
		rig_inward(r, "v4 " NAT ">192.0.2.99 udp %u>4500 " IKE_AUTH_ASKED, 2000 + n, n);
		assert_int_equal(r->w.device, device);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, tunnel_setup, tunnel_teardown)
		TEST(test_first_messages_make_no_pins),
		TEST(test_one_peer_teaches_slowly),
		TEST(test_a_change_moves_no_tunnel),
		TEST(test_a_device_that_comes_back_has_no_tunnels),
		TEST(test_one_spi_of_two_devices),
		TEST(test_pins_expire),
		TEST(test_down_and_drop),
		TEST(test_nothing_of_it_elsewhere),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
