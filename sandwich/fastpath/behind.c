// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/behind.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include "sandwich/fastpath/fastpath_state.h"

static u32 behind_flags(enum keep_pin kind)
{
	return kind == KEEP_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
}

/* The program on the interface that is in our way, or -ENOENT. */
static int behind_find(int ifindex, enum keep_pin kind)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	u32 id;
	int fd;

	if (bpf_xdp_query(ifindex, 0, &query))
		return -ENOENT;
	id = kind == KEEP_NATIVE ? query.drv_prog_id : query.skb_prog_id;
	fd = id ? bpf_prog_get_fd_by_id(id) : -ENOENT;
	return fd;
}

static int behind_put(struct fastpath *f, u8 index, int program)
{
	int map = bpf_object__find_map_fd_by_name(f->object, "next");
	u32 key = index;

	return bpf_map_update_elem(map, &key, &program, BPF_ANY) ? -errno : 0;
}

static void behind_clear(struct fastpath *f, u8 index)
{
	int map = bpf_object__find_map_fd_by_name(f->object, "next");
	u32 key = index;

	(void)bpf_map_delete_elem(map, &key); /* fails when it is empty */
}

static char *behind_why(const char *interface, int err, bool put)
{
	if (!put)
		return g_strdup_printf("the XDP program on %s can't run behind ours: it must be "
				       "built as \"xdp.frags\" (%s)", interface, g_strerror(-err));
	return g_strdup_printf("the XDP program on %s can't be taken off: a BPF link may hold it "
			       "(%s)", interface, g_strerror(-err));
}

int behind_take(struct fastpath *f, u8 index, const char *interface, enum fastpath_mode mode,
		char **why)
{
	enum keep_pin kind = mode == FASTPATH_NATIVE ? KEEP_NATIVE : KEEP_GENERIC;
	int ifindex = (int)if_nametoindex(interface), fd, err;
	bool put;

	behind_clear(f, index);
	fd = f->chain && f->keep ? behind_find(ifindex, kind) : -ENOENT;
	if (fd < 0)
		return 0;
	err = behind_put(f, index, fd);
	put = !err;
	if (!err) /* first: should we end here, the next daemon gives it back */
		err = keep_pin(f->keep, kind, fd, ifindex);
	if (!err)
		err = bpf_xdp_detach(ifindex, behind_flags(kind), NULL);
	if (err) {
		behind_clear(f, index);
		*why = behind_why(interface, err, put);
	} else {
		g_message("%s: the XDP program that was there runs behind ours", interface);
	}
	close(fd);
	return err;
}

/* Which port of the former program the interface was; FAST_PORTS: none. */
static u32 behind_former_port(const struct fastpath *f, int ifindex)
{
	u32 port = 0;

	while (port < FAST_PORTS && kept_interface(f, (u8)port) != (u32)ifindex)
		port++;
	return port;
}

/* What ran behind the former program there, or -errno. */
static int behind_former(const struct fastpath *f, int ifindex)
{
	u32 port = behind_former_port(f, ifindex), id = 0;
	int map = port < FAST_PORTS ? keep_former_map(f->keep, "next") : -ENOENT, err;

	if (map < 0)
		return map;
	err = bpf_map_lookup_elem(map, &port, &id);
	close(map);
	return err ? -ENOENT : bpf_prog_get_fd_by_id(id);
}

void behind_inherit(struct fastpath *f, u8 index, int ifindex)
{
	int fd = behind_former(f, ifindex);

	behind_clear(f, index);
	for (int kind = KEEP_NATIVE; fd < 0 && kind < KEEP_PINS; kind++)
		fd = keep_pinned(f->keep, (enum keep_pin)kind, ifindex);
	if (fd < 0)
		return;
	if (behind_put(f, index, fd))
		g_warning("the XDP program that ran behind ours on interface %d doesn't any more",
			  ifindex);
	close(fd);
}

void behind_give_back(struct keep *k, int ifindex)
{
	for (int kind = KEEP_NATIVE; kind < KEEP_PINS; kind++) {
		int fd = keep_pinned(k, (enum keep_pin)kind, ifindex);

		if (fd < 0)
			continue;
		/* Fails when the interface is gone. */
		(void)bpf_xdp_attach(ifindex, fd, behind_flags((enum keep_pin)kind) |
				     XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
		keep_unpin(k, (enum keep_pin)kind, ifindex);
		close(fd);
	}
}
