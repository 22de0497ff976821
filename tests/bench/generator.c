// SPDX-License-Identifier: ISC
/*
 * The kernel's frame generator, driven from standard input.
 *
 *   generator OBJECT INTERFACE SOURCE-MAC DESTINATION-MAC CPU
 *
 * Words, a line each: "rate N" (frames a second; 0: stop; -1: as fast as it goes), "flows N", "to
 * MAC", "new 1" (TCP, every frame a new flow; 0: UDP, flows at random), "sent" (answered with the
 * count since start). Each is answered with a line. The end of input ends it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/generate.h"

static const char *run_new(struct generator *state, int on)
{
	state->traffic.syn = on != 0;
	state->order = on ? GENERATOR_SEQUENCE : GENERATOR_RANDOM;
	return "ok";
}

static void run_word(struct generate *g, const char *line)
{
	struct generator *state = generate_state(g);
	const char *answer = "ok";
	long long n;

	if (sscanf(line, "rate %lld", &n) == 1)
		generate_rate(g, n);
	else if (sscanf(line, "flows %lld", &n) == 1)
		state->flows = (__u32)n;
	else if (sscanf(line, "new %lld", &n) == 1)
		answer = run_new(state, n != 0);
	else if (!strncmp(line, "to ", 3))
		answer = generate_mac(state->traffic.to, line + 3) ? "ok" : "what?";
	else if (!strncmp(line, "sent", 4))
		answer = NULL;
	else
		answer = "what?";
	if (answer)
		puts(answer);
	else
		printf("%llu\n",
		       (unsigned long long)__atomic_load_n(&state->sent, __ATOMIC_RELAXED));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct generate *g;
	char line[80];
	int err;

	if (argc != 6) {
		fprintf(stderr,
			"usage: generator OBJECT INTERFACE SOURCE-MAC DESTINATION-MAC CPU\n");
		return 2;
	}
	err = generate_open(&g, argv[1], NULL, argv[2], atoi(argv[5]));
	if (err) {
		fprintf(stderr, "generator: %s\n", strerror(-err));
		return 1;
	}
	if (!generate_mac(generate_state(g)->traffic.from, argv[3]) ||
	    !generate_mac(generate_state(g)->traffic.to, argv[4]))
		return 2;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		run_word(g, line);
	generate_close(g);
	return 0;
}
