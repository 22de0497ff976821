/* SPDX-License-Identifier: ISC */
/*
 * What asker and answerer share: the message, the clock, epoll.
 *
 * Errors that leave nothing to do end the process: this is a test tool, and its parent reads why.
 */
#ifndef TOPO_TRAFFIC_TALK_H
#define TOPO_TRAFFIC_TALK_H

#include <signal.h>
#include <stdint.h>

enum {
	MAGIC = 0x73776368,
	ANSWER_MAX = 16384,
	EVENTS = 256, /* of one epoll_wait() */
};

/* What both sides send first: the request is nothing else, the answer has bytes after it. */
struct message {
	uint32_t magic;
	uint32_t sequence;
	uint32_t answer; /* bytes of the answer, with this header */
};

/* Set by SIGTERM and SIGINT. */
extern volatile sig_atomic_t stopping;

/* Milliseconds of a clock that only goes forward. */
int64_t now_ms(void);

/* perror(WHAT) and the end. */
void die(const char *what) __attribute__((noreturn));

/* Watch FD for EVENTS (again, with others, when it is watched already). */
void watch(int epoll, int fd, uint32_t events, uint64_t tag);

/* Answer questions on PORT, TCP and UDP, IPv4 and IPv6, until stopping. Returns the exit status. */
int answer_questions(int port);

#endif
