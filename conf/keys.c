/* SPDX-License-Identifier: ISC */
/* The tables of the config file. What the man page says about defaults is said here. */
#include "conf/keys.h"

#include <string.h>

#include "conf/config.h"
#include "conf/problem.h"
#include "conf/values.h"

const char *const config_mode_words[] = {"firewall", "vpn", NULL};
const char *const config_affinity_words[] = {"pair", "client", "server", "flow", "tunnel",
					     NULL};
const char *const config_track_words[] = {"auto", "every-frame", NULL};
const char *const config_down_words[] = {"move", "reset", "drop", NULL};
const char *const config_move_words[] = {"rebind", "keep", NULL};
const char *const config_datapath_words[] = {"auto", "xdp", "xdp-generic", "pcap", NULL};
const char *const config_role_words[] = {"auto", "external", NULL};
const char *const config_side_words[] = {"ingress", "egress", NULL};
const char *const config_detector_words[] = {"link", "arp", "icmp", "tcp", "http", "path",
					     "ike",  "script", "silence", NULL};

/* No section has more; keys_nearest() counts on it. */
#define KEYS_MAX 24

#define NAME_AND_FIELD(name_, type, field_) .name = name_, .offset = offsetof(type, field_)

#define SANDWICH(name_, field_) NAME_AND_FIELD(name_, struct config, field_)

/* The preset of affinity depends on mode: read.c. */
static const struct key sandwich_keys[KEYS_MAX + 1] = {
	{SANDWICH("name", name), .kind = &value_name, .example = "branch", .required = true},
	{SANDWICH("mode", mode), .kind = &value_word, .words = config_mode_words,
	 .example = "firewall", .required = true},
	{SANDWICH("affinity", affinity), .kind = &value_word, .words = config_affinity_words},
	{SANDWICH("tunnels", tunnels), .kind = &value_tunnels,
	 .preset = "ike wireguard openvpn l2tp", .example = "ike wireguard openvpn l2tp"},
	{SANDWICH("quic-lb", quic_lb), .kind = &value_quic_lb, .preset = "none",
	 .example = "0/4"},
	{SANDWICH("dtls-cid-length", dtls_cid_length), .kind = &value_number, .preset = "0",
	 .max = 16},
	{SANDWICH("sessions", sessions), .kind = &value_slots, .preset = "1M", .min = 1 << 10,
	 .max = 64 << 20},
	{SANDWICH("pins", pins), .kind = &value_slots, .preset = "256k", .min = 1 << 10,
	 .max = 64 << 20},
	{SANDWICH("track", track), .kind = &value_word, .words = config_track_words,
	 .preset = "auto"},
	{SANDWICH("on-device-down", on_device_down), .kind = &value_word,
	 .words = config_down_words, .preset = "move"},
	{SANDWICH("on-move", on_move), .kind = &value_word, .words = config_move_words,
	 .preset = "rebind"},
	{SANDWICH("secret-file", secret_file), .kind = &value_file,
	 .example = "/etc/sandwich/secret"},
	{SANDWICH("role", role), .kind = &value_word, .words = config_role_words,
	 .preset = "auto"},
	{SANDWICH("preempt", preempt), .kind = &value_bool, .preset = "off"},
	{SANDWICH("follow-partner", follow_partner), .kind = &value_bool, .preset = "off"},
	{SANDWICH("sync-heartbeat", sync_heartbeat), .kind = &value_pace, .preset = "20ms x 3",
	 .min = 5},
	{SANDWICH("sync-after", sync_after), .kind = &value_seconds, .preset = "0s",
	 .max = 3600},
	{SANDWICH("sync-refresh", sync_refresh), .kind = &value_seconds, .preset = "30s",
	 .min = 1, .max = 3600},
};

#define TIMEOUT(name_, index, preset_)                                                          \
	{                                                                                       \
		SANDWICH(name_, timeout[CONFIG_TIMEOUT_##index]),                               \
			.kind = &value_seconds, .preset = preset_, .min = 1, .max = 365 * 86400 \
	}

static const struct key timeout_keys[KEYS_MAX + 1] = {
	TIMEOUT("tcp-syn", TCP_SYN, "120s"),
	TIMEOUT("tcp-established", TCP_ESTABLISHED, "5d"),
	TIMEOUT("tcp-closing", TCP_CLOSING, "120s"),
	TIMEOUT("tcp-closed", TCP_CLOSED, "120s"),
	TIMEOUT("tcp-reset", TCP_RESET, "10s"),
	TIMEOUT("udp", UDP, "30s"),
	TIMEOUT("udp-replied", UDP_REPLIED, "180s"),
	TIMEOUT("icmp", ICMP, "30s"),
	TIMEOUT("other", OTHER, "600s"),
	TIMEOUT("inner-host", INNER_HOST, "300s"),
	TIMEOUT("fragment", FRAGMENT, "5s"),
};

#define SIDE(name_, field_) NAME_AND_FIELD(name_, struct config_side, field_)

/* The virtual MACs are derived from the sandwich's name: read.c. */
static const struct key side_keys[KEYS_MAX + 1] = {
	{SIDE("uplink-address", uplink_addresses), .kind = &value_prefixes,
	 .example = "192.0.2.1/24", .required = true},
	{SIDE("farm-address", farm_addresses), .kind = &value_prefixes, .example = "10.1.0.1/24",
	 .required = true},
	{SIDE("cluster-address", cluster_addresses), .kind = &value_addresses,
	 .example = "192.0.2.10"},
	{SIDE("gateway", gateways), .kind = &value_addresses, .example = "192.0.2.254"},
	{SIDE("last-hop", last_hop), .kind = &value_bool, .preset = "off"},
	{SIDE("uplink-vlan", uplink_vlan), .kind = &value_vlan, .preset = "keep"},
	{SIDE("farm-vlan", farm_vlan), .kind = &value_vlan, .preset = "keep"},
	{SIDE("uplink-mac", uplink_mac), .kind = &value_mac, .example = "02:73:00:00:00:01"},
	{SIDE("farm-mac", farm_mac), .kind = &value_mac, .example = "02:73:00:00:00:02"},
};

#define BALANCER(name_, field_) NAME_AND_FIELD(name_, struct config_balancer, field_)

/* The preset of control is made from the balancer's name: read.c. */
static const struct key balancer_keys[KEYS_MAX + 1] = {
	{BALANCER("side", side), .kind = &value_word, .words = config_side_words,
	 .example = "ingress", .required = true},
	{BALANCER("uplink", uplink), .kind = &value_interface, .example = "eth0", .required = true},
	{BALANCER("farm", farm), .kind = &value_interfaces, .example = "eth1", .required = true},
	{BALANCER("sync", sync), .kind = &value_endpoints, .example = "172.31.0.1:4850",
	 .min = 4850},
	{BALANCER("priority", priority), .kind = &value_number, .preset = "100", .min = 1,
	 .max = 255},
	{BALANCER("control", control), .kind = &value_file, .example = "/run/sandwich/NAME.sock"},
	{BALANCER("metrics", metrics), .kind = &value_endpoint, .example = "127.0.0.1:9850",
	 .min = 9850},
	{BALANCER("datapath", datapath), .kind = &value_word, .words = config_datapath_words,
	 .preset = "auto"},
	{BALANCER("xdp-chain", xdp_chain), .kind = &value_bool, .preset = "off"},
};

#define DEVICE(name_, field_) NAME_AND_FIELD(name_, struct config_device, field_)

/* The preset of id is the position in the file: read.c. */
static const struct key device_keys[KEYS_MAX + 1] = {
	{DEVICE("id", id), .kind = &value_number, .min = 1, .max = 255},
	{DEVICE("ingress", at[CONFIG_INGRESS]), .kind = &value_attachment, .example = "10.1.0.11",
	 .required = true},
	{DEVICE("egress", at[CONFIG_EGRESS]), .kind = &value_attachment, .example = "10.2.0.11",
	 .required = true},
	{DEVICE("weight", weight), .kind = &value_number, .preset = "1", .min = 1, .max = 255},
	{DEVICE("max-sessions", max_sessions), .kind = &value_count, .preset = "none", .min = 1,
	 .max = 64 << 20},
	{DEVICE("quic-server-id", quic_id), .kind = &value_server_id, .preset = "none",
	 .example = "0a0b0c0d"},
	{DEVICE("state", disabled), .kind = &value_disabled, .preset = "enabled"},
	{DEVICE("pool", pools), .kind = &value_networks, .example = "10.99.1.0/24"},
};

#define HEALTH(name_, field_) NAME_AND_FIELD(name_, struct config_health, field_)

static const struct key health_keys[KEYS_MAX + 1] = {
	{HEALTH("path", path), .kind = &value_pace, .preset = "20ms x 3", .min = 5},
	{HEALTH("path-port", path_port), .kind = &value_port, .preset = "4851"},
	{HEALTH("rise", rise), .kind = &value_number, .preset = "3", .min = 1, .max = 100},
	{HEALTH("link", checks), .kind = &value_always},
	{HEALTH("arp", checks), .kind = &value_checks, .min = CONFIG_DETECT_ARP, .example = "on"},
	{HEALTH("icmp", checks), .kind = &value_checks, .min = CONFIG_DETECT_ICMP, .example = "on"},
	{HEALTH("tcp", checks), .kind = &value_checks, .min = CONFIG_DETECT_TCP, .example = "22"},
	{HEALTH("http", checks), .kind = &value_checks, .min = CONFIG_DETECT_HTTP,
	 .example = ":80/health"},
	{HEALTH("ike", checks), .kind = &value_checks, .min = CONFIG_DETECT_IKE, .example = "on"},
	{HEALTH("script", checks), .kind = &value_scripts, .example = "/etc/sandwich/check 5s x 3"},
	{HEALTH("silence", silence), .kind = &value_pace, .preset = "off", .min = 100},
};

const struct section_kind section_kinds[SECTIONS] = {
	{SECTION_SANDWICH, "sandwich", "[sandwich]", false, NULL, sandwich_keys},
	{SECTION_TIMEOUTS, "timeouts", "[timeouts]", false, NULL, timeout_keys},
	{SECTION_SIDE, "side", "[side ingress] or [side egress]", true, config_side_words,
	 side_keys},
	{SECTION_BALANCER, "balancer", "[balancer in-a]", true, NULL, balancer_keys},
	{SECTION_DEVICE, "device", "[device fw1]", true, NULL, device_keys},
	{SECTION_HEALTH, "health", "[health]", false, NULL, health_keys},
};

const struct key *keys_find(const struct section_kind *section, const char *name)
{
	for (const struct key *key = section->keys; key->name; key++)
		if (!strcmp(key->name, name))
			return key;
	return NULL;
}

const struct section_kind *keys_find_section(const char *name)
{
	for (int i = 0; i < SECTIONS; i++)
		if (!strcmp(section_kinds[i].name, name))
			return &section_kinds[i];
	return NULL;
}

const char *keys_nearest(const struct section_kind *section, const char *name)
{
	const char *names[KEYS_MAX + 1] = {0};

	for (int i = 0; section->keys[i].name; i++)
		names[i] = section->keys[i].name;
	return problem_nearest(name, names);
}

char *keys_list(const struct section_kind *section)
{
	GString *list = g_string_new(NULL);

	for (const struct key *key = section->keys; key->name; key++)
		g_string_append_printf(list, "%s%s", list->len ? ", " : "", key->name);
	return g_string_free(list, FALSE);
}

bool keys_is_name(const char *text)
{
	static const char good[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_.";

	return g_ascii_isalnum(*text) && strspn(text, good) == strlen(text) && strlen(text) <= 63;
}

void keys_preset(const struct section_kind *section, void *base)
{
	GPtrArray *problems = config_problems_new();

	for (const struct key *key = section->keys; key->name; key++) {
		struct value value = {.key = key,
				      .field = (char *)base + key->offset,
				      .text = key->preset,
				      .problems = problems};

		if (key->preset)
			key->kind->parse(&value);
	}
	g_assert(!problems->len);
	g_ptr_array_unref(problems);
}
