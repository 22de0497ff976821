/* SPDX-License-Identifier: ISC */
/*
 * lossy: a hub that loses, doubles and delays frames, where the kernel has no netem.
 *
 *   lossy --loss 5 --duplicate 2 --reorder 10 --delay 5 --seed 1 --udp 4850 PORT PORT ...
 *
 * Every frame that comes in by a port goes out by all others. Per cent; what is reordered waits up
 * to --delay milliseconds while others pass. Says "ready", and at its end (SIGTERM) and when asked
 * (SIGUSR1) one line of JSON with what it did; "lost_udp" are those lost that were to the UDP port
 * of --udp (IPv4).
 */
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <arpa/inet.h>

#define PORTS 8
#define FRAME 2048
#define HELD 4096
#define BATCH 64 /* frames of one port before the others have their turn */

struct held {
	int64_t due; /* us; 0: free */
	int from;
	size_t length;
	uint8_t frame[FRAME];
};

struct hub {
	int ports, fd[PORTS];
	double loss, duplicate, reorder;
	int64_t delay_us;
	uint64_t random;
	uint64_t frames, lost, duplicated, reordered, lost_udp;
	unsigned int udp;
	int holding;
	struct held held[HELD];
};

static volatile sig_atomic_t stopping, asked;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		asked = 1;
	else
		stopping = 1;
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* xorshift64* (Vigna, 2016): 0 to 1. */
static double chance(struct hub *hub)
{
	hub->random ^= hub->random >> 12;
	hub->random ^= hub->random << 25;
	hub->random ^= hub->random >> 27;
	return (double)((hub->random * 0x2545f4914f6cdd1dull) >> 11) / 9007199254740992.0;
}

static int open_port(const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
	int room = 8 << 20;

	at.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		fprintf(stderr, "lossy: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return fd;
}

static void flood(struct hub *hub, int from, const uint8_t *frame, size_t length)
{
	for (int i = 0; i < hub->ports; i++)
		if (i != from && send(hub->fd[i], frame, length, 0) < 0 && errno != EAGAIN &&
		    errno != ENOBUFS && errno != ENETDOWN)
			perror("lossy: send");
}

static bool hold(struct hub *hub, int from, const uint8_t *frame, size_t length)
{
	for (int i = 0; i < HELD; i++) {
		struct held *h = &hub->held[i];

		if (h->due)
			continue;
		h->due = now_us() + 1 + (int64_t)(chance(hub) * (double)hub->delay_us);
		h->from = from;
		h->length = length;
		memcpy(h->frame, frame, length);
		hub->holding++;
		return true;
	}
	return false;
}

/* Untagged IPv4 without options, whole, to the port that is counted. */
static bool is_counted(const struct hub *hub, const uint8_t *frame, size_t length)
{
	return hub->udp && length >= 42 && frame[12] == 8 && !frame[13] && frame[14] == 0x45 &&
	       frame[23] == 17 && frame[36] << 8 == (int)(hub->udp & 0xff00) &&
	       frame[37] == (hub->udp & 0xff);
}

static void take(struct hub *hub, int from, const uint8_t *frame, size_t length)
{
	hub->frames++;
	if (chance(hub) < hub->loss) {
		hub->lost++;
		hub->lost_udp += is_counted(hub, frame, length);
		return;
	}
	if (chance(hub) < hub->duplicate) {
		hub->duplicated++;
		flood(hub, from, frame, length);
	}
	if (chance(hub) < hub->reorder && hold(hub, from, frame, length))
		hub->reordered++;
	else
		flood(hub, from, frame, length);
}

static void receive(struct hub *hub, int from)
{
	struct sockaddr_ll sender;
	socklen_t size = sizeof(sender);
	uint8_t frame[FRAME];
	ssize_t length;

	for (int i = 0; i < BATCH; i++) {
		length = recvfrom(hub->fd[from], frame, sizeof(frame), 0,
				  (struct sockaddr *)&sender, &size);
		if (length <= 0)
			return;
		if (sender.sll_pkttype != PACKET_OUTGOING)
			take(hub, from, frame, (size_t)length);
	}
}

static void release(struct hub *hub)
{
	int64_t now = now_us();

	for (int i = 0; i < HELD && hub->holding; i++) {
		struct held *h = &hub->held[i];

		if (!h->due || h->due > now)
			continue;
		flood(hub, h->from, h->frame, h->length);
		h->due = 0;
		hub->holding--;
	}
}

static void report(const struct hub *hub)
{
	printf("{\"frames\": %llu, \"lost\": %llu, \"duplicated\": %llu, \"reordered\": %llu, "
	       "\"lost_udp\": %llu}\n",
	       (unsigned long long)hub->frames, (unsigned long long)hub->lost,
	       (unsigned long long)hub->duplicated, (unsigned long long)hub->reordered,
	       (unsigned long long)hub->lost_udp);
	fflush(stdout);
}

static void run(struct hub *hub)
{
	struct pollfd fds[PORTS];

	for (int i = 0; i < hub->ports; i++)
		fds[i] = (struct pollfd){.fd = hub->fd[i], .events = POLLIN};
	while (!stopping) {
		poll(fds, (nfds_t)hub->ports, hub->holding ? 1 : 100);
		for (int i = 0; i < hub->ports; i++)
			if (fds[i].revents & POLLIN)
				receive(hub, i);
		release(hub);
		if (asked)
			report(hub);
		asked = 0;
	}
}

static void set_option(struct hub *hub, int which)
{
	double value = atof(optarg);

	switch (which) {
	case 'l':
		hub->loss = value / 100;
		break;
	case 'd':
		hub->duplicate = value / 100;
		break;
	case 'r':
		hub->reorder = value / 100;
		break;
	case 'u':
		hub->udp = (unsigned int)value;
		break;
	case 'w':
		hub->delay_us = (int64_t)(value * 1000);
		break;
	default:
		hub->random = strtoull(optarg, NULL, 10) | 1;
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"loss", required_argument, NULL, 'l'},
		{"duplicate", required_argument, NULL, 'd'},
		{"reorder", required_argument, NULL, 'r'},
		{"delay", required_argument, NULL, 'w'},
		{"seed", required_argument, NULL, 's'},
		{"udp", required_argument, NULL, 'u'},
		{NULL, 0, NULL, 0}};
	struct sigaction action = {.sa_handler = on_signal};
	static struct hub hub = {.random = 88172645463325252ull, .delay_us = 5000};
	int which;

	while ((which = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (which == '?')
			return 2;
		set_option(&hub, which);
	}
	for (; optind < argc && hub.ports < PORTS; optind++)
		hub.fd[hub.ports++] = open_port(argv[optind]);
	if (hub.ports < 2) {
		fputs("usage: lossy [--loss %] [--duplicate %] [--reorder %] [--delay ms] "
		      "[--seed n] [--udp port] PORT PORT ...\n",
		      stderr);
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	puts("ready");
	fflush(stdout);
	run(&hub);
	report(&hub);
	return 0;
}
