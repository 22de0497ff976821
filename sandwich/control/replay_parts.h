/* SPDX-License-Identifier: ISC */
/* Between the files of replay: which port a frame came by, and what belongs to one conversation. */
#ifndef SANDWICH_CONTROL_REPLAY_PARTS_H
#define SANDWICH_CONTROL_REPLAY_PARTS_H

#include "sandwich/control/replay.h"
#include "sandwich/slowpath/memory.h"

struct replay {
	struct replay_options options;
	struct memory *memory;
	struct tables tables;
	u64 packets;
	u32 now, swept_at; /* ms */
	bool swept;
	GQueue *held;
	GByteArray *copy;    /* a frame with another source MAC */
	GHashTable *openers; /* pair of addresses: the one on the uplink's side */
	GHashTable
		*conversations; /* flow, the same for both directions: struct replay_conversation */
	GPtrArray *order;       /* of them; owns them */
};

/* replay_ports.c */
void replay_ports_init(struct replay *r);
void replay_ports_fini(struct replay *r);

/* The MAC that stands for a device whose own the capture doesn't tell. */
struct mac replay_made_up(unsigned int device);
int replay_put_mac(struct replay *r, const struct mac *mac, u8 device, int vlan)
	__attribute__((warn_unused_result));

/* The port, and in *AS the device from which the frame is taken to have come though its MAC says
 * nothing. */
u8 replay_port(struct replay *r, const struct offline_frame *frame, u8 *as);

/* replay_flows.c */
void replay_conversations_init(struct replay *r);
void replay_converse(struct replay *r, const struct replay_verdict *v);

#endif
