// SPDX-License-Identifier: ISC
#include "sandwich/run/secret.h"

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static int secret_unread(const char *path, const GError *error, char **why)
{
	if (error->code == G_FILE_ERROR_NOENT) {
		*why = g_strdup_printf("secret-file %s does not exist; copy the other side's, or "
				       "make one with: (umask 077; head -c 32 /dev/urandom | "
				       "base64 >%s)",
				       path, path);
		return -ENOENT;
	}
	if (error->code == G_FILE_ERROR_ACCES || error->code == G_FILE_ERROR_PERM) {
		*why = g_strdup_printf("secret-file %s may not be read; give it to the user that "
				       "the daemon runs as: chown sandwich %s",
				       path, path);
		return -EACCES;
	}
	*why = g_strdup_printf("secret-file: %s", error->message);
	return -EIO;
}

static bool secret_is_blank(const char *text, size_t length)
{
	size_t i = 0;

	while (i < length && g_ascii_isspace(text[i]))
		i++;
	return i == length;
}

static bool secret_is_one_byte(const char *text, size_t length)
{
	size_t i = 1;

	while (length && g_ascii_isspace(text[length - 1]))
		length--;
	while (i < length && text[i] == text[0])
		i++;
	return i >= length;
}

static int secret_judge(const char *path, const char *text, size_t length, char **why)
{
	if (length < SECRET_MIN)
		*why = g_strdup_printf("secret-file %s holds %zu bytes, too few to be a secret; "
				       "give it 32",
				       path, length);
	else if (secret_is_blank(text, length))
		*why = g_strdup_printf("secret-file %s holds white space only; give it 32 random "
				       "bytes",
				       path);
	else if (secret_is_one_byte(text, length))
		*why = g_strdup_printf("secret-file %s holds one byte again and again, which is "
				       "no secret; give it 32 random ones",
				       path);
	return *why ? -EINVAL : 0;
}

int secret_read(const char *path, u8 **secret, size_t *length, char **why)
{
	GError *error = NULL;
	gchar *text;
	int rc;

	*secret = NULL;
	*length = 0;
	*why = NULL;
	if (!path)
		return 0;
	if (!g_file_get_contents(path, &text, length, &error)) {
		rc = secret_unread(path, error, why);
		g_error_free(error);
		return rc;
	}
	rc = secret_judge(path, text, *length, why);
	if (!rc) {
		*secret = (u8 *)text;
		return 0;
	}
	secret_free((u8 *)text, *length);
	*length = 0;
	return rc;
}

void secret_free(u8 *secret, size_t length)
{
	if (secret)
		explicit_bzero(secret, length);
	g_free(secret);
}

bool secret_is_open(const char *path)
{
	GStatBuf st;

	return path && !g_stat(path, &st) && st.st_mode & S_IROTH;
}
