/* SPDX-License-Identifier: ISC */
/* links: sandwich/fastpath/bpffs.c */
/*
 * Many daemons that start at the same time mount one bpffs, and all of them see it.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandwich/fastpath/bpffs.h"

#define DAEMONS 8
#define ROUNDS 20

/* How many times FOLDER is a mount point here. */
static int mounts(const char *folder)
{
	FILE *all = fopen("/proc/self/mountinfo", "re");
	char line[4096], name[256];
	int n = 0;

	assert_non_null(all);
	snprintf(name, sizeof(name), " %s ", folder);
	while (fgets(line, sizeof(line), all))
		n += strstr(line, name) != NULL;
	fclose(all);
	return n;
}

/* All at once; returns how many have seen another bpffs than the one that is found after. */
static int start_all(const char *folder)
{
	struct stat theirs[DAEMONS], found;
	int pipes[2], strangers = 0, fd;

	assert_int_equal(pipe(pipes), 0);
	for (int i = 0; i < DAEMONS; i++) {
		if (fork())
			continue;
		fd = bpffs_open(true);
		if (fd < 0 || fstat(fd, &found))
			_exit(1);
		_exit(write(pipes[1], &found, sizeof(found)) != sizeof(found));
	}
	for (int i = 0; i < DAEMONS; i++)
		assert_int_equal(read(pipes[0], &theirs[i], sizeof(theirs[i])), sizeof(theirs[i]));
	while (wait(NULL) > 0)
		;
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(stat(folder, &found), 0);
	for (int i = 0; i < DAEMONS; i++)
		strangers += theirs[i].st_dev != found.st_dev;
	return strangers;
}

/* The mount namespace of process 1, where that may be entered; else ours is where it mounts. */
static void go_where_it_mounts(void)
{
	int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	assert_int_equal(setns(fd, CLONE_NEWNS), 0);
	close(fd);
}

static void test_started_at_the_same_time(void **state)
{
	char folder[] = "/tmp/sandwich-bpffs-XXXXXX", root[64];

	(void)state;
	if (geteuid()) {
		print_message("skipped: mounting needs root\n");
		skip();
	}
	go_where_it_mounts();
	assert_non_null(mkdtemp(folder));
	snprintf(root, sizeof(root), "%s/bpf", folder);
	setenv(BPFFS_VARIABLE, root, 1);
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(start_all(root), 0);
		assert_int_equal(mounts(root), 1);
		assert_int_equal(umount(root), 0);
	}
	rmdir(root);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_started_at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
