/* SPDX-License-Identifier: ISC */
/*
 * The whole sandwich in one process: two balancers, scripted stateful devices, hosts on both sides,
 * a clock that is a number and chances that come from a seed. The invariants are checked at every
 * frame and step.
 *
 *   traffic.c: hosts ── net.c ── side.c (ingress) ══ device.c ══ side.c (egress) ── hosts
 *                       farm.c changes the devices, each side a little later than the other
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "tests/packets/frame.h"
#include "tests/packets/world.h"

#define SIM_DEVICES 5 /* at most; their ids begin at 1 */
#define SIM_TALKS 192
#define SIM_HELD 64
#define SIM_STATES 2048
#define SIM_CLIENTS 40
#define SIM_SKEW_MS 40	 /* by how much the sides' tables may differ in time */
#define SIM_DETECT_MS 60 /* after which a dead device is known to be dead */
#define SIM_HEARD_MS 40

enum mode { MODE_FIREWALL, MODE_NAT, MODE_VPN, MODES };
enum plant { PLANT_NONE, PLANT_NO_SWEEP, PLANT_ASYMMETRIC_HASH, PLANT_LEAK, PLANTS };

/* A packet as hosts and devices see it; the balancers see its bytes (wire.c). Ports: host byte
 * order. */
struct segment {
	struct address src, dst;
	u16 sport, dport; /* an echo's id in both */
	u8 protocol, flags;
	bool reply;	    /* of an echo */
	u16 id, offset;	    /* of a fragment; offset in eight bytes */
	bool more;
	bool error;	    /* an ICMP error; what it quotes has these ends, turned round */
	bool sealed;	    /* vpn: within a tunnel; `inner` says what */
	bool hello;	    /* vpn: opens the tunnel */
	struct address inner_src, inner_dst;
	u8 inner_protocol;
	u16 talk;	    /* which conversation it is of; SIM_TALKS: of none */
};

/* One conversation, by what its hosts know. */
struct talk {
	bool open;
	u8 protocol;
	bool from_inside;
	bool v6, moved;
	struct address client, server; /* the opener and whom it calls */
	u16 cport, sport;
	u8 home;	    /* device on which a whole round trip went; 0: none yet */
	u8 heard;	    /* device that the opener's last frame arrived by */
	u64 began;	    /* ms: opened, or lost its home */
	u64 when, way[2];   /* ms: last arrival by home; and of the opener's, the other's frames */
	struct address seen; /* nat: the opener's address as the other end sees it */
	u16 seen_port;
	u8 who;		    /* vpn: which client's tunnel */
};

/* A connection in a device's own table. */
struct state {
	bool used;
	struct address src, dst; /* as the opener's frames arrive */
	u16 sport, dport;
	u8 protocol;
	bool from_inside;
	bool answered, established;
	u16 port; /* nat: the opener's port on the other side */
};

struct device_sim {
	bool exists, alive;
	bool up[2], pick[2]; /* as each side's settings have it */
	u64 disturbed;	     /* ms: when it was last dead, or not up on some side */
	struct state *state; /* SIM_STATES */
	u16 next_port;
	bool tunnel[SIM_CLIENTS];
};

struct half {
	struct world world;
	struct tables *t;
	u64 rx, reason[REASONS];
	struct segment held[SIM_HELD]; /* fragments that wait for their first */
	u8 held_from[SIM_HELD];	       /* the device each came from; 0: a host */
	u32 held_count;
};

/* What a side will do to its table, and when. */
struct change {
	u64 at;
	u8 side, device;
	enum { CHANGE_SWEEP, CHANGE_FLIP, CHANGE_AGAIN } step;
	bool up, pick;
	bool weigh; /* the other set of rows, too */
};

struct client { /* vpn */
	struct address outer, inner, inner6;
	u8 tunnel;   /* device that has it; 0: none */
	bool taught[2]; /* by family: a frame of it has come out there, the inside knows the way */
	u64 used;
};

struct sim {
	u64 seed, chance, now, started;
	enum mode mode;
	enum plant plant;
	u8 affinity, devices;
	bool flood, changed;
	u64 unsettled; /* ms: until when the sides may differ */
	struct half side[2];
	struct device_sim device[SIM_DEVICES + 1];
	struct talk talk[SIM_TALKS];
	struct client client[SIM_CLIENTS];
	struct change change[64];
	u32 changes;
	bool busy; /* a change is under way */
	u16 next_id, next_port;
	u64 frames, lost, trips, moves, changes_made;
	u32 arrived; /* parts of what is being sent */
	u8 by;	     /* the device that the last of them came by */
	struct segment received;
	char failure[256];
};

/* --- sim.c */
u64 sim_chance(struct sim *s, u64 n); /* 0 .. n - 1 */
void sim_fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- wire.c: the bytes of a segment. */
void wire_frame(const struct segment *g, struct mac dst, struct mac src, struct frame *out);

/* --- side.c */
void side_open(struct sim *s, u8 side, u32 sessions);
void side_close(struct half *b);
void side_decide(struct sim *s, u8 side, const struct segment *g, u8 port, u8 from, struct work *w);
void side_sweep(struct sim *s, u8 side, const struct change *c);
void side_flip(struct sim *s, u8 side, const struct change *c);
void side_expire(struct sim *s, u8 side);
void side_check(struct sim *s, u8 side);

/* --- device.c: a stateful firewall, masquerading one, or VPN gateway. */
enum pass { PASS_DROP, PASS_ON };
enum pass device_pass(struct sim *s, u8 id, u8 from_side, struct segment *g);
void device_reboot(struct device_sim *d);

/*
 * --- net.c: sends what a host at SIDE sends, all the way. How many of the N parts arrived; G[0] is
 * as the receiver sees it.
 */
u32 net_send(struct sim *s, u8 side, struct segment *g, u32 n);

/* --- traffic.c */
void traffic_step(struct sim *s);
void traffic_close_all(struct sim *s);

/* --- farm.c */
void farm_step(struct sim *s);
void farm_disturb(struct sim *s);

#endif
