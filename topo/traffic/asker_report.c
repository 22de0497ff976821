/* SPDX-License-Identifier: ISC */
/* The client's reports. */
#include "topo/traffic/asker.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "topo/traffic/talk.h"

static const char *const state_names[] = {"idle", "opening", "open", "failed", "broken"};

struct totals {
	int count[5];
	int answered_all; /* lasting conversations with an answer */
	int waiting;      /* with a question older than STALL_MS */
	uint64_t answers, reopened;
	int64_t longest, opening;
};

static void sum(const struct client *client, int64_t now, struct totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	for (int i = 0; i < client->lasting; i++) {
		const struct conversation *c = &client->conversations[i];
		bool live = c->state == OPEN || c->state == OPENING;

		totals->count[c->state]++;
		totals->answers += c->answered;
		totals->reopened += c->reopened;
		totals->answered_all += c->answered > 0;
		totals->waiting += live && c->asked && now - c->asked > STALL_MS;
		if (c->longest > totals->longest)
			totals->longest = c->longest;
		if (c->opening > totals->opening)
			totals->opening = c->opening;
	}
}

static void print_stalls(const struct client *client, int64_t now)
{
	int64_t last = (now - client->began) / 1000;

	printf(", \"stalls_per_second\": [");
	for (int64_t s = 0; s <= last && s < SECONDS_MAX; s++)
		printf("%s%u", s ? ", " : "", client->stalls[s]);
	printf("]");
}

static void print_address(const struct sockaddr_storage *address)
{
	char text[64];

	getnameinfo((const struct sockaddr *)address, address_size(address), text, sizeof(text),
		    NULL, 0, NI_NUMERICHOST);
	printf("\"%s\"", text);
}

static void print_conversations(const struct client *client)
{
	printf(", \"conversations\": [");
	for (int i = 0; i < client->lasting; i++) {
		const struct conversation *c = &client->conversations[i];

		printf("%s{\"protocol\": \"%s\", \"local\": ", i ? ", " : "",
		       c->udp ? "udp" : "tcp");
		print_address(&client->from[c->from]);
		printf(", \"local_port\": %u, \"remote\": ", c->port);
		print_address(&client->to[c->to]);
		printf(", \"remote_port\": %d, \"state\": \"%s\", \"answers\": %u",
		       client->options.port, state_names[c->state], c->answered);
		printf(", \"reopened\": %u, \"longest_ms\": %lld, \"error\": \"%s\"}", c->reopened,
		       (long long)c->longest, c->error ? strerror(c->error) : "");
	}
	printf("]");
}

void asker_report(struct client *client, int64_t now, bool final)
{
	struct totals totals;

	sum(client, now, &totals);
	printf("{\"final\": %s, \"time_ms\": %lld, \"wanted\": %d, \"opened\": %d, \"open\": %d",
	       final ? "true" : "false", (long long)(now - client->began), client->lasting,
	       totals.answered_all, totals.count[OPEN]);
	printf(", \"failed\": %d, \"broken\": %d, \"stalled\": %d, \"answers\": %llu",
	       totals.count[FAILED], totals.count[BROKEN], totals.waiting,
	       (unsigned long long)totals.answers);
	printf(", \"reopened\": %llu, \"opening_ms\": %lld, \"longest_ms\": %lld",
	       (unsigned long long)totals.reopened, (long long)totals.opening,
	       (long long)totals.longest);
	printf(", \"new\": {\"tried\": %llu, \"failed\": %llu, \"longest_ms\": %lld}",
	       (unsigned long long)client->fresh_tried, (unsigned long long)client->fresh_failed,
	       (long long)client->fresh_longest);
	if (final)
		print_stalls(client, now);
	if (final && client->options.detail)
		print_conversations(client);
	printf("}\n");
	fflush(stdout);
	client->reported = now;
}
