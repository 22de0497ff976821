// SPDX-License-Identifier: ISC
/*
 * How long a frame takes through a forwarder: every frame carries the time it was sent, and the
 * kernel stamps it where it comes out. Sender and receiver are one thread on one core; the
 * forwarder has the other.
 *
 *   probe NETNS-IN INTERFACE NETNS-OUT INTERFACE SOURCE-MAC DESTINATION-MAC RATE SECONDS
 *
 * Prints "sent received p50 p99 p99.9" (ns).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PROBE_FRAME 60
#define PROBE_MAGIC 0x73616e6477696368ull
#define PROBE_AT    42 /* behind Ethernet, IPv4 and UDP */

struct probe {
	int in, out;
	uint8_t frame[PROBE_FRAME];
	uint64_t *ns;
	size_t sent, received, room;
};

static uint64_t probe_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts); /* the clock of the kernel's receive stamps */
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int probe_socket(const char *netns, const char *interface, int protocol)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
	int ns = open(netns, O_RDONLY), on = 1, room = 32 << 20, fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		return -1;
	close(ns);
	at.sll_ifindex = (int)if_nametoindex(interface);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? -1 : fd;
}

static void probe_build(struct probe *p, const char *from, const char *to)
{
	static const uint8_t ip[] = {0x45, 0, 0,  46,  0, 0, 0x40, 0, 64, 17, 0, 0,  10, 64,
				     0,    1, 10, 128, 0, 1, 4,    0, 0,  9,  0, 26, 0,  0};
	uint32_t sum = 0;
	uint8_t *f = p->frame;

	sscanf(to, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &f[0], &f[1], &f[2], &f[3], &f[4], &f[5]);
	sscanf(from, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &f[6], &f[7], &f[8], &f[9], &f[10], &f[11]);
	f[12] = 8;
	memcpy(f + 14, ip, sizeof(ip));
	for (int i = 14; i < 34; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	f[24] = (uint8_t)(~sum >> 8);
	f[25] = (uint8_t)~sum;
}

static void probe_send(struct probe *p)
{
	uint64_t words[2] = {PROBE_MAGIC, probe_now()};

	memcpy(p->frame + PROBE_AT, words, sizeof(words));
	if (send(p->in, p->frame, PROBE_FRAME, 0) == PROBE_FRAME)
		p->sent++;
}

static uint64_t probe_stamp(struct msghdr *message)
{
	struct timespec ts = {0, 0};

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_type == SCM_TIMESTAMPNS)
			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void probe_collect(struct probe *p)
{
	uint8_t data[128], control[128];
	struct iovec part = {data, sizeof(data)};
	uint64_t words[2], at;

	for (;;) {
		struct msghdr m = {.msg_iov = &part,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};

		if (recvmsg(p->out, &m, MSG_DONTWAIT) < PROBE_AT + (int)sizeof(words))
			return;
		memcpy(words, data + PROBE_AT, sizeof(words));
		at = probe_stamp(&m);
		if (words[0] == PROBE_MAGIC && at > words[1] && p->received < p->room)
			p->ns[p->received++] = at - words[1];
	}
}

static int probe_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The time (ns) that so many of a thousand frames took at the most; sorted. */
static unsigned long long probe_quantile(const struct probe *p, size_t thousandths)
{
	return p->received ? p->ns[p->received * thousandths / 1000] : 0;
}

/* Spins between sends: a timer's lateness would be measured instead of the forwarder's. */
static void probe_run(struct probe *p, double rate, double seconds)
{
	uint64_t gap = (uint64_t)(1e9 / rate), next = probe_now(),
		 end = next + (uint64_t)(seconds * 1e9);

	while (next < end) {
		while (probe_now() < next)
			;
		probe_send(p);
		next += gap;
		if (p->sent % 256 == 0)
			probe_collect(p);
	}
	usleep(50000);
	probe_collect(p);
}

int main(int argc, char **argv)
{
	struct probe p = {0};

	if (argc != 9)
		return 2;
	p.in = probe_socket(argv[1], argv[2], 0);
	p.out = probe_socket(argv[3], argv[4], ETH_P_ALL);
	if (p.in < 0 || p.out < 0) {
		fprintf(stderr, "probe: %s\n", strerror(errno));
		return 1;
	}
	p.room = (size_t)(atof(argv[7]) * atof(argv[8])) + 16;
	p.ns = calloc(p.room, sizeof(*p.ns));
	if (!p.ns)
		return 1;
	probe_build(&p, argv[5], argv[6]);
	probe_run(&p, atof(argv[7]), atof(argv[8]));
	qsort(p.ns, p.received, sizeof(*p.ns), probe_compare);
	printf("%zu %zu %llu %llu %llu\n", p.sent, p.received, probe_quantile(&p, 500),
	       probe_quantile(&p, 990), probe_quantile(&p, 999));
	free(p.ns);
	return 0;
}
