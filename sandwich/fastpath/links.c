// SPDX-License-Identifier: ISC
/*
 * The fast path's program on the ports: put there, handed over by the program before, taken off.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include "sandwich/fastpath/behind.h"
#include "sandwich/fastpath/fastpath_state.h"
#include "sandwich/fastpath/features.h"
#include "sandwich/fastpath/life.h"

static char *fastpath_attach_why(const char *interface, int err)
{
	switch (err) {
	case -EBUSY:
	case -EEXIST:
		return g_strdup_printf("another XDP program is on %s; `ip link show %s`, and "
				       "`ip link set %s xdp off` takes it off, xdp-chain = on "
				       "runs it behind ours",
				       interface, interface, interface);
	case -EOPNOTSUPP:
		return g_strdup_printf("the driver of %s has no XDP", interface);
	case -EPERM:
		return g_strdup_printf("may not attach to %s: it takes root or CAP_NET_ADMIN",
				       interface);
	default:
		return g_strdup_printf("can't attach to %s: %s", interface, g_strerror(-err));
	}
}

/* Whether the link LINK is what carries frames on the interface, by MODE. */
static bool fastpath_link_fits(int link, int ifindex, enum fastpath_mode mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_link_info info = {0};
	u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(link, &info, &size) || info.type != BPF_LINK_TYPE_XDP ||
	    info.xdp.ifindex != (u32)ifindex || bpf_xdp_query(ifindex, 0, &query))
		return false;
	return info.prog_id ==
	       (mode == FASTPATH_NATIVE ? query.drv_prog_id : query.skb_prog_id);
}

/* Takes over the link that a daemon before us left on the interface. */
static bool fastpath_adopt_link(struct fastpath *f, u8 index, int ifindex, enum fastpath_mode mode)
{
	int fd = f->keep ? keep_pinned(f->keep, KEEP_LINK, ifindex) : -ENOENT;

	if (fd < 0)
		return false;
	if (!fastpath_link_fits(fd, ifindex, mode)) {
		/* Of another mode: there can be but one. */
		(void)bpf_link_detach(fd);
		keep_unpin(f->keep, KEEP_LINK, ifindex);
		behind_give_back(f->keep, ifindex);
		close(fd);
		return false;
	}
	behind_inherit(f, index, ifindex);
	f->link[index] = (struct fast_link){.fd = fd, .ifindex = ifindex, .former = true};
	return true;
}

static int fastpath_make_link(struct fastpath *f, struct fast_link *l, int ifindex,
			      enum fastpath_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode == FASTPATH_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	int fd = bpf_link_create(f->program, ifindex, BPF_XDP, &opts);

	if (fd < 0)
		return fd;
	*l = (struct fast_link){.fd = fd, .ifindex = ifindex};
	l->made = f->keep && !keep_pin(f->keep, KEEP_LINK, fd, ifindex);
	return 0;
}

int fastpath_attach(struct fastpath *f, u8 index, const char *interface, enum fastpath_mode mode,
		    char **why)
{
	int ifindex = (int)if_nametoindex(interface), err;

	if (!ifindex) {
		*why = g_strdup_printf("no such interface '%s'; `ip link` lists them", interface);
		return -ENODEV;
	}
	fastpath_detach(f, index);
	core_store(&f->ports->port[index].attached, (u32)ifindex);
	core_store(&f->ports->port[index].local, (u32)features_is_local(interface));
	if (fastpath_adopt_link(f, index, ifindex, mode))
		return 0;
	err = behind_take(f, index, interface, mode, why);
	if (!err)
		err = fastpath_make_link(f, &f->link[index], ifindex, mode);
	if (err && f->keep)
		behind_give_back(f->keep, ifindex);
	if (err && !*why)
		*why = fastpath_attach_why(interface, err);
	return err;
}

void fastpath_detach(struct fastpath *f, u8 index)
{
	struct fast_link *l = &f->link[index];

	if (f->ports) {
		core_store(&f->ports->port[index].ifindex, 0);
		core_store(&f->ports->port[index].attached, 0);
	}
	if (l->fd < 0)
		return;
	if (!l->former) { /* else it is the former program's, which goes on */
		(void)bpf_link_detach(l->fd);
		if (f->keep) {
			keep_unpin(f->keep, KEEP_LINK, l->ifindex);
			behind_give_back(f->keep, l->ifindex);
		}
	}
	close(l->fd);
	l->fd = -1;
}

int fastpath_enter(struct fastpath *f, u8 index, int ifindex, unsigned int mtu)
{
	struct fast_port *port = &f->ports->port[index];
	u32 key = index;

	core_store(&port->mtu, (u32)mtu);
	if (port->ifindex == (u32)ifindex)
		return 0;
	core_store(&port->ifindex, 0);
	if (ifindex && bpf_map_update_elem(f->exits, &key, &ifindex, BPF_ANY))
		return -errno;
	core_publish(&port->ifindex, (u32)ifindex);
	return 0;
}

static int fastpath_take_over_port(struct fastpath *f, struct fast_link *l)
{
	int err;

	if (l->fd < 0 || !l->former)
		return 0;
	err = bpf_link_update(l->fd, f->program, NULL);
	l->former = false;
	return err == -ENOLINK ? 0 : err; /* its interface has just gone: that is seen elsewhere */
}

int fastpath_take_over(struct fastpath *f)
{
	int wanted[FAST_PORTS], err = f->keep ? keep_finish(f->keep) : 0;

	for (u8 i = 0; i < FAST_PORTS; i++) {
		if (!err)
			err = fastpath_take_over_port(f, &f->link[i]);
		wanted[i] = f->link[i].fd < 0 ? 0 : f->link[i].ifindex;
	}
	if (err)
		return err;
	f->settled = true;
	if (f->former)
		usleep(3 * FAST_DEFER_US); /* its program's alarms go with its pins */
	if (f->keep)
		keep_tidy(f->keep, wanted, FAST_PORTS);
	return 0;
}

void fastpath_forget_former(struct fastpath *f)
{
	former_free(f->former);
	f->former = NULL;
}
