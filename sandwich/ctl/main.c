// SPDX-License-Identifier: ISC
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sandwich/control/version.h"
#include "sandwich/ctl/ctl.h"

static const char usage[] =
	"usage: sandwichctl [-s SOCKET | -n NAME] [-j] WORDS\n"
	"       sandwichctl replay FILE.pcap -c FILE -n NAME [-j]\n"
	"                   [--port uplink|farm|INTERFACE]\n"
	"\n"
	"  show devices                     state, share, MACs and health of every device\n"
	"  show sessions [FILTERS] [limit N]   device= client= server= port= protocol= origin=\n"
	"  show pins | neighbours | addresses | counters | config\n"
	"  show sync                        the other balancers: in reach, equal, lost, repaired\n"
	"  show role                        who is active on this side, and why\n"
	"  explain SRC DST [PROTO SPORT DPORT] [from=outside|inside]\n"
	"                                   which device, why, and which would be next\n"
	"  drain DEVICE [--deadline 10m] [--wait]\n"
	"  enable | disable DEVICE\n"
	"  flush [FILTERS]                  forget sessions\n"
	"  failover                         hand over to the standby\n"
	"  resync                           compare with the other balancers now, and repair\n"
	"  role active | standby            with role = external: what keepalived has decided\n"
	"  top                              live view; q ends it\n"
	"  replay                           a capture through the engine, offline\n"
	"  version | help\n"
	"\n"
	"  -s, --socket SOCKET   the control socket; default: the only one in /run/sandwich\n"
	"  -n, --name NAME       the balancer: /run/sandwich/NAME.sock\n"
	"  -j, --json            JSON\n"
	"  -h, --help            this text\n"
	"  -V, --version         the version of sandwichctl itself\n";

enum ctl_exit ctl_fail(enum ctl_exit code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("sandwichctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return code;
}

/* Words that are more than a question. */
static const struct {
	const char *word;
	enum ctl_exit (*run)(struct ctl *ctl, char **args);
} own_words[] = {
	{"drain", ctl_drain},
	{"top", ctl_top},
	{"replay", ctl_replay},
};

static enum ctl_exit run(struct ctl *ctl, char **words)
{
	for (gsize i = 0; i < G_N_ELEMENTS(own_words); i++)
		if (!strcmp(words[0], own_words[i].word))
			return own_words[i].run(ctl, words + 1);
	return ctl_ask(ctl, words);
}

/* -j may stand anywhere. */
static void take_json(struct ctl *ctl, char **words)
{
	char **to = words;

	for (char **from = words; *from; from++) {
		if (!strcmp(*from, "-j") || !strcmp(*from, "--json"))
			ctl->json = true;
		else
			*to++ = *from;
	}
	*to = NULL;
}

/* True when there are words to go on with; else *CODE is what to end with. */
static bool options(struct ctl *ctl, int argc, char **argv, enum ctl_exit *code)
{
	static const struct option longs[] = {
		{"socket", required_argument, NULL, 's'}, {"name", required_argument, NULL, 'n'},
		{"json", no_argument, NULL, 'j'},         {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
	};
	int option;

	*code = CTL_DONE;
	while ((option = getopt_long(argc, argv, "+s:n:jhV", longs, NULL)) != -1) {
		if (option == 's')
			ctl->socket = optarg;
		else if (option == 'n')
			ctl->name = optarg;
		else if (option == 'j')
			ctl->json = true;
		else if (option == 'h')
			return fputs(usage, stdout), false;
		else if (option == 'V')
			return puts("sandwichctl " SANDWICH_VERSION), false;
		else
			return *code = CTL_USAGE, false;
	}
	return true;
}

/* What was printed has to arrive: a full disk is no success. */
static enum ctl_exit finish(enum ctl_exit code)
{
	bool failed = ferror(stdout);

	errno = 0;
	if (!fflush(stdout) && !failed)
		return code;
	ctl_fail(CTL_REFUSED, "can't write: %s",
		 errno ? g_strerror(errno) : "some of the output is lost");
	return code ? code : CTL_REFUSED;
}

int main(int argc, char **argv)
{
	struct ctl ctl = {0};
	enum ctl_exit code;

	if (!options(&ctl, argc, argv, &code))
		return finish(code);
	take_json(&ctl, argv + optind);
	if (!argv[optind]) {
		fputs(usage, stderr);
		return CTL_USAGE;
	}
	code = run(&ctl, argv + optind);
	g_free(ctl.path);
	return finish(code);
}
