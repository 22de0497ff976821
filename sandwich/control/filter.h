/* SPDX-License-Identifier: ISC */
/*
 * Which sessions an operator means: device= client= server= port= protocol= origin=
 *
 * Addresses may have a prefix length (client=192.0.2.0/24). Several filters must all match.
 * session_filter_match() itself is in sandwich/run/balancer.h.
 *
 * Thread: main.
 */
#ifndef SANDWICH_CONTROL_FILTER_H
#define SANDWICH_CONTROL_FILTER_H

#include "sandwich/run/balancer.h"

/* True when TEXT has the form of a filter (KEY=...). */
bool filter_is(const char *text);

/*
 * Adds one filter to FILTER. 0, -EINVAL (not such a filter or value), or -ENOENT (no such device);
 * then *WHY (g_free() it) says what to write.
 */
int filter_parse(struct session_filter *filter, struct farm *farm, const char *text, char **why)
	__attribute__((warn_unused_result));

/* An address, or with LENGTH not NULL a prefix too; *LENGTH is of 128. 0 or -EINVAL. */
int filter_parse_address(const char *text, struct address *out, u8 *length)
	__attribute__((warn_unused_result));

/* Who opened the conversation, and with whom. */
void session_ends(const struct slot *s, const struct address **client,
		  const struct address **server, be16 *client_port, be16 *server_port);

#endif
