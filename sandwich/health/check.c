/* SPDX-License-Identifier: ISC */
#include "sandwich/health/check.h"

#include <arpa/inet.h>
#include <string.h>

#include "conf/address.h"

#define FIRST_MS 50 /* after the start: time for the resolver */

static const struct check_kind *const kinds[CONFIG_DETECTORS] = {
	[CONFIG_DETECT_ARP] = &check_arp,
	[CONFIG_DETECT_ICMP] = &check_icmp,
	[CONFIG_DETECT_TCP] = &check_tcp,
	[CONFIG_DETECT_HTTP] = &check_http,
	[CONFIG_DETECT_IKE] = &check_ike,
	[CONFIG_DETECT_SCRIPT] = &check_script,
};

void check_address_text(const struct address *a, char *out)
{
	const u8 *bytes = (const u8 *)a;

	if (address_is_v4(a))
		inet_ntop(AF_INET, bytes + 12, out, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, bytes, out, INET6_ADDRSTRLEN);
}

static bool is_each(const struct config_check *c)
{
	return IN6_IS_ADDR_UNSPECIFIED(&c->address);
}

/* Whose */

static bool attachment_has(const struct config_attachment *at, const struct in6_addr *address)
{
	for (guint i = 0; i < at->addresses->len; i++)
		if (IN6_ARE_ADDR_EQUAL(&g_array_index(at->addresses, struct in6_addr, i), address))
			return true;
	return false;
}

static bool check_owned(const struct config *config, const struct config_check *c)
{
	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);

		for (int side = 0; side < CONFIG_SIDES; side++)
			if (attachment_has(&d->at[side], &c->address))
				return true;
	}
	return false;
}

bool checks_valid(const struct config *config)
{
	bool valid = check_scripts_valid(config);

	for (guint i = 0; i < config->health.checks->len; i++) {
		const struct config_check *c = g_ptr_array_index(config->health.checks, i);
		char text[INET6_ADDRSTRLEN];
		struct address address;

		if (is_each(c) || check_owned(config, c))
			continue;
		memcpy(&address, &c->address, sizeof(address));
		check_address_text(&address, text);
		g_warning("[health] %s = %s: no device has that address",
			  config_detector_name(c->kind), text);
		valid = false;
	}
	return valid;
}

/* Asking */

static gboolean check_tick(gpointer data);

static void check_arm(struct check *c, u32 ms)
{
	c->due = (u64)g_get_monotonic_time() + ms * 1000ull;
	c->timer = g_timeout_add(ms, check_tick, c);
}

void check_done(struct check *c, bool ok, const char *why, u32 rtt_us)
{
	c->pending = false;
	state_result(engine_state(c->owner->engine), c->tracker, ok, why, rtt_us,
		     (u64)g_get_monotonic_time());
}

/* Ours in the target's subnet, else any of its family. */
static bool check_source(const struct check *c, struct address *out)
{
	const GArray *sources = c->owner->sources;
	struct in6_addr target;
	bool found = false;

	memcpy(&target, &c->target, sizeof(target));
	for (guint i = 0; i < sources->len; i++) {
		const struct config_address *s = &g_array_index(sources, struct config_address, i);
		bool near = address_same_net(&s->address, &target, s->length);
		struct address a;

		memcpy(&a, &s->address, sizeof(a));
		if (address_is_v4(&a) != address_is_v4(&c->target) || (found && !near))
			continue;
		*out = a;
		found = true;
		if (near)
			break;
	}
	return found;
}

bool check_way(struct check *c, struct datagram *d, u8 *port)
{
	const struct health_ops *ops = c->owner->ops;
	u16 vlan;

	*d = (struct datagram){.mac_src = c->owner->farm_mac, .dst = c->target};
	if (!check_source(c, &d->src)) {
		check_done(c, false, "we have no farm address of its family", 0);
		return false;
	}
	if (!ops->hop(ops->user, c->device, &d->mac_dst, port, &vlan)) {
		check_done(c, false, "its MAC is not known", 0);
		return false;
	}
	datagram_tag(d, vlan);
	return true;
}

static void check_abandon(struct check *c)
{
	if (c->pending && c->kind->abandon)
		c->kind->abandon(c);
	c->pending = false;
}

/* What is still open has failed, unless our own loop was late: then its answer may be waiting. */
static void check_timeout(struct check *c, u64 now)
{
	bool late = now > c->due + c->interval_ms * 500ull;
	char why[64];

	if (!c->pending)
		return;
	check_abandon(c);
	if (late)
		return;
	g_snprintf(why, sizeof(why), "no answer in %u ms", c->interval_ms);
	check_done(c, false, why, 0);
}

static gboolean check_tick(gpointer data)
{
	struct check *c = data;
	u64 now = (u64)g_get_monotonic_time();

	if (c->pending && c->kind->patient) {
		check_arm(c, MAX(c->interval_ms / 10, 10));
		return G_SOURCE_REMOVE;
	}
	check_timeout(c, now);
	check_arm(c, c->interval_ms);
	c->pending = true;
	c->asked = now;
	c->kind->ask(c);
	return G_SOURCE_REMOVE;
}

/* Life */

static void check_free(gpointer data)
{
	struct check *c = data;

	check_abandon(c);
	if (c->timer)
		g_source_remove(c->timer);
	g_free(c->url_path);
	g_strfreev(c->argv);
	g_strfreev(c->envp);
	g_free(c);
}

static struct tracker *check_tracker(struct checks *owner, const struct check *c,
				     const struct config_check *config, unsigned int rise, u64 now)
{
	u64 interval = config->pace.interval_ms * 1000ull;
	struct state_pace pace = {
		.interval = interval,
		.window = interval * config->pace.count + interval,
		.rise = rise,
		.fall = config->pace.count,
	};
	char address[INET6_ADDRSTRLEN], *key, *what;
	struct tracker *t;

	if (c->kind->patient) /* where many wait their turn results come late */
		pace.window *= 10;
	check_address_text(&c->target, address);
	what = c->argv ? g_strjoinv(" ", c->argv) : g_strdup(c->url_path);
	key = g_strdup_printf("[%s]:%u%s", address, c->port, what ? what : "");
	t = state_add(engine_state(owner->engine), c->device, config->kind, key, &pace, now);
	g_free(key);
	g_free(what);
	return t;
}

static void check_add(struct checks *owner, const struct health_setup *setup,
		      const struct config_device *device, const struct in6_addr *target,
		      const struct config_check *config, u64 now)
{
	struct check *c = g_new0(struct check, 1);

	c->owner = owner;
	c->kind = kinds[config->kind];
	c->device = (u8)device->id;
	memcpy(&c->target, target, sizeof(c->target));
	c->port = config->port;
	c->url_path = g_strdup(config->url_path);
	c->interval_ms = MAX(config->pace.interval_ms, 1);
	c->id = owner->next_id++;
	c->token = (u64)g_random_int() << 32 | g_random_int();
	if (config->argv) {
		c->argv = g_strdupv(config->argv);
		c->envp = check_script_environment(setup, device);
		c->timeout_ms = config->timeout_ms;
	}
	c->tracker = check_tracker(owner, c, config, setup->config->health.rise, now);
	check_arm(c, FIRST_MS);
	g_ptr_array_add(owner->list, c);
}

/* The device's own target of this check on our side, or NULL: it has none, or is not meant. */
static const struct in6_addr *check_target(const struct config_device *d, enum config_side_id side,
					   const struct config_check *c)
{
	static const struct in6_addr none = IN6ADDR_ANY_INIT;
	const GArray *addresses = d->at[side].addresses;

	if (!is_each(c))
		return attachment_has(&d->at[side], &c->address) ? &c->address : NULL;
	if (addresses->len)
		return &g_array_index(addresses, struct in6_addr, 0);
	if (c->kind == CONFIG_DETECT_ARP && d->at[side].macs->len)
		return &none; /* a fixed MAC is always known */
	if (c->kind == CONFIG_DETECT_SCRIPT)
		return &none; /* it knows whom it asks */
	g_message("device %s has no address on this side: not checked by %s", d->name,
		  config_detector_name(c->kind));
	return NULL;
}

static void checks_add(struct checks *owner, const struct health_setup *setup,
		       const struct config_check *c, u64 now)
{
	const GPtrArray *devices = setup->config->devices;

	if (!kinds[c->kind])
		return; /* link is watched anyway */
	for (guint i = 0; i < devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(devices, i);
		const struct in6_addr *target = check_target(d, setup->self->side, c);

		if (target && d->id < DEVICES_MAX &&
		    state_has(engine_state(owner->engine), (u8)d->id))
			check_add(owner, setup, d, target, c, now);
	}
}

struct checks *checks_new(struct engine *engine, const struct health_setup *setup,
			  const struct health_ops *ops, u64 now)
{
	const GPtrArray *configured = setup->config->health.checks;
	struct checks *c = g_new0(struct checks, 1);

	c->engine = engine;
	c->ops = ops;
	c->farm_mac = setup->farm_mac;
	c->next_id = (u16)g_random_int();
	c->sources = g_array_copy(setup->config->side[setup->self->side].farm_addresses);
	c->list = g_ptr_array_new_with_free_func(check_free);
	c->waiting = g_queue_new();
	script_user(&c->script_user);
	for (guint i = 0; i < configured->len; i++)
		checks_add(c, setup, g_ptr_array_index(configured, i), now);
	return c;
}

void checks_free(struct checks *c)
{
	if (!c)
		return;
	g_ptr_array_unref(c->list);
	g_queue_free(c->waiting);
	g_array_unref(c->sources);
	g_free(c);
}

typedef bool (*check_reply)(struct check *c, const struct datagram *d);

static bool checks_match(struct checks *c, u8 device, const struct check_kind *kind,
			 const struct datagram *d, check_reply reply)
{
	for (guint i = 0; i < c->list->len; i++) {
		struct check *check = g_ptr_array_index(c->list, i);

		if (check->kind == kind && check->device == device && reply(check, d))
			return true;
	}
	return false;
}

bool checks_input(struct checks *c, u8 device, const u8 *frame, u32 length)
{
	struct datagram d;

	if (!c->list->len)
		return false;
	if (datagram_read_echo_reply(&d, frame, length))
		return checks_match(c, device, &check_icmp, &d, check_icmp_reply);
	return datagram_read_udp(&d, frame, length) &&
	       checks_match(c, device, &check_ike, &d, check_ike_reply);
}
