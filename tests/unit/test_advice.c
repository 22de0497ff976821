/* SPDX-License-Identifier: ISC */
/* links: sandwich/run/advice.c */
/* What is warned of, and when nothing is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sandwich/control/ports.h"
#include "sandwich/run/advice.h"
#include "sandwich/run/secret.h"

const char *ports_name(const struct config_balancer *self, u8 index)
{
	return index ? g_ptr_array_index(self->farm, index - 1) : self->uplink;
}

unsigned int port_mtu(const struct port *p)
{
	(void)p;
	return 0;
}

bool secret_is_open(const char *path)
{
	(void)path;
	return false;
}

static void mtus(void **state)
{
	static const char *const names[] = {"eth0", "eth1", "eth2"};
	static const struct {
		unsigned int mtus[3], n;
		const char *says;
	} cases[] = {
		{{1500, 1500, 1500}, 3, NULL},
		{{9000, 1500, 9000}, 3,
		 "frames over 1500 bytes can't leave by eth1, and eth0 takes 9000: "
		 "give all ports and devices one MTU"},
		{{0, 1500, 1500}, 3, NULL}, /* a port that is gone */
		{{0, 9000, 1500}, 3,
		 "frames over 1500 bytes can't leave by eth2, and eth1 takes 9000: "
		 "give all ports and devices one MTU"},
		{{0, 0, 0}, 3, NULL},
		{{0, 0, 0}, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *text = advice_mtus(names, cases[i].mtus, cases[i].n);

		if (cases[i].says)
			assert_string_equal(text, cases[i].says);
		else
			assert_null(text);
		g_free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mtus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
