/* SPDX-License-Identifier: ISC */
/*
 * May a program be run for [health]? Whoever can change it, or a folder on the way to it, can have
 * it say what they like, and runs as its user.
 *
 * Thread: any.
 */
#ifndef SANDWICH_HEALTH_SCRIPT_FILE_H
#define SANDWICH_HEALTH_SCRIPT_FILE_H

/*
 * PATH is an absolute path. 0; -ENOENT: it is not there; -EACCES: it is no program, or is owned by
 * somebody else than root and us, or others may write to it. *WHY says so then; g_free() it.
 */
int script_file_check(const char *path, char **why) __attribute__((warn_unused_result));

#endif
