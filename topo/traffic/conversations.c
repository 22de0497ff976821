/* SPDX-License-Identifier: ISC */
/*
 * conversations: thousands of TCP and UDP conversations at once, and what became of them.
 *
 *   conversations serve --port 7000
 *   conversations open --from A,B --to C,D --port 7000 --tcp 500 --udp 500 --rate 1
 *
 * The server answers each request with as many bytes as it asks for. The client opens its
 * conversations over all pairs of --from and --to addresses of one family, keeps them alive with
 * requests, prints one line of JSON each --report milliseconds, and one last line ("final": true)
 * when it is told to end by SIGTERM, SIGINT or the end of --seconds.
 *
 * With --reopen a lasting conversation that breaks, or gets no answer for --patience milliseconds,
 * is opened again at once; its outage lasts until the next answer.
 *
 * With --new N it opens N short UDP and TCP conversations a second as well, each with one request,
 * and tells how many failed and for how long new ones failed. That is how an outage is measured.
 *
 * One thread, epoll, no allocation after the start.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "topo/traffic/asker.h"
#include "topo/traffic/talk.h"

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		perror("setrlimit");
}

static int converse(const struct options *options)
{
	static struct client client;
	struct epoll_event events[EVENTS];
	int64_t now, ticked = 0;
	int count;

	asker_init(&client, options);
	client.began = now = now_ms();
	while (!stopping && (!options->seconds || now - client.began < options->seconds * 1000LL)) {
		count = epoll_wait(client.epoll, events, EVENTS, TICK_MS);
		now = now_ms();
		for (int i = 0; i < count; i++)
			asker_event(&client, &events[i], now);
		if (now - ticked >= TICK_MS) {
			asker_tick(&client, now);
			ticked = now;
		}
		if (now - client.reported >= options->report_ms)
			asker_report(&client, now, false);
	}
	asker_report(&client, now, true);
	return 0;
}

enum {
	FROM = 256,
	TO,
	PORT,
	TCP,
	UDP,
	RATE,
	SECONDS,
	REPORT,
	PATIENCE,
	ANSWER,
	BIG_ANSWER,
	BIG_EVERY,
	NEW,
	DETAIL,
	REOPEN
};

static const struct option long_options[] = {{"from", required_argument, NULL, FROM},
					     {"to", required_argument, NULL, TO},
					     {"port", required_argument, NULL, PORT},
					     {"tcp", required_argument, NULL, TCP},
					     {"udp", required_argument, NULL, UDP},
					     {"rate", required_argument, NULL, RATE},
					     {"seconds", required_argument, NULL, SECONDS},
					     {"report", required_argument, NULL, REPORT},
					     {"patience", required_argument, NULL, PATIENCE},
					     {"answer", required_argument, NULL, ANSWER},
					     {"big-answer", required_argument, NULL, BIG_ANSWER},
					     {"big-every", required_argument, NULL, BIG_EVERY},
					     {"new", required_argument, NULL, NEW},
					     {"detail", no_argument, NULL, DETAIL},
					     {"reopen", no_argument, NULL, REOPEN},
					     {NULL, 0, NULL, 0}};

static void usage(void)
{
	fputs("usage: conversations serve --port P\n"
	      "       conversations open --from A,.. --to B,.. --port P [--tcp N] [--udp N]\n"
	      "                          [--rate PER_SECOND] [--seconds S] [--report MS]\n"
	      "                          [--patience MS] [--answer BYTES]\n"
	      "                          [--big-answer BYTES --big-every N]\n"
	      "                          [--new PER_SECOND] [--reopen] [--detail]\n",
	      stderr);
	exit(2);
}

static void set_option(struct options *o, int which)
{
	int *const numbers[] = {[PORT - FROM] = &o->port,
				[TCP - FROM] = &o->tcp,
				[UDP - FROM] = &o->udp,
				[SECONDS - FROM] = &o->seconds,
				[REPORT - FROM] = &o->report_ms,
				[PATIENCE - FROM] = &o->patience_ms,
				[ANSWER - FROM] = &o->answer,
				[BIG_ANSWER - FROM] = &o->big_answer,
				[BIG_EVERY - FROM] = &o->big_every,
				[NEW - FROM] = &o->fresh};

	if (which == FROM)
		o->from = optarg;
	else if (which == TO)
		o->to = optarg;
	else if (which == RATE)
		o->rate = atof(optarg);
	else if (which == DETAIL)
		o->detail = true;
	else if (which == REOPEN)
		o->reopen = true;
	else if (which > FROM && which <= NEW && numbers[which - FROM])
		*numbers[which - FROM] = atoi(optarg);
	else
		usage();
}

int main(int argc, char **argv)
{
	struct options options = {
		.rate = 1, .report_ms = 250, .patience_ms = 5000, .answer = 64, .big_answer = 3000};
	struct sigaction action = {.sa_handler = on_signal};
	int which;

	if (argc < 2)
		usage();
	while ((which = getopt_long(argc - 1, argv + 1, "", long_options, NULL)) != -1)
		set_option(&options, which);
	if (!options.port)
		usage();
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	raise_file_limit();
	if (!strcmp(argv[1], "serve"))
		return answer_questions(options.port);
	if (strcmp(argv[1], "open") || !options.from || !options.to || options.rate <= 0)
		usage();
	return converse(&options);
}
