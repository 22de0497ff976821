/* SPDX-License-Identifier: ISC */
#include "sandwich/health/script_file.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In a folder with the sticky bit others may write, but not rename or remove what isn't theirs. */
static bool is_ours_alone(const struct stat *st)
{
	bool kept = S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX;

	if (st->st_uid && st->st_uid != geteuid())
		return false;
	return kept || !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int judge(const char *path, const struct stat *st, char **why)
{
	if (is_ours_alone(st))
		return 0;
	*why = g_strdup_printf("others may change %s: have root own it (chown root %s), and "
			       "nobody else write to it (chmod go-w %s)", path, path, path);
	return -EACCES;
}

static int look(const char *path, struct stat *st, char **why)
{
	int error;

	if (!stat(path, st))
		return judge(path, st, why);
	error = errno;
	*why = g_strdup_printf("%s: %s", path, g_strerror(error));
	return error == ENOENT || error == ENOTDIR ? -ENOENT : -EACCES;
}

/* The file, and each folder above it. */
static int look_up(const char *path, struct stat *st, char **why)
{
	char *at = g_strdup(path);
	struct stat folder;
	int rc = look(path, st, why);

	while (!rc && strcmp(at, "/")) {
		char *above = g_path_get_dirname(at);

		g_free(at);
		at = above;
		rc = look(at, &folder, why);
	}
	g_free(at);
	return rc;
}

int script_file_check(const char *path, char **why)
{
	struct stat st;
	char *real;
	int rc;

	*why = NULL;
	rc = look_up(path, &st, why);
	if (rc)
		return rc;
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111)) {
		*why = g_strdup_printf("%s is no program: chmod +x %s", path, path);
		return -EACCES;
	}
	real = realpath(path, NULL); /* where links lead, too */
	if (!real) {
		*why = g_strdup_printf("%s: %s", path, g_strerror(errno));
		return -EACCES;
	}
	rc = look_up(real, &st, why);
	free(real);
	return rc;
}
