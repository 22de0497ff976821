// SPDX-License-Identifier: ISC
#include "sandwich/run/sync_lan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SYNC_LAN_TYPE 0x88b5 /* IEEE 802: local experiments */

static const u8 sync_lan_group[6] = {0x03, 0x73, 0x77, 0x00, 0x00, 0x01};

struct sync_lan {
	char *interface;
	int ifindex; /* that the socket is bound to */
	int fd;	     /* -1: the interface is away */
};

static void sync_lan_end(struct sync_lan *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->ifindex = 0;
}

/* The socket hears that type on that interface alone, and the group that we send to. */
static bool sync_lan_bind(struct sync_lan *l)
{
	struct packet_mreq group = {.mr_ifindex = l->ifindex, .mr_type = PACKET_MR_MULTICAST,
				    .mr_alen = sizeof(sync_lan_group)};
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(SYNC_LAN_TYPE),
				 .sll_ifindex = l->ifindex};

	memcpy(group.mr_address, sync_lan_group, sizeof(sync_lan_group));
	return !bind(l->fd, (struct sockaddr *)&at, sizeof(at)) &&
	       !setsockopt(l->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof(group));
}

/* An interface may have been replaced by another of its name. */
static void sync_lan_begin(struct sync_lan *l)
{
	int ifindex = (int)if_nametoindex(l->interface);

	if (l->fd >= 0 && ifindex == l->ifindex)
		return;
	sync_lan_end(l);
	l->ifindex = ifindex;
	if (!ifindex)
		return;
	l->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd >= 0 && !sync_lan_bind(l)) {
		g_debug("sync: %s: %s", l->interface, g_strerror(errno));
		sync_lan_end(l);
	}
}

struct sync_lan *sync_lan_open(const char *interface)
{
	struct sync_lan *l = g_new0(struct sync_lan, 1);

	l->interface = g_strdup(interface);
	l->fd = -1;
	sync_lan_begin(l);
	return l;
}

void sync_lan_close(struct sync_lan *l)
{
	if (!l)
		return;
	sync_lan_end(l);
	g_free(l->interface);
	g_free(l);
}

int sync_lan_fd(const struct sync_lan *l)
{
	return l->fd;
}

void sync_lan_send(struct sync_lan *l, const u8 *datagram, size_t length)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(SYNC_LAN_TYPE),
				 .sll_halen = sizeof(sync_lan_group)};
	u16 size = htons((u16)length);
	struct iovec parts[] = {{&size, sizeof(size)}, {(void *)(uintptr_t)datagram, length}};
	struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = parts,
				 .msg_iovlen = 2};

	memcpy(to.sll_addr, sync_lan_group, sizeof(sync_lan_group));
	sync_lan_begin(l);
	to.sll_ifindex = l->ifindex;
	if (l->fd >= 0 && sendmsg(l->fd, &message, 0) < 0 && errno == ENXIO)
		sync_lan_end(l);
}

/* Ethernet pads short frames: the length stands before the datagram. */
size_t sync_lan_receive(struct sync_lan *l, u8 *out, size_t size)
{
	u16 length;
	struct iovec parts[] = {{&length, sizeof(length)}, {out, size}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;

	if (l->fd < 0)
		return 0;
	do {
		n = recvmsg(l->fd, &message, 0);
		if (n < 0)
			return 0;
	} while (n < (ssize_t)sizeof(length) || ntohs(length) > (size_t)n - sizeof(length));
	return ntohs(length);
}
