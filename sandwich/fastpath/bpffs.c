// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/bpffs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *bpffs_root(void)
{
	const char *root = getenv(BPFFS_VARIABLE);

	return root && *root ? root : BPFFS_ROOT;
}

/* Its descriptor if it is mounted here, else -errno. */
static int bpffs_look(const char *root)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs where;

	if (fd < 0)
		return -errno;
	if (!fstatfs(fd, &where) && where.f_type == BPF_FS_MAGIC)
		return fd;
	close(fd);
	return -ENOENT;
}

/* The folder and those above it. */
static int bpffs_make_folder(const char *root)
{
	char folder[4096];

	if (strlen(root) >= sizeof(folder))
		return -ENAMETOOLONG;
	for (const char *at = strchr(root + 1, '/'); at; at = strchr(at + 1, '/')) {
		snprintf(folder, sizeof(folder), "%.*s", (int)(at - root), root);
		(void)mkdir(folder, 0755);
	}
	(void)mkdir(root, 0700);
	return 0;
}

/*
 * Its descriptor once it is mounted. Two daemons that start at the same time must not mount one
 * over the other, where the first would keep its tables out of everybody's sight: the folder below
 * is locked meanwhile.
 */
static int bpffs_mount(const char *root)
{
	int below, fd = bpffs_make_folder(root);

	if (fd)
		return fd;
	below = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (below < 0)
		return -errno;
	fd = flock(below, LOCK_EX) ? -errno : bpffs_look(root);
	if (fd == -ENOENT) {
		fd = mount("bpf", root, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700")
			     ? -errno
			     : bpffs_look(root);
	}
	close(below);
	return fd;
}

/* Into a mount namespace that outlives us. Where there is none to enter we stay in our own. */
static void bpffs_enter(pid_t parent)
{
	char path[64];
	int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)parent);
	if (fd < 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)setns(fd, CLONE_NEWNS);
	close(fd);
}

/* Tells FD, or the error, to the process at the other end. */
static void bpffs_tell(int socket, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	struct iovec word = {&fd, sizeof(fd)};
	struct msghdr message = {.msg_iov = &word, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	(void)!sendmsg(socket, &message, 0);
}

static int bpffs_hear(int socket)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	int fd = -EPIPE;
	struct iovec word = {&fd, sizeof(fd)};
	struct msghdr message = {.msg_iov = &word, .msg_iovlen = 1, .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *head;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < (ssize_t)sizeof(fd))
		return -EPIPE;
	head = CMSG_FIRSTHDR(&message);
	if (head && head->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

static void bpffs_child(int socket, pid_t parent, bool make)
{
	const char *root = bpffs_root();
	int fd;

	bpffs_enter(parent);
	fd = bpffs_look(root);
	if (fd < 0 && make)
		fd = bpffs_mount(root);
	bpffs_tell(socket, fd);
	_exit(0);
}

int bpffs_open(bool make)
{
	int pair[2], fd = bpffs_look(bpffs_root());
	pid_t parent = getppid(), child;

	if (fd >= 0)
		return fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	child = fork();
	if (!child)
		bpffs_child(pair[1], parent, make);
	close(pair[1]);
	fd = child < 0 ? -errno : bpffs_hear(pair[0]);
	close(pair[0]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}
