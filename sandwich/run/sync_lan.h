/* SPDX-License-Identifier: ISC */
/*
 * Sync datagrams over the data LANs: between twins, so that each sees whether the other lives where
 * it matters.
 *
 * Ethernet frames of the local experimental type 0x88b5 (IEEE 802) to a group address of our own,
 * from the port's own MAC, never the virtual one: no switch learns anything wrong by them. The data
 * path leaves them to the kernel (reason `group`), where a packet socket takes them.
 *
 * Thread: the follower's, but for open and close.
 */
#ifndef SANDWICH_RUN_SYNC_LAN_H
#define SANDWICH_RUN_SYNC_LAN_H

#include "sandwich/core/types.h"

struct sync_lan;

/* On the interface of that name, which need not be there now. Never NULL. */
struct sync_lan *sync_lan_open(const char *interface);
void sync_lan_close(struct sync_lan *l);

/* To be polled for reading; -1 while the interface is away. It is looked for again when sent by. */
int sync_lan_fd(const struct sync_lan *l);

/* What can't be sent is dropped: heartbeats come again. */
void sync_lan_send(struct sync_lan *l, const u8 *datagram, size_t length);

/* The next datagram that has come, into OUT of SIZE bytes; its length, 0: no more. */
size_t sync_lan_receive(struct sync_lan *l, u8 *out, size_t size);

#endif
