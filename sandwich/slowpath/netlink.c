// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/netlink.h"

#include <errno.h>
#include <glib-unix.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sandwich/core/tables.h"

#define NETLINK_BUFFER   65536
#define NETLINK_RECEIVE  (1 << 20) /* bytes of news the kernel may keep for us */
#define NETLINK_MESSAGES 64        /* read at once, before the loop goes on */

struct netlink {
	struct netlink_ops ops;
	int ifindex;
	struct mnl_socket *news;
	guint source, settle; /* GLib's */
	GArray *routes;       /* struct netlink_route, while the table is read */
	u32 sequence;
};

/* The attributes of a route or neighbour message. */
struct netlink_attributes {
	const struct nlattr *at[RTA_MAX + 1];
	unsigned int max;
};

/* The next hop chosen of a route. */
struct netlink_hop {
	bool found, has_via;
	int weight;
	struct address via;
};

static int netlink_attribute(const struct nlattr *attr, void *user)
{
	struct netlink_attributes *all = user;
	u16 type = mnl_attr_get_type(attr);

	if (type <= all->max)
		all->at[type] = attr;
	return MNL_CB_OK;
}

/* An address of FAMILY, if BYTES of it are there. */
static bool netlink_bytes(u8 family, const void *from, unsigned int bytes, struct address *out)
{
	be32 v4;

	if (family == AF_INET && bytes == 4) {
		memcpy(&v4, from, 4);
		address_from_v4(out, v4);
		return true;
	}
	if (family != AF_INET6 || bytes != 16)
		return false;
	memcpy(out, from, 16);
	return true;
}

static bool netlink_address(u8 family, const struct nlattr *attr, struct address *out)
{
	return netlink_bytes(family, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr),
			     out);
}

static bool netlink_u32(const struct nlattr *attr, u32 *out)
{
	if (!attr || mnl_attr_get_payload_len(attr) < sizeof(u32))
		return false;
	*out = mnl_attr_get_u32(attr);
	return true;
}

/*
 * RTA_GATEWAY, or RTA_VIA: a gateway of the other family (RFC 8950). False: one that can't be read.
 */
static bool netlink_gateway(u8 family, const struct netlink_attributes *all,
			    struct netlink_hop *hop)
{
	const struct nlattr *via = all->at[RTA_VIA];
	const struct rtvia *value;

	if (all->at[RTA_GATEWAY]) {
		hop->has_via = true;
		return netlink_address(family, all->at[RTA_GATEWAY], &hop->via);
	}
	if (!via)
		return true;
	value = mnl_attr_get_payload(via);
	if (mnl_attr_get_payload_len(via) < sizeof(*value))
		return false;
	hop->has_via = true;
	return netlink_bytes((u8)value->rtvia_family, value->rtvia_addr,
			     mnl_attr_get_payload_len(via) - (unsigned int)sizeof(*value),
			     &hop->via);
}

static void netlink_one_of_many(const struct netlink *n, u8 family, const struct rtnexthop *next,
				struct netlink_hop *best)
{
	struct netlink_attributes all = {.max = RTA_MAX};
	struct netlink_hop hop = {.found = true, .weight = next->rtnh_hops};

	if (next->rtnh_ifindex != n->ifindex || next->rtnh_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN))
		return;
	if (best->found && best->weight >= hop.weight)
		return;
	mnl_attr_parse_payload((const u8 *)next + RTNH_LENGTH(0), next->rtnh_len - RTNH_LENGTH(0),
			       netlink_attribute, &all);
	if (netlink_gateway(family, &all, &hop))
		*best = hop;
}

static void netlink_multipath(const struct netlink *n, u8 family, const struct nlattr *attr,
			      struct netlink_hop *best)
{
	const struct rtnexthop *next = mnl_attr_get_payload(attr);
	int left = mnl_attr_get_payload_len(attr);

	while (left >= (int)sizeof(*next) && next->rtnh_len >= sizeof(*next) &&
	       next->rtnh_len <= left) {
		netlink_one_of_many(n, family, next, best);
		left -= (int)RTNH_ALIGN(next->rtnh_len);
		next = (const struct rtnexthop *)((const u8 *)next + RTNH_ALIGN(next->rtnh_len));
	}
}

/* The way over our interface, if the route has one. */
static void netlink_way(const struct netlink *n, u8 family, const struct netlink_attributes *all,
			struct netlink_hop *hop)
{
	u32 oif;

	if (all->at[RTA_MULTIPATH]) {
		netlink_multipath(n, family, all->at[RTA_MULTIPATH], hop);
		return;
	}
	if (netlink_u32(all->at[RTA_OIF], &oif) && (int)oif == n->ifindex)
		hop->found = netlink_gateway(family, all, hop);
}

static bool netlink_refuses(u8 type)
{
	return type == RTN_BLACKHOLE || type == RTN_UNREACHABLE || type == RTN_PROHIBIT;
}

/* What lies behind the route, seen from our interface; ROUTE_NONE: it is not our affair. */
static u8 netlink_kind(const struct netlink *n, const struct rtmsg *rt,
		       const struct netlink_attributes *all, struct address *via)
{
	struct netlink_hop hop = {0};

	if (netlink_refuses(rt->rtm_type))
		return ROUTE_BLACKHOLE;
	if (rt->rtm_type != RTN_UNICAST)
		return ROUTE_NONE;
	netlink_way(n, rt->rtm_family, all, &hop);
	*via = hop.via;
	if (!hop.found)
		return ROUTE_NONE;
	return hop.has_via ? ROUTE_VIA : ROUTE_ON_LINK;
}

/* Of the main table, whatever way it is told; no cached or dead ones. */
static bool netlink_is_main(const struct rtmsg *rt, const struct netlink_attributes *all)
{
	u32 table = rt->rtm_table;

	netlink_u32(all->at[RTA_TABLE], &table);
	return table == RT_TABLE_MAIN &&
	       !(rt->rtm_flags & (RTM_F_CLONED | RTNH_F_DEAD | RTNH_F_LINKDOWN)) &&
	       (rt->rtm_family == AF_INET || rt->rtm_family == AF_INET6) && !rt->rtm_src_len;
}

static int netlink_route(const struct nlmsghdr *nlh, void *user)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(nlh);
	struct netlink_attributes all = {.max = RTA_MAX};
	struct netlink_route route = {0};
	struct netlink *n = user;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rt))
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*rt), netlink_attribute, &all);
	if (!netlink_is_main(rt, &all))
		return MNL_CB_OK;
	if (rt->rtm_family == AF_INET)
		address_from_v4(&route.prefix, 0);
	if (all.at[RTA_DST] && !netlink_address(rt->rtm_family, all.at[RTA_DST], &route.prefix))
		return MNL_CB_OK;
	route.length = (u8)(rt->rtm_dst_len + (rt->rtm_family == AF_INET ? 96 : 0));
	route.kind = netlink_kind(n, rt, &all, &route.via);
	netlink_u32(all.at[RTA_PRIORITY], &route.metric);
	if (route.kind != ROUTE_NONE && route.length <= 128)
		g_array_append_val(n->routes, route);
	return MNL_CB_OK;
}

/* States in which the kernel itself would send to that MAC. */
#define NETLINK_NEIGHBOUR_KNOWN (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

static int netlink_neighbour(const struct nlmsghdr *nlh, void *user)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);
	struct netlink_attributes all = {.max = NDA_MAX};
	struct netlink *n = user;
	struct address address;
	struct mac mac;
	bool known;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*nd) || nd->ndm_ifindex != n->ifindex)
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*nd), netlink_attribute, &all);
	if (!all.at[NDA_DST] || !netlink_address(nd->ndm_family, all.at[NDA_DST], &address))
		return MNL_CB_OK;
	known = nlh->nlmsg_type == RTM_NEWNEIGH && nd->ndm_state & NETLINK_NEIGHBOUR_KNOWN &&
		all.at[NDA_LLADDR] && mnl_attr_get_payload_len(all.at[NDA_LLADDR]) == sizeof(mac);
	if (known)
		memcpy(&mac, mnl_attr_get_payload(all.at[NDA_LLADDR]), sizeof(mac));
	known = known && mac_value(&mac) && !mac_is_group(&mac);
	n->ops.neighbour(n->ops.user, &address, known ? &mac : NULL);
	return MNL_CB_OK;
}

static int netlink_request(struct netlink *n, struct mnl_socket *socket, u16 type)
{
	u8 buffer[NLMSG_ALIGN(sizeof(struct nlmsghdr)) + NLMSG_ALIGN(sizeof(struct rtmsg))];
	struct nlmsghdr *nlh;

	memset(buffer, 0, sizeof(buffer));
	nlh = mnl_nlmsg_put_header(buffer);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++n->sequence;
	/* AF_UNSPEC: both families. A neighbour's header is as long as a route's: 12 bytes. */
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct rtmsg));
	return mnl_socket_sendto(socket, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

static int netlink_receive(struct netlink *n, struct mnl_socket *socket, mnl_cb_t each)
{
	char *buffer = g_malloc(NETLINK_BUFFER);
	unsigned int port = mnl_socket_get_portid(socket);
	ssize_t got;
	int result;

	do {
		got = mnl_socket_recvfrom(socket, buffer, NETLINK_BUFFER);
		result = got < 0 ? -1 : mnl_cb_run(buffer, (size_t)got, n->sequence, port, each, n);
	} while (result > MNL_CB_STOP);
	result = result < 0 ? -errno : 0;
	g_free(buffer);
	return result;
}

/* Reads a whole table with a socket of its own: the answers stand apart from the news. */
static int netlink_dump(struct netlink *n, u16 type, mnl_cb_t each)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int result;

	if (!socket)
		return -errno;
	result = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (!result)
		result = netlink_request(n, socket, type);
	if (!result)
		result = netlink_receive(n, socket, each);
	mnl_socket_close(socket);
	return result;
}

static gint netlink_by_metric(gconstpointer a, gconstpointer b)
{
	const struct netlink_route *x = a, *y = b;

	return x->metric < y->metric ? -1 : x->metric > y->metric;
}

static int netlink_read_routes(struct netlink *n)
{
	int result;

	g_array_set_size(n->routes, 0);
	result = netlink_dump(n, RTM_GETROUTE, netlink_route);
	if (result)
		return result;
	g_array_sort(n->routes, netlink_by_metric); /* stable: the kernel's order among equals */
	n->ops.routes(n->ops.user, (const struct netlink_route *)(void *)n->routes->data,
		      n->routes->len);
	return 0;
}

static gboolean netlink_settled(gpointer user)
{
	struct netlink *n = user;
	int result = netlink_read_routes(n);

	n->settle = 0;
	if (result == -EINTR) /* the table changed meanwhile */
		n->settle = g_timeout_add(NETLINK_SETTLE_MS, netlink_settled, n);
	else if (result)
		g_warning("the kernel's routes can't be read: %s", g_strerror(-result));
	return G_SOURCE_REMOVE;
}

static void netlink_routes_stale(struct netlink *n)
{
	if (!n->settle)
		n->settle = g_timeout_add(NETLINK_SETTLE_MS, netlink_settled, n);
}

static int netlink_message(const struct nlmsghdr *nlh, void *user)
{
	struct netlink *n = user;

	if (nlh->nlmsg_type == RTM_NEWROUTE || nlh->nlmsg_type == RTM_DELROUTE)
		netlink_routes_stale(n);
	else if (nlh->nlmsg_type == RTM_NEWNEIGH || nlh->nlmsg_type == RTM_DELNEIGH)
		return netlink_neighbour(nlh, n);
	return MNL_CB_OK;
}

/* News were lost: everything is read again. */
static void netlink_overrun(struct netlink *n)
{
	int result = netlink_dump(n, RTM_GETNEIGH, netlink_neighbour);

	if (result)
		g_warning("the kernel's neighbours can't be read: %s", g_strerror(-result));
	netlink_routes_stale(n);
}

static gboolean netlink_ready(gint fd, GIOCondition condition, gpointer user)
{
	char *buffer = g_malloc(NETLINK_BUFFER);
	struct netlink *n = user;

	(void)fd;
	(void)condition;
	for (int i = 0; i < NETLINK_MESSAGES; i++) {
		ssize_t got = mnl_socket_recvfrom(n->news, buffer, NETLINK_BUFFER);

		if (got < 0 && errno == ENOBUFS)
			netlink_overrun(n);
		if (got < 0)
			break;
		mnl_cb_run(buffer, (size_t)got, 0, 0, netlink_message, n);
	}
	g_free(buffer);
	return G_SOURCE_CONTINUE;
}

static int netlink_subscribe(struct netlink *n)
{
	int size = NETLINK_RECEIVE, fd;

	n->news = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!n->news)
		return -errno;
	fd = mnl_socket_get_fd(n->news);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (mnl_socket_bind(n->news, RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_NEIGH,
			    MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	n->source = g_unix_fd_add(fd, G_IO_IN, netlink_ready, n);
	return 0;
}

int netlink_open(struct netlink **out, int ifindex, const struct netlink_ops *ops)
{
	struct netlink *n = g_new0(struct netlink, 1);
	int result;

	n->ops = *ops;
	n->ifindex = ifindex;
	n->routes = g_array_new(FALSE, FALSE, sizeof(struct netlink_route));
	result = netlink_subscribe(n);
	if (!result)
		result = netlink_dump(n, RTM_GETNEIGH, netlink_neighbour);
	if (!result)
		result = netlink_read_routes(n);
	if (result == -EINTR) {
		netlink_routes_stale(n);
		result = 0;
	}
	if (result) {
		netlink_close(n);
		return result;
	}
	*out = n;
	return 0;
}

void netlink_close(struct netlink *n)
{
	if (!n)
		return;
	if (n->source)
		g_source_remove(n->source);
	if (n->settle)
		g_source_remove(n->settle);
	if (n->news)
		mnl_socket_close(n->news);
	g_array_unref(n->routes);
	g_free(n);
}
