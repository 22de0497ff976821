/* SPDX-License-Identifier: ISC */
/*
 * Answers for the balancer's own addresses: ARP, neighbour discovery and echo, from the virtual
 * MAC; and announces them (gratuitous ARP, unsolicited NA) at start and when told. Frames are built
 * with libnet.
 *
 * Sans-I/O: frames in, frames out through a callback. Thread: main.
 */
#ifndef SANDWICH_SLOWPATH_ANSWER_H
#define SANDWICH_SLOWPATH_ANSWER_H

#include "sandwich/core/settings.h"
#include "sandwich/slowpath/pump.h"

/* One address that we answer for. */
struct answer_address {
	struct address address;
	u8 length;    /* prefix length (of 128; IPv4 is 96 + n): on-link destinations */
	bool farm;    /* on farm ports; else on the uplink */
	bool cluster; /* a cluster address: ARP, ND, echo only */
	u16 vlan;     /* VLAN_KEEP: on any; else the one tag, VLAN_NONE: untagged */
};

struct answer_ops {
	void (*send)(void *user, u8 port, const void *frame, size_t length);
	/* ARP and ND that is no question to us: for the resolver. */
	void (*neighbour)(void *user, const struct slow_frame *frame);
	/* An echo reply, or a UDP datagram to one of our addresses: for health. */
	void (*local)(void *user, const struct slow_frame *frame);
	void *user;
};

struct answer;

struct answer *answer_new(const struct answer_ops *ops, const struct mac mac[2], u8 ports);
void answer_free(struct answer *a);

/* Replaces the addresses; announces those that are new. */
void answer_set(struct answer *a, const struct answer_address *addresses, unsigned int n);
void answer_walk(struct answer *a, void (*visit)(void *user, const struct answer_address *address),
		 void *user);

/*
 * Our address to speak from toward TARGET on that port (an on-link one if there is one); false:
 * none of that family.
 */
bool answer_source(struct answer *a, u8 port, const struct address *target, struct address *source);

/* Frames with reasons LOCAL_ARP, LOCAL_ND and LOCAL_IP. Any bytes. */
void answer_input(struct answer *a, const struct slow_frame *frame);

/* Gratuitous ARP and unsolicited NA for every address, on all its ports. */
void answer_announce(struct answer *a);

/* A standby answers nobody and announces nothing: its twin does. What it hears still teaches. */
void answer_mute(struct answer *a, bool mute);

#endif
