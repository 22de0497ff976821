// SPDX-License-Identifier: ISC
/*
 * Which maps the fast path shares with the program before it, and that it keeps all of them.
 *
 * What traffic has made (sessions, pins, counters, rings) is shared where its layout is the same:
 * both programs work on it until the ports have gone over. What the daemon fills by its
 * configuration is made anew, beside what the former program goes by.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sandwich/fastpath/describe.h"
#include "sandwich/fastpath/fastpath_state.h"
#include "sandwich/fastpath/life.h"

/* Filled by the daemon, or of use to one program alone. */
static const char *const kept_fresh[] = {
	"settings", "rows",	  "devices", "macs",  "locals",
	"routes",   "neighbours", "ports",   "exits", "scratches", "next",
	"clock",    "rest",	  "alarms",
};

/* Of use only where another map is the same, too. */
static const struct {
	const char *map, *with;
} kept_pairs[] = {
	{"pins", "filter"},
	{"filter", "pins"},
	{"ring", "scratches"}, /* which tell what a record holds */
};

static bool kept_is_fresh(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kept_fresh); i++)
		if (!strcmp(kept_fresh[i], name))
			return true;
	return false;
}

static bool kept_is_shareable(const struct fastpath *f, const char *name)
{
	const struct layout *was = f->former ? former_layout(f->former) : NULL;

	if (!was || kept_is_fresh(name) || !layout_same(was, &f->layout, name))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(kept_pairs); i++)
		if (!strcmp(kept_pairs[i].map, name) &&
		    !layout_same(was, &f->layout, kept_pairs[i].with))
			return false;
	return true;
}

bool fastpath_shares(const struct fastpath *f, const char *map)
{
	return kept_is_shareable(f, map);
}

u32 kept_interface(const struct fastpath *f, u8 port)
{
	const struct layout *was = f->former ? former_layout(f->former) : NULL;
	const struct fast_ports *ports;
	struct former_column column;

	if (!was || port >= FAST_PORTS || !layout_same(was, &f->layout, "ports"))
		return 0;
	former_column(f->former, "ports", "port", sizeof(ports->port), &column);
	ports = (const void *)column.at;
	return ports ? core_load(&ports->port[port].attached) : 0;
}

u8 fastpath_port_now(const struct fastpath *f, u8 port)
{
	u32 ifindex = kept_interface(f, port);

	if (!ifindex)
		return port;
	for (u8 i = 0; i < FAST_PORTS; i++)
		if (f->link[i].fd >= 0 && f->link[i].ifindex == (int)ifindex)
			return i;
	return FAST_PORTS;
}

struct former *fastpath_former(const struct fastpath *f)
{
	return f->former;
}

struct fast_notes *fastpath_notes(const struct fastpath *f)
{
	return f->notes;
}

const char *fastpath_unkept(const struct fastpath *f)
{
	return f->unkept;
}

void kept_give_up(struct fastpath *f, const char *why)
{
	former_free(f->former);
	f->former = NULL;
	keep_close(f->keep);
	f->keep = NULL;
	if (!f->unkept)
		f->unkept = g_strdup(why);
}

int kept_find(struct fastpath *f, const struct fastpath_setup *setup, char **why)
{
	const struct keep_who who = {setup->sandwich, setup->balancer};
	char *reason = NULL;
	int err;

	if (!setup->balancer)
		return 0;
	err = keep_open(&f->keep, &who, &reason);
	if (err == -EBUSY) {
		*why = reason;
		return err;
	}
	if (err) {
		f->unkept = reason;
		return 0;
	}
	err = former_open(&f->former, f->keep);
	if (err && err != -ENOENT)
		g_warning("the tables that were left here can't be read (%s): beginning anew",
			  g_strerror(-err));
	return 0;
}

static int kept_share_map(struct fastpath *f, struct bpf_map *map)
{
	int fd = keep_former_map(f->keep, describe_name(map)), err;

	if (fd < 0)
		return fd;
	err = bpf_map__reuse_fd(map, fd);
	close(fd);
	return err;
}

static int kept_describe_notes(struct layout *l)
{
	int err = layout_add_map(l, "notes", BPF_MAP_TYPE_ARRAY, sizeof(struct fast_notes), 1);

	if (!err)
		err = layout_add_field(l, "alive", offsetof(struct fast_notes, alive), 4);
	if (!err)
		err = layout_add_field(l, "admin", offsetof(struct fast_notes, admin),
				       DEVICES_MAX);
	if (!err)
		err = layout_add_field(l, "admin_version",
				       offsetof(struct fast_notes, admin_version),
				       sizeof(u32[DEVICES_MAX]));
	return err;
}

int kept_share(struct fastpath *f)
{
	struct bpf_map *map;
	int err = describe(&f->layout, f->object);

	if (!err)
		err = kept_describe_notes(&f->layout);
	bpf_object__for_each_map(map, f->object) {
		const char *name = describe_name(map);

		if (!err && name && kept_is_shareable(f, name))
			err = kept_share_map(f, map);
	}
	return err;
}

/* A map of one value that no program uses. */
static int kept_add(struct fastpath *f, const char *name, size_t size, void *member)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(u32), (u32)size, 1, &opts), err;

	if (fd < 0)
		return -errno;
	err = fastpath_map_fd(f, fd, (size + 7) & ~(size_t)7, member);
	if (!err && f->keep)
		err = keep_put_map(f->keep, fd, name);
	close(fd);
	return err;
}

static int kept_pin_all(struct fastpath *f)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, f->object) {
		const char *name = describe_name(map);

		if (!err && name)
			err = keep_put_map(f->keep, bpf_map__fd(map), name);
	}
	return err;
}

int kept_pin(struct fastpath *f)
{
	struct layout *layout = NULL;
	int err = kept_add(f, "notes", sizeof(struct fast_notes), &f->notes);

	if (err || !f->keep)
		return err;
	err = kept_add(f, "layout", sizeof(*layout), &layout);
	if (!err) {
		*layout = f->layout;
		err = kept_pin_all(f);
	}
	return err;
}
