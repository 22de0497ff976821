/* SPDX-License-Identifier: ISC */
/*
 * What the engine's numbers are called in JSON, tables and control words. Names never change once
 * released.
 *
 * Constant data. Thread: any.
 */
#ifndef SANDWICH_CONTROL_NAMES_H
#define SANDWICH_CONTROL_NAMES_H

#include "sandwich/core/reason.h"
#include "sandwich/core/types.h"

#define NAMES_MAC      18 /* bytes a MAC takes, with its NUL */
#define NAMES_ADDRESS  52 /* an address with its prefix length */
#define NAMES_PROTOCOL 16

const char *names_reason(u8 reason);      /* "to_device" */
const char *names_reason_text(u8 reason); /* for a person */
const char *names_counter(u8 counter);    /* "learned_total" */
const char *names_counter_text(u8 counter);
const char *names_state(u8 protocol, u8 state); /* of a session: "syn", "established", "replied" */
const char *names_origin(u8 origin);            /* of a session: "hash", "learned" */
const char *names_pin(u8 origin);               /* of a pin: "learned", "swept" */

/* "tcp", or the number where there is no short name. TEXT has NAMES_PROTOCOL bytes; returns it. */
const char *names_protocol(char *text, u8 protocol);

/* The other ways round: 0, or -EINVAL. */
int names_parse_protocol(const char *text, u8 *protocol) __attribute__((warn_unused_result));
int names_parse_origin(const char *text, u8 *origin) __attribute__((warn_unused_result));

void names_mac(char *text, const struct mac *mac);
void names_address(char *text, const struct address *address, u8 length);

#endif
