/* SPDX-License-Identifier: ISC */
/*
 * The client: its conversations, and what is known of each.
 *
 * One thread; struct client owns all of it until the process ends. Times are milliseconds of
 * now_ms().
 */
#ifndef TOPO_TRAFFIC_ASKER_H
#define TOPO_TRAFFIC_ASKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	ADDRESSES_MAX = 256,
	TICK_MS = 10,
	RETRY_MS = 50,  /* between attempts to open again */
	STALL_MS = 200, /* a question this old makes its second a stalled one */
	SECONDS_MAX = 1024,
	OUTAGE_GAP_MS = 1500, /* failures further apart are two outages */
	OPEN_BURST = 64,      /* opened in one tick: no SYN flood of our own making */
};

enum state { IDLE, OPENING, OPEN, FAILED, BROKEN };

struct conversation {
	int fd;
	enum state state;
	bool udp;
	int from, to; /* indices of addresses */
	int error;    /* errno that broke it */
	uint32_t sequence;
	uint32_t got; /* bytes of the present answer that came (TCP) */
	uint32_t wanted;
	uint32_t answered;
	int64_t began;   /* when opening began */
	int64_t asked;   /* when the oldest unanswered request was sent; 0: none */
	int64_t next;    /* when to ask again */
	int64_t longest; /* longest time from a question to the next answer, ms */
	int64_t opening; /* time to the first answer: not part of longest, ms */
	uint16_t port;   /* local */
	uint32_t reopened;
};

struct options {
	const char *from, *to;
	int port, tcp, udp, seconds, report_ms, patience_ms, answer, big_answer, big_every, fresh;
	double rate;
	bool detail, reopen;
};

struct client {
	struct options options;
	struct sockaddr_storage from[ADDRESSES_MAX], to[ADDRESSES_MAX];
	int froms, tos, pairs;
	int epoll;
	struct conversation *conversations; /* the lasting ones, then the slots of short ones */
	int lasting, total;
	int64_t began, deadline, reported;
	uint32_t stalls[SECONDS_MAX]; /* conversations that stalled in that second */
	int64_t stalled_second;
	uint8_t *stalled; /* by conversation: counted in this second */
	/* short conversations */
	double fresh_credit;
	uint64_t fresh_tried, fresh_failed;
	int fresh_turn;
	int64_t failing_from, failing_to, fresh_longest; /* by the time of their beginning */
};

/* Read the addresses of OPTIONS and make room for all conversations. */
void asker_init(struct client *client, const struct options *options);

/* Something came for one of the conversations. */
void asker_event(struct client *client, const struct epoll_event *event, int64_t now);

/* Every TICK_MS: open, ask, give up. */
void asker_tick(struct client *client, int64_t now);

/* One line of JSON; the FINAL one has the stalls, and the conversations if options.detail is set.
 */
void asker_report(struct client *client, int64_t now, bool final);

/* The size of an address for the socket calls. */
socklen_t address_size(const struct sockaddr_storage *address);

#endif
