/* SPDX-License-Identifier: ISC */
/* links: sandwich/run/secret.c */
/* The secret file: what is taken, and what is said of the rest. */
#include <errno.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "sandwich/run/secret.h"

struct content {
	const char *text;
	int error;
	const char *says;
};

static void contents(void **state)
{
	static const struct content cases[] = {
		{"0123456789abcdef", 0, NULL},
		{"0123456789abcde", -EINVAL, "holds 15 bytes, too few"},
		{"", -EINVAL, "holds 0 bytes, too few"},
		{"                  \n", -EINVAL, "white space only"},
		{"aaaaaaaaaaaaaaaaaaaaaa\n", -EINVAL, "one byte again and again"},
		{"aaaaaaaaaaaaaaaaaaaaab\n", 0, NULL},
	};
	char *path = g_build_filename(g_get_tmp_dir(), "sandwich-secret-XXXXXX", NULL), *why;
	int fd = g_mkstemp(path);
	size_t length;
	u8 *secret;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		assert_true(g_file_set_contents(path, cases[i].text, -1, NULL));
		assert_int_equal(secret_read(path, &secret, &length, &why), cases[i].error);
		if (cases[i].error) {
			assert_null(secret);
			assert_non_null(strstr(why, cases[i].says));
		} else {
			assert_memory_equal(secret, cases[i].text, length);
		}
		g_clear_pointer(&why, g_free);
		secret_free(secret, length);
	}
	g_chmod(path, 0644);
	assert_true(secret_is_open(path));
	g_chmod(path, 0640);
	assert_false(secret_is_open(path));
	unlink(path);
	g_free(path);
}

/* Who may not read it is not told to write another over it. */
static void unread(void **state)
{
	size_t length;
	char *why;
	u8 *secret;

	(void)state;
	assert_int_equal(secret_read(NULL, &secret, &length, &why), 0);
	assert_null(secret);
	assert_int_equal(secret_read("/nowhere/secret", &secret, &length, &why), -ENOENT);
	assert_non_null(strstr(why, "does not exist"));
	g_free(why);
	assert_int_equal(secret_read("/", &secret, &length, &why), -EIO);
	assert_null(strstr(why, "urandom"));
	g_free(why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents),
		cmocka_unit_test(unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
