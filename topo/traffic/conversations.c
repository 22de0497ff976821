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
 * With --reopen a lasting conversation that breaks, or gets no answer for --patience milliseconds, is
 * opened again at once; its outage lasts until the next answer.
 *
 * With --new N it opens N short UDP and TCP conversations a second as well, each with one request,
 * and tells how many failed and for how long new ones failed. That is how an outage is measured.
 *
 * One thread, epoll, no allocation after the start.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	MAGIC = 0x73776368,
	ANSWER_MAX = 16384,
	ADDRESSES_MAX = 256,
	EVENTS = 256,
	TICK_MS = 10,
	RETRY_MS = 50, /* between attempts to open again */
	STALL_MS = 200, /* a question this old makes its second a stalled one */
	SECONDS_MAX = 1024,
	OUTAGE_GAP_MS = 1500,
	OPEN_BURST = 64, /* conversations opened in one tick: no SYN flood of our own making */
};

/* What both sides send first: the request is nothing else, the answer has bytes after it. */
struct message {
	uint32_t magic;
	uint32_t sequence;
	uint32_t answer; /* bytes of the answer, with this header */
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
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

static void watch(int epoll, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event event = { .events = events, .data.u64 = tag };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) && errno == EEXIST &&
	    epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event))
		die("epoll_ctl");
}

/* ---- the server ---- */

struct server {
	int epoll, tcp, udp;
	uint8_t answer[ANSWER_MAX];
};

static int listener(int type, int port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, off = 0, size = 4 << 20;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (type == SOCK_DGRAM) {
		/* answers leave from the address that was asked */
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	}
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die("bind");
	if (type == SOCK_STREAM && listen(fd, 4096))
		die("listen");
	return fd;
}

static size_t answer_size(const struct message *request)
{
	if (request->answer < sizeof(*request))
		return sizeof(*request);
	return request->answer > ANSWER_MAX ? ANSWER_MAX : request->answer;
}

static void serve_accept(struct server *server)
{
	int fd;

	while ((fd = accept4(server->tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		watch(server->epoll, fd, EPOLLIN, fd);
}

/* Requests are small and answers fit the socket's buffer, so neither is ever partial in practice;
 * when one is, the stream is broken for good and so is closed. */
static void serve_tcp(struct server *server, int fd)
{
	struct message request;
	ssize_t got;
	size_t size;

	while ((got = recv(fd, &request, sizeof(request), 0)) == (ssize_t)sizeof(request)) {
		if (request.magic != MAGIC)
			break;
		size = answer_size(&request);
		request.answer = size;
		memcpy(server->answer, &request, sizeof(request));
		if (send(fd, server->answer, size, MSG_NOSIGNAL) != (ssize_t)size)
			break;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close(fd);
}

/* The answer takes the control message that came with the request: it holds our address. */
static void serve_udp(struct server *server)
{
	struct sockaddr_in6 from;
	struct message request;
	struct iovec in = { &request, sizeof(request) };
	struct iovec out = { server->answer, 0 };
	char control[256];
	struct msghdr header;
	ssize_t got;

	for (;;) {
		header = (struct msghdr){ .msg_name = &from, .msg_namelen = sizeof(from),
			.msg_iov = &in, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control) };
		got = recvmsg(server->udp, &header, 0);
		if (got < 0 && errno == EAGAIN)
			return;
		if (got != (ssize_t)sizeof(request) || request.magic != MAGIC)
			continue;
		out.iov_len = answer_size(&request);
		request.answer = out.iov_len;
		memcpy(server->answer, &request, sizeof(request));
		header.msg_iov = &out;
		if (sendmsg(server->udp, &header, 0) < 0 && errno != EAGAIN)
			perror("sendmsg");
	}
}

static int serve(int port)
{
	static struct server server;
	struct epoll_event events[EVENTS];
	int count;

	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	server.tcp = listener(SOCK_STREAM, port);
	server.udp = listener(SOCK_DGRAM, port);
	watch(server.epoll, server.tcp, EPOLLIN, server.tcp);
	watch(server.epoll, server.udp, EPOLLIN, server.udp);
	while (!stopping) {
		count = epoll_wait(server.epoll, events, EVENTS, -1);
		for (int i = 0; i < count; i++) {
			if ((int)events[i].data.u64 == server.tcp)
				serve_accept(&server);
			else if ((int)events[i].data.u64 == server.udp)
				serve_udp(&server);
			else
				serve_tcp(&server, events[i].data.u64);
		}
	}
	return 0;
}

/* ---- the client ---- */

enum state { IDLE, OPENING, OPEN, FAILED, BROKEN };

static const char *const state_names[] = { "idle", "opening", "open", "failed", "broken" };

struct conversation {
	int fd;
	enum state state;
	bool udp;
	int from, to;	  /* indices of addresses */
	int error;	  /* errno that broke it */
	uint32_t sequence;
	uint32_t got;	  /* bytes of the present answer that came (TCP) */
	uint32_t wanted;
	uint32_t answered;
	int64_t began;	  /* when opening began */
	int64_t asked;	  /* when the oldest unanswered request was sent; 0: none */
	int64_t next;	  /* when to ask again */
	int64_t longest;  /* longest time from a question to the next answer, ms */
	uint16_t port;	  /* local */
	uint32_t reopened;
};

struct options {
	const char *from, *to;
	int port, tcp, udp, seconds, report_ms, patience_ms, answer, big_answer, big_every, fresh;
	double rate;
	bool detail, reopen;
};

struct client {
	struct options options;
	struct sockaddr_storage from[ADDRESSES_MAX], to[ADDRESSES_MAX];
	int froms, tos, pairs;
	int epoll;
	struct conversation *conversations; /* the lasting ones, then the slots of short ones */
	int lasting, total;
	int64_t began, deadline, reported;
	uint32_t stalls[SECONDS_MAX]; /* conversations that stalled in that second */
	int64_t stalled_second;
	uint8_t *stalled;	      /* by conversation: counted in this second */
	/* short conversations */
	double fresh_credit;
	uint64_t fresh_tried, fresh_failed;
	int fresh_turn;
	int64_t failing_from, failing_to, fresh_longest; /* by the time of their beginning */
};

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

static socklen_t address_size(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
					       sizeof(struct sockaddr_in6);
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
	c->port = ntohs(local.ss_family == AF_INET ? ((struct sockaddr_in *)&local)->sin_port :
						     ((struct sockaddr_in6 *)&local)->sin6_port);
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
	struct message request = { MAGIC, c->sequence + 1, 0 };

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

/* A short conversation failed. While one of several firewalls is dead some fail and some don't, so an
 * outage is the span from the first to the last that failed, with no long quiet between them. */
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

	if (c->asked && took > c->longest)
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

static void on_event(struct client *client, const struct epoll_event *event, int64_t now)
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

static void tick(struct client *client, int64_t now)
{
	open_some(client, now);
	for (int i = 0; i < client->lasting; i++)
		tick_conversation(client, i, now);
	if (client->options.fresh) {
		expire_fresh(client, now);
		begin_fresh(client, now);
	}
}

/* ---- the client's reports ---- */

struct totals {
	int count[5];
	int answered_all; /* lasting conversations with an answer */
	int waiting;	  /* with a question older than STALL_MS */
	uint64_t answers, reopened;
	int64_t longest;
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

		printf("%s{\"protocol\": \"%s\", \"local\": ", i ? ", " : "", c->udp ? "udp" : "tcp");
		print_address(&client->from[c->from]);
		printf(", \"local_port\": %u, \"remote\": ", c->port);
		print_address(&client->to[c->to]);
		printf(", \"remote_port\": %d, \"state\": \"%s\", \"answers\": %u", client->options.port,
		       state_names[c->state], c->answered);
		printf(", \"reopened\": %u, \"longest_ms\": %lld, \"error\": \"%s\"}", c->reopened, (long long)c->longest,
		       c->error ? strerror(c->error) : "");
	}
	printf("]");
}

static void report(struct client *client, int64_t now, bool final)
{
	struct totals totals;

	sum(client, now, &totals);
	printf("{\"final\": %s, \"time_ms\": %lld, \"wanted\": %d, \"opened\": %d, \"open\": %d",
	       final ? "true" : "false", (long long)(now - client->began), client->lasting,
	       totals.answered_all, totals.count[OPEN]);
	printf(", \"failed\": %d, \"broken\": %d, \"stalled\": %d, \"answers\": %llu",
	       totals.count[FAILED], totals.count[BROKEN], totals.waiting,
	       (unsigned long long)totals.answers);
	printf(", \"reopened\": %llu, \"longest_ms\": %lld", (unsigned long long)totals.reopened,
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

static void prepare(struct client *client)
{
	const struct options *o = &client->options;

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
		choose_pair(client, i, &client->conversations[i].from, &client->conversations[i].to);
	}
}

static int converse(const struct options *options)
{
	static struct client client;
	struct epoll_event events[EVENTS];
	int64_t now, ticked = 0;
	int count;

	client.options = *options;
	prepare(&client);
	client.began = now = now_ms();
	while (!stopping && (!options->seconds || now - client.began < options->seconds * 1000LL)) {
		count = epoll_wait(client.epoll, events, EVENTS, TICK_MS);
		now = now_ms();
		for (int i = 0; i < count; i++)
			on_event(&client, &events[i], now);
		if (now - ticked >= TICK_MS) {
			tick(&client, now);
			ticked = now;
		}
		if (now - client.reported >= options->report_ms)
			report(&client, now, false);
	}
	report(&client, now, true);
	return 0;
}

/* ---- the command line ---- */

enum { FROM = 256, TO, PORT, TCP, UDP, RATE, SECONDS, REPORT, PATIENCE, ANSWER, BIG_ANSWER, BIG_EVERY,
       NEW, DETAIL, REOPEN };

static const struct option long_options[] = {
	{ "from", required_argument, NULL, FROM }, { "to", required_argument, NULL, TO },
	{ "port", required_argument, NULL, PORT }, { "tcp", required_argument, NULL, TCP },
	{ "udp", required_argument, NULL, UDP }, { "rate", required_argument, NULL, RATE },
	{ "seconds", required_argument, NULL, SECONDS }, { "report", required_argument, NULL, REPORT },
	{ "patience", required_argument, NULL, PATIENCE }, { "answer", required_argument, NULL, ANSWER },
	{ "big-answer", required_argument, NULL, BIG_ANSWER },
	{ "big-every", required_argument, NULL, BIG_EVERY }, { "new", required_argument, NULL, NEW },
	{ "detail", no_argument, NULL, DETAIL },
	{ "reopen", no_argument, NULL, REOPEN }, { NULL, 0, NULL, 0 }
};

static void usage(void)
{
	fprintf(stderr,
		"usage: conversations serve --port P\n"
		"       conversations open --from A,.. --to B,.. --port P [--tcp N] [--udp N] [--rate PER_SECOND]\n"
		"                          [--seconds S] [--report MS] [--patience MS] [--answer BYTES]\n"
		"                          [--big-answer BYTES --big-every N] [--new PER_SECOND] [--reopen] [--detail]\n");
	exit(2);
}

static void set_option(struct options *o, int which)
{
	int *const numbers[] = { [PORT - FROM] = &o->port, [TCP - FROM] = &o->tcp, [UDP - FROM] = &o->udp,
		[SECONDS - FROM] = &o->seconds, [REPORT - FROM] = &o->report_ms,
		[PATIENCE - FROM] = &o->patience_ms, [ANSWER - FROM] = &o->answer,
		[BIG_ANSWER - FROM] = &o->big_answer, [BIG_EVERY - FROM] = &o->big_every,
		[NEW - FROM] = &o->fresh };

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
	struct options options = { .rate = 1, .report_ms = 250, .patience_ms = 5000, .answer = 64,
				   .big_answer = 3000 };
	struct sigaction action = { .sa_handler = on_signal };
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
		return serve(options.port);
	if (strcmp(argv[1], "open") || !options.from || !options.to || options.rate <= 0)
		usage();
	return converse(&options);
}
