/* SPDX-License-Identifier: ISC */
/* links: sandwich/ctl/answer.c */
/* What sandwichctl makes of daemons that refuse, close, take their time, or say nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "sandwich/ctl/answer.h"

enum ctl_exit ctl_fail(enum ctl_exit code, const char *format, ...)
{
	(void)format;
	return code;
}

struct daemon {
	char path[sizeof("/tmp/test-answer-XXXXXX/a.sock")];
	int listener;
	const char *text[3]; /* said one after the other; NULL: no more */
	unsigned int pause_ms; /* before each */
	bool silent;	       /* takes no clients at all */
};

static void daemon_open(struct daemon *d)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	char folder[] = "/tmp/test-answer-XXXXXX";

	assert_non_null(mkdtemp(folder));
	g_snprintf(d->path, sizeof(d->path), "%s/a.sock", folder);
	g_strlcpy(where.sun_path, d->path, sizeof(where.sun_path));
	d->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(d->listener, (struct sockaddr *)&where, sizeof(where)), 0);
	assert_int_equal(listen(d->listener, 1), 0);
}

static void daemon_close(struct daemon *d)
{
	char *folder = g_path_get_dirname(d->path);

	close(d->listener);
	unlink(d->path);
	rmdir(folder);
	g_free(folder);
}

/* One client; its words are never read. */
static gpointer daemon_run(gpointer user)
{
	struct daemon *d = user;
	int fd = accept(d->listener, NULL, NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(d->text) && d->text[i]; i++) {
		g_usleep(d->pause_ms * 1000);
		if (send(fd, d->text[i], strlen(d->text[i]), MSG_NOSIGNAL) < 0)
			break;
	}
	close(fd);
	return NULL;
}

/* Asks D; *WHY is why not. */
static enum ctl_exit ask(struct daemon *d, char **why)
{
	struct answer answer;
	struct ctl ctl = {0};
	GThread *thread = NULL;
	enum ctl_exit rc;

	daemon_open(d);
	if (!d->silent)
		thread = g_thread_new("daemon", daemon_run, d);
	ctl.path = d->path;
	rc = answer_try(&ctl, "version", &answer, why);
	answer_fini(&answer);
	if (thread)
		g_thread_join(thread);
	daemon_close(d);
	return rc;
}

static void test_refusals(void **state)
{
	struct daemon cases[] = {
		{.text = {"{\"status\":\"refused\",\"reason\":\"too many\"}\n"}},
		{.text = {""}},
		{.text = {"{\"status\":\"ok\",\"result\":{"}},
		{.silent = true},
	};
	static const char *const reasons[] = {"too many", "cut short", "cut short",
					      "no answer within 5 seconds"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *why = NULL;

		assert_int_equal(ask(&cases[i], &why), CTL_REFUSED);
		assert_non_null(why);
		if (!strstr(why, reasons[i]))
			fail_msg("%zu: %s", i, why);
		g_free(why);
	}
}

/* Longer than its patience in all, but never silent for so long. */
static void test_progress(void **state)
{
	struct daemon d = {.text = {"{\"status\":\"ok\",\"result\":[\n{\"a\":1}\n", "\n",
				    "],\"total\":1,\"shown\":1}\n"},
			   .pause_ms = 2000};
	char *why = NULL;

	(void)state;
	assert_int_equal(ask(&d, &why), CTL_DONE);
	assert_null(why);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
