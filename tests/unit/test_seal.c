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

/* The seal of a link from SENDER's end; WINDOW sequences. */
static struct seal *make_link(uint32_t sender, uint32_t peer, uint32_t window)
{
	struct seal_link link = { secret, sizeof(secret), "sync", sender, peer, window };
	struct seal *s;

	assert_int_equal(seal_new_link(&s, &link), 0);
	return s;
}

static struct sealed close_in_place(struct seal *s, const char *text)
{
	struct sealed d;

	memcpy(d.data + SEAL_HEADER, text, strlen(text));
	d.length = seal_close_in_place(s, d.data, strlen(text));
	assert_int_equal(d.length, strlen(text) + SEAL_HEADER + SEAL_TAG);
	return d;
}

static enum seal_error open_in_place(struct seal *s, const struct sealed *d)
{
	struct sealed copy = *d;
	struct seal_opened opened;

	return seal_open_in_place(s, copy.data, copy.length, &opened);
}

/* Both suites, both ways; sizes around the blocks of the ciphers. */
static void test_link_round_trip(void **state)
{
	const unsigned int suites[] = { SEAL_XCHACHA20, seal_suites() };

	(void)state;
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct seal *a = make_link(1, 2, 64), *b = make_link(2, 1, 64);

		seal_use(a, suites[i]);
		for (size_t length = 0; length < 256; length++) {
			struct sealed d = { .length = 0 };
			struct seal_opened opened;

			memset(d.data + SEAL_HEADER, (int)length, length);
			d.length = seal_close_in_place(a, d.data, length);
			assert_int_equal(d.data[5], suites[i] & SEAL_AES256GCM ? 2 : 1);
			assert_int_equal(seal_open_in_place(b, d.data, d.length, &opened), SEAL_OK);
			assert_ptr_equal(opened.message, d.data + SEAL_HEADER);
			assert_int_equal(opened.size, length);
			assert_int_equal(opened.sequence, length + 1);
			assert_int_equal(opened.sender, 1);
			for (size_t k = 0; k < length; k++)
				assert_int_equal(opened.message[k], length);
		}
		seal_free(a);
		seal_free(b);
	}
}

/* Shown to another, turned round, of another context, of a suite that is not there. */
static void test_link_refused(void **state)
{
	struct seal *a = make_link(1, 2, 64), *b = make_link(2, 1, 64);
	struct seal *third = make_link(3, 1, 64), *path = make(2), *back = make_link(1, 2, 64);
	struct sealed d, bad;

	(void)state;
	for (unsigned int suite = SEAL_XCHACHA20; suite <= SEAL_AES256GCM; suite *= 2) {
		enum seal_error elsewhere = suite & seal_suites() & SEAL_AES256GCM ? SEAL_FOREIGN :
										     SEAL_FORGED;

		seal_use(a, suite);
		d = close_in_place(a, "for 2 alone");
		assert_int_equal(open_in_place(third, &d), SEAL_FORGED);
		assert_int_equal(open_in_place(back, &d), SEAL_FOREIGN);
		assert_int_equal(open_it(path, &d), elsewhere);
		for (size_t i = 0; i < d.length; i++) {
			bad = d;
			bad.data[i] ^= 0x10;
			assert_int_not_equal(open_in_place(b, &bad), SEAL_OK);
		}
		assert_int_equal(open_in_place(b, &d), SEAL_OK);
		assert_int_equal(open_in_place(b, &d), SEAL_REPLAYED);
	}
	seal_free(a);
	seal_free(b);
	seal_free(third);
	seal_free(path);
	seal_free(back);
}

/* The window is as wide as was asked for, and what was refused is counted for its reason. */
static void test_link_window(void **state)
{
	static const uint32_t windows[] = { 64, 65536 };

	(void)state;
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		uint32_t window = windows[i];
		struct seal *a = make_link(1, 2, window), *b = make_link(2, 1, window);
		struct sealed first = close_in_place(a, "1"), second = close_in_place(a, "2"), d;
		struct seal_counts counts;

		for (uint32_t k = 3; k <= window + 1; k++)
			d = close_in_place(a, "n");
		assert_int_equal(open_in_place(b, &d), SEAL_OK);
		assert_int_equal(open_in_place(b, &first), SEAL_REPLAYED); /* too old */
		assert_int_equal(open_in_place(b, &second), SEAL_OK);
		assert_int_equal(open_in_place(b, &second), SEAL_REPLAYED);
		d.length = 10;
		assert_int_equal(open_in_place(b, &d), SEAL_SHORT);
		seal_read_counts(b, &counts);
		assert_int_equal(counts.result[SEAL_OK], 2);
		assert_int_equal(counts.result[SEAL_REPLAYED], 2);
		assert_int_equal(counts.seen, 1);
		assert_int_equal(counts.result[SEAL_SHORT], 1);
		seal_free(a);
		seal_free(b);
	}
}

/* Keys are an incarnation's own; a forged newer one changes nothing. */
static void test_link_incarnations(void **state)
{
	struct seal *old = make_link(1, 2, 64), *b = make_link(2, 1, 64), *new;
	struct sealed first, second, third, forged;

	(void)state;
	seal_use(old, seal_suites());
	first = close_in_place(old, "1");
	second = close_in_place(old, "2");
	new = make_link(1, 2, 64);
	seal_use(new, seal_suites());
	third = close_in_place(new, "3");
	assert_int_equal(open_in_place(b, &first), SEAL_OK);
	forged = third;
	forged.data[forged.length - 1] ^= 1;
	assert_int_equal(open_in_place(b, &forged), SEAL_FORGED);
	forged = second;
	memcpy(forged.data + 12, third.data + 12, 8); /* the incarnation alone */
	assert_int_equal(open_in_place(b, &forged), SEAL_FORGED);
	assert_int_equal(open_in_place(b, &second), SEAL_OK);
	assert_int_equal(open_in_place(b, &third), SEAL_OK);
	second = close_in_place(old, "4");
	assert_int_equal(open_in_place(b, &second), SEAL_REPLAYED);
	seal_free(old);
	seal_free(new);
	seal_free(b);
}

/* The same text gives other bytes each time: no nonce comes twice under a key. */
static void test_link_nonces(void **state)
{
	static const char text[] = "the same text, of two blocks and more";
	const unsigned int suites[] = { SEAL_XCHACHA20, seal_suites() };

	(void)state;
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct seal *s[] = { make_link(1, 2, 64), make_link(2, 1, 64),
				     make_link(1, 2, 64) };
		struct sealed d[6];

		for (size_t k = 0; k < 6; k++) {
			seal_use(s[k % 3], suites[i]);
			d[k] = close_in_place(s[k % 3], text);
			for (size_t j = 0; j < k; j++)
				assert_memory_not_equal(d[j].data + SEAL_HEADER,
							d[k].data + SEAL_HEADER, sizeof(text) - 1);
		}
		for (size_t k = 0; k < 3; k++)
			seal_free(s[k]);
	}
}

static void test_link_setup(void **state)
{
	static const struct seal_link rows[] = {
		{ secret, 0, "sync", 1, 2, 64 },  { secret, 4, "sync", 1, 1, 64 },
		{ secret, 4, "sync", 1, 0, 64 },  { secret, 4, "sync", 1, 2, 32 },
		{ secret, 4, "sync", 1, 2, 100 },
	};
	struct seal *s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(seal_new_link(&s, &rows[i]), -EINVAL);
		assert_null(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_refused),	     cmocka_unit_test(test_no_secret),
		cmocka_unit_test(test_window),	     cmocka_unit_test(test_incarnations),
		cmocka_unit_test(test_senders),	     cmocka_unit_test(test_link_round_trip),
		cmocka_unit_test(test_link_refused), cmocka_unit_test(test_link_window),
		cmocka_unit_test(test_link_incarnations),
		cmocka_unit_test(test_link_nonces),  cmocka_unit_test(test_link_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
