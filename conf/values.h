/* SPDX-License-Identifier: ISC */
/*
 * The kinds of values that the tables of keys.c are made of. Each complains about what it cannot
 * use with what to write instead, and leaves its field at the default then.
 *
 * Constant data. Thread: any.
 */
#ifndef CONF_VALUES_H
#define CONF_VALUES_H

#include "conf/config.h"
#include "conf/keys.h"

/* values.c: single values; the type of the field in brackets */
extern const struct value_kind value_name;     /* [char *] letters, digits, - _ . */
extern const struct value_kind value_file;     /* [char *] absolute path, or none */
extern const struct value_kind value_word;     /* [enum] one of key->words */
extern const struct value_kind value_bool;     /* [bool] on, off */
extern const struct value_kind value_disabled; /* [bool] enabled, disabled */
extern const struct value_kind value_number;   /* [unsigned int] min..max; 0 prints "none" */
extern const struct value_kind value_count;    /* [unsigned int] the same with k and M */
extern const struct value_kind value_slots;    /* [unsigned int] rounded up to a power of two */
extern const struct value_kind value_seconds;  /* [unsigned int] a duration, whole seconds */
extern const struct value_kind value_pace;     /* [struct config_pace] min ms; off: count 0 */
extern const struct value_kind value_port;     /* [uint16_t] */
extern const struct value_kind value_vlan;     /* [int] 1..4094, none, keep */
extern const struct value_kind value_always;   /* no field: on, and nothing else */

/* lists.c: addresses, interfaces and lists of them */
extern const struct value_kind value_prefixes;   /* [GArray of struct config_address] */
extern const struct value_kind value_networks;   /* [GArray of struct config_address] */
extern const struct value_kind value_addresses;  /* [GArray of struct in6_addr] */
extern const struct value_kind value_mac;        /* [struct config_mac] */
extern const struct value_kind value_interface;  /* [char *] */
extern const struct value_kind value_interfaces; /* [GPtrArray of char *] */
extern const struct value_kind value_endpoint;   /* [char *] "address:port"; min: default port */
extern const struct value_kind value_endpoints;  /* [GPtrArray of char *] the same */
extern const struct value_kind value_attachment; /* [struct config_attachment] */

/* targets.c: the checks of [health]; min: the detector */
extern const struct value_kind value_checks; /* [GPtrArray of struct config_check] */

/* scripts.c: those of [health] that are programs */
extern const struct value_kind value_scripts; /* [GPtrArray of struct config_check] */

/* tunnels.c: affinity = tunnel */
extern const struct value_kind value_tunnels;   /* [struct config_tunnels] */
extern const struct value_kind value_quic_lb;   /* [struct config_quic_lb] "config id/bytes" */
extern const struct value_kind value_server_id; /* [struct config_server_id] hexadecimal */

/* Helpers these files share. */

/* "KEY = TEXT: what is wrong", at the value's line. */
void value_wrong(const struct value *value, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Does TEXT say that there is nothing: none or off? */
bool value_is_none(const char *text);

/* The items of a list, split at space and commas; none: empty. g_strfreev() it. */
char **value_items(const char *text);

/* TEXT is a name that an interface can have; complains otherwise. */
bool value_is_interface(const struct value *value, const char *text);

/* Check that PACE is sane and not quicker than MIN ms; complains otherwise. */
bool value_pace_ok(const struct value *value, const struct config_pace *pace, guint64 min);

#endif
