/* links: sandwich/slowpath/links.c */
/* SPDX-License-Identifier: ISC */
/* News of interfaces, by the kernel itself: in a namespace of the test's own. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "sandwich/slowpath/links.h"

#define WAIT_US 3000000

static void on_changed(void *user)
{
	unsigned int *told = user;

	++*told;
}

static void run(const char *commands)
{
	if (system(commands))
		fail_msg("%s", commands);
}

/* Runs the main loop until something was told; false: nothing was, in time. */
static bool is_told(unsigned int *told)
{
	gint64 end = g_get_monotonic_time() + WAIT_US;

	while (!*told && g_get_monotonic_time() < end)
		if (!g_main_context_iteration(NULL, FALSE))
			g_usleep(1000);
	while (g_main_context_iteration(NULL, FALSE))
		;
	return *told > 0;
}

static void changes_are_told(void **state)
{
	static const char *const changes[] = {
		"ip link add name a type veth peer name b",
		"ip link set dev a up; ip link set dev b up",
		"ip link set dev b down", /* a's carrier goes with it */
		"ip link set dev a mtu 1400",
		"ip link del dev a",
	};
	unsigned int told = 0;
	struct links *links;

	(void)state;
	assert_int_equal(links_open(&links, on_changed, &told), 0);
	assert_false(g_main_context_iteration(NULL, FALSE));
	for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
		told = 0;
		run(changes[i]);
		if (!is_told(&told))
			fail_msg("not told: %s", changes[i]);
	}
	links_close(links);
	assert_false(g_main_context_pending(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_told),
	};

	if (geteuid() || unshare(CLONE_NEWNET)) {
		print_message("SKIP: needs root, for a network namespace\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
