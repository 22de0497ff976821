// SPDX-License-Identifier: ISC
/* The paths between balancers: UDP by the configured endpoints, and the data LANs between twins. */
#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sandwich/run/sync_lan.h"
#include "sandwich/run/sync_parts.h"

#define SYNC_BATCH 256 /* datagrams of a path before the others have their turn */
#define SYNC_SENDER 8  /* where a datagram names its sender (sync/seal.h) */

static bool sync_endpoint(const char *text, struct sockaddr_storage *out)
{
	const char *colon = strrchr(text, ':');
	char *address = g_strndup(text, colon ? (gsize)(colon - text) : 0);
	GSocketAddress *parsed;
	bool done;

	g_strdelimit(address, "[]", ' ');
	parsed = g_inet_socket_address_new_from_string(g_strstrip(address),
						       colon ? (guint)atoi(colon + 1) : 0);
	done = parsed && g_socket_address_to_native(parsed, out, sizeof(*out), NULL);
	g_clear_object(&parsed);
	g_free(address);
	return done;
}

u8 sync_paths_count(const struct sync_box *box)
{
	return (u8)(box->paths + (box->relation == SYNC_PEER ? SYNC_LANS : 0));
}

/* Which of our LANs a path of the box is; SYNC_LANS: none, it is UDP. */
static u8 sync_lan_of(const struct sync_box *box, u8 path)
{
	return path < box->paths ? SYNC_LANS : (u8)(path - box->paths);
}

/* --- out ------------------------------------------------------------------------------------ */

u8 *sync_paths_room(void *user, u8 path, size_t size)
{
	struct sync_box *box = user;
	struct sync *s = box->sync;

	if (sync_lan_of(box, path) == SYNC_LANS)
		return socket_room(s->sockets, box->place, path, size);
	return size <= sizeof(s->frame) ? s->frame : NULL;
}

void sync_paths_send(void *user, u8 path, u8 *datagram, size_t length)
{
	struct sync_box *box = user;
	u8 lan = sync_lan_of(box, path);

	if (lan == SYNC_LANS)
		socket_send(box->sync->sockets, box->place, path, length);
	else
		sync_lan_send(box->sync->lans[lan], datagram, length);
}

void sync_paths_flush(struct sync *s)
{
	if (s->sockets)
		(void)socket_flush(s->sockets); /* what is left goes with the next turn */
}

/* --- in ------------------------------------------------------------------------------------- */

/* Whose it is, as it says itself: its link finds out whether that is true. */
static struct sync_box *sync_sender(struct sync *s, const u8 *datagram, size_t length)
{
	u32 sender = 0;

	if (length < SYNC_SENDER + 4)
		return NULL;
	for (int i = 0; i < 4; i++)
		sender = sender << 8 | datagram[SYNC_SENDER + i];
	for (unsigned int i = 0; i < s->count; i++)
		if (s->boxes[i].number == sender)
			return &s->boxes[i];
	return NULL;
}

static void sync_input(void *user, u8 path, u8 *datagram, size_t length)
{
	struct sync *s = user;
	struct sync_box *box = sync_sender(s, datagram, length);

	if (box && path < box->paths)
		link_input(box->link, path, datagram, length, (u64)g_get_monotonic_time());
	else
		s->strangers++;
}

static void sync_receive_lan(struct sync *s, u8 lan)
{
	size_t length;

	for (int i = 0; i < SYNC_BATCH; i++) {
		struct sync_box *box;

		length = sync_lan_receive(s->lans[lan], s->frame, sizeof(s->frame));
		if (!length)
			return;
		box = sync_sender(s, s->frame, length);
		if (box && box->relation == SYNC_PEER)
			link_input(box->link, (u8)(box->paths + lan), s->frame, length,
				   (u64)g_get_monotonic_time());
		else
			s->strangers++;
	}
}

void sync_paths_receive(struct sync *s)
{
	u64 rung;

	if (read(s->bell, &rung, sizeof(rung)) < 0 && errno != EAGAIN)
		g_warning("sync: %s", g_strerror(errno));
	for (u8 path = 0; path < s->paths; path++)
		while (socket_receive(s->sockets, path, SYNC_BATCH) == SYNC_BATCH)
			;
	for (u8 lan = 0; lan < SYNC_LANS; lan++)
		if (s->lans[lan])
			sync_receive_lan(s, lan);
}

/* --- life ----------------------------------------------------------------------------------- */

static void sync_watch(struct sync *s, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (fd >= 0 && epoll_ctl(s->poll, EPOLL_CTL_ADD, fd, &event) && errno != EEXIST)
		g_warning("sync: %s", g_strerror(errno));
}

static void sync_remotes(const struct sync *s, u8 path, struct socket_path *out)
{
	for (unsigned int i = 0; i < s->count; i++) {
		const struct sync_box *box = &s->boxes[i];

		if (path < box->paths)
			sync_endpoint(box->conf->sync->pdata[path], &out->remote[box->place]);
	}
}

static int sync_open_udp(struct sync *s, char **why)
{
	const struct config_balancer *self = s->b->self;
	struct socket_setup setup = {.ops = {.input = sync_input, .user = s}};
	int rc;

	for (unsigned int i = 0; i < s->count; i++)
		s->paths = MAX(s->paths, s->boxes[i].paths);
	for (u8 path = 0; path < s->paths; path++) {
		setup.path[path].kind = SOCKET_UDP;
		if (!sync_endpoint(self->sync->pdata[path], &setup.path[path].local))
			return -EINVAL;
		sync_remotes(s, path, &setup.path[path]);
	}
	setup.paths = s->paths;
	rc = socket_set_new(&s->sockets, &setup);
	if (rc)
		*why = g_strdup_printf("sync: can't open %s: %s", (char *)self->sync->pdata[0],
				       g_strerror(-rc));
	for (u8 path = 0; path < s->paths && !rc; path++)
		sync_watch(s, socket_fd(s->sockets, path));
	return rc;
}

/* The twin is on our LANs; a partner is beyond the farm. */
static void sync_open_lans(struct sync *s)
{
	const struct config_balancer *self = s->b->self;

	if (s->alone)
		return;
	s->lans[0] = sync_lan_open(self->uplink);
	s->lans[1] = sync_lan_open(g_ptr_array_index(self->farm, 0));
	for (u8 lan = 0; lan < SYNC_LANS; lan++)
		sync_watch(s, sync_lan_fd(s->lans[lan]));
}

int sync_paths_open(struct sync *s, char **why)
{
	int rc = 0;

	s->poll = epoll_create1(EPOLL_CLOEXEC);
	s->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->poll < 0 || s->bell < 0)
		return -errno;
	sync_watch(s, s->bell);
	if (s->count)
		rc = sync_open_udp(s, why);
	if (!rc)
		sync_open_lans(s);
	return rc;
}

void sync_paths_close(struct sync *s)
{
	socket_set_free(s->sockets);
	for (u8 lan = 0; lan < SYNC_LANS; lan++)
		sync_lan_close(s->lans[lan]);
	if (s->bell >= 0)
		close(s->bell);
	if (s->poll >= 0)
		close(s->poll);
}
