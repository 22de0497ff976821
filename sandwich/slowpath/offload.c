// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/offload.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <glib.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Names begin as in `ethtool -k`'s kernel names (net/ethtool/common.c). */
static const char *const offload_names[] = {
	"rx-gro", /* also -hw and -list */
	"rx-lro",
	"rx-udp-gro-forwarding",
	"tx-generic-segmentation",
	"tx-tcp", /* all kinds of TSO */
	"tx-udp-segmentation",
	"tx-checksum-",
};

static const char *const offload_tag_names[] = {
	"rx-vlan-hw-parse",
	"rx-vlan-stag-hw-parse",
};

static int offload_ioctl(int fd, const char *interface, void *command)
{
	struct ifreq request = {0};

	g_strlcpy(request.ifr_name, interface, sizeof(request.ifr_name));
	request.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

static bool offload_is_in(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

static bool offload_unwanted(const char *name, bool tags)
{
	if (tags && offload_is_in(name, offload_tag_names, G_N_ELEMENTS(offload_tag_names)))
		return true;
	return offload_is_in(name, offload_names, G_N_ELEMENTS(offload_names));
}

/* How many features this kernel knows, or -errno. */
static int offload_count(int fd, const char *interface)
{
	union {
		struct ethtool_sset_info info;
		u8 room[sizeof(struct ethtool_sset_info) + sizeof(u32)];
	} query = {.room = {0}};
	int err;

	query.info.cmd = ETHTOOL_GSSET_INFO;
	query.info.sset_mask = 1ull << ETH_SS_FEATURES;
	err = offload_ioctl(fd, interface, &query);
	return err ? err : (int)query.info.data[0];
}

/* Sets the bits of MASK that stand for unwanted features. */
static int offload_mask(int fd, const char *interface, u32 count, bool tags, u32 *mask)
{
	struct ethtool_gstrings *strings =
		g_malloc0(sizeof(*strings) + (size_t)count * ETH_GSTRING_LEN);
	int err;

	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = count;
	err = offload_ioctl(fd, interface, strings);
	for (u32 i = 0; !err && i < count; i++) {
		const char *name = (const char *)strings->data + (size_t)i * ETH_GSTRING_LEN;

		if (offload_unwanted(name, tags))
			mask[i / 32] |= 1u << i % 32;
	}
	g_free(strings);
	return err;
}

/* Notes in SAVED which of the features in MASK can be changed, and what was asked for of them. */
static int offload_look(int fd, struct offload *saved, const u32 *mask)
{
	union {
		struct ethtool_gfeatures head;
		u8 room[sizeof(struct ethtool_gfeatures) +
			OFFLOAD_BLOCKS * sizeof(struct ethtool_get_features_block)];
	} query = {.room = {0}};
	int err;

	query.head.cmd = ETHTOOL_GFEATURES;
	query.head.size = saved->blocks;
	err = offload_ioctl(fd, saved->interface, &query);
	for (u32 i = 0; !err && i < saved->blocks; i++) {
		u32 can = query.head.features[i].available & ~query.head.features[i].never_changed;

		saved->touched[i] = mask[i] & can;
		saved->wanted[i] = query.head.features[i].requested & saved->touched[i];
	}
	return err;
}

/* Asks for WANTED (NULL: nothing) of the features that SAVED names. */
static int offload_set(int fd, const struct offload *saved, const u32 *wanted)
{
	union {
		struct ethtool_sfeatures head;
		u8 room[sizeof(struct ethtool_sfeatures) +
			OFFLOAD_BLOCKS * sizeof(struct ethtool_set_features_block)];
	} query = {.room = {0}};

	query.head.cmd = ETHTOOL_SFEATURES;
	query.head.size = saved->blocks;
	for (u32 i = 0; i < saved->blocks; i++) {
		query.head.features[i].valid = saved->touched[i];
		query.head.features[i].requested = wanted ? wanted[i] : 0;
	}
	return offload_ioctl(fd, saved->interface, &query);
}

static int offload_disable_by(int fd, struct offload *saved, bool tags)
{
	u32 mask[OFFLOAD_BLOCKS] = {0};
	int count = offload_count(fd, saved->interface);
	int err;

	if (count < 0)
		return count;
	if (count > OFFLOAD_BLOCKS * 32)
		count = OFFLOAD_BLOCKS * 32;
	saved->blocks = ((u32)count + 31) / 32;
	err = offload_mask(fd, saved->interface, (u32)count, tags, mask);
	if (!err)
		err = offload_look(fd, saved, mask);
	if (!err)
		err = offload_set(fd, saved, NULL);
	if (err)
		saved->blocks = 0;
	return err;
}

int offload_disable(struct offload *saved, const char *interface, bool tags)
{
	int fd, err;

	memset(saved, 0, sizeof(*saved));
	g_strlcpy(saved->interface, interface, sizeof(saved->interface));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = offload_disable_by(fd, saved, tags);
	close(fd);
	return err == -EOPNOTSUPP ? 0 : err;
}

void offload_restore(const struct offload *saved)
{
	int fd;

	if (!saved->blocks)
		return;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)offload_set(fd, saved, saved->wanted);
	close(fd);
}

int offload_make_peer_segment(int ifindex)
{
	static const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	/* "frags": the program is fit for jumbo frames, which veth would refuse otherwise. */
	LIBBPF_OPTS(bpf_prog_load_opts, load, .prog_flags = BPF_F_XDP_HAS_FRAGS,
		    .expected_attach_type = BPF_XDP);
	LIBBPF_OPTS(bpf_link_create_opts, attach, .flags = XDP_FLAGS_DRV_MODE);
	int program, link;

	program = bpf_prog_load(BPF_PROG_TYPE_XDP, "sandwich_pass", "BSD", pass, G_N_ELEMENTS(pass),
				&load);
	if (program < 0)
		return program;
	link = bpf_link_create(program, ifindex, BPF_XDP, &attach);
	close(program);
	return link;
}
