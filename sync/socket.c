/* SPDX-License-Identifier: ISC */
/* UDP sockets in batches: udp(7), Documentation/networking/segmentation-offloads.rst. */
#include "sync/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define SOCKET_BUFFER (32 << 20) /* bytes: a peer's whole credit, with what the kernel adds */
#define SOCKET_BATCH (512 << 10) /* bytes to be sent with one call, at most, */
#define SOCKET_MESSAGES 64	 /* in so many messages */
#define SOCKET_SEGMENTS 64	 /* datagrams of one message (UDP_MAX_SEGMENTS of older kernels) */
#define SOCKET_MESSAGE 65507	 /* bytes of one message */
#define SOCKET_INPUTS 16	 /* messages received with one call */
#define SOCKET_INPUT 65536
#define SOCKET_CS6 0xc0 /* RFC 4594: network control */

/* Datagrams to one peer that lie behind each other, all of one size but the last. */
struct socket_message {
	u32 peer;
	u32 start, length; /* in the batch */
	u32 segment;	   /* size of the first, and of all but the last */
	u32 count;
	bool closed; /* the last one was shorter */
};

struct socket_control {
	alignas(struct cmsghdr) u8 bytes[CMSG_SPACE(sizeof(u32)) + CMSG_SPACE(sizeof(int))];
};

struct socket_way {
	int fd;
	u8 *batch;
	u32 used;
	struct socket_message messages[SOCKET_MESSAGES];
	u32 count;
	u32 overflow; /* as the kernel counts it */
	struct socket_counts counts;
};

struct sockets {
	struct socket_setup setup;
	struct socket_way ways[SOCKET_PATHS];
	u8 *input; /* SOCKET_INPUTS times SOCKET_INPUT */
};

static socklen_t socket_length(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static int socket_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

/* Beyond the system's limit where we may. */
static void socket_set_buffers(int fd)
{
	if (socket_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER))
		(void)socket_set(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
	if (socket_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER))
		(void)socket_set(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
}

/* DF in any case; what ICMP says of the path's MTU may be forged, so it is not believed. */
static int socket_set_family(int fd, int family)
{
	int error;

	if (family == AF_INET6) {
		error = socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		error = error ? error : socket_set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
		error = error ? error : socket_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
						   IPV6_PMTUDISC_PROBE);
		return error ? error : socket_set(fd, IPPROTO_IPV6, IPV6_TCLASS, SOCKET_CS6);
	}
	error = socket_set(fd, IPPROTO_IP, IP_FREEBIND, 1);
	error = error ? error : socket_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	return error ? error : socket_set(fd, IPPROTO_IP, IP_TOS, SOCKET_CS6);
}

static int socket_prepare(struct socket_way *w, const struct sockaddr_storage *local)
{
	socklen_t size = sizeof(w->counts.buffer);
	int error = socket_set_family(w->fd, local->ss_family);

	if (error)
		return error;
	socket_set_buffers(w->fd);
	(void)getsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &w->counts.buffer, &size);
	(void)socket_set(w->fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	(void)socket_set(w->fd, IPPROTO_UDP, UDP_GRO, 1);
	/* known to this kernel; whether the device can is seen when something is sent */
	w->counts.segments = !socket_set(w->fd, IPPROTO_UDP, UDP_SEGMENT, 0);
	if (bind(w->fd, (const struct sockaddr *)local, socket_length(local)))
		return -errno;
	return 0;
}

static int socket_way_open(struct socket_way *w, const struct socket_path *path)
{
	w->batch = malloc(SOCKET_BATCH);
	if (!w->batch)
		return -ENOMEM;
	if (path->kind == SOCKET_FRAME)
		return 0;
	w->fd = socket(path->local.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return w->fd < 0 ? -errno : socket_prepare(w, &path->local);
}

int socket_set_new(struct sockets **out, const struct socket_setup *setup)
{
	struct sockets *s = calloc(1, sizeof(*s));
	int error = 0;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->setup = *setup;
	for (int i = 0; i < SOCKET_PATHS; i++)
		s->ways[i].fd = -1;
	s->input = malloc((size_t)SOCKET_INPUTS * SOCKET_INPUT);
	if (!s->input)
		error = -ENOMEM;
	for (u8 i = 0; i < setup->paths && !error; i++)
		error = socket_way_open(&s->ways[i], &setup->path[i]);
	if (error) {
		socket_set_free(s);
		return error;
	}
	*out = s;
	return 0;
}

void socket_set_free(struct sockets *s)
{
	if (!s)
		return;
	for (int i = 0; i < SOCKET_PATHS; i++) {
		if (s->ways[i].fd >= 0)
			close(s->ways[i].fd);
		free(s->ways[i].batch);
	}
	free(s->input);
	free(s);
}

int socket_fd(const struct sockets *s, u8 path)
{
	return s->ways[path].fd;
}

/* The message that a datagram of LENGTH bytes behind all others belongs to; NULL: a new one. */
static struct socket_message *socket_joins(struct socket_way *w, u32 peer, size_t length)
{
	struct socket_message *m = w->count ? &w->messages[w->count - 1] : NULL;

	if (!m || !w->counts.segments || m->peer != peer || m->closed || length > m->segment ||
	    m->count >= SOCKET_SEGMENTS || m->length + length > SOCKET_MESSAGE)
		return NULL;
	return m;
}

void socket_send(struct sockets *s, u32 peer, u8 path, size_t length)
{
	struct socket_way *w = &s->ways[path];
	struct socket_message *m = socket_joins(w, peer, length);

	if (s->setup.path[path].kind == SOCKET_FRAME) {
		w->counts.sent++;
		s->setup.ops.frame(s->setup.ops.user, peer, path, w->batch, length);
		return;
	}
	if (!m) {
		m = &w->messages[w->count++];
		*m = (struct socket_message){ .peer = peer, .start = w->used,
					      .segment = (u32)length };
	}
	m->closed = length < m->segment;
	m->length += (u32)length;
	m->count++;
	w->used += (u32)length;
}

static void socket_segment(struct msghdr *h, struct socket_control *control, u16 size)
{
	struct cmsghdr *c;

	h->msg_control = control;
	h->msg_controllen = CMSG_SPACE(sizeof(size));
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
}

/* Hands over the messages from FIRST on. How many were taken, or -errno of the first. */
static int socket_hand_over(struct sockets *s, u8 path, u32 first)
{
	struct socket_control controls[SOCKET_MESSAGES];
	struct mmsghdr headers[SOCKET_MESSAGES];
	struct iovec parts[SOCKET_MESSAGES];
	struct socket_way *w = &s->ways[path];
	u32 count = w->count - first;
	int taken;

	memset(headers, 0, count * sizeof(headers[0]));
	for (u32 i = 0; i < count; i++) {
		struct socket_message *m = &w->messages[first + i];
		struct sockaddr_storage *to = &s->setup.path[path].remote[m->peer];

		parts[i] = (struct iovec){ w->batch + m->start, m->length };
		headers[i].msg_hdr = (struct msghdr){
			.msg_name = to,
			.msg_namelen = socket_length(to),
			.msg_iov = &parts[i],
			.msg_iovlen = 1,
		};
		if (m->count > 1)
			socket_segment(&headers[i].msg_hdr, &controls[i], (u16)m->segment);
	}
	w->counts.calls_out++;
	taken = sendmmsg(w->fd, headers, count, 0);
	return taken < 0 ? -errno : taken;
}

/* Datagrams of a message, one by one: for a device that can't cut them. 0, or -EAGAIN. */
static int socket_send_singly(struct sockets *s, u8 path, struct socket_message *m)
{
	struct sockaddr_storage *to = &s->setup.path[path].remote[m->peer];
	struct socket_way *w = &s->ways[path];

	while (m->count) {
		u32 length = m->length < m->segment ? m->length : m->segment;
		ssize_t sent = sendto(w->fd, w->batch + m->start, length, 0,
				      (const struct sockaddr *)to, socket_length(to));

		if (sent < 0 && errno == EAGAIN)
			return -EAGAIN;
		*(sent < 0 ? &w->counts.failed : &w->counts.sent) += 1;
		m->start += length;
		m->length -= length;
		m->count--;
	}
	return 0;
}

/* What the kernel would not take for ERROR. False: it is to wait. */
static bool socket_refused(struct sockets *s, u8 path, struct socket_message *m, int error)
{
	struct socket_way *w = &s->ways[path];

	if (error == -EAGAIN || error == -ENOBUFS || error == -EINTR)
		return false;
	if (m->count > 1) {
		/* EIO: no checksum offload; EINVAL, EMSGSIZE: segments that do not fit the MTU */
		if (error == -EIO || error == -EINVAL)
			w->counts.segments = false;
		return !socket_send_singly(s, path, m);
	}
	w->counts.failed++;
	return true;
}

/* Keeps what is left from FIRST on, in front. */
static void socket_keep(struct socket_way *w, u32 first)
{
	u32 start = first < w->count ? w->messages[first].start : w->used;

	if (!first)
		return;
	memmove(w->batch, w->batch + start, w->used - start);
	memmove(w->messages, w->messages + first, (w->count - first) * sizeof(w->messages[0]));
	w->used -= start;
	w->count -= first;
	for (u32 i = 0; i < w->count; i++)
		w->messages[i].start -= start;
}

static bool socket_flush_way(struct sockets *s, u8 path)
{
	struct socket_way *w = &s->ways[path];
	u32 gone = 0;

	while (gone < w->count) {
		int taken = socket_hand_over(s, path, gone);

		for (int i = 0; i < taken; i++)
			w->counts.sent += w->messages[gone + (u32)i].count;
		if (taken > 0)
			gone += (u32)taken;
		else if (socket_refused(s, path, &w->messages[gone], taken))
			gone++;
		else
			break;
	}
	socket_keep(w, gone);
	return !w->count;
}

bool socket_flush(struct sockets *s)
{
	bool all = true;

	for (u8 i = 0; i < s->setup.paths; i++)
		all &= s->ways[i].fd < 0 || socket_flush_way(s, i);
	return all;
}

static bool socket_fits(const struct socket_way *w, size_t size)
{
	return w->count < SOCKET_MESSAGES && w->used + size <= SOCKET_BATCH;
}

u8 *socket_room(struct sockets *s, u32 peer, u8 path, size_t size)
{
	struct socket_way *w = &s->ways[path];

	if (s->setup.path[path].kind == SOCKET_FRAME)
		return w->batch;
	if (!s->setup.path[path].remote[peer].ss_family)
		return NULL;
	if (!socket_fits(w, size))
		(void)socket_flush_way(s, path);
	return socket_fits(w, size) ? w->batch + w->used : NULL;
}

/* The size of the datagrams that a message was made of; what was lost before it. */
static u32 socket_controls(struct socket_way *w, struct msghdr *h, u32 length)
{
	u32 segment = length, overflow;
	int size;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			segment = size > 0 ? (u32)size : length;
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(&overflow, CMSG_DATA(c), sizeof(overflow));
			w->counts.overflowed += overflow - w->overflow;
			w->overflow = overflow;
		}
	}
	return segment;
}

static u32 socket_split(struct sockets *s, u8 path, u8 *at, u32 length, u32 segment)
{
	u32 count = 0;

	for (u32 size; length; length -= size, at += size, count++) {
		size = segment < length ? segment : length;
		s->setup.ops.input(s->setup.ops.user, path, at, size);
	}
	s->ways[path].counts.received += count;
	return count;
}

/* What one call takes: messages, of as many datagrams as they were made of. */
static int socket_take(struct sockets *s, u8 path, u32 *datagrams)
{
	struct socket_control controls[SOCKET_INPUTS];
	struct mmsghdr headers[SOCKET_INPUTS];
	struct iovec parts[SOCKET_INPUTS];
	struct socket_way *w = &s->ways[path];
	int taken;

	memset(headers, 0, sizeof(headers));
	for (u32 i = 0; i < SOCKET_INPUTS; i++) {
		parts[i] = (struct iovec){ s->input + (size_t)i * SOCKET_INPUT, SOCKET_INPUT };
		headers[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1,
						      .msg_control = &controls[i],
						      .msg_controllen = sizeof(controls[i]) };
	}
	w->counts.calls_in++;
	taken = recvmmsg(w->fd, headers, SOCKET_INPUTS, MSG_DONTWAIT, NULL);
	for (int i = 0; i < taken; i++) {
		u32 length = headers[i].msg_len;
		u32 segment = socket_controls(w, &headers[i].msg_hdr, length);

		*datagrams += socket_split(s, path, parts[i].iov_base, length, segment);
	}
	return taken;
}

u32 socket_receive(struct sockets *s, u8 path, u32 budget)
{
	u32 datagrams = 0;

	if (s->ways[path].fd < 0)
		return 0;
	while (datagrams < budget && socket_take(s, path, &datagrams) == SOCKET_INPUTS)
		;
	return datagrams;
}

void socket_read_counts(const struct sockets *s, u8 path, struct socket_counts *out)
{
	*out = s->ways[path].counts;
}
