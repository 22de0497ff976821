// SPDX-License-Identifier: ISC
#include "sandwich/run/run.h"

#include <errno.h>
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sandwich/control/version.h"
#include "sandwich/fastpath/keep.h"
#include "sandwich/fastpath/life.h"
#include "sandwich/health/script_file.h"
#include "sandwich/run/advice.h"
#include "sandwich/run/balancer.h"
#include "sandwich/run/secret.h"

#define EXIT_REFUSED 1
#define EXIT_USAGE 2

struct run_options {
	char *file, *name;
	gboolean check, print, detach, version;
};

static void run_usage(const struct run_role *role, const char *text)
{
	fprintf(stderr, "%s: %s\nTry '%s --help'.\n", role->program, text, role->program);
}

/* 0, or EXIT_USAGE when the words are off. */
static int run_parse(const struct run_role *role, int argc, char **argv, struct run_options *o)
{
	const GOptionEntry entries[] = {
		{"config", 'c', 0, G_OPTION_ARG_FILENAME, &o->file,
		 "The configuration of the whole sandwich", "FILE"},
		{"name", 'n', 0, G_OPTION_ARG_STRING, &o->name,
		 "Which [balancer NAME] of it this is", "NAME"},
		{"check", 0, 0, G_OPTION_ARG_NONE, &o->check,
		 "Print every problem of FILE as file:line: text", NULL},
		{"print", 0, 0, G_OPTION_ARG_NONE, &o->print, "Print FILE with every default shown",
		 NULL},
		{"detach", 0, 0, G_OPTION_ARG_NONE, &o->detach,
		 "Remove what a daemon that is no more left in the kernel", NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &o->version, "Print the version", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	GOptionContext *context = g_option_context_new(NULL);
	GError *error = NULL;
	int rc = 0;

	g_option_context_set_summary(context, role->summary);
	g_option_context_set_description(
		context, "Signals: SIGHUP reads FILE again, SIGTERM and SIGINT end it, SIGQUIT\n"
			 "ends it but leaves the fast path running for the next one.\n"
			 "See sandwich(7), sandwich.conf(5) and sandwichctl(8).");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		run_usage(role, error->message);
		g_error_free(error);
		rc = EXIT_USAGE;
	} else if (!o->version && !o->file) {
		run_usage(role, "no configuration given; use -c FILE");
		rc = EXIT_USAGE;
	} else if (o->detach && !o->name) {
		run_usage(role, "no balancer given; use -n NAME");
		rc = EXIT_USAGE;
	} else if (argc > 1) {
		run_usage(role, "arguments without an option are not understood");
		rc = EXIT_USAGE;
	}
	g_option_context_free(context);
	return rc;
}

static void run_print_problems(const char *file, const GPtrArray *problems)
{
	for (guint i = 0; i < problems->len; i++) {
		const struct config_problem *p = g_ptr_array_index(problems, i);

		if (p->line)
			fprintf(stderr, "%s:%d: %s\n", file, p->line, p->text);
		else
			fprintf(stderr, "%s: %s\n", file, p->text);
	}
}

/* The balancer that this program is to be, or NULL after saying why. */
static const struct config_balancer *
run_self(const struct run_role *role, const struct run_options *o, const struct config *config)
{
	const struct config_balancer *self = o->name ? config_find_balancer(config, o->name) : NULL;

	if (!o->name) {
		run_usage(role, "no balancer given; use -n NAME");
	} else if (!self) {
		fprintf(stderr, "%s: there is no [balancer %s] in it\n", o->file, o->name);
	} else if (self->side != role->side) {
		fprintf(stderr, "%s:%d: balancer %s has side = %s; run it with sandwich-%s\n",
			o->file, self->line, o->name, config_side_name(self->side),
			config_side_name(self->side));
		self = NULL;
	}
	return self;
}

static gboolean run_end(gpointer user)
{
	struct balancer *b = user;

	g_message("ending");
	run_notify("STOPPING=1");
	g_main_loop_quit(b->loop);
	return G_SOURCE_CONTINUE;
}

static gboolean run_hand_over(gint fd, GIOCondition condition, gpointer user)
{
	struct signalfd_siginfo info;
	struct balancer *b = user;

	(void)condition;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return G_SOURCE_CONTINUE;

	if (b->fast && !fastpath_unkept(b->fast)) {
		g_message("handing over: the fast path goes on without a daemon");
		b->hand_over = true;
	}
	return run_end(user);
}

/* GLib knows no SIGQUIT. Before there are threads: those made later inherit the mask. */
static int run_hear_quit(void)
{
	sigset_t quit;

	sigemptyset(&quit);
	sigaddset(&quit, SIGQUIT);
	sigprocmask(SIG_BLOCK, &quit, NULL);
	return signalfd(-1, &quit, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void run_reloaded(struct balancer *b, int error, GPtrArray *problems)
{
	if (error) {
		run_print_problems(b->config_path, problems);
		g_warning("%s: nothing of it was taken, the former configuration goes on",
			  b->config_path);
	}
	run_notify("READY=1");
}

static gboolean run_reload(gpointer user)
{
	struct balancer *b = user;

	run_notify("RELOADING=1");
	balancer_reload(b, run_reloaded);
	return G_SOURCE_CONTINUE;
}

static int run_balancer(const struct run_role *role, struct balancer *b)
{
	int rc, quit = run_hear_quit();
	struct advice *advice;
	char *why = NULL;

	run_raise_priority();
	rc = balancer_start(b, &why);

	if (rc) {
		fprintf(stderr, "%s: %s\n", role->program, why ? why : g_strerror(-rc));
		g_free(why);
		balancer_stop(b);
		return EXIT_REFUSED;
	}
	g_unix_signal_add(SIGTERM, run_end, b);
	g_unix_signal_add(SIGINT, run_end, b);
	g_unix_signal_add(SIGHUP, run_reload, b);
	if (quit >= 0)
		g_unix_fd_add(quit, G_IO_IN, run_hand_over, b);
	g_message("%s %s: %s mode, %u devices, datapath %s, control at %s", role->program,
		  b->self->name, config_mode_name(b->config->mode), b->config->devices->len,
		  b->datapath, b->self->control);
	advice = advice_new(b);
	run_notify("READY=1");
	g_main_loop_run(b->loop);
	advice_free(advice);
	if (b->hand_over)
		balancer_hand_over(b);
	else
		balancer_stop(b);
	return 0;
}

/*
 * Whether the secret can be used; says why not. One that isn't there is told and no more: a file is
 * also checked where it is written, which need not be where it is used.
 */
static bool run_check_secret(const struct run_options *o, const struct config *config)
{
	size_t length;
	char *why;
	u8 *secret;
	int rc = secret_read(config->secret_file, &secret, &length, &why);

	if (rc) {
		fprintf(stderr, "%s: %s%s\n", o->file, rc == -ENOENT ? "note: " : "", why);
		g_free(why);
		return rc == -ENOENT;
	}
	secret_free(secret, length);
	return true;
}

/* The same for the programs of [health]. */
static bool run_check_scripts(const struct run_options *o, const struct config *config)
{
	const GPtrArray *checks = config->health.checks;
	bool ok = true;

	for (guint i = 0; i < checks->len; i++) {
		const struct config_check *c = g_ptr_array_index(checks, i);
		char *why;
		int rc = c->argv ? script_file_check(c->argv[0], &why) : 0;

		if (!rc)
			continue;
		fprintf(stderr, "%s: %s[health] script: %s\n", o->file,
			rc == -ENOENT ? "note: " : "", why);
		g_free(why);
		ok &= rc == -ENOENT;
	}
	return ok;
}

static bool run_check_files(const struct run_options *o, const struct config *config)
{
	bool secret = run_check_secret(o, config);

	return run_check_scripts(o, config) && secret;
}

static int run_configured(const struct run_role *role, const struct run_options *o,
			  struct config *config)
{
	const struct config_balancer *self = NULL;
	char *text;
	int rc;

	if (o->name || !(o->check || o->print))
		self = run_self(role, o, config);
	if (!self && (o->name || !(o->check || o->print))) {
		config_free(config);
		return o->name ? EXIT_REFUSED : EXIT_USAGE;
	}
	if (o->print) {
		text = config_print(config);
		fputs(text, stdout);
		g_free(text);
	}
	if (o->check || o->print) {
		rc = o->check && !run_check_files(o, config) ? EXIT_REFUSED : 0;
		config_free(config);
		return rc;
	}
	return run_balancer(role, balancer_new(o->file, config, self));
}

static int run_with(const struct run_role *role, const struct run_options *o)
{
	GPtrArray *problems = config_problems_new();
	struct config *config;
	int rc = config_read(o->file, &config, problems);

	run_print_problems(o->file, problems);
	g_ptr_array_unref(problems);
	return rc ? EXIT_REFUSED : run_configured(role, o, config);
}

static int run_detach_who(const struct run_role *role, const struct keep_who *who,
			  struct keep_removed *removed)
{
	char *why = NULL;
	int rc = keep_remove_all(who, removed, &why);

	if (rc)
		fprintf(stderr, "%s: %s\n", role->program, why);
	g_free(why);
	return rc ? EXIT_REFUSED : 0;
}

/* The file need not be as it was, nor be right: its name tells sandwiches apart, where it does. */
static int run_detach(const struct run_role *role, const struct run_options *o)
{
	GPtrArray *problems = config_problems_new();
	struct keep_who who = {.balancer = o->name};
	struct keep_removed removed = {0};
	struct config *config = NULL;
	int rc = 0;

	if (!config_read(o->file, &config, problems)) {
		who.sandwich = config->name;
		rc = run_detach_who(role, &who, &removed);
	}
	who.sandwich = NULL;
	if (!rc && !removed.balancers)
		rc = run_detach_who(role, &who, &removed);
	if (removed.balancers)
		printf("balancer %s: taken off %u ports, %u sets of tables removed\n", o->name,
		       removed.links, removed.sets);
	else if (!rc)
		printf("balancer %s: nothing was left\n", o->name);
	if (config)
		config_free(config);
	g_ptr_array_unref(problems);
	return rc;
}

int run_main(const struct run_role *role, int argc, char **argv)
{
	struct run_options o = {.file = NULL};
	int rc;

	run_log_init();
	setlocale(LC_CTYPE, "C.UTF-8"); /* messages hold more than ASCII */
	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0) {
		fprintf(stderr, "%s: libsodium can't be initialised\n", role->program);
		return EXIT_REFUSED;
	}
	rc = run_parse(role, argc, argv, &o);
	if (!rc && o.version)
		printf("%s %s\n", role->program, SANDWICH_VERSION);
	else if (!rc)
		rc = o.detach ? run_detach(role, &o) : run_with(role, &o);
	g_free(o.file);
	g_free(o.name);
	return rc;
}
