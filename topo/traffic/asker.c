/* SPDX-License-Identifier: ISC */
/* The client's conversations: opened, kept alive, and judged. */
#include "topo/traffic/asker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "topo/traffic/talk.h"

static int parse_addresses(const char *text, int port, struct sockaddr_storage *out)
{
	char *copy = strdup(text), *rest = copy, *word;
	int count = 0;

	while ((word = strsep(&rest, ",")) && count < ADDRESSES_MAX) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&out[count];
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out[count];

		memset(&out[count], 0, sizeof(out[count]));
		if (inet_pton(AF_INET, word, &v4->sin_addr) == 1) {
			v4->sin_family = AF_INET;
			v4->sin_port = htons(port);
		} else if (inet_pton(AF_INET6, word, &v6->sin6_addr) == 1) {
			v6->sin6_family = AF_INET6;
			v6->sin6_port = htons(port);
		} else {
			fprintf(stderr, "conversations: not an address: %s\n", word);
			exit(2);
		}
		count++;
	}
	free(copy);
	return count;
}

socklen_t address_size(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
}

/* The N-th pair of one family, families and addresses in turn. */
static void choose_pair(struct client *client, int n, int *from, int *to)
{
	int index = n % client->pairs;

	for (int f = 0; f < client->froms; f++) {
		for (int t = 0; t < client->tos; t++) {
			if (client->from[f].ss_family != client->to[t].ss_family)
				continue;
			if (index-- == 0) {
				*from = f;
				*to = t;
				return;
			}
		}
	}
}

static int count_pairs(const struct client *client)
{
	int count = 0;

	for (int f = 0; f < client->froms; f++)
		for (int t = 0; t < client->tos; t++)
			count += client->from[f].ss_family == client->to[t].ss_family;
	return count;
}

static void end(struct conversation *c, enum state state, int error)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->state = state;
	c->error = error;
}

/* A lasting conversation broke, or could not be opened. */
static void lost(const struct client *client, struct conversation *c, int error)
{
	bool opened = c->answered > 0;

	end(c, opened ? BROKEN : FAILED, error);
	if (!client->options.reopen || !opened)
		return;
	c->state = IDLE;
	c->sequence = 0;
	c->reopened++;
	c->next = now_ms() + RETRY_MS;
}

static bool is_fresh(const struct client *client, const struct conversation *c)
{
	return c - client->conversations >= client->lasting;
}

static void remember_port(struct conversation *c)
{
	struct sockaddr_storage local;
	socklen_t size = sizeof(local);

	if (getsockname(c->fd, (struct sockaddr *)&local, &size))
		return;
	c->port = ntohs(local.ss_family == AF_INET ? ((struct sockaddr_in *)&local)->sin_port
						   : ((struct sockaddr_in6 *)&local)->sin6_port);
}

static int open_socket(struct client *client, struct conversation *c)
{
	const struct sockaddr_storage *from = &client->from[c->from], *to = &client->to[c->to];
	int type = (c->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, on = 1;

	c->fd = socket(from->ss_family, type, 0);
	if (c->fd < 0)
		return -errno;
	if (!c->udp)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(c->fd, (const struct sockaddr *)from, address_size(from)) ||
	    (connect(c->fd, (const struct sockaddr *)to, address_size(to)) && errno != EINPROGRESS))
		return -errno;
	return 0;
}

static uint32_t answer_wanted(const struct client *client, const struct conversation *c)
{
	const struct options *o = &client->options;

	if (c->udp && o->big_every && (c->sequence % o->big_every) == 0)
		return o->big_answer;
	return o->answer;
}

static void ask(struct client *client, struct conversation *c, int64_t now)
{
	struct message request = {MAGIC, c->sequence + 1, 0};

	c->sequence++;
	request.answer = answer_wanted(client, c);
	c->wanted = request.answer;
	c->got = 0;
	if (!c->asked)
		c->asked = now;
	c->next = now + (int64_t)(1000 / client->options.rate);
	if (send(c->fd, &request, sizeof(request), MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
		if (is_fresh(client, c))
			end(c, FAILED, errno);
		else
			lost(client, c, errno);
	}
}

static void begin(struct client *client, int index, int64_t now)
{
	struct conversation *c = &client->conversations[index];
	int error;

	c->began = now;
	if (!c->asked)
		c->asked = now;
	c->state = OPENING;
	error = open_socket(client, c);
	if (error) {
		if (is_fresh(client, c))
			end(c, FAILED, -error);
		else
			lost(client, c, -error);
		return;
	}
	watch(client->epoll, c->fd, c->udp ? EPOLLIN : EPOLLIN | EPOLLOUT, index);
	if (c->udp) {
		remember_port(c);
		ask(client, c, now);
	}
}

/* A short conversation failed. While one of several firewalls is dead some fail and some don't, so
 * an outage is the span from the first to the last that failed, with no long quiet between them. */
static void fresh_failure(struct client *client, int64_t began)
{
	int64_t span;

	client->fresh_failed++;
	if (!client->failing_from || began - client->failing_to > OUTAGE_GAP_MS)
		client->failing_from = began;
	if (began > client->failing_to)
		client->failing_to = began;
	span = client->failing_to - client->failing_from + 1000 / client->options.fresh;
	if (span > client->fresh_longest)
		client->fresh_longest = span;
}

static void fresh_result(struct client *client, struct conversation *c, bool good)
{
	client->fresh_tried++;
	if (!good)
		fresh_failure(client, c->began);
	end(c, IDLE, 0);
}

static void answered(struct client *client, struct conversation *c, int64_t now)
{
	int64_t took = now - c->asked;

	if (!c->answered)
		c->opening = took;
	else if (c->asked && took > c->longest)
		c->longest = took;
	c->asked = 0;
	c->answered++;
	c->state = OPEN;
	if (is_fresh(client, c))
		fresh_result(client, c, true);
}

static void broke(struct client *client, struct conversation *c, int error)
{
	if (is_fresh(client, c))
		fresh_result(client, c, false);
	else
		lost(client, c, error);
}

static int socket_error(int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static void connected(struct client *client, int index, int64_t now)
{
	struct conversation *c = &client->conversations[index];
	int error = socket_error(c->fd);

	if (error) {
		broke(client, c, error);
		return;
	}
	remember_port(c);
	watch(client->epoll, c->fd, EPOLLIN, index);
	ask(client, c, now);
}

static void read_tcp(struct client *client, struct conversation *c, int64_t now)
{
	uint8_t bytes[ANSWER_MAX];
	ssize_t got = recv(c->fd, bytes, sizeof(bytes), 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		broke(client, c, got ? errno : ECONNRESET);
		return;
	}
	c->got += got;
	if (c->got >= c->wanted)
		answered(client, c, now);
}

/* Late answers to an older request count: the conversation lives. A short one of the wrong size
 * does not: a fragment was lost or two datagrams were mixed. */
static void read_udp(struct client *client, struct conversation *c, int64_t now)
{
	uint8_t bytes[ANSWER_MAX];
	struct message header;
	ssize_t got = recv(c->fd, bytes, sizeof(bytes), 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0) {
		broke(client, c, errno);
		return;
	}
	if (got < (ssize_t)sizeof(header))
		return;
	memcpy(&header, bytes, sizeof(header));
	if (header.magic == MAGIC && header.answer == got)
		answered(client, c, now);
}

void asker_event(struct client *client, const struct epoll_event *event, int64_t now)
{
	int index = event->data.u64;
	struct conversation *c = &client->conversations[index];

	if (c->fd < 0)
		return;
	if (!c->udp && c->sequence == 0)
		connected(client, index, now);
	else if (c->udp)
		read_udp(client, c, now);
	else
		read_tcp(client, c, now);
}

/* ---- the client's clock ---- */

static void count_stall(struct client *client, int index, int64_t now)
{
	int64_t second = (now - client->began) / 1000;

	if (second != client->stalled_second) {
		client->stalled_second = second;
		memset(client->stalled, 0, client->lasting);
	}
	if (second < SECONDS_MAX && !client->stalled[index]) {
		client->stalled[index] = 1;
		client->stalls[second]++;
	}
}

static void tick_conversation(struct client *client, int index, int64_t now)
{
	struct conversation *c = &client->conversations[index];

	if (c->state != OPENING && c->state != OPEN)
		return;
	if (c->asked && now - c->asked > STALL_MS)
		count_stall(client, index, now);
	if (c->asked && now - (c->reopened ? c->began : c->asked) > client->options.patience_ms) {
		lost(client, c, ETIMEDOUT);
		return;
	}
	if (c->fd < 0 || now < c->next || (!c->udp && (c->asked || c->sequence == 0)))
		return;
	ask(client, c, now);
}

static void open_some(struct client *client, int64_t now)
{
	int opened = 0;

	for (int i = 0; i < client->lasting && opened < OPEN_BURST; i++) {
		if (client->conversations[i].state != IDLE || now < client->conversations[i].next)
			continue;
		begin(client, i, now);
		opened++;
	}
}

static void expire_fresh(struct client *client, int64_t now)
{
	for (int i = client->lasting; i < client->total; i++) {
		struct conversation *c = &client->conversations[i];

		if (c->state == FAILED || c->state == BROKEN ||
		    ((c->state == OPENING || c->state == OPEN) && now - c->began > 1000))
			fresh_result(client, c, false);
	}
}

static void begin_fresh(struct client *client, int64_t now)
{
	client->fresh_credit += client->options.fresh * (double)TICK_MS / 1000;
	for (int i = client->lasting; i < client->total && client->fresh_credit >= 1; i++) {
		struct conversation *c = &client->conversations[i];

		if (c->state != IDLE)
			continue;
		memset(c, 0, sizeof(*c));
		c->udp = client->fresh_turn & 1;
		choose_pair(client, client->fresh_turn++ / 2, &c->from, &c->to);
		client->fresh_credit -= 1;
		begin(client, i, now);
	}
}

void asker_tick(struct client *client, int64_t now)
{
	open_some(client, now);
	for (int i = 0; i < client->lasting; i++)
		tick_conversation(client, i, now);
	if (client->options.fresh) {
		expire_fresh(client, now);
		begin_fresh(client, now);
	}
}

void asker_init(struct client *client, const struct options *options)
{
	const struct options *o = options;

	client->options = *options;
	client->froms = parse_addresses(o->from, 0, client->from);
	client->tos = parse_addresses(o->to, o->port, client->to);
	client->pairs = count_pairs(client);
	if (!client->pairs) {
		fprintf(stderr, "conversations: no pair of addresses of one family\n");
		exit(2);
	}
	client->lasting = o->tcp + o->udp;
	client->total = client->lasting + 2 * o->fresh;
	client->conversations = calloc(client->total + 1, sizeof(*client->conversations));
	client->stalled = calloc(client->lasting + 1, 1);
	client->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!client->conversations || !client->stalled || client->epoll < 0)
		die("prepare");
	for (int i = 0; i < client->total; i++) {
		client->conversations[i].fd = -1;
		client->conversations[i].udp = i >= o->tcp;
		choose_pair(client, i, &client->conversations[i].from,
			    &client->conversations[i].to);
	}
}
