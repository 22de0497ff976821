/* SPDX-License-Identifier: ISC */
/*
 * Addresses as the config file writes them. IPv4 is held as IPv4-mapped IPv6 everywhere.
 *
 * The parsers return 0 or -EINVAL and leave their result alone then; the printers append what the
 * parsers read back as the same value. No state. Thread: any.
 */
#ifndef CONF_ADDRESS_H
#define CONF_ADDRESS_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct config_address;
struct config_mac;

/* 192.0.2.1 or 2001:db8::1. An IPv4-mapped IPv6 address is refused: IPv4 has one spelling. */
int address_parse(const char *text, struct in6_addr *out) __attribute__((warn_unused_result));
void address_print(GString *out, const struct in6_addr *address);

/* An address, '/' and a prefix length; a length of 0 is refused, no link is that large. */
int address_prefix_parse(const char *text, struct config_address *out)
	__attribute__((warn_unused_result));
void address_prefix_print(GString *out, const struct config_address *prefix);

/* 192.0.2.1:80, [2001:db8::1]:80, or an address alone: *PORT (host byte order) stays then. */
int address_endpoint_parse(const char *text, struct in6_addr *out, uint16_t *port)
	__attribute__((warn_unused_result));
void address_endpoint_print(GString *out, const struct in6_addr *address, uint16_t port);

/* 02:73:00:00:00:01 */
int address_mac_parse(const char *text, struct config_mac *out) __attribute__((warn_unused_result));
void address_mac_print(GString *out, const struct config_mac *mac);

/* Can one host have it: not unspecified, loopback, multicast or broadcast. */
bool address_is_host(const struct in6_addr *address);

/* The network that PREFIX is in: the bits behind its length are zero. */
void address_network(struct config_address *prefix);

/* Do the first LENGTH bits agree? */
bool address_same_net(const struct in6_addr *a, const struct in6_addr *b, unsigned int length);

#endif
