/* SPDX-License-Identifier: ISC */
/* links: sandwich/run/attach.c sandwich/run/settings.c sandwich/slowpath/macs.c */
/* links: sandwich/slowpath/memory.c conf/address.c conf/check-addresses.c */
/* links: conf/check-devices.c conf/check-tunnels.c */
/* links: conf/check.c conf/keys.c conf/lines.c conf/lists.c conf/model.c conf/print.c */
/* links: conf/problem.c conf/read.c conf/scripts.c conf/targets.c conf/tunnels.c */
/* links: conf/units.c conf/values.c */
/* Where devices stand: hops and source MACs follow what the resolver says, and reloads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "sandwich/run/attach.h"
#include "sandwich/run/settings.h"
#include "sandwich/slowpath/macs.h"
#include "sandwich/slowpath/memory.h"

/* A resolver that only keeps what is wanted of it: the tests answer in its place. */
struct resolver {
	GPtrArray *entries;
	unsigned int wanted, dropped;
	struct attach *attach; /* who is told of what is learned */
};

struct resolve_entry *resolver_want(struct resolver *r, const struct resolve_target *target,
				    void *user, u32 now)
{
	struct resolve_entry *e;

	r->wanted++;
	for (guint i = 0; i < r->entries->len; i++) {
		e = g_ptr_array_index(r->entries, i);
		if (address_equal(&e->target.address, &target->address) &&
		    e->target.vlan == target->vlan)
			return e;
	}
	e = g_new0(struct resolve_entry, 1);
	e->target = *target;
	e->user = user;
	e->changed = now;
	e->port = target->port;
	g_ptr_array_add(r->entries, e);
	return e;
}

void resolver_doubt(struct resolver *r, struct resolve_entry *entry, u32 now)
{
	(void)r;
	(void)entry;
	(void)now;
}

void resolver_learn(struct resolver *r, struct resolve_entry *entry, const struct mac *at,
		    u8 port, u32 now)
{
	(void)now;
	entry->state = RESOLVE_STALE;
	entry->mac = *at;
	entry->port = port;
	assert_true(attach_resolved(r->attach, entry));
}

void resolver_drop(struct resolver *r, struct resolve_entry *entry)
{
	r->dropped++;
	assert_true(g_ptr_array_remove(r->entries, entry)); /* not twice, and nobody else's */
}

struct told {
	unsigned int calls;
	bool answers;
	u8 port;
};

struct rig {
	struct memory *memory;
	struct tables tables;
	struct resolver resolver;
	struct attach *attach;
	struct config *config;
	enum config_side_id side;
	struct told told[DEVICES_MAX];
};

static void told_state(void *user, u8 device, bool answers, u8 port)
{
	struct told *t = &((struct rig *)user)->told[device];

	t->calls++;
	t->answers = answers;
	t->port = port;
}

static u8 port_by_name(void *user, const char *name)
{
	(void)user;
	return !strcmp(name, "eth1") ? 1 : !strcmp(name, "eth2") ? 2 : PORTS_MAX;
}

#define HEAD                                                                                   \
	"[sandwich]\nname = t\nmode = firewall\nsessions = 4k\n"                               \
	"[side ingress]\nuplink-address = 192.0.2.1/24 2001:db8:2::1/64\n"                     \
	"farm-address = 10.1.0.1/24 2001:db8:1::1/64\n"                                        \
	"[side egress]\nuplink-address = 10.9.0.1/16 2001:db8:9::1/64\n"                       \
	"farm-address = 10.2.0.1/24 2001:db8:a::1/64\n"                                        \
	"[balancer in]\nside = ingress\nuplink = eth0\nfarm = eth1 eth2\ncontrol = /tmp/in\n"  \
	"[balancer out]\nside = egress\nuplink = eth0\nfarm = eth1 eth2\ncontrol = /tmp/out\n" \
	"[health]\npath = off\n"

static struct config *parse(const char *devices)
{
	char *text = g_strconcat(HEAD, devices, NULL);
	GPtrArray *problems = config_problems_new();
	struct config *config = NULL;
	int rc = config_parse(text, strlen(text), &config, problems);

	for (guint i = 0; i < problems->len; i++) {
		const struct config_problem *p = g_ptr_array_index(problems, i);

		if (rc)
			print_error("%d: %s\n", p->line, p->text);
	}
	assert_int_equal(rc, 0);
	g_ptr_array_unref(problems);
	g_free(text);
	return config;
}

static void configure(struct rig *r, const char *devices)
{
	struct config *old = r->config;

	r->config = parse(devices);
	assert_int_equal(settings_apply(&r->tables, r->config,
					config_find_balancer(r->config, "in"), NULL, 0),
			 0);
	attach_configure(r->attach, r->config, r->side, 1);
	if (old)
		config_free(old); /* nothing may point into it any more */
}

static void rig_open(struct rig *r)
{
	const struct attach_ops ops = {told_state, port_by_name, r};

	memset(r, 0, sizeof(*r));
	assert_int_equal(memory_new(&r->memory, 64, 64, 64), 0);
	memory_tables(r->memory, 0, &r->tables);
	r->resolver.entries = g_ptr_array_new_with_free_func(g_free);
	r->attach = r->resolver.attach = attach_new(&r->tables, &r->resolver, &ops);
	r->side = CONFIG_INGRESS;
}

static void rig_close(struct rig *r)
{
	attach_free(r->attach);
	g_ptr_array_unref(r->resolver.entries);
	config_free(r->config);
	memory_free(r->memory);
}

static struct resolve_entry *entry_of(struct rig *r, const char *address)
{
	struct in6_addr in;
	struct address want;
	char mapped[64];

	g_snprintf(mapped, sizeof(mapped), "%s%s", strchr(address, ':') ? "" : "::ffff:", address);
	assert_int_equal(inet_pton(AF_INET6, mapped, &in), 1);
	want = settings_address(&in);
	for (guint i = 0; i < r->resolver.entries->len; i++) {
		struct resolve_entry *e = g_ptr_array_index(r->resolver.entries, i);

		if (address_equal(&e->target.address, &want))
			return e;
	}
	return NULL;
}

static struct mac mac(u8 last)
{
	return (struct mac){{2, 0, 0, 0, 0, last}};
}

static void answer(struct rig *r, const char *address, u8 last, u8 port)
{
	struct resolve_entry *e = entry_of(r, address);

	assert_non_null(e);
	e->state = RESOLVE_REACHABLE;
	e->mac = mac(last);
	e->port = port;
	assert_true(attach_resolved(r->attach, e));
}

static void silence(struct rig *r, const char *address)
{
	struct resolve_entry *e = entry_of(r, address);

	e->state = RESOLVE_FAILED;
	assert_true(attach_resolved(r->attach, e));
}

static u8 source(struct rig *r, u8 last, u32 vlan, u8 port)
{
	struct mac m = mac(last);

	return attach_source(r->attach, &m, vlan, port);
}

/* The last byte of the device's MAC; 0: its way is not known. */
static u8 hop_of(struct rig *r, u8 device, u8 *port, u16 *vlan)
{
	struct mac m;

	return attach_hop(r->attach, device, &m, port, vlan) ? m.byte[5] : 0;
}

#define TWO                                                       \
	"[device fw1]\ningress = 10.1.0.11\negress = 10.2.0.11\n" \
	"[device fw2]\ningress = 10.1.0.12\negress = 10.2.0.12\n"

static void follows_a_mac(void **state)
{
	struct rig r;
	u16 vlan;
	u8 port;

	(void)state;
	rig_open(&r);
	configure(&r, TWO);
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0);
	attach_report(r.attach);
	assert_false(r.told[1].answers);
	answer(&r, "10.1.0.11", 0x11, 2);
	assert_true(r.told[1].answers);
	assert_int_equal(r.told[1].port, 2);
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0x11);
	assert_int_equal(port, 2);
	assert_int_equal(source(&r, 0x11, 0, 1), 1); /* by whichever port: it may roam */
	answer(&r, "10.1.0.11", 0x22, 1);
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0x22);
	assert_int_equal(port, 1);
	assert_int_equal(source(&r, 0x22, 0, 1), 1);
	assert_int_equal(source(&r, 0x11, 0, 2), 0);
	silence(&r, "10.1.0.11");
	assert_false(r.told[1].answers);
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0x22); /* its flows have no other */
	assert_int_equal(source(&r, 0x22, 0, 1), 1);
	rig_close(&r);
}

/* The resolver's other wanters have a user too; it was once taken for one of ours. */
static void leaves_others_entries_alone(void **state)
{
	struct resolve_entry other = {.state = RESOLVE_REACHABLE, .mac = {{2, 9, 9, 9, 9, 9}}};
	u8 foreign[sizeof(struct rig)];
	struct rig r;

	(void)state;
	rig_open(&r);
	configure(&r, TWO);
	memset(foreign, 0xaa, sizeof(foreign));
	other.user = foreign;
	assert_false(attach_resolved(r.attach, &other));
	other.user = NULL;
	assert_false(attach_resolved(r.attach, &other));
	for (size_t i = 0; i < sizeof(foreign); i++)
		assert_int_equal(foreign[i], 0xaa);
	rig_close(&r);
}

static void several_addresses(void **state)
{
	struct mac macs[4];
	struct rig r;
	u16 vlan;
	u8 port;

	(void)state;
	rig_open(&r);
	configure(&r, "[device fw1]\ningress = 10.1.0.11 2001:db8:1::11\negress = 10.2.0.11\n");
	answer(&r, "2001:db8:1::11", 0x66, 1);
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0x66); /* the other does not answer yet */
	answer(&r, "10.1.0.11", 0x44, 1);
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0x44);
	assert_int_equal(source(&r, 0x66, 0, 1), 1);
	assert_int_equal(attach_macs(r.attach, 1, macs, 4), 2);
	assert_int_equal(attach_macs(r.attach, 1, macs, 1), 1);
	silence(&r, "10.1.0.11");
	assert_true(r.told[1].answers);
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0x66);
	answer(&r, "10.1.0.11", 0x66, 1); /* both at one MAC */
	assert_int_equal(attach_macs(r.attach, 1, macs, 4), 1);
	assert_int_equal(source(&r, 0x44, 0, 1), 0);
	answer(&r, "10.1.0.11", 0x45, 1); /* and apart: the shared one stays the device's */
	assert_int_equal(source(&r, 0x66, 0, 1), 1);
	rig_close(&r);
}

/* A MAC that another device has taken over is not forgotten by its former owner's change. */
static void mac_changes_hands(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r);
	configure(&r, TWO);
	answer(&r, "10.1.0.11", 0x11, 1);
	answer(&r, "10.1.0.12", 0x11, 1);
	assert_int_equal(source(&r, 0x11, 0, 1), 2);
	answer(&r, "10.1.0.11", 0x13, 1);
	assert_int_equal(source(&r, 0x11, 0, 1), 2);
	assert_int_equal(source(&r, 0x13, 0, 1), 1);
	rig_close(&r);
}

static void fixed_macs(void **state)
{
	struct mac macs[4];
	struct rig r;
	u16 vlan;
	u8 port;

	(void)state;
	rig_open(&r);
	configure(
		&r,
		"[device fw1]\ningress = 02:00:00:00:00:51 02:00:00:00:00:52\negress = 10.2.0.11\n"
		"[device fw2]\ningress = 10.1.0.12 02:00:00:00:00:61\negress = 10.2.0.12\n");
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0x51);
	assert_int_equal(port, 1);
	assert_int_equal(vlan, VLAN_KEEP);
	assert_int_equal(source(&r, 0x51, 0, 1), 1);
	assert_int_equal(source(&r, 0x52, 7, 2), 1);
	assert_int_equal(attach_macs(r.attach, 1, macs, 4), 2);
	attach_report(r.attach);
	assert_true(r.told[1].answers); /* nobody needs to ask */
	assert_int_equal(hop_of(&r, 2, &port, &vlan), 0x61);
	answer(&r, "10.1.0.12", 0x62, 1); /* what is given is believed */
	assert_int_equal(hop_of(&r, 2, &port, &vlan), 0x61);
	assert_int_equal(source(&r, 0x62, 0, 1), 2);
	rig_close(&r);
}

struct bridge {
	const char *devices;
	u32 zone[2];
	u8 port[2];
	u16 vlan[2];
};

/* Transparent devices share the partner's MAC: the port or the tag tells them apart. */
static void transparent_devices(void **state)
{
	static const struct bridge cases[] = {
		{"[device a]\ningress = port:eth1\negress = port:eth1\n"
		 "[device b]\ningress = port:eth2\negress = port:eth2\n",
		 {0, 0},
		 {1, 2},
		 {VLAN_KEEP, VLAN_KEEP}},
		{"[device a]\ningress = vlan:11\negress = vlan:11\n"
		 "[device b]\ningress = vlan:12\negress = vlan:12\n",
		 {11, 12},
		 {1, 1},
		 {11, 12}},
		{"[device a]\ningress = vlan:11 port:eth2\negress = vlan:11 port:eth2\n"
		 "[device b]\ningress = vlan:12 port:eth2\negress = vlan:12 port:eth2\n",
		 {11, 12},
		 {2, 2},
		 {11, 12}},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct bridge *c = &cases[i];
		const struct mac *partner;
		struct mac m;
		struct rig r;
		u16 vlan;
		u8 port;

		rig_open(&r);
		configure(&r, c->devices);
		partner = (const void *)&r.config->side[CONFIG_EGRESS].farm_mac;
		for (u8 d = 0; d < 2; d++) {
			assert_true(attach_hop(r.attach, d + 1, &m, &port, &vlan));
			assert_true(mac_equal(&m, partner));
			assert_int_equal(port, c->port[d]);
			assert_int_equal(vlan, c->vlan[d]);
			assert_int_equal(attach_source(r.attach, partner, c->zone[d], c->port[d]),
					 d + 1);
			assert_int_equal(attach_source(r.attach, partner, 99, 3), 0);
		}
		assert_int_equal(r.resolver.wanted, 0);
		rig_close(&r);
	}
}

static void reload_keeps_what_stays(void **state)
{
	struct resolve_entry *kept;
	struct rig r;
	u16 vlan;
	u8 port;

	(void)state;
	rig_open(&r);
	configure(&r, TWO "[device fw3]\ningress = 02:00:00:00:00:51\negress = 10.2.0.13\n");
	answer(&r, "10.1.0.11", 0x11, 1);
	answer(&r, "10.1.0.12", 0x12, 1);
	kept = entry_of(&r, "10.1.0.11");
	configure(&r, "[device fw1]\ningress = 10.1.0.11\negress = 10.2.0.11\nweight = 7\n"
		      "[device fw2]\ningress = 10.1.0.22\negress = 10.2.0.12\n"
		      "[device fw3]\ningress = 02:00:00:00:00:51\negress = 10.2.0.13\n");
	assert_ptr_equal(entry_of(&r, "10.1.0.11"), kept);
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0x11);
	assert_null(entry_of(&r, "10.1.0.12"));
	assert_non_null(entry_of(&r, "10.1.0.22"));
	assert_int_equal(source(&r, 0x12, 0, 1), 0);
	assert_int_equal(source(&r, 0x51, 0, 1), 3);
	assert_int_equal(r.resolver.dropped, 1);
	/* and gone */
	configure(&r, "[device fw1]\ningress = 10.1.0.11\negress = 10.2.0.11\n");
	assert_int_equal(r.resolver.entries->len, 1);
	assert_int_equal(source(&r, 0x51, 0, 1), 0);
	assert_int_equal(hop_of(&r, 3, &port, &vlan), 0);
	assert_int_equal(attach_macs(r.attach, 3, NULL, 0), 0);
	r.told[3].calls = 0;
	attach_report(r.attach);
	assert_int_equal(r.told[3].calls, 0);
	rig_close(&r);
}

/* Two devices exchange their addresses: each asks anew, and nobody holds what the other dropped. */
static void reload_swaps_addresses(void **state)
{
	struct rig r;
	u16 vlan;
	u8 port;

	(void)state;
	rig_open(&r);
	configure(&r, TWO);
	answer(&r, "10.1.0.11", 0x11, 1);
	answer(&r, "10.1.0.12", 0x12, 1);
	configure(&r, "[device fw1]\ningress = 10.1.0.12\negress = 10.2.0.11\n"
		      "[device fw2]\ningress = 10.1.0.11\negress = 10.2.0.12\n");
	assert_int_equal(r.resolver.entries->len, 2);
	answer(&r, "10.1.0.12", 0x12, 1);
	answer(&r, "10.1.0.11", 0x11, 1);
	attach_report(r.attach);
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0x12);
	assert_int_equal(hop_of(&r, 2, &port, &vlan), 0x11);
	assert_int_equal(source(&r, 0x12, 0, 1), 1);
	rig_close(&r);
}

/* A daemon before us knew where the device is: it answers, until it is asked. */
static void adopts_a_hop(void **state)
{
	struct mac was = mac(0x33), stranger = mac(0x34);
	struct rig r;
	u16 vlan;
	u8 port;

	(void)state;
	rig_open(&r);
	configure(&r, "[device fw1]\ningress = 10.1.0.11 2001:db8:1::11\negress = 10.2.0.11\n"
		      "[device fw2]\ningress = 10.1.0.12\negress = 10.2.0.12\n");
	r.tables.devices[1].hop = hop_make(&was, 2);
	assert_int_equal(macs_put(&r.tables, mac_key(&stranger, 0, 0, MAC_ANYWHERE),
				  MAC_OWNER_DEVICE | 1),
			 0);
	attach_adopt(r.attach, 1, 5);
	attach_adopt(r.attach, 2, 5); /* nothing is known of it */
	attach_report(r.attach);
	assert_true(r.told[1].answers);
	assert_false(r.told[2].answers);
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0x33);
	assert_int_equal(port, 2);
	assert_int_equal(source(&r, 0x33, 0, 1), 1);
	assert_int_equal(source(&r, 0x34, 0, 1), 1);
	answer(&r, "10.1.0.11", 0x35, 1); /* the card was replaced meanwhile */
	assert_int_equal(hop_of(&r, 1, &port, &vlan), 0x35);
	attach_forget_strangers(r.attach);
	assert_int_equal(source(&r, 0x34, 0, 1), 0);
	assert_int_equal(source(&r, 0x35, 0, 1), 1);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_a_mac),
		cmocka_unit_test(leaves_others_entries_alone),
		cmocka_unit_test(several_addresses),
		cmocka_unit_test(mac_changes_hands),
		cmocka_unit_test(fixed_macs),
		cmocka_unit_test(transparent_devices),
		cmocka_unit_test(reload_keeps_what_stays),
		cmocka_unit_test(reload_swaps_addresses),
		cmocka_unit_test(adopts_a_hop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
