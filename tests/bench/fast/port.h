/* SPDX-License-Identifier: ISC */
/*
 * A live port whose XDP program is changed while frames run.
 *
 * Whoever has put a program there goes on owning it: what is found there, by whichever way it was
 * attached, is what port_put() goes back to.
 */
#ifndef TESTS_BENCH_FAST_PORT_H
#define TESTS_BENCH_FAST_PORT_H

struct port {
	int ifindex;
	int link;    /* the BPF link that is there; -1: attached by netlink */
	int program; /* what was there */
	int now;
};

/* Finds out what is on the interface, in the caller's network namespace. 0 or -errno. */
int port_find(struct port *p, const char *interface) __attribute__((warn_unused_result));

/* Puts PROGRAM (a descriptor) there in place of what is there now. 0 or -errno. */
int port_put(struct port *p, int program) __attribute__((warn_unused_result));

/* Puts back what was there, and forgets the port. */
void port_leave(struct port *p);

#endif
