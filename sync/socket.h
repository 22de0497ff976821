/* SPDX-License-Identifier: ISC */
/*
 * The paths that links go by: UDP sockets, one for each local endpoint, and frames that somebody
 * else sends (over the data LANs).
 *
 * Datagrams are written where they leave from, and go out in batches: those of one size to one peer
 * as one segmented message (UDP_SEGMENT), several messages with one call. They come in batches as
 * well (UDP_GRO, recvmmsg). Nothing is fragmented (DF); DSCP CS6.
 *
 * I/O. Thread: one at a time. Never blocks: a full socket shows as no room.
 */
#ifndef SYNC_SOCKET_H
#define SYNC_SOCKET_H

#include <sys/socket.h>

#include "sandwich/core/types.h"

struct sockets;

#define SOCKET_PATHS 8
#define SOCKET_PEERS 16

enum socket_kind { SOCKET_UDP, SOCKET_FRAME };

struct socket_path {
	enum socket_kind kind;
	struct sockaddr_storage local;		      /* SOCKET_UDP */
	struct sockaddr_storage remote[SOCKET_PEERS]; /* by peer; family 0: it has none */
};

struct socket_ops {
	/* A datagram, which may be written to until this returns. */
	void (*input)(void *user, u8 path, u8 *datagram, size_t length);
	/* To be sent to PEER as a frame by PATH, of kind SOCKET_FRAME. */
	void (*frame)(void *user, u32 peer, u8 path, const u8 *datagram, size_t length);
	void *user;
};

struct socket_setup {
	struct socket_path path[SOCKET_PATHS];
	u8 paths;
	struct socket_ops ops;
};

/*
 * 0 or -errno of the first path that can't be opened. An address need not be there yet (FREEBIND);
 * a port that is taken is an error.
 */
int socket_set_new(struct sockets **out, const struct socket_setup *setup)
	__attribute__((warn_unused_result));
void socket_set_free(struct sockets *s);

/* To be polled for reading, and for writing while socket_flush() says so; -1: frames. */
int socket_fd(const struct sockets *s, u8 path);

/* Room for SIZE bytes to PEER by PATH; NULL: the batch is full and the socket takes nothing, or
 * the peer has no address there. Until the next room() or flush() of the path. */
u8 *socket_room(struct sockets *s, u32 peer, u8 path, size_t size);

/* What room() gave last holds LENGTH bytes; they go with the next flush, or sooner. */
void socket_send(struct sockets *s, u32 peer, u8 path, size_t length);

/* Sends what waits. False: some still does, until the socket can be written to. */
bool socket_flush(struct sockets *s);

/* Takes what has come by PATH, up to some BUDGET datagrams. How many. */
u32 socket_receive(struct sockets *s, u8 path, u32 budget);

struct socket_counts {
	u64 sent, received; /* datagrams */
	u64 calls_out, calls_in;
	u64 failed;	    /* datagrams that the kernel would not send */
	u64 overflowed;	    /* that came and found the socket's buffer full */
	bool segments;	    /* UDP_SEGMENT is in use */
	u32 buffer;	    /* bytes of the socket's receive buffer */
};

void socket_read_counts(const struct sockets *s, u8 path, struct socket_counts *out);

#endif
