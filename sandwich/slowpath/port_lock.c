// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/port_lock.h"

#include <errno.h>
#include <glib.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t port_lock_name(struct sockaddr_un *where, int ifindex)
{
	int n = g_snprintf(where->sun_path + 1, sizeof(where->sun_path) - 1, "sandwich/%d",
			   ifindex);

	where->sun_family = AF_UNIX;
	where->sun_path[0] = 0; /* abstract: no file, and no zero at its end */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static int port_lock_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* The process that has it; 0: it can't be told, as from another PID namespace. */
static pid_t port_lock_owner(const struct sockaddr_un *where, socklen_t length)
{
	struct ucred owner = {0};
	socklen_t size = sizeof(owner);
	int fd = port_lock_socket();

	if (fd < 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)where, length) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &size))
		owner.pid = 0;
	close(fd);
	return owner.pid;
}

static int port_lock_fail(int error, const char *name, const struct sockaddr_un *where,
			  socklen_t length, char **why)
{
	pid_t owner;

	if (error != EADDRINUSE) {
		*why = g_strdup_printf("can't lock port %s: %s", name, g_strerror(error));
		return -error;
	}
	owner = port_lock_owner(where, length);
	*why = owner > 0 ? g_strdup_printf("port %s is in use by another sandwich daemon "
					   "(process %d); stop it first",
					   name, (int)owner)
			 : g_strdup_printf("port %s is in use by another sandwich daemon; "
					   "stop it first",
					   name);
	return -EBUSY;
}

int port_lock_take(int ifindex, const char *name, char **why)
{
	struct sockaddr_un where = {0};
	socklen_t length = port_lock_name(&where, ifindex);
	int rc, fd = port_lock_socket();

	if (fd < 0)
		return port_lock_fail(-fd, name, &where, length, why);
	/* It listens so that others can ask who has it; nobody is ever let in. */
	if (!bind(fd, (const struct sockaddr *)&where, length) && !listen(fd, 1))
		return fd;
	rc = port_lock_fail(errno, name, &where, length, why);
	close(fd);
	return rc;
}
