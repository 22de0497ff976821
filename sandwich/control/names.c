// SPDX-License-Identifier: ISC
#include "sandwich/control/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandwich/core/session.h"

static const char *const names_reasons[][2] = {
#define REASON(name, json, text) {json, text},
	CORE_REASONS(REASON)
#undef REASON
};

static const char *const names_counters[][2] = {
#define COUNTER(name, json, text) {json, text},
	CORE_COUNTERS(COUNTER)
#undef COUNTER
};

static const char *const names_states_tcp[SESSION_STATES] = {
	"syn", "opening", "established", "closing", "closing", "closed", "reset",
	"moved",
};
static const char *const names_origins[ORIGINS] = {"hash", "learned", "synced", "pinned",
						   "expected", "pool"};
static const char *const names_pins[PIN_ORIGINS] = {"learned", "swept",    "operator",
						    "synced",  "expected", "host",
						    "tunnel",  "shared"};

static const struct {
	u8 number;
	const char *name;
} names_protocols[] = {
	{PROTOCOL_TCP, "tcp"},
	{PROTOCOL_UDP, "udp"},
	{PROTOCOL_ICMP, "icmp"},
	{PROTOCOL_ICMPV6, "icmpv6"},
	{PROTOCOL_SCTP, "sctp"},
	{PROTOCOL_ESP, "esp"},
	{PROTOCOL_AH, "ah"},
	{47, "gre"},
	{4, "ipip"},
	{41, "ipv6"},
	{PROTOCOL_DCCP, "dccp"},
	{PROTOCOL_UDPLITE, "udplite"},
	{2, "igmp"},
	{89, "ospf"},
	{103, "pim"},
	{112, "vrrp"},
	{115, "l2tp"},
};

const char *names_reason(u8 reason)
{
	return reason < REASONS ? names_reasons[reason][0] : "?";
}

const char *names_reason_text(u8 reason)
{
	return reason < REASONS ? names_reasons[reason][1] : "?";
}

const char *names_counter(u8 counter)
{
	return counter < COUNTERS ? names_counters[counter][0] : "?";
}

const char *names_counter_text(u8 counter)
{
	return counter < COUNTERS ? names_counters[counter][1] : "?";
}

const char *names_state(u8 protocol, u8 state)
{
	if (protocol == PROTOCOL_TCP)
		return state < SESSION_STATES ? names_states_tcp[state] : "?";
	if (state == SESSION_MOVED)
		return "moved";
	return state == SESSION_NEW ? "new" : "replied";
}

const char *names_origin(u8 origin)
{
	return origin < ORIGINS ? names_origins[origin] : "?";
}

const char *names_pin(u8 origin)
{
	return origin < PIN_ORIGINS ? names_pins[origin] : "?";
}

const char *names_protocol(char *text, u8 protocol)
{
	snprintf(text, NAMES_PROTOCOL, "%u", protocol);
	for (size_t i = 0; i < sizeof(names_protocols) / sizeof(*names_protocols); i++)
		if (names_protocols[i].number == protocol)
			snprintf(text, NAMES_PROTOCOL, "%s", names_protocols[i].name);
	return text;
}

int names_parse_protocol(const char *text, u8 *protocol)
{
	unsigned long number;
	char *end;

	for (size_t i = 0; i < sizeof(names_protocols) / sizeof(*names_protocols); i++) {
		if (strcasecmp(text, names_protocols[i].name))
			continue;
		*protocol = names_protocols[i].number;
		return 0;
	}
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *end || number > 255)
		return -EINVAL;
	*protocol = (u8)number;
	return 0;
}

int names_parse_origin(const char *text, u8 *origin)
{
	for (u8 i = 0; i < ORIGINS; i++) {
		if (strcmp(text, names_origins[i]))
			continue;
		*origin = i;
		return 0;
	}
	return -EINVAL;
}

void names_mac(char *text, const struct mac *mac)
{
	snprintf(text, NAMES_MAC, "%02x:%02x:%02x:%02x:%02x:%02x", mac->byte[0], mac->byte[1],
		 mac->byte[2], mac->byte[3], mac->byte[4], mac->byte[5]);
}

/* Prefixes of IPv4 are at least 96 long; a default route of either family is /0 there. */
void names_address(char *text, const struct address *address, u8 length)
{
	bool v4 = address_is_v4(address) && length >= 96;
	const u8 *bytes = (const u8 *)address;
	size_t used;

	if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + 12 : bytes, text, NAMES_ADDRESS))
		*text = '\0';
	used = strlen(text);
	if (length < 128)
		snprintf(text + used, NAMES_ADDRESS - used, "/%u", v4 ? length - 96u : length);
}
