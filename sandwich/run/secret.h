/* SPDX-License-Identifier: ISC */
/*
 * The secret file: what both sides know and nobody else.
 *
 * Bytes as they are in the file; that it holds some is checked, that they are random can't be.
 *
 * Thread: any.
 */
#ifndef SANDWICH_RUN_SECRET_H
#define SANDWICH_RUN_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include "sandwich/core/types.h"

#define SECRET_MIN 16 /* bytes */

/*
 * Reads PATH (NULL: none, no bytes). *SECRET is to be freed by secret_free(). 0, or -errno, and
 * *WHY (g_free() it) says what to do: -ENOENT, -EACCES, -EINVAL (no secret).
 */
int secret_read(const char *path, u8 **secret, size_t *length, char **why)
	__attribute__((warn_unused_result));
void secret_free(u8 *secret, size_t length);

/* Whether others than the file's owner and its group may read it. */
bool secret_is_open(const char *path);

#endif
