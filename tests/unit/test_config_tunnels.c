// SPDX-License-Identifier: ISC
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c conf/check-tunnels.c */
/* links: conf/check.c conf/keys.c conf/lines.c conf/lists.c conf/model.c conf/print.c */
/* links: conf/problem.c conf/read.c conf/scripts.c conf/targets.c conf/tunnels.c */
/* links: conf/units.c conf/values.c */
/* affinity = tunnel in the config file: what is read, printed and refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>
#include <string.h>

#include "conf/config.h"

/* %s: the rest of [sandwich], the rest of [side ingress], the rest of [device b]. */
#define FARM                                                                                       \
	"[sandwich]\nname = test\nsecret-file = /etc/sandwich/secret\n%s\n"                        \
	"[side ingress]\nuplink-address = 192.0.2.1/24\nfarm-address = 10.1.0.1/24\n%s\n"          \
	"[side egress]\nuplink-address = 10.9.0.1/16\nfarm-address = 10.2.0.1/24\n"                \
	"[balancer in-a]\nside = ingress\nuplink = eth0\nfarm = eth1\n"                            \
	"[balancer out-a]\nside = egress\nuplink = eth0\nfarm = eth1\n"                            \
	"[device a]\ningress = 10.1.0.11\negress = 10.2.0.11\nquic-server-id = %s\n"               \
	"[device b]\ningress = 10.1.0.12\negress = 10.2.0.12\nquic-server-id = %s\n"

#define TUNNEL "mode = vpn\naffinity = tunnel\n"
#define CLUSTER "cluster-address = 192.0.2.10\n"

struct text {
	const char *sandwich, *side, *a, *b;
};

static char *text_of(const struct text *t)
{
	return g_strdup_printf(FARM, t->sandwich, t->side, t->a ? t->a : "none",
			       t->b ? t->b : "none");
}

static struct config *parse(const char *text)
{
	GPtrArray *problems = config_problems_new();
	struct config *config = NULL;
	int rc = config_parse(text, strlen(text), &config, problems);

	if (rc)
		fail_msg("%s", ((struct config_problem *)g_ptr_array_index(problems, 0))->text);
	g_ptr_array_unref(problems);
	return config;
}

static void check_prints(const struct config *config, const char *line)
{
	char *once = config_print(config), *twice;
	struct config *again = parse(once);

	if (!strstr(once, line))
		fail_msg("not printed: %s", line);
	twice = config_print(again);
	assert_string_equal(once, twice);
	config_free(again);
	g_free(once);
	g_free(twice);
}

static void defaults(void **state)
{
	const struct text t = {TUNNEL, CLUSTER, NULL, NULL};
	char *text = text_of(&t);
	struct config *config = parse(text);

	(void)state;
	assert_int_equal(config->affinity, CONFIG_AFFINITY_TUNNEL);
	assert_int_equal(config->tunnels.count, 4);
	assert_int_equal(config->tunnels.of[0].kind, CONFIG_TUNNEL_IKE);
	assert_int_equal(config->tunnels.of[1].port, 51820);
	assert_int_equal(config->quic_lb.length, 0);
	assert_int_equal(config->dtls_cid_length, 0);
	check_prints(config, "affinity = tunnel\ntunnels = ike wireguard openvpn l2tp\n"
			     "quic-lb = none\ndtls-cid-length = 0\n");
	config_free(config);
	g_free(text);
}

static void all_of_it(void **state)
{
	const struct text t = {TUNNEL "tunnels = wireguard:7 openvpn wireguard quic dtls:4433\n"
				      "quic-lb = 3/2\ndtls-cid-length = 8\n",
			       CLUSTER, "0aFf", "0b00"};
	char *text = text_of(&t);
	struct config *config = parse(text);

	(void)state;
	assert_int_equal(config->tunnels.count, 5);
	assert_int_equal(config->tunnels.of[0].port, 7);
	assert_int_equal(config->tunnels.of[4].kind, CONFIG_TUNNEL_DTLS);
	assert_int_equal(config->tunnels.of[4].port, 4433);
	assert_int_equal(config->quic_lb.config, 3);
	assert_int_equal(config->dtls_cid_length, 8);
	assert_int_equal(config_find_device(config, "a")->quic_id.bytes[1], 0xff);
	assert_int_equal(config_find_device(config, "b")->quic_id.length, 2);
	check_prints(config, "tunnels = wireguard:7 openvpn wireguard quic dtls:4433\n"
			     "quic-lb = 3/2\ndtls-cid-length = 8\n");
	check_prints(config, "quic-server-id = 0aff\n");
	config_free(config);
	g_free(text);
}

static void none_of_it(void **state)
{
	const struct text t = {TUNNEL "tunnels = none\n", CLUSTER, NULL, NULL};
	char *text = text_of(&t);
	struct config *config = parse(text);

	(void)state;
	assert_int_equal(config->tunnels.count, 0);
	check_prints(config, "tunnels = none\n");
	config_free(config);
	g_free(text);
}

#define NO_TUNNEL                                                                                  \
	"is no tunnel: write ike, wireguard[:PORT], openvpn[:PORT], l2tp, quic[:PORT] or "         \
	"dtls[:PORT]"
#define NO_QUIC                                                                                    \
	"write a config id from 0 to 6 and the bytes of a server id, 1 to 7, such as 0/4"

static const struct {
	struct text text;
	const char *problem; /* the first */
} broken[] = {
	{ { "mode = firewall\naffinity = tunnel\n", "", NULL, NULL },
	  "affinity = tunnel is for VPN gateways: write mode = vpn, or affinity = pair" },
	{ { TUNNEL, "", NULL, NULL },
	  "affinity = tunnel goes by what clients send to the cluster address: write "
	  "cluster-address = 192.0.2.10 in [side ingress]" },
	{ { TUNNEL "tunnels = ike:500\n", CLUSTER, NULL, NULL },
	  "tunnels = ike:500: 'ike:500' " NO_TUNNEL },
	{ { TUNNEL "tunnels = l2tp pptp\n", CLUSTER, NULL, NULL },
	  "tunnels = l2tp pptp: 'pptp' " NO_TUNNEL },
	{ { TUNNEL "tunnels = wireguard:0\n", CLUSTER, NULL, NULL },
	  "tunnels = wireguard:0: 'wireguard:0' " NO_TUNNEL },
	{ { TUNNEL "tunnels = openvpn:65536\n", CLUSTER, NULL, NULL },
	  "tunnels = openvpn:65536: 'openvpn:65536' " NO_TUNNEL },
	{ { TUNNEL "tunnels = ike ike\n", CLUSTER, NULL, NULL },
	  "tunnels = ike ike: 'ike': its port is another's already" },
	{ { TUNNEL "tunnels = quic dtls\n", CLUSTER, NULL, NULL },
	  "tunnels = quic dtls: 'dtls': its port is another's already" },
	{ { TUNNEL "tunnels = wireguard:4500\n", CLUSTER, NULL, NULL },
	  "tunnels = wireguard:4500: 'wireguard:4500': its port is another's already" },
	{ { TUNNEL "quic-lb = 7/4\n", CLUSTER, NULL, NULL }, "quic-lb = 7/4: " NO_QUIC },
	{ { TUNNEL "quic-lb = 0/8\n", CLUSTER, NULL, NULL }, "quic-lb = 0/8: " NO_QUIC },
	{ { TUNNEL "quic-lb = 4\n", CLUSTER, NULL, NULL }, "quic-lb = 4: " NO_QUIC },
	{ { TUNNEL "dtls-cid-length = 17\n", CLUSTER, NULL, NULL },
	  "dtls-cid-length = 17: write a number from 0 to 16" },
	{ { TUNNEL "quic-lb = 0/1\n", CLUSTER, "0a0", NULL },
	  "quic-server-id = 0a0: write 1 to 7 bytes in hexadecimal, such as 0a0b0c0d" },
	{ { TUNNEL, CLUSTER, "0a0b", NULL },
	  "quic-server-id says nothing without [sandwich] quic-lb: write quic-lb = 0/2 there" },
	{ { TUNNEL "quic-lb = 0/1\n", CLUSTER, "0a0b", NULL },
	  "quic-server-id has 2 bytes, by [sandwich] quic-lb they have 1" },
	{ { TUNNEL "quic-lb = 0/1\n", CLUSTER, "0a", "0A" },
	  "quic-server-id is [device a]'s too: give each its own" },
};

static void broken_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
		GPtrArray *problems = config_problems_new();
		char *text = text_of(&broken[i].text);
		struct config *config;

		assert_int_equal(config_parse(text, strlen(text), &config, problems), -EINVAL);
		assert_int_equal(problems->len, 1);
		assert_string_equal(
			((struct config_problem *)g_ptr_array_index(problems, 0))->text,
			broken[i].problem);
		g_ptr_array_unref(problems);
		g_free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(all_of_it),
		cmocka_unit_test(none_of_it),
		cmocka_unit_test(broken_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
