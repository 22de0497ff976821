/* SPDX-License-Identifier: ISC */
/*
 * Simulation of the roles: two sides with two boxes each, virtual time, faults at random.
 *
 * world.c has the boxes and the network, faults.c what goes wrong, rules.c what must hold, roles.c
 * runs the seeds. One thread; a seed gives the same run always.
 */
#ifndef SANDWICH_TESTS_ROLES_ROLES_H
#define SANDWICH_TESTS_ROLES_ROLES_H

#include "sync/role.h"

#define BOXES	 4 /* 0 and 1 of one side, 2 and 3 of the other */
#define INTERVAL 20000u
#define COUNT	 3u
#define WINDOW	 (INTERVAL * COUNT + INTERVAL / 4)
#define FLIGHTS	 4096 /* datagrams under way, at most */
#define NEVER	 UINT64_MAX

/* The farm LAN and the uplink LAN join twins; through the devices, partners see the active. */
enum path { PATH_SYNC, PATH_FARM, PATH_UPLINK, PATH_DEVICES, PATHS };

enum plant { PLANT_NONE, PLANT_NO_VOTE, PLANT_DEAF, PLANT_EQUAL, PLANT_SLOW, PLANTS };

struct world;

struct box {
	struct world *world;
	u8 index;
	struct role *role;
	bool up;
	u64 paused_until; /* 0: it runs */
	u64 resumed;
	u64 incarnation;
	u64 due;
	enum role_state state;
	u32 term;
	u64 changed;   /* when its state was another */
	bool port[2];  /* farm, uplink */
	u64 port_changed;
	bool equal;
	u64 equal_at;  /* when it will be, 0: it isn't under way */
	u64 was_equal; /* the last moment it was */
	u64 died;
	bool takes_offer; /* role_handover() is being called */
	bool stops;
};

struct flight {
	u64 at;
	u64 incarnation; /* of the sender */
	u64 aimed;	 /* at that incarnation of the receiver */
	u8 from, to, path;
	u32 offer; /* term of a HANDOVER, 0: a heartbeat */
	struct role_heartbeat hb;
};

struct world {
	u64 seed, chance, now, quiet_from;
	enum plant plant;
	bool tell;
	u32 loss;  /* of 1000 heartbeats */
	u64 delay; /* µs, at most */
	bool late; /* some are late by much more */
	bool preempt, follow;
	struct box box[BOXES];
	bool cut[PATHS][BOXES][BOXES]; /* from, to */
	u64 joined[BOXES][BOXES]; /* since when words get from one to the other, 0: they don't */
	struct flight *flight;
	u32 flights;
	u64 many_since[2], none_since[2]; /* of a side's active boxes, 0: it is one */
	u32 faults, changes, takeovers, handovers;
	char failure[256];
};

/* 0..N-1, the same in each run of a seed. */
u64 world_chance(struct world *w, u64 n);
void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_log(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

void world_open(struct world *w, u64 seed, enum plant plant, bool tell);
void world_close(struct world *w);
/* Runs until then, or until something fails. */
void world_run(struct world *w, u64 until);

void box_start(struct world *w, u8 i);
void box_kill(struct world *w, u8 i);
void box_pause(struct world *w, u8 i, u64 us);
void box_port(struct world *w, u8 i, u8 port, bool on);
void box_equal(struct world *w, u8 i, bool equal);
bool box_runs(const struct world *w, u8 i);
bool box_can(const struct world *w, u8 i); /* be active */
u8 box_active(const struct world *w, u8 side); /* BOXES: none, or two */

void faults_one(struct world *w);
void faults_end(struct world *w);

void rules_became(struct world *w, u8 i, enum role_state before);
void rules_offer(struct world *w, u8 from, u8 to);
void rules_quiet(struct world *w);

#endif
