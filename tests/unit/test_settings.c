/* SPDX-License-Identifier: ISC */
/* links: sandwich/run/settings.c sandwich/slowpath/memory.c */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/* From the configuration to the engine: both sides compute the same from one file. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/pool.h"
#include "sandwich/core/decide.h"
#include "sandwich/run/settings.h"
#include "sandwich/slowpath/memory.h"

struct box {
	struct memory *memory;
	struct tables tables;
};

#define SANDWICH(more) "[sandwich]\nname = t\nmode = firewall\n" more
#define SIDES(in, out)                                                                   \
	"[side ingress]\nuplink-address = 192.0.2.1/24\nfarm-address = 10.1.0.1/24\n" in \
	"[side egress]\nuplink-address = 10.9.0.1/16\nfarm-address = 10.2.0.1/24\n" out
#define BOXES                                                                                 \
	"[balancer in]\nside = ingress\nuplink = eth0\nfarm = eth1 eth2\ncontrol = /tmp/in\n" \
	"[balancer out]\nside = egress\nuplink = eth0\nfarm = eth1\ncontrol = /tmp/out\n"     \
	"[health]\npath = off\n"
#define DEVICE(n, more) \
	"[device fw" #n "]\ningress = 10.1.0.1" #n "\negress = 10.2.0.1" #n "\n" more
#define THREE DEVICE(1, "") DEVICE(2, "weight = 2\n") DEVICE(3, "")
#define PLAIN SANDWICH("") SIDES("", "") BOXES

static struct config *parse(const char *text)
{
	GPtrArray *problems = config_problems_new();
	struct config *config = NULL;
	int rc = config_parse(text, strlen(text), &config, problems);

	for (guint i = 0; rc && i < problems->len; i++)
		print_error("%s\n",
			    ((struct config_problem *)g_ptr_array_index(problems, i))->text);
	assert_int_equal(rc, 0);
	g_ptr_array_unref(problems);
	return config;
}

static void box_open(struct box *b)
{
	assert_int_equal(memory_new(&b->memory, 64, 64, 64), 0);
	memory_tables(b->memory, 0, &b->tables);
}

static void box_take(struct box *b, const struct config *config, const char *name,
		     const char *secret)
{
	assert_int_equal(settings_from_config(&b->tables, config,
					      config_find_balancer(config, name),
					      (const u8 *)secret, strlen(secret)),
			 0);
}

static void box_close(struct box *b)
{
	memory_free(b->memory);
}

static void permute(struct config *config)
{
	for (guint i = 0; i < config->devices->len; i++) {
		struct config_device *d = g_ptr_array_index(config->devices, i);

		d->id = 200 - d->id * 7;
	}
}

static struct flow flow_number(u32 n)
{
	struct flow f = {.protocol = PROTOCOL_UDP, .outside_port = (be16)n, .inside_port = 53};

	address_from_v4(&f.outside, core_swap32(0xc6336400 + n));
	address_from_v4(&f.inside, core_swap32(0x0a090000 + n % 9));
	return f;
}

static u64 placed_on(struct box *b, u32 n)
{
	struct flow key, f = flow_number(n);
	struct placement p = {0};

	affinity_key(&key, &f, b->tables.settings->affinity);
	place(&b->tables, b->tables.settings, &key, 0, &p);
	assert_int_not_equal(p.device, 0);
	return b->tables.devices[p.device].name_hash;
}

static void agree(struct box *a, struct box *b)
{
	assert_int_equal(a->tables.settings->epoch, b->tables.settings->epoch);
	for (u32 n = 0; n < 2000; n++)
		assert_int_equal(placed_on(a, n), placed_on(b, n));
}

/* Also when a reload has left one side with other numbers, and when the first four are all out. */
static void both_sides_agree(void **state)
{
	static const char *const affinities[] = {"pair", "client", "server", "flow"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(affinities); i++) {
		char *text = g_strdup_printf(SANDWICH("affinity = %s\n") SIDES("", "")
						     BOXES THREE DEVICE(4, "") DEVICE(5, "")
							     DEVICE(6, "") DEVICE(7, ""),
					     affinities[i]);
		struct config *one = parse(text), *two = parse(text);
		struct box in, out;

		permute(two);
		box_open(&in);
		box_open(&out);
		box_take(&in, one, "in", "a shared secret of some length");
		box_take(&out, two, "out", "a shared secret of some length");
		assert_int_equal(in.tables.settings->side, SIDE_INGRESS);
		assert_int_equal(out.tables.settings->side, SIDE_EGRESS);
		agree(&in, &out);
		for (u8 id = 1; id <= 5; id++) { /* two are left, and the rows hold four */
			device_set_put(&in.tables.settings->pick, id, false);
			device_set_put(&out.tables.settings->pick, (u8)(200 - id * 7), false);
		}
		settings_update_live(&in.tables, in.tables.settings);
		settings_update_live(&out.tables, out.tables.settings);
		assert_int_equal(in.tables.settings->live_count, 2);
		agree(&in, &out);
		box_close(&in);
		box_close(&out);
		config_free(one);
		config_free(two);
		g_free(text);
	}
}

static void live_is_sorted_by_name(void **state)
{
	struct config *config = parse(PLAIN THREE DEVICE(4, "") DEVICE(5, "state = disabled\n"));
	struct settings *s;
	struct box b;

	(void)state;
	box_open(&b);
	box_take(&b, config, "in", "");
	s = b.tables.settings;
	assert_int_equal(s->live_count, 4);
	for (int i = 1; i < s->live_count; i++)
		assert_true(b.tables.devices[s->live[i - 1]].name_hash <
			    b.tables.devices[s->live[i]].name_hash);
	for (int i = 0; i < s->live_count; i++)
		assert_int_not_equal(s->live[i], 5);
	box_close(&b);
	config_free(config);
}

static u64 epoch_of(const char *text, const char *secret)
{
	struct config *config = parse(text);
	struct box b;
	u64 epoch;

	box_open(&b);
	box_take(&b, config, "out", secret);
	epoch = b.tables.settings->epoch;
	box_close(&b);
	config_free(config);
	return epoch;
}

static void epochs(void **state)
{
	static const char *const others[] = {
		PLAIN DEVICE(1, "") DEVICE(2, "") DEVICE(3, ""),
		PLAIN DEVICE(1, "weight = 2\n") DEVICE(2, "") DEVICE(3, ""),
		PLAIN DEVICE(1, "") DEVICE(2, "weight = 2\n") DEVICE(4, ""),
		PLAIN DEVICE(1, "") DEVICE(2, "weight = 2\n"),
		SANDWICH("affinity = client\n") SIDES("", "") BOXES THREE,
	};
	u64 epoch = epoch_of(PLAIN THREE, "secret");

	(void)state;
	assert_int_equal(
		epoch,
		epoch_of(PLAIN DEVICE(3, "") DEVICE(2, "weight = 2\n") DEVICE(1, ""), "secret"));
	assert_int_equal(epoch,
			 epoch_of(SANDWICH("sessions = 8k\n") SIDES("", "") BOXES THREE, "secret"));
	assert_int_not_equal(epoch, epoch_of(PLAIN THREE, "secret2"));
	assert_int_not_equal(epoch, epoch_of(PLAIN THREE, ""));
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		assert_int_not_equal(epoch, epoch_of(others[i], "secret"));
}

static struct address address_of(const char *text)
{
	struct in6_addr in;
	char mapped[64];

	g_snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
	assert_int_equal(inet_pton(AF_INET6, mapped, &in), 1);
	return settings_address(&in);
}

static u32 local_of(struct box *b, const char *text)
{
	struct address a = address_of(text);

	return local_find(&b->tables, b->tables.settings, &a);
}

static u32 pool_of(struct box *b, const char *text)
{
	struct address a = address_of(text);

	return pool_find(&b->tables, &a);
}

/* Egress alone has them, a reload changes them, and they are no addresses of their own. */
static void pools(void **state)
{
	static const char vpn[] = "[sandwich]\nname = t\nmode = vpn\n" SIDES("", "") BOXES;
	char *first = g_strconcat(vpn, DEVICE(1, "pool = 10.99.1.0/24 fd00:99:1::/64\n"),
				  DEVICE(2, "pool = 10.96.0.0/15 10.99.2.7\n"), NULL);
	char *second = g_strconcat(vpn, DEVICE(1, ""), DEVICE(2, "pool = 10.99.1.0/24\n"), NULL);
	struct config *one = parse(first), *two = parse(second);
	struct box b;

	(void)state;
	box_open(&b);
	box_take(&b, one, "in", "");
	assert_int_equal(pool_of(&b, "10.99.1.1"), 0);
	box_close(&b);
	box_open(&b);
	box_take(&b, one, "out", "");
	assert_int_equal(pool_of(&b, "10.99.1.1"), 1);
	assert_int_equal(pool_of(&b, "10.99.1.255"), 1);
	assert_int_equal(pool_of(&b, "10.99.2.1"), 0);
	assert_int_equal(pool_of(&b, "10.99.2.7"), 2);
	assert_int_equal(pool_of(&b, "10.97.255.255"), 2);
	assert_int_equal(pool_of(&b, "10.98.0.0"), 0);
	assert_int_equal(pool_of(&b, "fd00:99:1::ffff"), 1);
	assert_int_equal(pool_of(&b, "fd00:99:2::1"), 0);
	assert_int_equal(local_of(&b, "10.99.1.0"), 0);
	box_take(&b, two, "out", "");
	assert_int_equal(pool_of(&b, "10.99.1.1"), 2);
	assert_int_equal(pool_of(&b, "10.99.2.7"), 0);
	assert_int_equal(b.tables.settings->pool_lengths, 1);
	box_close(&b);
	config_free(one);
	config_free(two);
	g_free(first);
	g_free(second);
}

static void locals(void **state)
{
	struct config *one = parse(SANDWICH("") SIDES("", "") BOXES THREE);
	struct config *two = parse("[sandwich]\nname = t\nmode = vpn\n" SIDES(
		"cluster-address = 192.0.2.10\n", "") BOXES DEVICE(1, "") DEVICE(3, ""));
	struct box b;

	(void)state;
	box_open(&b);
	box_take(&b, one, "in", "");
	assert_int_equal(local_of(&b, "192.0.2.1"), LOCAL_OWN);
	assert_int_equal(local_of(&b, "10.1.0.1"), LOCAL_OWN);
	assert_int_equal(local_of(&b, "10.1.0.12"), LOCAL_DEVICE | 2);
	assert_int_equal(local_of(&b, "10.2.0.12"), LOCAL_DEVICE | 2); /* on either side */
	assert_int_equal(local_of(&b, "10.9.0.1"), 0);                 /* the partner's */
	assert_int_equal(local_of(&b, "192.0.2.10"), 0);
	box_take(&b, two, "in", "");
	assert_int_equal(local_of(&b, "192.0.2.1"), LOCAL_OWN);
	assert_int_equal(local_of(&b, "192.0.2.10"), LOCAL_CLUSTER);
	assert_int_equal(local_of(&b, "10.1.0.12"), 0);
	assert_int_equal(local_of(&b, "10.1.0.13"), LOCAL_DEVICE | 2); /* the second one now */
	assert_false(b.tables.settings->learn_hosts);
	box_take(&b, two, "out", "");
	assert_true(b.tables.settings->learn_hosts);
	assert_int_equal(local_of(&b, "10.9.0.1"), LOCAL_OWN);
	assert_int_equal(local_of(&b, "192.0.2.1"), 0);
	box_close(&b);
	config_free(one);
	config_free(two);
}

/* More addresses than fit: refused, and what was in force stays so. */
static void too_many_locals(void **state)
{
	struct config *config = parse(PLAIN THREE);
	const struct config_balancer *self = config_find_balancer(config, "in");
	struct config_device *d = g_ptr_array_index(config->devices, 0);
	struct in6_addr in = {0};
	struct box b;
	u64 epoch;

	(void)state;
	box_open(&b);
	box_take(&b, config, "in", "");
	epoch = b.tables.settings->epoch;
	for (u32 i = 0; i < 2 * LOCALS_SLOTS; i++) {
		memcpy(in.s6_addr, &i, sizeof(i));
		g_array_append_val(d->at[CONFIG_INGRESS].addresses, in);
	}
	d->weight = 77;
	assert_int_equal(settings_apply(&b.tables, config, self, NULL, 0), -ENOSPC);
	assert_int_equal(b.tables.settings->epoch, epoch);
	assert_int_equal(b.tables.devices[1].weight, 1);
	assert_int_equal(local_of(&b, "10.1.0.12"), LOCAL_DEVICE | 2);
	box_close(&b);
	config_free(config);
}

struct zone {
	const char *text;
	bool zoned;
};

static void zones(void **state)
{
	static const struct zone cases[] = {
		{SANDWICH("") SIDES("", "") BOXES THREE, true},
		{SANDWICH("") SIDES("uplink-vlan = none\n", "") BOXES THREE, false},
		{SANDWICH("") SIDES("farm-vlan = 7\n", "") BOXES THREE, false},
		{SANDWICH("") SIDES("", "uplink-vlan = 7\n") BOXES THREE, false},
		{SANDWICH("") SIDES("", "") BOXES
		 "[device a]\ningress = 10.1.0.11 vlan:5\negress = 10.2.0.11\n",
		 false},
		{SANDWICH("") SIDES("", "") BOXES
		 "[device a]\ningress = 10.1.0.11\negress = 10.2.0.11 vlan:5\n",
		 false},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct config *config = parse(cases[i].text);
		struct box in, out;

		box_open(&in);
		box_open(&out);
		box_take(&in, config, "in", "");
		box_take(&out, config, "out", "");
		assert_int_equal(in.tables.settings->zoned, cases[i].zoned);
		assert_int_equal(out.tables.settings->zoned, cases[i].zoned); /* one for both */
		box_close(&in);
		box_close(&out);
		config_free(config);
	}
}

static void numbers(void **state)
{
	struct config *config =
		parse(SANDWICH("on-device-down = reset\non-move = keep\n")
			      SIDES("farm-vlan = 7\nuplink-vlan = none\nlast-hop = on\n", "")
				      BOXES THREE "[timeouts]\ntcp-syn = 7s\n");
	struct settings *s;
	struct box b;

	(void)state;
	box_open(&b);
	box_take(&b, config, "in", "");
	s = b.tables.settings;
	assert_int_equal(s->on_down, DOWN_RESET);
	assert_int_equal(s->on_move, MOVE_KEEP);
	assert_int_equal(s->vlan[0], VLAN_NONE);
	assert_int_equal(s->vlan[1], 7);
	assert_true(s->last_hop);
	assert_int_equal(s->ports, 3);
	assert_int_equal(s->timeout[TIMEOUT_TCP_SYN], 7000);
	assert_int_equal(b.tables.devices[2].weight, 2);
	assert_int_equal(b.tables.devices[2].name_hash, settings_name_hash("fw2"));
	assert_memory_equal(&s->mac[1], &config->side[CONFIG_INGRESS].farm_mac, 6);
	/* a device that goes leaves nothing to be sent to */
	config_free(config);
	config = parse(PLAIN DEVICE(1, ""));
	box_take(&b, config, "in", "");
	assert_int_equal(b.tables.devices[2].name_hash, 0);
	assert_int_equal(b.tables.devices[2].hop, 0);
	box_close(&b);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_agree), cmocka_unit_test(live_is_sorted_by_name),
		cmocka_unit_test(epochs),           cmocka_unit_test(locals),
		cmocka_unit_test(too_many_locals),  cmocka_unit_test(zones),
		cmocka_unit_test(numbers),          cmocka_unit_test(pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
