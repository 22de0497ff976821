/* SPDX-License-Identifier: ISC */
/* From the scanned document to the model: values by the tables, then the defaults that depend. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/check.h"
#include "conf/config.h"
#include "conf/keys.h"
#include "conf/lines.h"
#include "conf/model.h"
#include "conf/problem.h"

#define FILE_MAX (1 << 20) /* bytes; 255 devices in full fit in a tenth */
#define PIPE_MS  5000	   /* how long its writer may be silent */

/* The struct that SECTION's values go to; NULL: there is no more room for it. */
static void *section_base(struct config *config, const struct section *section)
{
	switch (section->kind->id) {
	case SECTION_SANDWICH:
	case SECTION_TIMEOUTS:
		return config;
	case SECTION_SIDE:
		return &config->side[strcmp(section->name, "ingress") ? CONFIG_EGRESS
								      : CONFIG_INGRESS];
	case SECTION_BALANCER:
		return model_add_balancer(config, section->name, section->line);
	case SECTION_DEVICE:
		if (config->devices->len >= MODEL_DEVICES_MAX)
			return NULL;
		return model_add_device(config, section->name, section->line);
	case SECTION_HEALTH:
		return &config->health;
	default:
		return NULL;
	}
}

static void read_section(const struct section *section, void *base, GPtrArray *problems)
{
	for (guint i = 0; i < section->entries->len; i++) {
		struct entry *entry = g_ptr_array_index(section->entries, i);
		struct value value = {.key = entry->key,
				      .field = (char *)base + entry->key->offset,
				      .text = entry->text,
				      .line = entry->line,
				      .problems = problems};
		guint before = problems->len;

		entry->key->kind->parse(&value);
		entry->bad = problems->len > before;
	}
}

static void read_sections(struct config *config, const struct document *document,
			  GPtrArray *problems)
{
	for (guint i = 0; i < document->sections->len; i++) {
		const struct section *section = g_ptr_array_index(document->sections, i);
		void *base = section_base(config, section);

		if (base)
			read_section(section, base, problems);
		else
			problem_add(problems, section->line,
				    "device '%s' is one too many: a farm has at most %d; write the "
				    "others in a second sandwich",
				    section->name, MODEL_DEVICES_MAX);
	}
}

/* In vpn mode only the inner client is seen by both sides; a firewall sees the same pair on both.
 */
static void default_affinity(struct config *config, const struct document *document)
{
	if (!section_entry(document_section(document, SECTION_SANDWICH, NULL), "affinity"))
		config->affinity = config->mode == CONFIG_MODE_VPN ? CONFIG_AFFINITY_CLIENT
								   : CONFIG_AFFINITY_PAIR;
}

/* Derived from names: stable over reloads, the same on both twins. The hash is FNV-1a. */
static void default_mac(struct config_mac *mac, const char *sandwich, const char *role)
{
	static const struct config_mac unset;
	char *text = g_strdup_printf("%s/%s", sandwich ? sandwich : "", role);
	uint32_t hash = 2166136261u;

	for (const char *c = text; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	g_free(text);
	if (memcmp(mac, &unset, sizeof(unset)))
		return;
	*mac = (struct config_mac){{0x02, 0x73, (uint8_t)(hash >> 24), (uint8_t)(hash >> 16),
				    (uint8_t)(hash >> 8), (uint8_t)hash}};
}

static void default_macs(struct config *config)
{
	const char *name = config->name;

	default_mac(&config->side[CONFIG_INGRESS].uplink_mac, name, "ingress/uplink");
	default_mac(&config->side[CONFIG_INGRESS].farm_mac, name, "ingress/farm");
	default_mac(&config->side[CONFIG_EGRESS].uplink_mac, name, "egress/uplink");
	default_mac(&config->side[CONFIG_EGRESS].farm_mac, name, "egress/farm");
}

static void default_controls(struct config *config)
{
	for (guint i = 0; i < config->balancers->len; i++) {
		struct config_balancer *balancer = g_ptr_array_index(config->balancers, i);

		if (!balancer->control)
			balancer->control =
				g_strdup_printf("/run/sandwich/%s.sock", balancer->name);
	}
}

static void default_ids(struct config *config)
{
	for (guint i = 0; i < config->devices->len; i++) {
		struct config_device *device = g_ptr_array_index(config->devices, i);

		if (!device->id)
			device->id = i + 1;
	}
}

/* What is no text at all is told once, and not for each of its lines. */
static bool is_text(const char *text, size_t length, GPtrArray *problems)
{
	const char *zero = memchr(text, '\0', length);
	int line = 1;

	if (length > FILE_MAX)
		problem_add(problems, 0, "larger than 1 MiB: this is no config file");
	else if (zero) {
		for (const char *c = text; c < zero; c++)
			line += *c == '\n';
		problem_add(problems, line, "not text: write UTF-8 without zero bytes");
	}
	return length <= FILE_MAX && !zero;
}

/* Some editors begin a file with a byte order mark, which says nothing in UTF-8 (RFC 3629 6). */
static void skip_mark(const char **text, size_t *length)
{
	if (*length < 3 || memcmp(*text, "\xef\xbb\xbf", 3))
		return;
	*text += 3;
	*length -= 3;
}

int config_parse(const char *text, size_t length, struct config **out, GPtrArray *problems)
{
	guint before = problems->len;
	struct document *document;
	struct config *config;

	*out = NULL;
	if (!is_text(text, length, problems))
		return -EINVAL;
	skip_mark(&text, &length);
	document = document_scan(text, length, problems);
	config = model_new();
	read_sections(config, document, problems);
	default_affinity(config, document);
	default_macs(config);
	default_controls(config);
	default_ids(config);
	config_check(config, document, problems);
	document_free(document);
	problem_sort(problems);
	if (problems->len > before) {
		config_free(config);
		return -EINVAL;
	}
	*out = config;
	return 0;
}

/* What PATH must not be, or NULL. Nothing is opened for it: that may hang, or do something. */
static const char *unfit(const char *path)
{
	struct stat st;

	if (stat(path, &st) || S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode))
		return NULL; /* what isn't there is open()'s to tell */
	return S_ISDIR(st.st_mode) ? "it is a directory, not a regular file"
				   : "it is a device or socket, not a regular file";
}

/* Waits for what comes next in a pipe. 0 or -errno. */
static int await(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	int n = poll(&wait, 1, PIPE_MS);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n ? 0 : -ETIMEDOUT;
}

/* At most FILE_MAX + 1 bytes of FD. 0 or -errno. */
static int load_all(int fd, GString *text)
{
	char piece[4096];
	ssize_t n;
	int rc = 0;

	while (!rc && text->len <= FILE_MAX) {
		n = read(fd, piece, sizeof(piece));
		if (!n)
			break;
		if (n > 0)
			g_string_append_len(text, piece, n);
		else if (errno == EAGAIN)
			rc = await(fd);
		else if (errno != EINTR)
			rc = -errno;
	}
	return rc;
}

/* PATH is a regular file, or a pipe (as <(...) of a shell) that somebody writes to. 0 or -errno,
 * with *WHY. */
static int load(const char *path, GString *text, const char **why)
{
	struct stat st;
	int fd, rc;

	*why = unfit(path);
	if (*why)
		return -EINVAL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	rc = fd < 0 ? -errno : load_all(fd, text);
	if (rc == -ETIMEDOUT)
		*why = "nothing came through this pipe for five seconds";
	else if (!rc && !text->len && !fstat(fd, &st) && S_ISFIFO(st.st_mode))
		*why = "it is a pipe that nobody writes to";
	else if (rc)
		*why = g_strerror(-rc);
	if (fd >= 0)
		close(fd);
	return *why && !rc ? -EINVAL : rc;
}

int config_read(const char *path, struct config **out, GPtrArray *problems)
{
	GString *text = g_string_new(NULL);
	const char *why;
	int rc = load(path, text, &why);

	*out = NULL;
	if (rc)
		problem_add(problems, 0, "can't be read: %s", why);
	else
		rc = config_parse(text->str, text->len, out, problems);
	g_string_free(text, TRUE);
	return rc;
}
