// SPDX-License-Identifier: ISC
#include "tests/bench/fast/port.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

/* The XDP link of PROGRAM on IFINDEX, or -1. Other namespaces have that number, too. */
static int port_link(int ifindex, __u32 program)
{
	__u32 id = 0;

	while (!bpf_link_get_next_id(id, &id)) {
		struct bpf_link_info info = {0};
		__u32 size = sizeof(info);
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) && info.type == BPF_LINK_TYPE_XDP &&
		    info.xdp.ifindex == (__u32)ifindex && info.prog_id == program)
			return fd;
		close(fd);
	}
	return -1;
}

int port_find(struct port *p, const char *interface)
{
	__u32 id = 0;
	int err;

	*p = (struct port){.ifindex = (int)if_nametoindex(interface), .link = -1, .program = -1};
	if (!p->ifindex)
		return -ENODEV;
	err = bpf_xdp_query_id(p->ifindex, 0, &id);
	if (err)
		return err;
	if (!id)
		return -ENOENT;
	p->program = bpf_prog_get_fd_by_id(id);
	if (p->program < 0)
		return p->program;
	p->link = port_link(p->ifindex, id);
	p->now = p->program;
	return 0;
}

int port_put(struct port *p, int program)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = p->now);
	int err;

	if (program == p->now)
		return 0;
	if (p->link >= 0)
		err = bpf_link_update(p->link, program, NULL);
	else
		err = bpf_xdp_attach(p->ifindex, program, XDP_FLAGS_REPLACE, &opts);
	if (!err)
		p->now = program;
	return err;
}

void port_leave(struct port *p)
{
	if (p->program < 0)
		return;
	if (port_put(p, p->program))
		perror("port");
	close(p->program);
	if (p->link >= 0)
		close(p->link);
	p->program = p->link = -1;
}
