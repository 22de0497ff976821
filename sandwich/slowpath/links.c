// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/links.h"

#include <errno.h>
#include <glib-unix.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

struct links {
	struct mnl_socket *news;
	guint source;
	void (*changed)(void *user);
	void *user;
};

/* Everything that waits is one piece of news. */
static gboolean links_read(gint fd, GIOCondition condition, gpointer user)
{
	char message[8192];
	struct links *l = user;

	(void)condition;
	while (recv(fd, message, sizeof(message), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		errno = 0;
	l->changed(l->user);
	return G_SOURCE_CONTINUE;
}

int links_open(struct links **out, void (*changed)(void *user), void *user)
{
	struct links *l = g_new0(struct links, 1);
	int error;

	l->changed = changed;
	l->user = user;
	l->news = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!l->news || mnl_socket_bind(l->news, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		links_close(l);
		return error;
	}
	l->source = g_unix_fd_add_full(G_PRIORITY_HIGH, mnl_socket_get_fd(l->news), G_IO_IN,
				       links_read, l, NULL);
	*out = l;
	return 0;
}

void links_close(struct links *l)
{
	if (!l)
		return;
	if (l->source)
		g_source_remove(l->source);
	if (l->news)
		mnl_socket_close(l->news);
	g_free(l);
}
