/* SPDX-License-Identifier: ISC */
/* The server: answers each question with as many bytes as it asks for. */
#include "topo/traffic/talk.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct server {
	int epoll, tcp, udp;
	uint8_t answer[ANSWER_MAX];
};

static int listener(int type, int port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
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
	struct iovec in = {&request, sizeof(request)};
	struct iovec out = {server->answer, 0};
	char control[256];
	struct msghdr header;
	ssize_t got;

	for (;;) {
		header = (struct msghdr){.msg_name = &from,
					 .msg_namelen = sizeof(from),
					 .msg_iov = &in,
					 .msg_iovlen = 1,
					 .msg_control = control,
					 .msg_controllen = sizeof(control)};
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

int answer_questions(int port)
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
