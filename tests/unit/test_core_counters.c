/* SPDX-License-Identifier: ISC */
/* links: sandwich/slowpath/memory.c */
/* A plain frame is counted once, and readers see it everywhere: received, sent, reason, device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/counters.h"
#include "sandwich/slowpath/memory.h"

static void test_fold(void **state)
{
	struct counters *sum = calloc(1, sizeof(*sum));
	struct memory *m;
	struct tables t;

	(void)state;
	assert_int_equal(memory_new(&m, 1024, 1024, 1024), 0);
	memory_tables(m, 2, &t);
	counters_plain(t.counters, REASON_TO_DEVICE, 3, 200, 60);
	counters_plain(t.counters, REASON_TO_DEVICE_PINNED, 3, 200, 100);
	counters_plain(t.counters, REASON_TO_UPLINK, 3, 7, 1000);
	t.counters->rx[PORT_UPLINK]++; /* one that did not come by the express */
	t.counters->reason[PORT_UPLINK][REASON_NOT_IP]++;
	assert_int_equal(memory_received(m), 4);
	for (int again = 0; again < 2; again++) { /* reading changes nothing */
		memory_sum(m, sum);
		assert_int_equal(sum->rx[PORT_UPLINK], 3);
		assert_int_equal(sum->rx_bytes[PORT_UPLINK], 160);
		assert_int_equal(sum->reason[PORT_UPLINK][REASON_TO_DEVICE], 1);
		assert_int_equal(sum->reason[PORT_UPLINK][REASON_TO_DEVICE_PINNED], 1);
		assert_int_equal(sum->tx[3], 2);
		assert_int_equal(sum->tx_bytes[3], 160);
		assert_int_equal(sum->to_device[200].packets, 2);
		assert_int_equal(sum->to_device[200].bytes, 160);
		assert_int_equal(sum->rx[3], 1);
		assert_int_equal(sum->reason[3][REASON_TO_UPLINK], 1);
		assert_int_equal(sum->tx[PORT_UPLINK], 1);
		assert_int_equal(sum->from_device[7].packets, 1);
		assert_int_equal(sum->from_device[7].bytes, 1000);
		assert_int_equal(sum->passed[7], 1);
		assert_int_equal(sum->passed[200], 0);
	}
	memory_free(m);
	free(sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_fold)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
