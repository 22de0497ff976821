/* SPDX-License-Identifier: ISC */
/*
 * A port: one network interface that the balancer receives from and sends by.
 *
 * In: libpcap, in immediate mode, promiscuous, incoming frames only. Out: a packet socket of its
 * own that skips the queueing discipline and takes a batch a system call. While a port is open, the
 * interface's receive offloads that make super-frames are off; they are put back when it closes.
 *
 * Thread: open and close on the main thread; port_receive() on the data thread; port_send() on
 * any (the main thread sends ARP and the like).
 */
#ifndef SANDWICH_SLOWPATH_PORT_H
#define SANDWICH_SLOWPATH_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include "sandwich/core/types.h"

#define PORT_FRAME_MAX (9216 + 14 + 8) /* bytes: a jumbo frame with two tags */

struct port;

/*
 * Called once for each received frame; DATA is valid until it returns. WIRE: its length on the
 * wire.
 */
typedef void (*port_receiver)(void *user, const u8 *data, u32 captured, u32 wire);

/*
 * INDEX: PORT_UPLINK or a farm port's. On failure -errno, and *WHY (g_free() it) says what to do.
 */
int port_open(struct port **out, const char *interface, u8 index, char **why)
	__attribute__((warn_unused_result));

/* The same for a port that the fast path receives from: nothing is captured. */
int port_open_sender(struct port **out, const char *interface, u8 index, char **why)
	__attribute__((warn_unused_result));
void port_close(struct port *p);

const char *port_name(const struct port *p);
u8 port_index(const struct port *p);
int port_ifindex(const struct port *p);
unsigned int port_mtu(const struct port *p);
const struct mac *port_mac(const struct port *p); /* the interface's own, the kernel's */
bool port_carrier(const struct port *p);	  /* as last seen by port_refresh() */

/*
 * Reads MTU, MAC and carrier anew (the main thread, upon netlink news). 0, or -errno. -ESTALE: the
 * port must be closed and then opened again (pump_replace_port() with NULL first), since frames may
 * come now that are larger than its ring has room for.
 */
int port_refresh(struct port *p);

/* What became of the interface: 0 it is up, -ENETDOWN down, -ENODEV gone. Any thread. */
int port_probe(const struct port *p);

/*
 * Frames larger than the MTU come in, though the offloads are off: the peer of a veth leaves it to
 * us to segment them. Makes it do so itself, until the port is closed. 0 or -errno. Main thread.
 */
int port_refuse_super_frames(struct port *p);

/* To poll for input; -1: a sender has none. */
int port_fd(const struct port *p);

/*
 * Hands at most BUDGET frames to RECEIVER. How many it were, or -errno (-ENETDOWN: the interface
 * went away).
 */
int port_receive(struct port *p, int budget, port_receiver receiver, void *user);

/* Sends one frame now. 0, -EMSGSIZE, or another -errno. */
int port_send(struct port *p, const void *frame, size_t length);

/* Sends the first of COUNT messages, one frame each. How many it were, or -errno of the first. */
struct mmsghdr;
int port_send_batch(struct port *p, struct mmsghdr *messages, unsigned int count);

/* Frames the kernel dropped before libpcap saw them, since the port was opened. */
u64 port_missed(struct port *p);

#endif
