/* SPDX-License-Identifier: ISC */
/* Cross-checks of what is required, of [sandwich] and of the balancers. */
#include "conf/check.h"

#include <string.h>
#include <sys/un.h>

#include "conf/checker.h"
#include "conf/problem.h"
#include "conf/values.h"

static struct entry *find_entry(const struct checker *checker, const struct place *place)
{
	return section_entry(document_section(checker->document, place->section, place->name),
			     place->key);
}

int checker_line(const struct checker *checker, const struct place *place)
{
	const struct section *section =
		document_section(checker->document, place->section, place->name);
	const struct entry *entry = section_entry(section, place->key);

	return entry ? entry->line : section ? section->line : 0;
}

bool checker_is_bad(const struct checker *checker, const struct place *place)
{
	const struct entry *entry = find_entry(checker, place);

	return entry && entry->bad;
}

bool checker_is_there(const struct checker *checker, const struct place *place)
{
	return find_entry(checker, place);
}

void checker_wrong(const struct checker *checker, const struct place *place, const char *format,
		   ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	problem_add(checker->problems, checker_line(checker, place), "%s", text);
	g_free(text);
}

struct place checker_side_key(enum config_side_id side, const char *key)
{
	return (struct place){SECTION_SIDE, config_side_name(side), key};
}

struct place checker_device_key(const struct config_device *device, enum config_side_id side)
{
	return (struct place){SECTION_DEVICE, device->name, config_side_name(side)};
}

bool checker_has_station(const struct config_attachment *at)
{
	return at->addresses->len || at->macs->len;
}

bool checker_is_transparent(const struct checker *checker)
{
	const GPtrArray *devices = checker->config->devices;

	for (guint i = 0; i < devices->len; i++) {
		const struct config_device *device = g_ptr_array_index(devices, i);

		for (int side = 0; side < CONFIG_SIDES; side++)
			if (checker_has_station(&device->at[side]))
				return false;
	}
	return devices->len > 0;
}

static void missing_section(const struct checker *checker, enum section_id id, const char *name)
{
	const struct section_kind *kind = &section_kinds[id];
	GString *keys = g_string_new(NULL);

	if (document_section(checker->document, id, name))
		goto out;
	for (const struct key *key = kind->keys; key->name; key++)
		if (key->required)
			g_string_append_printf(keys, "%s%s = %s", keys->len ? " and " : "",
					       key->name, key->example);
	problem_add(checker->problems, 0, "[%s%s%s] is missing: write it, with %s", kind->name,
		    name ? " " : "", name ? name : "", keys->str);
out:
	g_string_free(keys, TRUE);
}

/* Every required key of SECTION is there and says something. */
static void required_keys(const struct checker *checker, const struct section *section)
{
	for (const struct key *key = section->kind->keys; key->name; key++) {
		struct entry *entry = section_entry(section, key->name);

		if (!key->required || (entry && (entry->bad || !value_is_none(entry->text))))
			continue;
		problem_add(checker->problems, entry ? entry->line : section->line,
			    "[%s%s%s] has no '%s': write %s = %s", section->kind->name,
			    section->name ? " " : "", section->name ? section->name : "", key->name,
			    key->name, key->example);
		if (entry)
			entry->bad = true;
	}
}

static void check_required(const struct checker *checker)
{
	const GPtrArray *sections = checker->document->sections;

	missing_section(checker, SECTION_SANDWICH, NULL);
	missing_section(checker, SECTION_SIDE, "ingress");
	missing_section(checker, SECTION_SIDE, "egress");
	for (guint i = 0; i < sections->len; i++)
		required_keys(checker, g_ptr_array_index(sections, i));
}

/* Outside, all clients talk to one address, and a tunnel is more than one flow. */
static void check_affinity(const struct checker *checker)
{
	const struct place place = {SECTION_SANDWICH, NULL, "affinity"};
	const struct config *config = checker->config;

	if (!config->side[CONFIG_INGRESS].cluster_addresses->len || config->mode != CONFIG_MODE_VPN)
		return;
	if (config->affinity == CONFIG_AFFINITY_SERVER)
		checker_wrong(checker, &place,
			      "affinity = server puts everything that comes to the cluster "
			      "address on one device: write affinity = client");
	else if (config->affinity == CONFIG_AFFINITY_FLOW)
		checker_wrong(checker, &place,
			      "affinity = flow parts a client's IKE from its ESP: write affinity "
			      "= client");
}

/* What talks to the other balancers is authenticated, always. */
static void check_secret(const struct checker *checker)
{
	const struct place place = {SECTION_SANDWICH, NULL, "secret-file"};
	const struct config *config = checker->config;
	bool needed = config->health.path.count > 0;

	for (guint i = 0; i < config->balancers->len; i++) {
		const struct config_balancer *balancer = g_ptr_array_index(config->balancers, i);

		needed |= balancer->sync->len > 0;
	}
	if (!needed || config->secret_file || checker_is_bad(checker, &place))
		return;
	checker_wrong(checker, &place,
		      "no secret-file, which authenticates sync and the path heartbeat: make one "
		      "with (umask 077; head -c 32 /dev/urandom | base64 >/etc/sandwich/secret) "
		      "and write secret-file = /etc/sandwich/secret");
}

/* Each side has to know what comes out on the other. */
static void check_silence(const struct checker *checker)
{
	const struct place place = {SECTION_HEALTH, NULL, "silence"};
	const struct config *config = checker->config;

	for (guint i = 0; config->health.silence.count && i < config->balancers->len; i++) {
		const struct config_balancer *balancer = g_ptr_array_index(config->balancers, i);

		if (!balancer->sync->len)
			checker_wrong(checker, &place,
				      "[balancer %s] has no 'sync', by which the sides tell each "
				      "other what comes out of a device: write sync = "
				      "172.31.0.1:4850, an address of its own, or silence = off",
				      balancer->name);
	}
}

/* Twins that hear nothing of each other would both be active. */
static void check_heartbeat(const struct checker *checker)
{
	const struct place place = {SECTION_SANDWICH, NULL, "sync-heartbeat"};

	if (!checker->config->sync_heartbeat.count && !checker_is_bad(checker, &place))
		checker_wrong(checker, &place,
			      "sync-heartbeat can't be off: write sync-heartbeat = 20ms x 3");
}

static struct place balancer_key(const struct config_balancer *balancer, const char *key)
{
	return (struct place){SECTION_BALANCER, balancer->name, key};
}

/* A port has one role, and is written once. */
static void check_ports(const struct checker *checker, const struct config_balancer *balancer)
{
	const struct place place = balancer_key(balancer, "farm");
	const GPtrArray *farm = balancer->farm;

	for (guint i = 0; i < farm->len; i++) {
		const char *port = g_ptr_array_index(farm, i);

		if (balancer->uplink && !strcmp(port, balancer->uplink))
			checker_wrong(checker, &place,
				      "%s is the uplink and a farm port: write another, or a VLAN "
				      "interface such as %.10s.100",
				      port, port);
		for (guint j = 0; j < i; j++)
			if (!strcmp(port, g_ptr_array_index(farm, j)))
				checker_wrong(checker, &place, "%s is there twice: write it once",
					      port);
	}
}

static void check_control(const struct checker *checker, const struct config_balancer *balancer)
{
	const struct place place = balancer_key(balancer, "control");
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (strlen(balancer->control) > max)
		checker_wrong(checker, &place,
			      "the control socket's path has %zu bytes, a socket's has at most "
			      "%zu: write a shorter one, such as /run/sandwich/NAME.sock",
			      strlen(balancer->control), max);
}

/* Each sync endpoint is one balancer's. OWNERS: endpoint -> balancer. */
static void check_sync(const struct checker *checker, const struct config_balancer *balancer,
		       GHashTable *owners)
{
	const struct place place = balancer_key(balancer, "sync");

	for (guint i = 0; i < balancer->sync->len; i++) {
		char *endpoint = g_ptr_array_index(balancer->sync, i);
		const char *owner = g_hash_table_lookup(owners, endpoint);

		if (owner)
			checker_wrong(checker, &place,
				      "%s is already the sync address of [balancer %s]: each "
				      "balancer needs its own",
				      endpoint, owner);
		else
			g_hash_table_insert(owners, endpoint, balancer->name);
	}
}

/* Its side was given, and is one. */
static bool has_side(const struct checker *checker, const struct config_balancer *balancer)
{
	const struct place place = balancer_key(balancer, "side");

	return checker_is_there(checker, &place) && !checker_is_bad(checker, &place);
}

static void check_twin(const struct checker *checker, const struct config_balancer *first,
		       const struct config_balancer *second)
{
	const struct config_balancer *both[] = {first, second};

	for (size_t i = 0; i < G_N_ELEMENTS(both); i++) {
		const struct place place = balancer_key(both[i], "sync");

		if (!both[i]->sync->len && !checker_is_bad(checker, &place))
			checker_wrong(checker, &place,
				      "[balancer %s] has a twin and no 'sync': write sync = "
				      "172.31.0.1:4850, an address of its own",
				      both[i]->name);
	}
}

/* One balancer on each side, or two: one active, one standby. */
static void check_side_balancers(const struct checker *checker, enum config_side_id side)
{
	const GPtrArray *balancers = checker->config->balancers;
	const struct config_balancer *first = NULL;
	unsigned int n = 0, unknown = 0;

	for (guint i = 0; i < balancers->len; i++) {
		const struct config_balancer *balancer = g_ptr_array_index(balancers, i);

		unknown += !has_side(checker, balancer);
		if (!has_side(checker, balancer) || balancer->side != side)
			continue;
		n++;
		if (n == 1)
			first = balancer;
		else if (n == 2)
			check_twin(checker, first, balancer);
		else
			problem_add(checker->problems, balancer->line,
				    "[balancer %s] is one too many: the %s side has an active and "
				    "a standby",
				    balancer->name, config_side_name(side));
	}
	if (!n && !unknown)
		problem_add(checker->problems, 0,
			    "no balancer on the %s side: write [balancer %s-a] with side = %s, "
			    "uplink = eth0 and farm = eth1",
			    config_side_name(side), side == CONFIG_INGRESS ? "in" : "out",
			    config_side_name(side));
}

static void check_balancers(const struct checker *checker)
{
	const GPtrArray *balancers = checker->config->balancers;
	GHashTable *owners = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < balancers->len; i++) {
		const struct config_balancer *balancer = g_ptr_array_index(balancers, i);

		check_ports(checker, balancer);
		check_control(checker, balancer);
		check_sync(checker, balancer, owners);
	}
	g_hash_table_unref(owners);
	for (enum config_side_id side = CONFIG_INGRESS; side < CONFIG_SIDES; side++)
		check_side_balancers(checker, side);
}

void config_check(const struct config *config, const struct document *document, GPtrArray *problems)
{
	const struct checker checker = {config, document, problems};

	check_required(&checker);
	check_affinity(&checker);
	check_secret(&checker);
	check_heartbeat(&checker);
	check_silence(&checker);
	checker_addresses(&checker);
	check_balancers(&checker);
	checker_devices(&checker);
	checker_tunnels(&checker);
}
