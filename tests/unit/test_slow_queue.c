/* links: sandwich/slowpath/slow_queue.c */
/* SPDX-License-Identifier: ISC */
/* The ring between the data thread and the main thread: order, fullness, and when the reader is
 * told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>

#include "sandwich/slowpath/slow_queue.h"

#define QUEUE_SLOTS 8
#define QUEUE_MANY  200000u

static int queue_setup(void **state)
{
	struct slow_queue *q;

	if (slow_queue_new(&q, QUEUE_SLOTS))
		return -1;
	*state = q;
	return 0;
}

static int queue_teardown(void **state)
{
	slow_queue_free(*state);
	return 0;
}

static bool queue_put(struct slow_queue *q, u32 n)
{
	struct work w;

	memset(&w, 0, sizeof(w));
	w.now = n;
	return slow_queue_push(q, &w, (const u8 *)&n, sizeof(n));
}

/* The next frame's number; ~0: none. */
static u32 queue_get(struct slow_queue *q)
{
	const struct slow_frame *frame = slow_queue_peek(q);
	u32 n;

	if (!frame)
		return ~0u;
	assert_int_equal(frame->length, sizeof(n));
	memcpy(&n, frame->data, sizeof(n));
	assert_int_equal(frame->work.now, n);
	slow_queue_pop(q);
	return n;
}

static bool queue_readable(const struct slow_queue *q)
{
	struct pollfd fd = {.fd = slow_queue_fd(q), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

static void test_keeps_order(void **state)
{
	struct slow_queue *q = *state;

	for (u32 n = 0; n < 100; n += 3) {
		for (u32 i = 0; i < 3; i++)
			assert_true(queue_put(q, n + i));
		for (u32 i = 0; i < 3; i++)
			assert_int_equal(queue_get(q), n + i);
	}
	assert_int_equal(queue_get(q), ~0u);
}

static void test_refuses_when_full(void **state)
{
	struct slow_queue *q = *state;

	for (u32 n = 0; n < QUEUE_SLOTS; n++)
		assert_true(queue_put(q, n));
	assert_false(queue_put(q, 99));
	assert_int_equal(queue_get(q), 0);
	assert_true(queue_put(q, QUEUE_SLOTS));
	assert_false(queue_put(q, 99));
	for (u32 n = 1; n <= QUEUE_SLOTS; n++)
		assert_int_equal(queue_get(q), n);
}

static void test_cuts_what_is_longer_than_any_frame(void **state)
{
	static u8 data[PORT_FRAME_MAX + 100];
	struct slow_queue *q = *state;
	struct work w;

	memset(&w, 0, sizeof(w));
	assert_true(slow_queue_push(q, &w, data, sizeof(data)));
	assert_int_equal(slow_queue_peek(q)->length, PORT_FRAME_MAX);
}

static void test_tells_once_a_batch(void **state)
{
	struct slow_queue *q = *state;

	slow_queue_wake(q);
	assert_false(queue_readable(q)); /* nothing was put in */
	queue_put(q, 1);
	queue_put(q, 2);
	assert_false(queue_readable(q));
	slow_queue_wake(q);
	assert_true(queue_readable(q));
	slow_queue_hear(q);
	assert_false(queue_readable(q));
	slow_queue_wake(q);
	assert_false(queue_readable(q)); /* told already */
	slow_queue_signal(q);
	assert_true(queue_readable(q));
}

static void *queue_write(void *arg)
{
	for (u32 n = 0; n < QUEUE_MANY;)
		if (queue_put(arg, n))
			n++;
	return NULL;
}

static void test_two_threads(void **state)
{
	struct slow_queue *q = *state;
	pthread_t writer;
	u32 got;

	assert_int_equal(pthread_create(&writer, NULL, queue_write, q), 0);
	for (u32 n = 0; n < QUEUE_MANY;) {
		got = queue_get(q);
		if (got == ~0u)
			continue;
		assert_int_equal(got, n);
		n++;
	}
	pthread_join(writer, NULL);
}

#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(test_keeps_order),
		QUEUE_TEST(test_refuses_when_full),
		QUEUE_TEST(test_cuts_what_is_longer_than_any_frame),
		QUEUE_TEST(test_tells_once_a_batch),
		QUEUE_TEST(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
