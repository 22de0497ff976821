// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/port.h"

#include <errno.h>
#include <glib.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <pcap/pcap.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandwich/core/table.h"
#include "sandwich/slowpath/offload.h"
#include "sandwich/slowpath/port_lock.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define PORT_RECEIVE_BYTES (16 << 20) /* the capture ring: some 8000 frames of 1500 bytes */
#define PORT_SEND_BYTES    (8 << 20)  /* frames under way in the driver */

struct port {
	char name[IFNAMSIZ];
	u8 index;
	bool carrier;
	int ifindex;
	int lock; /* that nobody else has it; -1: not taken */
	unsigned int mtu;
	unsigned int ring_mtu; /* the MTU that libpcap made its ring for; 0: not yet */
	struct mac mac;
	struct offload offload;
	pcap_t *pcap;
	int out;
	int segment; /* see offload_make_peer_segment(); -1: not asked for */
};

/* pcap_dispatch()'s way to the receiver. */
struct port_call {
	port_receiver receiver;
	void *user;
};

static int port_ioctl(const struct port *p, unsigned long request, struct ifreq *ifr)
{
	memset(ifr, 0, sizeof(*ifr));
	g_strlcpy(ifr->ifr_name, p->name, sizeof(ifr->ifr_name));
	return ioctl(p->out, request, ifr) < 0 ? -errno : 0;
}

/* MTU and carrier are words of their own, so the data thread may read them meanwhile. */
int port_refresh(struct port *p)
{
	struct ifreq ifr;
	int err;

	err = port_ioctl(p, SIOCGIFINDEX, &ifr);
	if (!err && ifr.ifr_ifindex != p->ifindex)
		err = -ENODEV; /* another has its name already */
	if (!err)
		err = port_ioctl(p, SIOCGIFFLAGS, &ifr);
	if (err)
		return err;
	core_store(&p->carrier, (ifr.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING));
	err = port_ioctl(p, SIOCGIFMTU, &ifr);
	if (err)
		return err;
	core_store(&p->mtu, (unsigned int)ifr.ifr_mtu);
	err = port_ioctl(p, SIOCGIFHWADDR, &ifr);
	if (!err)
		memcpy(p->mac.byte, ifr.ifr_hwaddr.sa_data, sizeof(p->mac.byte));
	if (!err && p->ring_mtu && p->mtu > p->ring_mtu)
		err = -ESTALE;
	return err;
}

static int port_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int port_open_out(struct port *p, char **why)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = p->ifindex};
	int err = 0;

	p->out = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->out < 0) {
		err = -errno;
		*why = g_strdup_printf(
			"no packet socket for '%s': %s; it takes root or CAP_NET_RAW", p->name,
			g_strerror(-err));
		return err;
	}
	/* Protocol 0: it sends only, and takes no copy of anything. */
	if (bind(p->out, (struct sockaddr *)&at, sizeof(at)) < 0)
		err = -errno;
	if (!err)
		err = port_option(p->out, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
	if (!err)
		(void)port_option(p->out, SOL_SOCKET, SO_SNDBUFFORCE, PORT_SEND_BYTES);
	if (!err)
		err = port_refresh(p);
	if (err)
		*why = g_strdup_printf("can't send by '%s': %s", p->name, g_strerror(-err));
	return err;
}

/* pcap_activate()'s answer as -errno and a sentence. */
static int port_pcap_error(const struct port *p, int status, char **why)
{
	switch (status) {
	case PCAP_ERROR_NO_SUCH_DEVICE:
		*why = g_strdup_printf("no such interface '%s'; `ip link` lists them", p->name);
		return -ENODEV;
	case PCAP_ERROR_PERM_DENIED:
		*why = g_strdup_printf("may not capture on '%s': it takes root or CAP_NET_RAW",
				       p->name);
		return -EPERM;
	case PCAP_ERROR_IFACE_NOT_UP:
		*why = g_strdup_printf("interface '%s' is down; `ip link set %s up`", p->name,
				       p->name);
		return -ENETDOWN;
	default:
		*why = g_strdup_printf("can't capture on '%s': %s", p->name, pcap_geterr(p->pcap));
		return -EIO;
	}
}

static void port_pcap_options(pcap_t *pcap)
{
	pcap_set_snaplen(pcap, PORT_FRAME_MAX);
	pcap_set_promisc(pcap, 1);
	pcap_set_immediate_mode(pcap, 1);
	pcap_set_buffer_size(pcap, PORT_RECEIVE_BYTES);
}

static int port_open_in(struct port *p, char **why)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	int status;

	p->pcap = pcap_create(p->name, text);
	if (!p->pcap) {
		*why = g_strdup_printf("can't capture on '%s': %s", p->name, text);
		return -EIO;
	}
	port_pcap_options(p->pcap);
	status = pcap_activate(p->pcap);
	if (status < 0)
		return port_pcap_error(p, status, why);
	if (pcap_datalink(p->pcap) != DLT_EN10MB) {
		*why = g_strdup_printf("interface '%s' is not an Ethernet interface", p->name);
		return -EAFNOSUPPORT;
	}
	if (pcap_setnonblock(p->pcap, 1, text) < 0 || pcap_setdirection(p->pcap, PCAP_D_IN) < 0)
		return port_pcap_error(p, PCAP_ERROR, why);
	/* Spares the copy of all we send; kernels before 4.20 lack it, and then libpcap filters. */
	(void)port_option(pcap_fileno(p->pcap), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	p->ring_mtu = p->mtu;
	return 0;
}

/* The virtual MAC is not the interface's own, so its filter has to let everything in. */
static int port_open_promiscuous(struct port *p, char **why)
{
	struct packet_mreq request = {.mr_ifindex = p->ifindex, .mr_type = PACKET_MR_PROMISC};

	if (!setsockopt(p->out, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)))
		return 0;
	*why = g_strdup_printf("can't make '%s' promiscuous: %s", p->name, g_strerror(errno));
	return -errno;
}

static int port_open_sender_in(struct port *p, char **why)
{
	int err = port_probe(p);

	if (err)
		return port_pcap_error(p, err == -ENETDOWN ? PCAP_ERROR_IFACE_NOT_UP
							   : PCAP_ERROR_NO_SUCH_DEVICE, why);
	return port_open_promiscuous(p, why);
}

static int port_open_interface(struct port *p, bool captures, char **why)
{
	int err;

	p->ifindex = (int)if_nametoindex(p->name);
	if (!p->ifindex)
		return port_pcap_error(p, PCAP_ERROR_NO_SUCH_DEVICE, why);
	p->lock = port_lock_take(p->ifindex, p->name, why);
	err = p->lock < 0 ? p->lock : port_open_out(p, why);
	if (err)
		return err;
	/* Before libpcap looks: it sizes its ring by what the offloads may deliver. */
	err = offload_disable(&p->offload, p->name, !captures);
	if (err) {
		*why = g_strdup_printf("can't turn off the offloads of '%s': %s", p->name,
				       g_strerror(-err));
		return err;
	}
	return captures ? port_open_in(p, why) : port_open_sender_in(p, why);
}

static int port_open_as(struct port **out, const char *interface, u8 index, bool captures,
			char **why)
{
	struct port *p;
	int err;

	if (strlen(interface) >= IFNAMSIZ) {
		*why = g_strdup_printf("no such interface '%s': names have at most %d characters",
				       interface, IFNAMSIZ - 1);
		return -ENODEV;
	}
	p = g_new0(struct port, 1);
	g_strlcpy(p->name, interface, sizeof(p->name));
	p->index = index;
	p->out = p->lock = -1;
	p->segment = -1;
	err = port_open_interface(p, captures, why);
	if (err) {
		port_close(p);
		return err;
	}
	*out = p;
	return 0;
}

int port_open(struct port **out, const char *interface, u8 index, char **why)
{
	return port_open_as(out, interface, index, true, why);
}

int port_open_sender(struct port **out, const char *interface, u8 index, char **why)
{
	return port_open_as(out, interface, index, false, why);
}

void port_close(struct port *p)
{
	if (!p)
		return;
	if (p->pcap)
		pcap_close(p->pcap);
	if (p->out >= 0)
		close(p->out);
	if (p->segment >= 0)
		close(p->segment);
	offload_restore(&p->offload);
	if (p->lock >= 0)
		close(p->lock);
	g_free(p);
}

int port_refuse_super_frames(struct port *p)
{
	if (p->segment < 0)
		p->segment = offload_make_peer_segment(p->ifindex);
	return p->segment < 0 ? p->segment : 0;
}

const char *port_name(const struct port *p)
{
	return p->name;
}

u8 port_index(const struct port *p)
{
	return p->index;
}

int port_ifindex(const struct port *p)
{
	return p->ifindex;
}

unsigned int port_mtu(const struct port *p)
{
	return core_load(&p->mtu);
}

const struct mac *port_mac(const struct port *p)
{
	return &p->mac;
}

bool port_carrier(const struct port *p)
{
	return core_load(&p->carrier);
}

/* By number, since another interface may bear the name by now. */
int port_probe(const struct port *p)
{
	struct ifreq ifr = {.ifr_ifindex = p->ifindex};

	if (ioctl(p->out, SIOCGIFNAME, &ifr) < 0 || ioctl(p->out, SIOCGIFFLAGS, &ifr) < 0)
		return -ENODEV;
	return ifr.ifr_flags & IFF_UP ? 0 : -ENETDOWN;
}

int port_fd(const struct port *p)
{
	return p->pcap ? pcap_get_selectable_fd(p->pcap) : -1;
}

static void port_deliver(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
	const struct port_call *call = (const void *)user;

	call->receiver(call->user, data, header->caplen, header->len);
}

int port_receive(struct port *p, int budget, port_receiver receiver, void *user)
{
	struct port_call call = {.receiver = receiver, .user = user};
	int n = pcap_dispatch(p->pcap, budget, port_deliver, (u_char *)&call);

	if (n >= 0)
		return n;
	return n == PCAP_ERROR_BREAK ? 0 : -ENETDOWN;
}

int port_send(struct port *p, const void *frame, size_t length)
{
	return send(p->out, frame, length, MSG_DONTWAIT) < 0 ? -errno : 0;
}

int port_send_batch(struct port *p, struct mmsghdr *messages, unsigned int count)
{
	int n = sendmmsg(p->out, messages, count, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

u64 port_missed(struct port *p)
{
	struct pcap_stat stat = {0};

	return !p->pcap || pcap_stats(p->pcap, &stat) < 0 ? 0 : stat.ps_drop;
}
