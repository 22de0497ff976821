/* SPDX-License-Identifier: ISC */
/*
 * A capture through the engine, offline: the tables, settings and decide() of a balancer without
 * its network.
 *
 * Every device is up, every next hop is known, and time is the capture's own. Which port a frame
 * came by is told by the caller, else by its interface's name, else by its source MAC (ours, or a
 * device's), else by the addresses: the subnets of the uplinks, or who spoke first. What is not
 * from the uplink's side then comes from the farm, as though from the device that carries it.
 *
 * Thread: any, one at a time.
 */
#ifndef SANDWICH_CONTROL_REPLAY_H
#define SANDWICH_CONTROL_REPLAY_H

#include <glib.h>
#include "conf/config.h"
#include "sandwich/core/decide.h"
#include "sandwich/slowpath/offline.h"

#define REPLAY_PORT_INFERRED (-1)

/* What became of one packet. */
struct replay_verdict {
	u64 number; /* from 1 on, as Wireshark counts */
	u64 time;   /* µs since 1970 */
	u32 length;
	bool again;   /* it was held, and this is how it went on */
	bool assumed; /* that it came from its device: nothing in the capture says so */
	bool placed;  /* work.flow and work.place are set */
	u8 crossed;   /* the device that it goes to or came from; 0: none */
	struct work work;
};

struct replay_conversation {
	struct address client, server;
	be16 client_port, server_port;
	u8 protocol;
	struct device_set devices;
	u64 packets, bytes;
};

struct replay_options {
	const struct config *config; /* both must outlive the replay */
	const struct config_balancer *self;
	const u8 *secret;
	size_t secret_length;
	int port; /* PORT_..., or REPLAY_PORT_INFERRED */
	void (*visit)(void *user, const struct replay_verdict *v);
	void *user;
};

struct replay;

/* 0 or -errno. */
int replay_new(struct replay **out, const struct replay_options *options)
	__attribute__((warn_unused_result));
void replay_free(struct replay *r);

/* Takes the devices' MACs from ARP and ND; for a first pass, before replay_frame(). */
void replay_learn(struct replay *r, const struct offline_frame *frame);

/* Decides one packet; calls VISIT for it, and for held ones that it lets go on. */
void replay_frame(struct replay *r, const struct offline_frame *frame);

/* The end of the capture: what is still held goes on as it is. */
void replay_finish(struct replay *r);

u64 replay_packets(const struct replay *r);
const struct counters *replay_counters(const struct replay *r);

/* The conversations in the order in which they began. */
void replay_walk(struct replay *r, void (*visit)(void *user, const struct replay_conversation *c),
		 void *user);

#endif
