/* links: sync/seal.c */
/* SPDX-License-Identifier: ISC */
/* Sealed datagrams: only what a holder of the secret sealed opens, and once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sync/seal.h"

#define WINDOW 2048

static const uint8_t secret[] = "a secret of some length";

struct sealed {
	uint8_t data[256 + SEAL_OVERHEAD];
	size_t length;
};

static struct seal *make_of(const char *text, const char *context, uint32_t sender)
{
	struct seal *s;

	assert_int_equal(seal_new(&s, (const uint8_t *)text, strlen(text), context, sender), 0);
	return s;
}

static struct seal *make(uint32_t sender)
{
	return make_of((const char *)secret, "path", sender);
}

static struct sealed close_text(struct seal *s, const char *text)
{
	struct sealed d;

	d.length = seal_close(s, d.data, (const uint8_t *)text, strlen(text));
	assert_true(d.length <= strlen(text) + SEAL_OVERHEAD);
	return d;
}

static enum seal_error open_it(struct seal *s, const struct sealed *d)
{
	uint8_t out[sizeof(d->data)];
	uint32_t sender;
	size_t size;

	return seal_open(s, d->data, d->length, out, &size, &sender);
}

static void test_round_trip(void **state)
{
	static const char *const texts[] = { "", "x", "a longer message, with some content" };
	struct seal *a = make(1), *b = make(2);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sealed d = close_text(a, texts[i]);
		uint8_t out[sizeof(d.data)];
		uint32_t sender;
		size_t size;

		assert_int_equal(seal_open(b, d.data, d.length, out, &size, &sender), SEAL_OK);
		assert_int_equal(size, strlen(texts[i]));
		assert_memory_equal(out, texts[i], size);
		assert_int_equal(sender, 1);
		assert_int_equal(open_it(b, &d), SEAL_REPLAYED);
	}
	seal_free(a);
	seal_free(b);
}

static void test_every_byte_counts(void **state)
{
	struct seal *a = make(1), *b = make(2);
	struct sealed d = close_text(a, "all of it is authenticated");

	(void)state;
	for (size_t i = 0; i < d.length; i++)
		for (int bit = 0; bit < 8; bit++) {
			struct sealed bad = d;

			bad.data[i] ^= (uint8_t)(1 << bit);
			assert_int_not_equal(open_it(b, &bad), SEAL_OK);
		}
	for (size_t length = 0; length < d.length; length++) {
		struct sealed bad = d;

		bad.length = length;
		assert_int_not_equal(open_it(b, &bad), SEAL_OK);
	}
	assert_int_equal(open_it(b, &d), SEAL_OK); /* and nothing of that has spoilt the true one */
	seal_free(a);
	seal_free(b);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *context;
		uint32_t sender;
		enum seal_error error;
	} cases[] = {
		{"a secret of some length", "path", 1, SEAL_OK},
		{"another secret", "path", 1, SEAL_FORGED},
		{"a secret of some length", "sync", 1, SEAL_FORGED},
		{"a secret of some length", "path", 2,
		 SEAL_FOREIGN}, /* the receiver's own, reflected */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seal *a = make_of(cases[i].text, cases[i].context, cases[i].sender),
			    *b = make(2);
		struct sealed d = close_text(a, "hello");

		assert_int_equal(open_it(b, &d), cases[i].error);
		seal_free(a);
		seal_free(b);
	}
}

static void test_no_secret(void **state)
{
	struct seal *s;

	(void)state;
	assert_int_equal(seal_new(&s, secret, 0, "path", 1), -EINVAL);
	assert_null(s);
}

/* Sealed in order, opened in the order of the rows. */
static void test_window(void **state)
{
	static const struct {
		int index;
		enum seal_error error;
	} rows[] = {
		{0, SEAL_OK},
		{2, SEAL_OK},
		{1, SEAL_OK},
		{1, SEAL_REPLAYED},
		{0, SEAL_REPLAYED},
		{WINDOW + 2, SEAL_OK},
		{2, SEAL_REPLAYED},
		{3, SEAL_OK},
		{3, SEAL_REPLAYED},
		{4, SEAL_OK},
		{WINDOW + 1, SEAL_OK},
		{WINDOW + 1, SEAL_REPLAYED},
		{3 * WINDOW, SEAL_OK},
		{WINDOW + 3, SEAL_REPLAYED},
		{2 * WINDOW, SEAL_REPLAYED},
		{2 * WINDOW + 1, SEAL_OK},
		{3 * WINDOW, SEAL_REPLAYED},
		{3 * WINDOW - 1, SEAL_OK},
	};
	struct sealed *d = calloc(3 * WINDOW + 1, sizeof(*d));
	struct seal *a = make(1), *b = make(2);

	(void)state;
	for (int i = 0; i <= 3 * WINDOW; i++)
		d[i] = close_text(a, "n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(open_it(b, &d[rows[i].index]), rows[i].error);
	free(d);
	seal_free(a);
	seal_free(b);
}

/* A newer start of the same sender replaces the older one, for good. */
static void test_incarnations(void **state)
{
	struct seal *old = make(1), *b = make(2), *new;
	struct sealed first = close_text(old, "1"), second = close_text(old, "2"), third, forged;

	(void)state;
	new = make(1);
	third = close_text(new, "3");
	assert_int_equal(open_it(b, &first), SEAL_OK);
	forged = third;
	forged.data[forged.length - 1] ^= 1;
	assert_int_equal(open_it(b, &forged), SEAL_FORGED);
	assert_int_equal(open_it(b, &second), SEAL_OK); /* a forged one replaces nothing */
	assert_int_equal(open_it(b, &third), SEAL_OK);
	assert_int_equal(open_it(b, &third), SEAL_REPLAYED);
	second = close_text(old, "4");
	assert_int_equal(open_it(b, &second), SEAL_REPLAYED);
	seal_free(old);
	seal_free(new);
	seal_free(b);
}

/* More senders than are remembered: each is heard, and its own repetition is not. */
static void test_senders(void **state)
{
	struct seal *b = make(1000);

	(void)state;
	for (int round = 0; round < 3; round++)
		for (uint32_t sender = 1; sender < 80; sender++) {
			struct seal *a = make(sender);
			struct sealed d = close_text(a, "hello");

			assert_int_equal(open_it(b, &d), SEAL_OK);
			assert_int_equal(open_it(b, &d), SEAL_REPLAYED);
			seal_free(a);
		}
	seal_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_refused),	     cmocka_unit_test(test_no_secret),
		cmocka_unit_test(test_window),	     cmocka_unit_test(test_incarnations),
		cmocka_unit_test(test_senders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
