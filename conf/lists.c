/* SPDX-License-Identifier: ISC */
/* Addresses, interfaces, lists of them, and where a device stands. */
#include <net/if.h>
#include <string.h>

#include "conf/address.h"
#include "conf/problem.h"
#include "conf/units.h"
#include "conf/values.h"

#define LIST_MAX 64 /* items of one value: nobody writes more by hand */

char **value_items(const char *text)
{
	GPtrArray *items = g_ptr_array_new();
	char **words = g_strsplit_set(text, " \t\v\f\r,", -1);

	for (char **word = words; *word && !value_is_none(text); word++)
		if (**word)
			g_ptr_array_add(items, g_strdup(*word));
	g_strfreev(words);
	g_ptr_array_add(items, NULL);
	return (char **)g_ptr_array_free(items, FALSE);
}

/* Call ONE for every item of the value. */
static void each_item(const struct value *value,
		      void (*one)(const struct value *value, const char *item))
{
	char **items = value_items(value->text);

	if (!*items && !value_is_none(value->text))
		value_wrong(value, "write %s%s", value->key->example,
			    value->key->required ? "" : ", or leave the key out");
	if (g_strv_length(items) > LIST_MAX)
		value_wrong(value, "write %d items or fewer", LIST_MAX);
	else
		for (char **item = items; *item; item++)
			one(value, *item);
	g_strfreev(items);
}

static void separate(GString *out, guint index)
{
	if (index)
		g_string_append_c(out, ' ');
}

static void print_none_if_empty(GString *out, guint length)
{
	if (!length)
		g_string_append(out, "none");
}

/* Is the host part of an IPv4 prefix all zeros or all ones? Point-to-point links have neither. */
static bool is_net_or_broadcast(const struct config_address *prefix)
{
	uint32_t host, mask;

	if (!IN6_IS_ADDR_V4MAPPED(&prefix->address) || prefix->length > 126)
		return false;
	mask = UINT32_MAX >> (prefix->length - 96);
	host = ntohl(prefix->address.s6_addr32[3]) & mask;
	return !host || host == mask;
}

static void add_prefix(const struct value *value, const char *item)
{
	GArray *prefixes = *(GArray **)value->field;
	struct config_address prefix;

	if (address_prefix_parse(item, &prefix)) {
		if (!address_parse(item, &prefix.address))
			value_wrong(value, "%s has no prefix length: write %s/%s", item, item,
				    strchr(item, ':') ? "64" : "24");
		else
			value_wrong(value,
				    "'%.64s' is no address with prefix length: write "
				    "192.0.2.1/24 or 2001:db8::1/64",
				    item);
	} else if (!address_is_host(&prefix.address)) {
		value_wrong(value, "%s is no address a host can have", item);
	} else if (is_net_or_broadcast(&prefix)) {
		value_wrong(value, "%s is the network or its broadcast: write an address in it",
			    item);
	} else {
		g_array_append_val(prefixes, prefix);
	}
}

static void parse_prefixes(const struct value *value)
{
	each_item(value, add_prefix);
}

static void print_prefixes(const struct key *key, const void *field, GString *out)
{
	const GArray *prefixes = *(GArray *const *)field;

	(void)key;
	print_none_if_empty(out, prefixes->len);
	for (guint i = 0; i < prefixes->len; i++) {
		separate(out, i);
		address_prefix_print(out, &g_array_index(prefixes, struct config_address, i));
	}
}

const struct value_kind value_prefixes = {parse_prefixes, print_prefixes};

/* An address alone is a network of one. */
static int parse_network(const char *item, struct config_address *out)
{
	out->length = 128;
	return address_parse(item, &out->address) ? address_prefix_parse(item, out) : 0;
}

static void add_network(const struct value *value, const char *item)
{
	struct config_address network, first;
	GString *text = g_string_new(NULL);

	if (parse_network(item, &network)) {
		value_wrong(value, "'%.64s' is no network: write one such as %s", item,
			    value->key->example);
		goto out;
	}
	first = network;
	address_network(&first);
	address_prefix_print(text, &first);
	if (!IN6_ARE_ADDR_EQUAL(&first.address, &network.address))
		value_wrong(value, "%s is an address in a network: write %s", item, text->str);
	else if (!address_is_host(&first.address))
		value_wrong(value, "no host can have an address in %s", item);
	else
		g_array_append_val(*(GArray **)value->field, network);
out:
	g_string_free(text, TRUE);
}

static void parse_networks(const struct value *value)
{
	each_item(value, add_network);
}

const struct value_kind value_networks = {parse_networks, print_prefixes};

/* Read ITEM as the address of a host; complains otherwise. */
static bool take_address(const struct value *value, const char *item, struct in6_addr *address)
{
	struct config_address prefix;

	if (!address_prefix_parse(item, &prefix))
		value_wrong(value, "%s: write the address without its prefix length", item);
	else if (address_parse(item, address))
		value_wrong(value, "'%.64s' is no address: write one such as %s", item,
			    value->key->example);
	else if (!address_is_host(address))
		value_wrong(value, "%s is no address a host can have", item);
	else
		return true;
	return false;
}

static void add_address(const struct value *value, const char *item)
{
	struct in6_addr address;

	if (take_address(value, item, &address))
		g_array_append_val(*(GArray **)value->field, address);
}

static void parse_addresses(const struct value *value)
{
	each_item(value, add_address);
}

static void print_addresses(const struct key *key, const void *field, GString *out)
{
	const GArray *addresses = *(GArray *const *)field;

	(void)key;
	print_none_if_empty(out, addresses->len);
	for (guint i = 0; i < addresses->len; i++) {
		separate(out, i);
		address_print(out, &g_array_index(addresses, struct in6_addr, i));
	}
}

const struct value_kind value_addresses = {parse_addresses, print_addresses};

static bool is_station(const struct config_mac *mac)
{
	static const struct config_mac zero;

	return !(mac->bytes[0] & 1) && memcmp(mac, &zero, sizeof(zero));
}

static void parse_mac(const struct value *value)
{
	struct config_mac mac;

	if (address_mac_parse(value->text, &mac))
		value_wrong(value, "write a MAC such as %s, or leave the key out",
			    value->key->example);
	else if (!is_station(&mac))
		value_wrong(value, "no station can have this MAC: write a unicast one");
	else
		*(struct config_mac *)value->field = mac;
}

static void print_mac(const struct key *key, const void *field, GString *out)
{
	(void)key;
	address_mac_print(out, field);
}

const struct value_kind value_mac = {parse_mac, print_mac};

bool value_is_interface(const struct value *value, const char *text)
{
	size_t length = strlen(text);

	if (length >= IFNAMSIZ)
		value_wrong(value, "'%.64s' has %zu characters: an interface name has at most %d",
			    text, length, IFNAMSIZ - 1);
	else if (!length || strpbrk(text, "/: \t\v\f\r,#") || !strcmp(text, ".") ||
		 !strcmp(text, "..") || value_is_none(text))
		value_wrong(value, "'%s' is no interface name: write one such as eth0", text);
	else
		return true;
	return false;
}

static void parse_interface(const struct value *value)
{
	char **field = value->field;

	if (!value_is_interface(value, value->text))
		return;
	g_free(*field);
	*field = g_strdup(value->text);
}

static void print_interface(const struct key *key, const void *field, GString *out)
{
	(void)key;
	g_string_append(out, *(char *const *)field);
}

const struct value_kind value_interface = {parse_interface, print_interface};

static void add_interface(const struct value *value, const char *item)
{
	if (value_is_interface(value, item))
		g_ptr_array_add(*(GPtrArray **)value->field, g_strdup(item));
}

static void parse_interfaces(const struct value *value)
{
	each_item(value, add_interface);
}

static void print_strings(const struct key *key, const void *field, GString *out)
{
	const GPtrArray *strings = *(GPtrArray *const *)field;

	(void)key;
	print_none_if_empty(out, strings->len);
	for (guint i = 0; i < strings->len; i++) {
		separate(out, i);
		g_string_append(out, g_ptr_array_index(strings, i));
	}
}

const struct value_kind value_interfaces = {parse_interfaces, print_strings};

/* ITEM in its one spelling, with the default port where it has none; NULL: complained. */
static char *take_endpoint(const struct value *value, const char *item)
{
	uint16_t port = (uint16_t)value->key->min;
	struct in6_addr address;
	GString *out = g_string_new(NULL);

	if (address_endpoint_parse(item, &address, &port)) {
		value_wrong(value, "'%.64s' is no address and port: write %s or [2001:db8::1]:%u",
			    item, value->key->example, port);
		g_string_free(out, TRUE);
		return NULL;
	}
	address_endpoint_print(out, &address, port);
	return g_string_free(out, FALSE);
}

static void parse_endpoint(const struct value *value)
{
	char **field = value->field, *endpoint = NULL;

	if (!value_is_none(value->text)) {
		endpoint = take_endpoint(value, value->text);
		if (!endpoint)
			return;
	}
	g_free(*field);
	*field = endpoint;
}

static void print_endpoint(const struct key *key, const void *field, GString *out)
{
	const char *endpoint = *(char *const *)field;

	(void)key;
	g_string_append(out, endpoint ? endpoint : "none");
}

const struct value_kind value_endpoint = {parse_endpoint, print_endpoint};

/* Others must be able to send to it, so it is not "any". */
static void add_endpoint(const struct value *value, const char *item)
{
	char *endpoint = take_endpoint(value, item);

	if (endpoint &&
	    (g_str_has_prefix(endpoint, "0.0.0.0:") || g_str_has_prefix(endpoint, "[::]:"))) {
		value_wrong(value, "%s is no address to send to: write %s", item,
			    value->key->example);
		g_free(endpoint);
	} else if (endpoint) {
		g_ptr_array_add(*(GPtrArray **)value->field, endpoint);
	}
}

static void parse_endpoints(const struct value *value)
{
	each_item(value, add_endpoint);
}

const struct value_kind value_endpoints = {parse_endpoints, print_strings};

static void attach_vlan(const struct value *value, const char *text)
{
	struct config_attachment *at = value->field;
	uint64_t n;

	if (units_number(text, &n) || n < 1 || n > 4094)
		value_wrong(value, "vlan:%.20s: write vlan:1 to vlan:4094", text);
	else if (at->vlan != -1)
		value_wrong(value, "write one vlan: a device's frames carry one tag");
	else
		at->vlan = (int)n;
}

static void attach_port(const struct value *value, const char *text)
{
	struct config_attachment *at = value->field;

	if (!value_is_interface(value, text))
		return;
	if (at->port)
		value_wrong(value, "write one port: a device is on one");
	else
		at->port = g_strdup(text);
}

static void attach_station(const struct value *value, const char *item)
{
	struct config_attachment *at = value->field;
	struct in6_addr address;
	struct config_mac mac;

	if (!address_mac_parse(item, &mac)) {
		if (is_station(&mac))
			g_array_append_val(at->macs, mac);
		else
			value_wrong(value, "%s: no station can have this MAC", item);
	} else if (strpbrk(item, ".:/") && g_ascii_isxdigit(*item)) {
		if (take_address(value, item, &address))
			g_array_append_val(at->addresses, address);
	} else {
		value_wrong(value, "'%.64s': write an address, a MAC, vlan:N or port:NAME", item);
	}
}

static void attach(const struct value *value, const char *item)
{
	if (g_str_has_prefix(item, "vlan:"))
		attach_vlan(value, item + strlen("vlan:"));
	else if (g_str_has_prefix(item, "port:"))
		attach_port(value, item + strlen("port:"));
	else
		attach_station(value, item);
}

static void parse_attachment(const struct value *value)
{
	each_item(value, attach);
}

static void print_attachment(const struct key *key, const void *field, GString *out)
{
	const struct config_attachment *at = field;
	gsize begin = out->len;

	(void)key;
	for (guint i = 0; i < at->addresses->len; i++) {
		separate(out, i);
		address_print(out, &g_array_index(at->addresses, struct in6_addr, i));
	}
	for (guint i = 0; i < at->macs->len; i++) {
		separate(out, out->len > begin);
		address_mac_print(out, &g_array_index(at->macs, struct config_mac, i));
	}
	if (at->vlan != -1)
		g_string_append_printf(out, "%svlan:%d", out->len > begin ? " " : "", at->vlan);
	if (at->port)
		g_string_append_printf(out, "%sport:%s", out->len > begin ? " " : "", at->port);
}

const struct value_kind value_attachment = {parse_attachment, print_attachment};
