// SPDX-License-Identifier: ISC
/*
 * What a driver says of its XDP (generic netlink family `netdev`, since Linux 6.3).
 *
 * A veth takes redirected frames only when its other end polls: with GRO on, or a program of its
 * own there. That end may be in another namespace; the kernel tells it as a feature of this one.
 */
#include "sandwich/fastpath/features.h"

#include <errno.h>
#include <glib.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandwich/fastpath/fastpath.h"

/* linux/netdev.h, which older headers lack */
#define FEATURES_DEV_GET 1
#define FEATURES_IFINDEX 1
#define FEATURES_XDP 3
#define FEATURES_XDP_XMIT 4

struct features_answer {
	u16 family;
	bool known;
	u64 xdp;
};

static int features_attribute(const struct nlattr *attr, void *data)
{
	struct features_answer *answer = data;

	if (mnl_attr_get_type(attr) == FEATURES_XDP &&
	    mnl_attr_get_payload_len(attr) == sizeof(u64)) {
		answer->xdp = mnl_attr_get_u64(attr);
		answer->known = true;
	}
	return MNL_CB_OK;
}

static int features_family(const struct nlattr *attr, void *data)
{
	struct features_answer *answer = data;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
	    mnl_attr_get_payload_len(attr) == sizeof(u16))
		answer->family = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int features_message(const struct nlmsghdr *message, void *data)
{
	struct features_answer *answer = data;

	return mnl_attr_parse(message, sizeof(struct genlmsghdr),
			      answer->family ? features_attribute : features_family, answer);
}

/* One question and its answer; the caller has put the attributes into MESSAGE. */
static int features_ask(struct mnl_socket *socket, struct nlmsghdr *message,
			struct features_answer *answer)
{
	char buffer[8192];
	ssize_t n = mnl_socket_sendto(socket, message, message->nlmsg_len);

	if (n >= 0)
		n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	if (n >= 0)
		n = mnl_cb_run(buffer, (size_t)n, 0, 0, features_message, answer);
	return n < 0 ? -errno : 0;
}

static struct nlmsghdr *features_begin(void *buffer, u16 type, u8 command)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST;
	generic->cmd = command;
	generic->version = 1;
	return message;
}

static int features_query(struct mnl_socket *socket, u32 ifindex, struct features_answer *answer)
{
	char buffer[256];
	struct nlmsghdr *message = features_begin(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	int err;

	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, "netdev");
	err = features_ask(socket, message, answer);
	if (err || !answer->family)
		return err ? err : -ENOENT;
	message = features_begin(buffer, answer->family, FEATURES_DEV_GET);
	mnl_attr_put_u32(message, FEATURES_IFINDEX, ifindex);
	return features_ask(socket, message, answer);
}

/* False where the kernel doesn't tell. */
static bool features_read(const char *interface, u64 *xdp)
{
	struct mnl_socket *socket = mnl_socket_open(NETLINK_GENERIC);
	struct features_answer answer = {0};
	int err = -ENOTSUP;

	if (socket && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) >= 0)
		err = features_query(socket, if_nametoindex(interface), &answer);
	if (socket)
		mnl_socket_close(socket);
	*xdp = answer.xdp;
	return !err && answer.known;
}

/* False where the driver doesn't say its name. */
static bool features_driver(const char *interface, struct ethtool_drvinfo *info)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool known;

	if (fd < 0)
		return false;
	memset(info, 0, sizeof(*info));
	info->cmd = ETHTOOL_GDRVINFO;
	g_strlcpy(request.ifr_name, interface, sizeof(request.ifr_name));
	request.ifr_data = (void *)info;
	known = ioctl(fd, SIOCETHTOOL, &request) == 0;
	close(fd);
	return known;
}

static bool features_is_veth(const char *interface)
{
	struct ethtool_drvinfo info;

	return features_driver(interface, &info) && !strcmp(info.driver, "veth");
}

bool features_is_local(const char *interface)
{
	static const char *const drivers[] = {"veth", "tun", "virtio_net", "netkit"};
	struct ethtool_drvinfo info;

	if (!features_driver(interface, &info))
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++)
		if (!strcmp(info.driver, drivers[i]))
			return true;
	return false;
}

int fastpath_takes(const char *interface, enum fastpath_mode mode, char **why)
{
	u64 xdp;

	if (mode == FASTPATH_GENERIC && features_is_veth(interface)) {
		*why = g_strdup_printf("%s is a veth: its other end may leave frames larger than "
				       "the MTU to it, which generic XDP can't cut", interface);
		return -EOPNOTSUPP;
	}
	if (mode == FASTPATH_GENERIC || !features_read(interface, &xdp) || xdp & FEATURES_XDP_XMIT)
		return 0;
	*why = g_strdup_printf("%s can't take redirected frames%s", interface,
			       features_is_veth(interface)
				       ? ": turn GRO on at its other end while that is "
					 "up (ethtool -K PEER gro on)"
				       : ": its driver lacks it");
	return -EOPNOTSUPP;
}
