/* SPDX-License-Identifier: ISC */
/*
 * News of the machine's interfaces by rtnetlink: carrier, MTU, gone, back. What the news is, who
 * hears of it looks up: a lost message costs no more than the time until the next look.
 *
 * Thread: main (GLib's default context).
 */
#ifndef SANDWICH_SLOWPATH_LINKS_H
#define SANDWICH_SLOWPATH_LINKS_H

struct links;

/* CHANGED is called upon every batch of news, of whatever interface. 0 or -errno. */
int links_open(struct links **out, void (*changed)(void *user), void *user)
	__attribute__((warn_unused_result));
void links_close(struct links *l);

#endif
