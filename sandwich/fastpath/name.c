// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define NAME_SHOWN 32 /* characters of the balancer's own name: the hash tells the rest apart */

/* A number that no other network namespace has had since boot; before Linux 5.14 its inode. */
static int name_netns(uint64_t *out)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*out);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, out, &size)) {
		err = stat("/proc/self/ns/net", &st) ? -errno : 0;
		*out = err ? 0 : st.st_ino;
	}
	close(fd);
	return err;
}

/* FNV-1a: nothing depends on it but that two names rarely share one. */
static uint32_t name_hash(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	return hash;
}

static char name_plain(char c)
{
	const char lower = (char)(c | 0x20);

	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' ? c : '_';
}

int name_make(char *out, const char *sandwich, const char *balancer)
{
	char shown[NAME_SHOWN + 1];
	uint64_t netns = 0;
	int n = 0, err = name_netns(&netns);

	if (err)
		return err;
	for (; n < NAME_SHOWN && balancer[n]; n++)
		shown[n] = name_plain(balancer[n]);
	shown[n] = 0;
	n = snprintf(out, NAME_SIZE, "%s-%" PRIx64 "-%08x-", shown, netns, name_hash(balancer));
	if (sandwich)
		snprintf(out + n, (size_t)(NAME_SIZE - n), "%08x", name_hash(sandwich));
	return 0;
}
