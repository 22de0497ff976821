// SPDX-License-Identifier: ISC
/* replay FILE.pcap -c FILE -n NAME: a capture through the engine, offline. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/problem.h"
#include "sandwich/control/names.h"
#include "sandwich/control/ports.h"
#include "sandwich/control/replay_json.h"
#include "sandwich/ctl/ctl.h"
#include "sandwich/ctl/human.h"

struct job {
	const char *capture, *config_path, *name, *port;
	bool json;
	struct config *config;
	struct offline *offline;
	struct replay *replay;
	struct replay_options options;
	char *secret;
	char *note; /* what makes it differ from the running balancer */
	GString *text;
	struct json out;
	u64 started;        /* time of the first packet */
	unsigned int split; /* conversations on more than one device */
	unsigned int conversations;
};

/* -c FILE, -n NAME, --port X, or FILE.pcap: takes one, and gives how many words it were; 0: it is
 * none. */
static int replay_option(struct job *job, char **args)
{
	const char *word = args[0], *value = args[1];

	if (*word != '-')
		return job->capture ? 0 : (job->capture = word, 1);
	if (g_str_has_prefix(word, "--port="))
		return job->port = word + strlen("--port="), 1;
	if (!value)
		return 0;
	if (!strcmp(word, "-c") || !strcmp(word, "--config"))
		return job->config_path = value, 2;
	if (!strcmp(word, "-n") || !strcmp(word, "--name"))
		return job->name = value, 2;
	if (!strcmp(word, "--port"))
		return job->port = value, 2;
	return 0;
}

static enum ctl_exit replay_options(struct job *job, char **args)
{
	while (*args) {
		int used = replay_option(job, args);

		if (!used)
			return ctl_fail(CTL_USAGE, "replay: what is '%s'?", *args);
		args += used;
	}
	if (!job->capture || !job->config_path || !job->name)
		return ctl_fail(CTL_USAGE,
				"usage: sandwichctl replay FILE.pcap -c FILE -n NAME [-j] "
				"[--port uplink|farm|INTERFACE]");
	return CTL_DONE;
}

static enum ctl_exit replay_config(struct job *job)
{
	GPtrArray *problems = config_problems_new();
	int rc = config_read(job->config_path, &job->config, problems);

	for (guint i = 0; rc && i < problems->len; i++) {
		const struct config_problem *p = g_ptr_array_index(problems, i);

		if (p->line)
			fprintf(stderr, "%s:%d: %s\n", job->config_path, p->line, p->text);
		else
			fprintf(stderr, "%s: %s\n", job->config_path, p->text);
	}
	g_ptr_array_unref(problems);
	if (rc)
		return CTL_REFUSED;
	job->options.config = job->config;
	job->options.self = config_find_balancer(job->config, job->name);
	if (!job->options.self)
		return ctl_fail(CTL_REFUSED, "%s has no [balancer %s]", job->config_path,
				job->name);
	return CTL_DONE;
}

static enum ctl_exit replay_which_port(struct job *job)
{
	u8 port = PORT_UPLINK;

	job->options.port = REPLAY_PORT_INFERRED;
	if (!job->port)
		return CTL_DONE;
	if (!strcmp(job->port, "farm"))
		port = PORT_UPLINK + 1;
	else if (strcmp(job->port, "uplink") && ports_find(job->options.self, job->port, &port))
		return ctl_fail(CTL_USAGE, "--port is uplink, farm or an interface of %s",
				job->name);
	job->options.port = port;
	return CTL_DONE;
}

/* Without the secret the placement key is another: conversations keep together, but elsewhere. */
static void replay_secret(struct job *job)
{
	const char *path = job->config->secret_file;
	gsize length = 0;

	if (path && !g_file_get_contents(path, &job->secret, &length, NULL))
		job->note = g_strdup_printf(
			"%s can't be read: which device is picked is not what the running "
			"balancers pick",
			path);
	job->options.secret = (const u8 *)(job->secret ? job->secret : "");
	job->options.secret_length = length;
}

static enum ctl_exit replay_open(struct job *job)
{
	char *why = NULL;
	int rc = offline_open(&job->offline, job->capture, &why);

	if (rc)
		ctl_fail(CTL_REFUSED, "%s", why);
	g_free(why);
	return rc ? CTL_REFUSED : CTL_DONE;
}

static void replay_flush(struct job *job)
{
	fputs(job->text->str, stdout);
	g_string_truncate(job->text, 0);
}

static void replay_human_ends(GString *out, const struct work *w)
{
	const struct packet *p = &w->packet;
	char address[NAMES_ADDRESS], protocol[NAMES_PROTOCOL];

	if (p->kind != PACKET_IP || !p->l4) {
		g_string_append_printf(out, "%s ", p->kind == PACKET_ARP ? "arp" : "-");
		return;
	}
	g_string_append_printf(out, "%s ", names_protocol(protocol, p->protocol));
	names_address(address, &p->src, 128);
	human_endpoint(out, address, ntohs(p->sport));
	g_string_append(out, " > ");
	names_address(address, &p->dst, 128);
	human_endpoint(out, address, ntohs(p->dport));
	g_string_append(out, p->icmp_error ? " (error) " : " ");
}

static void replay_human_why(GString *out, const struct job *job, const struct replay_verdict *v)
{
	const struct work *w = &v->work;
	const char *device = replay_device(&job->options, v->crossed);

	if (w->port != PORT_UPLINK && device)
		g_string_append_printf(out, " from %s%s", device, v->assumed ? " (assumed)" : "");
	else if (device)
		g_string_append_printf(out, " %s", device);
	if (device && v->placed && w->port == PORT_UPLINK) {
		g_string_append_printf(out, " by %s", replay_why(w->place.why));
		if (w->place.why == PLACE_HASH)
			g_string_append_printf(out, " rank %u", w->place.rank);
	}
	for (unsigned int bit = 0; replay_event(bit); bit++)
		if (w->events >> bit & 1)
			g_string_append_printf(out, ", %s", replay_event(bit));
	if (v->again)
		g_string_append(out, ", had been held");
}

/* number, time, port, conversation: verdict, device, why, events */
static void replay_human(struct job *job, const struct replay_verdict *v)
{
	GString *out = job->text;
	u64 since = v->time > job->started ? v->time - job->started : 0;

	g_string_append_printf(out, "%6" G_GUINT64_FORMAT " %5" G_GUINT64_FORMAT ".%06u %s ",
			       v->number, since / 1000000, (unsigned int)(since % 1000000),
			       ports_name(job->options.self, v->work.port));
	replay_human_ends(out, &v->work);
	g_string_append_printf(out, ": %s", names_reason(v->work.reason));
	replay_human_why(out, job, v);
	g_string_append_c(out, '\n');
}

static void replay_visit(void *user, const struct replay_verdict *v)
{
	struct job *job = user;

	if (v->number == 1 && !v->again)
		job->started = v->time;
	if (job->json)
		replay_json_verdict(&job->out, &job->options, v);
	else
		replay_human(job, v);
	if (job->text->len > 1 << 16)
		replay_flush(job);
}

/* Two passes: frames before a device's first ARP are its own too. */
static enum ctl_exit replay_passes(struct job *job)
{
	struct offline_frame frame;
	enum ctl_exit rc;

	while (offline_next(job->offline, &frame) == 1)
		replay_learn(job->replay, &frame);
	offline_close(job->offline);
	job->offline = NULL;
	rc = replay_open(job);
	while (!rc && offline_next(job->offline, &frame) == 1)
		replay_frame(job->replay, &frame);
	if (!rc)
		replay_finish(job->replay);
	return rc;
}

static void replay_human_conversation(void *user, const struct replay_conversation *c)
{
	char address[NAMES_ADDRESS], protocol[NAMES_PROTOCOL];
	struct job *job = user;
	GString *out = job->text;
	unsigned int devices = 0;

	g_string_append_printf(out, "  %s ", names_protocol(protocol, c->protocol));
	names_address(address, &c->client, 128);
	human_endpoint(out, address, ntohs(c->client_port));
	g_string_append(out, " > ");
	names_address(address, &c->server, 128);
	human_endpoint(out, address, ntohs(c->server_port));
	g_string_append_printf(out, ": %" G_GUINT64_FORMAT " packet%s,", c->packets,
			       c->packets == 1 ? "" : "s");
	for (unsigned int id = 1; id < DEVICES_MAX; id++) {
		if (!device_set_has(&c->devices, (u8)id))
			continue;
		g_string_append_printf(out, " %s", replay_device(&job->options, (u8)id));
		devices++;
	}
	g_string_append(out, devices ? "\n" : " no device\n");
	job->conversations++;
	job->split += devices > 1;
}

static void replay_human_reasons(struct job *job)
{
	const struct counters *c = replay_counters(job->replay);

	for (u8 reason = 0; reason < REASONS; reason++) {
		u64 n = 0;

		for (u8 port = 0; port < PORTS_MAX; port++)
			n += c->reason[port][reason];
		if (n)
			g_string_append_printf(job->text, "  %-26s %10" G_GUINT64_FORMAT "  %s\n",
					       names_reason(reason), n, names_reason_text(reason));
	}
}

static void replay_human_summary(struct job *job, const char *damage)
{
	g_string_append_printf(job->text, "\n%" G_GUINT64_FORMAT " packet%s\n",
			       replay_packets(job->replay),
			       replay_packets(job->replay) == 1 ? "" : "s");
	replay_human_reasons(job);
	g_string_append(job->text, "conversations\n");
	replay_walk(job->replay, replay_human_conversation, job);
	g_string_append_printf(job->text, "%u conversation%s, %u of them on more than one device\n",
			       job->conversations, job->conversations == 1 ? "" : "s", job->split);
	if (damage)
		g_string_append_printf(job->text, "note: the capture ends early: %s\n", damage);
	if (job->note)
		g_string_append_printf(job->text, "note: %s\n", job->note);
}

static void replay_json_end(struct job *job, const char *damage)
{
	json_end(&job->out, '[');
	replay_json_summary(&job->out, job->replay, &job->options);
	json_string(&job->out, "damage", damage);
	json_string(&job->out, "note", job->note);
	json_end(&job->out, '{');
	g_string_append_c(job->text, '\n');
}

static enum ctl_exit replay_run(struct job *job)
{
	enum ctl_exit rc;
	int error;

	job->options.visit = replay_visit;
	job->options.user = job;
	error = replay_new(&job->replay, &job->options);
	if (error)
		return ctl_fail(CTL_REFUSED, "replay: %s", g_strerror(-error));
	if (job->json) {
		json_begin(&job->out, NULL, '{');
		json_begin(&job->out, "verdicts", '[');
	}
	rc = replay_passes(job);
	if (rc)
		return rc;
	if (job->json)
		replay_json_end(job, offline_damage(job->offline));
	else
		replay_human_summary(job, offline_damage(job->offline));
	replay_flush(job);
	return CTL_DONE;
}

enum ctl_exit ctl_replay(struct ctl *ctl, char **args)
{
	struct job job = {.json = ctl->json, .name = ctl->name, .text = g_string_new(NULL)};
	enum ctl_exit rc = replay_options(&job, args);

	job.out.text = job.text;
	if (!rc)
		rc = replay_config(&job);
	if (!rc)
		rc = replay_which_port(&job);
	if (!rc)
		rc = replay_open(&job);
	if (!rc) {
		replay_secret(&job);
		rc = replay_run(&job);
	}
	replay_free(job.replay);
	offline_close(job.offline);
	config_free(job.config);
	g_free(job.secret);
	g_free(job.note);
	g_string_free(job.text, TRUE);
	return rc;
}
