/* SPDX-License-Identifier: ISC */
/*
 * The configuration model: what a file describes, before any balancer acts on it.
 *
 * One file describes the whole sandwich and is the same on every box. config_read() builds the
 * model, config_check() finds what is wrong with it, config_print() writes it back with every
 * default shown (print -> read -> print is the identity). Nothing here knows a running balancer.
 *
 * Ownership: struct config owns everything it points to; config_free() gives it back.
 * Thread: any, one at a time.
 */
#ifndef CONF_CONFIG_H
#define CONF_CONFIG_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum config_mode { CONFIG_MODE_FIREWALL, CONFIG_MODE_VPN };
enum config_affinity { CONFIG_AFFINITY_PAIR, CONFIG_AFFINITY_CLIENT, CONFIG_AFFINITY_SERVER,
		       CONFIG_AFFINITY_FLOW, CONFIG_AFFINITY_TUNNEL };
enum config_track { CONFIG_TRACK_AUTO, CONFIG_TRACK_EVERY_FRAME };
enum config_down { CONFIG_DOWN_MOVE, CONFIG_DOWN_RESET, CONFIG_DOWN_DROP };
enum config_move { CONFIG_MOVE_REBIND, CONFIG_MOVE_KEEP };
enum config_datapath { CONFIG_DATAPATH_AUTO, CONFIG_DATAPATH_XDP, CONFIG_DATAPATH_XDP_GENERIC,
		       CONFIG_DATAPATH_PCAP };
enum config_role { CONFIG_ROLE_AUTO, CONFIG_ROLE_EXTERNAL };
enum config_side_id { CONFIG_INGRESS, CONFIG_EGRESS, CONFIG_SIDES };

/* Timers, in seconds, in the order of --print, which is that of enum timeout in core. */
enum config_timeout {
	CONFIG_TIMEOUT_TCP_SYN,		/* tcp-syn: opened, not answered */
	CONFIG_TIMEOUT_TCP_ESTABLISHED, /* tcp-established */
	CONFIG_TIMEOUT_TCP_CLOSING,	/* tcp-closing: one FIN seen */
	CONFIG_TIMEOUT_TCP_CLOSED,	/* tcp-closed: both FINs seen */
	CONFIG_TIMEOUT_TCP_RESET,	/* tcp-reset: RST seen */
	CONFIG_TIMEOUT_UDP,		/* udp: one direction seen */
	CONFIG_TIMEOUT_UDP_REPLIED,	/* udp-replied: both directions seen */
	CONFIG_TIMEOUT_ICMP,		/* icmp: echo */
	CONFIG_TIMEOUT_OTHER,		/* other: ESP, GRE, ... */
	CONFIG_TIMEOUT_INNER_HOST,	/* inner-host: a learned VPN client without traffic */
	CONFIG_TIMEOUT_FRAGMENT,	/* fragment: ports remembered for later fragments */
	CONFIG_TIMEOUTS
};

enum config_tunnel_kind { CONFIG_TUNNEL_IKE, CONFIG_TUNNEL_WIREGUARD, CONFIG_TUNNEL_OPENVPN,
			  CONFIG_TUNNEL_L2TP, CONFIG_TUNNEL_QUIC, CONFIG_TUNNEL_DTLS,
			  CONFIG_TUNNEL_KINDS };

struct config_tunnel {
	enum config_tunnel_kind kind;
	uint16_t port; /* host byte order; 0: the protocol's own */
};

#define CONFIG_TUNNELS_MAX 14 /* IKE makes two of one, and core has room for 16 */

struct config_tunnels {
	unsigned int count;
	struct config_tunnel of[CONFIG_TUNNELS_MAX];
};

/* QUIC-LB: the config id, and the bytes of a server id; 0: not used. */
struct config_quic_lb {
	uint8_t config, length;
};

#define CONFIG_SERVER_ID_MAX 7

struct config_server_id {
	uint8_t length; /* 0: none */
	uint8_t bytes[CONFIG_SERVER_ID_MAX];
};

/* An address with a prefix length. IPv4 is mapped (::ffff:a.b.c.d), and its length is 96 + n. */
struct config_address {
	struct in6_addr address;
	uint8_t length;
};

struct config_mac {
	uint8_t bytes[6];
};

/* "interval x count": how often a detector asks, and how many failures in a row mean down. */
struct config_pace {
	unsigned int interval_ms;
	unsigned int count;
};

enum config_detector { CONFIG_DETECT_LINK, CONFIG_DETECT_ARP, CONFIG_DETECT_ICMP,
		       CONFIG_DETECT_TCP, CONFIG_DETECT_HTTP, CONFIG_DETECT_PATH,
		       CONFIG_DETECT_IKE, CONFIG_DETECT_SCRIPT, CONFIG_DETECT_SILENCE,
		       CONFIG_DETECTORS };

/* One active check of [health]. */
struct config_check {
	enum config_detector kind;
	struct in6_addr address; /* whom to ask; all zero: each device's own first address */
	uint16_t port;		 /* TCP, HTTP and IKE; host byte order */
	char *url_path;		 /* HTTP: "/health"; NULL otherwise */
	char **argv;		 /* script: its absolute path and arguments; NULL otherwise */
	unsigned int timeout_ms; /* script: not longer than the interval */
	struct config_pace pace;
};

struct config_health {
	struct config_pace path; /* count 0: path = off */
	uint16_t path_port;	 /* UDP port of the heartbeat, host byte order; default 4851 */
	unsigned int rise;	 /* successes in a row that mean up; default 3 */
	struct config_pace silence; /* count 0: silence = off, the default */
	GPtrArray *checks;	 /* struct config_check */
};

/* Where a device stands on one side of the farm. */
struct config_attachment {
	GArray *addresses; /* struct in6_addr: resolved and followed by ARP or ND */
	GArray *macs;	   /* struct config_mac: fixed */
	int vlan;	   /* vlan:N, the tag its frames carry; -1: as they come */
	char *port;	   /* port:NAME, the farm port it is on; NULL: wherever it answers */
};

#define CONFIG_POOLS 512	/* of all devices together */
#define CONFIG_POOL_LENGTHS 16	/* distinct prefix lengths of them */

struct config_device {
	char *name;
	unsigned int id; /* 1..255, by position in the file */
	unsigned int weight;
	unsigned int max_sessions; /* 0: no limit */
	bool disabled;		   /* state = disabled: known, not used */
	GArray *pools;		   /* struct config_address: inner prefixes that it hands out */
	struct config_server_id quic_id;
	struct config_attachment at[CONFIG_SIDES]; /* no address and no MAC: transparent device */
	int line;
};

struct config_side {
	GArray *uplink_addresses; /* struct config_address: floating, toward routers and hosts */
	GArray *farm_addresses;	  /* struct config_address: floating, toward the devices */
	GArray *cluster_addresses; /* struct in6_addr */
	GArray *gateways;	  /* struct in6_addr: at most one for each family */
	bool last_hop;
	int uplink_vlan, farm_vlan; /* the tag to use there; 0: none; -1: as frames come */
	struct config_mac uplink_mac, farm_mac; /* virtual MACs; derived from the name by default */
};

struct config_balancer {
	char *name;
	enum config_side_id side;
	char *uplink;		  /* interface name */
	GPtrArray *farm;	  /* char *: interface names, one or more */
	GPtrArray *sync;	  /* char *: "address:port" */
	unsigned int priority;
	char *control;		  /* path of the control socket */
	char *metrics;		  /* "address:port"; NULL: none */
	enum config_datapath datapath;
	bool xdp_chain; /* an XDP program that is on a port runs behind ours */
	int line;
};

struct config {
	char *name;
	enum config_mode mode;
	enum config_affinity affinity;
	struct config_tunnels tunnels; /* affinity = tunnel: what is looked at */
	struct config_quic_lb quic_lb;
	unsigned int dtls_cid_length;  /* bytes; 0: connection ids are not looked at */
	unsigned int sessions;	   /* slots; a power of two */
	unsigned int pins;	   /* slots; a power of two */
	enum config_track track;
	enum config_down on_device_down;
	enum config_move on_move;
	char *secret_file;	   /* NULL: none, see --check */
	enum config_role role;	   /* who says which twin is active: the twins, or something else */
	bool preempt;		   /* the twin with the higher priority takes back, once equal */
	bool follow_partner;	   /* both sides switch together */
	struct config_pace sync_heartbeat; /* between balancers */
	unsigned int sync_after;   /* seconds a session has to live before it is synced */
	unsigned int sync_refresh; /* seconds in which all ages are told once */
	unsigned int timeout[CONFIG_TIMEOUTS]; /* seconds */
	struct config_side side[CONFIG_SIDES];
	GPtrArray *balancers;	   /* struct config_balancer */
	GPtrArray *devices;	   /* struct config_device, at most 255 */
	struct config_health health;
};

/* One thing that is wrong, and what to write instead. */
struct config_problem {
	int line; /* 1-based; 0: the file as a whole */
	char *text;
};

/* Problems in the order of the file's lines; owns them. Free with g_ptr_array_unref(). */
GPtrArray *config_problems_new(void);

/*
 * Read PATH. Returns 0 and *OUT, or -EINVAL when PROBLEMS has grown (every problem is reported,
 * not the first alone; *OUT is NULL then), or another -errno when the file can't be read (also
 * told in PROBLEMS). config_check() has been applied.
 */
int config_read(const char *path, struct config **out, GPtrArray *problems)
	__attribute__((warn_unused_result));

/* The same from LENGTH bytes of TEXT (any bytes), for tests and fuzzing. */
int config_parse(const char *text, size_t length, struct config **out, GPtrArray *problems)
	__attribute__((warn_unused_result));

/* The effective configuration with every default shown, in the file's own syntax. g_free() it. */
char *config_print(const struct config *config);

/* The balancer or device of that name, or NULL. */
const struct config_balancer *config_find_balancer(const struct config *config, const char *name);
const struct config_device *config_find_device(const struct config *config, const char *name);

/* The words of the file for enum values ("firewall", "pair", "xdp-generic", ...). */
const char *config_mode_name(enum config_mode mode);
const char *config_affinity_name(enum config_affinity affinity);
const char *config_detector_name(enum config_detector detector);
const char *config_datapath_name(enum config_datapath datapath);
const char *config_role_name(enum config_role role);
const char *config_side_name(enum config_side_id side);

void config_free(struct config *config);

#endif
