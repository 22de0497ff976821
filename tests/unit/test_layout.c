/* SPDX-License-Identifier: ISC */
/* links: sandwich/fastpath/layout.c */
/* The record of what pinned tables look like: made, compared, and read from anybody. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/fastpath/layout.h"

static struct layout *two_maps(u32 slots)
{
	struct layout *l = malloc(sizeof(*l));

	assert_non_null(l);
	layout_init(l);
	assert_int_equal(layout_add_map(l, "sessions", 2, 64, slots), 0);
	assert_int_equal(layout_add_field(l, "version", 0, 4), 0);
	assert_int_equal(layout_add_field(l, "key.outside", 8, 16), 0);
	assert_int_equal(layout_add_map(l, "devices", 2, 61, 256), 0);
	assert_int_equal(layout_add_field(l, "hop", 0, 8), 0);
	return l;
}

static void finds_what_was_added(void **state)
{
	struct layout *l = two_maps(1024);
	const struct layout_map *m = layout_map(l, "devices");

	(void)state;
	assert_int_equal(layout_check(l), 0);
	assert_non_null(m);
	assert_int_equal(layout_stride(m), 64); /* eight-byte aligned */
	assert_int_equal(layout_bytes(m), 64 * 256);
	assert_int_equal(layout_field(l, m, "hop")->size, 8);
	assert_int_equal(layout_add_map(l, "stamps", LAYOUT_ONE_VALUE | 2, 1, 65536), 0);
	assert_int_equal(layout_bytes(layout_map(l, "stamps")), 65536);
	assert_null(layout_field(l, m, "version")); /* another map's */
	assert_int_equal(layout_field(l, layout_map(l, "sessions"), "key.outside")->offset, 8);
	assert_null(layout_map(l, "pins"));
	assert_null(layout_field(l, NULL, "hop"));
	free(l);
}

static void same_to_the_last_byte(void **state)
{
	struct layout *a = two_maps(1024), *b = two_maps(1024), *c = two_maps(2048);

	(void)state;
	assert_true(layout_same(a, b, "sessions"));
	assert_false(layout_same(a, b, "pins"));
	assert_false(layout_same(a, c, "sessions")); /* its size is another */
	assert_true(layout_same(a, c, "devices"));
	b->field[1].offset = 12;
	assert_false(layout_same(a, b, "sessions"));
	assert_true(layout_same(a, b, "devices"));
	c->meaning++; /* the same bytes, read otherwise */
	assert_false(layout_same(a, c, "devices"));
	free(a);
	free(b);
	free(c);
}

static void has_room_for_so_many(void **state)
{
	struct layout *l = two_maps(1024);
	char name[64];
	int rc = 0;

	(void)state;
	assert_int_equal(layout_add_map(l, "a_name_of_16_byte", 2, 4, 1), -ENAMETOOLONG);
	memset(name, 'x', sizeof(name));
	name[LAYOUT_NAME] = 0;
	assert_int_equal(layout_add_field(l, name, 0, 1), -ENAMETOOLONG);
	for (u32 i = 0; i <= LAYOUT_FIELDS && !rc; i++)
		rc = layout_add_field(l, "field", 0, 1);
	assert_int_equal(rc, -ENOSPC);
	for (u32 i = rc = 0; i <= LAYOUT_MAPS && !rc; i++)
		rc = layout_add_map(l, "map", 2, 4, 1);
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(layout_check(l), 0);
	free(l);
}

/* Each changes a sound record into one that would lead astray. */
static void not_one(struct layout *l) { l->magic++; }
static void newer_form(struct layout *l) { l->form++; }
static void too_many_maps(struct layout *l) { l->maps = LAYOUT_MAPS + 1; }
static void too_many_fields(struct layout *l) { l->fields = LAYOUT_FIELDS + 1; }
static void field_beyond_value(struct layout *l) { l->field[1].offset = 49; }
static void field_around_zero(struct layout *l) { l->field[1].offset = 0xfffffff8u; }
static void field_too_large(struct layout *l) { l->field[2].size = 62; }
static void fields_beyond_end(struct layout *l) { l->map[1].first = 3; }
static void fields_around_zero(struct layout *l) { l->map[1].first = 0xffffffffu; }
static void name_without_end(struct layout *l) { memset(l->map[0].name, 'x', 16); }
static void field_without_name(struct layout *l) { l->field[0].name[0] = 0; }

static void believes_no_record_blindly(void **state)
{
	static const struct {
		void (*spoil)(struct layout *l);
		int want;
	} cases[] = {
		{not_one, -EPROTO},
		{newer_form, -EPROTO},
		{too_many_maps, -EINVAL},
		{too_many_fields, -EINVAL},
		{field_beyond_value, -EINVAL},
		{field_around_zero, -EINVAL},
		{field_too_large, -EINVAL},
		{fields_beyond_end, -EINVAL},
		{fields_around_zero, -EINVAL},
		{name_without_end, -EINVAL},
		{field_without_name, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct layout *l = two_maps(64);

		cases[i].spoil(l);
		assert_int_equal(layout_check(l), cases[i].want);
		free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added),
		cmocka_unit_test(same_to_the_last_byte),
		cmocka_unit_test(has_room_for_so_many),
		cmocka_unit_test(believes_no_record_blindly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
